"""What the calls of the calendar take, checked field by field. Imported by HTTP functions only."""

import re
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from dispatch.calendar import rules
from dispatch.calendar.model import Availability, Block, Override, Span, WeeklyBlock
from dispatch.core.views import Body, GivenInstant, Line, by_example, read_instant, wrong

MAX_WEEKLY = 100
MAX_OVERRIDES = 366
MAX_OF_A_DATE = 20


class Weekday(StrEnum):
    """In the order in which the model counts them."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


WEEKDAYS = tuple(Weekday)
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEARS = range(2000, 2200)


def _clock_reader(pattern: str) -> BeforeValidator:
    def minutes(text: object) -> int:
        if not isinstance(text, str) or not re.fullmatch(pattern, text):
            raise wrong("is not a time of day such as 09:30")
        return int(text[:2]) * 60 + int(text[3:])

    return BeforeValidator(minutes)


def _clock_schema(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^({pattern})$", "examples": [example]})


_Start = Annotated[int, _clock_reader(_CLOCK), _clock_schema(_CLOCK, "09:00")]
_End = Annotated[int, _clock_reader(f"{_CLOCK}|24:00"), _clock_schema(f"{_CLOCK}|24:00", "17:00")]


def _date(text: object) -> date:
    if not isinstance(text, str) or not _DATE.fullmatch(text):
        raise wrong("is not a date such as 2026-07-01")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise wrong("is not a date there is") from None
    if day.year not in _YEARS:
        raise wrong("is too far away")
    return day


_Date = Annotated[
    date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})
]


def _zone(name: str) -> str:
    if rules.find_zone(name) is None:
        raise wrong("is not the IANA name of a time zone, such as America/Toronto")
    return name


ZoneName = Annotated[Line, AfterValidator(_zone)]


class BlockBody(Body):
    """A stretch of a day; an end before the start is on the next morning."""

    start: _Start
    end: _End = Field(description="`24:00` for the midnight that ends the day")

    @field_validator("end")
    @classmethod
    def _lasts(cls, end: int, info: ValidationInfo) -> int:
        if end == info.data.get("start"):
            raise wrong("is the start; a whole day is 00:00 to 24:00")
        return end

    def to_block(self) -> Block:
        is_next_day = self.end < self.start
        return Block(self.start, self.end + 24 * 60 if is_next_day else self.end)


class WeeklyBlockBody(BlockBody):
    """A block of every week, named by the day on which it begins."""

    weekday: Weekday


class OverrideBody(Body):
    """What begins on one date, instead of the weekly blocks; no blocks: a day off."""

    date: _Date
    blocks: list[BlockBody] = Field(max_length=MAX_OF_A_DATE)


class AvailabilityBody(Body):
    """The whole of it: what is left out is gone."""

    model_config = by_example(
        {
            "version": 3,
            "time_zone": "America/Vancouver",
            "weekly": [
                {"weekday": "monday", "start": "09:00", "end": "17:00"},
                {"weekday": "friday", "start": "22:00", "end": "02:00"},
            ],
            "overrides": [
                {"date": "2026-12-24", "blocks": [{"start": "09:00", "end": "12:00"}]},
                {"date": "2026-12-25", "blocks": []},
            ],
        }
    )

    version: int = Field(ge=0, strict=True, description="The one that was read")
    time_zone: ZoneName = Field(
        description="IANA name: by whose clock all times are", examples=["America/Vancouver"]
    )
    weekly: list[WeeklyBlockBody] = Field(max_length=MAX_WEEKLY)
    overrides: list[OverrideBody] = Field(default=[], max_length=MAX_OVERRIDES)

    def to_availability(self) -> Availability:
        return Availability(
            time_zone=self.time_zone,
            weekly=tuple(
                WeeklyBlock(WEEKDAYS.index(each.weekday), each.to_block()) for each in self.weekly
            ),
            overrides=tuple(
                Override(each.date, tuple(block.to_block() for block in each.blocks))
                for each in self.overrides
            ),
        )


class TimeOffBody(Body):
    """A stretch in which nothing can be booked."""

    model_config = by_example({"start": "2026-07-20T07:00:00Z", "end": "2026-08-03T07:00:00Z"})

    start: GivenInstant
    end: GivenInstant

    @field_validator("end")
    @classmethod
    def _lasts(cls, end: datetime, info: ValidationInfo) -> datetime:
        if "start" in info.data and end <= info.data["start"]:
            raise wrong("must be after the start")
        return end


def _instant_or_date(text: object) -> datetime | date:
    if isinstance(text, str) and _DATE.fullmatch(text):
        return _date(text)
    return read_instant(text)


_InstantOrDate = Annotated[
    Any,
    BeforeValidator(_instant_or_date),
    WithJsonSchema({"anyOf": [{"type": "string", "format": f} for f in ("date-time", "date")]}),
]


class SlotsParameters(BaseModel):
    """The query of ``GET /mechanics/{id}/slots``: a misspelt parameter must not vanish."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    plan: Line
    start: _InstantOrDate | None = Field(
        None,
        alias="from",
        description="The first instant, or the first day in `time_zone`; now, if not sent",
    )
    end: _InstantOrDate | None = Field(
        None,
        alias="to",
        description="The instant before which slots start, or the last day in `time_zone`; a week "
        "after `from`, if not sent, and at most 31 days",
    )
    time_zone: ZoneName = Field("UTC", description="IANA name: of days and of local times")

    def to_stretch(self, now: datetime) -> Span:
        return rules.stretch(ZoneInfo(self.time_zone), self.start, self.end, now)
