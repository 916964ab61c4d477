"""`+ - * / % ^`: numbers, and what else can be added: text, lists, instants and durations.

Integers have 64 bits: a result beyond is an error, never a wrong number. `/` and `%` of integers truncate toward
zero and fail on zero; floats follow IEEE 754, so that 0.0/0.0 is NaN and 1/0.0 infinity. `^` always gives a float.
Null in, null out.

Reference: openCypher 9 language reference, section 2.3, Operators; IEEE 754-2019.

Only the operators may live here.
"""

from __future__ import annotations

import math
from typing import NoReturn

from itonami.query.faults import limit_exceeded, no_division, overflow, wrong_type
from itonami.query.temporal import Date, DateTime, Duration, LocalDateTime, LocalTime, Time
from itonami.query.temporal.addition import plus
from itonami.query.values.domain import (
    INT_MAX,
    INT_MIN,
    MAX_LIST,
    MAX_TEXT,
    TEMPORAL,
    Value,
    as_float,
    is_number,
    type_name,
)
from itonami.query.values.text import to_text

__all__ = ["add", "divide", "modulo", "multiply", "negate", "posit", "power", "subtract", "within"]

_INSTANTS = frozenset((Date, LocalTime, Time, LocalDateTime, DateTime))
_TEXTUAL = frozenset((str, int, float, bool, *TEMPORAL))


def within(number: int, operation: str) -> int:
    """The integer itself when it has 64 bits, else an error."""
    if INT_MIN <= number <= INT_MAX:
        return number
    raise overflow(operation)


def _refused(a: Value, operation: str, b: Value) -> NoReturn:
    raise wrong_type(f"{type_name(a)} {operation} {type_name(b)} is not defined")


def _joined(a: Value, b: Value, limit: int, operation: str) -> Value:
    """Concatenation, bounded: a query can double a text in every step of a fold."""
    if len(a) + len(b) > limit:
        raise limit_exceeded(operation, limit)
    return a + b


def add(a: Value, b: Value) -> Value:
    """`a + b`: sum, concatenation, an element put at a list's end, an instant moved by a duration."""
    if a is None or b is None:
        return None
    kind, other = type(a), type(b)
    if kind is int and other is int:
        return within(a + b, "a + b")
    if is_number(a) and is_number(b):
        return as_float(a) + as_float(b)
    if kind is list or other is list:
        return _joined(a if kind is list else [a], b if other is list else [b], MAX_LIST, "a + b")
    if (kind is str and other in _TEXTUAL) or (other is str and kind in _TEXTUAL):
        return _joined(to_text(a), to_text(b), MAX_TEXT, "a + b")
    if kind is bytes and other is bytes:
        return _joined(a, b, MAX_TEXT, "a + b")
    if other is Duration and (kind is Duration or kind in _INSTANTS):
        return a + b if kind is Duration else plus(a, b)
    if kind is Duration and other in _INSTANTS:
        return plus(b, a)
    _refused(a, "+", b)


def subtract(a: Value, b: Value) -> Value:
    """`a - b`: difference, or an instant or duration less a duration."""
    if a is None or b is None:
        return None
    if type(a) is int and type(b) is int:
        return within(a - b, "a - b")
    if is_number(a) and is_number(b):
        return as_float(a) - as_float(b)
    if type(b) is Duration and type(a) in _INSTANTS:
        return plus(a, -b)
    if type(b) is Duration and type(a) is Duration:
        return a - b
    _refused(a, "-", b)


def multiply(a: Value, b: Value) -> Value:
    """`a * b`: product, or a duration so many times."""
    if a is None or b is None:
        return None
    if type(a) is int and type(b) is int:
        return within(a * b, "a * b")
    if is_number(a) and is_number(b):
        return as_float(a) * as_float(b)
    if type(a) is Duration and is_number(b):
        return a.times(b)
    if type(b) is Duration and is_number(a):
        return b.times(a)
    _refused(a, "*", b)


def _float_quotient(a: float, b: float) -> float:
    if b == 0:
        return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1, b)
    return a / b


def divide(a: Value, b: Value) -> Value:
    """`a / b`: whole numbers toward zero; floats by IEEE 754; a duration by a number."""
    if a is None or b is None:
        return None
    if type(a) is int and type(b) is int:
        if b == 0:
            raise no_division("a / b")
        quotient = abs(a) // abs(b)
        return within(quotient if (a < 0) == (b < 0) else -quotient, "a / b")
    if is_number(a) and is_number(b):
        return _float_quotient(as_float(a), as_float(b))
    if type(a) is Duration and is_number(b):
        return a.divided(b)
    _refused(a, "/", b)


def modulo(a: Value, b: Value) -> Value:
    """`a % b`: the remainder of `/`, of the dividend's sign."""
    if a is None or b is None:
        return None
    if type(a) is int and type(b) is int:
        if b == 0:
            raise no_division("a % b")
        remainder = abs(a) % abs(b)
        return -remainder if a < 0 else remainder
    if not is_number(a) or not is_number(b):
        _refused(a, "%", b)
    x, y = as_float(a), as_float(b)
    return math.nan if y == 0 or math.isinf(x) else math.fmod(x, y)


def power(a: Value, b: Value) -> Value:
    """`a ^ b`, a float: infinity when too large, NaN when not real."""
    if a is None or b is None:
        return None
    if not is_number(a) or not is_number(b):
        _refused(a, "^", b)
    x, y = as_float(a), as_float(b)
    try:
        return math.pow(x, y)
    except OverflowError:
        return -math.inf if x < 0 and y % 2 == 1 else math.inf
    except ValueError:  # 0 to a negative power, or a root of a negative number
        if x != 0:
            return math.nan
        return math.copysign(math.inf, x) if y % 2 == 1 else math.inf


def negate(a: Value) -> Value:
    """`-a`."""
    if a is None:
        return None
    if type(a) is int:
        return within(-a, "-a")
    if type(a) is float or type(a) is Duration:
        return -a
    raise wrong_type(f"-{type_name(a)} is not defined")


def posit(a: Value) -> Value:
    """`+a`."""
    if a is None or is_number(a) or type(a) is Duration:
        return a
    raise wrong_type(f"+{type_name(a)} is not defined")
