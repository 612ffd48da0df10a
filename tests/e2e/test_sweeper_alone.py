"""The sweeper over HTTP, where no ring is ever heard: it alone brings everything to its end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack import running_stack
from local.template import read
from tests.e2e.people import Town, answer

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def deaf_town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A stack whose timers hear nothing: neither facts nor rings."""
    text = (ROOT / "template.yaml").read_text()
    source = """        Messages:
          Type: SQS
          Properties:
            Queue: !GetAtt TimersQueue.Arn
            BatchSize: 10
            FunctionResponseTypes: [ReportBatchItemFailures]
"""
    assert source in text
    deaf = tmp_path_factory.mktemp("deaf") / "template.yaml"
    deaf.write_text(text.replace(f"      Events:\n{source}", ""))
    for folder in ("functions", "layers"):
        (deaf.parent / folder).symlink_to(ROOT / folder)
    assert read(deaf)
    with running_stack(template=deaf) as stack, Town(stack) as town:
        yield town


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
