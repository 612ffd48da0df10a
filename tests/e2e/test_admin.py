"""Admins at work, and what stars do: over HTTP, on the running stack.

The policy is everybody's: who changes it here puts it back.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.people import Document, Person, Town, answer, pointers, refused

MINUTE = 61
"""By then every instance goes by the newest policy."""


@pytest.fixture
def admin(town: Town) -> Person:
    return town.person("admin")


@pytest.fixture
def put_back(town: Town, admin: Person) -> Iterator[Document]:
    """The policy as it is; and in the end it is so again."""
    before = dict(answer(admin.get("/admin/policy")))
    yield before
    newest = answer(admin.get("/admin/policy"))
    answer(admin.call("PUT", "/admin/policy", before | {"version": newest["version"]}))
    town.stack.advance(MINUTE)


def _scores(town: Town, *mechanics: Person) -> list[int]:
    """What each scores for the next session that is booked, with brakes that need a repair."""
    customer = town.customer()
    session_id = town.seek(customer, concern="It grinds when I brake, I need a brake repair")
    scores = [mechanic.offer(session_id)["match_score"] for mechanic in mechanics]
    answer(customer.act(session_id, "cancel"))
    town.stack.drain()
    return scores


def test_a_policy_change_reorders_the_next_match_and_a_bad_one_is_refused(
    town: Town, admin: Person, put_back: Document
) -> None:
    skilled, rated = town.mechanics({"service_keywords": ["brake repair"]}, {"rating": 4.9})
    # 50 on shift, 25 country, 30 brand; 15 for the keyword here, 15 for the rating there
    assert _scores(town, skilled, rated) == [120, 120]

    wanted: Any = put_back | {"scoring": put_back["scoring"] | {"keyword": 40}}
    made = answer(admin.call("PUT", "/admin/policy", wanted))
    assert (made["version"], made["changed_by"]) == (put_back["version"] + 1, admin.id)
    refused(admin.call("PUT", "/admin/policy", wanted), 409, "stale_version")
    bad = made | {"scoring": made["scoring"] | {"keyword": "a lot", "badge_high": 10}, "capacty": 2}
    assert pointers(admin.call("PUT", "/admin/policy", bad)) == ["/capacty", "/scoring/keyword"]
    assert answer(admin.get("/admin/policy")) == made

    town.stack.advance(MINUTE)
    assert _scores(town, skilled, rated) == [145, 120]
    for stranger in (town.customer(), skilled):
        refused(stranger.call("PUT", "/admin/policy", made), 403)


def test_an_admin_takes_a_session_back_and_then_calls_it_off(town: Town, admin: Person) -> None:
    first, second = town.mechanics({"rating": 4.9}, {"rating": 4.5})
    customer = town.customer()
    session_id = town.seek(customer)
    answer(first.accept(first.offer(session_id)))
    town.stack.drain()

    reason = {"reason": "Does not answer the phone"}
    path = f"/admin/sessions/{session_id}"
    assert answer(admin.post(f"{path}/reassign", reason))["status"] == "pending"
    town.stack.drain()
    assert first.load() == 0
    assert not first.was_asked(session_id)
    answer(second.accept(second.broadcast(session_id)))
    assert customer.session(session_id)["mechanic"]["id"] == second.id

    view = answer(admin.post(f"{path}/cancel", reason))
    assert (view["status"], view["ended_by"], view["refund"]["percent"]) == (
        "cancelled",
        "admin",
        100,
    )
    town.stack.drain()
    assert second.load() == 0
    assert "call it off" in str(customer.get("/notifications").json())
    refused(admin.post(f"{path}/reassign", reason), 409, "illegal_move")
    refused(customer.post(f"{path}/cancel", reason), 403)


def test_stars_make_the_mean_that_everybody_sees(town: Town) -> None:
    (mechanic,) = town.mechanics({})
    for stars, mean in ((5, 5.0), (4, 4.5), (4, 4.333333333333333)):
        customer = town.customer()
        session_id = town.seek(customer)
        answer(mechanic.accept(mechanic.offer(session_id)))
        refused(customer.act(session_id, "rate", {"stars": stars}), 409, "illegal_move")
        answer(mechanic.act(session_id, "join"))
        answer(customer.act(session_id, "join"))
        answer(customer.act(session_id, "end"))
        rated = answer(customer.act(session_id, "rate", {"stars": stars}))
        assert rated["rating"]["stars"] == stars
        refused(customer.act(session_id, "rate", {"stars": 1}), 409, "illegal_move")
        town.stack.drain()
        assert answer(customer.get(f"/mechanics/{mechanic.id}"))["rating"] == pytest.approx(mean)
