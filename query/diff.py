"""Differences: between two versions of a graph or of two graphs, and between the logs of two runs of one definition.

    diff      what is not the same: a row an element that only one has, or a property or label set that differs
    parted    where two runs part: started with other inputs, the same with other data, or something else happened

Two runs never agree on the clock, nor need they on what they are found by, so logs are compared without timestamps and
search attributes: by event, rule, match and parameters.
What led to a difference is told by `blame` and `causes`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import zip_longest
from typing import Any, NamedTuple

from itonami.graphstore.codec import Value
from itonami.graphstore.delta import Change, Delta
from itonami.graphstore.points import Point
from itonami.graphstore.reading import Reader
from itonami.query.log import LogRow, log
from itonami.query.tally import UNCOUNTED, Tally

__all__ = ["DiffRow", "Parting", "diff", "parted", "partings", "rows_of"]

STARTED = "RunStarted"
_ABSENT: Any = object()


class DiffRow(NamedTuple):
    """One difference. `before` and `after` are whole elements for `added` and `removed`, the values of property `key`
    for `set`, and lists of labels for `relabelled`; None where there is none."""

    change: str
    """`added`, `removed`, `set` or `relabelled`"""
    kind: str
    """`node` or `edge`"""
    id: str
    key: str | None
    before: Any
    after: Any


def diff(store: Reader, graph: str, a: Point, b: Point = "HEAD", other: str | None = None) -> list[DiffRow]:
    """What turns a graph at point `a` into itself, or into the graph `other`, at point `b`; by kind, then id, then key.
    Raises `NotFound`. Equal subtrees are skipped: O(changes log n)."""
    return rows_of(store.at(graph, a).diff(store.at(graph if other is None else other, b)))


def rows_of(delta: Delta) -> list[DiffRow]:
    """A delta as rows."""
    return sorted(_rows(delta), key=lambda row: (row.kind != "node", row.id, row.change, row.key or ""))


def _rows(delta: Delta) -> Iterator[DiffRow]:
    parts = (
        ("node", delta.removed_nodes, delta.added_nodes, delta.set_nodes),
        ("edge", delta.removed_edges, delta.added_edges, delta.set_edges),
    )
    for kind, removed, added, changed in parts:
        yield from (DiffRow("removed", kind, element.id, None, element, None) for element in removed)
        yield from (DiffRow("added", kind, element.id, None, None, element) for element in added)
        for change in changed:
            yield from _changed(kind, change)


def _changed(kind: str, change: Change) -> Iterator[DiffRow]:
    if change.labels_removed or change.labels_added:
        gone, come = list(change.labels_removed), list(change.labels_added)
        yield DiffRow("relabelled", kind, change.id, None, gone, come)
    for key in sorted(change.before.keys() | change.after.keys()):
        yield DiffRow("set", kind, change.id, key, change.before.get(key), change.after.get(key))


class Parting(NamedTuple):
    """One way in which two logs part, after `common` events. `a` and `b` are the first events that differ so, None
    where a log ends; `a_tx` and `b_tx` the last versions before (0: there are none)."""

    common: int
    a_tx: int
    b_tx: int
    a: LogRow | None
    b: LogRow | None
    what: str
    """`inputs`: the runs were started with other ones; `data`: the same happened at the same place, with other
    parameters; `path`: something else happened, or nothing more"""
    keys: tuple[str, ...]
    """Which inputs, parameters, or parts of the event are not the same"""


def parted(store: Reader, a: str, b: str, a_until: Point = "HEAD", b_until: Point = "HEAD") -> Parting | None:
    """The first of the `partings` of two runs; None where their logs say the same."""
    return next(partings(store, a, b, a_until, b_until), None)


def partings(
    store: Reader,
    a: str,
    b: str,
    a_until: Point = "HEAD",
    b_until: Point = "HEAD",
    *,
    tally: Tally = UNCOUNTED,
) -> Iterator[Parting]:
    """How the runs `a` and `b`, each up to a point, part: the first difference of each kind, up to the first in their
    paths. Independent events that happened in another order count as another path. Raises `NotFound`. O(common
    events)."""
    common, last, shared = 0, (0, 0), (0, 0)
    seen: set[str] = set()
    logs = (log(store, graph, until=until, tally=tally) for graph, until in ((a, a_until), (b, b_until)))
    for mine, theirs in zip_longest(*logs):
        if all(row is None or row.seq == 0 for row in (mine, theirs)):
            shared = last
        for what, keys in _ways(mine, theirs):
            if what not in seen:
                yield Parting(common, *shared, mine, theirs, what, keys)
            seen.add(what)
        if mine is None or theirs is None or "path" in seen:
            return
        common, last = common + 1, (mine.tx, theirs.tx)


def _ways(mine: LogRow | None, theirs: LogRow | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """In which ways two events are not the same."""
    if mine is None or theirs is None:
        yield "path", ()
        return
    other = tuple(key for key in ("event", "rule", "match") if getattr(mine, key) != getattr(theirs, key))
    if other:
        yield "path", other
        return
    ours, others = (
        {"params": row.params} if not isinstance(row.params, dict) else row.params for row in (mine, theirs)
    )
    started = mine.event == STARTED
    if started:
        inputs = _differing(ours.get("inputs"), others.get("inputs"))
        if inputs:
            yield "inputs", inputs
    rest = tuple(key for key in _differing(ours, others) if not (started and key in ("inputs", "attributes")))
    author = () if mine.author == theirs.author else ("author",)
    if rest or author:
        yield "data", (*rest, *author)


def _differing(mine: Any, theirs: Any) -> tuple[str, ...]:
    """The keys at which two maps are not the same."""
    if not isinstance(mine, dict) or not isinstance(theirs, dict):
        return () if _timeless(mine) == _timeless(theirs) else ("inputs",)
    keys = sorted(mine.keys() | theirs.keys())
    return tuple(
        key for key in keys if _timeless(mine.get(key, _ABSENT)) != _timeless(theirs.get(key, _ABSENT))
    )


def _timeless(value: Value) -> Any:
    """A value with every timestamp taken for the same."""
    if isinstance(value, datetime):
        return datetime
    if isinstance(value, dict):
        return {key: _timeless(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_timeless(item) for item in value]
    return (type(value), value)  # 1, 1.0 and True differ
