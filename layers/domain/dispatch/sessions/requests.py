"""Bodies of the session calls, checked field by field. Imported by HTTP functions only."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from dispatch.core.examples import CITY, CONCERN, MECHANIC_ID, NAME, SCHEDULED_START, VEHICLE
from dispatch.core.http import Caller, Cursor, Limit
from dispatch.core.views import (
    Body,
    Country,
    Email,
    GivenInstant,
    Line,
    by_example,
    e164,
    wrong,
)
from dispatch.customers.model import Location
from dispatch.matching.model import RequestType
from dispatch.sessions.model import Intake, Party, PaymentMethod, Review, Vehicle
from dispatch.uploads.rules import MOST_ATTACHMENTS

MIN_CONCERN = 10
MIN_CONCERN_URGENT = 5
MAX_CONCERN = 10_000
MAX_COMMENT = 2_000


class VehicleBody(Body):
    """The car in question."""

    year: int = Field(ge=1900, le=2100, strict=True)
    make: Line
    model: Line
    vin: Annotated[
        str | None,
        StringConstraints(to_upper=True, pattern=r"^[A-HJ-NPR-Za-hj-npr-z0-9]{17}$"),
    ] = None


class IntakeBody(Body):
    """What a customer submits to book a session."""

    # The order matters: a validator sees the fields above its own.
    plan: Line
    payment_method: PaymentMethod = Field(description="`free` for the free plan, and for no other")
    name: Line
    email: Email
    customer_country: Country | None = Field(None, description="ISO 3166-1 code or English name")
    customer_state_province: Line | None = None
    customer_city: Line | None = None
    customer_postal_code: Line | None = None
    phone: Line
    vehicle: VehicleBody | None = None
    urgent: bool = Field(False, strict=True)
    concern: str = Field(
        max_length=MAX_CONCERN,
        description=f"At least {MIN_CONCERN} characters, {MIN_CONCERN_URGENT} if urgent",
    )
    request_type: RequestType = RequestType.GENERAL
    requested_brand: Line | None = Field(None, validate_default=True)
    prefer_local_mechanic: bool = Field(True, strict=True)
    vehicle_id: Line | None = Field(
        None, description="One of the customer's garage, in place of `vehicle`"
    )
    preferred_mechanic_id: Line | None = Field(
        None, description="Whom to ask first, alone; another is found where they cannot"
    )
    scheduled_start: GivenInstant | None = Field(
        None, description="A slot of the preferred mechanic, which is held for 15 minutes"
    )
    attachments: list[Line] | None = Field(
        None, max_length=MOST_ATTACHMENTS, description="Keys of `POST /customer/uploads`"
    )

    model_config = by_example(
        {
            "plan": "free",
            "payment_method": "free",
            "name": NAME,
            "email": "jo@driver.example",
            "phone": "+1 416 555 0100",
            "customer_country": "Canada",
            "customer_state_province": "Ontario",
            "customer_city": CITY,
            "customer_postal_code": "M5V 1A1",
            "vehicle": VEHICLE,
            "concern": CONCERN,
        }
    )

    @field_validator("phone")
    @classmethod
    def _e164(cls, text: str, info: ValidationInfo) -> str:
        return e164(text, info.data.get("customer_country"))

    @field_validator("concern")
    @classmethod
    def _long_enough(cls, text: str, info: ValidationInfo) -> str:
        least = MIN_CONCERN_URGENT if info.data.get("urgent") else MIN_CONCERN
        if len(text) < least:
            raise wrong(f"should have at least {least} characters")
        return text

    @field_validator("requested_brand")
    @classmethod
    def _with_its_type(cls, brand: str | None, info: ValidationInfo) -> str | None:
        if "request_type" not in info.data:
            return brand  # that field is wrong itself, and said to be
        wants_specialist = info.data.get("request_type") is RequestType.BRAND_SPECIALIST
        if wants_specialist and brand is None:
            raise wrong("is needed for a brand specialist")
        if brand is not None and not wants_specialist:
            raise wrong("needs request_type brand_specialist")
        return brand

    @field_validator("vehicle_id")
    @classmethod
    def _one_vehicle(cls, vehicle_id: str | None, info: ValidationInfo) -> str | None:
        if vehicle_id and info.data.get("vehicle"):
            raise wrong("comes in place of vehicle; send one of them")
        return vehicle_id

    @field_validator("scheduled_start")
    @classmethod
    def _with_its_mechanic(cls, start: datetime | None, info: ValidationInfo) -> datetime | None:
        if start and info.data.get("preferred_mechanic_id", "") is None:
            raise wrong("needs preferred_mechanic_id: whose slot it is")
        return start

    def to_intake(self) -> Intake:
        return Intake(
            plan=self.plan,
            payment_method=self.payment_method,
            name=self.name,
            email=self.email,
            phone=self.phone,
            location=Location(
                country=self.customer_country,
                state_province=self.customer_state_province,
                city=self.customer_city,
                postal_code=self.customer_postal_code,
            ),
            vehicle=Vehicle(**self.vehicle.model_dump()) if self.vehicle else None,
            vehicle_id=self.vehicle_id,
            attachments=tuple(dict.fromkeys(self.attachments or ())),
            concern=self.concern,
            urgent=self.urgent,
            request_type=self.request_type,
            requested_brand=self.requested_brand,
            prefer_local_mechanic=self.prefer_local_mechanic,
            preferred_mechanic_id=self.preferred_mechanic_id,
            scheduled_start=self.scheduled_start,
        )


def _true_itself(value: object) -> object:
    """For ``Literal`` 1 is true, too."""
    if value is not True:
        raise wrong("must be true")
    return value


class WaiverBody(Body):
    """The customer's signature."""

    model_config = by_example({"full_name": NAME, "accepted": True})

    full_name: Line
    accepted: Annotated[Literal[True], BeforeValidator(_true_itself)]


