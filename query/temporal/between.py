"""The duration between two instants: whole months, then whole days, then the rest.

What one of the two lacks it takes from the other: a date (a date itself is read at midnight), a zone. Days and months
are counted on the first one's clock, the rest on the time line, so that the day on which clocks change has 23 or 25
hours. The sign is the direction; all parts have the same, save for the rest on such a day.

Reference: openCypher CIP2015-08-06, "Durations between"; TCK, Temporal10.

Only differences may live here.
"""

from __future__ import annotations

from itonami.query.temporal.calendar import civil, plus_months
from itonami.query.temporal.duration import Duration, truncated
from itonami.query.temporal.fields import date_of, time_of
from itonami.query.temporal.instants import DateTime, Instant, Time, Zone, zoned
from itonami.query.temporal.zone import NANOS_A_DAY

__all__ = ["between", "in_days", "in_months", "in_seconds"]


def _zone(value: Instant) -> Zone | None:
    if isinstance(value, DateTime):
        return value.clock
    return value.offset if isinstance(value, Time) else None


def _placed(value: Instant, other: Instant) -> DateTime:
    """The value with what it lacks taken from the other; without any date or zone, day 0 and UTC."""
    if isinstance(value, DateTime):
        return value
    days, zone = date_of(value), _zone(value)
    if days is None:
        days = date_of(other)
    if zone is None:
        zone = _zone(other)
    return zoned((days or 0) * NANOS_A_DAY + (time_of(value) or 0), 0 if zone is None else zone)


def _pair(a: Instant, b: Instant) -> tuple[DateTime, DateTime, bool]:
    """Both placed, the second on the first one's clock, and whether both came with dates."""
    start, end = _placed(a, b), _placed(b, a)
    dated = date_of(a) is not None and date_of(b) is not None
    return start, DateTime.of_instant(end.instant, start.clock), dated


def _months(start: int, end: int) -> int:
    """Whole months between two readings of one clock, toward zero."""
    (first, start_nanos), (last, end_nanos) = divmod(start, NANOS_A_DAY), divmod(end, NANOS_A_DAY)
    (year, month, day), (end_year, end_month, end_day) = civil(first), civil(last)
    months = (end_year - year) * 12 + end_month - month
    if months > 0 and (end_day, end_nanos) < (day, start_nanos):
        return months - 1
    return months + 1 if months < 0 and (end_day, end_nanos) > (day, start_nanos) else months


def in_months(a: Instant, b: Instant) -> Duration:
    """The whole months from a to b; none unless both have dates."""
    start, end, dated = _pair(a, b)
    return Duration(_months(start.nanos, end.nanos) if dated else 0)


def in_days(a: Instant, b: Instant) -> Duration:
    """The whole days from a to b; none unless both have dates."""
    start, end, dated = _pair(a, b)
    return Duration(days=truncated(end.nanos - start.nanos, NANOS_A_DAY)[0] if dated else 0)


def in_seconds(a: Instant, b: Instant) -> Duration:
    """The time from a to b, on the time line."""
    start, end, _ = _pair(a, b)
    return Duration(nanos=end.instant - start.instant)


def between(a: Instant, b: Instant) -> Duration:
    """Whole months, then whole days, then the rest from a to b."""
    start, end, dated = _pair(a, b)
    if not dated:
        return Duration(nanos=end.instant - start.instant)
    months = _months(start.nanos, end.nanos)
    days, of_day = divmod(start.nanos, NANOS_A_DAY)
    there = plus_months(days, months) * NANOS_A_DAY + of_day
    whole_days, _ = truncated(end.nanos - there, NANOS_A_DAY)
    there += whole_days * NANOS_A_DAY
    rest = end.instant - zoned(there, start.clock, start.offset).instant
    return Duration(months, whole_days, rest)
