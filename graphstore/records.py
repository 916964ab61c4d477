"""The commit record: one transaction as canonical bytes, the truth that everything else is derived from.

    record = [tx, time, [entry, ...]]                         time in microseconds since 1970; a leaf of the log
    entry  = [graph, version, root, digest of the body]       or with a fifth field:
    entry  = [graph, version, root, digest, [base, tx]]       version 1 starts from graph `base` at tx
    body   = [[event, ...], delta]                            digest = BLAKE3 of the body
    event  = [name, data, rule, match, cause, author]         absent fields at the end are left out

    stored = [record, body of the first entry, ...]           as byte strings; null where a body was pruned

An event is the *reason* for a change (opaque here), the delta is the *fact*, the root is what must come of it. The
record commits to all three, is small, and stays for ever; bodies go when their versions are pruned. Large values in
bodies are references to payloads (`codec`). Only the shapes and their bytes may live here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from itonami.graphstore.codec import (
    PAYLOAD_MARK,
    Value,
    address,
    array,
    byte_string,
    encode,
    encode_shared,
    load,
)
from itonami.graphstore.delta import Delta
from itonami.graphstore.errors import Corrupt, ItonamiError, VersionPruned

__all__ = ["Commit", "Entry", "Event", "Payload", "Version"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NULL = b"\xf6"
_PAIR = b"\x82"

Payload = Callable[[bytes], Value]
"""The value behind a reference, by address."""


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


class Entry:
    """What one transaction did to one graph. `events` and `delta` are decoded on first use; once pruned they are
    `VersionPruned`, and `body` is None."""

    __slots__ = ("_delta", "_events", "_payload", "base", "body", "digest", "graph", "root", "version")

    def __init__(
        self,
        graph: str,
        version: int,
        root: bytes,
        digest: bytes,
        body: bytes | None,
        base: tuple[str, int] | None = None,
        payload: Payload | None = None,
    ) -> None:
        self.graph = graph
        self.version = version
        self.root = root
        self.digest = digest
        self.body = body
        self.base = base
        self._payload = payload
        self._events: tuple[Event, ...] | None = None
        self._delta: Delta | None = None

    @classmethod
    def make(
        cls,
        graph: str,
        version: int,
        root: bytes,
        events: tuple[Event, ...],
        delta: Delta,
        base: tuple[str, int] | None = None,
    ) -> tuple[Entry, dict[bytes, bytes]]:
        """A new entry, and the payloads that its body refers to."""
        payloads: dict[bytes, bytes] = {}
        body = encode_shared([[event.to_list() for event in events], delta.to_list()], payloads)
        made = cls(graph, version, root, address(body), body, base)
        made._events, made._delta = events, delta
        return made, payloads

    @property
    def events(self) -> tuple[Event, ...]:
        """The reasons, in order."""
        if self._events is None:
            self._decode()
        return self._events  # type: ignore[return-value]

    @property
    def delta(self) -> Delta:
        """The net change."""
        if self._delta is None:
            self._decode()
        return self._delta  # type: ignore[return-value]

    @property
    def pruned(self) -> bool:
        """Whether its events and delta are gone."""
        return self.body is None

    def resolve(self) -> None:
        """Decode now what refers to payloads: they may be pruned later, and whoever keeps an entry must not keep the
        transaction it was read in."""
        if self.body is not None and PAYLOAD_MARK in self.body:
            self._decode()
        self._payload = None

    def _decode(self) -> None:
        where = f"graph {self.graph!r}"
        if self.body is None:
            raise VersionPruned(
                f"the events and changes of version {self.version} were pruned",
                where=where,
                fix="its record and proofs remain; read a later version",
            )
        if address(self.body) != self.digest:
            raise Corrupt(f"the body of version {self.version} does not have its digest", where=where)
        try:
            events, delta = load(self.body, self._payload)
            self._delta = Delta.from_list(delta)
            self._events = tuple(Event.from_list(event) for event in events)
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError, IndexError) as error:
            if isinstance(error, ItonamiError):
                raise
            raise Corrupt(
                f"the body of version {self.version} has another shape: {error}", where=where
            ) from error

    def encoded(self) -> bytes:
        """Its canonical bytes as they stand in the record: all but tx and time, so they are made outside the commit."""
        fields: list[Value] = [self.graph, self.version, self.root, self.digest]
        if self.base is not None:
            fields.append(list(self.base))
        return encode(fields, depth=2)

    @classmethod
    def from_list(cls, fields: list[Any], body: bytes | None, payload: Payload | None) -> Entry:
        """The entry of its plain form; another shape is a `ValueError`, which `Commit.decode` makes `Corrupt`."""
        graph, version, root, digest, *base = fields
        if not (isinstance(graph, str) and isinstance(version, int)):
            raise ValueError("an entry starts with a name and a number")
        if not (isinstance(root, bytes) and isinstance(digest, bytes) and isinstance(body, bytes | None)):
            raise ValueError("an entry has two digests and a body")
        return cls(
            graph, version, root, digest, body, (str(base[0][0]), int(base[0][1])) if base else None, payload
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Entry):
            return NotImplemented
        return self.encoded() == other.encoded()

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"<Entry {self.graph!r} version {self.version}>"


@dataclass(frozen=True, slots=True)
class Commit:
    """One transaction over one or several graphs. `record` is its canonical bytes: what the log's leaf is made of."""

    tx: int
    time: datetime
    entries: tuple[Entry, ...]
    record: bytes = b""

    def entry(self, graph: str) -> Entry:
        """What it did to `graph`."""
        for entry in self.entries:
            if entry.graph == graph:
                return entry
        raise Corrupt(f"transaction {self.tx} says nothing of graph {graph!r}")

    @classmethod
    def decode(cls, stored: bytes, payload: Payload | None = None) -> Commit:
        """A commit as it is stored; `payload` gives the value behind a reference. Raises `Corrupt` when the bytes have
        another shape."""
        try:
            record, *bodies = load(stored)
            tx, time, entries = load(record)
            pairs = zip(entries, bodies, strict=True)
            decoded = tuple(Entry.from_list(fields, body, payload) for fields, body in pairs)
            return cls(tx, moment(time), decoded, record)
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError, IndexError) as error:
            raise Corrupt(f"a commit record has another shape: {error}") from error


