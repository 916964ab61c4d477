"""`ps`, `show`, `log`, `diff`: the commands that look."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.table import Table

from itonami.graphstore import Commit, Graph, InvalidValue, Store
from itonami.graphstore.picture import graph_dot, graph_graphml, graph_mermaid, graph_svg
from itonami.workflow.cli.app import AsJson, app, opened
from itonami.workflow.cli.output import console, delta_json, emit, is_run, log_rows, plain, run_json
from itonami.workflow.drawing import run_dot, run_mermaid, run_svg, run_text

__all__: list[str] = []

FOLLOW_INTERVAL_S = 0.05
ENDED = frozenset({"succeeded", "failed", "cancelled", "terminated", "timed_out"})
RunId = Annotated[str, typer.Argument(help="The run's id.")]
At = Annotated[str, typer.Option("--at", help="A point in time: 42, HEAD~3, an ISO time.")]


@app.command()
def ps(
    ctx: typer.Context,
    workflow: Annotated[str | None, typer.Option(help="Only runs of this workflow.")] = None,
    status: Annotated[str | None, typer.Option(help="Only runs of this status.")] = None,
    where: Annotated[list[str] | None, typer.Option(help="KEY=VALUE of a search attribute.")] = None,
    as_json: AsJson = False,
) -> None:
    """List runs."""
    wanted = dict(_key_value(text) for text in where or ())
    header = {"kind": "run"}
    header |= {k: v for k, v in (("workflow", workflow), ("status", status)) if v is not None}
    with opened(ctx) as store:
        rows = [
            row
            for version in store.graphs(**header)
            if (row := _summary(store, version.graph, version.tx, wanted)) is not None
        ]
    if as_json:
        emit(rows)
        return
    table = Table("run", "workflow", "status", "started", "ended", "tx", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(str(plain(row[key]) or "") for key in ("run", "workflow", "status", "started", "ended", "tx")))
    console.print(table)


def _summary(store: Store, run: str, tx: int, wanted: dict[str, str]) -> dict[str, Any] | None:
    header = store.at(run, tx).header
    attributes = header.get("attributes") or {}
    if any(str(attributes.get(key)) != value for key, value in wanted.items()):
        return None
    keys = ("workflow", "version", "status", "started", "ended", "attributes")
    return {"run": run, "tx": tx, **{key: header.get(key) for key in keys}}


def _key_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise InvalidValue(f"{text!r} is not KEY=VALUE", where="--where", fix="write e.g. --where customer=17")
    return key, value


class Format(StrEnum):
    """How `show` draws."""

    text = "text"
    json = "json"
    svg = "svg"
    mermaid = "mermaid"
    dot = "dot"
    graphml = "graphml"


_RUN_FORMS: dict[Format, Callable[[Graph], str]] = {
    Format.text: run_text,
    Format.svg: run_svg,
    Format.mermaid: run_mermaid,
    Format.dot: run_dot,
    Format.graphml: graph_graphml,
}
_GRAPH_FORMS: dict[Format, Callable[[Graph], str]] = {
    Format.text: lambda graph: "\n".join(map(repr, graph.items())),
    Format.svg: graph_svg,
    Format.mermaid: graph_mermaid,
    Format.dot: graph_dot,
    Format.graphml: graph_graphml,
}


@app.command()
def show(
    ctx: typer.Context,
    run: RunId,
    at: At = "HEAD",
    format: Annotated[Format, typer.Option("--format", help="How to draw it.")] = Format.text,
    as_json: AsJson = False,
) -> None:
    """Show a run at a point in time."""
    with opened(ctx) as store:
        tx = store.version(run, at).tx
        graph = store.at(run, tx)
    if as_json or format is Format.json:
        emit(run_json(run, tx, graph))
        return
    draw = (_RUN_FORMS if is_run(graph) else _GRAPH_FORMS)[format]
    typer.echo(draw(graph))


@app.command()
def log(
    ctx: typer.Context,
    run: RunId,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until the run ends.")] = False,
    as_json: AsJson = False,
) -> None:
    """The events of a run: what happened, by which rule, where, with what."""
    with opened(ctx) as store:
        commits = _followed(store, run) if follow else store.entries(run)
        if as_json and not follow:
            emit([row for commit in commits for row in log_rows(commit, run)])
            return
        for commit in commits:
            for row in log_rows(commit, run):
                if as_json:
                    emit(row, line=True)
                else:
                    console.print(_log_line(row), markup=False)


def _log_line(row: dict[str, Any]) -> str:
    at = plain(row["time"])[11:23]
    shown = f"{row['tx']:>5}.{row['seq']:<2} {at}  {row['event']:<24} {row['rule'] or '':<24}"
    nodes = [id for id in row["match"] or () if not _edge_id(id)]
    params = {k: v for k, v in (row["params"] or {}).items() if k != "time"} if isinstance(row["params"], dict) else {}
    return f"{shown} {' '.join(nodes)} {_short(params)}".rstrip()


def _edge_id(id: str) -> bool:
    return id[:1] == "e" and id[1:].isdigit()


def _short(params: dict[str, Any]) -> str:
    text = " ".join(f"{key}={plain(value)!r}" for key, value in params.items() if value is not None)
    return text if len(text) <= 120 else text[:117] + "..."


def _followed(store: Store, run: str) -> Iterator[Commit]:
    """The commits of a run as they come, until it has ended. Watching LMDB's last transaction is the poll."""
    last, seen = 0, -1
    while True:
        if store.last_id != seen:
            seen = store.last_id
            for commit in store.entries(run, last or None):
                last = commit.tx
                yield commit
            if store.at(run).header.get("status") in ENDED:
                return
        time.sleep(FOLLOW_INTERVAL_S)


@app.command()
def diff(
    ctx: typer.Context,
    run: RunId,
    a: Annotated[str, typer.Argument(help="A point in time.")],
    b: Annotated[str, typer.Argument(help="Another.")] = "HEAD",
    as_json: AsJson = False,
) -> None:
    """What changed in a run between two points in time."""
    with opened(ctx) as store:
        delta = store.diff(run, a, b)
    if as_json:
        emit(delta_json(delta))
        return
    for node in delta.removed_nodes:
        console.print(f"- {node!r}", style="red", markup=False)
    for edge in delta.removed_edges:
        console.print(f"- {edge!r}", style="red", markup=False)
    for change in (*delta.set_nodes, *delta.set_edges):
        for key in sorted(change.before.keys() | change.after.keys()):
            before, after = (_value(side, key) for side in (change.before, change.after))
            console.print(f"~ {change.id}.{key}: {before} -> {after}", style="yellow", markup=False)
    for node in delta.added_nodes:
        console.print(f"+ {node!r}", style="green", markup=False)
    for edge in delta.added_edges:
        console.print(f"+ {edge!r}", style="green", markup=False)


def _value(side: dict[str, Any], key: str) -> str:
    return repr(plain(side[key])) if key in side else "(absent)"
