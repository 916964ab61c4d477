"""`query`: one question in the query language, over any run at any moment.

    itonami query "MATCH (s:Step {status: 'failed'}) RETURN id(s), s.error" --run order-17 --at HEAD~1

Queries only read. What the language is stands in `itonami.query`; what its errors call by the names of Python's
arguments (`graph=`, `params=`, `Limits(...)`) is called by its option here.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from itonami.graphstore import InvalidValue
from itonami.workflow.cli.app import AsJson, app
from itonami.workflow.cli.kept import content_of
from itonami.workflow.cli.output import columns, emit, note, say, terminal
from itonami.workflow.cli.subject import POINTS, checked_point, found, opened

if TYPE_CHECKING:
    from itonami.query import Limits, QueryError, Result

__all__ = ["query"]

EVENTS = "events/"
BAD_INPUT = 2
EXAMPLES = """Examples:

\b
  itonami query "MATCH (s:Step) RETURN id(s), s.status" --run order-17
  itonami query 'MATCH (s:Step {status: $is}) RETURN s' --run order-17 --at HEAD~1 --param is=failed
  itonami query "CALL itonami.runs({status: 'failed'}) YIELD run, ended" --format csv
  itonami query "MATCH (:RunStarted)-[:CAUSES*]->(e) RETURN e.name" --run events/order-17
  itonami query "EXPLAIN MATCH (s:Step) WHERE s.attempt > 1 RETURN s" --run order-17
  itonami query @slowest.cypher --run order-17 --json --seconds 120

The language, with its functions and the procedures itonami.*, is in docs/query.md."""


class Format(StrEnum):
    """How a result is printed."""

    table = "table"
    json = "json"
    csv = "csv"


Run = Annotated[
    str | None,
    typer.Option(
        metavar="RUN",
        help="The run, or other graph, that is read without USE; events/RUN: its log as a graph.",
    ),
]
Params = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE", help="The value of $KEY: JSON, or else a text as it stands. May be repeated."
    ),
]
Seconds = Annotated[float | None, typer.Option(help="How long it may take; 30, unless said.")]
Rows = Annotated[int | None, typer.Option(help="How many rows it may give; 1,000,000.")]
Values = Annotated[int | None, typer.Option(help="How many values it may hold at a time; 10,000,000.")]
Steps = Annotated[int | None, typer.Option(help="How many elements it may look at; 1,000,000,000.")]


@app.command(epilog=EXAMPLES)
def query(
    ctx: typer.Context,
    cypher: Annotated[
        str,
        typer.Argument(
            metavar="CYPHER",
            help="The query, or @FILE that holds it. In single quotes a shell leaves $ alone.",
        ),
    ],
    run: Run = None,
    at: Annotated[str | None, typer.Option("--at", help=POINTS)] = None,
    param: Params = None,
    format: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.table,
    seconds: Seconds = None,
    rows: Rows = None,
    values: Values = None,
    steps: Steps = None,
    as_json: AsJson = False,
) -> int:
    """Ask the store in Cypher or GQL. Queries only read."""
    from itonami.query import QueryError
    from itonami.query import run as ask

    text, point = _text(cypher), None if at is None else checked_point(at, "--at")
    params = _params(param or ())
    limits = _limits(seconds=seconds, rows=rows, values=values, steps=steps)
    with opened(ctx) as store:
        if run is not None:
            found(store, run if run in store else run.removeprefix(EVENTS))
        try:
            result = ask(store, text, graph=run, at=point, params=params, limits=limits)
        except QueryError as error:
            _speak_options(error)
            if as_json:
                raise
            for line in f"itonami: {error}".splitlines():  # where in the query it is takes lines of its own
                note(line)
            return BAD_INPUT
    _print(result, Format.json if as_json else format)
    return 0


def _text(given: str) -> str:
    """The query as it was passed, or the file after an @."""
    if not given.startswith("@"):
        return given
    try:
        return content_of(Path(given[1:])).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidValue("the query is no UTF-8", where=given[1:], fix="save it as UTF-8") from error


# -- parameters and limits ---------------------------------------------------------------------------------------

_JSON = re.compile(
    r'\s*(?:[{\["]|(?:true|false|null|NaN|-?Infinity|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*$)'
)
"""What is meant as JSON: objects, lists and texts by how they begin, the rest by the whole of it"""


def _params(given: Iterable[str]) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InvalidValue(
                f"{text!r:.60} is not KEY=VALUE", where="--param", fix="write e.g. --param least=100"
            )
        if key in params:
            raise InvalidValue(
                f"{key!r:.60} is given twice", where="--param", fix="leave one out; a list is KEY=[1, 2]"
            )
        params[key] = _value(f"--param {key:.60}", value)
    return params


def _value(where: str, text: str) -> Any:
    """A parameter's value. Raises `InvalidValue`."""
    if not _JSON.match(text):
        value: Any = text
    else:
        from itonami.workflow.definition import DefinitionError
        from itonami.workflow.definition.load import read_json

        try:
            value = read_json(text, where)
        except DefinitionError as error:
            fix = f"mend it, or pass a text that looks so as JSON: {json.dumps(text[:20])}"
            raise InvalidValue(error.what, where=error.where, fix=fix) from error
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InvalidValue(
            "the value is no Unicode: it has half of a surrogate pair", where=where, fix="pass it as UTF-8"
        ) from error
    return value


def _limits(**given: float | None) -> Limits:
    """What the options say, else the defaults. Raises `InvalidValue`."""
    from itonami.query import ArgumentError, Limits

    try:
        return Limits(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ArgumentError as error:
        wrong = next(name for name, value in given.items() if value is not None and not value > 0)
        raise InvalidValue(error.what, where=f"--{wrong}", fix=error.fix) from error


def _speak_options(error: QueryError) -> None:
    """Make the remedy of an error an option of this command."""
    from itonami.query import LimitExceeded, ParameterMissing
    from itonami.query.engine.source import NO_GRAPH

    if isinstance(error, ParameterMissing) and error.parameter:
        error.fix = f"pass --param {error.parameter:.60}=VALUE"
    elif isinstance(error, LimitExceeded) and error.limit is not None:
        error.fix = f"ask for less (LIMIT), or raise it: --{error.limit} N"
    elif error.detail == NO_GRAPH:
        error.fix = "pass --run RUN, or begin with USE graph('name')"


# -- printing ----------------------------------------------------------------------------------------------------


def _print(result: Result, format: Format) -> None:
    if format is Format.json:
        emit(result.to_json())
    elif format is Format.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(result.columns)
        writer.writerows(_cells(row, whole=True) for row in result)
    elif result.plan is not None:
        say(result.plan)
    elif (console := terminal(sys.stdout)) is not None:
        console.print(result.table())
    else:
        for line in columns([result.columns, *(_cells(row, whole=False) for row in result)]):
            say(line)


def _cells(row: Iterable[Any], *, whole: bool) -> list[str]:
    """Values as text, cut where they are long unless as a `whole`; nothing for null."""
    from itonami.query.result import cell
    from itonami.query.values import shown

    def text(value: Any) -> str:
        if not whole:
            return cell(value)
        return value if isinstance(value, str) else shown(value)

    return ["" if value is None else text(value) for value in row]
