"""The profile editor over its own handler: what is kept, shown, refused, and to whom."""

from datetime import timedelta
from typing import Any

import pytest

from dispatch.calendar import service as calendar
from dispatch.matching import service as matching
from dispatch.matching.views import AvailableMechanic
from dispatch.mechanics import service as mechanics
from dispatch.mechanics.model import Mechanic
from dispatch.mechanics.views import MechanicView, PublicMechanic
from dispatch.profiles.requests import EXAMPLE
from tests.calendar_builders import an_availability
from tests.calls import call
from tests.entry_points import load
from tests.stories import the_mechanic
from tests.world import World

ADA = "ada"
EVERYBODY_MAY_KNOW = {
    "id",
    "name",
    "photo_url",
    "rating",
    "years_of_experience",
    "completed_sessions",
    "certified",
    "brand_specializations",
    "service_keywords",
    "city",
    "country",
    "presence_status",
    "last_seen_at",
}
OF_NOW = {"presence_status", "last_seen_at"}
OF_A_LIST = {
    "match_score",
    "match_reasons",
    "badge",
    "is_local_match",
    "is_brand_specialist",
    "next_slot_at",
}
Answer = tuple[int, Any]


class Editor:
    """Somebody without a group, unless it is said."""

    def __init__(self, user: str = ADA, groups: str = "") -> None:
        self.user, self.groups = user, groups
        self._api, self._public = load("profiles/api"), load("mechanics/api")

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        return call(self._api, method, path, user=self.user, groups=self.groups, body=body)

    def get(self) -> Answer:
        return self.ask("GET", "/mechanic/profile")

    def put(self, version: int, **fields: Any) -> Answer:
        body = {"version": version, "name": "Ada Chen", **fields}
        return self.ask("PUT", "/mechanic/profile", body)

    def completion(self, mechanic_id: str = ADA) -> Answer:
        return self.ask("GET", f"/mechanics/{mechanic_id}/profile-completion")

    def public(self, mechanic_id: str) -> Answer:
        path = f"/mechanics/{mechanic_id}"
        return call(self._public, "GET", path, user=self.user, groups=self.groups)


@pytest.fixture
def editor(world: World) -> Editor:
    return Editor()


def stored() -> Mechanic:
    return the_mechanic(ADA)


# Keeping it


def test_before_the_first_time_there_is_none(editor: Editor) -> None:
    assert editor.get()[0] == 404
    assert editor.completion()[0] == 404


def test_what_is_put_is_what_is_got(editor: Editor) -> None:
    status, put = editor.put(0, **EXAMPLE)
    assert status == 200
    assert editor.get() == (200, put)
    assert {name: put[name] for name in EXAMPLE} == EXAMPLE
    assert (put["id"], put["version"], put["status"]) == (ADA, 1, "pending")
    assert (put["photo_url"], put["rating"], put["completed_sessions"]) == (None, None, 0)
    assert put["profile_completion"] == 80, "all but photo and hours of 125"


def test_what_is_left_out_is_gone(editor: Editor) -> None:
    editor.put(0, **EXAMPLE)
    _, bare = editor.put(1)
    assert (bare["version"], bare["email"], bare["certification"]) == (2, None, None)
    assert (bare["languages"], bare["profile_completion"]) == ([], 10)


def test_an_edit_is_made_of_what_was_read(editor: Editor) -> None:
    editor.put(0)
    status, problem = editor.put(0, email="other@mechanic.example")
    assert (status, problem["reason"]) == (409, "stale_version")
    assert editor.get()[1]["email"] is None


def test_an_edit_made_twice_is_made_once(editor: Editor, world: World) -> None:
    first = editor.put(0, **EXAMPLE)
    assert editor.put(0, **EXAMPLE) == first
    assert len(world.facts("MechanicChanged")) == 1
    assert editor.put(0)[0] == 409, "that is another"


@pytest.mark.parametrize(
    "field",
    [
        "rating",
        "completed_sessions",
        "status",
        "profile_completion",
        "photo_url",
        "id",
    ],
)
def test_nobody_writes_what_is_not_theirs_to_say(editor: Editor, field: str) -> None:
    status, problem = editor.put(0, **{field: "approved"})
    assert status == 422
    assert [error["pointer"] for error in problem["errors"]] == [f"/{field}"]
    assert mechanics.get(ADA) is None


def test_an_applicant_is_seen_by_nobody_else(editor: Editor, world: World) -> None:
    editor.put(0, **EXAMPLE)
    assert Editor("customer", "customer").public(ADA)[0] == 404
    assert editor.public(ADA)[0] == 200


@pytest.mark.parametrize("status", ["suspended", "approved"])
def test_editing_changes_no_status(editor: Editor, world: World, status: str) -> None:
    world.mechanic(ADA, on_shift=False, status=status)
    assert editor.put(0, **EXAMPLE)[1]["status"] == status
    assert stored().profile.status == status


def test_editing_leaves_presence_and_counts_alone(editor: Editor, world: World) -> None:
    world.mechanic(ADA, completed_sessions=7, rating=4.5)
    before = stored()
    _, put = editor.put(0, **EXAMPLE)
    assert (put["completed_sessions"], put["rating"]) == (7, 4.5)
    after = stored()
    assert (after.duty, after.shift_id) == (before.duty, before.shift_id)


# Completion


