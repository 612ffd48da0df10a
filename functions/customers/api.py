"""HTTP: a customer's own profile and garage."""

from typing import Annotated

from dispatch.accounts import service as accounts
from dispatch.core import http, time
from dispatch.core.http import Caller, Cursor, Customer, Limit, answers
from dispatch.core.idempotency import Once
from dispatch.customers import service
from dispatch.customers.model import KeptVehicle
from dispatch.customers.requests import CustomerProfileBody, GarageVehicleBody
from dispatch.customers.views import CustomerProfileView, KeptVehicleView, VehicleList

from fastapi import Response

app = http.create_app("Customers")


def _view(kept: KeptVehicle, _who: Caller) -> KeptVehicleView:
    return KeptVehicleView.of(kept)


@app.get("/customer/profile", responses=answers(404))
async def profile(who: Customer) -> CustomerProfileView:
    """What the caller has told of themselves; empty before the first time."""
    return CustomerProfileView.of(service.profile_of(who.id))


@app.put("/customer/profile", responses=answers(409, 429))
async def replace_profile(body: CustomerProfileBody, who: Customer) -> CustomerProfileView:
    """Replace it as a whole. What is left out is unknown from now on."""
    return CustomerProfileView.of(service.replace_profile(body.to_customer(who.id), time.now()))


@app.delete("/customer/profile", status_code=204, responses=answers(409))
async def erase(who: Customer) -> Response:
    """Erase the caller for good. Sessions stay, without anything that tells whose they were.

    Refused with `active_session` while one is to come or under way: end or cancel it first.
    """
    accounts.erase_customer(who.id, time.now())
    return Response(status_code=204)


@app.get("/customer/vehicles")
async def vehicles(who: Customer, limit: Limit = 20, cursor: Cursor = None) -> VehicleList:
    """The caller's garage, newest first."""
    return VehicleList.of(service.vehicles_of(who.id, limit, cursor))


@app.post("/customer/vehicles", status_code=201, responses=answers(409, 429))
async def add_vehicle(
    body: GarageVehicleBody, who: Customer, once: Annotated[Once | None, http.once(201, _view)]
) -> KeptVehicleView:
    """Keep a vehicle, to book with its id. A garage holds at most 50."""
    return KeptVehicleView.of(service.add_vehicle(who.id, body.to_vehicle(), time.now(), once))


@app.delete("/customer/vehicles/{vehicle_id}", status_code=204, responses=answers(404))
async def remove_vehicle(vehicle_id: str, who: Customer) -> Response:
    """Sessions that were booked with it keep their copy."""
    service.remove_vehicle(who.id, vehicle_id)
    return Response(status_code=204)


handler = http.lambda_handler(app)
