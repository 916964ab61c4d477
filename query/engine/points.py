"""Points in time compiled: `USE run('x') AS OF point` and `MATCH ... AS OF point`.

Each puts a version into a slot of its own: USE once, AS OF for every row, so that `UNWIND [1, 2] AS tx MATCH (n) AS OF
TX tx` reads two. A point is whatever `Store.at` takes; what the store does not find is an `EntityNotFound` with its
place in the text.

Nothing is matched here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from itonami.graphstore.points import Point as StorePoint
from itonami.query.cypher.ast import Point, Use
from itonami.query.cypher.errors import ArgumentError, QueryError, QueryTypeError
from itonami.query.engine.place import placed
from itonami.query.engine.projections import ProjectionCompiler
from itonami.query.engine.runtime import HERE, Evaluate, Row, Runtime, Stage
from itonami.query.engine.scope import Scope
from itonami.query.engine.source import EVENTS
from itonami.query.engine.version import Version
from itonami.query.temporal import DateTime
from itonami.query.values import Value, spoken_type

__all__ = ["PointCompiler", "moment"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORMS = {"TX": "a TxId", "TAG": "a name", "HEAD": "a number of versions"}


class PointCompiler(ProjectionCompiler):
    """Compiles points in time."""

    def use(self, node: Use, scope: Scope) -> tuple[Stage, int]:
        """The operator that reads a graph, and the slot it fills."""
        slot, name = self.frame.slot(), self.compile(node.name, scope)
        point = None if node.as_of is None else self._point(node.as_of, scope)
        at = node.at

        def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
            for row in rows:
                wanted = name(row)
                if type(wanted) is not str:
                    raise QueryTypeError(
                        f"a graph is named by a string, not by {spoken_type(wanted)}",
                        detail="InvalidArgumentType",
                        text=self.text,
                        at=at,
                    )
                wanted = EVENTS + wanted if node.kind == "events" else wanted
                version = self._read(runtime, wanted, None if point is None else point(row), at)
                runtime.fixed[slot] = row[slot] = version
                yield row

        return Stage("Use", node.kind, run), slot

    def as_of(self, node: Point, scope: Scope) -> tuple[Stage, int]:
        """The operator that reads another version of the graph at hand, and the slot it fills."""
        slot, base, at = self.frame.slot(), scope.graph, node.at
        point = self._point(node, scope)

        def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
            for row in rows:
                name = None if base == HERE else row[base].name
                row[slot] = self._read(runtime, name, point(row), at)
                yield row

        return Stage("AsOf", node.kind, run), slot

    def _read(self, runtime: Runtime, name: str | None, point: StorePoint | None, at: int) -> Version:
        try:
            return runtime.version(name, point)
        except QueryError as error:
            raise placed(error, self.text, at) from error

    def _point(self, node: Point, scope: Scope) -> Evaluate:
        value, kind, text, at = self.compile(node.value, scope), node.kind, self.text, node.at

        def run(row: Row) -> StorePoint:
            try:
                return _spelt(kind, value(row))
            except QueryError as error:
                raise placed(error, text, at) from None

        return run


def _spelt(kind: str, value: Value) -> StorePoint:
    """A point in the store's words."""
    of = type(value)
    if kind == "TAG" and of is str:
        return f"TAG {value}"
    if kind == "HEAD" and of is int:
        return f"HEAD~{value}" if value else "HEAD"
    if (kind == "TX" and of is int) or (kind == "VALUE" and (of is int or of is str)):
        return value  # type: ignore[no-any-return]
    if kind == "VALUE" and of is DateTime:
        return moment(value)
    raise QueryTypeError(
        f"{spoken_type(value)} is no point in time",
        detail="InvalidArgumentType",
        fix=f"use {_FORMS.get(kind, 'a TxId, a text such as HEAD~3, or a datetime')}",
    )


def moment(value: DateTime) -> datetime:
    """A datetime as stores take it. Raises `ArgumentError` beyond the years 1 to 9999."""
    try:
        return _EPOCH + timedelta(microseconds=value.instant // 1_000)
    except OverflowError:
        raise ArgumentError(
            f"{value} is no moment of a store", detail="NumberOutOfRange", fix="use the years 1 to 9999"
        ) from None
