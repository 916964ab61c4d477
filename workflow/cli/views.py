"""`ps`, `show`, `log`, `diff`: the commands that look. Any number of them may look while an engine writes.

A run is read as of one transaction, never half of one; nothing is written. How a run is drawn is `drawing`'s.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Annotated, Any

import typer

from itonami.graphstore import Change, Commit, Edge, Graph, InvalidValue, Node, Store
from itonami.workflow.cli.app import AsJson, app
from itonami.workflow.cli.documents import (
    delta_document,
    graph_document,
    is_run,
    log_rows,
    run_document,
    summary,
)
from itonami.workflow.cli.output import columns, emit, plain, say, terminal
from itonami.workflow.cli.subject import ENDED, POINTS, checked_point, found, opened

__all__ = ["diff", "log", "ps", "show", "value_text"]

DETAIL_CHARS = 120
STATUSES = frozenset({"pending", "running", "waiting", "queued", "dropped", "crashed", "parked"}) | ENDED
RunId = Annotated[str, typer.Argument(help="The run's id.")]

# -- ps ----------------------------------------------------------------------------------------------------


@app.command()
def ps(
    ctx: typer.Context,
    workflow: Annotated[str | None, typer.Option(help="Only runs of this workflow.")] = None,
    status: Annotated[str | None, typer.Option(help="Only runs of this status.")] = None,
    where: Annotated[list[str] | None, typer.Option(help="KEY=VALUE of a search attribute.")] = None,
    as_json: AsJson = False,
) -> None:
    """List runs."""
    if status is not None and status not in STATUSES:
        from itonami.workflow.definition.values import nearest

        raise InvalidValue(f"no run has status {status!r}", where="--status", fix=nearest(status, STATUSES))
    wanted = dict(map(_key_value, where or ()))
    header = {key: value for key, value in (("workflow", workflow), ("status", status)) if value is not None}
    with opened(ctx) as store:
        runs = (
            summary(version.graph, version.tx, store.at(version.graph, version.tx))
            for version in store.graphs(kind="run", **header)
        )
        rows = [row for row in runs if _has(row["attributes"] or {}, wanted)]
    if as_json:
        emit(rows)
    else:
        _list(rows)


def _key_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise InvalidValue(
            f"{text!r} is not KEY=VALUE", where="--where", fix="write e.g. --where customer=17"
        )
    return key, value


def _has(attributes: dict[str, Any], wanted: dict[str, str]) -> bool:
    """Whether each wanted attribute is there, as text or as JSON has it."""
    return all(
        key in attributes and value in (attributes[key], json.dumps(plain(attributes[key])))
        for key, value in wanted.items()
    )


def _list(rows: list[dict[str, Any]]) -> None:
    keys = ("run", "workflow", "status", "started", "ended", "tx")
    cells = [
        [_moment(row[key]) if key in ("started", "ended") else str(row[key]) for key in keys] for row in rows
    ]
    heading, *lines = columns([keys, *cells])
    say(heading, "bold")
    for line, row in zip(lines, rows, strict=True):
        say(line, _style(row["status"]))


def _style(status: str) -> str:
    if terminal(sys.stdout) is None:
        return ""
    from itonami.workflow.drawing.palette import look

    return look(status).style


def _moment(value: Any) -> str:
    return "" if value is None else str(plain(value))[:19].replace("T", " ")


# -- show --------------------------------------------------------------------------------------------------


class Format(StrEnum):
    """How `show` draws."""

    text = "text"
    json = "json"
    svg = "svg"
    mermaid = "mermaid"
    dot = "dot"
    graphml = "graphml"


@app.command()
def show(
    ctx: typer.Context,
    run: RunId,
    at: Annotated[str, typer.Option("--at", help=POINTS)] = "HEAD",
    format: Annotated[Format, typer.Option("--format", help="How to draw it.")] = Format.text,
    as_json: AsJson = False,
) -> None:
    """Show a run at a point in time."""
    point = checked_point(at, "--at")
    with opened(ctx) as store:  # a graph is read from it as it is looked at
        tx = store.version(found(store, run), point).tx
        graph = store.at(run, tx)
        if as_json or format is Format.json:
            document = (run_document if is_run(graph) else graph_document)(run, tx, graph)
            drawn = format not in (Format.text, Format.json)
            emit(document | {"drawing": drawing(graph, format)} if drawn else document)
        elif format is Format.text and is_run(graph) and (console := terminal(sys.stdout)) is not None:
            from itonami.workflow.cli.progress import coloured_tree

            console.print(coloured_tree(graph), end="")
        else:
            say(drawing(graph, format).rstrip("\n"))


def drawing(graph: Graph, format: Format) -> str:
    """A graph in one of the notations: a run as a workflow, any other as nodes and edges."""
    from itonami.graphstore import picture
    from itonami.workflow import drawing as runs

    if format is Format.graphml:
        return picture.graph_graphml(graph)
    of_run = {
        Format.text: runs.run_text,
        Format.svg: runs.run_svg,
        Format.mermaid: runs.run_mermaid,
        Format.dot: runs.run_dot,
    }
    of_graph = {
        Format.text: lambda graph: "\n".join(map(_element, (*graph.nodes(), *graph.edges()))),
        Format.svg: picture.graph_svg,
        Format.mermaid: picture.graph_mermaid,
        Format.dot: picture.graph_dot,
    }
    return (of_run if is_run(graph) else of_graph)[format](graph)


# -- log ---------------------------------------------------------------------------------------------------


@app.command()
def log(
    ctx: typer.Context,
    run: RunId,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until the run ends.")] = False,
    as_json: AsJson = False,
) -> None:
    """The events of a run: what happened, by which rule, where, with what. Where they were pruned, it says so."""
    with opened(ctx) as store:
        commits = _followed(store, run) if follow else store.entries(found(store, run))
        if not as_json:
            _narrate(store, run, commits)
        elif follow:
            for commit in commits:
                for row in log_rows(commit, run):
                    emit(row, line=True)
        else:
            emit([row for commit in commits for row in log_rows(commit, run)])


def _followed(store: Store, run: str) -> Iterator[Commit]:
    """The commits of a run: those there are, then each as it comes, until the run has ended."""
    last = 0
    for commit in store.entries(found(store, run)):
        last = commit.tx
        yield commit
    coming = store.watch(last + 1, graph=run)
    while store.at(run).header.get("status") not in ENDED or store.head(run).tx != last:
        commit = next(coming)
        last = commit.tx
        yield commit


_BAD = ("Failed", "TimedOut", "Terminated", "Cancelled", "Parked")
_WARNING = ("RetryScheduled", "CancelRequested", "OutcomeIgnored", "UnwindingStarted", "CompensationStarted")


def _narrate(store: Store, run: str, commits: Iterable[Commit]) -> None:
    """A line an event: when, what, by which rule, at which nodes, with what. The graph is carried along, for it
    knows which ids are nodes and why a run failed. A stretch of pruned versions is one line."""
    graph, day = Graph(), ""
    pruned: list[Commit] = []
    for commit in commits:
        entry = commit.entry(run)
        if entry.pruned:
            pruned.append(commit)
            continue
        if pruned:
            _tell_pruned(pruned)
            pruned = []
            graph = store.at(run, commit.tx)
            before = graph.patch(entry.delta.inverse())
        else:
            before = graph if entry.base is None else store.at(*entry.base)
            graph = before.patch(entry.delta)
        moment = str(plain(commit.time))
        if moment[:10] != day:
            day = moment[:10]
            say(f"{day} (UTC)", "dim")
        for row in log_rows(commit, run):
            nodes = [id for id in row["match"] or () if id in before or id in graph]
            say(_line(row, moment[11:23], nodes, graph), _log_style(row["event"]))
    if pruned:
        _tell_pruned(pruned)


def _tell_pruned(commits: list[Commit]) -> None:
    """A line for a stretch of versions whose events are gone."""
    first, last, number = commits[0].tx, commits[-1].tx, len(commits)
    of = f"TX {first}" if number == 1 else f"{number} versions, TX {first} to {last},"
    say(f"the events of {of} were pruned", "dim")


def _line(row: dict[str, Any], time: str, nodes: list[str], after: Graph) -> str:
    place = f"{row['tx']}.{row['seq']}"
    head = f"{place:>7}  {time}  {row['event']:<22}  {row['rule'] or '':<24}  {' '.join(nodes)}"
    return f"{head}  {_detail(row, after)}".rstrip()


def _detail(row: dict[str, Any], after: Graph) -> str:
    """The parameters, shortened; the reason of a failure in full, and first."""
    from itonami.workflow.cli.progress import error_text

    params = dict(row["params"]) if isinstance(row["params"], dict) else {"data": row["params"]}
    params.pop("time", None)
    error = params.pop("error", None) or params.pop("reason", None)
    if error is None and row["event"].startswith("Run"):
        error = after.header.get("error")
    rest = " ".join(f"{key}={value_text(value)}" for key, value in params.items() if value is not None)
    rest = rest if len(rest) <= DETAIL_CHARS else f"{rest[: DETAIL_CHARS - 1]}…"
    by = f"by {row['author']}" if "author" in row else ""
    return "  ".join(part for part in (error_text(error), rest, by) if part)


def _log_style(event: str) -> str:
    if event.endswith(_BAD):
        return "red"
    if event.endswith(_WARNING):
        return "yellow"
    return "green" if event in ("RunSucceeded", "ActivityCompleted") else ""


def value_text(value: Any) -> str:
    """A value of the store as JSON text."""
    return json.dumps(plain(value), ensure_ascii=False)


# -- diff --------------------------------------------------------------------------------------------------


@app.command()
def diff(
    ctx: typer.Context,
    run: RunId,
    a: Annotated[str, typer.Argument(help=POINTS)],
    b: Annotated[str, typer.Argument(help="Another.")] = "HEAD",
    other: Annotated[
        str | None,
        typer.Option("--with", metavar="RUN2", help="Compare with RUN2 at B, and tell where they parted."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What changed in a run between two points in time, or what is different in another run."""
    points = checked_point(a, "A"), checked_point(b, "B")
    with opened(ctx) as store:
        first, second = found(store, run), run if other is None else found(store, other)
        delta = store.at(first, points[0]).diff(store.at(second, points[1]))
        parting = None if other is None else _parting(store, (run, other), points)
    if as_json:
        emit(delta_document(delta) | ({} if other is None else {"parted": parting}))
        return
    if other is not None:
        _tell_parting(parting)
    removed: list[Node | Edge] = [*delta.removed_nodes, *delta.removed_edges]
    added: list[Node | Edge] = [*delta.added_nodes, *delta.added_edges]
    for element in removed:
        say(f"- {_element(element)}", "red")
    for change in (*delta.set_nodes, *delta.set_edges):
        for line in _changes(change):
            say(f"~ {change.id}{line}", "yellow")
    for element in added:
        say(f"+ {_element(element)}", "green")


