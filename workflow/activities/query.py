"""A SQL query over SQLAlchemy: engines, one transaction an attempt, and what its faults mean.

The machine behind `sql`, which states the contract. Engines are shared by all activities of one URL and go
with the last of them. A transaction is begun by us and not by SQLite's driver, which begins one only before
what it takes for a change (SQLAlchemy's manual, "SQLite: Serializable isolation / Savepoints / Transactional
DDL").

Blocking code, run in a worker thread. No text of SQL is read here: that is `statement`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from weakref import WeakValueDictionary

import sqlalchemy
from sqlalchemy import exc
from sqlalchemy.engine import URL, Connection, CursorResult, Engine
from sqlalchemy.pool import QueuePool

from itonami.graphstore.errors import InvalidValue
from itonami.workflow.activities.border import plain
from itonami.workflow.activities.context import ActivityContext
from itonami.workflow.activities.errors import ActivityError
from itonami.workflow.activities.statement import Statement
from itonami.workflow.definition.values import JSON

__all__ = ["MAX_ROWS", "Query"]

MAX_ROWS = 10_000
"""Rows of one answer; more fail the attempt for good."""

_SQLITE_ERROR = 1
"""SQLite's code for a wrong statement; its driver raises `OperationalError` (sqlite.org/rescode.html)."""

_FAULTS = (exc.SQLAlchemyError, ImportError, OverflowError, TypeError, ValueError)
"""What a driver raises: its errors, its absence, and for values that it cannot take."""

_RETRIED = (exc.OperationalError, exc.InterfaceError, exc.InternalError, exc.TimeoutError)


_lock = threading.Lock()
_engines: WeakValueDictionary[URL, Engine] = WeakValueDictionary()


def _engine(url: URL) -> Engine:
    """The engine of `url`, one for all activities that use it, for as long as one of them does."""
    with _lock:
        engine = _engines.get(url)
        if engine is None:
            engine = _engines[url] = _made(url)
        return engine


def _made(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return sqlalchemy.create_engine(url, pool_pre_ping=True)
    in_memory = url.database in (None, "", ":memory:")
    only_one = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0} if in_memory else {}
    engine = sqlalchemy.create_engine(url, connect_args={"check_same_thread": False}, **only_one)
    sqlalchemy.event.listen(engine, "connect", _leave_transactions_to_us)
    sqlalchemy.event.listen(engine, "begin", _begin)
    return engine


def _leave_transactions_to_us(connection: Any, record: object) -> None:
    """The driver itself would not see that WITH ... INSERT is a change."""
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


