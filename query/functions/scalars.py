"""Scalar functions: of graph elements and paths, and conversions between types.

Ids are graphstore's, text. `labels` and `keys` come sorted, so that a result does not depend on how a graph was made.
A conversion gives null for text that does not spell a value of the type, an error for a type it does not convert;
its `OrNull` form gives null for both.

Reference: openCypher 9 language reference, sections 3.2 and 3.3; TCK, Graph3 to Graph9, TypeConversion1 to 4.

Only functions of one value may live here.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable
from typing import NoReturn

from itonami.graphstore.graph import Edge, Node
from itonami.query.context import Context
from itonami.query.cypher.errors import QueryArithmeticError, QueryTypeError
from itonami.query.faults import overflow, wrong_type, wrong_value
from itonami.query.functions.signature import Function, table
from itonami.query.path import Path
from itonami.query.values.arithmetic import within
from itonami.query.values.domain import (
    INT_MAX,
    INT_MIN,
    TEMPORAL,
    Value,
    as_float,
    from_store,
    spoken_type,
    type_name,
)
from itonami.query.values.equality import equals
from itonami.query.values.text import to_text

__all__ = ["FUNCTIONS"]

_INTEGER = re.compile(r"[+-]?\d{1,400}", re.ASCII)
_FLOAT = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "+Infinity": math.inf, "-Infinity": -math.inf}


def _wanted(function: str, kinds: str, value: Value) -> NoReturn:
    raise wrong_type(f"{function}() takes a {kinds}, not {spoken_type(value)}")


def _coalesce(*values: Value) -> Value:
    return next((value for value in values if value is not None), None)


def _null_if(a: Value, b: Value) -> Value:
    return None if equals(a, b) else a


def _id(element: Value) -> str:
    if not isinstance(element, Node | Edge):
        _wanted("id", "node or relationship", element)
    return element.id


def _labels(node: Value) -> list[str]:
    if type(node) is not Node:
        raise wrong_value(f"labels() takes a node, not {spoken_type(node)}")
    return sorted(node.labels)


def _type(edge: Value) -> str:
    if type(edge) is not Edge:
        raise wrong_value(f"type() takes a relationship, not {spoken_type(edge)}")
    return edge.label


def _properties(value: Value) -> dict[str, Value]:
    if isinstance(value, Node | Edge):
        return {key: from_store(item) for key, item in value.data.items()}
    if type(value) is dict:
        return value
    _wanted("properties", "node, relationship or map", value)


def _keys(value: Value) -> list[str]:
    return sorted(_properties(value))


def _end(name: str, attribute: str) -> Function:
    def node(context: Context, edge: Value) -> Node:
        if type(edge) is not Edge:
            _wanted(name, "relationship", edge)
        if context.graph is None:
            raise wrong_value(f"{name}() needs a graph to look into")
        return context.graph.node(getattr(edge, attribute))

    return Function(name, 1, 1, node, contextual=True)


def _length(path: Value) -> int:
    if type(path) is not Path:
        _wanted("length", "path", path)
    return len(path)


def _nodes(path: Value) -> list[Node]:
    if type(path) is not Path:
        _wanted("nodes", "path", path)
    return list(path.nodes)


def _relationships(path: Value) -> list[Edge]:
    if type(path) is not Path:
        _wanted("relationships", "path", path)
    return list(path.relationships)


def _elements(path: Value) -> list[Node | Edge]:
    if type(path) is not Path:
        _wanted("elements", "path", path)
    return list(path.items())


def _unconvertible(function: str, value: Value) -> NoReturn:
    raise wrong_value(f"{function}() does not convert {spoken_type(value)}")


def _to_boolean(value: Value) -> bool | None:
    if type(value) is bool:
        return value
    if type(value) is int:
        return value != 0
    if type(value) is str:
        return {"true": True, "false": False}.get(value.strip().lower())
    _unconvertible("toBoolean", value)


def _truncated(number: float) -> int:
    if not INT_MIN <= number <= INT_MAX:  # NaN included
        raise overflow("toInteger()")
    return within(int(number), "toInteger()")


def _to_integer(value: Value) -> int | None:
    if type(value) is int or type(value) is bool:
        return int(value)
    if type(value) is float:
        return _truncated(value)
    if type(value) is str:
        text = value.strip()
        if _INTEGER.fullmatch(text):
            return within(int(text), "toInteger()")
        return _truncated(float(text)) if _FLOAT.fullmatch(text) else None
    _unconvertible("toInteger", value)


def _to_float(value: Value) -> float | None:
    if type(value) is int or type(value) is float:
        return as_float(value)
    if type(value) is str:
        text = value.strip()
        return float(text) if _FLOAT.fullmatch(text) else _SPECIAL.get(text)
    _unconvertible("toFloat", value)


def _to_string(value: Value) -> str:
    if isinstance(value, (str, int, float, *TEMPORAL)):
        return to_text(value)
    _unconvertible("toString", value)


def _conversions(name: str, convert: Callable[[Value], Value]) -> tuple[Function, ...]:
    """The conversion, its form that never fails, and that form over a list."""

    def or_null(value: Value) -> Value:
        try:
            return convert(value)
        except (QueryTypeError, QueryArithmeticError):  # the strict form's report is this one's null
            return None

    def each(values: Value) -> list[Value]:
        if type(values) is not list:
            _wanted(f"{name}List", "list", values)
        return [None if value is None else or_null(value) for value in values]

    return (
        Function(name, 1, 1, convert),
        Function(f"{name}OrNull", 1, 1, or_null),
        Function(f"{name}List", 1, 1, each),
    )


def _random_uuid(context: Context) -> str:
    bits = 0
    for _ in range(4):
        bits = bits << 32 | int(context.random() * (1 << 32))
    return str(uuid.UUID(int=bits, version=4))


FUNCTIONS = table(
    Function("coalesce", 1, None, _coalesce, null_in_null_out=False),
    Function("nullIf", 2, 2, _null_if, null_in_null_out=False),
    Function("valueType", 1, 1, type_name, null_in_null_out=False),
    Function("id", 1, 1, _id),
    Function("labels", 1, 1, _labels),
    Function("type", 1, 1, _type),
    Function("properties", 1, 1, _properties),
    Function("keys", 1, 1, _keys),
    _end("startNode", "source"),
    _end("endNode", "target"),
    Function("length", 1, 1, _length),
    Function("nodes", 1, 1, _nodes),
    Function("relationships", 1, 1, _relationships),
    Function("elements", 1, 1, _elements),
    *_conversions("toBoolean", _to_boolean),
    *_conversions("toInteger", _to_integer),
    *_conversions("toFloat", _to_float),
    *_conversions("toString", _to_string),
    Function("randomUUID", 0, 0, _random_uuid, deterministic=False, contextual=True),
    elementid="id",
    element_id="id",
    path_length="length",
    edges="relationships",
)
"""Scalar functions by lower-case name; `element_id`, `path_length` and `edges` are GQL's spellings."""
