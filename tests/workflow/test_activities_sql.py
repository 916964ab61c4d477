"""SQL activities against a real SQLite file: parameters, transactions, and what may be tried again."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.dialects import postgresql, sqlite

from itonami.graphstore.errors import InvalidValue
from itonami.workflow.activities import ActivityContext, ActivityError, perform, sql_activity
from itonami.workflow.activities.query import MAX_ROWS
from itonami.workflow.activities.statement import Statement

SQLITE: Any = sqlite.dialect
POSTGRESQL: Any = postgresql.dialect


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(
            "CREATE TABLE stock (sku TEXT PRIMARY KEY, n INTEGER CHECK (n >= 0), note);"
            "INSERT INTO stock VALUES ('a', 3, NULL), ('b', 5, NULL);"
        )
    return path


def rows(file: Path, sql: str = "SELECT sku, n FROM stock ORDER BY sku") -> list[Any]:
    with closing(sqlite3.connect(file)) as db:
        return db.execute(sql).fetchall()


async def ran(file: Path, statement: str, inputs: dict[str, Any], **options: Any) -> Any:
    work = sql_activity("sql", f"sqlite:///{file}?timeout=0", statement, **options)
    try:
        return await perform(work, inputs, ActivityContext("r", "s"))
    finally:
        await work.aclose()


async def failed(file: Path, statement: str, inputs: dict[str, Any], **options: Any) -> ActivityError:
    with pytest.raises(ActivityError) as raised:
        await ran(file, statement, inputs, **options)
    return raised.value


async def test_a_select_gives_rows_and_a_change_gives_a_count(file: Path) -> None:
    assert await ran(
        file, "SELECT sku, n FROM stock WHERE n > :least ORDER BY sku", {"least": 1, "x": 0}
    ) == {
        "rows": [{"sku": "a", "n": 3}, {"sku": "b", "n": 5}],
        "row_count": 2,
    }
    assert await ran(file, "UPDATE stock SET n = n - :n", {"n": 1}) == {"row_count": 2}
    assert await ran(file, "UPDATE stock SET n = 9 WHERE sku = 'a' RETURNING n;  -- all", {}) == {
        "rows": [{"n": 9}],
        "row_count": 1,
    }
    assert await ran(file, "CREATE TABLE log (line)", {}) == {"row_count": 0}
    assert rows(file) == [("a", 9), ("b", 4)]


async def test_places_follow_the_order_of_the_mapping(file: Path) -> None:
    await ran(file, "UPDATE stock SET n = $2 WHERE sku = $1", {"which": "a", "count": 8, "unused": 0})
    await ran(file, "UPDATE stock SET n = $2 WHERE sku = 'b'", {"which": "a", "count": 7})
    assert rows(file) == [("a", 8), ("b", 7)]


@pytest.mark.parametrize(
    ("statement", "missing"),
    [("UPDATE stock SET n = :n WHERE sku = :sku", "sku"), ("UPDATE stock SET n = $1 WHERE sku = $2", "$2")],
)
async def test_a_missing_parameter_is_named_and_nothing_is_run(
    file: Path, statement: str, missing: str
) -> None:
    error = await failed(file, statement, {"n": 1})
    assert (error.type, error.retryable, error.details) == ("InvalidInput", False, {"missing": [missing]})
    assert str(error) == f"activity 'sql': the statement needs the input '{missing}'; map '{missing}'"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE stock SET n = 0",
        "UPDATE stock SET n = 0 RETURNING sku",
        "WITH x(s) AS (VALUES ('c'), ('d')) INSERT INTO stock SELECT s, 1, NULL FROM x",
    ],
)
async def test_rows_other_than_expected_roll_back_and_fail_for_good(file: Path, statement: str) -> None:
    error = await failed(file, statement, {}, expect_rows=1)
    assert (error.type, error.retryable) == ("UnexpectedRows", False)
    assert error.details == {"row_count": 2, "expect_rows": 1}
    assert rows(file) == [("a", 3), ("b", 5)]
    assert (await ran(file, statement, {}, expect_rows=2))["row_count"] == 2
    assert rows(file) != [("a", 3), ("b", 5)]


async def test_a_locked_database_may_be_tried_again(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        error = await failed(file, "UPDATE stock SET n = 1", {})
    assert (error.type, error.retryable) == ("OperationalError", True)
    assert "locked" in str(error)
    assert await ran(file, "UPDATE stock SET n = 1", {}) == {"row_count": 2}


async def test_a_file_that_cannot_be_opened_may_be_tried_again(file: Path) -> None:
    error = await failed(file.parent / "no" / "such.db", "SELECT 1", {})
    assert (error.type, error.retryable) == ("OperationalError", True)


@pytest.mark.parametrize(
    ("statement", "type_"),
    [
        ("SELEC 1", "OperationalError"),
        ("SELECT * FROM nowhere", "OperationalError"),
        ("INSERT INTO stock VALUES ('a', 1, NULL)", "IntegrityError"),
        ("UPDATE stock SET n = -1", "IntegrityError"),
        ("SELECT 1 AS x, 2 AS x", "InvalidOutput"),
        ("SELECT :big", "OverflowError"),
    ],
)
async def test_a_wrong_statement_or_value_fails_for_good(file: Path, statement: str, type_: str) -> None:
    error = await failed(file, statement, {"big": 2**70})
    assert (error.type, error.retryable) == (type_, False)
    assert rows(file) == [("a", 3), ("b", 5)]


async def test_too_many_rows_fail_for_good(file: Path) -> None:
    counting = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT :n) SELECT i FROM c"
    assert (await ran(file, counting, {"n": MAX_ROWS}))["row_count"] == MAX_ROWS
    assert (await failed(file, counting, {"n": MAX_ROWS + 1})).type == "TooManyRows"


async def test_values_go_in_and_come_back_as_json(file: Path) -> None:
    instant = datetime(2026, 1, 2, 3, tzinfo=UTC)
    inputs = {"a": instant, "b": b"\x00\xff", "c": [1, {"x": None}], "d": {"k": "v"}, "e": None, "f": True}
    output = await ran(
        file, "SELECT :a AS a, :b AS b, :c AS c, json_extract(:d, '$.k') AS d, :e AS e, :f AS f", inputs
    )
    assert output["rows"] == [
        {"a": "2026-01-02T03:00:00+00:00", "b": "AP8=", "c": '[1, {"x": null}]', "d": "v", "e": None, "f": 1}
    ]


async def test_a_cancelled_attempt_is_rolled_back(file: Path) -> None:
    work = sql_activity("sql", f"sqlite:///{file}", "UPDATE stock SET n = 0")
    ctx = ActivityContext("r", "s")
    ctx.request_cancel()
    with pytest.raises(ActivityError, match="rolled back"):
        await perform(work, {}, ctx)
    await work.aclose()
    assert rows(file) == [("a", 3), ("b", 5)]


async def test_activities_of_one_memory_database_see_the_same_one() -> None:
    create = sql_activity("create", "sqlite://", "CREATE TABLE t AS SELECT :v AS v")
    read = sql_activity("read", "sqlite://", "SELECT v FROM t")
    ctx = ActivityContext("r", "s")
    await perform(create, {"v": 7}, ctx)
    assert (await perform(read, {}, ctx))["rows"] == [{"v": 7}]
    await create.aclose()
    await read.aclose()


async def test_a_missing_or_asynchronous_driver_fails_for_good() -> None:
    for url in ("nosuchdb://localhost/x", "sqlite+nosuchdriver://"):
        with pytest.raises(ActivityError) as raised:
            await perform(sql_activity("sql", url, "SELECT 1"), {}, ActivityContext("r", "s"))
        assert (raised.value.type, raised.value.retryable) == ("NoSuchModuleError", False)


@pytest.mark.parametrize(
    ("url", "statement", "options", "said"),
    [
        ("not a url with secret", "SELECT 1", {}, "the url is not a database's"),
        ("sqlite://", "", {}, "it is empty"),
        ("sqlite://", "SELECT 'a", {}, "a ' is never closed"),
        ("sqlite://", "SELECT 1 /* a", {}, r"a /\* is never closed"),
        ("sqlite://", "SELECT 1; DROP TABLE stock", {}, "it holds a second statement"),
        ("sqlite://", "SELECT 1; :x", {}, "it holds a second statement"),
        ("sqlite://", "SELECT :a, $1", {}, "it mixes :name and"),
        ("sqlite://", "SELECT 1", {"expect_rows": -1}, "expect_rows is -1"),
    ],
)
def test_what_cannot_be_run_is_refused_when_it_is_declared(
    url: str, statement: str, options: Any, said: str
) -> None:
    with pytest.raises(InvalidValue, match=said) as raised:
        sql_activity("a", url, statement, **options)
    assert "activity 'a'" in str(raised.value)
    assert "secret" not in str(raised.value)


LITERALS = [
    "SELECT ':a', 'it''s :b', '$1', 'C\\:x \\\\:y', '::int'",
    'SELECT 1 AS ":a", 2 AS "$1"',
    "SELECT 1 -- :a it's $1\n, 2",
    "SELECT 1 /* :a it's\n$1 ' */, 2",
    "SELECT '%', '%s', 10 % 3",
]


@pytest.mark.parametrize("statement", LITERALS)
async def test_literals_names_and_comments_reach_the_database_untouched(file: Path, statement: str) -> None:
    for backend, dialect in (
        ("sqlite", SQLITE()),
        ("postgresql", POSTGRESQL(paramstyle="named")),
    ):
        parsed = Statement.parse(statement, backend)
        assert (parsed.names, parsed.places) == (frozenset(), frozenset())
        assert str(text(parsed.text).compile(dialect=dialect)) == statement
    (expected,) = rows(file, statement)
    (row,) = (await ran(file, statement, {}))["rows"]
    assert tuple(row.values()) == expected


@pytest.mark.parametrize(
    ("statement", "compiled"),
    [
        ("SELECT :a::int, $$:b $1$$, $t$ $$ :c $t$", "SELECT %(a)s::int, $$:b $1$$, $t$ $$ :c $t$"),
        ("SELECT x[1:2], x[:a::int]", "SELECT x[1:2], x[%(a)s::int]"),
        ("SELECT $1::int[], E'it\\'s :b', x -> '$2'", "SELECT %(_1)s::int[], E'it\\'s :b', x -> '$2'"),
        ("$1 x[1:$2]", "%(_1)s x[1: %(_2)s]"),
        ("SELECT /* a /* :b */ ' :c */ :a", "SELECT /* a /* :b */ ' :c */ %(a)s"),
        ("SELECT a$1, price$, :a", "SELECT a$1, price$, %(a)s"),
        ("SELECT :größe", "SELECT %(größe)s"),
    ],
)
def test_casts_slices_dollar_quotes_and_nested_comments_are_postgresqls(
    statement: str, compiled: str
) -> None:
    parsed = Statement.parse(statement, "postgresql")
    assert str(text(parsed.text).compile(dialect=POSTGRESQL())) == compiled


sql_parts = st.lists(
    st.sampled_from(
        [
            "':x'",
            '":y"',
            " :a ",
            "::int",
            " := ",
            ":",
            "\\",
            "\\:",
            "'\\'",
            "/*:z*/",
            "--:q\n",
            "b",
            "[1:2]",
            "%",
            " ",
            "1",
        ]
    ),
    min_size=1,
)


@given(sql_parts)
def test_whatever_surrounds_them_only_parameters_are_replaced(parts: list[str]) -> None:
    statement = "SELECT " + "".join(parts)
    parsed = Statement.parse(statement, "sqlite")
    compiled = text(parsed.text).compile(dialect=SQLITE(paramstyle="named"))
    assert str(compiled) == statement
    assert set(compiled.params) == parsed.names
