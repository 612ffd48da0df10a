"""HTTP: the caller's entries on the waitlist."""

from typing import Annotated

from dispatch.core import http, time
from dispatch.core.http import Caller, Cursor, Customer, Limit, answers
from dispatch.core.idempotency import Once
from dispatch.waitlist import service
from dispatch.waitlist.requests import JoinBody
from dispatch.waitlist.service import Listed
from dispatch.waitlist.views import WaitlistEntryList, WaitlistEntryView

from fastapi import Response

app = http.create_app("Waitlist")


def _view(listed: Listed, _who: Caller) -> WaitlistEntryView:
    return WaitlistEntryView.of(listed)


@app.post("/customer/waitlist/join", status_code=201, responses=answers(409, 429))
async def join(
    body: JoinBody, who: Customer, once: Annotated[Once | None, http.once(201, _view)]
) -> WaitlistEntryView:
    """Ask to be told when a mechanic comes online.

    There is one open entry per target: who waits for it already gets that one, with its place.
    """
    return WaitlistEntryView.of(service.join(body.to_wish(), who.id, time.now(), once))


@app.get("/customer/waitlist")
async def entries(who: Customer, limit: Limit = 20, cursor: Cursor = None) -> WaitlistEntryList:
    """What the caller waits for, and lately did, newest first."""
    return WaitlistEntryList.of(service.entries_of(who.id, time.now(), limit, cursor))


@app.delete("/customer/waitlist/{entry_id}", status_code=204, responses=answers(404))
async def leave(entry_id: str, who: Customer) -> Response:
    """Wait no longer. For an entry that is over already this changes nothing."""
    service.leave(entry_id, who.id, time.now())
    return Response(status_code=204)


handler = http.lambda_handler(app)
