"""ISO 8601 text to temporal values: calendar, week, ordinal and quarter dates, extended and basic; durations.

    2015-07-21  20150721  2015-W30-2  2015-202  2015-Q3-21  +12015-07-21      P1Y2M3W4DT5H6M7.89S
    21:40:32.142  214032.142  21                            P2012-02-02T14:37:21.545
    2015-07-21T21:40:32.142+0100   ...-04:00[America/New_York]   ...[Europe/London]

What is left out on the right is the least it can be. A year of more or fewer than four digits carries a sign. Parsing
takes time linear in the text.

Reference: ISO 8601-1:2019, sections 5.2 to 5.5; RFC 9557; openCypher TCK, Temporal2.

Only reading of text may live here.
"""

from __future__ import annotations

import re
from fractions import Fraction

from itonami.query.faults import unparsable
from itonami.query.temporal.calendar import from_civil, from_ordinal, from_quarter, from_week
from itonami.query.temporal.duration import Duration
from itonami.query.temporal.instants import Date, DateTime, LocalDateTime, LocalTime, Time, Zone, zoned
from itonami.query.temporal.zone import NANOS_A_DAY, NANOS_A_SECOND, read_offset

__all__ = [
    "parse_date",
    "parse_datetime",
    "parse_duration",
    "parse_localdatetime",
    "parse_localtime",
    "parse_time",
]

_PARTS = (
    r"(?:{0}W(?P<week>\d\d)(?:{0}(?P<weekday>\d))?|{0}Q(?P<quarter>\d)(?:{0}(?P<quarterday>\d\d))?"
    r"|{0}(?P<ordinal>\d{{3}})|{0}(?P<month>\d\d)(?:{0}(?P<day>\d\d))?)?"
)
_DATES = (
    re.compile(r"(?P<year>[+-]\d{1,9}|\d{4})" + _PARTS.format("-"), re.ASCII),
    re.compile(r"(?P<year>\d{4})" + _PARTS.format(""), re.ASCII),
)
_FRACTION = r"(?:[.,](?P<fraction>\d{1,9}))?"
_TIMES = (
    re.compile(r"(?P<hour>\d\d)(?::(?P<minute>\d\d)(?::(?P<second>\d\d)" + _FRACTION + ")?)?", re.ASCII),
    re.compile(r"(?P<hour>\d\d)(?:(?P<minute>\d\d)(?:(?P<second>\d\d)" + _FRACTION + ")?)?", re.ASCII),
)
_ZONED = re.compile(r"(?P<time>[0-9:.,]+)(?P<offset>[Zz]|[+-][0-9:]+)?(?:\[(?P<zone>[^\[\]]+)\])?")
_NUMBER = r"[+-]?\d{1,19}(?:[.,]\d{1,19})?"
_DURATION = re.compile(
    r"(?P<sign>[+-]?)P(?=.)"
    + "".join(
        rf"(?:(?P<{name}>{_NUMBER}){name[0].upper()})?" for name in ("years", "months", "weeks", "days")
    )
    + r"(?:T(?=.)"
    + "".join(rf"(?:(?P<{name}>{_NUMBER}){name[0].upper()})?" for name in ("hours", "minutes", "seconds"))
    + ")?",
    re.ASCII,
)
_DURATION_CLOCK = re.compile(
    r"(?P<sign>[+-]?)P(?P<years>\d{4})-(?P<months>\d\d)-(?P<days>\d\d)"
    r"(?:T(?P<hours>\d\d):(?P<minutes>\d\d)(?::(?P<seconds>\d\d(?:[.,]\d{1,9})?))?)?",
    re.ASCII,
)


def _match(patterns: tuple[re.Pattern[str], ...], text: str, kind: str) -> dict[str, str | None]:
    for pattern in patterns:
        found = pattern.fullmatch(text)
        if found is not None:
            return found.groupdict()
    raise unparsable(kind, text)


def _days(text: str) -> int:
    part = _match(_DATES, text, "a date")
    year = int(part["year"] or 0)
    if part["week"] is not None:
        return from_week(year, int(part["week"]), int(part["weekday"] or 1))
    if part["ordinal"] is not None:
        return from_ordinal(year, int(part["ordinal"]))
    if part["quarter"] is not None:
        return from_quarter(year, int(part["quarter"]), int(part["quarterday"] or 1))
    return from_civil(year, int(part["month"] or 1), int(part["day"] or 1))


def _nanos(text: str) -> int:
    part = _match(_TIMES, text, "a time of day")
    hour, minute, second = (int(part[name] or 0) for name in ("hour", "minute", "second"))
    if hour > 23 or minute > 59 or second > 59:
        raise unparsable("a time of day", text)
    fraction = int((part["fraction"] or "0").ljust(9, "0"))
    return (hour * 3_600 + minute * 60 + second) * NANOS_A_SECOND + fraction


def _split(text: str) -> tuple[int, str]:
    """The day number of a date and what follows its `T`, which may be nothing."""
    date, _, time = text.partition("T")
    return _days(date), time


def parse_date(text: str) -> Date:
    """`2015-07-21` and its kin."""
    return Date(_days(text))


def parse_localtime(text: str) -> LocalTime:
    """`21:40:32.142` and its kin."""
    return LocalTime(_nanos(text))


def parse_localdatetime(text: str) -> LocalDateTime:
    """A date, `T` and a time of day; the time may be left out."""
    days, time = _split(text)
    return LocalDateTime(days * NANOS_A_DAY + (_nanos(time) if time else 0))


def _zoned(text: str, kind: str) -> tuple[int, int | None, str | None]:
    """Nanoseconds since midnight, the offset and the zone's name of a time with either."""
    part = _match((_ZONED,), text, kind)
    offset = read_offset(part["offset"]) if part["offset"] else None
    if part["offset"] and offset is None:
        raise unparsable(kind, text)
    return _nanos(part["time"] or ""), offset, part["zone"]


def parse_time(text: str, default: int) -> Time:
    """A time of day with an offset, else at `default` seconds from UTC."""
    nanos, offset, zone = _zoned(text, "a time")
    if zone is not None:
        raise unparsable("a time: without a date, a named zone has no offset", text)
    return Time(nanos, default if offset is None else offset)


def parse_datetime(text: str, default: Zone) -> DateTime:
    """A date and time with an offset, a named zone or both (they must agree), else in the zone `default`."""
    days, time = _split(text)
    nanos, offset, zone = _zoned(time, "a datetime") if time else (0, None, None)
    local = days * NANOS_A_DAY + nanos
    if zone is None:
        return zoned(local, default if offset is None else offset)
    moment = zoned(local, zone, offset)
    if offset is not None and moment.offset != offset:
        raise unparsable(f"a datetime: {zone} was not at that offset then", text)
    return moment


def parse_duration(text: str) -> Duration:
    """`P1Y2M3W4DT5H6M7.89S` (parts of either sign, with fractions) or `P0001-02-03T04:05:06.7`."""
    part = _match((_DURATION, _DURATION_CLOCK), text, "a duration")
    sign = -1 if part["sign"] == "-" else 1

    def amount(name: str) -> Fraction:
        return sign * Fraction((part.get(name) or "0").replace(",", "."))

    return Duration.carried(
        amount("years") * 12 + amount("months"),
        amount("weeks") * 7 + amount("days"),
        (amount("hours") * 3_600 + amount("minutes") * 60 + amount("seconds")) * NANOS_A_SECOND,
    )
