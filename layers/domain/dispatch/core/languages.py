"""Languages as people write them. Pure but for the table of ISO 639 that pycountry ships."""

from functools import cache

from dispatch.core import places

# What people write, where ISO's own name is another. Folded.
_OTHER_NAMES = {
    "cantonese": "yue",
    "farsi": "fa",
    "filipino": "fil",
    "greek": "el",
    "mandarin": "cmn",
    "nepali": "ne",
    "punjabi": "pa",
    "swahili": "sw",
}


def language(text: str) -> str | None:
    """The ISO 639 code of a language written as code or English name; else None.

    Of two letters, where there is one: ``fr`` for ``fra``, ``fre`` and ``French``.
    """
    written = places.fold(text)
    return _by_code().get(written) or _OTHER_NAMES.get(written) or _by_name().get(written)


@cache
def _rows() -> list[dict[str, str]]:
    return places.iso_table("639-3")


def _code(row: dict[str, str]) -> str:
    return row.get("alpha_2", row["alpha_3"])


@cache
def _by_code() -> dict[str, str]:
    names = ("bibliographic", "alpha_3", "alpha_2")
    return {row[name]: _code(row) for name in names for row in _rows() if name in row}


@cache
def _by_name() -> dict[str, str]:
    return {
        row[name].casefold(): _code(row)
        for name in ("name", "common_name")
        for row in _rows()
        if name in row
    }
