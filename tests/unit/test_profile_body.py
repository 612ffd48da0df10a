"""What the profile editor takes: places, phone numbers, zones, languages, names of catalogues."""

from typing import Any

import pytest
from pydantic import ValidationError

from dispatch.core.languages import language
from dispatch.core.zones import only_zone, zone_of_number, zones_of
from dispatch.matching.brands import BRANDS
from dispatch.matching.keywords import KEYWORDS
from dispatch.mechanics.model import Profile, ProfileEdit
from dispatch.profiles.requests import EXAMPLE, ProfileBody, address_needs
from dispatch.profiles.views import AdminProfileView, ProfileView

LEAST = {"version": 0, "name": "Ada"}


def edit(**fields: Any) -> ProfileEdit:
    return ProfileBody.model_validate(LEAST | fields).to_edit()


def wrong(**fields: Any) -> dict[str, str]:
    """What is said about each field that is refused."""
    with pytest.raises(ValidationError) as refused:
        ProfileBody.model_validate(LEAST | fields)
    return {".".join(map(str, each["loc"])): each["msg"] for each in refused.value.errors()}


def test_a_name_is_enough() -> None:
    assert edit() == ProfileEdit(
        name="Ada", address_needs=("city", "state_province", "postal_code")
    )


def test_the_example_is_taken_as_it_is() -> None:
    taken = edit(**EXAMPLE)
    for name in set(EXAMPLE) - {"certification"}:
        said = EXAMPLE[name]
        assert getattr(taken, name) == (tuple(said) if isinstance(said, list) else said), name
    assert taken.certified
    assert taken.certification_number == "ON-310S-48213"
    assert str(taken.certification_expires_on) == "2027-06-30"


def test_an_edit_speaks_of_fields_that_profiles_have() -> None:
    assert set(ProfileEdit.__dataclass_fields__) <= set(Profile.__dataclass_fields__)


@pytest.mark.parametrize(
    "field",
    [
        "id",
        "rating",
        "completed_sessions",
        "status",
        "profile_completion",
        "photo_url",
        "certified",
        "certification_expires_on",
        "has_weekly_hours",
        "suspension_reason",
        "status_since",
        "is_edited",
        "address_needs",
        "revision",
    ],
)
def test_what_is_not_the_mechanics_to_say_is_refused(field: str) -> None:
    assert wrong(**{field: 1}) == {field: "Extra inputs are not permitted"}


def test_whatever_the_views_show_besides_is_refused() -> None:
    shown = set(ProfileView.model_fields) | set(AdminProfileView.model_fields)
    for field in shown - set(ProfileBody.model_fields):
        assert field in wrong(**{field: None})


# Places


@pytest.mark.parametrize(
    ("written", "kept"), [("Ontario", "ON"), ("on", "ON"), ("CA-ON", "ON"), ("Ont.", "ON")]
)
def test_a_province_is_kept_by_its_code(written: str, kept: str) -> None:
    place = {"country": "Canada", "time_zone": "America/Toronto"}
    taken = edit(**place, state_province=written)
    assert (taken.country, taken.state_province) == ("CA", kept)


def test_a_province_of_another_country_is_none() -> None:
    said = wrong(country="CA", state_province="Texas", time_zone="America/Toronto")
    assert said == {"state_province": "is not a province or state of Canada"}


def test_where_iso_knows_none_it_is_as_it_is_written() -> None:
    assert edit(country="HK", state_province="Kowloon").state_province == "Kowloon"


def test_a_postal_code_is_its_countrys() -> None:
    assert edit(country="GB", postal_code="sw1a 1aa").postal_code == "SW1A 1AA"
    assert list(wrong(country="GB", postal_code="90210")) == ["postal_code"]


@pytest.mark.parametrize(
    ("country", "needs"),
    [
        ("CA", ("city", "state_province", "postal_code")),
        ("FR", ("city", "postal_code")),
        ("SG", ("postal_code",)),
        ("AE", ("state_province",)),
        ("HK", ()),
        ("SY", ("city",)),
        (None, ("city", "state_province", "postal_code")),
    ],
)
def test_addresses_have_what_their_country_has(country: str | None, needs: tuple[str, ...]) -> None:
    assert address_needs(country) == needs


def test_a_country_that_is_none_is_said_once() -> None:
    fields = {"state_province": "ON", "postal_code": "M5V 2B2", "phone": "+14165550142"}
    assert list(wrong(country="Atlantis", **fields)) == ["country"]


# Phone and zone