@dataclass(frozen=True, eq=False)
class Query:
    """A statement and where it runs."""

    where: str
    url: URL
    statement: Statement
    expect_rows: int | None

    @classmethod
    def of(cls, where: str, url: str, statement: str, expect_rows: int | None) -> Query:
        """A query that can be run. Raises `InvalidValue`; connects to nothing."""
        if expect_rows is not None and expect_rows < 0:
            raise InvalidValue(f"expect_rows is {expect_rows}", where=where, fix="expect 0 rows or more")
        try:
            address = sqlalchemy.make_url(url)
        except (exc.ArgumentError, ValueError) as error:
            raise InvalidValue(
                "the url is not a database's", where=where, fix="write it as in sqlite:///file.db"
            ) from error
        try:
            parsed = Statement.parse(statement, address.get_backend_name())
        except InvalidValue as error:
            raise InvalidValue(error.what, where=f"{where}, statement", fix=error.fix) from error
        return cls(where, address, parsed, expect_rows)

    @cached_property
    def engine(self) -> Engine:
        """Where it runs. Raises `ImportError` or `SQLAlchemyError` when the driver is missing."""
        return _engine(self.url)

    @cached_property
    def clause(self) -> sqlalchemy.TextClause:
        """The statement as SQLAlchemy compiles it, once."""
        return sqlalchemy.text(self.statement.text)

    def run(self, inputs: Mapping[str, JSON], ctx: ActivityContext) -> JSON:
        """One transaction. Raises `ActivityError`."""
        values = self._values(inputs)
        try:
            with self._connected() as connection, connection.begin():
                before = _total_changes(connection)
                result = connection.execute(self.clause, values)
                output = self._rows(result) if result.returns_rows else _count(connection, result, before)
                self._expected(output["row_count"])
                if ctx.cancelled:
                    raise ActivityError(
                        "it was cancelled, and rolled back", type="Cancelled", where=self.where
                    )
                return output
        except _FAULTS as error:
            raise self._failed(error) from error

    async def aclose(self) -> None:
        """Close the connections that lie idle."""
        if "engine" in self.__dict__:
            self.engine.dispose()

    def _connected(self) -> Connection:
        dialect = self.engine.dialect
        if dialect.is_async:
            raise self._refused(
                f"the driver {dialect.driver!r} is asynchronous",
                "InvalidDriver",
                "name a blocking one in the url",
            )
        return self.engine.connect()

    def _values(self, inputs: Mapping[str, JSON]) -> dict[str, Any]:
        try:
            values = self.statement.values(inputs)
        except KeyError as missing:
            name = missing.args[0]
            what = f"the statement needs the input {name!r}"
            raise self._refused(what, "InvalidInput", f"map {name!r}", details={"missing": [name]}) from None
        dates_as_text = self.url.get_backend_name() == "sqlite"
        return {name: _bound(value, dates_as_text) for name, value in values.items()}

    def _rows(self, result: CursorResult[Any]) -> dict[str, Any]:
        columns = list(result.keys())
        twice = sorted({column for column in columns if columns.count(column) > 1})
        if twice:
            raise self._refused(f"two columns are called {twice[0]!r}", "InvalidOutput", "name one with AS")
        rows = [dict(zip(columns, map(plain, row), strict=True)) for row in result.fetchmany(MAX_ROWS + 1)]
        if len(rows) > MAX_ROWS:
            raise self._refused(f"there are more than {MAX_ROWS} rows", "TooManyRows", "add a LIMIT")
        return {"rows": rows, "row_count": len(rows)}

    def _expected(self, row_count: int) -> None:
        if self.expect_rows not in (None, row_count):
            raise self._refused(
                f"{row_count} rows, where {self.expect_rows} were expected",
                "UnexpectedRows",
                details={"row_count": row_count, "expect_rows": self.expect_rows},
            )

    def _refused(self, what: str, type_: str, fix: str | None = None, details: JSON = None) -> ActivityError:
        return ActivityError(what, type=type_, retryable=False, details=details, where=self.where, fix=fix)

    def _failed(self, error: Exception) -> ActivityError:
        said = getattr(error, "orig", None) or error
        lost = isinstance(error, exc.DBAPIError) and error.connection_invalidated
        wrong = getattr(said, "sqlite_errorcode", None) == _SQLITE_ERROR
        return ActivityError(
            " ".join(str(said).split()) or type(said).__name__,
            type=type(error).__name__,
            retryable=lost or (isinstance(error, _RETRIED) and not wrong),
            where=self.where,
        )


def _total_changes(connection: Connection) -> int:
    """How many rows were ever changed over a SQLite connection; 0 elsewhere."""
    return getattr(connection.connection.dbapi_connection, "total_changes", 0)


def _count(connection: Connection, result: CursorResult[Any], before: int) -> dict[str, Any]:
    """The rows changed. SQLite's driver does not count those of WITH ... INSERT, SQLite itself does."""
    if result.rowcount < 0 and _total_changes(connection) != before:
        return {"row_count": connection.exec_driver_sql("SELECT changes()").scalar_one()}
    return {"row_count": max(result.rowcount, 0)}


def _bound(value: JSON, dates_as_text: bool) -> Any:
    """A value as a driver takes it."""
    match value:
        case dict() | list() | tuple():
            return json.dumps(plain(value))
        case datetime() if dates_as_text:
            return value.isoformat()
    return value
