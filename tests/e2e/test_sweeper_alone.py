"""The sweeper over HTTP, where no ring or no fact is heard: it alone brings all to its end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack import RunningStack, running_stack
from local.template import read
from tests.e2e.people import Person, Town, answer

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def deaf_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack whose timers hear nothing: neither facts nor rings."""
    source = """      Events:
        Messages:
          Type: SQS
          Properties:
            Queue: !GetAtt TimersQueue.Arn
            BatchSize: 10
            FunctionResponseTypes: [ReportBatchItemFailures]
"""
    template = _without(tmp_path_factory.mktemp("deaf"), source)
    with running_stack(template=template) as stack:
        yield stack


@pytest.fixture
def deaf_town(deaf_stack: RunningStack) -> Iterator[Town]:
    """Of the test's own: whoever else is on shift there is asked as well."""
    with Town(deaf_stack) as town:
        yield town


@pytest.fixture
def forgetful_town(tmp_path: Path) -> Iterator[Town]:
    """A stack in which nobody hears that a session is pending or that capacity is left."""
    template = _without(tmp_path, "          - SessionPending\n", "          - CapacityLeft\n")
    with running_stack(template=template) as stack, Town(stack) as town:
        yield town


def _without(folder: Path, *parts: str) -> Path:
    """The template, here, without these parts wherever they stand."""
    text = (ROOT / "template.yaml").read_text()
    for part in parts:
        assert part in text
        text = text.replace(part, "")
    template = folder / "template.yaml"
    template.write_text(text)
    for name in ("functions", "layers"):
        (folder / name).symlink_to(ROOT / name)
    assert read(template)
    return template


def test_the_sweeper_ends_offers_nobody_was_reminded_of(deaf_town: Town) -> None:
    mechanic = deaf_town.mechanic()
    customer = deaf_town.customer()
    session_id = deaf_town.seek(customer)
    deaf_town.stack.advance(15 * 60)
    assert customer.events(session_id)[-2:] == ["OffersExpired", "BroadcastAnnounced"]
    answer(mechanic.accept(mechanic.broadcast(session_id)))


def test_the_sweeper_ends_what_nobody_signs_takes_joins_or_ends(deaf_town: Town) -> None:
    unsigned, unfilled, unjoined, overlong = (deaf_town.customer() for _ in range(4))
    first, second = deaf_town.mechanics({"rating": 5.0}, {"rating": 4.0})
    sessions = {
        unjoined: deaf_town.seek(unjoined),
        overlong: deaf_town.seek(overlong),
        unsigned: deaf_town.book(unsigned),
    }
    answer(first.accept(first.offer(sessions[unjoined])))
    deaf_town.stack.drain()
    assert "OffersExpired" in overlong.events(sessions[overlong]), "the first passed theirs on"
    answer(second.accept(second.offer(sessions[overlong])))
    for side in (second, overlong):
        answer(side.act(sessions[overlong], "join"))
    sessions[unfilled] = deaf_town.seek(unfilled)
    deaf_town.stack.advance(60 * 60)
    assert {
        name: customer.events(sessions[customer])
        for name, customer in (("unsigned", unsigned), ("overlong", overlong))
    } == {
        "unsigned": ["SessionBooked", "SessionCancelled"],
        "overlong": [
            "SessionBooked",
            "WaiverSigned",
            "SessionPending",
            "OffersMade",
            "OffersExpired",
            "OfferAccepted",
            "MechanicJoined",
            "CustomerJoined",
            "SessionStarted",
            "SessionCompleted",
        ],
    }
    assert "MechanicNotJoined" in unjoined.events(sessions[unjoined])
    for customer in (unfilled, unjoined):
        assert "SessionUnfilled" in customer.events(sessions[customer])


def test_the_sweeper_ends_a_shift_nobody_ended(deaf_town: Town) -> None:
    mechanic = deaf_town.mechanic()
    deaf_town.stack.advance(12 * 3600 + 300)
    (shift,) = answer(mechanic.get("/mechanic/shifts"))["items"]
    assert shift["cause"] == "twelve_hours"


def test_the_sweeper_gives_the_next_their_turn_when_a_claim_has_run_out(deaf_town: Town) -> None:
    mechanic = deaf_town.mechanic(currently_on_shift=False)
    first, second = deaf_town.customer(), deaf_town.customer()
    for customer in (first, second):
        wish = {"target": "mechanic", "mechanic_id": mechanic.id}
        answer(customer.post("/customer/waitlist/join", wish), 201)
    answer(mechanic.clock("clock_in"))
    deaf_town.stack.drain()
    assert [_was_told(first), _was_told(second)] == [True, False]
    deaf_town.stack.advance(15 * 60)
    assert _was_told(second)


def test_the_sweeper_seeks_for_a_session_and_tells_of_capacity_nobody_heard_of(
    forgetful_town: Town,
) -> None:
    town = forgetful_town
    asked, driver = town.mechanic(), town.customer()
    session_id = town.seek(driver)
    assert not asked.was_asked(session_id)
    comes, waits = town.mechanic(currently_on_shift=False), town.customer()
    wish = {"target": "mechanic", "mechanic_id": comes.id}
    answer(waits.post("/customer/waitlist/join", wish), 201)
    answer(driver.act(session_id, "cancel", {"reason": "It goes again"}))
    town.stack.drain()
    answer(comes.clock("clock_in"))
    town.stack.drain()
    assert not _was_told(waits)
    again = town.seek(driver)
    town.stack.advance(10 * 60)
    assert _was_told(waits)
    assert "OffersMade" in driver.events(again)


def _was_told(customer: Person) -> bool:
    """Of a turn on the waitlist, once at least."""
    notices = answer(customer.get("/notifications"))["items"]
    return "waitlist_told" in [notice["type"] for notice in notices]
