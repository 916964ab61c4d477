"""The history of one node or edge: every version of its graph that changed it.

    version  tx  change     element             before              after
          1   4  present    (a:Step {n: 1})                                           a fork's base had it
          7  19  set        (a:Step {n: 2})     {n: 1}              {n: 2}
          9  23  removed                        {n: 2}              {}

The law: there is a row for a version exactly where the element differs from what it was a version before, and one
for the version where the history begins, where it was there already: the first that is kept, or one before it that
pruning spared, if it is the last that is asked for. Only versions that may have touched the element are read
(`Reader.touching`), and only deltas that name it decoded. Why a change happened is told by `blame`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import NamedTuple

from itonami.graphstore.codec import Value, encode
from itonami.graphstore.delta import Change, Delta
from itonami.graphstore.element import Edge, Node, changed_keys
from itonami.graphstore.errors import NotFound
from itonami.graphstore.graph import Graph
from itonami.graphstore.points import Point
from itonami.graphstore.reading import Reader
from itonami.graphstore.records import Commit, Entry, Event
from itonami.query.tally import UNCOUNTED, Tally

__all__ = ["HistoryRow", "history"]

Element = Node | Edge | None
_NO_LABELS: frozenset[str] = frozenset()


class HistoryRow(NamedTuple):
    """One change of one element. `events` and `rules` are those of the transaction that matched it; all, where none
    did. `before` and `after` are the properties that differ, `element` what it was from then on."""

    version: int
    tx: int
    time: datetime
    change: str
    """`added`, `set`, `removed`, `replaced` (an edge with other ends), or `present`: it was there already where the
    history begins, in the graph this one was forked from, or before what was pruned"""
    element: Element
    before: dict[str, Value]
    after: dict[str, Value]
    labels_removed: tuple[str, ...]
    labels_added: tuple[str, ...]
    events: tuple[str, ...]
    rules: tuple[str | None, ...]


def history(
    store: Reader, graph: str, id: str, until: Point | None = None, *, tally: Tally = UNCOUNTED
) -> Iterator[HistoryRow]:
    """The changes of a node or edge, oldest first, up to and with `until` where it is given. Raises `NotFound` where
    there is no such graph, or no such element in any version. O(versions), 1 to 3 us each (`Reader.touching`), and
    O(changes), 0.1 ms each."""
    last = store.version(graph, "HEAD" if until is None else until).tx
    rows = _changes(store, graph, id, last, tally)
    first = next(rows, None)
    if first is None:
        raise NotFound(f"no version has a node or edge {id!r}", where=f"graph {graph!r}", fix="check the id")
    return chain((first,), rows)


def _changes(store: Reader, graph: str, id: str, last: int, tally: Tally) -> Iterator[HistoryRow]:
    element: Element = None
    tx, begins, elsewhere = 0, True, True
    while elsewhere:  # the element is looked for where it is
        place, elsewhere = _place(element), False
        for touched in store.touching(graph, id, place, tx):
            tally.tick()
            if touched > last:
                break
            tx, commit = touched, store.commit_of(touched)
            entry = commit.entry(graph)
            if entry.pruned:  # meanwhile: the history begins anew behind it
                begins = True
                continue
            element, row = _followed(store, commit, entry, id, element, begins)
            begins = False
            if row is not None:
                yield row
            if _place(element) != place:
                elsewhere = True
                break
    if begins:  # the last is before all that are kept in a row
        yield from _spared(store, graph, id, last)


def _spared(store: Reader, graph: str, id: str, tx: int) -> Iterator[HistoryRow]:
    """The history up to a version of which only the state is kept."""
    element = _found(store.at(graph, tx), id)
    if element is not None:
        commit = store.commit_of(tx)
        yield _row(commit, commit.entry(graph), id, "present", None, element)


def _followed(
    store: Reader, commit: Commit, entry: Entry, id: str, element: Element, begins: bool
) -> tuple[Element, HistoryRow | None]:
    """What an element is after a version, and the row that says so where it was another before."""
    touched = _touches(entry, id)
    if begins and (entry.base is not None or entry.version > 1):
        element = _found(_before(store, commit.tx, entry), id)
        if element is not None and not touched:
            return element, _row(commit, entry, id, "present", None, element)
    now = _after(entry.delta, id, element) if touched else element
    row = None if now is element else _row(commit, entry, id, _kind(element, now), element, now)
    return now, row


def _place(element: Element) -> str | None:
    """The node in whose marks the changes of an element show."""
    return element.source if isinstance(element, Edge) else None if element is None else element.id


def _before(store: Reader, tx: int, entry: Entry) -> Graph:
    """What a version was made of: its fork's base, or what its delta leads back to."""
    if entry.base is not None:
        return store.at(*entry.base)
    return store.at(entry.graph, tx).patch(entry.delta.inverse())


def _found(graph: Graph, id: str) -> Element:
    return graph.find(id) or graph.find_edge(id)


def _parts(delta: Delta) -> Iterator[Node | Edge | Change]:
    for part in Delta.__slots__:
        yield from getattr(delta, part)


def _touches(entry: Entry, id: str) -> bool:
    return (
        entry.body is not None and encode(id) in entry.body and any(p.id == id for p in _parts(entry.delta))
    )


def _after(delta: Delta, id: str, element: Element) -> Element:
    """What becomes of an element."""
    added: tuple[Node | Edge, ...] = (*delta.added_nodes, *delta.added_edges)
    for made in added:
        if made.id == id:
            return made
    if any(gone.id == id for gone in (*delta.removed_nodes, *delta.removed_edges)):
        return None
    for change in (*delta.set_nodes, *delta.set_edges):
        if change.id == id:
            return _set(element, change)
    return element


def _set(element: Element, change: Change) -> Element:
    if isinstance(element, Edge):
        return Edge(element.id, element.source, element.label, element.target, change.applied(element.data))
    if element is None:
        raise NotFound(f"a delta sets {change.id!r}, which is not there", where="history", fix="run verify")
    labels = element.labels - set(change.labels_removed) | set(change.labels_added)
    return Node(element.id, labels, change.applied(element.data))


def _kind(was: Element, now: Element) -> str:
    if was is None or now is None:
        return "added" if was is None else "removed"
    if isinstance(was, Edge) and isinstance(now, Edge) and was.path == now.path and was.target == now.target:
        return "set"
    return "set" if isinstance(was, Node) and isinstance(now, Node) else "replaced"


def _row(commit: Commit, entry: Entry, id: str, kind: str, was: Element, now: Element) -> HistoryRow:
    before, after = (
        ({}, {})
        if kind == "present"
        else changed_keys({} if was is None else was.data, {} if now is None else now.data)
    )
    had, has = _labels(was), _labels(now)
    events = () if entry.pruned else _about(entry.events, id)
    return HistoryRow(
        version=entry.version,
        tx=commit.tx,
        time=commit.time,
        change=kind,
        element=now,
        before=before,
        after=after,
        labels_removed=tuple(sorted(had - has)),
        labels_added=() if kind == "present" else tuple(sorted(has - had)),
        events=tuple(event.name for event in events),
        rules=tuple(event.rule for event in events),
    )


def _labels(element: Element) -> frozenset[str]:
    return element.labels if isinstance(element, Node) else _NO_LABELS


def _about(events: tuple[Event, ...], id: str) -> tuple[Event, ...]:
    """The events whose match has the element; all, where none has it."""
    return tuple(event for event in events if id in (event.match or ())) or events
