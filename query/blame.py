"""Blame: which event gave a node or edge each of its values, by which rule, and because of what.

    charge.status = 'failed'      TX 9.0  ActivityFailed  by activity_failed at charge
                                  because of  8.0 TimerFired: rule 'activity_due' changed property 'attempt' ...

A value's transaction is the last whose delta set it (`history`). Its event is the last one in there that changed the
value, known by firing the events again (`transcript`). Its causes are those in the same transaction, back to the event
that came from outside, and the direct causes of all of them in earlier ones (`causes`). A value that came with a fork
is blamed on the graph forked from. Where no rule explains a change, its transaction is named and the fact stands alone.

The law: a version before the one that is blamed, the element had another value, or none. Nothing is decided here that
a log does not say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from itonami.graphstore.codec import Value, same
from itonami.graphstore.element import Edge, Node
from itonami.graphstore.errors import NotFound
from itonami.graphstore.points import Point
from itonami.graphstore.reading import Reader
from itonami.query.causes import Order, order_of
from itonami.query.history import HistoryRow, history
from itonami.query.log import rows_of
from itonami.query.pinned import rules_of
from itonami.query.tally import UNCOUNTED, Tally
from itonami.query.transcript import Occurrence, Place
from itonami.rules import RuleSet
from itonami.rules.step import Step

__all__ = ["BlameRow", "blame"]

Key = str | None
"""A property's key, `:Label`, or None for the element itself"""
_ABSENT: Any = object()
_UNTOUCHED: Any = object()
_UNKNOWN: Any = object()


class BlameRow(NamedTuple):
    """One value and the event that made it so. Without an event (None) the value was there before what was pruned."""

    id: str
    key: Key
    value: Value
    """The property's value, whether the label is there, or whether the element is; None for a property that is not"""
    graph: str
    tx: int
    seq: int | None
    time: datetime
    event: str | None
    rule: str | None
    match: tuple[str, ...] | None
    params: Value
    author: str | None
    origin: Value
    """What was recorded as the cause of the transaction"""
    cause: tuple[dict[str, Value], ...]
    """What led to the event, oldest first: maps with tx, seq, event, rule, match, because"""


def blame(
    store: Reader,
    graph: str,
    id: str,
    key: str | None = None,
    at: Point = "HEAD",
    rules: RuleSet | None = None,
    *,
    tally: Tally = UNCOUNTED,
) -> list[BlameRow]:
    """Who made a node or edge what it is at a point in time: a row for the element, for each label and each property,
    or only for `key` (`:Label` for a label), which may be one it has no more. Raises `NotFound` where it never was.

    By the rule set that the graph pins, or by `rules`. O(events) where there are rules, for the causal order is made
    once (`order_of`); else O(versions)."""
    tx = store.version(graph, at).tx
    rows = list(history(store, graph, id, tx, tally=tally))
    tally.hold(len(rows))
    element = rows[-1].element
    if key is not None:
        wanted: list[Key] = [key]
    elif element is None:
        wanted = [None]
    else:
        wanted = [None, *(_label_keys(element)), *sorted(element.data)]
    blamed = _Blamed(store, graph, id, tx, rows, rules, tally)
    return list(blamed.rows(wanted))


def _label_keys(element: Node | Edge) -> list[str]:
    return [f":{label}" for label in sorted(element.labels)] if isinstance(element, Node) else []


