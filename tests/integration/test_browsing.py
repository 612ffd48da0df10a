"""``GET /mechanics/available`` against the table: what it answers, refuses, and what it reads."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Any
from urllib.parse import urlencode

import pytest

from dispatch.calendar import service as calendars
from dispatch.core import aws as clients
from dispatch.core import settings
from dispatch.core.table import Transaction, encode
from dispatch.customers import service as customers
from dispatch.matching import service as matching
from dispatch.mechanics import service as mechanics
from dispatch.mechanics import store as mechanic_items
from dispatch.policy.model import Policy
from tests.builders import an_http_event
from tests.calendar_builders import an_availability
from tests.clock import NOON, Clock
from tests.entry_points import load
from tests.mechanic_builders import a_record
from tests.world import World

pytestmark = pytest.mark.usefixtures("aws", "clock")

Document = dict[str, Any]

IN_TORONTO = {
    "customer_country": "Canada",
    "customer_state_province": "Ontario",
    "customer_city": "Toronto",
    "customer_postal_code": "M5V 1A1",
}
DIAGNOSTICS = "I need an engine diagnostic"


@cache
def handler() -> Any:
    return load("mechanics/api").handler


def ask(caller: str = "customer-1", groups: str = "[customer]", **query: Any) -> tuple[int, Any]:
    """Status and body. Only what is named is sent."""
    path = "/mechanics/available"
    event = an_http_event("GET", path, caller=caller, groups=groups, query=urlencode(query))
    answer = handler()(event, None)
    return answer["statusCode"], json.loads(answer["body"])


def browse(**query: Any) -> Document:
    """The list as a customer in Toronto gets it."""
    status, body = ask(**IN_TORONTO | query)
    assert status == 200, body
    return dict(body)


def ids(body: Document) -> list[str]:
    return [mechanic["id"] for mechanic in body["mechanics"]]


def pointers(**query: Any) -> list[str]:
    status, body = ask(**query)
    assert (status, body["type"]) == (422, "/problems/invalid-input"), body
    return [error["pointer"] for error in body["errors"]]


def add(mechanic_id: str, *, on_shift: bool = True, load: int = 0, **fields: Any) -> None:
    approved = {"status": "approved"}  # only such clock in
    mechanics.upsert(a_record(id=mechanic_id, **fields | approved), NOON)
    if on_shift:
        clock_in(mechanic_id)
    mechanics.upsert(a_record(id=mechanic_id, **fields), NOON)
    if load:
        take_load(mechanic_id)


def clock_in(mechanic_id: str) -> None:
    with Transaction() as tx:
        mechanics.go_on_shift(tx, mechanic_id, "shift-1", NOON, NOON + timedelta(hours=12))


def clock_out(mechanic_id: str) -> None:
    with Transaction() as tx:
        mechanics.go_off_shift(tx, mechanic_id, "shift-1", NOON)


def take_load(mechanic_id: str) -> None:
    with Transaction() as tx:
        mechanics.take_load(
            tx, mechanic_id, policy=Policy(), brand_key=None, now=NOON, otherwise=ValueError
        )


# The answer


def test_the_answer_has_exactly_the_members_of_the_contract() -> None:
    add("ada", photo_url="https://photos.example/ada.jpg", email="ada@mechanic.example")
    assert browse(concern=DIAGNOSTICS) == {
        "availability": "online",
        "online_count": 1,
        "average_response_s": None,
        "mechanics": [
            {
                "id": "ada",
                "name": "Ada Chen",
                "photo_url": "https://photos.example/ada.jpg",
                "rating": 4.8,
                "years_of_experience": 6,
                "completed_sessions": 30,
                "certified": True,
                "brand_specializations": ["BMW"],
                "service_keywords": ["engine diagnostic"],
                "city": "Toronto",
                "country": "CA",
                "presence_status": "online",
                "last_seen_at": "2026-07-01T12:00:00.000Z",
                "match_score": 208,
                "match_reasons": [
                    "Available now",
                    "Local match - Toronto FSA M5V",
                    "5+ years experience",
                    "Highly rated (4.8)",
                    "Professionally Certified",
                    "20+ sessions completed",
                    "Keyword match: engine diagnostic",
                ],
                "badge": "high",
                "is_local_match": True,
                "is_brand_specialist": False,
                "next_slot_at": None,
            }
        ],
        "options": [],
        "next_cursor": None,
    }


def test_the_next_slot_is_that_of_the_shortest_plan(world: World) -> None:
    for id_ in ("ada", "bo", "cy"):
        world.mechanic(id_, on_shift=False)
    calendars.replace_availability("ada", an_availability("UTC", "14:30-15:00"), 0, NOON)
    calendars.replace_availability("bo", an_availability("UTC", "14:30-14:54"), 0, NOON)
    shown = {each["id"]: each["next_slot_at"] for each in browse()["mechanics"]}
    assert shown == {"ada": "2026-07-01T14:30:00.000Z", "bo": None, "cy": None}


def test_with_nobody_there_none_match() -> None:
    assert ask() == (
        200,
        {
            "availability": "none_match",
            "online_count": 0,
            "average_response_s": None,
            "mechanics": [],
            "options": [],
            "next_cursor": None,
        },
    )


def test_all_offline_lists_them_and_the_three_ways_on() -> None:
    add("ada", on_shift=False)
    found = browse()
    assert (found["availability"], found["online_count"]) == ("all_offline", 0)
    assert found["options"] == ["schedule", "browse_offline", "join_waitlist"]
    (ada,) = found["mechanics"]
    assert (ada["presence_status"], ada["last_seen_at"]) == ("offline", None)
    assert "Available soon" in ada["match_reasons"]


def test_all_busy_is_online_and_counted() -> None:
    add("ada", load=1)
    add("bea", on_shift=False)
    found = browse()
    assert (found["availability"], found["online_count"], found["options"]) == ("online", 1, [])
    assert [m["presence_status"] for m in found["mechanics"]] == ["busy", "offline"]


def test_online_only_changes_the_list_and_nothing_else() -> None:
    add("ada", on_shift=False)
    everyone, online = browse(), browse(online_only="true")
    assert (ids(everyone), ids(online)) == (["ada"], [])
    assert {**online, "mechanics": []} == {**everyone, "mechanics": []}
    assert online["availability"] == "all_offline"


def test_filters_decide_whether_anybody_matches() -> None:
    add("ada", rating=4.0)
    assert browse(min_rating="4.1")["availability"] == "none_match"
    assert browse(min_rating="4.0")["availability"] == "online"


def test_every_filter_is_heard() -> None:
    add("ada", name="Ada Chen", rating=4.9)
    add("bea", name="Béa Audi", rating=4.2, brand_specializations=["Audi"])
    add("cy", name="Cy", rating=4.5, brand_specializations=[], city="Ottawa", postal_code="K1A 0A1")
    add("dee", name="Dee", rating=None, on_shift=False)
    specialist = {"request_type": "brand_specialist", "requested_brand": "audi"}
    assert ids(browse()) == ["ada", "bea", "dee", "cy"]
    assert ids(browse(online_only="true")) == ["ada", "bea", "cy"]
    assert ids(browse(min_rating="4.5")) == ["ada", "cy"]
    assert ids(browse(local_only="true")) == ["ada", "bea", "dee"]
    assert ids(browse(search="bea a")) == ["bea"]
    assert ids(browse(search="  BÉA ")) == ["bea"]
    assert ids(browse(brand_specialists_only="true")) == ["ada", "bea", "dee"]
    assert ids(browse(brand_specialists_only="true", requested_brand="AUDI")) == ["bea"]
    assert ids(browse(limit=2)) == ["ada", "bea"]
    (bea,) = browse(**specialist)["mechanics"]
    assert (bea["id"], bea["is_brand_specialist"]) == ("bea", True)
    assert bea["match_reasons"][-1] == "Brand specialist - Audi"


def test_preferring_nobody_local_is_heard() -> None:
    add("ada", postal_code="M6K 1B1")
    assert browse()["mechanics"][0]["match_reasons"][1] == "Same city - Toronto"
    (ada,) = browse(prefer_local_mechanic="false")["mechanics"]
    assert (ada["match_reasons"][1], ada["is_local_match"]) == ("Same country - Canada", False)


def test_only_the_eligible_are_listed_and_counted() -> None:
    add("ada")
    add("incomplete", profile_completion=79)
    add("lapsed", certification_expires_on="2026-06-30")
    add("pending", status="pending")
    found = browse()
    assert (ids(found), found["online_count"]) == (["ada"], 1)


@pytest.mark.parametrize("groups", ["[customer]", "[mechanic]", "[admin]", ""])
def test_anybody_who_is_signed_in_may_look(groups: str) -> None:
    add("ada")
    status, body = ask(caller="somebody", groups=groups)
    assert (status, ids(body)) == (200, ["ada"])


# Where the customer is


def test_without_a_location_it_is_that_of_the_profile() -> None:
    customers.upsert({"id": "customer-1", "country": "Canada", "postal_code": "M5V 1A1"})
    add("ada", city=None)
    for caller, local in (("customer-1", True), ("somebody", False)):
        _, body = ask(caller=caller)
        assert body["mechanics"][0]["is_local_match"] is local


@pytest.mark.parametrize(
    "sent", [{"customer_country": "CA"}, {"customer_city": "Ottawa"}, {"customer_postal_code": "x"}]
)
def test_any_part_that_is_sent_is_all_there_is(sent: dict[str, str]) -> None:
    customers.upsert({"id": "customer-1", "country": "Canada", "postal_code": "M5V 1A1"})
    add("ada", city=None)
    _, body = ask(**sent)
    assert body["mechanics"][0]["is_local_match"] is False


def test_whoever_matches_is_counted_wherever_they_are() -> None:
    for number in range(10):
        add(f"ca{number}")
    add("us", country="US", city="Buffalo", postal_code="14201", rating=None)
    add("nowhere", country=None)
    assert browse()["online_count"] == 12
    assert browse(local_only="true")["online_count"] == 10


# Bad input


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({"request_type": "brand"}, "/request_type"),
        ({"request_type": ""}, "/request_type"),
        ({"request_type": "brand_specialist"}, "/requested_brand"),
        ({"requested_brand": "BMW"}, "/requested_brand"),
        ({"requested_brand": "BMW", "brand_specialists_only": "false"}, "/requested_brand"),
        ({"requested_brand": "", "request_type": "brand_specialist"}, "/requested_brand"),
        ({"customer_country": "Atlantis"}, "/customer_country"),
        ({"customer_country": ""}, "/customer_country"),
        ({"customer_state_province": "x" * 201}, "/customer_state_province"),
        ({"customer_city": " "}, "/customer_city"),
        ({"customer_postal_code": "M5V\n1A1"}, "/customer_postal_code"),
        ({"prefer_local_mechanic": "maybe"}, "/prefer_local_mechanic"),
        ({"concern": "x" * 10_001}, "/concern"),
        ({"online_only": "2"}, "/online_only"),
        ({"online_only": ""}, "/online_only"),
        ({"brand_specialists_only": "BMW"}, "/brand_specialists_only"),
        ({"min_rating": "-0.1"}, "/min_rating"),
        ({"min_rating": "5.1"}, "/min_rating"),
        ({"min_rating": "NaN"}, "/min_rating"),
        ({"min_rating": "Infinity"}, "/min_rating"),
        ({"min_rating": "good"}, "/min_rating"),
        ({"min_rating": ""}, "/min_rating"),
        ({"local_only": "here"}, "/local_only"),
        ({"search": ""}, "/search"),
        ({"search": "  "}, "/search"),
        ({"search": "\u0301"}, "/search"),
        ({"search": "x" * 201}, "/search"),
        ({"search": "a\x00"}, "/search"),
        ({"limit": "0"}, "/limit"),
        ({"limit": "11"}, "/limit"),
        ({"limit": "ten"}, "/limit"),
        ({"limit": "9" * 30}, "/limit"),
        ({"cursor": ""}, "/cursor"),
        ({"cursor": "x"}, "/cursor"),
        ({"cursor": "bnVsbA"}, "/cursor"),
        ({"cursor": "\x00"}, "/cursor"),
        ({"cursor": "é"}, "/cursor"),
        ({"cursor": "A" * 3_000}, "/cursor"),
        ({"cursor": "A" * 3_001}, "/cursor"),
        ({"onlineonly": "true"}, "/onlineonly"),
        ({"keywords": "brake repair"}, "/keywords"),
        ({"a/b": "1"}, "/a~1b"),
    ],
    ids=lambda query: str(query)[:60],
)
def test_a_wrong_parameter_is_pointed_at(query: dict[str, str], where: str) -> None:
    assert pointers(**query) == [where]


def test_all_that_is_wrong_is_told_at_once() -> None:
    query = {"request_type": "x", "min_rating": "6", "limit": "0", "customer_country": "Atlantis"}
    assert sorted(pointers(**query, requested_brand="BMW")) == [
        "/customer_country",
        "/limit",
        "/min_rating",
        "/request_type",
    ]


@pytest.mark.parametrize(
    "query",
    [
        {"concern": ""},
        {"concern": "🚗💨\n" * 500},
        {"concern": "x" * 10_000},
        {"search": "x" * 200},
        {"search": "🚗"},
        {"min_rating": "0"},
        {"min_rating": "4.80000000000000000000000000000000000001"},
        {"online_only": "1", "local_only": "no"},
        {"customer_city": "Toronto"},
        {"customer_country": "u.k.", "customer_postal_code": "é"},
        {"request_type": "brand_specialist", "requested_brand": "a brand nobody knows"},
    ],
    ids=lambda query: str(query)[:60],
)
def test_what_is_unusual_is_answered_all_the_same(query: dict[str, str]) -> None:
    add("ada")
    assert ask(**query)[0] == 200


# Pages


def turn_pages(**query: Any) -> Iterator[Document]:
    found = browse(**query)
    yield found
    while cursor := found["next_cursor"]:
        found = browse(**query, cursor=cursor)
        yield found


def test_pages_follow_on_each_other_to_the_end() -> None:
    for number in range(12):
        add(f"m{number:02d}", on_shift=number % 2 == 0, rating=number % 3 + 2.5)
    (whole, rest), pages = list(turn_pages()), list(turn_pages(limit=5))
    assert [len(page["mechanics"]) for page in pages] == [5, 5, 2]
    in_order = [*ids(whole), *ids(rest)]
    assert [id_ for page in pages for id_ in ids(page)] == in_order
    assert len(set(in_order)) == 12
    assert {page["online_count"] for page in pages} == {6}


def test_a_page_that_is_just_full_is_the_last() -> None:
    for number in range(4):
        add(f"m{number}")
    assert [len(page["mechanics"]) for page in turn_pages(limit=2)] == [2, 2]


def test_nobody_is_shown_twice_or_left_out_though_presence_changes_between_pages(
    clock: Clock,
) -> None:
    for number in range(9):
        add(f"m{number}", on_shift=number < 6, rating=5 if number == 8 else 4.8)
    first = browse(limit=3)
    assert ids(first) == ["m0", "m1", "m2"]
    clock_out("m0")  # shown, and now behind
    clock_in("m8")  # not shown, and now before
    take_load("m3")
    clock.advance(seconds=1)
    second = browse(limit=3, cursor=first["next_cursor"])
    clock_in("m0")
    clock_out("m4")
    add("newcomer", rating=5)
    clock.advance(seconds=1)
    third = browse(limit=10, cursor=second["next_cursor"])
    assert ids(second) == ["m8", "m3", "m4"]
    assert ids(third) == ["newcomer", "m5", "m6", "m7"]
    assert third["next_cursor"] is None


def test_a_cursor_is_for_the_same_filters() -> None:
    for number in range(3):
        add(f"m{number}")
    cursor = browse(limit=1)["next_cursor"]
    assert ids(browse(limit=2, cursor=cursor)) == ["m1", "m2"]
    assert pointers(**IN_TORONTO, cursor=cursor, online_only="true") == ["/cursor"]
    assert pointers(cursor=cursor) == ["/cursor"]


# On a roster that is up to a second old


def test_a_list_is_at_most_a_second_old(clock: Clock) -> None:
    add("ada", on_shift=False)
    assert browse()["availability"] == "all_offline"
    clock_in("ada")
    clock.advance(milliseconds=999)
    assert browse()["availability"] == "all_offline"
    clock.advance(milliseconds=1)
    assert browse()["availability"] == "online"


def test_a_card_is_shown_as_the_mechanic_is_now() -> None:
    add("ada", rating=4.9)
    add("bea", rating=4.8)
    browse()
    mechanics.upsert(a_record(id="ada", name="Ada Smith", rating=4.9), NOON)
    clock_out("ada")
    bea, ada = browse()["mechanics"]
    assert (bea["id"], ada["id"], ada["name"]) == ("bea", "ada", "Ada Smith")
    assert ada["presence_status"] == "offline"
    assert ada["match_reasons"][0] == "Available soon"
    assert bea["match_score"] - ada["match_score"] == 30


def test_who_has_ceased_to_match_is_left_out() -> None:
    add("ada")
    add("bea")
    for filters in ({}, {"online_only": "true"}, {"search": "ada"}, {"min_rating": "4.5"}):
        assert ids(browse(**filters)) == ["ada", "bea"]
    clock_out("bea")
    assert ids(browse(online_only="true")) == ["ada"]
    assert ids(browse()) == ["ada", "bea"]
    mechanics.upsert(a_record(id="bea", name="Bea", rating=3), NOON)
    assert ids(browse(search="ada")) == ids(browse(min_rating="4.5")) == ["ada"]
    mechanics.upsert(a_record(id="bea", status="suspended"), NOON)
    assert ids(browse()) == ["ada"]


def test_who_has_vanished_is_left_out_and_the_next_page_goes_on() -> None:
    for mechanic_id in ("a", "b", "c"):
        add(mechanic_id)
    browse()
    key = encode(mechanic_items.key("b")._asdict())
    clients.dynamodb().delete_item(TableName=settings.table_name(), Key=key)
    pages = list(turn_pages(limit=2))
    assert [ids(page) for page in pages] == [["a"], ["c"]]


# What is read


class Noting:
    """The table's client, which notes what it is asked."""

    def __init__(self, client: Any, calls: list[tuple[str, Any]]) -> None:
        self._client, self._calls = client, calls

    def __getattr__(self, operation: str) -> Any:
        def call(**request: Any) -> Any:
            self._calls.append((operation.title().replace("_", ""), request))
            return getattr(self._client, operation)(**request)

        return call


