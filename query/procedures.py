"""The procedures of the query language: the past of a store, as tables.

    CALL itonami.log([since, until, graph])                    the events of a graph
    CALL itonami.history(id [, graph])                         the changes of one node or edge
    CALL itonami.diff(a [, b, other, graph])                   what differs between two points, or two graphs
    CALL itonami.parted(other [, graph])                       where two runs of one definition parted
    CALL itonami.blame(id [, key, at, graph])                  who made a node or edge what it is
    CALL itonami.causes([tx, seq, graph])                      what led to an event; all causes, without one
    CALL itonami.runs([{workflow, status, since, until, at, ...search attributes}])

The graph is the one the query reads, unless one is named; an argument left out, or null, is as if it were not there.
Where the query reads the past, so do they. Fields are those of the rows of the functions of the same names
(`match` is a word of the language: write it in backticks).

Nothing is found out here: only arguments come in and rows go out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from itonami.graphstore.errors import InvalidValue, NotFound
from itonami.graphstore.points import Point
from itonami.graphstore.reading import Reader
from itonami.query.blame import BlameRow, blame
from itonami.query.causes import CauseRow, cause_rows, causes
from itonami.query.context import Context
from itonami.query.cypher.errors import ArgumentError, EntityNotFound, QueryTypeError
from itonami.query.diff import DiffRow, Parting, diff, parted
from itonami.query.engine.points import moment
from itonami.query.engine.procedures import Procedure, Procedures
from itonami.query.engine.source import Source
from itonami.query.history import HistoryRow, history
from itonami.query.log import LogRow, log
from itonami.query.runs import RunRow, runs
from itonami.query.temporal import DateTime
from itonami.query.values import Value, from_store, type_name

__all__ = ["PROCEDURES"]

Rows = Iterator[tuple[Value, ...]]


def _log(_: Context, source: Source, since: Value = None, until: Value = None, graph: Value = None) -> Rows:
    store, name = _subject(source, graph)
    return _told(lambda: log(store, name, _point(since), _point(until, source)))


def _history(_: Context, source: Source, id: Value, graph: Value = None) -> Rows:
    store, name = _subject(source, graph)
    return _told(lambda: history(store, name, _text(id, "an id"), source.at))


def _diff(
    _: Context, source: Source, a: Value, b: Value = None, other: Value = None, graph: Value = None
) -> Rows:
    store, name = _subject(source, graph)
    second = None if other is None else _text(other, "a graph's name")
    start = _point(a)
    if start is None:
        raise QueryTypeError("itonami.diff needs a point to start from", detail="InvalidArgumentType")
    return _told(lambda: diff(store, name, start, _point(b, source) or "HEAD", second))


def _parted(_: Context, source: Source, other: Value, graph: Value = None) -> Rows:
    store, name = _subject(source, graph)

    def rows() -> Iterator[tuple[Any, ...]]:
        found = parted(store, name, _text(other, "a run's id"))
        if found is not None:
            sides = (None if side is None else side._asdict() for side in (found.a, found.b))
            yield found.common, found.a_tx, found.b_tx, *sides

    return _told(rows)


def _blame(
    _: Context, source: Source, id: Value, key: Value = None, at: Value = None, graph: Value = None
) -> Rows:
    store, name = _subject(source, graph)
    wanted = None if key is None else _text(key, "a property key")
    return _told(lambda: blame(store, name, _text(id, "an id"), wanted, _point(at, source) or "HEAD"))


def _causes(_: Context, source: Source, tx: Value = None, seq: Value = None, graph: Value = None) -> Rows:
    store, name = _subject(source, graph)
    for number in (tx, seq):
        if number is not None and type(number) is not int:
            raise QueryTypeError(f"an event is named by integers, not a {type_name(number)}")
    event = tx if seq is None else (tx, seq)
    return _told(lambda: cause_rows(causes(store, name, event, at=source.at or "HEAD")))


def _runs(_: Context, source: Source, where: Value = None) -> Rows:
    store = _store(source)
    if where is not None and type(where) is not dict:
        raise QueryTypeError(f"itonami.runs takes a map, not a {type_name(where)}")
    wanted = {key: _python(value) for key, value in (where or {}).items() if value is not None}
    at = wanted.pop("at", source.at)
    return _told(lambda: runs(store, None if at == store.last_tx else at, **wanted))


PROCEDURES: Procedures = {
    procedure.name: procedure
    for procedure in (
        Procedure("itonami.log", ("since", "until", "graph"), LogRow._fields, _log, 3),
        Procedure("itonami.history", ("id", "graph"), HistoryRow._fields, _history, 1),
        Procedure("itonami.diff", ("a", "b", "other", "graph"), DiffRow._fields, _diff, 3),
        Procedure("itonami.parted", ("other", "graph"), Parting._fields, _parted, 1),
        Procedure("itonami.blame", ("id", "key", "at", "graph"), BlameRow._fields, _blame, 3),
        Procedure("itonami.causes", ("tx", "seq", "graph"), CauseRow._fields, _causes, 3),
        Procedure("itonami.runs", ("where",), RunRow._fields, _runs, 1),
    )
}
"""What `run` knows by name."""


def _store(source: Source) -> Reader:
    if source.store is None:
        raise EntityNotFound("a graph value has no history", fix="run the query against a store")
    return source.store


def _subject(source: Source, graph: Value) -> tuple[Reader, str]:
    """The store, and the graph that is meant."""
    store, name = _store(source), source.name
    if graph is not None:
        name = _text(graph, "a graph's name")
    if name is None:
        raise EntityNotFound("the query names no graph", fix="pass graph='name', or name it in the call")
    return store, name


def _told(rows: Callable[[], Iterable[tuple[Any, ...]]]) -> Rows:
    """Rows as values of the language; what is not there is said as of the query."""
    try:
        for row in rows():
            yield tuple([_value(value) for value in row])
    except NotFound as error:
        raise EntityNotFound(error.what, fix=error.fix) from error
    except InvalidValue as error:
        raise ArgumentError(error.what, fix=error.fix) from error


def _value(value: Any) -> Value:
    if isinstance(value, tuple | list):
        return [_value(item) for item in value]
    if isinstance(value, dict):
        return {key: _value(item) for key, item in value.items()}
    return from_store(value)


def _python(value: Value) -> Any:
    """A value as stores hold it."""
    if type(value) is DateTime:
        return moment(value)
    if type(value) is list:
        return [_python(item) for item in value]
    return {key: _python(item) for key, item in value.items()} if type(value) is dict else value


def _point(value: Value, source: Source | None = None) -> Point | None:
    """A point in time as stores take it; where none is given, that of the query."""
    if value is None:
        return None if source is None else source.at
    point = _python(value)
    if type(point) is bool or not isinstance(point, int | str | datetime):
        raise QueryTypeError(
            f"a {type_name(value)} is no point in time",
            detail="InvalidArgumentType",
            fix="use a TxId, a text such as HEAD~3, or a datetime",
        )
    if isinstance(point, int) and not 0 <= point < 1 << 63:
        raise ArgumentError(f"{point} is no TxId", detail="NumberOutOfRange", fix="they count from 1")
    return point


def _text(value: Value, what: str) -> str:
    if type(value) is not str:
        raise QueryTypeError(f"{what} is text, not a {type_name(value)}", detail="InvalidArgumentType")
    return value
