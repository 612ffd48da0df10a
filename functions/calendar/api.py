"""HTTP: when mechanics work, what is booked of it, and which slots are left."""

from typing import Annotated

from dispatch.calendar import service
from dispatch.calendar.model import TimeOff
from dispatch.calendar.requests import AvailabilityBody, SlotsParameters, TimeOffBody
from dispatch.calendar.views import AvailabilityView, BookingList, SlotList, TimeOffView
from dispatch.core import http, time
from dispatch.core.http import AnyCaller, Caller, Cursor, Limit, Mechanic, answers
from dispatch.core.idempotency import Once

from fastapi import Query, Response

app = http.create_app("Calendar")


def _view(time_off: TimeOff, _who: Caller) -> TimeOffView:
    return TimeOffView.of(time_off)


@app.get("/mechanic/availability", responses=answers(404))
async def availability(who: AnyCaller) -> AvailabilityView:
    """When the caller works, by the week and by date, and their time off."""
    return AvailabilityView.of(service.calendar_of(who.id), time.now())


@app.put("/mechanic/availability", responses=answers(404, 409, 429))
async def replace_availability(body: AvailabilityBody, who: AnyCaller) -> AvailabilityView:
    """Replace it as a whole. Time off and what is booked stay as they are."""
    now = time.now()
    after = service.replace_availability(who.id, body.to_availability(), body.version, now)
    return AvailabilityView.of(after, now)


@app.post("/mechanic/time-off", status_code=201, responses=answers(404, 409, 429))
async def take_time_off(
    body: TimeOffBody, who: Mechanic, once: Annotated[Once | None, http.once(201, _view)]
) -> TimeOffView:
    """Nothing can be booked in that time. Refused where something is, with the `bookings`."""
    return TimeOffView.of(service.take_time_off(who.id, body.start, body.end, time.now(), once))


@app.delete("/mechanic/time-off/{time_off_id}", status_code=204, responses=answers(404))
async def end_time_off(time_off_id: str, who: Mechanic) -> Response:
    """The caller works in that time, as always."""
    service.end_time_off(who.id, time_off_id)
    return Response(status_code=204)


@app.get("/mechanic/bookings", responses=answers(404))
async def bookings(who: Mechanic, limit: Limit = 20, cursor: Cursor = None) -> BookingList:
    """What is booked or held of the caller's time and not over, earliest first."""
    return BookingList.of(service.bookings_of(who.id, time.now(), limit, cursor))


@app.get("/mechanics/{mechanic_id}/slots", responses=answers(404))
async def slots(
    mechanic_id: str, wanted: Annotated[SlotsParameters, Query()], who: AnyCaller
) -> SlotList:
    """When a mechanic can be booked: plan minutes and buffer fit, and nobody else has it."""
    now = time.now()
    stretch = wanted.to_stretch(now)
    found = service.slots_of(mechanic_id, who.id, wanted.plan, now, stretch)
    return SlotList.of(mechanic_id, wanted.plan, wanted.time_zone, found)


handler = http.lambda_handler(app)