@contextmanager
def reads() -> Iterator[list[tuple[str, Any]]]:
    """The calls to DynamoDB within the block, and what was asked."""
    calls: list[tuple[str, Any]] = []
    noting: Any = Noting(clients.dynamodb(), calls)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clients, "dynamodb", lambda: noting)
        yield calls


def names(calls: list[tuple[str, Any]]) -> list[str]:
    return sorted(name for name, _ in calls)


def batches(calls: list[tuple[str, Any]]) -> list[Any]:
    """What each batch get asks of the table."""
    asked = [asked["RequestItems"] for name, asked in calls if name == "BatchGetItem"]
    return [kind for items in asked for kind in items.values()]


def test_ten_cards_are_read_at_most_in_one_go_and_nobody_else(clock: Clock) -> None:
    for number in range(25):
        add(f"m{number:02d}")
    browse()
    with reads() as calls:
        found = browse()
    assert len(found["mechanics"]) == 10
    # The cards, their calendars, and the response times.
    assert names(calls) == ["BatchGetItem", "BatchGetItem", "Query"]
    for name, kind in zip(("MECHANIC", "CALENDAR"), batches(calls), strict=True):
        assert kind["ConsistentRead"]
        assert [key["pk"]["S"] for key in kind["Keys"]] == [f"{name}#m{n:02d}" for n in range(10)]
    with reads() as calls:
        browse(limit=3, cursor=found["next_cursor"])
    assert [len(kind["Keys"]) for kind in batches(calls)] == [3, 3]


