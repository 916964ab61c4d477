"""The log of a graph: one row an event, in the order in which they happened.

    (tx, seq)      the place of an event: the transaction, and its number in there from 0
    cause          of the first event of a transaction what was recorded with it; the others follow from the first

An event is the *reason* of a change; what it changed is told by `history` and `diff`, and why it happened by `blame`
and `causes`. Nothing is explained here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from itonami.graphstore.codec import Value
from itonami.graphstore.points import AtTx, Point, parse_point
from itonami.graphstore.reading import Reader
from itonami.graphstore.records import Commit
from itonami.query.tally import UNCOUNTED, Tally, counted

__all__ = ["LogRow", "log", "rows_of"]


class LogRow(NamedTuple):
    """One event. Of a transaction that was pruned there is one row without one."""

    tx: int
    seq: int
    time: datetime
    event: str | None
    rule: str | None
    match: tuple[str, ...] | None
    params: Value
    cause: Value
    author: str | None


def log(
    store: Reader,
    graph: str,
    since: Point | None = None,
    until: Point | None = None,
    *,
    tally: Tally = UNCOUNTED,
) -> Iterator[LogRow]:
    """The events of a graph, oldest first: after `since`, up to and with `until`, where they are given. Raises
    `NotFound` at once. O(versions), 0.1 ms each."""
    last = None if until is None else _last(store, graph, until)
    return _rows(counted(store.entries(graph, since), tally), graph, last)


def _last(store: Reader, graph: str, until: Point) -> int:
    """The TxId that a point means: of a log it need not be that of a version that is kept."""
    point = parse_point(until)
    return point.tx if isinstance(point, AtTx) else store.version(graph, until).tx


def _rows(commits: Iterator[Commit], graph: str, last: int | None) -> Iterator[LogRow]:
    for commit in commits:
        if last is not None and commit.tx > last:
            return
        yield from rows_of(commit, graph)


def rows_of(commit: Commit, graph: str) -> list[LogRow]:
    """The events of one transaction."""
    entry = commit.entry(graph)
    if entry.pruned:
        return [LogRow(commit.tx, 0, commit.time, None, None, None, None, None, None)]
    return [
        LogRow(
            commit.tx,
            seq,
            commit.time,
            event.name,
            event.rule,
            event.match,
            event.data,
            event.cause if seq == 0 else {"tx": commit.tx, "seq": 0},
            event.author,
        )
        for seq, event in enumerate(entry.events)
    ]
