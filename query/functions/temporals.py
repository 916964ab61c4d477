"""Functions of time: constructors, clocks, truncation, and durations between.

    date()   date('2015-07-21')   date({year: 2015})   date(other)      one of five classes, from four sources
    date.transaction()  date.statement()  date.realtime()               the same moment, save for the last
    date.truncate('month', other, {day: 3})                             duration.between(a, b)

Reference: openCypher CIP2015-08-06; TCK, Temporal1 to Temporal10.

Only what turns arguments into calls of `temporal` may live here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from itonami.query.context import Context
from itonami.query.faults import wrong_type
from itonami.query.functions.signature import Function, table
from itonami.query.temporal import Date, DateTime, Duration, Instant, LocalDateTime, LocalTime, Time
from itonami.query.temporal import parsing as parse
from itonami.query.temporal.between import between, in_days, in_months, in_seconds
from itonami.query.temporal.instants import Zone
from itonami.query.temporal.selection import INSTANTS, Fields, duration_of, instant_of, zone_of
from itonami.query.temporal.truncation import truncate
from itonami.query.temporal.zone import NANOS_A_SECOND, offset_text
from itonami.query.values.domain import Value, spoken_type

__all__ = ["FUNCTIONS"]

_CLASSES: dict[str, type[Instant]] = {
    "date": Date,
    "localtime": LocalTime,
    "time": Time,
    "localdatetime": LocalDateTime,
    "datetime": DateTime,
}
_SELECTS: dict[type, str] = {
    Date: "date",
    LocalTime: "time",
    Time: "time",
    LocalDateTime: "datetime",
    DateTime: "datetime",
}
_PARSERS: dict[type, Callable[[str, Zone], Instant]] = {
    Date: lambda text, _: parse.parse_date(text),
    LocalTime: lambda text, _: parse.parse_localtime(text),
    Time: lambda text, zone: parse.parse_time(text, zone if isinstance(zone, int) else 0),
    LocalDateTime: lambda text, _: parse.parse_localdatetime(text),
    DateTime: parse.parse_datetime,
}


def _moment(moment: datetime, zone: Zone) -> DateTime:
    """A moment on the clock of a zone."""
    return DateTime.of_instant(DateTime.of_python(moment).instant, zone)


def _now(kind: type, moment: datetime, zone: Zone) -> Instant:
    """A moment as a value of a class, on the clock of a zone."""
    return instant_of(kind, {_SELECTS[kind]: _moment(moment, zone)}, zone)


def _zone(kind: type, context: Context) -> Zone:
    """The zone of a value that names none; of a time, which has no date to find a name's offset by, today's offset."""
    return _moment(context.now, context.zone).offset if kind is Time else context.zone


def _settled(kind: type, context: Context, fields: Fields) -> Fields:
    """The components, a named zone of a time replaced by its offset today."""
    if kind is not Time or "timezone" not in fields:
        return fields
    here = _moment(context.now, zone_of(fields["timezone"]))
    return {**fields, "timezone": offset_text(here.offset)}


def _construct(kind: type, context: Context, source: Value = ...) -> Value:
    if source is ...:
        return _now(kind, context.now, context.zone)
    if type(source) is str:
        return _PARSERS[kind](source, _zone(kind, context))
    if type(source) is dict:
        known = all(value is not None for value in source.values())
        return instant_of(kind, _settled(kind, context, source), _zone(kind, context)) if known else None
    if type(source) is kind:
        return source
    if isinstance(source, INSTANTS):
        return instant_of(kind, {_SELECTS[kind]: source}, _zone(kind, context))
    raise wrong_type(f"no {kind.__name__.lower()} is made of {spoken_type(source)}")


def _statement(kind: type, context: Context, zone: Value = ...) -> Value:
    return _now(kind, context.now, context.zone if zone is ... else zone_of(zone))


def _realtime(kind: type, context: Context, zone: Value = ...) -> Value:
    return _now(kind, context.realtime(), context.zone if zone is ... else zone_of(zone))


def _truncate(kind: type, context: Context, unit: Value, value: Value = ..., fields: Value = ...) -> Value:
    if value is ...:
        value = _now(DateTime, context.now, context.zone)
    if fields is ...:
        fields = {}
    if type(unit) is not str or not isinstance(value, INSTANTS) or type(fields) is not dict:
        raise wrong_type("truncate takes the unit as string, a temporal value and a map")
    if any(item is None for item in fields.values()):
        return None
    return truncate(kind, unit, value, _settled(kind, context, fields), _zone(kind, context))


def _from_epoch(seconds: Value, nanos: Value = 0) -> Value:
    if type(seconds) is not int or type(nanos) is not int:
        raise wrong_type("fromEpoch takes seconds and nanoseconds as integers")
    return DateTime.of_instant(seconds * NANOS_A_SECOND + nanos)


def _from_epoch_millis(millis: Value) -> Value:
    if type(millis) is not int:
        raise wrong_type("fromEpochMillis takes milliseconds as an integer")
    return DateTime.of_instant(millis * 1_000_000)


def _duration(source: Value) -> Value:
    if type(source) is str:
        return parse.parse_duration(source)
    if type(source) is dict:
        return duration_of(source) if all(value is not None for value in source.values()) else None
    if type(source) is Duration:
        return source
    raise wrong_type(f"no duration is made of {spoken_type(source)}")


def _difference(measure: Callable[[Instant, Instant], Duration], a: Value, b: Value) -> Value:
    if not isinstance(a, INSTANTS) or not isinstance(b, INSTANTS):
        raise wrong_type(f"there is no duration between {spoken_type(a)} and {spoken_type(b)}")
    return measure(a, b)


def _timestamp(context: Context) -> int:
    return DateTime.of_python(context.now).instant // 1_000_000


def _of_class(name: str, kind: type) -> tuple[Function, ...]:
    def contextual(
        suffix: str, least: int, most: int, call: Callable[..., Value], fixed: bool = True
    ) -> Function:
        return Function(name + suffix, least, most, partial(call, kind), deterministic=fixed, contextual=True)

    return (
        contextual("", 0, 1, _construct),
        contextual(".transaction", 0, 1, _statement),
        contextual(".statement", 0, 1, _statement),
        contextual(".realtime", 0, 1, _realtime, False),
        contextual(".truncate", 1, 3, _truncate),
    )


_MEASURES = {"between": between, "inMonths": in_months, "inDays": in_days, "inSeconds": in_seconds}

FUNCTIONS = table(
    *(function for name, kind in _CLASSES.items() for function in _of_class(name, kind)),
    Function("datetime.fromEpoch", 1, 2, _from_epoch),
    Function("datetime.fromEpochMillis", 1, 1, _from_epoch_millis),
    Function("duration", 1, 1, _duration),
    *(Function(f"duration.{name}", 2, 2, partial(_difference, call)) for name, call in _MEASURES.items()),
    Function("timestamp", 0, 0, _timestamp, contextual=True),
    local_time="localtime",
    zoned_time="time",
    local_datetime="localdatetime",
    zoned_datetime="datetime",
)
"""Temporal functions by lower-case name; `local_time` and its like are GQL's spellings."""
