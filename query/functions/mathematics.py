"""Mathematical functions. Floats follow IEEE 754: outside a function's domain there is NaN, at a pole infinity.

`abs` and `sign` keep integers; all others give floats. `round` rounds half toward positive infinity; with a precision
it rounds the decimal that the float is written as, half away from zero or by the mode given.

Reference: openCypher 9 language reference, section 3.6; IEEE 754-2019, section 9.2.

Only functions of numbers may live here; the operators are in `values.arithmetic`.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Callable
from functools import partial

from itonami.query.context import Context
from itonami.query.faults import bad_argument, out_of_range, wrong_type
from itonami.query.functions.signature import Function, table
from itonami.query.values.arithmetic import modulo, power, within
from itonami.query.values.domain import Value, as_float, is_number, spoken_type

__all__ = ["FUNCTIONS"]

_MODES = ("UP", "DOWN", "CEILING", "FLOOR", "HALF_UP", "HALF_DOWN", "HALF_EVEN")
_MAX_DECIMALS = 400  # no double is written with more
_EXACT = decimal.Context(prec=1_000)


def _float(name: str, value: Value) -> float:
    if not is_number(value):
        raise wrong_type(f"{name}() takes a number, not {spoken_type(value)}")
    return as_float(value)


def _abs(value: Value) -> Value:
    return within(abs(value), "abs()") if type(value) is int else abs(_float("abs", value))


def _sign(value: Value) -> int:
    number = _float("sign", value)
    return (number > 0) - (number < 0)


def _is_nan(value: Value) -> bool:
    return math.isnan(_float("isNaN", value))


def _whole(name: str, rounded: Callable[[float], int], value: Value) -> float:
    number = _float(name, value)
    return math.copysign(float(rounded(number)), number) if math.isfinite(number) else number


def _half_up(number: float) -> int:
    floor = math.floor(number)
    return floor + 1 if number - floor >= 0.5 else floor


def _round(value: Value, precision: Value = ..., mode: Value = "HALF_UP") -> float:
    if precision is ...:
        return _whole("round", _half_up, value)
    number = _float("round", value)
    if type(precision) is not int:
        raise wrong_type(f"round() takes its precision as an integer, not {spoken_type(precision)}")
    if precision < 0:
        raise out_of_range(f"the precision {precision} of round() is negative", "divide, round, multiply")
    if type(mode) is not str or mode.upper() not in _MODES:
        raise bad_argument(
            f"{mode!r} is no rounding mode", "InvalidArgumentValue", f"use {', '.join(_MODES)}"
        )
    if not math.isfinite(number) or precision > _MAX_DECIMALS:
        return number
    step = decimal.Decimal((0, (1,), -precision))
    return float(decimal.Decimal(repr(number)).quantize(step, f"ROUND_{mode.upper()}", _EXACT))


def _real(name: str, function: Callable[[float], float], value: Value) -> float:
    number = _float(name, value)
    try:
        return function(number)
    except ValueError:  # outside the domain
        return math.nan
    except OverflowError:
        return math.inf


def _logarithm(function: Callable[[float], float]) -> Callable[[float], float]:
    return lambda number: -math.inf if number == 0 else function(number)


def _cot(number: float) -> float:
    return math.copysign(math.inf, number) if number == 0 else 1 / math.tan(number)


def _coth(number: float) -> float:
    return math.copysign(math.inf, number) if number == 0 else 1 / math.tanh(number)


def _sinh(number: float) -> float:
    return math.copysign(math.inf, number) if abs(number) > 711 else math.sinh(number)


def _haversin(number: float) -> float:
    return (1 - math.cos(number)) / 2


def _atan2(y: Value, x: Value) -> float:
    return math.atan2(_float("atan2", y), _float("atan2", x))


_REAL: dict[str, Callable[[float], float]] = {
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": _logarithm(math.log),
    "log10": _logarithm(math.log10),
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "cot": _cot,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "sinh": _sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "coth": _coth,
    "haversin": _haversin,
    "degrees": math.degrees,
    "radians": math.radians,
}


def _random(context: Context) -> float:
    return context.random()


FUNCTIONS = table(
    Function("abs", 1, 1, _abs),
    Function("sign", 1, 1, _sign),
    Function("isNaN", 1, 1, _is_nan),
    Function("ceil", 1, 1, partial(_whole, "ceil", math.ceil)),
    Function("floor", 1, 1, partial(_whole, "floor", math.floor)),
    Function("round", 1, 3, _round),
    *(Function(name, 1, 1, partial(_real, name, function)) for name, function in _REAL.items()),
    Function("atan2", 2, 2, _atan2),
    Function("power", 2, 2, power),
    Function("mod", 2, 2, modulo),
    Function("e", 0, 0, lambda: math.e),
    Function("pi", 0, 0, lambda: math.pi),
    Function("rand", 0, 0, _random, deterministic=False, contextual=True),
    ceiling="ceil",
    ln="log",
)
"""Mathematical functions by lower-case name; `ceiling`, `ln`, `power` and `mod` are GQL's spellings."""
