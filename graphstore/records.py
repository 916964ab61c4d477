"""The commit record: one transaction as canonical bytes, the truth that everything else is derived from.

    record = [tx, time, [entry, ...]]                                    time in microseconds since 1970
    entry  = [graph, version, root, [event, ...], delta]                 or with a sixth field:
    entry  = [graph, version, root, [event, ...], delta, [base, tx]]     version 1 starts from graph `base` at tx
    event  = [name, data, rule, match, cause, author]                    absent fields at the end are left out

An event is the *reason* for a change (opaque here), the delta is the *fact*, the root is what must come of it.
Only the shapes and their bytes may live here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from itonami.graphstore.codec import Value, array, encode, load
from itonami.graphstore.delta import Delta
from itonami.graphstore.errors import Corrupt

__all__ = ["Commit", "Entry", "Event", "Version"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(microseconds: int) -> datetime:
    """A commit time as an aware datetime."""
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds(when: datetime) -> int:
    """An aware datetime as a commit time."""
    return (when - _EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Event:
    """Why a graph changed: a name and its data, and for a rule application the rule and the ids it matched."""

    name: str
    data: Value = None
    rule: str | None = None
    match: tuple[str, ...] | None = None
    cause: Value = None
    author: str | None = None

    def to_list(self) -> list[Value]:
        fields = [self.name, self.data, self.rule, self.match, self.cause, self.author]
        while fields[-1] is None:
            fields.pop()
        return fields

    @classmethod
    def from_list(cls, fields: list[Value]) -> Event:
        name, data, rule, match, cause, author = fields + [None] * (6 - len(fields))
        return cls(name, data, rule, None if match is None else tuple(match), cause, author)


@dataclass(frozen=True, slots=True)
class Entry:
    """What one transaction did to one graph."""

    graph: str
    version: int
    root: bytes
    events: tuple[Event, ...]
    delta: Delta
    base: tuple[str, int] | None = None

    def encoded(self) -> bytes:
        """The canonical bytes; all of a record but tx and time, so they are made outside the commit."""
        fields: list[Value] = [
            self.graph,
            self.version,
            self.root,
            [event.to_list() for event in self.events],
            self.delta.to_list(),
        ]
        if self.base is not None:
            fields.append(list(self.base))
        return encode(fields, depth=2)

    @classmethod
    def from_list(cls, fields: list[Any]) -> Entry:
        """The entry of its plain form; another shape is a `ValueError`, which `Commit.decode` makes `Corrupt`."""
        graph, version, root, events, delta, *base = fields
        return cls(
            graph,
            version,
            root,
            tuple(Event.from_list(event) for event in events),
            Delta.from_list(delta),
            (base[0][0], base[0][1]) if base else None,
        )


@dataclass(frozen=True, slots=True)
class Commit:
    """One transaction over one or several graphs."""

    tx: int
    time: datetime
    entries: tuple[Entry, ...]

    def entry(self, graph: str) -> Entry:
        """What it did to `graph`."""
        for entry in self.entries:
            if entry.graph == graph:
                return entry
        raise Corrupt(f"transaction {self.tx} says nothing of graph {graph!r}")

    @classmethod
    def decode(cls, record: bytes) -> Commit:
        """A commit of its record. Raises `Corrupt` when the bytes have another shape."""
        try:
            tx, time, entries = load(record)
            return cls(tx, moment(time), tuple(Entry.from_list(fields) for fields in entries))
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError, IndexError) as error:
            raise Corrupt(f"a commit record has another shape: {error}") from error


def encode_record(tx: int, time: int, entries: Sequence[bytes]) -> bytes:
    """A record of entries that are encoded already: nothing but joining is left to do inside the commit."""
    return array(encode(tx), encode(time), array(*entries))


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one graph: `tx` made it, `root` is its address, `events` are its reasons."""

    graph: str
    version: int
    tx: int
    time: datetime
    root: bytes
    events: tuple[Event, ...]

    @classmethod
    def of(cls, commit: Commit, entry: Entry) -> Version:
        return cls(entry.graph, entry.version, commit.tx, commit.time, entry.root, entry.events)
