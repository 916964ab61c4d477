"""The procedures of the query language: the past of a store, as tables.

    CALL itonami.log([since, until, graph])                    the events of a graph
    CALL itonami.history(id [, graph])                         the changes of one node or edge
    CALL itonami.diff(a [, b, other, graph])                   what differs between two points, or two graphs
    CALL itonami.parted(other [, graph])                       where, and how, two runs of one definition part
    CALL itonami.blame(id [, key, at, graph])                  who made a node or edge what it is
    CALL itonami.causes([tx, seq, graph])                      what led to an event; all causes, without one
    CALL itonami.runs([{workflow, status, since, until, at, attributes: {...}, ...search attributes}])

The graph is the one the query reads, unless one is named; for the events of a graph it is the graph itself. An argument
left out, or null, is as if it were not there. Where the query reads the past, so do they. Fields are those of the rows
of the functions of the same names (`match` is a word of the language: write it in backticks).

Nothing is found out here: only arguments come in and rows go out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from itonami.graphstore.points import AtTime, Point, parse_point
from itonami.graphstore.reading import Reader
from itonami.query.blame import BlameRow, blame
from itonami.query.causes import CauseRow, cause_rows, causes
from itonami.query.context import Context
from itonami.query.cypher.errors import ArgumentError, EntityNotFound, QueryTypeError
from itonami.query.diff import DiffRow, Parting, diff, partings
from itonami.query.engine.points import moment
from itonami.query.engine.procedures import Procedure, Procedures
from itonami.query.engine.source import Source, asked, logged, missing, unnamed
from itonami.query.history import HistoryRow, history
from itonami.query.log import LogRow, log
from itonami.query.runs import RunRow, runs_where
from itonami.query.tally import counted
from itonami.query.temporal import DateTime
from itonami.query.values import Value, from_store, spoken_type
from itonami.query.values.domain import AS_IT_IS, TEMPORAL

__all__ = ["PROCEDURES"]

Rows = Iterator[tuple[Value, ...]]
_TIMES = ("since", "until")


def _log(
    context: Context, source: Source, since: Value = None, until: Value = None, graph: Value = None
) -> Rows:
    store, name = _subject(source, graph)

    def rows() -> Iterable[LogRow]:
        return log(store, name, _since(source, name, since), _point(source, name, until), tally=context)

    return _told(store, name, rows)


def _history(context: Context, source: Source, id: Value, graph: Value = None) -> Rows:
    store, name = _subject(source, graph)
    element = _text(id, "an id")
    return _told(
        store, name, lambda: history(store, name, element, _point(source, name, None), tally=context)
    )


def _diff(
    context: Context, source: Source, a: Value, b: Value = None, other: Value = None, graph: Value = None
) -> Rows:
    store, name = _subject(source, graph)
    second = None if other is None else _subject(source, other)[1]
    if a is None:
        raise QueryTypeError(
            "itonami.diff needs a point to start from",
            detail="InvalidArgumentType",
            fix="call itonami.diff(a), with a TxId, a text such as HEAD~3, or a datetime",
        )

    def rows() -> Iterable[DiffRow]:
        points = _point(source, name, a), _point(source, second or name, b)
        return counted(diff(store, name, *points, second), context)

    return _told(store, name, rows)


def _parted(context: Context, source: Source, other: Value, graph: Value = None) -> Rows:
    store, name = _subject(source, graph)
    second = _subject(source, _text(other, "a run's id"))[1]

    def rows() -> Iterator[tuple[Any, ...]]:
        points = _point(source, name, None), _point(source, second, None)
        for found in partings(store, name, second, *points, tally=context):
            sides = (None if side is None else side._asdict() for side in (found.a, found.b))
            yield found.common, found.a_tx, found.b_tx, *sides, found.what, found.keys

    return _told(store, name, rows)


def _blame(
    context: Context, source: Source, id: Value, key: Value = None, at: Value = None, graph: Value = None
) -> Rows:
    store, name = _subject(source, graph)
    element, wanted = _text(id, "an id"), None if key is None else _text(key, "a property key")
    return _told(
        store, name, lambda: blame(store, name, element, wanted, _point(source, name, at), tally=context)
    )


def _causes(
    context: Context, source: Source, tx: Value = None, seq: Value = None, graph: Value = None
) -> Rows:
    store, name = _subject(source, graph)
    for number in (tx, seq):
        if number is not None and type(number) is not int:
            raise QueryTypeError(f"an event is named by integers, not by {spoken_type(number)}")
    if tx is None and seq is not None:
        raise ArgumentError(
            f"event {seq} of no transaction",
            detail="InvalidArgumentValue",
            fix="give its TxId: itonami.causes(tx, seq)",
        )
    event = tx if seq is None else (tx, seq)

    def rows() -> Iterable[CauseRow]:
        return cause_rows(causes(store, name, event, at=_point(source, name, None), tally=context))

    return _told(store, name, rows)


def _runs(context: Context, source: Source, where: Value = None) -> Rows:
    store = _store(source)
    if where is not None and type(where) is not dict:
        raise QueryTypeError(f"itonami.runs takes a map, not {spoken_type(where)}")
    given = {key: value for key, value in (where or {}).items() if value is not None}
    when = given.pop("at", None)
    wanted = {key: (_zoned if key in _TIMES else _python)(key, value) for key, value in given.items()}

    def rows() -> Iterable[RunRow]:
        at = source.moment(None if when is None else _spelt(when))
        return runs_where(store, wanted, at, newest=source.moment("HEAD"), tally=context)

    return _told(store, None, rows)


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
        raise unnamed("pass graph='name', or name it in the call")
    name = logged(store, name) or name
    if name not in store:
        raise missing(store, name)
    return store, name


def _told(store: Reader, name: str | None, rows: Callable[[], Iterable[tuple[Any, ...]]]) -> Rows:
    """Rows as values of the language; what is not there is said as of the query."""
    with asked(store, name):
        for row in rows():
            yield tuple([_value(value) for value in row])


def _value(value: Any) -> Value:
    if isinstance(value, tuple | list):
        return [_value(item) for item in value]
    if isinstance(value, dict):
        return {key: _value(item) for key, item in value.items()}
    return from_store(value)


def _python(key: str, value: Value) -> Any:
    """A value of a map, at its key, as stores hold it."""
    kind = type(value)
    if kind in AS_IT_IS:
        return value
    if kind is DateTime:
        return moment(value)
    if kind is list:
        return [_python(key, item) for item in value]
    if kind is dict:
        return {name: _python(name, item) for name, item in value.items()}
    raise QueryTypeError(
        f"{key} is {spoken_type(value)}, which no store holds",
        detail="InvalidArgumentType",
        fix="use datetime(...)" if kind in TEMPORAL else "use its id, or a property",
    )


def _zoned(key: str, value: Value) -> datetime:
    """A time of a map, at its key, as stores hold it."""
    if type(value) is DateTime:
        return moment(value)
    raise QueryTypeError(
        f"{key} is a time with a zone, not {spoken_type(value)}",
        detail="InvalidArgumentType",
        fix="use datetime(...)",
    )


def _point(source: Source, name: str, value: Value) -> int:
    """The TxId that a point in time means for a graph; where none is given, that of the query."""
    return source.resolve(name, None if value is None else _spelt(value))


def _since(source: Source, name: str, value: Value) -> Point | None:
    """A point after which a log begins: a time may be one before there was the graph."""
    point = None if value is None else _spelt(value)
    return point if point is None or isinstance(parse_point(point), AtTime) else source.resolve(name, point)


def _spelt(value: Value) -> Point:
    """A point in time as stores take it."""
    point = moment(value) if type(value) is DateTime else value
    if type(point) is bool or not isinstance(point, int | str | datetime):
        raise QueryTypeError(
            f"{spoken_type(value)} is no point in time",
            detail="InvalidArgumentType",
            fix="use a TxId, a text such as HEAD~3, or a datetime",
        )
    return point


def _text(value: Value, what: str) -> str:
    if type(value) is not str:
        raise QueryTypeError(f"{what} is text, not {spoken_type(value)}", detail="InvalidArgumentType")
    return value
