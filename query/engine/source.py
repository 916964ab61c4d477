"""Where graphs come from: a store with its history, or one graph value.

All graphs of one query are read as of one transaction, the last when the query began, unless the query names another
point: so a query over several graphs sees one state of the world, a snapshot (Berenson et al., A Critique of ANSI SQL
Isolation Levels, SIGMOD 1995).

Nothing of languages or rows may live here.
"""

from __future__ import annotations

from typing import Protocol

from itonami.graphstore.graph import GraphView
from itonami.graphstore.points import Point
from itonami.graphstore.reading import Reader
from itonami.query.cypher.errors import ArgumentError, EntityNotFound

__all__ = ["EVENTS", "Source", "StoreSource", "ValueSource", "reading"]

EVENTS = "events/"
"""What the name of a graph's log, read as a graph, starts with: `USE events('x')` is `USE graph('events/x')`"""


class Source(Protocol):
    """What the executor asks for graphs. Procedures also ask for the `store` and the `name` of the default graph."""

    @property
    def store(self) -> Reader | None: ...
    @property
    def name(self) -> str | None: ...
    @property
    def at(self) -> Point | None: ...
    def graph(self, name: str | None, point: Point | None) -> GraphView: ...


class ValueSource:
    """One graph value: no names, no history."""

    store: Reader | None = None
    name: str | None = None
    at: Point | None = None

    def __init__(self, view: GraphView) -> None:
        self._view = view

    def graph(self, name: str | None, point: Point | None) -> GraphView:
        """The value; `EntityNotFound` for any other name or a point in time."""
        if name is not None or point is not None:
            asked = f"graph {name!r}" if name is not None else f"point in time {point!r}"
            raise EntityNotFound(f"a graph value has no {asked}", fix="run the query against a store")
        return self._view


class StoreSource:
    """The graphs of a store. `name` is the graph that a query without USE reads, `at` the point where none is named."""

    def __init__(self, store: Reader, name: str | None = None, at: Point | None = None) -> None:
        self.store: Reader | None = store
        self.name = name
        if not isinstance(name, str | None):
            raise ArgumentError(f"a graph is named by text, not by a {type(name).__name__}")
        self._reader = store
        self._newest = store.last_tx
        self.at: Point | None = self._newest if at is None else at

    def graph(self, name: str | None, point: Point | None) -> GraphView:
        """A graph at a point in time. Raises what `Store.at` raises; `EntityNotFound` when no graph is named."""
        name = self.name if name is None else name
        if name is None:
            raise EntityNotFound(
                "the query names no graph", fix="begin with USE graph('name'), or pass graph='name'"
            )
        chosen = self.at if point is None else point
        when = self._resolved(name.removeprefix(EVENTS), chosen)
        if name.startswith(EVENTS) and name not in self._reader:
            from itonami.query.events import events

            return events(self._reader, name.removeprefix(EVENTS), when)
        return self._reader.at(name, when)

    def _resolved(self, name: str, point: Point | None) -> Point:
        """The TxId of a point, as of the transaction that the query began after."""
        if point is None or point == "HEAD":
            return self._newest
        if type(point) is int:
            return min(point, self._newest)
        return self._reader.resolve(name, point, self._newest)


def reading(source: Source, name: str | None, point: Point | None) -> Source:
    """The source as it is where USE names a graph and a point: what a procedure called there is given."""
    if source.store is None:
        return source
    return StoreSource(source.store, name, source.at if point is None else point)
