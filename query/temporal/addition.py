"""Instant + duration: months first, then days on the calendar, then nanoseconds on the time line.

    2024-01-31 + P1M = 2024-02-29        02:30 in summer + PT24H differs from + P1D when the clocks change

A part that a class does not have is ignored (a time of day has no months, a date takes whole days only).

Reference: openCypher CIP2015-08-06, "Temporal arithmetic".

Only addition may live here; subtraction adds the opposite.
"""

from __future__ import annotations

from itonami.query.temporal.calendar import plus_months
from itonami.query.temporal.duration import Duration, truncated
from itonami.query.temporal.instants import Date, DateTime, Instant, LocalDateTime, LocalTime, Time, zoned
from itonami.query.temporal.zone import NANOS_A_DAY

__all__ = ["plus"]


def _moved(nanos: int, duration: Duration) -> int:
    """A wall clock reading after the duration's months and days."""
    if not duration.months and not duration.days:
        return nanos
    days, of_day = divmod(nanos, NANOS_A_DAY)
    return (plus_months(days, duration.months) + duration.days) * NANOS_A_DAY + of_day


def plus(value: Instant, duration: Duration) -> Instant:
    """The instant after a duration; beyond the years +-999,999,999 `ArgumentError`."""
    match value:
        case Date(days):
            whole, _ = truncated(duration.nanos, NANOS_A_DAY)
            return Date(plus_months(days, duration.months) + duration.days + whole)
        case LocalTime(nanos):
            return LocalTime((nanos + duration.nanos) % NANOS_A_DAY)
        case Time(nanos, offset):
            return Time((nanos + duration.nanos) % NANOS_A_DAY, offset)
        case LocalDateTime(nanos):
            return LocalDateTime(_moved(nanos, duration) + duration.nanos)
        case DateTime():
            there = zoned(_moved(value.nanos, duration), value.clock, value.offset)
            return DateTime.of_instant(there.instant + duration.nanos, value.clock)
