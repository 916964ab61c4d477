"""Functions of lists, and of what else has a size or an order.

Reference: openCypher 9 language reference, section 3.4; TCK, List6 to List11.

Only functions of lists may live here.
"""

from __future__ import annotations

from itonami.query.context import Context
from itonami.query.faults import bad_argument, out_of_range, wrong_type
from itonami.query.functions.signature import Function, table
from itonami.query.values.domain import Value, spoken_type

__all__ = ["FUNCTIONS"]


def _list(function: str, value: Value) -> list[Value]:
    if type(value) is not list:
        raise wrong_type(f"{function}() takes a list, not {spoken_type(value)}")
    return value


def _head(items: Value) -> Value:
    return next(iter(_list("head", items)), None)


def _last(items: Value) -> Value:
    return next(reversed(_list("last", items)), None)


def _tail(items: Value) -> list[Value]:
    return _list("tail", items)[1:]


def _reverse(value: Value) -> Value:
    return value[::-1] if type(value) is str else _list("reverse", value)[::-1]


def _size(value: Value) -> int:
    if type(value) is str or type(value) is list:
        return len(value)
    raise wrong_type(
        f"size() takes a list or string, not {spoken_type(value)}", "length(p) counts a path's steps"
    )


def _is_empty(value: Value) -> bool:
    if type(value) is str or type(value) is list or type(value) is dict:
        return not value
    raise wrong_type(f"isEmpty() takes a list, map or string, not {spoken_type(value)}")


def _range(context: Context, start: Value, end: Value, step: Value = 1) -> list[int]:
    for bound in (start, end, step):
        if type(bound) is not int:
            raise bad_argument(f"range() takes integers, not {spoken_type(bound)}")
    if step == 0:
        raise out_of_range("the step of range() is 0", "give a step other than 0")
    numbers = range(start, end + (1 if step > 0 else -1), step)
    if numbers:
        context.check_list((numbers[-1] - start) // step + 1, "range()")
    return list(numbers)


FUNCTIONS = table(
    Function("head", 1, 1, _head),
    Function("last", 1, 1, _last),
    Function("tail", 1, 1, _tail),
    Function("reverse", 1, 1, _reverse),
    Function("size", 1, 1, _size),
    Function("isEmpty", 1, 1, _is_empty),
    Function("range", 2, 3, _range, contextual=True),
    cardinality="size",
)
"""List functions by lower-case name; `cardinality` is GQL's spelling."""
