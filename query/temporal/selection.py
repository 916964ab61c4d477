"""Temporal values from maps: components, and components of other values.

    date({year: 1984, week: 10, dayOfWeek: 3})      datetime({date: d, time: t, second: 42, timezone: '+05:00'})

A map gives a day in one of four schemes (month and day, week, quarter, ordinal day), a time of day, and a zone. What
it leaves out comes from the value it selects (`date`, `time`, `datetime`), else a component may be left out only
when all smaller ones are. A `timezone` beside a selected value that has one keeps the instant and changes the clock.

Reference: openCypher CIP2015-08-06, "Creating temporal instants" and "Selecting"; TCK, Temporal1 and Temporal3.

Only maps may be read here.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from itonami.query.faults import bad_argument, out_of_range, wrong_type
from itonami.query.temporal.calendar import from_civil, from_ordinal, from_quarter, from_week
from itonami.query.temporal.duration import Duration, exact
from itonami.query.temporal.fields import date_of, field_of, time_of
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
from itonami.query.temporal.zone import NANOS_A_DAY, NANOS_A_SECOND, read_offset

__all__ = ["INSTANTS", "Fields", "day_of", "duration_of", "instant_of", "nanos_of", "zone_of"]

Fields = dict[str, Any]
INSTANTS = (Date, LocalTime, Time, LocalDateTime, DateTime)

_SCHEMES: tuple[tuple[tuple[str, ...], Callable[[int, int, int], int]], ...] = (
    (("week", "dayOfWeek"), from_week),
    (("quarter", "dayOfQuarter"), from_quarter),
    (("ordinalDay",), lambda year, ordinal, _: from_ordinal(year, ordinal)),
    (("month", "day"), from_civil),
)
_FRACTIONS = ("millisecond", "microsecond", "nanosecond")
_CLOCK = ("hour", "minute", "second")
_DATE_KEYS = frozenset(("year", "date", "datetime", *(name for names, _ in _SCHEMES for name in names)))
_TIME_KEYS = frozenset(("time", "datetime", *_CLOCK, *_FRACTIONS))
_EPOCH_KEYS = frozenset(("epochSeconds", "epochMillis"))
_DURATION_KEYS: dict[str, tuple[str, int]] = {
    "years": ("months", 12),
    "quarters": ("months", 3),
    "months": ("months", 1),
    "weeks": ("days", 7),
    "days": ("days", 1),
    "hours": ("nanos", 3_600 * NANOS_A_SECOND),
    "minutes": ("nanos", 60 * NANOS_A_SECOND),
    "seconds": ("nanos", NANOS_A_SECOND),
    "milliseconds": ("nanos", 1_000_000),
    "microseconds": ("nanos", 1_000),
    "nanoseconds": ("nanos", 1),
}


def _whole(fields: Fields, name: str, default: int) -> int:
    value = fields.get(name, default)
    if type(value) is not int:
        raise wrong_type(f"{name} must be an integer, not {value!r}")
    return value


def _selected(fields: Fields, *names: str) -> Instant | None:
    """The value a map selects under one of the names."""
    for name in names:
        if name in fields:
            value = fields[name]
            if not isinstance(value, INSTANTS):
                raise wrong_type(f"{name} must be a temporal value, not {value!r}")
            return value
    return None


def _contiguous(fields: Fields, names: tuple[str, ...]) -> None:
    """Refuse a component without the next larger one."""
    for larger, smaller in pairwise(names):
        if smaller in fields and larger not in fields:
            raise bad_argument(
                f"{smaller} is given without {larger}", "InvalidArgumentValue", f"add {larger}"
            )


def day_of(fields: Fields, base: int | None) -> int:
    """The day number that a map gives; `base` is the day it is selected from."""
    schemes = [scheme for scheme in _SCHEMES if any(name in fields for name in scheme[0])] or [_SCHEMES[-1]]
    if len(schemes) > 1:
        mixed = " and ".join(scheme[0][0] for scheme in schemes)
        raise bad_argument(f"{mixed} together name no day", "InvalidArgumentValue", "use one of them")
    names, number = schemes[0]
    if base is None:
        _contiguous(fields, ("year", *names))
        if "year" not in fields:
            raise bad_argument("a date needs a year", "InvalidArgumentValue", "give year, date or datetime")
        parts = [_whole(fields, name, 1) for name in ("year", *names)]
    else:
        day = Date(base)
        year = "weekYear" if names[0] == "week" else "year"
        parts = [_whole(fields, "year", int(field_of(day, year)))]
        parts += [_whole(fields, name, int(field_of(day, name))) for name in names]
    return number(*[*parts, 1][:3])


def _fraction(fields: Fields) -> int:
    """Nanoseconds of `millisecond`, `microsecond` and `nanosecond`: each counts on from the larger ones given."""
    nanos, limit = 0, NANOS_A_SECOND
    for name, unit in zip(_FRACTIONS, (1_000_000, 1_000, 1), strict=True):
        if name in fields:
            value = _whole(fields, name, 0)
            if not 0 <= value * unit < limit:
                raise out_of_range(f"{name} {value} is outside 0 to {limit // unit - 1}")
            nanos, limit = nanos + value * unit, unit
    return nanos


def nanos_of(fields: Fields, base: int | None, *, needed: bool = False) -> int:
    """The nanoseconds since midnight that a map gives; `base` is the time of day it is selected from."""
    if base is None:
        first = next((name for name in _FRACTIONS if name in fields), None)
        _contiguous(fields, _CLOCK if first is None else (*_CLOCK, first))
        if needed and "hour" not in fields:
            raise bad_argument("a time needs an hour", "InvalidArgumentValue", "give hour, time or datetime")
    time = LocalTime(base or 0)
    total = 0
    for name, limit in zip(_CLOCK, (24, 60, 60), strict=True):
        value = _whole(fields, name, int(field_of(time, name)))
        if not 0 <= value < limit:
            raise out_of_range(f"{name} {value} is outside 0 to {limit - 1}")
        total = total * 60 + value
    given = any(name in fields for name in _FRACTIONS)
    return total * NANOS_A_SECOND + (_fraction(fields) if given else time.nanos % NANOS_A_SECOND)


def zone_of(value: Any) -> Zone:
    """The zone of a `timezone` component: an offset or a name."""
    if type(value) is not str:
        raise wrong_type(f"timezone must be a string, not {value!r}")
    offset = read_offset(value)
    return value if offset is None else offset


def _offset_of(value: Any) -> int:
    zone = zone_of(value)
    if isinstance(zone, str):
        raise bad_argument("a time has no named zone", "InvalidArgumentValue", "give an offset: '+01:00'")
    return zone


def _clock_of(value: Instant | None) -> Zone | None:
    if isinstance(value, DateTime):
        return value.clock
    return value.offset if isinstance(value, Time) else None


def _known(kind: type, fields: Fields, keys: frozenset[str]) -> None:
    unknown = sorted(fields.keys() - keys)
    if unknown:
        name = kind.__name__.lower()
        raise bad_argument(f"a {name} has no component {unknown[0]!r}", "InvalidArgumentValue")


def _date(fields: Fields, _: Zone) -> Date:
    _known(Date, fields, _DATE_KEYS)
    return Date(day_of(fields, _base_day(fields)))


def _base_day(fields: Fields) -> int | None:
    value = _selected(fields, "date", "datetime")
    day = None if value is None else date_of(value)
    if value is not None and day is None:
        raise wrong_type(f"{value} has no date")
    return day


def _base_time(fields: Fields) -> tuple[int | None, Instant | None]:
    value = _selected(fields, "time", "datetime")
    nanos = None if value is None else time_of(value)
    if "time" in fields and nanos is None:
        raise wrong_type(f"{value} has no time of day")
    return nanos, value


def _localtime(fields: Fields, _: Zone) -> LocalTime:
    _known(LocalTime, fields, _TIME_KEYS)
    return LocalTime(nanos_of(fields, _base_time(fields)[0], needed=True))


def _time(fields: Fields, default: Zone) -> Time:
    _known(Time, fields, _TIME_KEYS | {"timezone"})
    base, value = _base_time(fields)
    nanos = nanos_of(fields, base, needed=True)
    had = value.offset if isinstance(value, Time | DateTime) else None
    if "timezone" not in fields:
        return Time(nanos, had if had is not None else default if isinstance(default, int) else 0)
    offset = _offset_of(fields["timezone"])
    shift = 0 if had is None else (offset - had) * NANOS_A_SECOND
    return Time((nanos + shift) % NANOS_A_DAY, offset)


def _localdatetime(fields: Fields, _: Zone) -> LocalDateTime:
    _known(LocalDateTime, fields, _DATE_KEYS | _TIME_KEYS)
    days, nanos = day_of(fields, _base_day(fields)), nanos_of(fields, _base_time(fields)[0])
    return LocalDateTime(days * NANOS_A_DAY + nanos)


def _datetime(fields: Fields, default: Zone) -> DateTime:
    zone = zone_of(fields["timezone"]) if "timezone" in fields else None
    if fields.keys() & _EPOCH_KEYS:
        _known(DateTime, fields, _EPOCH_KEYS | {"timezone", *_FRACTIONS})
        utc = (
            _whole(fields, "epochSeconds", 0) * NANOS_A_SECOND + _whole(fields, "epochMillis", 0) * 1_000_000
        )
        return DateTime.of_instant(utc + _fraction(fields), default if zone is None else zone)
    _known(DateTime, fields, _DATE_KEYS | _TIME_KEYS | {"timezone"})
    base, value = _base_time(fields)
    local = day_of(fields, _base_day(fields)) * NANOS_A_DAY + nanos_of(fields, base)
    had = _clock_of(value)
    if had is None:
        return zoned(local, default if zone is None else zone)
    moment = zoned(local, had, value.offset if isinstance(value, DateTime) else None)
    return moment if zone is None else DateTime.of_instant(moment.instant, zone)


_MAKERS: dict[type, Callable[[Fields, Zone], Instant]] = {
    Date: _date,
    LocalTime: _localtime,
    Time: _time,
    LocalDateTime: _localdatetime,
    DateTime: _datetime,
}


def instant_of(kind: type, fields: Fields, default: Zone) -> Instant:
    """The value of a class that a map describes; `default` is the zone when the map leaves it open."""
    return _MAKERS[kind](fields, default)


def duration_of(fields: Fields) -> Duration:
    """The duration of a map: `years` to `nanoseconds`, whole or fractional, of either sign."""
    parts: dict[str, Any] = {"months": 0, "days": 0, "nanos": 0}
    for name, value in fields.items():
        if name not in _DURATION_KEYS:
            raise bad_argument(f"a duration has no component {name!r}", "InvalidArgumentValue")
        if type(value) is not int and type(value) is not float:
            raise wrong_type(f"{name} must be a number, not {value!r}")
        part, factor = _DURATION_KEYS[name]
        parts[part] += exact(value) * factor
    return Duration.carried(**parts)
