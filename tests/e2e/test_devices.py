"""Devices through the running stack: who is pushed to, and who no more.

What a platform's feedback does (a disabled endpoint disables the device) needs a hand on the
engine behind the stack, so it is tested in tests/integration/test_notifications.py.
"""

import uuid
from typing import Any

import pytest

from tests.e2e.people import Person, Town, answer, pointers


def _token() -> str:
    return f"token-{uuid.uuid4().hex}"


def _register(person: Person, device: str, token: str, platform: str = "fcm") -> Any:
    body = {"platform": platform, "token": token}
    return answer(person.call("PUT", f"/devices/{device}", body))


def _forget(person: Person, device: str) -> None:
    response = person.call("DELETE", f"/devices/{device}")
    assert (response.status_code, response.content) == (204, b"")


def _devices_pushed(town: Town, mechanic: Person) -> list[str]:
    """On which devices a mechanic learns of an offer; the session is cancelled again."""
    customer, before = town.customer(), len(town.pushes(mechanic, "offer_made"))
    session_id = town.seek(customer)
    assert mechanic.was_asked(session_id)
    answer(customer.act(session_id, "cancel"))
    return sorted(push["device_id"] for push in town.pushes(mechanic, "offer_made")[before:])


@pytest.mark.parametrize("platform", ["fcm", "apns", "apns_sandbox"])
def test_a_registered_device_is_pushed_to(town: Town, platform: str) -> None:
    mechanic = town.mechanic()
    device = _register(mechanic, "phone", _token(), platform)
    assert device == {"device_id": "phone", "platform": platform, "enabled": True}
    assert _devices_pushed(town, mechanic) == ["phone"]


def test_every_device_is_pushed_to_and_a_forgotten_one_no_more(town: Town) -> None:
    mechanic = town.mechanic()
    _register(mechanic, "phone", _token())
    _register(mechanic, "tablet", _token(), "apns")
    assert _devices_pushed(town, mechanic) == ["phone", "tablet"]
    _forget(mechanic, "phone")
    _forget(mechanic, "phone")  # twice is once
    assert _devices_pushed(town, mechanic) == ["tablet"]


def test_without_a_device_a_mechanic_is_asked_all_the_same(town: Town) -> None:
    assert _devices_pushed(town, town.mechanic()) == []


def test_registering_again_is_registering_once(town: Town) -> None:
    mechanic, token = town.mechanic(), _token()
    for _ in range(3):
        _register(mechanic, "phone", token)
    assert _devices_pushed(town, mechanic) == ["phone"]


def test_a_new_token_or_platform_replaces_the_old(town: Town) -> None:
    mechanic = town.mechanic()
    _register(mechanic, "phone", _token())
    _register(mechanic, "phone", _token())
    assert _devices_pushed(town, mechanic) == ["phone"]
    _register(mechanic, "phone", _token(), "apns")
    assert _devices_pushed(town, mechanic) == ["phone"]


def test_a_token_that_moves_to_another_user_is_rebound(town: Town) -> None:
    """The second mechanic signs in on the phone of the first."""
    first, second = town.mechanics({"rating": 4.9}, {"rating": 4.8})
    token = _token()
    _register(first, "phone", token)
    _register(second, "phone", token)
    assert _devices_pushed(town, first) == []
    assert _devices_pushed(town, second) == ["phone"]
    _forget(first, "phone")  # signing out late takes nothing from the second
    assert _devices_pushed(town, second) == ["phone"]


def test_a_token_that_moves_to_another_device_of_its_user_is_pushed_to_once(town: Town) -> None:
    mechanic, token = town.mechanic(), _token()
    _register(mechanic, "old-id", token)
    _register(mechanic, "new-id", token)
    assert _devices_pushed(town, mechanic) == ["new-id"]


def test_a_devices_name_is_its_users_own(town: Town) -> None:
    first, second = town.mechanics({"rating": 4.9}, {"rating": 4.8})
    _register(first, "phone", _token())
    _forget(second, "phone")
    assert _devices_pushed(town, first) == ["phone"]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (None, [""]),
        ([], [""]),
        ({}, ["/platform", "/token"]),
        ({"platform": "fcm"}, ["/token"]),
        ({"token": "t"}, ["/platform"]),
        ({"platform": "gcm", "token": "t"}, ["/platform"]),
        ({"platform": ["fcm"], "token": "t"}, ["/platform"]),
        ({"platform": "fcm", "token": ""}, ["/token"]),
        ({"platform": "fcm", "token": None}, ["/token"]),
        ({"platform": "fcm", "token": 7}, ["/token"]),
        ({"platform": "fcm", "token": "with space"}, ["/token"]),
        ({"platform": "fcm", "token": "tokén"}, ["/token"]),
        ({"platform": "fcm", "token": "t" * 2049}, ["/token"]),
        ({"platform": "fcm", "token": "t", "enabled": True}, ["/enabled"]),
    ],
)
def test_a_wrong_body_is_pointed_at(town: Town, body: Any, where: list[str]) -> None:
    assert pointers(town.customer().call("PUT", "/devices/phone", body)) == where


@pytest.mark.parametrize("device", ["d" * 129, "d" * 3000, "a b", "t%C3%A9l%C3%A9", "%00", "%0A"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_wrong_id_is_refused(town: Town, method: str, device: str) -> None:
    body = {"platform": "fcm", "token": _token()} if method == "PUT" else None
    assert pointers(town.customer().call(method, f"/devices/{device}", body)) == ["/device_id"]


@pytest.mark.parametrize("device", ["d", "d" * 128, "%23", "%25", "a:b~c!", "DEVICE%23x"])
def test_any_other_visible_id_will_do(town: Town, device: str) -> None:
    person = town.customer()
    _register(person, device, _token())
    _forget(person, device)


def test_a_device_needs_a_token_of_its_user(town: Town) -> None:
    response = town.http.put("/devices/phone", json={"platform": "fcm", "token": _token()})
    assert (response.status_code, response.json()) == (401, {"message": "Unauthorized"})


@pytest.mark.parametrize("group", ["customer", "mechanic", "admin"])
def test_devices_are_for_everybody(town: Town, group: str) -> None:
    _register(town.person(group), "phone", _token())


def test_a_device_cannot_be_read(town: Town) -> None:
    response = town.customer().get("/devices/phone")
    assert (response.status_code, response.json()) == (404, {"message": "Not Found"})
