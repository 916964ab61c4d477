"""What can be known of a value before a query runs: its kind.

A kind is a name, and for a list the kind of its elements. `ANY` is the honest answer to most questions (a property,
a parameter, most functions), and it clashes with nothing: only what cannot succeed on any graph is an error before
the query runs. `NULL` clashes with nothing either.

The tables say what operators and functions take and give; the rest is `ANY`.

Nothing here knows scopes: the kind of a variable is asked of whoever holds them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from itonami.query.cypher.errors import with_article

__all__ = [
    "ACCEPTED",
    "AGGREGATES",
    "ANY",
    "BOOLEAN",
    "FLOAT",
    "GENERIC",
    "INTEGER",
    "LIST",
    "MAP",
    "MEANT",
    "NODE",
    "NULL",
    "NUMERIC",
    "PATH",
    "RELATIONSHIP",
    "RESULTS",
    "STRING",
    "Kind",
    "fits",
    "joined",
    "list_of",
    "literal_kind",
]


@dataclass(frozen=True, slots=True)
class Kind:
    """The name as messages say it; `element` only for lists."""

    name: str
    element: Kind | None = None

    def __str__(self) -> str:
        of = "" if self.element is None or self.element is ANY else f" of {self.element.name}s"
        return with_article(self.name) + of


ANY = Kind("value")
NULL = Kind("null")
BOOLEAN = Kind("boolean")
INTEGER = Kind("integer")
FLOAT = Kind("float")
STRING = Kind("string")
MAP = Kind("map")
NODE = Kind("node")
RELATIONSHIP = Kind("relationship")
PATH = Kind("path")
LIST = Kind("list", ANY)


def list_of(element: Kind) -> Kind:
    """A list whose elements are all of this kind (or null)."""
    return Kind("list", element)


def joined(kinds: list[Kind]) -> Kind:
    """The kind of something that is one of these: theirs if it is one, else `ANY`. Nulls say nothing."""
    distinct = {kind for kind in kinds if kind is not NULL}
    return distinct.pop() if len(distinct) == 1 else ANY


def fits(kind: Kind, accepted: tuple[str, ...]) -> bool:
    """Whether a value of this kind may be one of the accepted."""
    return kind in (ANY, NULL) or kind.name in accepted


def literal_kind(value: bool | int | float | str | None) -> Kind:
    """The kind of a literal's value."""
    return _LITERALS[type(value)]


_LITERALS = {type(None): NULL, bool: BOOLEAN, int: INTEGER, float: FLOAT, str: STRING}

AGGREGATES: Mapping[str, int] = {
    "avg": 1,
    "collect": 1,
    "collect_list": 1,
    "count": 1,
    "max": 1,
    "min": 1,
    "percentile_cont": 2,
    "percentile_disc": 2,
    "percentilecont": 2,
    "percentiledisc": 2,
    "stddev_pop": 1,
    "stddev_samp": 1,
    "stdev": 1,
    "stdevp": 1,
    "sum": 1,
}
"""The functions that make one value of many rows (GQL's names too), and how many arguments each takes."""

NUMERIC = ("integer", "float", "duration")

ACCEPTED: Mapping[str, tuple[str, ...]] = {
    "endnode": ("relationship",),
    "keys": ("node", "relationship", "map"),
    "labels": ("node",),
    "length": ("path",),
    "nodes": ("path",),
    "properties": ("node", "relationship", "map"),
    "relationships": ("path",),
    "size": ("list", "string"),
    "startnode": ("relationship",),
    "type": ("relationship",),
}
"""What a function's first argument must be."""

MEANT: Mapping[str, str] = {
    "labels": "type(r) is that of a relationship",
    "length": "size(x) counts characters and elements",
    "size": "length(p) counts the steps of a path",
    "type": "labels(n) are those of a node, valueType(x) is the type of a value",
}
"""What whoever gave it something else may have meant."""

RESULTS: Mapping[str, Kind] = {
    "count": INTEGER,
    "endnode": NODE,
    "keys": list_of(STRING),
    "labels": list_of(STRING),
    "length": INTEGER,
    "nodes": list_of(NODE),
    "range": list_of(INTEGER),
    "relationships": list_of(RELATIONSHIP),
    "size": INTEGER,
    "startnode": NODE,
    "tostring": STRING,
    "type": STRING,
}
"""What a function gives (null aside)."""


def _first(kinds: list[Kind]) -> Kind:
    return kinds[0]


def _list_of_first(kinds: list[Kind]) -> Kind:
    return list_of(kinds[0])


def _first_element(kinds: list[Kind]) -> Kind:
    return kinds[0].element or ANY


GENERIC: Mapping[str, Callable[[list[Kind]], Kind]] = {
    "coalesce": joined,
    "collect": _list_of_first,
    "collect_list": _list_of_first,
    "head": _first_element,
    "last": _first_element,
    "max": _first,
    "min": _first,
    "reverse": _first,
    "tail": _first,
}
"""What functions of any type give, by the kinds of their arguments."""
