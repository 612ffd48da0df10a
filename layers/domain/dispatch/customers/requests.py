"""Bodies of the customer's own calls, checked field by field. Imported by HTTP functions only."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator

from dispatch.core.examples import CITY, NAME, PHONE, VEHICLE
from dispatch.core.views import Body, Country, Email, Line, by_example, e164, postal_code, wrong
from dispatch.customers.model import Customer, Location, Vehicle

EXAMPLE_LOCATION = {
    "country": "CA",
    "state_province": "Ontario",
    "city": CITY,
    "postal_code": "M5V 1A1",
}
EXAMPLE_PROFILE = {
    "name": NAME,
    "email": "jo@driver.example",
    "location": EXAMPLE_LOCATION,
    "phone": PHONE,
    "locale": "fr-CA",
}
EXAMPLE_VEHICLE = {
    **VEHICLE,
    "vin": "2HGFC2F52KH500001",
    "plate": "CBXT 901",
    "odometer_km": 84200,
}


def _locale(text: str) -> str:
    """As BCP 47 writes it: ``fr-CA``. Whoever asks for another language would get English."""
    tag = re.fullmatch(r"(en|fr)(?:-([a-z]{2}|\d{3}))?", text.strip().lower(), re.ASCII)
    if tag is None:
        raise wrong("is not a locale we speak; use en or fr, with a region: fr-CA")
    language, region = tag.groups()
    return f"{language}-{region.upper()}" if region else str(language)


class CustomerLocationBody(Body):
    """Where the customer is. Bookings that tell no location take it as a whole."""

    model_config = by_example(EXAMPLE_LOCATION)

    country: Country | None = Field(None, description="ISO 3166-1 code or English name")
    state_province: Line | None = None
    city: Line | None = None
    postal_code: Line | None = Field(None, description="As the country writes it")

    @field_validator("postal_code")
    @classmethod
    def _of_the_country(cls, text: str | None, info: ValidationInfo) -> str | None:
        country = info.data.get("country")
        return postal_code(text, country) if text and country else text


class CustomerProfileBody(Body):
    """The whole profile: what is left out is unknown from now on."""

    model_config = by_example(EXAMPLE_PROFILE)

    # The order matters: a validator sees the fields above its own.
    name: Line | None = None
    email: Email | None = None
    location: CustomerLocationBody = CustomerLocationBody(country=None, postal_code=None)
    phone: Line | None = Field(None, description="Kept in E.164; dialled from the country, else CA")
    locale: Annotated[Line, AfterValidator(_locale)] | None = Field(
        None, description="BCP 47, of English or French: what notices are written in"
    )

    @field_validator("phone")
    @classmethod
    def _e164(cls, text: str | None, info: ValidationInfo) -> str | None:
        location = info.data.get("location")
        return e164(text, location.country if location else None) if text else None

    def to_customer(self, customer_id: str) -> Customer:
        return Customer(
            id=customer_id,
            name=self.name,
            email=self.email,
            phone=self.phone,
            location=Location(**self.location.model_dump()),
            locale=self.locale,
        )


_NORTH_AMERICAN = re.compile("[1-5]|7[F-Z0-9]")
"""How VINs begin that were given there. The United States have ``7F`` to ``70``, too (ISO 3780)."""


def _check_digit(vin: str | None) -> str | None:
    """North American makers have one, at the ninth place; others put there what they like."""
    from vininfo import Vin

    if vin and _NORTH_AMERICAN.match(vin) and not Vin(vin).verify_checksum():
        raise wrong("is not a VIN: its check digit, the ninth, does not fit the others")
    return vin


VinText = Annotated[
    str, StringConstraints(to_upper=True, pattern=r"^[A-HJ-NPR-Za-hj-npr-z0-9]{17}$")
]
"""17 characters, without I, O and Q."""


class GarageVehicleBody(Body):
    """A vehicle for the garage."""

    model_config = by_example(EXAMPLE_VEHICLE)

    year: int = Field(ge=1900, le=2100, strict=True)
    make: Line
    model: Line
    vin: Annotated[VinText | None, AfterValidator(_check_digit)] = Field(
        None, description="17 characters; of a North American one the check digit has to fit"
    )
    plate: Annotated[Line, StringConstraints(max_length=16)] | None = None
    odometer_km: int | None = Field(None, ge=0, le=10_000_000, strict=True)

    def to_vehicle(self) -> Vehicle:
        return Vehicle(**self.model_dump())
