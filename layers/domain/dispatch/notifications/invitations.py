"""Bookings as files for calendars (iCalendar, RFC 5545; how they are told: iTIP, RFC 5546).

Whatever is told of a booking has the same UID, and whatever is told later a higher SEQUENCE: so
each replaces what came before, also where mails overtake one another. The file is made of the
ledger's entry and whom it goes to, so that a mail which is sent again carries the same one.
icalendar is imported with the first invitation, not at every cold start.
"""

from urllib.parse import quote

from dispatch.core.time import parse_time
from dispatch.notifications.model import Entry, Invitation, InvitationMethod, NoticeType, Side
from dispatch.notifications.rules import greeting_name
from dispatch.notifications.texts import said

_METHODS = {
    NoticeType.SESSION_SCHEDULED: InvitationMethod.REQUEST,
    NoticeType.SESSION_RESCHEDULED: InvitationMethod.REQUEST,
    NoticeType.SESSION_CANCELLED: InvitationMethod.CANCEL,
}
FILE_NAME = "invitation.ics"


def has_invitation(entry: Entry) -> bool:
    """Whether a calendar is to know of it. What was cancelled unbooked never stood in one."""
    return entry.type in _METHODS and "booking_version" in entry.data


def invitation_of(
    entry: Entry, *, organizer: str, attendee: str, mechanic_name: str | None
) -> Invitation:
    """The booking that an entry tells of. Of the other side it names the mechanic at most."""
    from icalendar import Calendar, Event, vCalAddress

    method, data = _METHODS[entry.type], entry.data
    is_off = method is InvitationMethod.CANCEL
    event = Event()
    event.add("uid", data["session_id"])
    event.add("sequence", int(data["booking_version"]) - 1)
    event.add("dtstamp", entry.created_at)
    event.add("dtstart", parse_time(data["scheduled_start"]))
    if "scheduled_end" in data:
        event.add("dtend", parse_time(data["scheduled_end"]))
    event.add("status", "CANCELLED" if is_off else "CONFIRMED")
    summary, description = _words(entry, greeting_name(mechanic_name))
    event.add("summary", summary)
    event.add("description", description)
    event.add("organizer", vCalAddress(_mailto(organizer)), parameters={"CN": "Dispatch"})
    # They have agreed by booking, or by offering the time: nobody is asked, no answer is waited for
    event.add(
        "attendee",
        vCalAddress(_mailto(attendee)),
        parameters={"ROLE": "REQ-PARTICIPANT", "PARTSTAT": "ACCEPTED", "RSVP": "FALSE"},
    )
    calendar = Calendar()
    calendar.add("prodid", "-//Dispatch//Bookings//EN")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    calendar.add_component(event)
    return Invitation(method=method, content=calendar.to_ical())


def _words(entry: Entry, mechanic: str) -> tuple[str, str]:
    wording = "invitation"
    if entry.side is Side.MECHANIC or mechanic:
        wording = f"invitation.{entry.side}"
    words = {"mechanic": mechanic, "session_id": entry.data["session_id"]}
    return said(wording, entry.language, words)


def _mailto(address: str) -> str:
    """An address as a URI (RFC 6068): what means something in one is written in percents."""
    return "mailto:" + quote(address, safe="@!$*'+/=~")
