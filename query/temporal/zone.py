"""Offsets from UTC and named zones.

A zone is an offset in seconds, or a name of the IANA database. Names are read from the `tzdata` package when it is
installed, so that a query gives the same answer on every machine, else from the system's database.
A local time that a zone skips is moved on by the length of the gap; one that it has twice is the earlier, unless an
offset says otherwise (as RFC 9557, section 3, and java.time resolve them).

`zoneinfo` knows the years 1 to 9999. Before, a zone's first offset holds; after, its last rule, found by way of a
year of the same calendar (the Gregorian calendar repeats after 400 years).

Only offsets may live here: no temporal values.
"""

from __future__ import annotations

import importlib.resources
import re
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from itonami.query.faults import out_of_range, unparsable
from itonami.query.temporal.calendar import civil

__all__ = [
    "MAX_OFFSET",
    "NANOS_A_DAY",
    "NANOS_A_SECOND",
    "at_instant",
    "at_local",
    "offset_text",
    "read_offset",
]

NANOS_A_SECOND = 1_000_000_000
NANOS_A_DAY = 86_400 * NANOS_A_SECOND
MAX_OFFSET = 18 * 3_600
_OFFSET = re.compile(r"([+-])(\d\d)(?::?(\d\d)(?::?(\d\d))?)?", re.ASCII)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 10, 9_990
_REPEAT_FROM = 9_200


def offset_text(offset: int) -> str:
    """`Z`, `+01:00` or `+00:53:28`."""
    if offset == 0:
        return "Z"
    sign, (minutes, seconds) = "-" if offset < 0 else "+", divmod(abs(offset), 60)
    text = f"{sign}{minutes // 60:02}:{minutes % 60:02}"
    return f"{text}:{seconds:02}" if seconds else text


def read_offset(text: str) -> int | None:
    """The seconds of `Z`, `+01`, `+0100`, `+01:00` or `+01:00:00`; None when the text is no offset."""
    if text in ("Z", "z"):
        return 0
    found = _OFFSET.fullmatch(text)
    if found is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
    offset = hours * 3_600 + minutes * 60 + seconds
    if minutes > 59 or seconds > 59 or offset > MAX_OFFSET:
        raise out_of_range(f"offset {text} is outside -18:00 to +18:00")
    return -offset if found[1] == "-" else offset


def _packaged(name: str) -> ZoneInfo | None:
    """A zone of the `tzdata` package; None when that, or the zone in it, is not there."""
    try:
        place = importlib.resources.files("tzdata.zoneinfo").joinpath(*name.split("/"))
        with place.open("rb") as file:
            return ZoneInfo.from_file(file, key=name)
    except (ModuleNotFoundError, OSError, ValueError):
        return None


@lru_cache(maxsize=1_024)
def _rules(name: str) -> ZoneInfo:
    if _NAME.fullmatch(name) is None:
        raise unparsable("a time zone", name)
    try:
        return _packaged(name) or ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise unparsable("a time zone", name) from None


def _clock(nanos: int) -> datetime:
    """A wall clock reading `zoneinfo` can take, of the same calendar as the given one; whole seconds."""
    days, of_day = divmod(nanos, NANOS_A_DAY)
    year, month, day = civil(days)
    if year < _FIRST_YEAR:
        year, month, day = _FIRST_YEAR, 1, 1
    elif year > _LAST_YEAR:
        year = _REPEAT_FROM + year % 400
    return datetime(year, month, day) + timedelta(seconds=of_day // NANOS_A_SECOND)


def _seconds(offset: timedelta | None) -> int:
    return 0 if offset is None else offset.days * 86_400 + offset.seconds


def at_instant(name: str, utc: int) -> int:
    """The offset of a named zone at an instant, in nanoseconds since the epoch."""
    rules = _rules(name)
    return _seconds(rules.fromutc(_clock(utc).replace(tzinfo=rules)).utcoffset())


def at_local(name: str, local: int, prefer: int | None = None) -> tuple[int, int]:
    """The local time (moved on when the zone skips it) and the offset of a named zone.

    `local` is a wall clock in nanoseconds since the epoch; `prefer` is taken when it is an offset of that time.
    """
    rules, clock = _rules(name), _clock(local)
    early = _seconds(clock.replace(tzinfo=rules).utcoffset())
    late = _seconds(clock.replace(tzinfo=rules, fold=1).utcoffset())
    if late > early:  # a gap: the offset before it, read on the clock after it
        return local + (late - early) * NANOS_A_SECOND, late
    return local, late if prefer == late else early
