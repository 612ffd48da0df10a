"""Admins change the policy: who may, what is refused, and when it is in force."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from dispatch.calendar import service as calendar
from dispatch.core.errors import Conflict, Invalid
from dispatch.payments import service as payments
from dispatch.policy import rules as policy_rules
from dispatch.policy import service as policies
from dispatch.policy import store as policy_items
from dispatch.policy.model import Plan, Policy, PolicyVersion, Scoring, SessionType
from dispatch.policy.requests import PolicyBody
from dispatch.policy.views import EXAMPLE, PolicyView
from dispatch.sessions import paying
from dispatch.sessions import service as sessions
from dispatch.sessions.model import PaymentMethod
from tests.calendar_builders import an_availability
from tests.calls import call
from tests.clock import NOON
from tests.entry_points import load
from tests.instances import forget_everything
from tests.world import World, an_intake

FIRST = Policy()
Answer = tuple[int, Any]


@pytest.fixture
def admin(world: World) -> Callable[..., Answer]:
    """Call ``/admin/policy`` as an admin."""
    api = load("admin/api")

    def ask(method: str, body: Any = None, user: str = "admin-1", **headers: str) -> Answer:
        return call(api, method, "/admin/policy", user=user, groups="admin", body=body, **headers)

    return ask


def _document(**changes: Any) -> dict[str, Any]:
    """Version 1 as it is read, with changes."""
    return PolicyView.of(PolicyVersion(FIRST)).model_dump(mode="json") | changes


def _with(path: str, value: Any) -> dict[str, Any]:
    document: Any = _document()
    *steps, last = path.strip("/").split("/")
    place = document
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[int(last) if isinstance(place, list) else last] = value
    changed: dict[str, Any] = document
    return changed


# The document


def test_body_view_and_policy_have_the_same_numbers() -> None:
    told = {"changed_at", "changed_by"}
    assert set(PolicyBody.model_fields) == set(PolicyView.model_fields)
    assert set(PolicyView.model_fields) - told == set(Policy.__dataclass_fields__)
    scoring = PolicyBody.model_fields["scoring"].annotation, PolicyView.model_fields["scoring"]
    assert set(scoring[0].model_fields) == set(Scoring.__dataclass_fields__)  # type: ignore[union-attr]
    assert set(scoring[1].annotation.model_fields) == set(Scoring.__dataclass_fields__)  # type: ignore[union-attr]


def test_what_was_read_can_be_sent_back_and_is_the_same_policy() -> None:
    assert PolicyBody.model_validate(_document()).to_policy() == FIRST


def test_the_first_one_was_made_by_nobody(admin: Callable[..., Answer]) -> None:
    status, document = admin("GET")
    assert (status, document) == (200, _document())
    assert (document["version"], document["changed_at"], document["changed_by"]) == (1, None, None)


def test_a_change_makes_a_version_with_who_and_when(
    admin: Callable[..., Answer], world: World
) -> None:
    wanted = _document(capacity=2)
    status, made = admin("PUT", wanted)
    told = {"changed_at": "2026-07-01T12:00:00.000Z", "changed_by": "admin-1"}
    assert (status, made) == (200, wanted | {"version": 2} | told)
    assert admin("GET") == (200, made)
    (fact,) = world.facts("PolicyChanged")
    assert (fact["version"], fact["changed_by"]) == (2, "admin-1")


def test_versions_are_never_changed(admin: Callable[..., Answer]) -> None:
    for version in (1, 2):
        assert admin("PUT", _document(version=version, capacity=version + 1))[0] == 200
    assert [policies.of_version(each).capacity for each in (1, 2, 3)] == [1, 2, 3]


def test_of_two_admins_who_have_read_the_same_one_is_refused(
    admin: Callable[..., Answer], world: World
) -> None:
    assert admin("PUT", _document(capacity=2))[0] == 200
    status, problem = admin("PUT", _document(capacity=3), user="admin-2")
    assert (status, problem["reason"]) == (409, "stale_version")
    assert policies.newest().policy.capacity == 2
    assert len(world.facts("PolicyChanged")) == 1


def test_of_two_admins_at_once_one_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second has looked before the first has written."""
    policies.newest()
    policies.change(replace(FIRST, capacity=2), 1, "admin-1", world.now)
    monkeypatch.setattr(policy_items, "newest_version", lambda: 1)
    with pytest.raises(Conflict) as refused:
        policies.change(replace(FIRST, capacity=3), 1, "admin-2", world.now)
    assert refused.value.reason == "stale_version"
    made = policy_items.find(2)
    assert made
    assert made.changed_by == "admin-1"
    assert policy_items.find(3) is None


