"""Countries, provinces and postal areas as people write them.

The ISO tables are those pycountry ships. They are read as data, when first needed: importing
pycountry would cost a cold start 90 ms, this costs 3 ms for countries and 20 ms for subdivisions.
"""

import json
import re
import unicodedata
from collections import defaultdict
from functools import cache
from importlib.util import find_spec
from pathlib import Path

CANADA = "CA"

# Letters whose accent is part of the letter, so that Unicode does not take it apart, and the
# apostrophe that telephones write.
_LETTERS = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "’": "'"}
)

# The English name in common use, where ISO's own is not it.
_COMMON_NAMES = {
    "BN": "Brunei",
    "BQ": "Caribbean Netherlands",
    "CC": "Cocos Islands",
    "CD": "Democratic Republic of the Congo",
    "CG": "Republic of the Congo",
    "CI": "Ivory Coast",
    "CV": "Cape Verde",
    "FK": "Falkland Islands",
    "FM": "Micronesia",
    "MF": "Saint Martin",
    "MO": "Macau",
    "PS": "Palestine",
    "RU": "Russia",
    "SH": "Saint Helena",
    "SX": "Sint Maarten",
    "TR": "Turkey",
    "VA": "Vatican City",
    "VG": "British Virgin Islands",
    "VI": "U.S. Virgin Islands",
}

# What people also write. Folded as `_country_key` does.
_OTHER_NAMES = {
    "america": "US",
    "britain": "GB",
    "burma": "MM",
    "czech republic": "CZ",
    "dr congo": "CD",
    "east timor": "TL",
    "eire": "IE",
    "england": "GB",
    "great britain": "GB",
    "holland": "NL",
    "macedonia": "MK",
    "northern ireland": "GB",
    "republic of ireland": "IE",
    "republic of korea": "KR",
    "scotland": "GB",
    "swaziland": "SZ",
    "uae": "AE",
    "uk": "GB",
    "us virgin islands": "VI",
    "vatican": "VA",
    "wales": "GB",
}

# ISO 3166-2 lists the French names of Canada's provinces beside the English; pycountry does not.
_FRENCH_PROVINCES = {
    "Colombie-Britannique": "CA-BC",
    "Nouveau-Brunswick": "CA-NB",
    "Nouvelle-Écosse": "CA-NS",
    "Terre-Neuve-et-Labrador": "CA-NL",
    "Territoires du Nord-Ouest": "CA-NT",
    "Île-du-Prince-Édouard": "CA-PE",
}

# The short forms in which Canadians write addresses, and what no table lists. Folded as
# `_subdivision_key` does: "P.E.I." is "pei", "Î.-P.-É." is "i p e".
_OTHER_SUBDIVISIONS = {
    CANADA: {
        "alb": "CA-AB",
        "alta": "CA-AB",
        "c b": "CA-BC",
        "cb": "CA-BC",
        "i p e": "CA-PE",
        "ipe": "CA-PE",
        "labrador": "CA-NL",
        "man": "CA-MB",
        "n b": "CA-NB",
        "n e": "CA-NS",
        "newfoundland": "CA-NL",
        "nfld": "CA-NL",
        "nwt": "CA-NT",
        "ont": "CA-ON",
        "pei": "CA-PE",
        "pq": "CA-QC",
        "que": "CA-QC",
        "sask": "CA-SK",
        "t n l": "CA-NL",
        "terre neuve": "CA-NL",
        "tn o": "CA-NT",
        "tno": "CA-NT",
        "yukon territory": "CA-YT",
    },
    "US": {"washington dc": "US-DC"},
}


