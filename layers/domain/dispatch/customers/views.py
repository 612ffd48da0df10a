"""What customers are shown of themselves. Imported by HTTP functions only."""

from pydantic import Field

from dispatch.core.examples import CUSTOMER_ID
from dispatch.core.views import Instant, View, by_example
from dispatch.customers.model import Customer, KeptVehicle
from dispatch.customers.requests import EXAMPLE_PROFILE, EXAMPLE_VEHICLE
from dispatch.customers.service import Vehicles

_KEPT = {
    "id": "01KJQ9YZ3C8N5S4E1A7T0VXW2R",
    **EXAMPLE_VEHICLE,
    "added_at": "2026-03-02T12:58:04.172Z",
}


class CustomerLocationView(View):
    """Where the customer is; null is unknown."""

    country: str | None = Field(description="ISO 3166-1 alpha-2")
    state_province: str | None
    city: str | None
    postal_code: str | None


class CustomerProfileView(View):
    """The customer's own profile; null is unknown."""

    model_config = by_example({"id": CUSTOMER_ID, **EXAMPLE_PROFILE})

    id: str
    name: str | None
    email: str | None
    phone: str | None = Field(description="E.164")
    location: CustomerLocationView
    locale: str | None

    @classmethod
    def of(cls, customer: Customer) -> "CustomerProfileView":
        return cls.model_validate(customer)


class KeptVehicleView(View):
    """A vehicle in the customer's garage. Book with its `id`: `vehicle_id`."""

    model_config = by_example(_KEPT)

    id: str
    year: int
    make: str
    model: str
    vin: str | None
    plate: str | None
    odometer_km: int | None
    added_at: Instant

    @classmethod
    def of(cls, kept: KeptVehicle) -> "KeptVehicleView":
        vehicle = kept.vehicle
        return cls(
            id=kept.id,
            year=vehicle.year,
            make=vehicle.make,
            model=vehicle.model,
            vin=vehicle.vin,
            plate=vehicle.plate,
            odometer_km=vehicle.odometer_km,
            added_at=kept.added_at,
        )


class VehicleList(View):
    """Newest first."""

    model_config = by_example({"items": [_KEPT], "next_cursor": None})

    items: list[KeptVehicleView]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Vehicles) -> "VehicleList":
        return cls(items=[KeptVehicleView.of(kept) for kept in page.items], next_cursor=page.cursor)
