"""The main job: a driver in Toronto is matched, three mechanics are asked, one helps her.

The story is played once; each test looks at one side of it. Points and reasons are counted by hand
from the table of ``domain.md``. Canada is this module's: no other end-to-end test has mechanics
there, and who is elsewhere scores less than anybody here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from dispatch.core.time import parse_time
from local.stack import RunningStack
from tests.e2e.people import SIGNATURE, STORY, VIN, Document, Person, Town, answer, refused

CONCERN = "Check engine light on, rough idle, need diagnostics"
TORONTO = {"country": "Canada", "state_province": "Ontario", "city": "Toronto"}
DIAGNOSTICS = ["engine diagnostic"]
FIVE = {
    "A": {
        **TORONTO,
        "postal_code": "M5V 2B2",
        "certified": True,
        "years_of_experience": 5,
        "rating": 4.8,
        "service_keywords": ["engine diagnostic", "check engine light"],
        "email": "a@mechanic.example",
        "phone": "+1 416 555 0199",
    },
    "B": {
        **TORONTO,
        "postal_code": "M6K 1B1",
        "years_of_experience": 3,
        "rating": 4.5,
        "service_keywords": DIAGNOSTICS,
    },
    "C": {
        "country": "CA",
        "state_province": "BC",
        "city": "Vancouver",
        "postal_code": "V6B 2W9",
        "years_of_experience": 10,
        "rating": 4.9,
        "profile_completion": 95,
    },
    "D": {**TORONTO, "postal_code": "m5v3a1", "rating": 4.2, "currently_on_shift": False},
    "E": {
        "country": "Canada",
        "state_province": "Quebec",
        "city": "Montreal",
        "postal_code": "H2X 1Y4",
        "years_of_experience": 8,
        "rating": 4.6,
        "currently_on_shift": False,
    },
}
PLATFORMS = {"A": "fcm", "B": "apns", "C": "apns_sandbox", "D": "fcm", "E": "fcm"}

# 50 on shift, 25 country, 40 area, 35 city, 10 years, 15 rating, 10 certified, 2 x 15 keywords
A_SCORES = 215
# 50 on shift, 25 country, 35 city, 15 rating, 15 keyword
B_SCORES = 140
# 50 on shift, 25 country, 20 years, 15 rating, 8 complete profile
C_SCORES = 118
# Once on shift, 50 + 25 + 40 + 35 + 10 rating; off shift 30 less: still more than C.
D_SCORES = 160
# Once on shift, 50 + 25 + 10 years + 15 rating.
E_SCORES = 100


@dataclass(frozen=True, slots=True)
class Story:
    """Who is in it, and what they were answered, in this order."""

    town: Town
    customer: Person
    mechanics: dict[str, Person]
    session_id: str
    booked: Document
    signed: Document
    queues: dict[str, Document]
    pushes: dict[str, list[Document]]
    outsider_asks: Any
    accepted: Document
    refused: Document
    accepted_again: Document
    queues_after_accept: dict[str, Document]
    customer_told: list[Document]
    mechanic_joined: Document
    live: Document
    ended: Document
    customers_view: Document


@pytest.fixture(scope="module")
def story(stack: RunningStack) -> Iterator[Story]:
    with Town(stack) as town:
        yield _played(town)


def _played(town: Town) -> Story:
    people = town.mechanics(*({"name": f"Mechanic {name}"} | who for name, who in FIVE.items()))
    mechanics = dict(zip(FIVE, people, strict=True))
    customer = town.customer()
    for name, mechanic in mechanics.items():
        _register(mechanic, PLATFORMS[name])
    _register(customer, "fcm")

    booked = answer(customer.post("/intake/start", _intake()), 201)
    session_id = booked["session_id"]
    signed = answer(customer.act(session_id, "waiver", SIGNATURE))
    town.stack.drain()
    queues = {name: mechanic.queue() for name, mechanic in mechanics.items()}
    pushes = {name: town.pushes(mechanic, "offer_made") for name, mechanic in mechanics.items()}

    a, b = mechanics["A"], mechanics["B"]
    offer_to_a, offer_to_b = a.offer(session_id), b.offer(session_id)
    outsider_asks = a.get(f"/sessions/{session_id}")
    accepted = answer(a.accept(offer_to_a))
    refusal = refused(b.accept(offer_to_b), 409, "taken")
    accepted_again = answer(a.accept(offer_to_a))
    town.stack.drain()
    queues_after_accept = {name: mechanic.queue() for name, mechanic in mechanics.items()}
    customer_told = town.pushes(customer, "offer_accepted")

    mechanic_joined = answer(a.act(session_id, "join"))
    live = answer(customer.act(session_id, "join"))
    town.stack.advance(8 * 60)
    ended = answer(a.act(session_id, "end"))
    town.stack.drain()
    return Story(
        town=town,
        customer=customer,
        mechanics=mechanics,
        session_id=session_id,
        booked=booked,
        signed=signed,
        queues=queues,
        pushes=pushes,
        outsider_asks=outsider_asks,
        accepted=accepted,
        refused=refusal,
        accepted_again=accepted_again,
        queues_after_accept=queues_after_accept,
        customer_told=customer_told,
        mechanic_joined=mechanic_joined,
        live=live,
        ended=ended,
        customers_view=customer.session(session_id),
    )


def _register(person: Person, platform: str) -> None:
    device = {"platform": platform, "token": f"token-of-{person.id}"}
    answer(person.call("PUT", f"/devices/phone-of-{person.id}", device))


def _intake() -> Document:
    return {
        "plan": "free",
        "payment_method": "free",
        "name": "Jo Driver",
        "email": "jo@driver.example",
        "phone": "(416) 555-0100",
        "customer_country": "Canada",
        "customer_state_province": "Ontario",
        "customer_city": "Toronto",
        "customer_postal_code": "M5V 1A1",
        "vehicle": {"year": 2019, "make": "Honda", "model": "Civic", "vin": VIN},
        "concern": CONCERN,
    }


# Booking and signing


def test_the_booking_tells_its_keywords_and_what_to_do_next(story: Story) -> None:
    assert story.booked == {
        "session_id": story.session_id,
        "status": "awaiting_waiver",
        "next": "sign_waiver",
        "keywords": ["check engine light", "engine diagnostic"],
        "price_cents": 0,
        "credits": 0,
        "scheduled_start": None,
    }


def test_signed_it_is_pending(story: Story) -> None:
    assert (story.signed["status"], story.signed["next"]) == ("pending", None)
    assert story.signed["concern"] == CONCERN
    assert story.signed["mechanic"] is None


# Who is asked


def test_the_three_best_on_shift_are_asked(story: Story) -> None:
    """D, off shift, is worth 130 and ranked before C, but only who is there is asked."""
    scores = {
        name: [row["match_score"] for row in queue["mine"]] for name, queue in story.queues.items()
    }
    assert scores == {"A": [A_SCORES], "B": [B_SCORES], "C": [C_SCORES], "D": [], "E": []}


def test_each_is_told_why(story: Story) -> None:
    reasons = {name: story.queues[name]["mine"][0]["match_reasons"] for name in "ABC"}
    assert reasons == {
        "A": [
            "Available now",
            "Local match - Toronto FSA M5V",
            "5+ years experience",
            "Highly rated (4.8)",
            "Professionally Certified",
            "Keyword match: check engine light",
            "Keyword match: engine diagnostic",
        ],
        "B": [
            "Available now",
            "Same city - Toronto",
            "Highly rated (4.5)",
            "Keyword match: engine diagnostic",
        ],
        "C": [
            "Available now",
            "Same country - Canada",
            "10+ years experience",
            "Highly rated (4.9)",
            "Complete profile",
        ],
    }


def test_a_row_of_the_queue_has_every_field_of_the_contract(story: Story) -> None:
    (row,) = story.queues["A"]["mine"]
    offered_at, expires_at = row["offered_at"], row["expires_at"]
    assert (parse_time(expires_at) - parse_time(offered_at)).total_seconds() == 300
    assert 0 < row["expires_in_s"] <= 300
    assert row == {
        "id": row["id"],
        "session_id": story.session_id,
        "status": "offered",
        "mechanic_id": story.mechanics["A"].id,
        "match_score": A_SCORES,
        "match_reasons": row["match_reasons"],
        "badge": "high",
        "priority": "high",
        "offered_at": offered_at,
        "expires_at": expires_at,
        "expires_in_s": row["expires_in_s"],
        "metadata": {
            "match_type": "targeted",
            "reason": "; ".join(row["match_reasons"]),
            "is_brand_specialist": False,
            "is_local_match": True,
        },
        "session": {
            "id": story.session_id,
            "type": "chat",
            "plan": "free",
            "status": "pending",
            "urgent": False,
            "created_at": story.signed["created_at"],
            "scheduled_start": None,
            "scheduled_end": None,
            "vehicle": {"year": 2019, "make": "Honda", "model": "Civic"},
            "keywords": ["check engine light", "engine diagnostic"],
            "concern_preview": CONCERN,
            "city": "Toronto",
        },
    }


def test_badge_priority_and_place_go_by_the_match(story: Story) -> None:
    rows = {name: story.queues[name]["mine"][0] for name in "ABC"}
    assert {name: (row["badge"], row["priority"]) for name, row in rows.items()} == {
        "A": ("high", "high"),
        "B": ("good", "normal"),
        "C": ("good", "normal"),
    }
    local = {name: row["metadata"]["is_local_match"] for name, row in rows.items()}
    assert local == {"A": True, "B": True, "C": False}


def test_an_offer_comes_instead_of_the_broadcast_and_off_shift_nothing_comes(story: Story) -> None:
    totals = {
        name: (queue["total"], queue["unassigned"], queue["poll_after_s"])
        for name, queue in story.queues.items()
    }
    assert totals == {name: (1, [], 3) for name in "ABC"} | {name: (0, [], 30) for name in "DE"}


# Pushes. Collapse id and TTL of APNs are attributes of the message to SNS, which the stack's list
# of pushes does not show: tests/unit/test_notice_rules.py has them.


def test_each_who_is_asked_is_pushed_once(story: Story) -> None:
    assert {name: len(pushes) for name, pushes in story.pushes.items()} == {
        "A": 1,
        "B": 1,
        "C": 1,
        "D": 0,
        "E": 0,
    }
    for name in "ABC":
        mechanic = story.mechanics[name]
        (push,) = story.pushes[name]
        assert (push["user_id"], push["device_id"]) == (mechanic.id, f"phone-of-{mechanic.id}")


def test_a_push_by_fcm_replaces_its_repeat_and_lives_as_long_as_the_offer(story: Story) -> None:
    (push,) = story.pushes["A"]
    message = push["payload"]["fcmV1Message"]["message"]
    tag = message["android"]["collapse_key"]
    ttl = message["android"].pop("ttl")
    assert message == {
        "notification": {
            "title": "New session for you",
            "body": "check engine light, engine diagnostic - Toronto",
        },
        "data": {
            "type": "offer_made",
            "notice_id": f"{story.queues['A']['mine'][0]['id']}-push",
            "session_id": story.session_id,
            "assignment_id": story.queues["A"]["mine"][0]["id"],
        },
        "android": {
            "priority": "high",
            "collapse_key": tag,
            "notification": {"tag": tag},
        },
    }
    assert 0 < len(tag.encode()) <= 64
    assert 0 < int(ttl.removesuffix("s")) <= 300


@pytest.mark.parametrize("name", ["B", "C"])
def test_a_push_by_apns_carries_the_same(story: Story, name: str) -> None:
    (push,) = story.pushes[name]
    payload = push["payload"]
    assert payload == {
        "aps": {
            "alert": {
                "title": "New session for you",
                "body": "check engine light, engine diagnostic - Toronto",
            },
            "sound": "default",
        },
        "type": "offer_made",
        "notice_id": f"{story.queues[name]['mine'][0]['id']}-push",
        "session_id": story.session_id,
        "assignment_id": story.queues[name]["mine"][0]["id"],
    }


# One accepts


def test_who_accepts_has_the_session_and_learns_whom_to_help(story: Story) -> None:
    assert (story.accepted["status"], story.accepted["next"]) == ("waiting", "join")
    assert story.accepted["mechanic"]["id"] == story.mechanics["A"].id
    assert story.accepted["customer"] == {
        "id": story.customer.id,
        "name": "Jo Driver",
        "phone": "+14165550100",
    }
    assert story.accepted["concern"] == CONCERN
    assert story.accepted["vehicle"]["vin"] == VIN


def test_who_comes_second_is_told_it_is_taken(story: Story) -> None:
    assert story.refused == {
        "type": "/problems/conflict",
        "title": "Conflict",
        "status": 409,
        "detail": "Another mechanic has taken this session.",
        "reason": "taken",
    }


def test_the_winners_repeat_gets_the_same_answer(story: Story) -> None:
    assert story.accepted_again == story.accepted


def test_every_other_row_is_gone(story: Story) -> None:
    (row,) = story.queues_after_accept["A"]["mine"]
    assert (row["status"], row["session"]["status"]) == ("accepted", "waiting")
    assert (row["expires_at"], row["expires_in_s"]) == (None, None)
    others = {name: story.queues_after_accept[name]["total"] for name in "BCDE"}
    assert others == {"B": 0, "C": 0, "D": 0, "E": 0}


def test_the_customer_is_told(story: Story) -> None:
    (push,) = story.customer_told
    message = push["payload"]["fcmV1Message"]["message"]
    assert message["notification"]["title"] == "We have found you a mechanic"
    assert message["data"]["session_id"] == story.session_id


# They talk


def test_live_when_both_have_come(story: Story) -> None:
    joined, live = story.mechanic_joined, story.live
    assert (joined["status"], joined["next"], joined["live_at"]) == ("waiting", None, None)
    assert (live["status"], live["next"]) == ("live", None)
    length = parse_time(live["ends_by"]) - parse_time(live["live_at"])
    assert length.total_seconds() == (15 + 10) * 60


def test_completed_when_one_ends_it(story: Story) -> None:
    assert (story.ended["status"], story.ended["ended_by"]) == ("completed", "mechanic")
    assert story.customers_view["status"] == "completed"
    assert story.mechanics["A"].load() == 0
    assert len(story.town.pushes(story.customer, "session_completed")) == 1


def test_the_customer_sees_the_public_profile_of_the_mechanic(story: Story) -> None:
    assert story.customers_view["mechanic"] == {
        "id": story.mechanics["A"].id,
        "name": "Mechanic A",
        "photo_url": None,
        "rating": 4.8,
        "years_of_experience": 5,
        "completed_sessions": 1,
        "certified": True,
        "brand_specializations": [story.town.brand],
        "service_keywords": ["engine diagnostic", "check engine light"],
        "city": "Toronto",
        "country": "CA",
    }


def test_anybody_sees_it_with_presence_and_without_contact(story: Story) -> None:
    seen = answer(story.town.customer().get(f"/mechanics/{story.mechanics['A'].id}"))
    assert seen.pop("presence_status") == "online"
    assert parse_time(seen.pop("last_seen_at"))
    assert seen == story.customers_view["mechanic"]


# What has happened


@pytest.mark.parametrize("side", ["customer", "mechanic"])
def test_both_sides_see_the_timeline(story: Story, side: str) -> None:
    who = story.customer if side == "customer" else story.mechanics["A"]
    timeline = who.timeline(story.session_id)
    assert [fact["type"] for fact in timeline] == STORY
    assert [fact["at"] for fact in timeline] == sorted(fact["at"] for fact in timeline)
    details = {fact["type"]: fact["detail"] for fact in timeline}
    assert details["OffersMade"]["mechanics_asked"] == 3
    accepted = details["OfferAccepted"]
    assert parse_time(accepted.pop("mechanic_due_by")) > parse_time(timeline[4]["at"])
    assert accepted == {
        "match_type": "targeted",
        "mechanic_id": story.mechanics["A"].id,
        "assignment_id": story.queues["A"]["mine"][0]["id"],
    }
    assert details["SessionCompleted"]["ended_by"] == "mechanic"


@pytest.mark.parametrize("side", ["customer", "mechanic"])
def test_no_timeline_tells_of_other_mechanics_or_of_scores(story: Story, side: str) -> None:
    who = story.customer if side == "customer" else story.mechanics["A"]
    text = who.get(f"/sessions/{story.session_id}/events").text
    assert not [name for name in "BCDE" if story.mechanics[name].id in text]
    assert not [name for name in "BC" if story.queues[name]["mine"][0]["id"] in text]
    assert "score" not in text
    assert "reasons" not in text


def test_a_timeline_is_paged(story: Story) -> None:
    path = f"/sessions/{story.session_id}/events?limit=4"
    pages = [answer(story.customer.get(path))]
    while cursor := pages[-1]["next_cursor"]:
        pages.append(answer(story.customer.get(f"{path}&cursor={cursor}")))
    assert [len(page["items"]) for page in pages] == [4, 4, 1]
    assert [fact["type"] for page in pages for fact in page["items"]] == STORY


def test_both_sides_list_the_session_and_nobody_else_does(story: Story) -> None:
    for who in (story.customer, story.mechanics["A"]):
        (item,) = answer(who.get("/sessions"))["items"]
        assert (item["id"], item["status"]) == (story.session_id, "completed")
        assert item["mechanic_id"] == story.mechanics["A"].id
    for name in "BCDE":
        assert answer(story.mechanics[name].get("/sessions"))["items"] == []


def test_who_is_not_of_the_session_does_not_find_it(story: Story) -> None:
    refused(story.outsider_asks, 404)  # the best match, asked but not accepted yet
    for other in (story.mechanics["B"], story.town.customer()):
        refused(other.get(f"/sessions/{story.session_id}"), 404)
        refused(other.get(f"/sessions/{story.session_id}/events"), 404)
        refused(other.act(story.session_id, "join"), 404)
        refused(other.act(story.session_id, "end"), 404)
    stranger = story.town.customer()
    refused(stranger.act(story.session_id, "waiver", SIGNATURE), 404)
    refused(stranger.act(story.session_id, "cancel"), 404)
    refused(story.mechanics["C"].accept(story.queues["A"]["mine"][0]), 404)


def test_the_late_shift_scores_as_the_table_says(story: Story) -> None:
    """D and E come, the others go home: what D and E are worth shows in their offers."""
    town, mechanics = story.town, story.mechanics
    try:
        for name in "ABC":
            answer(mechanics[name].clock("clock_out"))
        for name in "DE":
            answer(mechanics[name].clock("clock_in"))
        driver = town.customer()
        booked = answer(driver.post("/intake/start", _intake()), 201)
        session_id = booked["session_id"]
        answer(driver.act(session_id, "waiver", SIGNATURE))
        town.stack.drain()
        d, e = mechanics["D"].offer(session_id), mechanics["E"].offer(session_id)
        assert (d["match_score"], e["match_score"]) == (D_SCORES, E_SCORES)
        assert d["match_reasons"] == [
            "Available now",
            "Local match - Toronto FSA M5V",
            "Well rated (4.2)",
        ]
        assert e["match_reasons"] == [
            "Available now",
            "Same country - Canada",
            "5+ years experience",
            "Highly rated (4.6)",
        ]
        assert (d["badge"], e["badge"]) == ("high", "good")
        answer(driver.act(session_id, "cancel"))
    finally:
        for name in "DE":
            mechanics[name].clock("clock_out")
        for name in "ABC":
            mechanics[name].clock("clock_in")


# What a mechanic may know before accepting


LONG_CONCERN = f"{'It rattles when I brake. ' * 20}My gate code is 4711."
SECRETS = ["Jo Driver", "jo@driver.example", "5550100", "555 0100", VIN, "4711", "101 Reykjavik"]


def _secrets_in(*texts: str) -> set[str]:
    return {secret for secret in SECRETS for text in texts if secret in text}


def test_before_the_accept_nobody_learns_who_the_customer_is(town: Town) -> None:
    asked, passes = town.mechanics({"rating": 4.9}, {"rating": 4.8})
    town.mechanic(rating=4.7)
    free = town.mechanic()
    customer = town.customer()
    session_id = town.seek(
        customer, concern=LONG_CONCERN, customer_postal_code="101 Reykjavik", name="Jo Driver"
    )
    offer, broadcast = asked.get("/mechanic/queue"), free.get("/mechanic/queue")
    declined = passes.decline(passes.offer(session_id))
    assert _secrets_in(offer.text, broadcast.text, answer(declined) and declined.text) == set()
    assert customer.id not in offer.text + broadcast.text + declined.text
    (row,) = answer(offer)["mine"]
    preview = row["session"]["concern_preview"]
    assert 100 < len(preview) <= 140
    assert preview.endswith("…")
    assert LONG_CONCERN.startswith(preview[:-1])

    accepted = asked.accept(row)
    assert _secrets_in(accepted.text) == {"Jo Driver", "5550100", VIN, "4711"}
    released = asked.release(row)
    assert _secrets_in(answer(released) and released.text) == set()
    refused(asked.get(f"/sessions/{session_id}"), 404)


# Cancelling


def test_a_pending_session_is_cancelled_with_its_offers(town: Town) -> None:
    mechanic, customer = town.mechanic(), town.customer()
    session_id = town.seek(customer)
    offer = mechanic.offer(session_id)
    cancelled = answer(customer.act(session_id, "cancel", {"reason": "fixed it myself"}))
    assert cancelled["status"] == "cancelled"
    assert cancelled["end_reason"] == "fixed it myself"
    assert cancelled["refund"] == {"percent": 100, "price_cents": 0, "credits": 0}
    refused(mechanic.accept(offer), 409, "cancelled")
    assert mechanic.queue()["total"] == 0
    assert answer(customer.act(session_id, "cancel")) == cancelled


def test_a_waiting_session_is_cancelled_and_its_mechanic_is_free_and_told(town: Town) -> None:
    mechanic, customer = town.mechanic(), town.customer()
    _register(mechanic, "fcm")
    session_id = town.seek(customer)
    answer(mechanic.accept(mechanic.offer(session_id)))
    assert mechanic.load() == 1
    assert answer(customer.act(session_id, "cancel"))["refund"]["percent"] == 100
    town.stack.drain()
    assert mechanic.load() == 0
    assert mechanic.queue()["total"] == 0
    assert len(town.pushes(mechanic, "session_cancelled")) == 1


def test_nothing_is_refunded_once_the_mechanic_has_joined(town: Town) -> None:
    mechanic, customer = town.mechanic(), town.customer()
    session_id = town.seek(customer)
    answer(mechanic.accept(mechanic.offer(session_id)))
    answer(mechanic.act(session_id, "join"))
    assert answer(customer.act(session_id, "cancel"))["refund"]["percent"] == 0


def test_a_live_session_is_ended_not_cancelled(town: Town) -> None:
    mechanic, customer = town.mechanic(), town.customer()
    session_id = town.seek(customer)
    refused(customer.act(session_id, "end"), 409, "illegal_move")
    answer(mechanic.accept(mechanic.offer(session_id)))
    answer(mechanic.act(session_id, "join"))
    answer(customer.act(session_id, "join"))
    problem = refused(customer.act(session_id, "cancel"), 409, "illegal_move")
    assert problem["current_status"] == "live"
    assert answer(customer.act(session_id, "end"))["ended_by"] == "customer"


def test_one_active_session_at_a_time(town: Town) -> None:
    customer = town.customer()
    first = town.book(customer)
    problem = refused(customer.post("/intake/start", town.intake()), 409, "active_session")
    assert problem["session_id"] == first
    answer(customer.act(first, "cancel"))
    second = town.book(customer)
    answer(customer.act(second, "cancel"))
    third = town.book(customer)

    page = answer(customer.get("/sessions?limit=2"))
    assert [item["id"] for item in page["items"]] == [third, second]
    rest = answer(customer.get(f"/sessions?limit=2&cursor={page['next_cursor']}"))
    assert [item["id"] for item in rest["items"]] == [first]
    assert rest["next_cursor"] is None


# Paying


def test_a_customer_pays_by_credits_and_gets_them_back(town: Town) -> None:
    customer, admin = town.customer(), town.person("admin")
    path = f"/admin/customers/{customer.id}/credits"
    refused(customer.post(path, {"amount": 40, "reason": "please"}), 403)
    granted = answer(admin.post(path, {"amount": 30, "reason": "Welcome"}, key="once"), 201)
    assert answer(admin.post(path, {"amount": 30, "reason": "Welcome"}, key="once"), 201) == (
        granted
    )
    by_credits = {"payment_method": "credits"}
    problem = refused(
        customer.post("/intake/start", town.intake(plan="diagnostic", **by_credits)),
        402,
        "insufficient_credits",
    )
    assert (problem["balance"], problem["missing"]) == (30, 10)

    session_id = town.seek(customer, plan="standard", **by_credits)
    assert answer(customer.get("/customer/credits"))["balance"] == 5
    cancelled = answer(customer.act(session_id, "cancel"))
    assert cancelled["refund"] == {"percent": 100, "price_cents": 0, "credits": 25}
    ledger = answer(customer.get("/customer/credits"))
    assert ledger["balance"] == 30
    assert [(entry["kind"], entry["amount"]) for entry in ledger["items"]] == [
        ("refund", 25),
        ("booking", -25),
        ("grant", 30),
    ]


def test_another_customer_pays_by_stripe_and_gets_the_money_back(
    stack: RunningStack, town: Town
) -> None:
    mechanic, customer = town.mechanic(), town.customer()
    session_id = town.seek(customer, plan="quick", payment_method="stripe")
    assert customer.session(session_id)["next"] == "pay"
    assert not mechanic.was_asked(session_id)
    stack.stripe("down", down=True)
    assert "Try again" in refused(customer.act(session_id, "checkout"), 503)["detail"]
    stack.stripe("down", down=False)
    page = answer(customer.act(session_id, "checkout"))
    assert answer(customer.act(session_id, "checkout")) == page

    assert stack.stripe("pay", session_id=session_id, deliver=2)["answers"] == [200, 200]
    stack.drain()
    assert customer.session(session_id)["status"] == "pending"
    assert mechanic.was_asked(session_id)

    cancelled = answer(customer.act(session_id, "cancel"))
    assert cancelled["refund"] == {"percent": 100, "price_cents": 999, "credits": 0}
    stack.drain()
    (refund,) = [
        refund
        for refund in stack.stripe_told()["refunds"]
        if session_id in refund["metadata"].values()
    ]
    assert refund["amount"] == 999
    assert set(stack.stripe("deliver")["answers"]) == {200}
    assert {"PaymentReceived", "RefundDue", "RefundMade"} <= set(customer.events(session_id))
