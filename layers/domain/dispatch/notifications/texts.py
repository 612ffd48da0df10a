"""What notices say, in English and French: one declarative table. Pure.

A wording is the notice's type, with what the words depend on behind a dot; where there are no
words for that, those of the type alone are taken. ``{...}`` are the notice's ``words``; ``{when}``
is the start of a booking.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from dispatch.calendar.rules import find_zone
from dispatch.notifications.model import Language


class Text(NamedTuple):
    title: str
    body: str


ENGLISH: Mapping[str, Text] = {
    "offer_made": Text("New session for you", "{what}"),
    "offer_made.urgent": Text("Urgent session for you", "{what}"),
    "broadcast_announced": Text("A driver is waiting for a mechanic", "{what}"),
    "offer_accepted": Text(
        "We have found you a mechanic", "They join within a few minutes. You can be there already."
    ),
    "mechanic_joined": Text(
        "Your mechanic is here", "Join within {minutes} min, or the session is closed."
    ),
    "offer_released": Text(
        "We are finding you another mechanic", "Your mechanic had to give the session back."
    ),
    "offer_released.reassigned": Text(
        "We are finding you another mechanic", "Your mechanic cannot take the session any more."
    ),
    "session_reassigned": Text(
        "A session was taken from you", "It goes to another mechanic. You are free again."
    ),
    "mechanic_not_joined.customer": Text(
        "We are finding you another mechanic", "Your mechanic did not come in time."
    ),
    "mechanic_not_joined.mechanic": Text(
        "You have lost the session", "You did not join in time. Others are asked now."
    ),
    "preferred_passed_over": Text(
        "We are asking other mechanics", "The mechanic you asked for cannot take your session."
    ),
    "preferred_passed_over.not_eligible": Text(
        "We are asking other mechanics",
        "The mechanic you asked for does not take sessions like yours.",
    ),
    "preferred_passed_over.off_shift": Text(
        "We are asking other mechanics", "The mechanic you asked for is off shift."
    ),
    "preferred_passed_over.at_capacity": Text(
        "We are asking other mechanics", "The mechanic you asked for is busy with another session."
    ),
    "preferred_passed_over.declined": Text(
        "We are asking other mechanics", "The mechanic you asked for could not take your session."
    ),
    "preferred_passed_over.expired": Text(
        "We are asking other mechanics", "The mechanic you asked for did not answer in time."
    ),
    "preferred_passed_over.clocked_out": Text(
        "We are asking other mechanics", "The mechanic you asked for has just gone off shift."
    ),
    "preferred_passed_over.undeliverable": Text(
        "We are asking other mechanics", "The mechanic you asked for cannot be reached."
    ),
    "all_offline": Text(
        "All mechanics are off shift",
        "Your request stays open. You can also book a time, look at mechanics who are off shift, "
        "or be told when one comes online.",
    ),
    "session_unfilled": Text(
        "Nobody could take your session",
        "All you paid is given back. You can book a time, look at mechanics who are off shift, "
        "or be told when one comes online.",
    ),
    "customer_not_joined.customer": Text(
        "You missed your session", "Your mechanic waited for you. The session is closed."
    ),
    "customer_not_joined.mechanic": Text(
        "The customer did not come", "The session is closed, and you are free again."
    ),
    "customer_not_joined.customer_elsewhere": Text(
        "You missed your booked session",
        "You were in another session when it was to start. The booked one is closed.",
    ),
    "customer_not_joined.mechanic_elsewhere": Text(
        "The customer did not come", "Your booking is closed, and that time is free again."
    ),
    "session_cancelled.customer": Text(
        "Session cancelled", "It was not confirmed in time. Book again any time."
    ),
    "session_cancelled.customer_called_off": Text(
        "Session cancelled", "We had to call it off. All that you paid for it is given back."
    ),
    "session_cancelled.mechanic": Text(
        "Session cancelled", "The session was called off, and you are free again."
    ),
    "session_completed": Text("Session completed", "Thank you for using Dispatch."),
    "waitlist_told": Text(
        "A mechanic is there for you", "Book within {minutes} min to keep your place."
    ),
    "mechanic_clocked_out": Text("You are off shift", "Your shift has ended."),
    "mechanic_clocked_out.three_misses": Text(
        "You are off shift",
        "You missed several offers in a row. Clock in again when you are back.",
    ),
    "mechanic_clocked_out.twelve_hours": Text(
        "You are off shift",
        "Your shift was as long as one may be. Clock in again when you have rested.",
    ),
    "mechanic_clocked_out.finished": Text(
        "You are off shift", "Your last session has ended, and your shift with it."
    ),
    "session_scheduled.customer": Text("Your session is booked", "It starts on {when}."),
    "session_scheduled.mechanic": Text(
        "You have a new booking", "A session with a driver starts on {when}."
    ),
    "session_rescheduled.customer": Text("Your session has a new time", "It now starts on {when}."),
    "session_rescheduled.mechanic": Text(
        "A booking has a new time", "The session with a driver now starts on {when}."
    ),
    "session_reminder": Text("Your session starts soon", "It starts on {when}."),
    "session_reminder.24_h": Text("Your session starts in 24 hours", "It starts on {when}."),
    "session_reminder.1_h": Text("Your session starts in an hour", "It starts on {when}."),
    "session_reminder.15_min": Text("Your session starts in 15 minutes", "It starts on {when}."),
    "session_cancelled.customer_booking": Text(
        "Your booking is cancelled",
        "The session on {when} was called off. You get back {percent}% of what you paid.",
    ),
    "session_cancelled.customer_own_booking": Text(
        "You have cancelled your booking",
        "The session on {when} is called off. You get back {percent}% of what you paid.",
    ),
    "session_cancelled.mechanic_booking": Text(
        "A booking is cancelled", "The session on {when} was called off. Your time is free again."
    ),
    "session_cancelled.mechanic_own_booking": Text(
        "You have cancelled a booking",
        "The session on {when} is called off. The driver gets back {percent}% of the price.",
    ),
    "booking_delayed.customer": Text(
        "It is time for your booked session",
        "End the session you are in and come, or the booked one is closed.",
    ),
    "booking_delayed.mechanic": Text(
        "Urgent: a driver is expecting you",
        "Your booking has begun. Be on shift and free within {minutes} min, or others are asked.",
    ),
    "booking_began.customer": Text("Your session begins", "Your mechanic is called. Join now."),
    "booking_began.mechanic": Text(
        "Your booking begins", "Join within {minutes} min, or others are asked."
    ),
    "booking_clash.customer": Text(
        "Your mechanic has to go on soon",
        "Their next booking starts on {when}. Please come to an end by then.",
    ),
    "booking_clash.mechanic": Text(
        "Your next booking is near",
        "It starts on {when}. Please bring this session to an end by then.",
    ),
    "mechanic_approved": Text(
        "You are approved", "Welcome. Clock in when you are ready for your first session."
    ),
    "mechanic_suspended": Text(
        "Your account is suspended", "You get no sessions for now. What is live, you can finish."
    ),
    "mechanic_reinstated": Text(
        "Your account is active again", "Clock in when you are ready for sessions."
    ),
    # Not notices: what stands in a calendar.
    "invitation": Text("Dispatch session", "Join it in the Dispatch app. Session: {session_id}"),
    "invitation.customer": Text(
        "Dispatch session with {mechanic}", "Join it in the Dispatch app. Session: {session_id}"
    ),
    "invitation.mechanic": Text(
        "Dispatch session with a driver", "Join it in the Dispatch app. Session: {session_id}"
    ),
}

FRENCH: Mapping[str, Text] = {
    "offer_made": Text("Une session pour vous", "{what}"),
    "offer_made.urgent": Text("Une session urgente pour vous", "{what}"),
    "broadcast_announced": Text("Un conducteur attend un mécanicien", "{what}"),
    "offer_accepted": Text(
        "Nous vous avons trouvé un mécanicien",
        "Il arrive dans quelques minutes. Vous pouvez déjà rejoindre la session.",
    ),
    "mechanic_joined": Text(
        "Votre mécanicien est là",
        "Rejoignez la session dans les {minutes} min, sinon elle sera close.",
    ),
    "offer_released": Text(
        "Nous vous cherchons un autre mécanicien", "Votre mécanicien a dû rendre la session."
    ),
    "offer_released.reassigned": Text(
        "Nous vous cherchons un autre mécanicien",
        "Votre mécanicien ne peut plus prendre la session.",
    ),
    "session_reassigned": Text(
        "Une session vous a été retirée",
        "Elle est confiée à un autre mécanicien. Vous êtes de nouveau libre.",
    ),
    "mechanic_not_joined.customer": Text(
        "Nous vous cherchons un autre mécanicien", "Votre mécanicien n'est pas venu à temps."
    ),
    "mechanic_not_joined.mechanic": Text(
        "Vous avez perdu la session",
        "Vous ne l'avez pas rejointe à temps. Elle est offerte à d'autres.",
    ),
    "preferred_passed_over": Text(
        "Nous demandons à d'autres mécaniciens",
        "Le mécanicien que vous avez choisi ne peut pas prendre votre session.",
    ),
    "preferred_passed_over.not_eligible": Text(
        "Nous demandons à d'autres mécaniciens",
        "Le mécanicien que vous avez choisi ne prend pas de sessions comme la vôtre.",
    ),
    "preferred_passed_over.off_shift": Text(
        "Nous demandons à d'autres mécaniciens",
        "Le mécanicien que vous avez choisi n'est pas en service.",
    ),
    "preferred_passed_over.at_capacity": Text(
        "Nous demandons à d'autres mécaniciens",
        "Le mécanicien que vous avez choisi est occupé par une autre session.",
    ),
    "preferred_passed_over.declined": Text(
        "Nous demandons à d'autres mécaniciens",
        "Le mécanicien que vous avez choisi n'a pas pu prendre votre session.",
    ),
    "preferred_passed_over.expired": Text(
        "Nous demandons à d'autres mécaniciens",
        "Le mécanicien que vous avez choisi n'a pas répondu à temps.",
    ),
    "preferred_passed_over.clocked_out": Text(
        "Nous demandons à d'autres mécaniciens",
        "Le mécanicien que vous avez choisi vient de terminer son service.",
    ),
    "preferred_passed_over.undeliverable": Text(
        "Nous demandons à d'autres mécaniciens",
        "Le mécanicien que vous avez choisi est injoignable.",
    ),
    "all_offline": Text(
        "Aucun mécanicien n'est en service",
        "Votre demande reste ouverte. Vous pouvez aussi réserver une heure, voir les mécaniciens "
        "hors service, ou être averti dès que l'un d'eux arrive.",
    ),
    "session_unfilled": Text(
        "Personne n'a pu prendre votre session",
        "Tout ce que vous avez payé vous est rendu. Vous pouvez réserver une heure, voir les "
        "mécaniciens hors service, ou être averti dès que l'un d'eux arrive.",
    ),
    "customer_not_joined.customer": Text(
        "Vous avez manqué votre session", "Votre mécanicien vous a attendu. La session est close."
    ),
    "customer_not_joined.mechanic": Text(
        "Le client n'est pas venu", "La session est close et vous êtes de nouveau libre."
    ),
    "customer_not_joined.customer_elsewhere": Text(
        "Vous avez manqué votre session réservée",
        "Vous étiez dans une autre session à l'heure de son début. La session réservée est close.",
    ),
    "customer_not_joined.mechanic_elsewhere": Text(
        "Le client n'est pas venu",
        "Votre réservation est close et ce temps est de nouveau libre.",
    ),
    "session_cancelled.customer": Text(
        "Session annulée",
        "Elle n'a pas été confirmée à temps. Réservez de nouveau quand vous voulez.",
    ),
    "session_cancelled.customer_called_off": Text(
        "Session annulée",
        "Nous avons dû l'annuler. Tout ce que vous avez payé vous est rendu.",
    ),
    "session_cancelled.mechanic": Text(
        "Session annulée", "La session a été annulée et vous êtes de nouveau libre."
    ),
    "session_completed": Text("Session terminée", "Merci d'avoir utilisé Dispatch."),
    "waitlist_told": Text(
        "Un mécanicien est là pour vous",
        "Réservez dans les {minutes} min pour garder votre place.",
    ),
    "mechanic_clocked_out": Text("Vous n'êtes plus en service", "Votre service est terminé."),
    "mechanic_clocked_out.three_misses": Text(
        "Vous n'êtes plus en service",
        "Vous avez manqué plusieurs offres de suite. Pointez de nouveau à votre retour.",
    ),
    "mechanic_clocked_out.twelve_hours": Text(
        "Vous n'êtes plus en service",
        "Votre service a atteint sa durée maximale. Pointez de nouveau après votre repos.",
    ),
    "mechanic_clocked_out.finished": Text(
        "Vous n'êtes plus en service",
        "Votre dernière session est terminée, et votre service avec elle.",
    ),
    "session_scheduled.customer": Text("Votre session est réservée", "Elle commence le {when}."),
    "session_scheduled.mechanic": Text(
        "Vous avez une nouvelle réservation",
        "Une session avec un conducteur commence le {when}.",
    ),
    "session_rescheduled.customer": Text(
        "Votre session a changé d'heure", "Elle commence désormais le {when}."
    ),
    "session_rescheduled.mechanic": Text(
        "Une réservation a changé d'heure",
        "La session avec un conducteur commence désormais le {when}.",
    ),
    "session_reminder": Text("Votre session commence bientôt", "Elle commence le {when}."),
    "session_reminder.24_h": Text(
        "Votre session commence dans 24 heures", "Elle commence le {when}."
    ),
    "session_reminder.1_h": Text(
        "Votre session commence dans une heure", "Elle commence le {when}."
    ),
    "session_reminder.15_min": Text(
        "Votre session commence dans 15 minutes", "Elle commence le {when}."
    ),
    "session_cancelled.customer_booking": Text(
        "Votre réservation est annulée",
        "La session du {when} a été annulée. {percent} % de ce que vous avez payé vous est rendu.",
    ),
    "session_cancelled.customer_own_booking": Text(
        "Vous avez annulé votre réservation",
        "La session du {when} est annulée. {percent} % de ce que vous avez payé vous est rendu.",
    ),
    "session_cancelled.mechanic_booking": Text(
        "Une réservation est annulée",
        "La session du {when} a été annulée. Ce temps est de nouveau libre.",
    ),
    "session_cancelled.mechanic_own_booking": Text(
        "Vous avez annulé une réservation",
        "La session du {when} est annulée. {percent} % du prix est rendu au conducteur.",
    ),
    "booking_delayed.customer": Text(
        "C'est l'heure de votre session réservée",
        "Terminez la session en cours et venez, sinon la session réservée sera close.",
    ),
    "booking_delayed.mechanic": Text(
        "Urgent : un conducteur vous attend",
        "Votre réservation a commencé. Soyez en service et libre dans les {minutes} min, sinon "
        "elle sera offerte à d'autres.",
    ),
    "booking_began.customer": Text(
        "Votre session commence", "Votre mécanicien est appelé. Rejoignez-la maintenant."
    ),
    "booking_began.mechanic": Text(
        "Votre réservation commence",
        "Rejoignez-la dans les {minutes} min, sinon elle sera offerte à d'autres.",
    ),
    "booking_clash.customer": Text(
        "Votre mécanicien devra bientôt vous quitter",
        "Sa prochaine réservation commence le {when}. Merci de conclure d'ici là.",
    ),
    "booking_clash.mechanic": Text(
        "Votre prochaine réservation approche",
        "Elle commence le {when}. Merci de conclure cette session d'ici là.",
    ),
    "mechanic_approved": Text(
        "Votre compte est approuvé",
        "Bienvenue. Pointez quand vous êtes prêt pour votre première session.",
    ),
    "mechanic_suspended": Text(
        "Votre compte est suspendu",
        "Vous ne recevez plus de sessions pour le moment. Vous pouvez terminer celle en cours.",
    ),
    "mechanic_reinstated": Text(
        "Votre compte est de nouveau actif", "Pointez quand vous êtes prêt pour des sessions."
    ),
    "invitation": Text(
        "Session Dispatch", "Rejoignez-la dans l'application Dispatch. Session : {session_id}"
    ),
    "invitation.customer": Text(
        "Session Dispatch avec {mechanic}",
        "Rejoignez-la dans l'application Dispatch. Session : {session_id}",
    ),
    "invitation.mechanic": Text(
        "Session Dispatch avec un conducteur",
        "Rejoignez-la dans l'application Dispatch. Session : {session_id}",
    ),
}

_BY_LANGUAGE = {Language.ENGLISH: ENGLISH, Language.FRENCH: FRENCH}


def said(wording: str, language: Language, words: Mapping[str, str]) -> Text:
    """Title and body in one language. What ``words`` hold is taken as it is, braces and all."""
    texts = _BY_LANGUAGE[language]
    text = texts.get(wording) or texts[wording.partition(".")[0]]
    return Text(text.title.format_map(words), text.body.format_map(words))


# Times of day


class _Names(NamedTuple):
    weekdays: tuple[str, ...]
    months: tuple[str, ...]


_NAMES = {
    Language.ENGLISH: _Names(
        tuple("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()),
        tuple(
            "January February March April May June July August September October November "
            "December".split()
        ),
    ),
    Language.FRENCH: _Names(
        tuple("lundi mardi mercredi jeudi vendredi samedi dimanche".split()),
        tuple(
            "janvier février mars avril mai juin juillet août septembre octobre novembre "
            "décembre".split()
        ),
    ),
}


def moment(instant: datetime, time_zone: str, language: Language) -> str:
    """Day and time by the clocks of a zone, which is named; of UTC, if there is no such zone.

    The offset stands beside the name: whoever lives elsewhere knows the one without the other.
    """
    zone = find_zone(time_zone)
    local = instant.astimezone(zone or UTC)
    offset = local.strftime("%z")
    shift = "" if offset == "+0000" else f"{offset[:3]}:{offset[3:5]}"
    named = f"{zone.key}, UTC{shift}" if zone and zone.key != "UTC" else "UTC"
    weekdays, months = _NAMES[language]
    weekday, month = weekdays[local.weekday()], months[local.month - 1]
    if language is Language.FRENCH:
        day = "1er" if local.day == 1 else str(local.day)
        return f"{weekday} {day} {month} à {local.hour} h {local.minute:02} ({named})"
    return f"{weekday}, {month} {local.day} at {local:%H:%M} ({named})"
