"""``GET /notifications`` and ``POST /notifications/{id}/seen``, at the entry point."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from dispatch.core.time import format_time
from dispatch.notifications import service as notifications
from tests.builders import a_fact, an_http_event
from tests.entry_points import load
from tests.world import World

CONTEXT: Any = SimpleNamespace(aws_request_id="request-1", function_name="notifications")
MEMBERS = {
    "id",
    "type",
    "channel",
    "status",
    "reason",
    "title",
    "body",
    "data",
    "created_at",
    "expires_at",
    "sent_at",
    "seen_at",
}


@pytest.fixture
def told(world: World) -> list[str]:
    """Five facts told to the mechanic ``a``, a second apart; the ids of their notices."""
    for n in range(5):
        facts = {"mechanic_id": "a", "shift_id": f"shift-{n}", "cause": "finished"}
        fact = a_fact("MechanicClockedOut", at=format_time(world.now), **facts)
        del fact["session_id"]
        notifications.notify(fact | {"id": f"01K00000000000000000000E0{n}"}, world.now)
        world.clock.advance(seconds=1)
    return [f"01K00000000000000000000E0{n}-push" for n in range(5)]


def _call(method: str, path: str, **event: Any) -> tuple[int, dict[str, str], Any]:
    answer = load("notifications/api").handler(an_http_event(method, path, **event), CONTEXT)
    body = answer.get("body")
    return answer["statusCode"], answer["headers"], json.loads(body) if body else None


def _list(caller: str = "a", query: str = "", **event: Any) -> Any:
    status, _, body = _call("GET", "/notifications", caller=caller, query=query, **event)
    assert status == 200, body
    return body


def test_the_newest_come_first(told: list[str]) -> None:
    page = _list()
    assert [item["id"] for item in page["items"]] == told[::-1]
    assert page["next_cursor"] is None
    assert page["poll_after_s"] > 0


@pytest.mark.parametrize("groups", ["[customer]", "[mechanic]", "[admin]", "[customer mechanic]"])
def test_both_sides_have_a_list_and_it_may_be_empty(world: World, groups: str) -> None:
    page = _list("nobody", groups=groups)
    assert (page["items"], page["next_cursor"]) == ([], None)


def test_a_notice_is_shown_whole(told: list[str]) -> None:
    newest = _list()["items"][0]
    assert set(newest) == MEMBERS
    assert newest == {
        "id": told[-1],
        "type": "mechanic_clocked_out",
        "channel": "push",
        "status": "failed",
        "reason": "no_device",
        "title": "You are off shift",
        "body": "Your last session has ended, and your shift with it.",
        "data": {"shift_id": "shift-4", "cause": "finished"},
        "created_at": "2026-07-01T12:00:04.000Z",
        "expires_at": "2026-07-02T12:00:04.000Z",
        "sent_at": None,
        "seen_at": None,
    }


def test_pages_follow_each_other_without_gap_or_repeat(told: list[str]) -> None:
    found, cursor = [], ""
    while True:
        page = _list(query=f"limit=2{cursor}")
        assert len(page["items"]) <= 2
        found += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == told[::-1]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/limit"),
        ("limit=101", "/limit"),
        ("limit=x", "/limit"),
        ("cursor=nonsense", "/cursor"),
        ("cursor=eyJzayI6ICJERVZJQ0UjcGhvbmUifQ", "/cursor"),  # of the devices
    ],
)
def test_a_wrong_page_is_pointed_at(told: list[str], query: str, pointer: str) -> None:
    status, _, problem = _call("GET", "/notifications", caller="a", query=query)
    assert status == 422
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


def test_others_see_nothing_of_it(told: list[str]) -> None:
    assert _list("b")["items"] == []


def test_a_list_the_caller_has_is_not_sent_again(told: list[str]) -> None:
    _, headers, _ = _call("GET", "/notifications", caller="a")
    same = {"if-none-match": headers["etag"]}
    status, _, body = _call("GET", "/notifications", caller="a", headers=same)
    assert (status, body) == (304, None)
    _call("POST", f"/notifications/{told[0]}/seen", caller="a")
    status, _, body = _call("GET", "/notifications", caller="a", headers=same)
    assert status == 200
    assert body["items"][-1]["status"] == "seen"


def test_seeing_is_answered_with_the_notice(told: list[str], world: World) -> None:
    status, _, notice = _call("POST", f"/notifications/{told[0]}/seen", caller="a")
    assert status == 200
    assert set(notice) == MEMBERS
    assert (notice["status"], notice["seen_at"]) == ("seen", format_time(world.now))
    assert _list()["items"][-1] == notice


def test_seeing_twice_is_seeing_once(told: list[str], world: World) -> None:
    _, _, first = _call("POST", f"/notifications/{told[0]}/seen", caller="a")
    world.clock.advance(seconds=60)
    status, _, second = _call("POST", f"/notifications/{told[0]}/seen", caller="a")
    assert (status, second) == (200, first)


def test_a_keyed_repeat_gets_the_first_answer(told: list[str]) -> None:
    path, keyed = f"/notifications/{told[0]}/seen", {"idempotency-key": "k-1"}
    answers = [_call("POST", path, caller="a", headers=keyed) for _ in range(2)]
    assert answers[0] == answers[1]
    status, _, problem = _call("POST", path, caller="a", headers=keyed, body={"x": 1})
    assert status in (409, 422)
    assert problem["title"]


@pytest.mark.parametrize(
    ("caller", "notice"),
    [
        ("b", "01K00000000000000000000E00-push"),
        ("a", "01K00000000000000000000E00-mail"),
        ("a", "01K00000000000000000000E99-push"),
        ("a", "01K00000000000000000000E00"),
        ("a", "nonsense"),
        ("a", "x" * 3000),
    ],
)
def test_what_is_not_the_callers_is_not_found(told: list[str], caller: str, notice: str) -> None:
    status, headers, problem = _call("POST", f"/notifications/{notice}/seen", caller=caller)
    assert (status, problem["status"]) == (404, 404)
    assert headers["content-type"] == "application/problem+json"
    assert all(item["status"] != "seen" for item in _list()["items"])


def test_a_body_that_says_something_is_refused(told: list[str]) -> None:
    status, _, problem = _call(
        "POST", f"/notifications/{told[0]}/seen", caller="a", body={"seen": False}
    )
    assert status == 422
    assert problem["errors"][0]["pointer"] == "/seen"
