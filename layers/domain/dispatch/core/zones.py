"""Time zones of countries and of phone numbers, from the tables of tzdata and phonenumbers."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo


def zones_of(country: str) -> tuple[str, ...]:
    """IANA names of the zones of a country (ISO 3166-1 alpha-2), as ``zone.tab`` orders them."""
    return _zones_by_country().get(country, ())


def only_zone(country: str) -> str | None:
    """The zone of a country that has one; None where there are several, or none is known.

    Zones whose clocks agree are one: Germany has an enclave with a zone of its own, which has
    differed once, in 1980.
    """
    zones = zones_of(country)
    return zones[0] if zones and len({_clocks(name) for name in zones}) == 1 else None


def zone_of_number(number: str, country: str) -> str | None:
    """The zone of a phone number (E.164), where its area has one, within that country."""
    import phonenumbers
    from phonenumbers.timezone import time_zones_for_number

    zones = time_zones_for_number(phonenumbers.parse(number))
    return zones[0] if len(zones) == 1 and zones[0] in zones_of(country) else None


_COMPARED = [datetime(2025, 1, 15, tzinfo=UTC) + timedelta(days=30 * n) for n in range(12 * 12)]
"""Twelve years, month by month: where zones differ now or are to differ, they do so by then."""


def _clocks(name: str) -> tuple[timedelta | None, ...]:
    zone = ZoneInfo(name)
    return tuple(zone.utcoffset(instant.astimezone(zone)) for instant in _COMPARED)


@cache
def _zones_by_country() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = defaultdict(list)
    table = files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8")
    for line in table.splitlines():
        if line and not line.startswith("#"):
            country, _, name = line.split("\t")[:3]
            found[country].append(name)
    return {country: tuple(names) for country, names in found.items()}