def test_a_version_that_is_still_to_come_is_stale_too(admin: Callable[..., Answer]) -> None:
    assert admin("PUT", _document(version=2))[0] == 409


def test_a_keyed_change_is_made_once(admin: Callable[..., Answer], world: World) -> None:
    key = {"idempotency_key": "key-1"}
    first = admin("PUT", _document(capacity=2), **key)
    assert first[0] == 200
    assert admin("PUT", _document(capacity=2), **key) == first
    assert admin("PUT", _document(capacity=3), **key)[1]["reason"] == "idempotency_mismatch"
    assert len(world.facts("PolicyChanged")) == 1


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("group", ["customer", "mechanic", "customer mechanic", ""])
def test_nobody_else_may(world: World, method: str, group: str) -> None:
    api = load("admin/api")
    status, _ = call(api, method, "/admin/policy", user="user", groups=group, body=_document())
    assert status == 403


# What is refused

_MISSING = copy.deepcopy(_document())
del _MISSING["capacity"]


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        pytest.param(_MISSING, "/capacity", id="missing"),
        (_document(capacty=1), "/capacty"),
        (_with("/scoring/luck", 3), "/scoring/luck"),
        (_with("/plans/0/colour", "red"), "/plans/0/colour"),
        (_document(version=0), "/version"),
        (_document(version="1"), "/version"),
        (_document(version=True), "/version"),
        (_document(scoring=None), "/scoring"),
        (_document(plans=[]), "/plans"),
        (_document(plans={}), "/plans"),
        (_document(capacity=0), "/capacity"),
        (_document(capacity=1.5), "/capacity"),
        (_document(capacity="1"), "/capacity"),
        (_document(capacity=21), "/capacity"),
        (_document(offers_per_wave=0), "/offers_per_wave"),
        (_document(offer_s=0), "/offer_s"),
        (_document(offer_s=-300), "/offer_s"),
        (_document(shift_s=10**9), "/shift_s"),
        (_document(buffer_s=-1), "/buffer_s"),
        (_document(buffer_s=7201), "/buffer_s"),
        (_document(broadcast_push_limit=501), "/broadcast_push_limit"),
        (_document(misses_to_clock_out=0), "/misses_to_clock_out"),
        (_document(min_profile_completion=101), "/min_profile_completion"),
        (_with("/scoring/keyword", 1001), "/scoring/keyword"),
        (_with("/scoring/keyword", 15.5), "/scoring/keyword"),
        (_with("/scoring/keyword", "15"), "/scoring/keyword"),
        (_with("/scoring/keyword", None), "/scoring/keyword"),
        (_with("/scoring/rating/0/at_least", 5.1), "/scoring/rating/0/at_least"),
        (_with("/scoring/rating/0/at_least", "4.5"), "/scoring/rating/0/at_least"),
        (_with("/scoring/rating/0/at_least", float("nan")), "/scoring/rating/0/at_least"),
        (_with("/scoring/rating/0/at_least", float("inf")), "/scoring/rating/0/at_least"),
        (_with("/scoring/rating/0/at_least", 4.512), "/scoring/rating/0/at_least"),
        (_with("/scoring/rating/1/at_least", 4.5), "/scoring/rating/1/at_least"),
        (_with("/scoring/rating", [{"at_least": 1, "points": 1}] * 6), "/scoring/rating"),
        (_with("/scoring/experience_years/1/at_least", 11), "/scoring/experience_years/1/at_least"),
        (_with("/scoring/experience_years/0/at_least", 0), "/scoring/experience_years/0/at_least"),
        (
            _with("/scoring/completed_sessions/1/at_least", 50),
            "/scoring/completed_sessions/1/at_least",
        ),
        (
            _with("/scoring/complete_profile/0/at_least", 101),
            "/scoring/complete_profile/0/at_least",
        ),
        (_with("/scoring/badge_good", 151), "/scoring/badge_good"),
        (_with("/plans/1/id", "free"), "/plans/1/id"),
        (_with("/plans/1/id", "Quick!"), "/plans/1/id"),
        (_with("/plans/1/type", "fax"), "/plans/1/type"),
        (_with("/plans/1/minutes", 0), "/plans/1/minutes"),
        (_with("/plans/1/price_cents", -1), "/plans/1/price_cents"),
        (_with("/plans/1/price_cents", 49), "/plans/1/price_cents"),
        (_with("/plans/1/credits", 0), "/plans/1/credits"),
        (_with("/plans/0/credits", 5), "/plans/0/credits"),
        (_with("/plans/0/price_cents", 100), "/plans/0/price_cents"),
        (_with("/refund_percent/0/percent", 101), "/refund_percent/0/percent"),
        (_with("/refund_percent/0/percent", -1), "/refund_percent/0/percent"),
        (_with("/refund_percent/0/percent", 40), "/refund_percent/1/percent"),
        (_with("/refund_percent/1/more_than_s", 86400), "/refund_percent/1/more_than_s"),
        (_document(pending_s=3601), "/pending_s"),
        (_document(awaiting_s=23 * 3600 + 1), "/awaiting_s"),
        (_document(hold_s=23 * 3600 + 1), "/hold_s"),
        (_document(notice_s=5184001), "/notice_s"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_document_is_refused_whole_and_says_where(
    admin: Callable[..., Answer], world: World, document: Any, pointer: str
) -> None:
    status, problem = admin("PUT", document)
    assert status == 422
    assert pointer in [error["pointer"] for error in problem["errors"]]
    assert policies.newest() == PolicyVersion(FIRST)
    assert world.facts("PolicyChanged") == []


def test_all_that_is_wrong_is_told_at_once(admin: Callable[..., Answer]) -> None:
    document = _with("/scoring/badge_good", 151) | {"pending_s": 3601, "plans": [_PLAN, _PLAN]}
    _, problem = admin("PUT", document)
    assert [error["pointer"] for error in problem["errors"]] == [
        "/scoring/badge_good",
        "/plans/1/id",
        "/pending_s",
    ]


_PLAN = {"id": "only", "type": "chat", "minutes": 20, "price_cents": 500, "credits": 5}


def test_the_edges_are_taken(admin: Callable[..., Answer]) -> None:
    bare: Any = _with("/scoring/rating", [{"at_least": 5, "points": -1000}])
    for name in ("experience_years", "completed_sessions", "complete_profile"):
        bare["scoring"][name] = []
    bare["scoring"]["badge_good"] = bare["scoring"]["badge_high"]
    bare |= {"plans": [_PLAN], "refund_percent": [], "buffer_s": 0, "pending_s": 3600}
    assert admin("PUT", bare)[0] == 200
    plan = Plan("only", SessionType.CHAT, 20, 500, 5)
    assert policies.newest().policy.plans == (plan,)


_LONGEST = {"id": "longest", "type": "video", "minutes": 480, "price_cents": 50, "credits": 1}


@pytest.mark.usefixtures("stripe_account")
@pytest.mark.parametrize("method", [PaymentMethod.CREDITS, PaymentMethod.STRIPE])
def test_the_longest_booking_can_be_made_paid_for_and_moved(
    admin: Callable[..., Answer], world: World, method: PaymentMethod
) -> None:
    """All its quarter hours go into one transaction, and Stripe's page is open for long enough."""
    changes = {"buffer_s": 7200, "awaiting_s": 82800, "hold_s": 82800}
    assert admin("PUT", _document(plans=[_LONGEST], **changes))[0] == 200
    payments.grant("customer", 1, "welcome", "admin-1", world.now)
    world.mechanic("a")
    calendar.replace_availability("a", an_availability("UTC", "0:00-24:00"), 0, world.now)
    start = world.now + timedelta(hours=3)
    wanted = an_intake(
        plan="longest",
        payment_method=method,
        preferred_mechanic_id="a",
        scheduled_start=start,
    )
    held = sessions.book_session(wanted, "customer", world.now)
    sessions.sign_waiver(held.id, "customer", "Jo Driver", world.now)
    if method is PaymentMethod.STRIPE:
        checkout, _ = paying.open_checkout(held.id, "customer", world.now)
        assert checkout.url
        return
    elsewhen = start + timedelta(hours=12)
    moved = sessions.reschedule_session(held.id, "customer", elsewhen, world.now)
    assert moved.scheduled_start == elsewhen


def test_the_rules_hold_for_whoever_changes_it(world: World) -> None:
    with pytest.raises(Invalid):
        policies.change(replace(FIRST, plans=()), 1, "a script", world.now)
    assert policy_rules.faults_of(FIRST) == []


# In force


def _order(world: World, customer_id: str) -> list[str]:
    """Whom a new session of this customer is offered to, best first."""
    session = world.book(customer_id)
    record = world.matches(session.id)
    sessions.cancel_session(session.id, customer_id, None, world.now)
    world.drain()
    return [match["mechanic_id"] for match in record["matches"]]


def _two_mechanics(world: World) -> None:
    """Far away with the skill, and nearby without."""
    world.mechanic("skilled", city="Vancouver", postal_code="V5K 0A1", state_province="BC")
    world.mechanic("near", service_keywords=["tire change"])
    world.drain()


def test_a_change_reorders_the_next_match_within_a_minute(
    world: World, admin: Callable[..., Answer]
) -> None:
    _two_mechanics(world)
    assert _order(world, "first") == ["near", "skilled"]
    assert admin("PUT", _with("/scoring/keyword", 200))[0] == 200
    world.pass_time(seconds=policies.CACHED_FOR.total_seconds())
    assert _order(world, "second") == ["skilled", "near"]


def test_another_instance_goes_by_it_at_once(world: World, admin: Callable[..., Answer]) -> None:
    _two_mechanics(world)
    assert admin("PUT", _with("/scoring/keyword", 200))[0] == 200
    forget_everything()
    assert _order(world, "second") == ["skilled", "near"]


def test_a_session_keeps_the_version_under_which_it_became_pending(
    world: World, admin: Callable[..., Answer]
) -> None:
    _two_mechanics(world)
    world.book("jo")
    changed = _with("/scoring/keyword", 200) | {"pending_s": 60, "join_s": 7}
    assert admin("PUT", changed)[0] == 200
    world.pass_time(seconds=61)
    assert policies.current(world.now).version == 2
    accepted = world.accept(world.offer_to("near").id, "near")
    assert accepted.policy_version == 1
    assert accepted.mechanic_due_by == world.now + timedelta(seconds=FIRST.join_s)


def test_new_room_is_offered_no_session_of_a_policy_that_allows_less(
    world: World, admin: Callable[..., Answer]
) -> None:
    """The mechanic could not accept it: it goes by the capacity under which it became pending."""
    asked, never_asked = world.book("asked"), world.book("never-asked")
    assert admin("PUT", _document(capacity=2))[0] == 200
    world.pass_time(seconds=61)
    newer = [world.book("newer"), world.book("newest")]
    world.mechanic("a")
    world.drain()
    assert world.asked(asked.id) == ["a"]
    for session in newer:
        world.accept(world.broadcast(session.id).id, "a")
    sessions.cancel_session(newer[0].id, "newer", None, world.now)
    world.drain()
    assert (world.load("a"), world.asked(never_asked.id)) == (1, [])
    sessions.cancel_session(newer[1].id, "newest", None, world.now)
    world.drain()
    assert world.asked(never_asked.id) == ["a"]
    world.accept(world.offer_to("a").id, "a")


def test_new_room_is_offered_no_session_of_a_policy_that_asks_for_more(
    world: World, admin: Callable[..., Answer]
) -> None:
    """Eligible by the new one, not by the session's: what comes after it is theirs."""
    older = world.book("older")
    assert admin("PUT", _document(min_profile_completion=50))[0] == 200
    world.pass_time(seconds=61)
    newer = world.book("newer")
    world.mechanic("a", profile_completion=60)
    world.drain()
    assert (world.asked(older.id), world.asked(newer.id)) == ([], ["a"])
    world.accept(world.offer_to("a").id, "a")


@pytest.mark.usefixtures("aws")
def test_a_stored_first_version_is_not_needed_to_change_it() -> None:
    """Nobody has asked for the policy yet."""
    made = policies.change(replace(FIRST, capacity=2), 1, "admin-1", NOON)
    assert made.policy.version == 2
    assert policies.of_version(1) == FIRST


def test_the_document_of_the_example_is_valid() -> None:
    body = PolicyBody.model_validate(json.loads(json.dumps(EXAMPLE)))
    assert policy_rules.faults_of(body.to_policy()) == []
