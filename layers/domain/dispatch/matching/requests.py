"""What the browsing call takes, checked field by field. Imported by HTTP functions only."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, WithJsonSchema, field_validator

from dispatch.core import places
from dispatch.core.views import Country, Line, wrong
from dispatch.customers.model import Location
from dispatch.matching.keywords import find_keywords
from dispatch.matching.model import BrowseQuery, Filters, RequestType
from dispatch.matching.paging import MAX_CURSOR

MAX_CONCERN = 10_000
MAX_PAGE = 10

Stars = Annotated[
    Decimal,
    Field(ge=0, le=5),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 5}),
]


class BrowseParameters(BaseModel):
    """The query of ``GET /mechanics/available``: a misspelt filter must not vanish."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    # The order matters: a validator sees the fields above its own.
    request_type: RequestType = RequestType.GENERAL
    brand_specialists_only: bool = Field(
        False, description="Who lists `requested_brand`, or without it any brand"
    )
    requested_brand: Line | None = Field(
        None,
        validate_default=True,
        description="For `request_type` brand_specialist, or with `brand_specialists_only`",
    )
    customer_country: Country | None = Field(
        None,
        description="ISO 3166-1 code or English name. All four `customer_*` are from the caller's "
        "profile if none is sent.",
    )
    customer_state_province: Line | None = None
    customer_city: Line | None = None
    customer_postal_code: Line | None = None
    prefer_local_mechanic: bool = True
    concern: str = Field("", max_length=MAX_CONCERN, description="Scored by the keywords in it")
    online_only: bool = Field(False, description="Who is on shift, busy or not")
    min_rating: Stars | None = Field(
        None, description="Of the exact mean; leaves out who has no rating. 0 is no filter."
    )
    local_only: bool = Field(False, description="Who is a local match")
    search: Line | None = Field(
        None, description="How the whole name begins, without regard to case and accents"
    )
    limit: int = Field(MAX_PAGE, ge=1, le=MAX_PAGE)
    cursor: str | None = Field(
        None,
        max_length=MAX_CURSOR,
        description="`next_cursor` of the page before, with the same filters",
    )

    @field_validator("requested_brand")
    @classmethod
    def _where_it_counts(cls, brand: str | None, info: ValidationInfo) -> str | None:
        if not {"request_type", "brand_specialists_only"} <= info.data.keys():
            return brand  # those fields are wrong themselves, and said to be
        wants_specialist = info.data["request_type"] is RequestType.BRAND_SPECIALIST
        if wants_specialist and brand is None:
            raise wrong("is needed for a brand specialist")
        if brand is not None and not (wants_specialist or info.data["brand_specialists_only"]):
            raise wrong("needs request_type brand_specialist, or brand_specialists_only")
        return brand

    @field_validator("search")
    @classmethod
    def _folded(cls, text: str | None) -> str | None:
        folded = places.fold(text) if text else None
        if text and not folded:
            raise wrong("should have a letter to search for")
        return folded

    def to_query(self) -> BrowseQuery:
        return BrowseQuery(
            request_type=self.request_type,
            requested_brand=self.requested_brand,
            keywords=tuple(find_keywords(self.concern)),
            location=Location(
                country=self.customer_country,
                state_province=self.customer_state_province,
                city=self.customer_city,
                postal_code=self.customer_postal_code,
            ),
            prefer_local_mechanic=self.prefer_local_mechanic,
            filters=Filters(
                online_only=self.online_only,
                brand_specialists_only=self.brand_specialists_only,
                brand_key=places.fold(self.requested_brand) if self.requested_brand else None,
                min_rating=self.min_rating or Decimal(0),
                local_only=self.local_only,
                name_prefix=self.search or "",
            ),
        )