def test_completion_tells_what_is_missing(editor: Editor) -> None:
    editor.put(0, **EXAMPLE)
    status, told = editor.completion()
    assert status == 200
    assert told["percentage"] == 80
    assert told["missing"] == [
        {"field": "photo", "weight": 15},
        {"field": "weekly_availability", "weight": 10},
    ]
    assert len(told["next_steps"]) == 2


def test_photo_and_hours_complete_it(editor: Editor, world: World) -> None:
    editor.put(0, **EXAMPLE)
    mechanics.set_photo(ADA, "https://photos.example/1", world.now)
    assert stored().profile.profile_completion == 92
    calendar.replace_availability(ADA, an_availability(), 0, world.now)
    assert stored().profile.profile_completion == 100
    assert editor.completion()[1]["percentage"] == 100
    assert editor.get()[1]["version"] == 1, "neither is an edit"
    off = an_availability(weekly=())
    calendar.replace_availability(ADA, off, 1, world.now)
    assert stored().profile.profile_completion == 92


def test_a_photo_set_twice_is_set_once(editor: Editor, world: World) -> None:
    editor.put(0)
    for number in (1, 1, 2):
        mechanics.set_photo(ADA, f"https://photos.example/{number}", world.now)
    assert len(world.facts("MechanicChanged")) == 3
    assert stored().profile.photo_url == "https://photos.example/2"


def test_what_an_operator_says_stands_until_the_first_edit(editor: Editor, world: World) -> None:
    world.mechanic(ADA, on_shift=False, profile_completion=85)
    calendar.replace_availability(ADA, an_availability(), 0, world.now)
    mechanics.set_photo(ADA, "https://photos.example/1", world.now)
    assert editor.get()[1]["profile_completion"] == 85
    assert editor.put(0)[1]["profile_completion"] == 35
    world.mechanic(ADA, on_shift=False, profile_completion=85)
    profile = stored().profile
    assert (profile.profile_completion, profile.has_weekly_hours) == (85, True)
    assert profile.photo_url == "https://photos.example/1"
    assert editor.put(1)[0] == 409, "what was read is not there any more"


def test_only_the_mechanic_and_admins_are_told(editor: Editor) -> None:
    editor.put(0, **EXAMPLE)
    for groups in ("customer", "mechanic", ""):
        assert Editor("another", groups).completion()[0] == 404
    assert Editor("admin-1", "admin").completion()[0] == 200
    assert Editor("admin-1", "admin").completion("nobody")[0] == 404
    assert Editor("admin-1", "admin").completion("x" * 201)[0] == 404


def test_an_expired_certification_is_told_and_ends_eligibility(
    editor: Editor, world: World
) -> None:
    world.mechanic(ADA, on_shift=False)
    certification = EXAMPLE["certification"] | {"expires_on": world.now.date().isoformat()}
    editor.put(0, **EXAMPLE | {"certification": certification})
    calendar.replace_availability(ADA, an_availability(), 0, world.now)
    session = world.book("first")
    assert [each["mechanic_id"] for each in world.matches(session.id)["matches"]] == [ADA]
    world.clock.advance(hours=24)
    assert editor.completion()[1]["percentage"] == 76
    assert editor.get()[1]["profile_completion"] == 76
    session = world.book("second")
    assert world.matches(session.id)["matches"] == []


# Matching follows


def test_matching_follows_every_edit(editor: Editor, world: World) -> None:
    world.mechanic(ADA, profile_completion=90)
    session = world.book("first")
    assert world.asked(session.id) == [ADA]
    editor.put(0)
    world.drain()
    (ended,) = world.facts("OffersExpired")
    assert ended["cause"] == "not_eligible", "10 % is not enough"
    editor.put(1, **EXAMPLE)
    world.drain()
    world.pass_time(seconds=10)
    session = world.book("second", requested_brand="Acura")
    assert world.asked(session.id) == [ADA]


def test_the_roster_is_of_this_instant_and_of_the_new_country(editor: Editor, world: World) -> None:
    world.mechanic(ADA)
    world.clock.advance(seconds=2)
    editor.put(0, **EXAMPLE)
    editor.put(1, **EXAMPLE | {"country": "FR", "state_province": None, "postal_code": "75001"})
    partition = stored().partition
    assert partition is not None
    assert partition.startswith("ROSTER#FR#")
    rows = {row.mechanic_id: row for row in mechanics.changes(partition, world.now - timedelta(1))}
    entry = rows[ADA].entry
    assert entry is not None
    assert entry.area == "750"
    matching.forget()
    session = world.book()
    assert world.asked(session.id) == [ADA]


# Privacy


def test_a_public_profile_is_these_members_and_no_other(editor: Editor, world: World) -> None:
    editor.put(0, **EXAMPLE)
    mechanics.set_photo(ADA, "https://photos.example/1", world.now)
    status, shown = editor.public(ADA)
    assert (status, set(shown)) == (200, EVERYBODY_MAY_KNOW)
    assert set(MechanicView.model_fields) == EVERYBODY_MAY_KNOW
    assert set(PublicMechanic.model_fields) == EVERYBODY_MAY_KNOW - OF_NOW
    assert set(AvailableMechanic.model_fields) == EVERYBODY_MAY_KNOW | OF_A_LIST
    told = str(shown)
    for private in ("email", "phone", "street_address", "postal_code", "about_me"):
        assert EXAMPLE[private] not in told
    assert EXAMPLE["certification"]["number"] not in told
