"""`query`: one question in the query language, over any run at any moment.

    itonami query "MATCH (s:Step {status: 'failed'}) RETURN s.id, s.error" --run order-17 --at HEAD~3

Queries only read. What the language is stands in `itonami.query`.
"""

from __future__ import annotations

import csv
import json
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
    from itonami.query import Result

__all__ = ["query"]

EVENTS = "events/"
BAD_INPUT = 2


class Format(StrEnum):
    """How a result is printed."""

    table = "table"
    json = "json"
    csv = "csv"


@app.command()
def query(
    ctx: typer.Context,
    cypher: Annotated[str, typer.Argument(metavar="CYPHER", help="The query, or @FILE.")],
    run: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="The run it reads without USE; events/RUN is its log as a graph."),
    ] = None,
    at: Annotated[str | None, typer.Option("--at", help=POINTS)] = None,
    param: Annotated[list[str] | None, typer.Option(help="KEY=VALUE, as JSON or text; $KEY in it.")] = None,
    format: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.table,
    as_json: AsJson = False,
) -> int:
    """Ask the store in Cypher or GQL. Queries only read."""
    from itonami.query import QueryError
    from itonami.query import run as ask

    text, point = _text(cypher), None if at is None else checked_point(at, "--at")
    params = dict(map(_param, param or ()))
    with opened(ctx) as store:
        if run is not None:
            found(store, run if run in store else run.removeprefix(EVENTS))
        try:
            result = ask(store, text, graph=run, at=point, params=params)
        except QueryError as error:
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
        return content_of(Path(given[1:])).decode()
    except UnicodeDecodeError as error:
        raise InvalidValue("the query is no UTF-8", where=given[1:], fix="save it as UTF-8") from error


def _param(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise InvalidValue(f"{text!r} is not KEY=VALUE", where="--param", fix="write e.g. --param least=100")
    try:
        return key, json.loads(value)
    except (ValueError, RecursionError):
        return key, value


def _print(result: Result, format: Format) -> None:
    if format is Format.json:
        emit(result.to_json())
    elif format is Format.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(result.columns)
        writer.writerows(_cells(row) for row in result)
    elif result.plan is not None:
        say(result.plan)
    elif (console := terminal(sys.stdout)) is not None:
        console.print(result.table())
    else:
        for line in columns([result.columns, *(_cells(row) for row in result)]):
            say(line)


def _cells(row: Iterable[Any]) -> list[str]:
    """Values as text; nothing for null."""
    from itonami.query.values.notation import literal

    return ["" if value is None else value if isinstance(value, str) else literal(value) for value in row]
