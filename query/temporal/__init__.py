"""Temporal values of openCypher: dates, times and durations to the nanosecond, over +-999,999,999 years."""

from itonami.query.temporal.duration import Duration
from itonami.query.temporal.fields import field_of
from itonami.query.temporal.instants import Date, DateTime, Instant, LocalDateTime, LocalTime, Time

__all__ = ["Date", "DateTime", "Duration", "Instant", "LocalDateTime", "LocalTime", "Time", "field_of"]
