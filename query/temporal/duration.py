"""Duration: months, days and nanoseconds, kept apart because a month has no fixed number of days, nor a day of hours.

    P1Y2M10DT2H30M0.5S = Duration(months=14, days=10, nanos=9_000_500_000_000)

Two durations are equal when all three are. They have no `<`: whether P1M is less than P30D depends on where one
starts. To be sorted at all they are ordered by an average length (a month is 1/4800 of the 146,097 days of
400 Gregorian years: 2,629,746 seconds), then by their parts.

A fraction of a part carries into the next smaller one by that average, exactly, and is cut below the nanosecond.

Reference: openCypher CIP2015-08-06, Durations; ISO 8601-1:2019, section 5.5.2.

Nothing of calendars or zones may live here.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from itonami.query.faults import no_division, out_of_range
from itonami.query.temporal.zone import NANOS_A_DAY, NANOS_A_SECOND

__all__ = ["MONTH_SECONDS", "Duration", "exact", "truncated"]

MONTH_SECONDS = 2_629_746
_DAY_SECONDS = 86_400
_MAX_SECONDS = 1 << 63
Exact = int | Fraction


def exact(number: float | Fraction) -> Fraction:
    """A number as written: 0.1 is one tenth, not the double nearest to it. NaN and infinity are `ArgumentError`."""
    try:
        return Fraction(repr(number)) if isinstance(number, float) else Fraction(number)
    except ValueError:
        raise out_of_range(f"a duration cannot count {number}") from None


def truncated(number: int, divisor: int) -> tuple[int, int]:
    """Quotient and remainder of division toward zero."""
    quotient, remainder = divmod(abs(number), divisor)
    return (quotient, remainder) if number >= 0 else (-quotient, -remainder)


@dataclass(frozen=True, slots=True)
class Duration:
    """An amount of time in three parts, each of either sign and within 64 bits (the last in seconds)."""

    months: int = 0
    days: int = 0
    nanos: int = 0

    def __post_init__(self) -> None:
        seconds = self.nanos // NANOS_A_SECOND
        for part in (self.months, self.days, seconds):
            if not -_MAX_SECONDS <= part < _MAX_SECONDS:
                raise out_of_range("a part of the duration leaves the 64-bit integers")

    @classmethod
    def carried(cls, months: Exact = 0, days: Exact = 0, nanos: Exact = 0) -> Duration:
        """The duration of exact parts; fractions carry down, months into days at their average length."""
        whole_months = int(months)
        spare = (months - whole_months) * MONTH_SECONDS  # seconds
        spare_days = int(spare / _DAY_SECONDS)
        whole_days = int(days)
        rest = spare - spare_days * _DAY_SECONDS + (days - whole_days) * _DAY_SECONDS
        return cls(whole_months, whole_days + spare_days, int(rest * NANOS_A_SECOND + nanos))

    def __add__(self, other: Duration) -> Duration:
        return Duration(self.months + other.months, self.days + other.days, self.nanos + other.nanos)

    def __neg__(self) -> Duration:
        return Duration(-self.months, -self.days, -self.nanos)

    def __sub__(self, other: Duration) -> Duration:
        return self + -other

    def times(self, factor: float | Fraction) -> Duration:
        """Every part multiplied, exactly, fractions carried down."""
        by = exact(factor)
        return Duration.carried(self.months * by, self.days * by, self.nanos * by)

    def divided(self, divisor: float) -> Duration:
        """Every part divided, exactly, fractions carried down."""
        by = exact(divisor)
        if by == 0:
            raise no_division("duration / number")
        return self.times(1 / by)

    @property
    def order(self) -> tuple[int, int, int, int]:
        """Average length in nanoseconds, then the parts."""
        average = (self.months * MONTH_SECONDS + self.days * _DAY_SECONDS) * NANOS_A_SECOND + self.nanos
        return (average, self.months, self.days, self.nanos)

    def __str__(self) -> str:
        years, months = truncated(self.months, 12)
        seconds, fraction = truncated(self.nanos, NANOS_A_SECOND)
        minutes, seconds = truncated(seconds, 60)
        hours, minutes = truncated(minutes, 60)
        date = "".join(f"{n}{unit}" for n, unit in ((years, "Y"), (months, "M"), (self.days, "D")) if n)
        time = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M")) if n)
        if seconds or fraction:
            sign = "-" if self.nanos < 0 else ""
            time += f"{sign}{abs(seconds)}.{abs(fraction):09}".rstrip("0").rstrip(".") + "S"
        return f"P{date}T{time}" if time else f"P{date}" if date else "PT0S"


assert MONTH_SECONDS * 4_800 * NANOS_A_SECOND == 146_097 * NANOS_A_DAY
