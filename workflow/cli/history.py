"""`history`, `blame`, `causes`: the commands that explain. What a run became, who made it so, and what led to that.

What is found is `itonami.query`'s; here it is printed. An event is named by its place in the log, `42.0`: TxId and
number within the transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from itonami.graphstore import Edge, InvalidValue, Node
from itonami.workflow.cli.app import AsJson, app
from itonami.workflow.cli.documents import element_document
from itonami.workflow.cli.output import columns, emit, plain, say
from itonami.workflow.cli.subject import POINTS, checked_point, found, opened
from itonami.workflow.cli.views import value_text

if TYPE_CHECKING:
    import networkx

    from itonami.query.blame import BlameRow
    from itonami.query.history import HistoryRow
    from itonami.query.transcript import Place

__all__ = ["blame", "causes", "history"]

VALUE_CHARS = 60
PLACE = re.compile(r"(?:TX\s+)?(\d{1,18})(?:\.(\d{1,9}))?", re.IGNORECASE)

Run = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or any graph's name.")]
At = Annotated[str, typer.Option("--at", help=POINTS)]

# -- history -----------------------------------------------------------------------------------------------


@app.command()
def history(
    ctx: typer.Context,
    run: Run,
    id: Annotated[str, typer.Argument(metavar="ID", help="A node's or an edge's id.")],
    at: At = "HEAD",
    as_json: AsJson = False,
) -> None:
    """Every change of one node or edge of a run, up to a point in time."""
    from itonami.query.history import history as changes

    point = checked_point(at, "--at")
    with opened(ctx) as store:
        rows = list(changes(store, found(store, run), id, point))
    if as_json:
        emit([row._asdict() | {"element": _document(row.element)} for row in rows])
        return
    for row in rows:
        events = ", ".join(dict.fromkeys(row.events))
        say(f"TX {row.tx}  {plain(row.time)}  {row.change}  {events}", "bold")
        for line in _changed(row):
            say(f"  {line}")


def _document(element: Node | Edge | None) -> dict[str, Any] | None:
    return None if element is None else element_document(element)


def _changed(row: HistoryRow) -> Iterator[str]:
    if row.change == "present" and row.element is not None:
        yield from (f"{key}: {_short(value)}" for key, value in sorted(row.element.data.items()))
        return
    yield from (f"-{label}" for label in row.labels_removed)
    yield from (f"+{label}" for label in row.labels_added)
    for key in sorted(row.before.keys() | row.after.keys()):
        sides = (_short(side[key]) if key in side else "(absent)" for side in (row.before, row.after))
        yield f"{key}: {' -> '.join(sides)}"


def _short(value: Any) -> str:
    text = value_text(value)
    return text if len(text) <= VALUE_CHARS else f"{text[: VALUE_CHARS - 1]}…"


# -- blame -------------------------------------------------------------------------------------------------


@app.command()
def blame(
    ctx: typer.Context,
    run: Run,
    node: Annotated[str, typer.Argument(metavar="NODE", help="A node's or an edge's id.")],
    key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="One property, or :Label (default: everything).")
    ] = None,
    at: At = "HEAD",
    as_json: AsJson = False,
) -> None:
    """Which event gave a node its values, by which rule, and because of what."""
    from itonami.query.blame import blame as blamed

    point = checked_point(at, "--at")
    with opened(ctx) as store:
        rows = blamed(store, found(store, run), node, key, point)
    if as_json:
        emit([row._asdict() for row in rows])
    elif key is None:
        for line in columns([(_held(row), *_maker(row, run)) for row in rows]):
            say(line)
    else:
        _explain(rows[0], run)


def _held(row: BlameRow) -> str:
    """The value as `blame` shows it: `status: "failed"`, `:Step`, or the id."""
    if row.key is None:
        return row.id
    return row.key if row.key.startswith(":") else f"{row.key}: {_short(row.value)}"


def _maker(row: BlameRow, run: str) -> tuple[str, str, str, str]:
    if row.event is None:
        return f"TX {row.tx}", "(before what was pruned)", "", ""
    where = " ".join(row.match or ()) if row.graph == run else f"in {row.graph}"
    return f"{row.tx}.{row.seq}", row.event, row.rule or "", where


def _explain(row: BlameRow, run: str) -> None:
    """One value, its event, and what led to it."""
    value = "(absent)" if row.value is None else value_text(row.value)
    say(
        f"{row.id}.{row.key} = {value}" if row.key and row.key[0] != ":" else f"{row.id}{row.key or ''}",
        "bold",
    )
    say("  " + "  ".join(part for part in (*_maker(row, run), str(plain(row.time))) if part))
    if row.author is not None:
        say(f"  by {row.author}")
    if row.origin is not None:
        say(f"  caused by {value_text(row.origin)}")
    if row.cause:
        say("  because of")
    for cause in reversed(row.cause):
        say(f"    {cause['tx']}.{cause['seq']}  {cause['event']}: {cause['because']}")


# -- causes ------------------------------------------------------------------------------------------------


class Format(StrEnum):
    """How `causes` draws."""

    text = "text"
    dot = "dot"
    svg = "svg"


@app.command()
def causes(
    ctx: typer.Context,
    run: Run,
    event: Annotated[str, typer.Argument(metavar="TX[.SEQ]", help="A transaction, or one event in it.")],
    format: Annotated[Format, typer.Option("--format", help="How to draw it.")] = Format.text,
    as_json: AsJson = False,
) -> None:
    """What led to an event: all that had to come before it, and why."""
    from itonami.query.causes import cause_rows, order_of
    from itonami.query.causes import causes as led
    from itonami.query.events import events_of

    place = _place(event)
    with opened(ctx) as store:
        part = led(store, found(store, run), place)
        graph = None if format is Format.text else events_of(order_of(store, run), part, run)
    drawing = None
    if graph is not None:
        from itonami.graphstore import picture

        drawing = (picture.graph_dot if format is Format.dot else picture.graph_svg)(graph)
    if as_json:
        rows = [row._asdict() for row in cause_rows(part)]
        happened = [{"tx": tx, "seq": seq, **_said(part.nodes[tx, seq])} for tx, seq in sorted(part)]
        document: dict[str, Any] = {"run": run, "events": happened, "causes": rows}
        emit(document if drawing is None else document | {"drawing": drawing})
    elif drawing is not None:
        say(drawing.rstrip("\n"))
    else:
        _tell(part)


def _place(text: str) -> int | Place:
    """`42` or `42.0`."""
    match = PLACE.fullmatch(text.strip())
    if match is None:
        fix = "give a TxId, or TX.SEQ as `itonami log` has it: 42.0"
        raise InvalidValue(f"{text!r} is no event", where="TX", fix=fix)
    return int(match[1]) if match[2] is None else (int(match[1]), int(match[2]))


def _said(node: dict[str, Any]) -> dict[str, Any]:
    return {"event": node["name"], "rule": node["rule"], "match": node["ids"], "time": node["time"]}


def _tell(part: networkx.DiGraph[Place]) -> None:
    """A line an event, and one for each of its causes."""
    for place in sorted(part):
        said = part.nodes[place]
        say(f"{_text(place):>7}  {said['name']}  {said['rule'] or ''}".rstrip(), "bold")
        for cause in sorted(part.predecessors(place)):
            say(f"         because of {_text(cause)}: {part.edges[cause, place]['because']}")


def _text(place: Place) -> str:
    return f"{place[0]}.{place[1]}"
