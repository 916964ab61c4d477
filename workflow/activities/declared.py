"""A definition's own activities: data in, an `Activity` out.

    {type: "http", url, method, headers, timeout, retry_policy}
    {type: "sql",  url, statement, expect_rows, timeout, retry_policy}

A definition may come from anywhere, so the table below is all it can say: every key is known, and every value
is checked before anything is made of it (full recognition before processing: Sassaman, Patterson, Bratus and
Locasto, "Security applications of formal language theory", IEEE Systems Journal 7(3), 2013). Code is not
among the values.

No names are looked up here; what beats what is `registry`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from itonami.graphstore.errors import InvalidValue
from itonami.workflow.activities.activity import Activity
from itonami.workflow.activities.http import http_activity
from itonami.workflow.activities.sql import sql_activity
from itonami.workflow.definition.duration import parse_duration
from itonami.workflow.definition.errors import DefinitionError
from itonami.workflow.definition.retry import parse_retry
from itonami.workflow.definition.values import Key, child, fields

__all__ = ["from_declaration", "validate_declared"]

_COMMON: Mapping[str, Key] = {
    "type": Key(("string",), required=True),
    "url": Key(("string",), required=True),
    "timeout": Key(("string", "number")),
    "retry_policy": Key(("object",)),
}
_SHAPES: Mapping[str, Mapping[str, Key]] = {
    "http": {**_COMMON, "method": Key(("string",)), "headers": Key(("object",))},
    "sql": {**_COMMON, "statement": Key(("string",), required=True), "expect_rows": Key(("integer",))},
}
_MAKERS: Mapping[str, Callable[..., Activity]] = {"http": http_activity, "sql": sql_activity}


def validate_declared(obj: object, where: str) -> None:
    """Check one declaration of a definition's `activities`, as strictly as when it is used; opens nothing.

    Raises `DefinitionError` for an unknown type, for a missing, unknown or ill-typed key, and for a url, a
    header or a statement that could not serve.
    """
    from_declaration(where, obj, where)


def from_declaration(name: str, obj: object, where: str) -> Activity:
    """The activity `name` that one declaration describes. Raises `DefinitionError`; opens nothing."""
    kind = obj.get("type") if isinstance(obj, dict) else None
    if kind not in tuple(_SHAPES):
        raise DefinitionError(
            f"an activity of type {kind!r} cannot be declared",
            where=where,
            fix=f"set its type to {' or '.join(map(repr, _SHAPES))}",
        )
    given = dict(fields(obj, where, _SHAPES[kind]))
    del given["type"]
    if "timeout" in given:
        given["timeout"] = parse_duration(given["timeout"], child(where, "timeout"))
    if "retry_policy" in given:
        given["retry"] = parse_retry(given.pop("retry_policy"), child(where, "retry_policy"))
    try:
        return _MAKERS[kind](name, **given)
    except InvalidValue as error:
        raise DefinitionError(error.what, where=where, fix=error.fix) from error