class _Blamed:
    """The blame for one element of one graph as of a TxId."""

    def __init__(
        self,
        store: Reader,
        graph: str,
        id: str,
        tx: int,
        rows: list[HistoryRow],
        rules: RuleSet | None,
        tally: Tally,
    ) -> None:
        self._store, self._graph, self._id, self._tx, self._history = store, graph, id, tx, rows
        self._tally = tally
        pinned = rules_of(store, store.at(graph, tx)) if rules is None else rules
        self._order: Order | None = None
        if pinned is not None:
            self._order = order_of(store, graph, tx, pinned, tally=tally)

    def rows(self, keys: Iterable[Key]) -> Iterator[BlameRow]:
        """A row for each key, in order."""
        element = self._history[-1].element
        for key in keys:
            self._tally.tick()
            value = _value(element, key)
            made = next((row for row in reversed(self._history) if _changes(row, key)), None)
            if made is not None:
                yield self._row(key, value, made)
            elif value is _ABSENT:
                raise NotFound(
                    f"{self._id!r} never had {key!r}", where=f"graph {self._graph!r}", fix=self._known()
                )
            else:
                yield self._inherited(key, value)

    def _known(self) -> str:
        told = (row.before | row.after | (row.element.data if row.element else {}) for row in self._history)
        keys = sorted(set().union(*told))
        return f"it has, or had, {', '.join(keys)}" if keys else "it has no properties"

    def _inherited(self, key: Key, value: Value) -> BlameRow:
        """A value that was there where the history of this graph begins."""
        first = self._history[0]
        entry = self._store.commit_of(first.tx).entry(self._graph)
        if (base := entry.base) is None or entry.pruned:
            return BlameRow(
                self._id, key, _said(value), self._graph, first.tx, None, first.time,
                None, None, None, None, None, None, (),
            )  # fmt: skip
        rows = blame(self._store, base[0], self._id, key, base[1], tally=self._tally)
        return rows[0]  # of all rows, the element's own is the first

    def _row(self, key: Key, value: Value, made: HistoryRow) -> BlameRow:
        log = rows_of(self._store.commit_of(made.tx), self._graph)
        writer = self._writer(key, value, made.tx)
        seq = 0 if writer is None else writer.seq
        said = log[seq]
        led = () if writer is None or self._order is None else tuple(_led(self._order, writer.place))
        return BlameRow(
            self._id, key, _said(value), self._graph, said.tx, seq, said.time, said.event, said.rule,
            said.match, said.params, said.author, log[0].cause, led,
        )  # fmt: skip

    def _writer(self, key: Key, value: Value, tx: int) -> Occurrence | None:
        """The last event of a transaction that changed the value: those after it wrote what was there."""
        if self._order is None:
            return None
        events = self._order.events
        seq, found = 0, None
        while (one := events.get((tx, seq))) is not None:
            was = _before(one.application.step, self._id, key)
            if was is not _UNTOUCHED and not _equal(was, value):
                found = one
            seq += 1
            self._tally.tick()
        return found


def _value(element: Node | Edge | None, key: Key) -> Value:
    """What an element holds at a key; `_ABSENT` where it has no such property, label, or is not there."""
    if element is None:
        return _ABSENT
    if key is None:
        return True
    if key.startswith(":"):
        return True if isinstance(element, Node) and key[1:] in element.labels else _ABSENT
    return element.data.get(key, _ABSENT)


def _said(value: Value) -> Value:
    return None if value is _ABSENT else value


def _equal(a: Value, b: Value) -> bool:
    return a is b if a is _ABSENT or b is _ABSENT or a is _UNKNOWN else same(a, b)


def _changes(row: HistoryRow, key: Key) -> bool:
    """Whether a version changed what an element holds at a key."""
    if key is None or row.change == "replaced":
        return row.change in ("added", "removed", "replaced")
    if key.startswith(":"):
        return key[1:] in row.labels_added or key[1:] in row.labels_removed
    return key in row.before or key in row.after


def _before(step: Step, id: str, key: Key) -> Value:
    """What an element held at a key before an application touched it there; `_UNTOUCHED` where it did not,
    `_UNKNOWN` of free edits, which say only that they did."""
    created: tuple[Node | Edge, ...] = (*step.created_nodes, *step.created_edges)
    deleted: tuple[Node | Edge, ...] = (*step.deleted_nodes, *step.deleted_edges)
    made, gone = _with_id(created, id), _with_id(deleted, id)
    if made is not None or gone is not None:
        held = _value(gone, key)
        return held if held is not _ABSENT or _value(made, key) is not _ABSENT else _UNTOUCHED
    for changed, keys, labels in (*step.changed_nodes, *step.changed_edges):
        if changed == id and (key in keys or (key is not None and key[:1] == ":" and key[1:] in labels)):
            was = _with_id(step.replaced, id)
            return _UNKNOWN if was is None else _value(was, key)
    return _UNTOUCHED


def _with_id(elements: tuple[Node | Edge, ...], id: str) -> Node | Edge | None:
    return next((element for element in elements if element.id == id), None)


def _led(order: Order, place: Place) -> Iterator[dict[str, Value]]:
    """What led to an event: the events of its transaction that it follows from, and the direct causes of all."""
    said: dict[Place, Mapping[str, str]] = {}
    waiting = [place]
    while waiting:
        effect = waiting.pop()
        for cause in order.graph.predecessors(effect):
            if cause not in said:
                said[cause] = order.graph.edges[cause, effect]
                if cause[0] == place[0]:
                    waiting.append(cause)
    for found in sorted(said):
        event = order.events[found].event
        yield {
            "tx": found[0],
            "seq": found[1],
            "event": event.name,
            "rule": event.rule,
            "match": None if event.match is None else list(event.match),
            "because": said[found]["because"],
        }
