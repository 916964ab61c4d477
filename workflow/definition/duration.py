"""Durations: the spellings a definition may use for a stretch of time, as whole milliseconds.

Three spellings: ISO 8601-1:2019, section 5.5.2 (`PT30M`, `P1DT2H`, `P1W`), a number with one unit (`250ms`,
`5s`, `10m`, `1h`, `2d`), and a bare number of milliseconds. Years and months are refused, for they have no
length until they are laid on a calendar; a day is 24 hours. As in ISO 8601 only the last component may have
a fraction. Law: `parse_duration(format_duration(ms)) == ms`. No clock and no calendar may live here.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

from itonami.workflow.definition.errors import DefinitionError

__all__ = ["MAX_DURATION_MS", "format_duration", "parse_duration"]

UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}

MAX_DURATION_MS = 36_525 * UNIT_MS["d"]
"""A hundred years: added to any date a clock shows, the sum is still a date."""

_NUMBER = r"[0-9]+(?:[.,][0-9]+)?"
_SHORT = re.compile(rf"({_NUMBER})(ms|s|m|h|d)")
_ISO_WEEKS = re.compile(rf"P({_NUMBER})W")
_ISO = re.compile(
    rf"P(?=[0-9T])(?:(?P<d>{_NUMBER})D)?"
    rf"(?:T(?=[0-9])(?:(?P<h>{_NUMBER})H)?(?:(?P<m>{_NUMBER})M)?(?:(?P<s>{_NUMBER})S)?)?"
)
_CALENDAR = re.compile(r"P[0-9.,]*[0-9](?:Y|M).*|P[0-9.,]+[WD][0-9.,]+M.*")
_MAX_TEXT = 64
_FIX = "write it like 'PT30M', 'P1DT2H', '5s', '10m', '1h' or a number of milliseconds"


def parse_duration(value: object, where: str = "") -> int:
    """The duration in whole milliseconds, 0 up to `MAX_DURATION_MS`.

    `value` is text in one of the spellings above, or an int or a float of milliseconds. `where` is the place
    that an error names. Raises `DefinitionError`. Costs one regular expression over at most 64 characters.
    """
    if isinstance(value, str):
        exact = _parse_text(value, where)
    elif isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise DefinitionError(f"{value!r} is no duration", where=where, fix=_FIX)
    else:
        exact = Fraction(value)
    if exact < 0:
        raise DefinitionError(f"the duration {value!r} is negative", where=where, fix=_FIX)
    if exact > MAX_DURATION_MS:
        raise DefinitionError(
            f"the duration {_brief(value)} is more than 36525 days", where=where, fix="write a shorter one"
        )
    if exact.denominator != 1:
        raise DefinitionError(
            f"the duration {value!r} is no whole number of milliseconds", where=where, fix="round it"
        )
    return int(exact)


def format_duration(ms: int) -> str:
    """The one ISO 8601 spelling of `ms` milliseconds that `parse_duration` reads back: `PT30M`, `P1DT2H`."""
    if ms < 0:
        raise ValueError(f"a duration is not negative: {ms}")
    days, rest = divmod(ms, UNIT_MS["d"])
    hours, rest = divmod(rest, UNIT_MS["h"])
    minutes, rest = divmod(rest, UNIT_MS["m"])
    seconds = f"{rest / 1000:.3f}".rstrip("0").rstrip(".") if rest else ""
    date = f"{days}D" if days else ""
    time = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if n)
    if not date and not time:
        return "PT0S"
    return f"P{date}T{time}" if time else f"P{date}"


def _parse_text(text: str, where: str) -> Fraction:
    if len(text) > _MAX_TEXT:
        raise DefinitionError(f"{_brief(text)} is no duration", where=where, fix=_FIX)
    if match := _SHORT.fullmatch(text):
        return _number(match[1]) * UNIT_MS[match[2]]
    if match := _ISO_WEEKS.fullmatch(text):
        return _number(match[1]) * UNIT_MS["w"]
    if match := _ISO.fullmatch(text):
        parts = [(unit, number) for unit, number in match.groupdict().items() if number]
        if all(number.isdigit() for _, number in parts[:-1]):
            return sum((_number(number) * UNIT_MS[unit] for unit, number in parts), Fraction(0))
        raise DefinitionError(f"{text!r}: only the last component may have a fraction", where=where, fix=_FIX)
    if _CALENDAR.fullmatch(text):
        raise DefinitionError(
            f"the duration {text!r} counts years or months, which have no fixed length",
            where=where,
            fix="count weeks or days: 'P30D'",
        )
    raise DefinitionError(f"{text!r} is no duration", where=where, fix=_FIX)


def _number(text: str) -> Fraction:
    return Fraction(text.replace(",", "."))


def _brief(value: object) -> str:
    text = repr(value) if not isinstance(value, int) else f"of {value.bit_length()} bits"
    return text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "..."
