"""The runtime errors of values: one builder a cause, so that wording and codes stand in one place.

The openCypher TCK names an error by a type and a detail (`TypeError: InvalidArgumentType`); both are kept. A value
does not know where in a query it came from: who evaluates the query adds the place.

Nothing is decided here: whoever finds the fault raises it.
"""

from __future__ import annotations

from itonami.query.cypher.errors import (
    ArgumentError,
    LimitExceeded,
    ParameterMissing,
    QueryArithmeticError,
    QueryTypeError,
)

__all__ = [
    "bad_argument",
    "bad_key",
    "limit_exceeded",
    "no_division",
    "not_given",
    "out_of_range",
    "overflow",
    "unparsable",
    "wrong_type",
    "wrong_value",
]

_SHOWN = 60


def wrong_type(what: str, fix: str | None = None) -> QueryTypeError:
    """An operand or argument of a type that the operation does not take."""
    return QueryTypeError(what, detail="InvalidArgumentType", fix=fix)


def wrong_value(what: str, fix: str | None = None) -> QueryTypeError:
    """An argument whose dynamic type a function of values of any type does not take."""
    return QueryTypeError(what, detail="InvalidArgumentValue", fix=fix)


def bad_key(what: str) -> QueryTypeError:
    """A map indexed by something other than text."""
    return QueryTypeError(what, detail="MapElementAccessByNonString", fix="index a map by a string")


def bad_argument(what: str, detail: str = "InvalidArgumentType", fix: str | None = None) -> ArgumentError:
    """An argument that no value of the function exists for."""
    return ArgumentError(what, detail=detail, fix=fix)


def out_of_range(what: str, fix: str | None = None) -> ArgumentError:
    """A number outside what it may be."""
    return ArgumentError(what, detail="NumberOutOfRange", fix=fix)


def unparsable(kind: str, text: str) -> ArgumentError:
    """Text that does not spell what it should."""
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
    return ArgumentError(f"{shown!r} is not {kind}", detail="InvalidArgumentValue")


def overflow(operation: str) -> QueryArithmeticError:
    """A whole number beyond 64 bits."""
    return QueryArithmeticError(
        f"{operation} leaves the 64-bit integers", detail="IntegerOverflow", fix="use floats: toFloat(...)"
    )


def no_division(operation: str) -> QueryArithmeticError:
    """A whole number divided by zero."""
    return QueryArithmeticError(f"{operation} by zero", detail="DivisionByZero", fix="test the divisor first")


def not_given(parameter: str) -> ParameterMissing:
    """A parameter that the query names and nobody gave."""
    error = ParameterMissing(
        f"the parameter ${parameter} was not given",
        detail="MissingParameter",
        fix=f"pass params={{{parameter!r}: ...}}",
    )
    error.parameter = parameter
    return error


def limit_exceeded(what: str, limit: int) -> LimitExceeded:
    """A list or text longer than the context allows."""
    return LimitExceeded(
        f"{what} would be longer than {limit:,}",
        detail="LimitExceeded",
        fix="ask for less",
    )