def test_a_refresh_reads_the_index_by_its_partitions(clock: Clock) -> None:
    for number in range(12):
        add(f"mechanic-{number}")
    assert len(mechanics.partitions()) == 2
    browse()
    clock.advance(seconds=1)
    with reads() as calls:
        browse()
    indexes = [asked.get("IndexName") for name, asked in calls if name == "Query"]
    assert sorted(map(str, indexes)) == ["None", "roster", "roster"]  # two shards
    assert names(calls) == ["BatchGetItem", "BatchGetItem", "GetItem", "Query", "Query", "Query"]


def test_the_profile_is_read_only_where_it_is_needed() -> None:
    add("ada")
    browse()
    with reads() as calls:
        ask()
    (asked,) = [asked for name, asked in calls if name == "GetItem"]
    assert asked["Key"]["pk"] == {"S": "CUSTOMER#customer-1"}


def test_an_empty_page_reads_no_cards() -> None:
    browse()
    with reads() as calls:
        browse()
    assert names(calls) == ["Query"]


def test_only_local_matches_asked_for_leave_other_countries_alone() -> None:
    add("ca")
    add("us", country="US")
    with reads() as calls:
        browse(local_only="true")
    read = {
        asked["ExpressionAttributeValues"][":pk"]["S"]
        for name, asked in calls
        if asked.get("IndexName") == "roster"
    }
    assert {partition.split("#")[1] for partition in read} == {"CA"}
    assert browse()["online_count"] == 2


