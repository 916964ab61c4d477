"""The proleptic Gregorian calendar as arithmetic on day numbers; day 0 is 1970-01-01.

    civil      year, month, day                   ordinal    year, day of year
    week       ISO week year, week, day (Mon=1)   quarter    year, quarter, day of quarter

Each scheme is a bijection with the day numbers of the years -999,999,999 to 999,999,999. Python's `datetime.date`
stops at the years 1 and 9999 and cannot be used.

Reference: ISO 8601-1:2019, sections 4.2 and 5.2; E. Reingold and N. Dershowitz, Calendrical Calculations.

Only integers may live here: no text, no zones, no times of day.
"""

from __future__ import annotations

from itonami.query.faults import out_of_range

__all__ = [
    "MAX_YEAR",
    "civil",
    "day_number",
    "from_civil",
    "from_ordinal",
    "from_quarter",
    "from_week",
    "plus_months",
    "quarter_date",
    "week_date",
    "weekday",
]

MAX_YEAR = 999_999_999
_ERA_DAYS, _ERA_YEARS = 146_097, 400
_EPOCH_SHIFT = 719_468  # days from 0000-03-01 to 1970-01-01
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_leap(year: int) -> bool:
    """Whether a year of the proleptic Gregorian calendar has 366 days."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def month_days(year: int, month: int) -> int:
    """The days of a month, 28 to 31."""
    return 29 if month == 2 and is_leap(year) else _LENGTHS[month - 1]


def day_number(year: int, month: int, day: int) -> int:
    """The day number of a valid civil date. O(1)."""
    shifted = year - (month <= 2)
    era, of_era = divmod(shifted, _ERA_YEARS)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * _ERA_DAYS + of_era * 365 + of_era // 4 - of_era // 100 + of_year - _EPOCH_SHIFT


def civil(days: int) -> tuple[int, int, int]:
    """Year, month and day of a day number. O(1)."""
    era, of_era = divmod(days + _EPOCH_SHIFT, _ERA_DAYS)
    years = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * years + years // 4 - years // 100)
    shifted = (5 * of_year + 2) // 153
    month = (shifted + 2) % 12 + 1
    return era * _ERA_YEARS + years + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1


def weekday(days: int) -> int:
    """1 for Monday to 7 for Sunday."""
    return (days + 3) % 7 + 1


def week_date(days: int) -> tuple[int, int, int]:
    """ISO week year, week and day: a week belongs to the year its Thursday lies in."""
    day = weekday(days)
    thursday = days - day + 4
    year = civil(thursday)[0]
    return year, (thursday - day_number(year, 1, 1)) // 7 + 1, day


def quarter_date(days: int) -> tuple[int, int, int]:
    """Year, quarter and day of quarter."""
    year, month, _ = civil(days)
    quarter = (month - 1) // 3 + 1
    return year, quarter, days - day_number(year, 3 * quarter - 2, 1) + 1


def _within(name: str, value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise out_of_range(f"{name} {value} is outside {least} to {most}")
    return value


def from_civil(year: int, month: int, day: int) -> int:
    """The day number of a civil date; a month or day that is none is `ArgumentError`."""
    _within("year", year, -MAX_YEAR, MAX_YEAR)
    _within("month", month, 1, 12)
    _within("day", day, 1, month_days(year, month))
    return day_number(year, month, day)


def from_ordinal(year: int, ordinal: int) -> int:
    """The day number of a day of the year."""
    _within("year", year, -MAX_YEAR, MAX_YEAR)
    _within("ordinalDay", ordinal, 1, 366 if is_leap(year) else 365)
    return day_number(year, 1, 1) + ordinal - 1


def _first_monday(year: int) -> int:
    fourth = day_number(year, 1, 4)
    return fourth - weekday(fourth) + 1


def from_week(year: int, week: int, day: int) -> int:
    """The day number of a day of an ISO week; week 53 must exist in that week year."""
    _within("year", year, -MAX_YEAR, MAX_YEAR)
    first = _first_monday(year)
    _within("week", week, 1, (_first_monday(year + 1) - first) // 7)
    _within("dayOfWeek", day, 1, 7)
    return first + 7 * (week - 1) + day - 1


def from_quarter(year: int, quarter: int, day: int) -> int:
    """The day number of a day of a quarter."""
    _within("year", year, -MAX_YEAR, MAX_YEAR)
    _within("quarter", quarter, 1, 4)
    first = 3 * quarter - 2
    _within("dayOfQuarter", day, 1, sum(month_days(year, month) for month in range(first, first + 3)))
    return day_number(year, first, 1) + day - 1


def plus_months(days: int, months: int) -> int:
    """The same day of the month so many months on, or the last day of that month when it has none."""
    year, month, day = civil(days)
    year, index = divmod(year * 12 + month - 1 + months, 12)
    _within("year", year, -MAX_YEAR, MAX_YEAR)
    return day_number(year, index + 1, min(day, month_days(year, index + 1)))
