"""Countries, provinces and postal areas as people write them."""

import subprocess
import sys

import pytest

from dispatch.core.places import country, country_name, fold, postal_area, subdivision


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("CA", "CA"),
        (" canada ", "CA"),
        ("USA", "US"),
        ("us", "US"),
        ("U.S.A.", "US"),
        ("United States", "US"),
        ("United States of America", "US"),
        ("UK", "GB"),
        ("GB", "GB"),
        ("Great Britain", "GB"),
        ("United Kingdom", "GB"),
        ("South Korea", "KR"),
        ("Russia", "RU"),
        ("Russian Federation", "RU"),
        ("Vietnam", "VN"),
        ("Türkiye", "TR"),
        ("Turkey", "TR"),
        ("the Netherlands", "NL"),
        ("The Bahamas", "BS"),
        ("St. Lucia", "LC"),
        ("Trinidad & Tobago", "TT"),
        ("Cote d’Ivoire", "CI"),
        ("Ivory Coast", "CI"),
        ("Czech Republic", "CZ"),
        ("Iran", "IR"),
        ("Bolivia", "BO"),
        ("DEU", "DE"),
        ("Holy See", "VA"),
        ("Vatican City", "VA"),
        ("Republic of Ireland", "IE"),
        ("Atlantis", None),
        ("Republic of Atlantis", None),
        ("XX", None),
        ("", None),
        (None, None),
    ],
)
def test_a_country_is_known_by_code_and_english_name(written: str | None, code: str | None) -> None:
    assert country(written) == code


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("CA", "Canada"),
        ("GB", "United Kingdom"),
        ("US", "United States"),
        ("DE", "Germany"),
        ("KR", "South Korea"),
        ("RU", "Russia"),
        ("AU", "Australia"),
    ],
)
def test_countries_are_named_in_common_english(code: str, name: str) -> None:
    assert country_name(code) == name
    assert country(name) == code


@pytest.mark.parametrize(
    ("of", "written", "code"),
    [
        ("CA", "ON", "CA-ON"),
        ("CA", "ca-on", "CA-ON"),
        ("CA", "ontario", "CA-ON"),
        ("CA", "Québec", "CA-QC"),
        ("CA", "QUEBEC", "CA-QC"),
        ("CA", "Nouvelle-Écosse", "CA-NS"),
        ("US", "New York", "US-NY"),
        ("AU", "New South Wales", "AU-NSW"),
        ("GB", "Wales", "GB-WLS"),
        ("ES", "Pais Vasco", "ES-PV"),
        ("CA", "B.C.", "CA-BC"),
        ("CA", "C.-B.", "CA-BC"),
        ("CA", "Alta.", "CA-AB"),
        ("CA", "Sask.", "CA-SK"),
        ("CA", "Man.", "CA-MB"),
        ("CA", "Ont.", "CA-ON"),
        ("CA", "Que.", "CA-QC"),
        ("CA", "Qué.", "CA-QC"),
        ("CA", "P.Q.", "CA-QC"),
        ("CA", "N.B.", "CA-NB"),
        ("CA", "N.-B.", "CA-NB"),
        ("CA", "nouveau brunswick", "CA-NB"),
        ("CA", "N.S.", "CA-NS"),
        ("CA", "N.-É.", "CA-NS"),
        ("CA", "PEI", "CA-PE"),
        ("CA", "P.E.I.", "CA-PE"),
        ("CA", "Î.-P.-É.", "CA-PE"),
        ("CA", "Ile du Prince Edouard", "CA-PE"),
        ("CA", "N.L.", "CA-NL"),
        ("CA", "T.-N.-L.", "CA-NL"),
        ("CA", "Nfld.", "CA-NL"),
        ("CA", "Newfoundland", "CA-NL"),
        ("CA", "NWT", "CA-NT"),
        ("CA", "N.W.T.", "CA-NT"),
        ("CA", "T.N.-O.", "CA-NT"),
        ("CA", "Yukon", "CA-YT"),
        ("CA", "Yukon Territory", "CA-YT"),
        ("US", "D.C.", "US-DC"),
        ("US", "Washington DC", "US-DC"),
        ("US", "Washington, D.C.", "US-DC"),
        ("US", "Washington", "US-WA"),
        ("US", "PEI", None),
        ("CA", "Washington DC", None),
        ("CA", "B", None),
        ("CA", ".", None),
        ("CA", "NY", None),
        ("CA", "Middle Earth", None),
        ("CA", "", None),
        ("CA", None, None),
        (None, "Ontario", None),
        ("XX", "Ontario", None),
    ],
)
def test_a_province_is_known_by_code_and_name(
    of: str | None, written: str | None, code: str | None
) -> None:
    assert subdivision(of, written) == code


@pytest.mark.parametrize(
    ("of", "postal_code", "area"),
    [
        ("CA", "M5V 2B2", "M5V"),
        ("CA", "m5v2b2", "M5V"),
        ("CA", "M 5 V", "M5V"),
        ("CA", "M5", None),
        ("US", "14201", "142"),
        ("US", "14222-1001", "142"),
        ("US", "00501", "005"),
        ("US", "14", None),
        ("GB", "SW1A 2AA", "SW1A"),
        ("GB", "sw1a2aa", "SW1A"),
        ("GB", "M1 1AA", "M1"),
        ("GB", "SW1A", "SW1A"),
        ("GB", "M1", "M1"),
        ("GB", " ", None),
        ("AU", "2042", "20"),
        ("AU", "0800", "08"),
        ("AU", "2", None),
        ("DE", "10115", "101"),
        ("DE", "01067", "010"),
        ("DE", "10", None),
        (None, "M5V 2B2", None),
        ("CA", None, None),
    ],
)
def test_the_postal_area_depends_on_the_country(
    of: str | None, postal_code: str | None, area: str | None
) -> None:
    assert postal_area(of, postal_code) == area


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Montréal", "MONTREAL"),
        ("  Saint   John ", "saint john"),
        ("Łódź", "lodz"),
        ("Tromsø", "Tromso"),
        ("Straße", "STRASSE"),
        ("L’Ancienne-Lorette", "l'ancienne-lorette"),
        ("Montre\N{COMBINING ACUTE ACCENT}al", "Montréal"),
    ],
)
def test_names_compare_without_case_and_accents(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_different_names_stay_different() -> None:
    assert fold("Richmond") != fold("Richmond Hill")


def test_a_cold_start_does_not_pay_for_pycountry() -> None:
    program = (
        "import sys; from dispatch.core.places import country; country('CA');"
        "print('pycountry' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": "layers/domain"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"
