"""Profiles, garages and files over HTTP, each file from a real form to where it is shown."""

from typing import Any

import httpx

from tests.e2e.people import (
    PIXEL,
    SIGNATURE,
    Person,
    Town,
    answer,
    ask,
    pointers,
    refused,
    upload,
)

CAR = {"year": 2019, "make": "Honda", "model": "Civic", "vin": "2HGFC2F52KH500001"}


def photo_of(mechanic: Person, by: Person) -> Any:
    return answer(by.get(f"/mechanics/{mechanic.id}"))["photo_url"]


def test_a_photo_is_seen_by_everybody_and_a_text_of_its_name_by_nobody(town: Town) -> None:
    mechanic, customer = town.mechanic(), town.customer()
    upload(ask(mechanic, "/mechanic/profile/photo"), PIXEL)
    town.stack.drain()
    url = photo_of(mechanic, customer)
    shown = httpx.get(url)
    assert (shown.status_code, shown.content) == (200, PIXEL)
    assert shown.headers["content-type"] == "image/jpeg"

    fake = ask(mechanic, "/mechanic/profile/photo")
    upload(fake, b"I am a text, whatever I am called.")
    town.stack.drain()
    assert photo_of(mechanic, customer) == url
    assert httpx.get(f"{url.rpartition('/photos/')[0]}/{fake['key']}").status_code == 404
    assert httpx.get(f"{fake['url']}/{fake['fields']['key']}").status_code == 404


def test_a_booking_takes_along_a_car_of_the_garage_and_a_file(town: Town) -> None:
    mechanic, customer = town.mechanic(), town.customer()
    car = answer(customer.post("/customer/vehicles", CAR), 201)
    form = ask(customer, "/customer/uploads")
    early = town.intake(vehicle=None, vehicle_id=car["id"], attachments=[form["key"]])
    assert pointers(customer.post("/intake/start", early)) == ["/attachments/0"]
    upload(form, PIXEL)
    session_id = town.seek(customer, vehicle=None, vehicle_id=car["id"], attachments=[form["key"]])
    seen = mechanic.offer(session_id)["session"]["vehicle"]
    assert seen == {"year": 2019, "make": "Honda", "model": "Civic"}
    session = answer(mechanic.accept(mechanic.offer(session_id)))
    assert session["vehicle"]["vin"] == CAR["vin"]
    (attachment,) = session["attachments"]
    assert httpx.get(attachment["url"]).content == PIXEL
    assert httpx.get(attachment["url"].partition("?")[0]).status_code == 403
    assert customer.session(session_id)["attachments"][0]["key"] == form["key"]


def test_a_session_with_files_has_a_steady_etag(town: Town) -> None:
    customer = town.customer()
    form = ask(customer, "/customer/uploads")
    upload(form, PIXEL)
    session_id = town.book(customer, attachments=[form["key"]])
    first = customer.get(f"/sessions/{session_id}")
    again = customer.get(
        f"/sessions/{session_id}", headers={"if-none-match": first.headers["etag"]}
    )
    assert again.status_code == 304
    answer(customer.act(session_id, "waiver", SIGNATURE))


def test_files_of_others_and_of_no_type_are_refused(town: Town) -> None:
    customer, other = town.customer(), town.customer()
    form = ask(other, "/customer/uploads")
    upload(form, PIXEL)
    stolen = town.intake(attachments=[form["key"]])
    assert pointers(customer.post("/intake/start", stolen)) == ["/attachments/0"]
    html = customer.post("/customer/uploads", {"content_type": "text/html"})
    assert pointers(html) == ["/content_type"]
    refused(customer.post("/mechanic/profile/photo", {"content_type": "image/png"}), 404)


def test_who_asks_to_be_forgotten_is(town: Town) -> None:
    customer = town.customer()
    profile = {"name": "Jo", "email": "jo@driver.example", "location": {"country": "Iceland"}}
    assert answer(customer.call("PUT", "/customer/profile", profile))["location"]["country"] == "IS"
    answer(customer.post("/customer/vehicles", CAR), 201)
    form = ask(customer, "/customer/uploads")
    upload(form, PIXEL)
    session_id = town.book(customer, attachments=[form["key"]])
    in_the_way = refused(customer.call("DELETE", "/customer/profile"), 409, "active_session")
    assert in_the_way["session_id"] == session_id
    url = customer.session(session_id)["attachments"][0]["url"]
    assert httpx.get(url).status_code == 200

    answer(customer.act(session_id, "cancel", {"reason": "I do not want it any more"}))
    assert customer.call("DELETE", "/customer/profile").status_code == 204
    town.stack.advance(15)
    refused(customer.get("/customer/profile"), 404)
    assert answer(customer.get("/customer/vehicles"))["items"] == []
    assert httpx.get(url).status_code == 404
    session = customer.session(session_id)
    assert (session["concern"], session["end_reason"], session["attachments"]) == ("", None, [])
    refused(customer.post("/intake/start", town.intake()), 409, "erased")