def is_unicode(text: str) -> bool:
    """Whether the text can be stored: half of a surrogate pair, as JSON can write it, cannot."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def fold(text: str) -> str:
    """``text`` as names are compared: without case, accents and surplus white space."""
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return " ".join(plain.casefold().translate(_LETTERS).split())


def country(text: str | None) -> str | None:
    """The ISO 3166-1 alpha-2 code of a country written as code or English name; else None."""
    return _countries_by_name().get(_country_key(text)) if text else None


def country_name(code: str) -> str:
    """The common English name: ``Canada`` for ``CA``. A code that is none names itself."""
    return _country_names().get(code, code)


def subdivision(country_code: str | None, text: str | None) -> str | None:
    """The ISO 3166-2 code of a province or state of that country, written as code or name."""
    if not country_code or not text:
        return None
    return _subdivisions(country_code).get(_subdivision_key(text))


def postal_area(country_code: str | None, postal_code: str | None) -> str | None:
    """The part of a postal code that stands for a neighbourhood; None if it is too short.

    Its shape depends on the country (``domain.md``, match score), so without one it is unknown.
    """
    if not country_code or not postal_code:
        return None
    code = "".join(unicodedata.normalize("NFKC", postal_code).upper().split())
    match country_code:
        case "GB":
            return (code if len(code) < 5 else code[:-3]) or None
        case "US":
            return _prefix(_digits(code), 3)
        case "AU":
            return _prefix(_digits(code), 2)
        case _:
            return _prefix(code, 3)


def _prefix(code: str, length: int) -> str | None:
    return code[:length] if len(code) >= length else None


def _digits(code: str) -> str:
    return re.sub("[^0-9]", "", code)


def _country_key(text: str) -> str:
    """Folded, and blind to ``U.K.`` or ``UK``, ``the Bahamas``, ``St. Lucia``, ``&`` or ``and``."""
    key = fold(text).replace(".", "").replace("&", "and").removeprefix("the ")
    return re.sub(r"^st\b", "saint", key)


def _subdivision_key(text: str) -> str:
    """Folded, and blind to ``B.C.`` or ``BC``, ``Nouveau-Brunswick`` or ``Nouveau Brunswick``."""
    return " ".join(re.sub("[-,]", " ", fold(text).replace(".", "")).split())


def has_subdivisions(country_code: str) -> bool:
    """Whether ISO 3166-2 knows any. It lists none of Hong Kong, whose addresses have areas."""
    return bool(_subdivisions(country_code))


def iso_table(standard: str) -> list[dict[str, str]]:
    """The rows of an ISO standard as pycountry ships them: ``3166-1``, ``639-3`` ..."""
    spec = find_spec("pycountry")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pycountry, whose tables of ISO codes are needed")
    path = Path(spec.origin).parent / "databases" / f"iso{standard}.json"
    rows: list[dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))[standard]
    return rows


@cache
def _country_names() -> dict[str, str]:
    return {
        row["alpha_2"]: row.get("common_name", row["name"]) for row in iso_table("3166-1")
    } | _COMMON_NAMES


@cache
def _countries_by_name() -> dict[str, str]:
    found = {
        _country_key(row[name]): row["alpha_2"]
        for name in ("official_name", "name", "common_name", "alpha_3", "alpha_2")
        for row in iso_table("3166-1")
        if name in row
    }
    # Without what ISO adds in brackets: "Holy See (Vatican City State)".
    for row in iso_table("3166-1"):
        found.setdefault(_country_key(re.sub(r" \([^)]*\)$", "", row["name"])), row["alpha_2"])
    found |= {_country_key(name): code for code, name in _COMMON_NAMES.items()}
    return found | _OTHER_NAMES


@cache
def _subdivision_rows() -> dict[str, list[dict[str, str]]]:
    rows: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in iso_table("3166-2"):
        rows[row["code"].partition("-")[0]].append(row)
    return rows


@cache
def _subdivisions(country_code: str) -> dict[str, str]:
    """Every accepted spelling, folded. Where two subdivisions share one, the first keeps it."""
    rows = _subdivision_rows().get(country_code, [])
    spellings = [(row["code"], row["code"]) for row in rows]
    spellings += [(row["code"].partition("-")[2], row["code"]) for row in rows]
    spellings += [(row["name"], row["code"]) for row in rows]
    # Parts of names, too: ISO writes Wales as "Wales [Cymru GB-CYM]".
    spellings += [
        (part, row["code"]) for row in rows for part in re.split(r"[\[\](),/]", row["name"])
    ]
    if country_code == CANADA:
        spellings += list(_FRENCH_PROVINCES.items())
    spellings += list(_OTHER_SUBDIVISIONS.get(country_code, {}).items())
    found: dict[str, str] = {}
    for spelling, code in spellings:
        found.setdefault(_subdivision_key(spelling), code)
    found.pop("", None)
    return found