# How quickly mechanics answer


def an_accept(event_id: str, seconds: Any, at: Any = NOON) -> Document:
    stamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"id": event_id, "type": "OfferAccepted", "at": stamp, "response_s": seconds}


def test_the_average_is_that_of_the_accepts_that_were_told() -> None:
    for event_id, seconds in (("e1", 10), ("e2", 20.5), ("e3", 31)):
        matching.count_response(an_accept(event_id, seconds), NOON)
    assert browse()["average_response_s"] == 20.5


def test_an_accept_told_twice_in_any_order_counts_once() -> None:
    facts = [an_accept(f"e{number}", number) for number in range(6)]
    for fact in [*facts, *reversed(facts), *facts]:
        matching.count_response(fact, NOON + timedelta(seconds=1))
    assert matching.average_response_s(NOON) == 2.5


def test_the_accept_of_a_session_counts_however_often_it_is_told(world: World) -> None:
    world.mechanic("ada")
    session = world.book()
    world.clock.advance(seconds=42)
    world.accept(world.offer_to("ada").id, "ada")
    (fact,) = world.facts("OfferAccepted", session_id=session.id)
    for _ in range(3):
        matching.count_response({"response_s": 42} | fact, world.now)
    assert browse()["average_response_s"] == 42
    assert browse()["mechanics"][0]["presence_status"] == "busy"