def test_a_phone_number_is_dialled_in_the_country() -> None:
    assert edit(country="FR", phone="06 12 34 56 78").phone == "+33612345678"
    assert list(wrong(country="FR", phone="12")) == ["phone"]


@pytest.mark.parametrize(
    ("fields", "zone"),
    [
        ({"country": "FR"}, "Europe/Paris"),
        ({"country": "DE"}, "Europe/Berlin"),
        ({"country": "IS"}, "Atlantic/Reykjavik"),
        ({"country": "CA", "phone": "+14165550142"}, "America/Toronto"),
        ({"country": "CA", "phone": "+13065550142"}, "America/Regina"),
        ({"country": "US", "phone": "+12125550142"}, "America/New_York"),
        ({"country": "CA", "time_zone": "America/Halifax"}, "America/Halifax"),
        ({"phone": "+14165550142"}, None),
    ],
)
def test_the_zone_is_derived_where_it_is_missing(fields: dict[str, str], zone: str | None) -> None:
    assert edit(**fields).time_zone == zone


@pytest.mark.parametrize(
    "fields",
    [
        {"country": "CA"},
        {"country": "CA", "phone": "+18005550142"},
        {"country": "CA", "phone": "+12125550142"},
        {"country": "AU", "phone": "+61412345678"},
    ],
)
def test_where_it_cannot_be_derived_it_is_asked_for(fields: dict[str, str]) -> None:
    (said,) = wrong(**fields).items()
    assert said[0] == "time_zone"
    assert "is needed" in said[1]


def test_a_zone_is_one_there_is() -> None:
    assert list(wrong(country="CA", time_zone="Toronto")) == ["time_zone"]


def test_zones_of_countries() -> None:
    assert zones_of("CH") == ("Europe/Zurich",)
    assert zones_of("XX") == ()
    assert only_zone("XX") is None
    assert only_zone("US") is None
    assert zone_of_number("+442071838750", "GB") == "Europe/London"
    assert zone_of_number("+442071838750", "FR") is None


# Languages, catalogues


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("fr", "fr"),
        ("FR", "fr"),
        ("fra", "fr"),
        ("fre", "fr"),
        ("French", "fr"),
        ("punjabi", "pa"),
        ("Panjabi", "pa"),
        ("Cantonese", "yue"),
        ("yue", "yue"),
        ("xx", None),
        ("fr-CA", None),
        ("Klingonese", None),
    ],
)
def test_languages_are_kept_by_their_iso_code(written: str, code: str | None) -> None:
    assert language(written) == code


def test_every_language_has_one_code() -> None:
    assert edit(languages=["French", "fr", "en"]).languages == ("fr", "en")
    assert list(wrong(languages=["fr", "xx"])) == ["languages.1"]


def test_keywords_are_canonical() -> None:
    said = ["Brake Repair", "brake repair", KEYWORDS[0].name]
    assert edit(service_keywords=said).service_keywords == ("brake repair", KEYWORDS[0].name)
    assert list(wrong(service_keywords=["brakes and such"])) == ["service_keywords.0"]


def test_brands_are_those_of_the_catalogue() -> None:
    assert edit(brand_specializations=["bmw", "Mini"]).brand_specializations == ("BMW", "MINI")
    assert edit(brand_specializations=list(BRANDS)).brand_specializations == BRANDS
    assert list(wrong(brand_specializations=["Trabant"])) == ["brand_specializations.0"]


def test_to_have_no_certification_is_fine() -> None:
    assert not edit(certification=None).certified
    assert not edit().certified


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", None),
        ("version", None),
        ("version", "1"),
        ("email", "ada"),
        ("about_me", ""),
        ("about_me", "x" * 2001),
        ("about_me", "\ud800"),
        ("shop_affiliation", "a\nb"),
        ("hourly_rate_cents", -1),
        ("hourly_rate_cents", 95.5),
        ("hourly_rate_cents", True),
        ("years_of_experience", 81),
        ("years_of_experience", "12"),
        ("specialist_tier", "guru"),
        ("languages", "fr"),
        ("certification", {"number": "1"}),
        ("certification", {"number": "1", "issuer": "x", "expires_on": "30.06.2027"}),
        ("certification", {"number": "1", "issuer": "x", "expires_on": "2027-02-30"}),
        ("certification", {"number": "1", "issuer": "x", "grade": 1}),
    ],
)
def test_a_wrong_value_is_said_to_be(field: str, value: Any) -> None:
    assert {said.partition(".")[0] for said in wrong(**{field: value})} == {field}
