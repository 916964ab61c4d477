"""What a temporal value answers to `value.field`: one table a class, a field a small function.

Reference: openCypher CIP2015-08-06, "Accessing components".

Only reading may live here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from itonami.query.faults import bad_argument
from itonami.query.temporal.calendar import civil, day_number, quarter_date, week_date
from itonami.query.temporal.duration import Duration, truncated
from itonami.query.temporal.instants import Date, DateTime, Instant, LocalDateTime, LocalTime, Time
from itonami.query.temporal.zone import NANOS_A_DAY, NANOS_A_SECOND, offset_text

__all__ = ["date_of", "field_of", "fields_of", "time_of"]


def date_of(value: Instant) -> int | None:
    """The day number of a value that has a date."""
    if isinstance(value, Date):
        return value.days
    return value.nanos // NANOS_A_DAY if isinstance(value, LocalDateTime | DateTime) else None


def time_of(value: Instant) -> int | None:
    """The nanoseconds since midnight of a value that has a time of day."""
    return None if isinstance(value, Date) else value.nanos % NANOS_A_DAY


_DAY: dict[str, Callable[[int], int]] = {
    "year": lambda days: civil(days)[0],
    "quarter": lambda days: quarter_date(days)[1],
    "month": lambda days: civil(days)[1],
    "week": lambda days: week_date(days)[1],
    "weekYear": lambda days: week_date(days)[0],
    "day": lambda days: civil(days)[2],
    "ordinalDay": lambda days: days - day_number(civil(days)[0], 1, 1) + 1,
    "weekDay": lambda days: week_date(days)[2],
    "dayOfWeek": lambda days: week_date(days)[2],
    "dayOfQuarter": lambda days: quarter_date(days)[2],
}
_CLOCK: dict[str, Callable[[int], int]] = {
    "hour": lambda nanos: nanos // (3_600 * NANOS_A_SECOND),
    "minute": lambda nanos: nanos // (60 * NANOS_A_SECOND) % 60,
    "second": lambda nanos: nanos // NANOS_A_SECOND % 60,
    "millisecond": lambda nanos: nanos % NANOS_A_SECOND // 1_000_000,
    "microsecond": lambda nanos: nanos % NANOS_A_SECOND // 1_000,
    "nanosecond": lambda nanos: nanos % NANOS_A_SECOND,
}
_OFFSET: dict[str, Callable[[Any], Any]] = {
    "timezone": lambda value: getattr(value, "zone", None) or offset_text(value.offset),
    "offset": lambda value: offset_text(value.offset),
    "offsetMinutes": lambda value: truncated(value.offset, 60)[0],
    "offsetSeconds": lambda value: value.offset,
}
_EPOCH: dict[str, Callable[[Any], Any]] = {
    "epochSeconds": lambda value: value.instant // NANOS_A_SECOND,
    "epochMillis": lambda value: value.instant // 1_000_000,
}


def _seconds(duration: Duration) -> int:
    return duration.nanos // NANOS_A_SECOND


_DURATION: dict[str, Callable[[Any], Any]] = {
    "years": lambda d: truncated(d.months, 12)[0],
    "quarters": lambda d: truncated(d.months, 3)[0],
    "months": lambda d: d.months,
    "weeks": lambda d: truncated(d.days, 7)[0],
    "days": lambda d: d.days,
    "hours": lambda d: truncated(_seconds(d), 3_600)[0],
    "minutes": lambda d: truncated(_seconds(d), 60)[0],
    "seconds": _seconds,
    "milliseconds": lambda d: d.nanos // 1_000_000,
    "microseconds": lambda d: d.nanos // 1_000,
    "nanoseconds": lambda d: d.nanos,
    "quartersOfYear": lambda d: truncated(truncated(d.months, 3)[0], 4)[1],
    "monthsOfQuarter": lambda d: truncated(d.months, 3)[1],
    "monthsOfYear": lambda d: truncated(d.months, 12)[1],
    "daysOfWeek": lambda d: truncated(d.days, 7)[1],
    "minutesOfHour": lambda d: truncated(truncated(_seconds(d), 60)[0], 60)[1],
    "secondsOfMinute": lambda d: truncated(_seconds(d), 60)[1],
    "millisecondsOfSecond": lambda d: d.nanos % NANOS_A_SECOND // 1_000_000,
    "microsecondsOfSecond": lambda d: d.nanos % NANOS_A_SECOND // 1_000,
    "nanosecondsOfSecond": lambda d: d.nanos % NANOS_A_SECOND,
}


def _through(part: Callable[[Any], int | None], table: dict[str, Callable[[int], int]]) -> dict[str, Any]:
    def reader(read: Callable[[int], int]) -> Callable[[Any], Any]:
        return lambda value: read(part(value) or 0)

    return {name: reader(read) for name, read in table.items()}


_days, _clock = _through(date_of, _DAY), _through(time_of, _CLOCK)
_FIELDS: dict[type, dict[str, Callable[[Any], Any]]] = {
    Date: _days,
    LocalTime: _clock,
    Time: _clock | _OFFSET,
    LocalDateTime: _days | _clock,
    DateTime: _days | _clock | _OFFSET | _EPOCH,
    Duration: _DURATION,
}


def fields_of(kind: type) -> tuple[str, ...]:
    """The names of the fields of a temporal class."""
    return tuple(_FIELDS[kind])


def field_of(value: Instant | Duration, name: str) -> int | str:
    """A field of a temporal value: an integer, or text for `timezone` and `offset`. Unknown: `ArgumentError`."""
    read = _FIELDS[type(value)].get(name)
    if read is None:
        kind = type(value).__name__.lower()
        raise bad_argument(
            f"a {kind} has no field {name!r}",
            "InvalidArgumentValue",
            f"it has {', '.join(fields_of(type(value)))}",
        )
    answer: int | str = read(value)
    return answer
