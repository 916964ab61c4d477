"""`date.truncate(unit, value, fields)`: a value cut down to the start of a unit, then some components set anew.

    datetime.truncate('week', t) = the Monday of t's week, 00:00, in t's zone

Cutting twice is cutting once. A `timezone` among the fields sets the zone and keeps the local time.

Reference: openCypher CIP2015-08-06, "Truncating temporal values"; TCK, Temporal9.

Only truncation may live here.
"""

from __future__ import annotations

from collections.abc import Callable

from itonami.query.faults import bad_argument, wrong_type
from itonami.query.temporal.calendar import MAX_YEAR, civil, day_number, week_date, weekday
from itonami.query.temporal.fields import date_of, time_of
from itonami.query.temporal.instants import (
    Date,
    DateTime,
    Instant,
    LocalDateTime,
    LocalTime,
    Time,
    Zone,
    zoned,
)
from itonami.query.temporal.selection import Fields, instant_of, zone_of
from itonami.query.temporal.zone import NANOS_A_DAY, NANOS_A_SECOND

__all__ = ["truncate"]


def _years(step: int) -> Callable[[int], int]:
    def first_day(days: int) -> int:
        year = civil(days)[0]
        return day_number(max(year - year % step, -MAX_YEAR), 1, 1)

    return first_day


def _quarter(days: int) -> int:
    year, month, _ = civil(days)
    return day_number(year, month - (month - 1) % 3, 1)


def _week_year(days: int) -> int:
    fourth = day_number(week_date(days)[0], 1, 4)
    return fourth - weekday(fourth) + 1


_DAYS: dict[str, Callable[[int], int]] = {
    "millennium": _years(1_000),
    "century": _years(100),
    "decade": _years(10),
    "year": _years(1),
    "weekyear": _week_year,
    "quarter": _quarter,
    "month": lambda days: days - civil(days)[2] + 1,
    "week": lambda days: days - weekday(days) + 1,
    "day": lambda days: days,
}
_NANOS: dict[str, int] = {
    "day": NANOS_A_DAY,
    "hour": 3_600 * NANOS_A_SECOND,
    "minute": 60 * NANOS_A_SECOND,
    "second": NANOS_A_SECOND,
    "millisecond": 1_000_000,
    "microsecond": 1_000,
}
_DATED, _TIMED = (Date, LocalDateTime, DateTime), (LocalTime, Time, LocalDateTime, DateTime)


def _cut(kind: type, unit: str, value: Instant) -> tuple[int, int]:
    """Day number and nanoseconds since midnight at the start of the unit; what `kind` lacks is 0."""
    days, nanos = date_of(value), time_of(value)
    if kind in _DATED and days is None:
        raise wrong_type(f"{value} has no date")
    if kind not in _DATED and nanos is None:
        raise wrong_type(f"{value} has no time of day")
    if unit in _DAYS and (kind in _DATED or unit == "day"):
        return (_DAYS[unit](days or 0), 0) if kind in _DATED else (0, 0)
    if unit in _NANOS and kind in _TIMED:
        if nanos is None:
            raise wrong_type(f"{value} has no time of day, so no {unit}")
        return days or 0, nanos - nanos % _NANOS[unit]
    raise bad_argument(f"a {kind.__name__.lower()} cannot be truncated to {unit!r}", "InvalidArgumentValue")


def _fractions_kept(unit: str, nanos: int, fields: Fields) -> Fields:
    """Fields below the unit add to what it left of the second, instead of replacing it."""
    if (
        unit == "millisecond"
        and "millisecond" not in fields
        and fields.keys() & {"microsecond", "nanosecond"}
    ):
        return {"millisecond": nanos % NANOS_A_SECOND // 1_000_000, **fields}
    if (
        unit == "microsecond"
        and "nanosecond" in fields
        and not fields.keys() & {"millisecond", "microsecond"}
    ):
        return {"microsecond": nanos % NANOS_A_SECOND // 1_000, **fields}
    return fields


def truncate(kind: type, unit: str, value: Instant, fields: Fields, default: Zone) -> Instant:
    """The value of class `kind` at the start of `value`'s unit, with `fields` set; `default` is the zone of a
    zoned result when neither `value` nor `fields` has one."""
    unit = unit.lower()
    days, nanos = _cut(kind, unit, value)
    fields = dict(_fractions_kept(unit, nanos, fields))
    zone: Zone = default
    if isinstance(value, DateTime | Time):
        zone = value.clock if isinstance(value, DateTime) and kind is DateTime else value.offset
    if "timezone" in fields and kind in (Time, DateTime):
        zone = zone_of(fields.pop("timezone"))
    local = days * NANOS_A_DAY + nanos
    if kind is Date:
        return instant_of(Date, {"date": Date(days), **fields}, zone)
    if kind is LocalTime:
        return instant_of(LocalTime, {"time": LocalTime(nanos), **fields}, zone)
    if kind is Time:
        start = Time(nanos, zone if isinstance(zone, int) else 0)
        return instant_of(Time, {"time": start, **fields}, zone)
    if kind is LocalDateTime:
        return instant_of(LocalDateTime, {"datetime": LocalDateTime(local), **fields}, zone)
    return instant_of(DateTime, {"datetime": zoned(local, zone), **fields}, zone)
