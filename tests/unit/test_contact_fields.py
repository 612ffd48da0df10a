"""What people write of themselves: mail addresses, phone numbers, postal codes."""

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from dispatch.core.views import Email, e164, postal_code


@pytest.mark.parametrize(
    ("written", "country", "number"),
    [
        ("416 555 0100", None, "+14165550100"),
        ("(416) 555-0100", "CA", "+14165550100"),
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("+33 6 12 34 56 78", "CA", "+33612345678"),
    ],
)
def test_a_phone_number_is_kept_in_e164(written: str, country: str | None, number: str) -> None:
    assert e164(written, country) == number


@pytest.mark.parametrize("written", ["", "555-0100", "call me", "+1 416 555 0100 22 33 44"])
def test_what_cannot_be_called_from_anywhere_is_no_phone_number(written: str) -> None:
    with pytest.raises(PydanticCustomError, match="is not a phone number"):
        e164(written)


@pytest.mark.parametrize(
    ("written", "country", "code"),
    [
        ("m5v 1a1", "CA", "M5V 1A1"),
        ("M5V1A1", "CA", "M5V1A1"),
        ("Ｍ５Ｖ  1A1", "CA", "M5V 1A1"),
        ("90210", "US", "90210"),
        ("90210-1234", "US", "90210-1234"),
        ("sw1a 1aa", "GB", "SW1A 1AA"),
        ("75001", "FR", "75001"),
        ("anything", "HK", "ANYTHING"),  # has no postal codes
        ("anything", "SY", "ANYTHING"),  # unknown to the library
    ],
)
def test_a_postal_code_is_kept_as_its_country_writes_it(
    written: str, country: str, code: str
) -> None:
    assert postal_code(written, country) == code


@pytest.mark.parametrize(
    ("written", "country"),
    [
        ("90210", "CA"),
        ("M5V", "CA"),
        ("D5V 1A1", "CA"),  # no area begins with D
        ("M5V 1A1", "US"),
        ("9021", "US"),
        ("٩٠٢١٠", "US"),
        ("GIR 0AA extra", "GB"),
        ("7500", "FR"),
    ],
)
def test_another_countrys_postal_code_is_refused(written: str, country: str) -> None:
    with pytest.raises(PydanticCustomError, match="is not a postal code of"):
        postal_code(written, country)


def test_the_refusal_shows_how_it_is_written() -> None:
    with pytest.raises(PydanticCustomError, match="Canada, such as H3Z 2Y7"):
        postal_code("12345", "CA")


def test_a_mail_address_is_checked_by_its_syntax_alone() -> None:
    assert TypeAdapter(Email).validate_python("Jo@Driver.Example") == "Jo@driver.example"
    with pytest.raises(ValidationError, match="is not an email address"):
        TypeAdapter(Email).validate_python("jo at driver")
