"""The policy: its defaults are version 1 of domain.md, its documents read across releases."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.core.errors import StaleVersion
from dispatch.core.table import IS_NEW, Transaction
from dispatch.policy import service, store
from dispatch.policy.model import Plan, Policy, PolicyVersion, Quotas, Scoring, SessionType
from dispatch.policy.rules import from_document, to_document
from tests.builders import ONE_MS
from tests.clock import NOON, Clock


def stored_and_read(policy: Policy) -> Policy:
    return from_document(json.loads(json.dumps(to_document(policy))))


# Version 1


def test_the_plans() -> None:
    assert Policy().plans == (
        Plan("free", SessionType.CHAT, minutes=15, price_cents=0, credits=0),
        Plan("quick", SessionType.CHAT, minutes=30, price_cents=999, credits=10),
        Plan("standard", SessionType.VIDEO, minutes=45, price_cents=2999, credits=25),
        Plan("diagnostic", SessionType.DIAGNOSTIC, minutes=60, price_cents=4999, credits=40),
    )


def test_a_plan_is_found_by_its_id() -> None:
    quick = Policy().plan("quick")
    assert quick
    assert quick.id == "quick"
    assert Policy().plan("Quick") is None
    assert Policy().plan("") is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("version", 1),
        ("min_profile_completion", 80),
        ("capacity", 1),
        ("offers_per_wave", 3),
        ("offer_s", 300),
        ("broadcast_push_limit", 50),
        ("awaiting_s", 1800),
        ("overtime_s", 600),
        ("preferred_s", 120),
        ("pending_s", 1800),
        ("pending_total_s", 3600),
        ("join_s", 300),
        ("no_show_s", 600),
        ("misses_to_clock_out", 3),
        ("shift_s", 43_200),
        ("waitlist_s", 86_400),
        ("claim_s", 300),
        ("buffer_s", 600),
        ("notice_s", 7200),
        ("horizon_s", 5_184_000),
        ("hold_s", 900),
        ("reschedule_s", 7200),
        ("refund_percent", ((86_400, 100), (7200, 50))),
        ("start_grace_s", 300),
        ("elsewhere_grace_s", 600),
        ("quotas", Quotas(20, 30, 20, 60, 60)),
    ],
)
def test_the_numbers(name: str, value: Any) -> None:
    assert getattr(Policy(), name) == value


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("on_shift", 50),
        ("off_shift", 20),
        ("same_country", 25),
        ("same_area", 40),
        ("same_city", 35),
        ("other_country", -20),
        ("experience_years", ((10, 20), (5, 10))),
        ("rating", ((Decimal("4.5"), 15), (Decimal("4.0"), 10))),
        ("certified", 10),
        ("completed_sessions", ((50, 12), (20, 8))),
        ("keyword", 15),
        ("complete_profile", ((95, 8),)),
        ("brand_specialist", 30),
        ("badge_high", 150),
        ("badge_good", 100),
    ],
)
def test_the_points(name: str, points: Any) -> None:
    assert getattr(Scoring(), name) == points


# Documents


def test_a_policy_survives_its_document() -> None:
    assert stored_and_read(Policy()) == Policy()


@given(
    version=st.integers(1, 10**8 - 1),
    capacity=st.integers(1, 5),
    keyword=st.integers(-100, 100),
    rating=st.decimals(0, 5, places=9),
)
def test_any_numbers_survive_exactly(
    version: int, capacity: int, keyword: int, rating: Decimal
) -> None:
    scoring = Scoring(keyword=keyword, rating=((rating, 1),))
    policy = Policy(version=version, capacity=capacity, scoring=scoring)
    assert stored_and_read(policy) == policy


def without(document: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in names}


def test_what_an_older_document_lacks_has_its_default() -> None:
    document = to_document(Policy(version=3, overtime_s=1, scoring=Scoring(keyword=1, certified=1)))
    older = without(document, "overtime_s")
    older["scoring"] = without(document["scoring"], "keyword", "rating", "experience_years")
    assert from_document(older) == Policy(version=3, scoring=Scoring(certified=1))


LATER_NUMBERS = (
    "preferred_s",
    "pending_s",
    "pending_total_s",
    "join_s",
    "no_show_s",
    "misses_to_clock_out",
    "shift_s",
    "waitlist_s",
    "claim_s",
    "buffer_s",
    "notice_s",
    "horizon_s",
    "hold_s",
    "reschedule_s",
    "start_grace_s",
    "elsewhere_grace_s",
)


def test_a_document_of_the_first_release_has_the_defaults_of_what_came_later() -> None:
    document = to_document(Policy(version=3, capacity=2)) | dict.fromkeys(LATER_NUMBERS, 1)
    changed = from_document(document)
    assert [getattr(changed, name) for name in LATER_NUMBERS] == [1] * len(LATER_NUMBERS)
    first = without(document, *LATER_NUMBERS)
    assert from_document(first) == Policy(version=3, capacity=2)


def test_lists_of_a_document_that_lacks_them_have_their_defaults() -> None:
    policy = Policy(version=3, refund_percent=((60, 7),))
    document = to_document(policy)
    assert stored_and_read(policy) == policy
    older = without(document, "refund_percent")
    assert from_document(older) == Policy(version=3)


def test_quotas_that_a_document_lacks_have_their_defaults() -> None:
    policy = Policy(version=3, quotas=Quotas(uploads_an_hour=1, edits_an_hour=2))
    assert stored_and_read(policy) == policy
    document = to_document(policy)
    assert from_document(without(document, "quotas")) == Policy(version=3)
    document["quotas"] = without(document["quotas"], "edits_an_hour") | {"surge": 1}
    assert from_document(document) == Policy(version=3, quotas=Quotas(uploads_an_hour=1))


def test_what_only_a_newer_release_knows_is_passed_over() -> None:
    newer = to_document(Policy(version=3))
    newer["surge"] = True
    newer["scoring"]["surge"] = 5
    newer["plans"][0]["surge"] = 2
    assert from_document(newer) == Policy(version=3)


# In force


def put_newest(policy: Policy) -> None:
    with Transaction() as tx:
        key = store._version_key(policy.version)
        document = json.dumps(to_document(policy))
        tx.put({**key._asdict(), "document": document}, when=IS_NEW)
        tx.put({**store._NEWEST._asdict(), "newest": policy.version})


@pytest.mark.usefixtures("aws")
def test_the_first_question_stores_version_1() -> None:
    assert store.newest_version() is None
    assert service.current(NOON) == Policy()
    assert store.newest_version() == 1
    assert store.find(1) == PolicyVersion(Policy())


@pytest.mark.usefixtures("aws")
def test_of_two_first_questions_one_stores_and_both_are_answered(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    answers = iter([None])  # what the loser has read before the winner wrote
    real = store.newest_version
    store.add_first(Policy())
    monkeypatch.setattr(store, "newest_version", lambda: next(answers, real()))
    assert service.current(clock()) == Policy()


@pytest.mark.usefixtures("aws")
def test_version_1_is_never_overwritten() -> None:
    store.add_first(Policy())
    with pytest.raises(StaleVersion):
        store.add_first(Policy(capacity=2))
    assert store.find(1) == PolicyVersion(Policy())


@pytest.mark.usefixtures("aws")
def test_a_change_is_in_force_within_a_minute() -> None:
    service.current(NOON)
    changed = replace(Policy(), version=2, capacity=2)
    put_newest(changed)
    assert service.current(NOON + service.CACHED_FOR - ONE_MS) == Policy()
    assert service.current(NOON + service.CACHED_FOR) == changed
    assert timedelta(seconds=60) == service.CACHED_FOR


@pytest.mark.usefixtures("aws")
def test_a_session_keeps_its_version_whatever_is_in_force() -> None:
    service.current(NOON)
    put_newest(Policy(version=2, capacity=2))
    assert service.of_version(1) == Policy()
    assert service.of_version(2).capacity == 2


@pytest.mark.usefixtures("aws")
def test_a_version_that_was_never_stored_is_a_bug() -> None:
    with pytest.raises(LookupError, match="9"):
        service.of_version(9)


@pytest.mark.usefixtures("aws")
def test_the_first_policy_was_made_by_nobody() -> None:
    assert service.newest() == service.newest() == PolicyVersion(Policy(), None, None)
