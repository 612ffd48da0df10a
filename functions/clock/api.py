"""HTTP: clocking in and out, and the shift log."""

from typing import Annotated

from dispatch.core import http, time
from dispatch.core.http import Caller, Cursor, Limit, Mechanic, answers
from dispatch.core.idempotency import Once
from dispatch.shifts import service
from dispatch.shifts.requests import ClockBody
from dispatch.shifts.service import ClockState
from dispatch.shifts.views import ClockView, ShiftList

app = http.create_app("Clock")


def _view(state: ClockState, _who: Caller) -> ClockView:
    return ClockView.of(state)


@app.get("/mechanic/clock", responses=answers(404))
async def clock(who: Mechanic) -> ClockView:
    """Whether the caller is on shift, since when, and with how many sessions in hand."""
    return ClockView.of(service.clock_state(who.id, time.now()))


@app.post("/mechanic/clock", responses=answers(404, 409))
async def punch(
    body: ClockBody, who: Mechanic, once: Annotated[Once | None, http.once(200, _view)]
) -> ClockView:
    """Clock in or out."""
    state = service.punch_clock(
        body.action,
        who.id,
        time.now(),
        location=body.location,
        notes=body.notes,
        finish=body.finish_then_clock_out,
        once=once,
    )
    return ClockView.of(state)


@app.get("/mechanic/shifts")
async def shifts(who: Mechanic, limit: Limit = 20, cursor: Cursor = None) -> ShiftList:
    """The caller's shifts, newest first."""
    return ShiftList.of(*service.shifts_of(who.id, limit, cursor))


handler = http.lambda_handler(app)
