"""A customer looks for a mechanic: who is there, and what to do if nobody is.

Each town has a brand of its own and everybody asks for its specialists, so that no other test's
mechanics are listed or counted.
"""

from typing import Any

import httpx

from tests.e2e.people import Document, Person, Town, answer, pointers, refused

PATH = "/mechanics/available"
WAYS_ON = ["schedule", "browse_offline", "join_waitlist"]


def _ask(town: Town, who: Person, **query: Any) -> httpx.Response:
    """For specialists of the town's brand."""
    wanted = {"request_type": "brand_specialist", "requested_brand": town.brand}
    return who.get(PATH, params=wanted | query)


def _browse(town: Town, who: Person, **query: Any) -> Document:
    """Once what others did a moment ago can be seen: a list may be a second old."""
    town.stack.advance(1)
    return dict(answer(_ask(town, who, **query)))


def _ids(found: Document) -> list[str]:
    return [mechanic["id"] for mechanic in found["mechanics"]]


def _presence(found: Document) -> dict[str, str]:
    return {mechanic["id"]: mechanic["presence_status"] for mechanic in found["mechanics"]}


def test_a_driver_sees_who_is_there_best_first_and_why(town: Town) -> None:
    home = {"country": "Iceland", "city": "Reykjavík", "postal_code": "101"}
    best, busy, off = town.mechanics(
        {**home, "name": "Ásta", "rating": 4.8, "service_keywords": ["brake repair"]},
        {"name": "Birkir", "rating": 4.6},
        {"name": "Dagný", "rating": 5, "currently_on_shift": False},
    )
    session_id = town.seek(town.customer())
    answer(busy.accept(busy.offer(session_id)))
    customer = town.customer()
    town.stack.seed(customers=[{"id": customer.id, **home}])

    found = _browse(town, customer, concern="It grinds when I brake, I need a brake repair")
    assert (found["availability"], found["online_count"], found["options"]) == ("online", 2, [])
    assert _ids(found) == [best.id, busy.id, off.id]
    assert _presence(found) == {best.id: "online", busy.id: "busy", off.id: "offline"}
    first = found["mechanics"][0]
    assert first["match_reasons"] == [
        "Available now",
        "Local match - Reykjavík 101",
        "Highly rated (4.8)",
        "Keyword match: brake repair",
        f"Brand specialist - {town.brand}",
    ]
    # 50 on shift, 25 country, 40 area, 35 city, 15 rating, 15 keyword, 30 brand
    assert (first["match_score"], first["badge"]) == (210, "high")
    assert (first["is_local_match"], first["is_brand_specialist"]) == (True, True)
    assert first["next_slot_at"] is None
    profile = answer(customer.get(f"/mechanics/{best.id}"))
    assert {name: first[name] for name in profile} == profile

    free = _browse(town, customer, online_only=True)
    assert _ids(free) == [best.id, busy.id]
    assert free["online_count"] == 2


def test_at_night_all_are_offline_and_there_are_three_ways_on(town: Town) -> None:
    early, late = town.mechanics({"rating": 4.9}, {"rating": 4.1})
    customer = town.customer()
    assert _browse(town, customer)["availability"] == "online"
    for mechanic in (early, late):
        answer(mechanic.clock("clock_out"))
    night = _browse(town, customer)
    assert (night["availability"], night["online_count"]) == ("all_offline", 0)
    assert night["options"] == WAYS_ON
    assert _presence(night) == {early.id: "offline", late.id: "offline"}
    assert all(mechanic["last_seen_at"] for mechanic in night["mechanics"])
    nobody = _browse(town, customer, online_only=True)
    assert (nobody["availability"], nobody["mechanics"]) == ("all_offline", [])
    answer(late.clock("clock_in"))
    morning = _browse(town, customer)
    assert (morning["availability"], morning["online_count"]) == ("online", 1)
    assert (_ids(morning), morning["options"]) == ([late.id, early.id], [])


def test_all_busy_is_not_offline(town: Town) -> None:
    mechanic = town.mechanic()
    session_id = town.seek(town.customer())
    answer(mechanic.accept(mechanic.offer(session_id)))
    found = _browse(town, town.customer())
    assert (found["availability"], found["online_count"], found["options"]) == ("online", 1, [])


def test_none_match_is_not_offline_either(town: Town) -> None:
    town.mechanic(rating=4.0, currently_on_shift=False)
    customer = town.customer()
    for query in ({"min_rating": "4.1"}, {"search": "nobody"}, {"local_only": True}):
        found = _browse(town, customer, **query)
        assert (found["availability"], found["mechanics"]) == ("none_match", []), query
        assert found["options"] == []


def test_a_name_is_found_by_its_beginning(town: Town) -> None:
    zoe, zoltan, _ = town.mechanics({"name": "Zoë Þórs"}, {"name": "Zoltán"}, {"name": "Jóna Zo"})
    customer = town.customer()
    assert set(_ids(_browse(town, customer, search="zo"))) == {zoe.id, zoltan.id}
    assert _ids(_browse(town, customer, search="ZOË  THO")) == [zoe.id]
    assert _ids(_browse(town, customer, search="þórs")) == []


def test_pages_hold_everyone_once_though_mechanics_come_and_go(town: Town) -> None:
    records = [{"rating": 5 - n / 10, "currently_on_shift": n < 8} for n in range(11)]
    people = town.mechanics(*records)
    customer = town.customer()
    first = _browse(town, customer, limit=4)
    assert _ids(first) == [person.id for person in people[:4]]
    answer(people[0].clock("clock_out"))
    answer(people[10].clock("clock_in"))
    second = _browse(town, customer, limit=4, cursor=first["next_cursor"])
    answer(people[4].clock("clock_out"))
    third = _browse(town, customer, limit=10, cursor=second["next_cursor"])
    assert third["next_cursor"] is None
    assert _ids(second) == [person.id for person in people[4:8]]
    assert _ids(third) == [person.id for person in (people[10], *people[8:10])]
    other_filters = _ask(town, customer, cursor=first["next_cursor"], online_only=True)
    assert pointers(other_filters) == ["/cursor"]


def test_any_signed_in_caller_may_look_and_nobody_else(town: Town) -> None:
    mechanic = town.mechanic()
    for who in (town.customer(), mechanic, town.person("admin")):
        assert _ids(_browse(town, who)) == [mechanic.id]
    assert town.http.get(PATH).status_code == 401


def test_what_is_wrong_is_pointed_at(town: Town) -> None:
    customer = town.customer()
    wrong = {"limit": 11, "min_rating": "six", "customer_country": "Atlantis", "serach": "ada"}
    assert pointers(_ask(town, customer, **wrong)) == [
        "/customer_country",
        "/limit",
        "/min_rating",
        "/serach",
    ]
    refused(customer.get(f"{PATH}?cursor=%00"), 422)
    assert answer(customer.get(PATH))["availability"] in ("online", "all_offline", "none_match")