class ReasonBody(Body):
    """Why, in the caller's words."""

    model_config = by_example({"reason": "My connection is down, please find somebody else"})

    reason: Line


class AdminReasonBody(Body):
    """Why, in the admin's words. Of a cancellation both sides are shown it."""

    model_config = by_example({"reason": "The driver has called us: it is an emergency"})

    reason: Line


class ReassignBody(AdminReasonBody):
    """Why, and from whom: then a repeat takes the session from nobody else."""

    model_config = by_example({"reason": "Does not answer the phone", "mechanic_id": MECHANIC_ID})

    mechanic_id: Line | None = Field(None, description="Whoever has it, if not said")


class CancelBody(Body):
    """Why, if the customer wants to say."""

    model_config = by_example({"reason": "The light went off by itself"})

    reason: Line | None = None


class RateBody(Body):
    """How the session was, in one to five stars, and in words if the customer likes."""

    model_config = by_example({"stars": 5, "comment": "Found it in five minutes"})

    stars: int = Field(ge=1, le=5, strict=True)
    comment: str | None = Field(
        None, max_length=MAX_COMMENT, description="Kept for the operators, shown to no mechanic"
    )

    def to_review(self) -> Review:
        return Review(self.stars, self.comment or None)


class SessionsParameters(BaseModel):
    """The query of ``GET /sessions``."""

    side: Literal[Party.CUSTOMER, Party.MECHANIC] | None = Field(
        None,
        alias="as",
        description="Whose sessions: those the caller has booked, or those they have accepted. "
        "Without it a customer's are the booked ones, anybody else's the accepted ones",
    )
    limit: Limit = 20
    cursor: Cursor = None

    def of(self, who: Caller) -> dict[str, Any]:
        """What to list of this caller's."""
        side = self.side or (Party.CUSTOMER if "customer" in who.groups else Party.MECHANIC)
        return {
            "as_customer": side is Party.CUSTOMER,
            "limit": self.limit,
            "cursor": self.cursor,
        }


class RescheduleBody(Body):
    """Another slot of the same mechanic."""

    model_config = by_example({"scheduled_start": SCHEDULED_START})

    scheduled_start: GivenInstant