def _parting(store: Store, runs: tuple[str, str], points: tuple[str, str]) -> dict[str, Any] | None:
    """Where the logs of two runs part, each up to its point; None where they say the same."""
    from itonami.query.diff import parted

    found = parted(store, *runs, *points)
    if found is None:
        return None
    sides = {side: None if row is None else row._asdict() for side, row in (("a", found.a), ("b", found.b))}
    return {"common": found.common, "a_tx": found.a_tx, "b_tx": found.b_tx, **sides}


def _tell_parting(parting: dict[str, Any] | None) -> None:
    if parting is None:
        say("the logs say the same", "green")
        return
    sides = ("nothing more" if row is None else _event(row) for row in (parting["a"], parting["b"]))
    shared = (
        f"the state of TX {parting['a_tx']} and TX {parting['b_tx']} is shared" if parting["a_tx"] else ""
    )
    say(f"the logs part after {parting['common']} events{f'; {shared}' if shared else ''}", "bold")
    for sign, text, style in zip("-+", sides, ("red", "green"), strict=True):
        say(f"{sign} {text}", style)


def _event(row: dict[str, Any]) -> str:
    place, nodes = f"{row['tx']}.{row['seq']}", " ".join(row["match"] or ())
    return f"{place}  {row['event']}  {row['rule'] or ''}  {nodes}  {value_text(row['params'])}"


def _changes(change: Change) -> Iterator[str]:
    labels = [
        *(f"-{label}" for label in change.labels_removed),
        *(f"+{label}" for label in change.labels_added),
    ]
    if labels:
        yield f" {' '.join(labels)}"
    for key in sorted(change.before.keys() | change.after.keys()):
        before, after = (
            value_text(side[key]) if key in side else "(absent)" for side in (change.before, change.after)
        )
        yield f".{key}: {before} -> {after}"


def _element(element: Node | Edge) -> str:
    """An element as Cypher would write it."""
    held = f" {value_text(element.data)}" if element.data else ""
    if isinstance(element, Node):
        return f"({element.id}{''.join(f':{label}' for label in sorted(element.labels))}{held})"
    return f"({element.source})-[:{element.label}{held}]->({element.target})"