def encode_record(tx: int, time: int, entries: Sequence[bytes]) -> bytes:
    """A record of entries that are encoded already: nothing but joining is left to do inside the commit."""
    return array(encode(tx), encode(time), array(*entries))


def encode_stored(record: bytes, bodies: Iterable[bytes | None]) -> bytes:
    """A record with the bodies that are there, as it is stored."""
    return array(byte_string(record), *(_NULL if body is None else byte_string(body) for body in bodies))


def only_body(stored: bytes) -> bytes | None:
    """The body of a stored commit of one graph; None of any other. Cut out by the heads of its byte strings: a quarter
    of the time of decoding them."""
    if stored[:1] != _PAIR:
        return None
    at = _after_head(stored, 1)
    if at is None:
        return None
    start = _after_head(stored, at[1])
    return None if start is None or start[1] != len(stored) else stored[start[0] :]


def _after_head(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the byte string at a place begins, and where it ends; None for anything else than a short one."""
    head = data[at : at + 3]
    if len(head) < 3 or head[0] not in (0x58, 0x59):
        return None
    if head[0] == 0x58:
        return at + 2, at + 2 + head[1]
    return at + 3, at + 3 + (head[1] << 8 | head[2])


def time_of(stored: bytes) -> int:
    """The time of a stored commit, in microseconds."""
    try:
        time = load(load(stored)[0])[1]
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise Corrupt(f"a commit record has another shape: {error}") from error
    if not isinstance(time, int):
        raise Corrupt("a commit record has no time")
    return time


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one graph: `tx` made it, `root` is its address, `events` are its reasons (none, once pruned)."""

    graph: str
    version: int
    tx: int
    time: datetime
    root: bytes
    events: tuple[Event, ...]
    pruned: bool = False

    @classmethod
    def of(cls, commit: Commit, entry: Entry) -> Version:
        events = () if entry.pruned else entry.events
        return cls(entry.graph, entry.version, commit.tx, commit.time, entry.root, events, entry.pruned)