def test_whatever_an_accept_fails_at_it_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost before it takes effect or after: the message comes again."""
    client = clients.dynamodb()
    write = client.transact_write_items

    def fail_before(**_: Any) -> None:
        raise ConnectionError

    def fail_after(**request: Any) -> None:
        write(**request)
        raise ConnectionError

    for failing in (fail_before, fail_after):
        with monkeypatch.context() as patch:
            patch.setattr(client, "transact_write_items", failing)
            with pytest.raises(ConnectionError):
                matching.count_response(an_accept("e1", 10), NOON)
    matching.count_response(an_accept("e1", 10), NOON)
    matching.count_response(an_accept("e2", 20), NOON)
    assert matching.average_response_s(NOON) == 15


def test_an_accepted_broadcast_was_offered_to_nobody() -> None:
    matching.count_response(an_accept("e1", None), NOON)
    fact = an_accept("e2", 1)
    del fact["response_s"]
    matching.count_response(fact, NOON)
    assert matching.average_response_s(NOON) is None


def test_the_average_is_of_the_last_168_whole_hours() -> None:
    accepted = NOON + timedelta(minutes=59)
    matching.count_response(an_accept("e1", 10, accepted), accepted)
    matching.count_response(an_accept("e2", 20, accepted), accepted + timedelta(days=2))
    week = timedelta(days=7)
    assert matching.average_response_s(NOON + week) == 15
    assert matching.average_response_s(NOON + week + timedelta(milliseconds=1)) is None
    assert matching.average_response_s(accepted + week) is None


def test_an_accept_that_is_told_after_a_week_is_not_counted_any_more() -> None:
    week = timedelta(days=7)
    matching.count_response(an_accept("e1", 10), NOON + week)
    assert matching.average_response_s(NOON) is None
    matching.count_response(an_accept("e1", 10), NOON + week - timedelta(milliseconds=1))
    assert matching.average_response_s(NOON) == 10


def test_what_is_kept_for_the_average_goes_in_time() -> None:
    with reads() as calls:
        matching.count_response(an_accept("e1", 10), NOON)
    ((_, asked),) = calls
    put, update = (next(iter(clause.values())) for clause in asked["TransactItems"])
    until = {"N": str(int((NOON + timedelta(days=14)).timestamp()))}
    assert put["Item"]["expires_ttl"] == until
    assert update["ExpressionAttributeValues"][":expires_ttl"] == until


def test_few_accepts_are_read_at_once_many_once_a_minute(clock: Clock) -> None:
    for number in range(matching.MANY_RESPONSES - 1):
        matching.count_response(an_accept(f"e{number}", 10), NOON)
    assert browse()["average_response_s"] == 10
    matching.count_response(an_accept("last of few", 20), NOON)
    assert browse()["average_response_s"] == 10.1
    matching.count_response(an_accept("one more", 1000), NOON)
    clock.advance(seconds=59)
    with reads() as calls:
        assert browse()["average_response_s"] == 10.1
    assert not [asked for name, asked in calls if name == "Query" and "IndexName" not in asked]
    clock.advance(seconds=1)
    assert browse()["average_response_s"] == 19.9
