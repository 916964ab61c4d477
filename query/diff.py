"""Differences: between two versions of a graph or of two graphs, and between the logs of two runs of one definition.

    diff      what is not the same: a row an element that only one has, or a property or label set that differs
    parted    where two runs parted: the first event at which their logs differ, and the last state they share

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

__all__ = ["DiffRow", "Parting", "diff", "parted", "rows_of"]


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
    """Where two logs part: after `common` events. `a` and `b` are the first events that differ, None where a log ends;
    `a_tx` and `b_tx` the last versions of which all events are common (0: not even the first is)."""

    common: int
    a_tx: int
    b_tx: int
    a: LogRow | None
    b: LogRow | None


def parted(store: Reader, a: str, b: str, a_until: Point = "HEAD", b_until: Point = "HEAD") -> Parting | None:
    """Where the runs `a` and `b`, each up to a point, parted; None where their logs say the same. Independent events
    that happened in another order count as a difference. Raises `NotFound`. O(common events)."""
    common, last, shared = 0, (0, 0), (0, 0)
    for mine, theirs in zip_longest(log(store, a, until=a_until), log(store, b, until=b_until)):
        begins = all(row is None or row.seq == 0 for row in (mine, theirs))
        if begins:
            shared = last
        if mine is None or theirs is None or _said(mine) != _said(theirs):
            return Parting(common, *shared, mine, theirs)
        common, last = common + 1, (mine.tx, theirs.tx)
    return None


def _said(row: LogRow) -> tuple[Any, ...]:
    params = row.params
    if row.event == "RunStarted" and isinstance(params, dict):
        params = {key: value for key, value in params.items() if key != "attributes"}
    return row.event, row.rule, row.match, _timeless(params), row.author


def _timeless(value: Value) -> Any:
    """A value with every timestamp taken for the same."""
    if isinstance(value, datetime):
        return datetime
    if isinstance(value, dict):
        return {key: _timeless(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_timeless(item) for item in value]
    return (type(value), value)  # 1, 1.0 and True differ
