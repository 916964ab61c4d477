"""Date, LocalTime, Time, LocalDateTime and DateTime: frozen values, each one number and, where it has one, a zone.

    Date(days)   LocalTime(nanos)   Time(nanos, offset)   LocalDateTime(nanos)   DateTime(nanos, offset, zone)

`days` counts from 1970-01-01; `nanos` are those of the wall clock, since midnight or since 1970-01-01T00:00. A
value's `order` sorts values of its class: by instant, then from west to east, then by the zone's name; so that equal
means the same instant read on the same clock. `str(value)` is ISO 8601, and `parsing` reads it back:

    parse(str(v)) == v

Reference: openCypher CIP2015-08-06, Date and Time; ISO 8601-1:2019; RFC 9557 for the zone in brackets.

Nothing but the values, their bounds and their text may live here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from itonami.query.faults import out_of_range
from itonami.query.temporal.calendar import MAX_YEAR, civil, day_number
from itonami.query.temporal.zone import (
    MAX_OFFSET,
    NANOS_A_DAY,
    NANOS_A_SECOND,
    at_instant,
    at_local,
    offset_text,
)

__all__ = ["Date", "DateTime", "Instant", "LocalDateTime", "LocalTime", "Time", "Zone", "zoned"]

Zone = int | str
"""An offset in seconds, or a name of the IANA database."""

_FIRST_DAY, _LAST_DAY = day_number(-MAX_YEAR, 1, 1), day_number(MAX_YEAR, 12, 31)
_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)


def _date_text(days: int) -> str:
    year, month, day = civil(days)
    sign = "-" if year < 0 else "+" if year > 9_999 else ""
    return f"{sign}{abs(year):04}-{month:02}-{day:02}"


def _time_text(nanos: int) -> str:
    seconds, fraction = divmod(nanos, NANOS_A_SECOND)
    text = f"{seconds // 3_600:02}:{seconds // 60 % 60:02}"
    if seconds % 60 or fraction:
        text += f":{seconds % 60:02}"
    return f"{text}.{fraction:09}".rstrip("0") if fraction else text


def _bounded_days(days: int) -> None:
    if not _FIRST_DAY <= days <= _LAST_DAY:
        raise out_of_range(f"the year is outside -{MAX_YEAR} to {MAX_YEAR}")


def _bounded_time(nanos: int) -> None:
    if not 0 <= nanos < NANOS_A_DAY:
        raise out_of_range("the time of day is outside 00:00 to 24:00")


def _bounded_offset(offset: int) -> None:
    if not -MAX_OFFSET <= offset <= MAX_OFFSET:
        raise out_of_range(f"offset {offset} s is outside -18:00 to +18:00")


@dataclass(frozen=True, slots=True)
class Date:
    """A day of the calendar, without zone."""

    days: int

    def __post_init__(self) -> None:
        _bounded_days(self.days)

    @property
    def order(self) -> tuple[int]:
        return (self.days,)

    def __str__(self) -> str:
        return _date_text(self.days)


@dataclass(frozen=True, slots=True)
class LocalTime:
    """A time of day, without zone."""

    nanos: int

    def __post_init__(self) -> None:
        _bounded_time(self.nanos)

    @property
    def order(self) -> tuple[int]:
        return (self.nanos,)

    def __str__(self) -> str:
        return _time_text(self.nanos)


@dataclass(frozen=True, slots=True)
class Time:
    """A time of day at an offset from UTC (seconds)."""

    nanos: int
    offset: int = 0

    def __post_init__(self) -> None:
        _bounded_time(self.nanos)
        _bounded_offset(self.offset)

    @property
    def order(self) -> tuple[int, int]:
        return (self.nanos - self.offset * NANOS_A_SECOND, self.offset)

    def __str__(self) -> str:
        return _time_text(self.nanos) + offset_text(self.offset)


@dataclass(frozen=True, slots=True)
class LocalDateTime:
    """A day and a time of day, without zone."""

    nanos: int

    def __post_init__(self) -> None:
        _bounded_days(self.nanos // NANOS_A_DAY)

    @property
    def order(self) -> tuple[int]:
        return (self.nanos,)

    def __str__(self) -> str:
        days, of_day = divmod(self.nanos, NANOS_A_DAY)
        return f"{_date_text(days)}T{_time_text(of_day)}"


@dataclass(frozen=True, slots=True)
class DateTime:
    """An instant, as read on the wall clock of an offset from UTC (seconds), which may be that of a named zone.

    Made by `zoned` and `of_instant`, which find the offset.
    """

    nanos: int
    offset: int = 0
    zone: str | None = None

    def __post_init__(self) -> None:
        _bounded_days(self.nanos // NANOS_A_DAY)
        _bounded_offset(self.offset)

    @classmethod
    def of_instant(cls, utc: int, zone: Zone = 0) -> DateTime:
        """The instant so many nanoseconds after the epoch, on the clock of a zone."""
        offset = zone if isinstance(zone, int) else at_instant(zone, utc)
        return cls(utc + offset * NANOS_A_SECOND, offset, zone if isinstance(zone, str) else None)

    @classmethod
    def of_python(cls, moment: datetime) -> DateTime:
        """An aware Python datetime, on the clock of its own offset."""
        offset = moment.utcoffset() or timedelta()
        local = moment.replace(tzinfo=None) - _EPOCH
        return cls(local // _MICROSECOND * 1_000, offset.days * 86_400 + offset.seconds)

    @property
    def instant(self) -> int:
        """Nanoseconds since 1970-01-01T00:00Z."""
        return self.nanos - self.offset * NANOS_A_SECOND

    @property
    def clock(self) -> Zone:
        """The zone it is read in: its name, else its offset."""
        return self.offset if self.zone is None else self.zone

    @property
    def order(self) -> tuple[int, int, str]:
        return (self.instant, self.offset, self.zone or "")

    def __str__(self) -> str:
        days, of_day = divmod(self.nanos, NANOS_A_DAY)
        name = "" if self.zone is None else f"[{self.zone}]"
        return f"{_date_text(days)}T{_time_text(of_day)}{offset_text(self.offset)}{name}"


Instant = Date | LocalTime | Time | LocalDateTime | DateTime


def zoned(local: int, zone: Zone, prefer: int | None = None) -> DateTime:
    """A wall clock reading (nanoseconds since 1970-01-01T00:00) in a zone; see `zone.at_local` for gaps and folds."""
    if isinstance(zone, int):
        return DateTime(local, zone)
    moved, offset = at_local(zone, local, prefer)
    return DateTime(moved, offset, zone)
