"""Text: its predicates (`STARTS WITH`, `=~`, ...) and how values are written as text.

`=~` matches the whole string, by RE2, whose time is linear in the text whatever the pattern: a regular expression in
a query can never hang it. RE2 has neither backreferences nor lookaround; patterns with them are refused.

Reference: R. Cox, Regular Expression Matching in the Wild (2010); https://github.com/google/re2/wiki/Syntax.

Only text may live here.
"""

from __future__ import annotations

import math
from functools import lru_cache
from importlib import import_module
from typing import Any

from itonami.query.faults import bad_argument, overflow, wrong_type
from itonami.query.values.domain import TEMPORAL, Truth, Value, spoken_type

__all__ = ["contains", "ends_with", "float_text", "matches", "starts_with", "to_text"]

_MAX_PATTERN_BYTES = 1 << 20
_MAX_INTEGER_BITS = 4_096  # of an integer written as text; its digits cost the square of their number
_PLAIN_FROM, _PLAIN_TO = 1e-3, 1e7


def starts_with(text: Value, prefix: Value) -> Truth:
    """`text STARTS WITH prefix`; unknown unless both are strings."""
    return text.startswith(prefix) if type(text) is str and type(prefix) is str else None


def ends_with(text: Value, suffix: Value) -> Truth:
    """`text ENDS WITH suffix`; unknown unless both are strings."""
    return text.endswith(suffix) if type(text) is str and type(suffix) is str else None


def contains(text: Value, part: Value) -> Truth:
    """`text CONTAINS part`; unknown unless both are strings."""
    return part in text if type(text) is str and type(part) is str else None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    try:
        re2 = import_module("re2")
    except ModuleNotFoundError:
        raise bad_argument(
            "regular expressions need RE2", "UnsupportedFeature", "pip install google-re2"
        ) from None
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _MAX_PATTERN_BYTES
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
        raise bad_argument(
            f"{pattern[:60]!r} is no regular expression: {reason}",
            "InvalidArgumentValue",
            "write it in RE2's syntax: no lookaround, no backreferences",
        ) from None


def matches(text: Value, pattern: Value) -> Truth:
    """`text =~ pattern`: whether the whole text matches; unknown when either is null or the text is no string."""
    if pattern is None or type(text) is not str:
        return None
    if type(pattern) is not str:
        raise wrong_type(f"=~ takes a pattern as string, not {spoken_type(pattern)}")
    try:
        return _compiled(pattern).fullmatch(text) is not None
    except UnicodeEncodeError:
        raise bad_argument("=~ takes well-formed Unicode", "InvalidArgumentValue") from None


def float_text(number: float) -> str:
    """The shortest decimal that reads back as the same float: `1.0`, `1.0E10`, `NaN`, `-Infinity`."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    if number == 0 or _PLAIN_FROM <= abs(number) < _PLAIN_TO:
        return repr(number)
    digits, _, exponent = f"{number!r}".partition("e")
    if exponent:
        return f"{digits if '.' in digits else digits + '.0'}E{int(exponent)}"
    whole, fraction = digits.lstrip("-").removesuffix(".0").partition(".")[::2]
    significant = (whole + fraction).lstrip("0")
    power = len(whole) - 1 if whole.strip("0") else len(significant) - len(fraction) - 1
    significant = significant.rstrip("0")
    sign = "-" if number < 0 else ""
    return f"{sign}{significant[0]}.{significant[1:] or '0'}E{power}"


def to_text(value: Value) -> str:
    """What `toString` gives: for booleans, numbers, strings and temporal values; else `QueryTypeError`."""
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is float:
        return float_text(value)
    if type(value) is int and value.bit_length() > _MAX_INTEGER_BITS:
        raise overflow("a stored integer")
    if type(value) is int or isinstance(value, TEMPORAL):
        return str(value)
    raise wrong_type(f"{spoken_type(value)} has no text form")
