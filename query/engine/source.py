"""Where graphs come from: a store with its history, or one graph value.

All graphs of one query are read as of one transaction, the last when the query began, unless the query names another
point: so a query over several graphs sees one state of the world, a snapshot (Berenson et al., A Critique of ANSI SQL
Isolation Levels, SIGMOD 1995). What a point means is decided here alone (`resolve`), for graphs and for procedures.

Nothing of languages or rows may live here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from itonami.graphstore.errors import InvalidValue, NotFound
from itonami.graphstore.graph import GraphView
from itonami.graphstore.points import AtTime, AtTx, Back, Point, parse_point
from itonami.graphstore.reading import Reader
from itonami.query.cypher.errors import ArgumentError, EntityNotFound, QueryError, meant, with_article
from itonami.query.tally import UNCOUNTED, Tally

__all__ = [
    "EVENTS",
    "NO_GRAPH",
    "Source",
    "StoreSource",
    "ValueSource",
    "asked",
    "logged",
    "missing",
    "unnamed",
]

EVENTS = "events/"
"""What the name of a graph's log, read as a graph, starts with: `USE events('x')` is `USE graph('events/x')`"""

NO_GRAPH = "NoGraph"
"""The `detail` of the error that a query names no graph"""

MAX_TX = (1 << 63) - 1
_LOOKED_AT = 200
"""So many names are compared with one that is not there"""


class Source(Protocol):
    """What the executor asks for graphs. Procedures also ask for the `store` and the `name` of the default graph."""

    @property
    def store(self) -> Reader | None: ...
    @property
    def name(self) -> str | None: ...
    @property
    def at(self) -> Point | None: ...
    def graph(self, name: str | None, point: Point | None, tally: Tally = UNCOUNTED) -> GraphView:
        """A graph at a point in time; None: the source's own."""

    def resolve(self, name: str, point: Point | None = None) -> int:
        """The TxId that a point of a graph means."""

    def moment(self, point: Point | None = None) -> int:
        """The TxId that a point means for all graphs."""

    def reading(self, name: str | None, point: Point | None) -> Source:
        """The source as it is where USE names a graph and a point."""


class ValueSource:
    """One graph value: no names, no history."""

    store: Reader | None = None
    name: str | None = None
    at: Point | None = None

    def __init__(self, view: GraphView) -> None:
        self._view = view

    def graph(self, name: str | None, point: Point | None, tally: Tally = UNCOUNTED) -> GraphView:
        """The value; `EntityNotFound` for any other name or a point in time."""
        if name is not None or point is not None:
            asked_for = f"graph {name!r}" if name is not None else f"point in time {point!r}"
            raise EntityNotFound(f"a graph value has no {asked_for}", fix="run the query against a store")
        return self._view

    def resolve(self, name: str, point: Point | None = None) -> int:
        """`EntityNotFound`: there is no time in a value."""
        raise EntityNotFound("a graph value has no history", fix="run the query against a store")

    def moment(self, point: Point | None = None) -> int:
        """`EntityNotFound`: there is no time in a value."""
        return self.resolve("", point)

    def reading(self, name: str | None, point: Point | None) -> Source:
        """Itself."""
        return self


class StoreSource:
    """The graphs of a store. `name` is the graph that a query without USE reads, `at` the point where none is named,
    `newest` the last transaction that is seen."""

    def __init__(
        self, store: Reader, name: str | None = None, at: Point | None = None, newest: int | None = None
    ) -> None:
        self.store: Reader | None = store
        self.name = name
        if not isinstance(name, str | None):
            raise ArgumentError(f"a graph is named by text, not by {with_article(type(name).__name__)}")
        self._reader = store
        self._newest = store.last_tx if newest is None else newest
        self.at: Point = self._newest if at is None else at

    def graph(self, name: str | None, point: Point | None, tally: Tally = UNCOUNTED) -> GraphView:
        """A graph at a point in time. Raises `EntityNotFound`, also when no graph is named; `ArgumentError` for what
        is no point; `LimitExceeded`."""
        name = self.name if name is None else name
        if name is None:
            raise unnamed("begin with USE graph('name'), or pass graph='name'")
        with asked(self._reader, name):
            subject = logged(self._reader, name)
            if subject is not None:
                return self._events(subject, point, tally)
            return self._reader.at(name, self.resolve(name, point))

    def _events(self, name: str, point: Point | None, tally: Tally) -> GraphView:
        from itonami.query.events import events

        with asked(self._reader, name):
            return events(self._reader, name, self.resolve(name, point), tally=tally)

    def resolve(self, name: str, point: Point | None = None) -> int:
        """The TxId that a point of a graph means, the source's own without one, as of the transaction that the query
        began after. Raises `EntityNotFound` and `ArgumentError`."""
        with asked(self._reader, name):
            chosen = self.at if point is None else point
            meaning = parse_point(chosen)
            if isinstance(meaning, AtTx):
                return min(_checked(meaning.tx), self._newest)
            if meaning == Back(0):
                return self._newest
            return self._reader.resolve(name, chosen, self._newest)

    def moment(self, point: Point | None = None) -> int:
        """The TxId that a point means for all graphs, the source's own without one: then it may be a version of the
        graph that is read. Raises as `resolve` does."""
        with asked(self._reader, self.name):
            chosen = self.at if point is None else point
            meaning = parse_point(chosen)
            if isinstance(meaning, AtTx) or meaning == Back(0):
                return self.resolve("", chosen)
            if point is None and self.name is not None and not isinstance(meaning, AtTime):
                return self.resolve(logged(self._reader, self.name) or self.name)
            return min(self._reader.view(chosen).tx, self._newest)

    def reading(self, name: str | None, point: Point | None) -> Source:
        """The source as it is where USE names a graph and a point: what a procedure called there is given."""
        return StoreSource(self._reader, name, self.at if point is None else point, self._newest)


def _checked(tx: int) -> int:
    if not 0 <= tx <= MAX_TX:
        raise ArgumentError(
            f"{tx} is no TxId", detail="NumberOutOfRange", fix="they count from 1: see itonami.log()"
        )
    return tx


@contextmanager
def asked(store: Reader, name: str | None) -> Iterator[None]:
    """What the store says about a graph, said as of the query: `EntityNotFound`, `ArgumentError`."""
    try:
        yield
    except QueryError:
        raise
    except NotFound as error:
        if name is not None and name not in store:
            raise missing(store, name) from error
        place = f"{error.where}: " if error.where and error.where.startswith("graph ") else ""
        raise EntityNotFound(place + error.what, fix=error.fix) from error
    except InvalidValue as error:
        raise ArgumentError(error.what, detail="InvalidArgumentValue", fix=error.fix) from error


def logged(store: Reader, name: str) -> str | None:
    """The graph whose events a name means; None where it names a graph itself."""
    return name.removeprefix(EVENTS) if name.startswith(EVENTS) and name not in store else None


def unnamed(fix: str) -> EntityNotFound:
    """That it is not said which graph is meant."""
    return EntityNotFound("the query names no graph", detail=NO_GRAPH, fix=fix)


def missing(store: Reader, name: str) -> EntityNotFound:
    """That there is no graph of that name, and which of those that begin like it may be meant."""
    near = meant(name, store.names(name[:2], _LOOKED_AT)) or meant(name, store.names("", _LOOKED_AT))
    return EntityNotFound(f"there is no graph {name!r}", fix=near)
