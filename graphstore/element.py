"""Nodes and edges: immutable records with an id, labels and properties, and their canonical bytes.

    node = [id, labels, properties]        edge = [id, source, label, target, properties]

Where a record lies in a graph's trie follows from its ids: a node and its out-edges share a subtree. Nothing of whole
graphs may live here.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from blake3 import blake3
from pyrsistent import PMap, freeze, pmap

from itonami.graphstore.codec import PAYLOAD_MARK, Value, encode_shared, same
from itonami.graphstore.errors import Corrupt, NotFound

__all__ = ["Edge", "Node", "changed_keys", "edge_path", "hashed", "item_of"]

NODE_KIND, EDGE_KIND = "00", "01"


@lru_cache(maxsize=65_536)
def hashed(text: str) -> str:
    """The first 16 bytes of BLAKE3 of a text, in hex: where a node or edge lies in the trie."""
    return blake3(text.encode(errors="surrogatepass")).hexdigest(length=16)


@lru_cache(maxsize=4_096)
def label_path(label: str) -> str:
    return blake3(label.encode(errors="surrogatepass")).hexdigest(length=4)


def _frozen(value: Value) -> Value:
    return freeze(value) if isinstance(value, dict | list) else value


def edge_path(source: str, label: str, id: str) -> str:
    """Where an edge's record lies in the trie: H(source) | 01 | H(label)[:4] | H(id), in hex."""
    return hashed(source) + EDGE_KIND + label_path(label) + hashed(id)


class _Element:
    """What nodes and edges share: an id and properties. Immutable; `data` is the plain dict, read-only."""

    __slots__ = ("_record", "data", "id")

    id: str
    data: dict[str, Value]
    _record: bytes | None

    def __getitem__(self, key: str) -> Value:
        try:
            return _frozen(self.data[key])
        except KeyError:
            raise NotFound(
                f"no property {key!r}", where=f"{type(self).__name__.lower()} {self.id!r}"
            ) from None

    def get(self, key: str, default: Value = None) -> Value:
        """The property, or `default`."""
        return _frozen(self.data[key]) if key in self.data else default

    @property
    def properties(self) -> PMap[str, Value]:
        """All properties as a frozen map."""
        return pmap({key: _frozen(value) for key, value in self.data.items()})

    @property
    def record(self) -> bytes:
        """The canonical bytes that stand in the trie, large values by reference; computed once."""
        if self._record is None:
            self._record = encode_shared(self.to_list(), {})
        return self._record

    @property
    def payloads(self) -> dict[bytes, bytes]:
        """What the record refers to: address to encoding. Computed when asked for."""
        found: dict[bytes, bytes] = {}
        if PAYLOAD_MARK in self.record:
            encode_shared(self.to_list(), found)
        return found

    def to_list(self) -> list[Value]:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self is other or self.record == other.record

    def __hash__(self) -> int:
        return hash(self.record)


_MOST_SETS = 4_096
_sets: dict[frozenset[str], frozenset[str]] = {}


def _one_set(labels: Iterable[str]) -> frozenset[str]:
    """The set of these labels, the same object for the same labels: most nodes of a graph are of a few sorts, and a set
    takes 200 bytes, and the time of Python's collector."""
    made = frozenset(labels)
    found = _sets.get(made)
    if found is None:
        found = made
        if len(_sets) < _MOST_SETS:
            _sets[made] = made
    return found


class Node(_Element):
    """A node: `id`, `labels`, properties by `node[key]`."""

    __slots__ = ("labels",)

    labels: frozenset[str]

    def __init__(self, id: str, labels: Iterable[str] = (), data: dict[str, Value] | None = None) -> None:
        self.id = id
        self.labels = _one_set(labels)
        self.data = {} if data is None else data
        self._record = None

    @property
    def path(self) -> str:
        """Where its record lies in the trie: H(id) | 00."""
        return hashed(self.id) + NODE_KIND

    def to_list(self) -> list[Value]:
        return [self.id, sorted(self.labels), self.data]

    @classmethod
    def from_list(cls, fields: list[Value]) -> Node:
        node_id, labels, data = fields
        return cls(node_id, labels, data)

    def __repr__(self) -> str:
        return f"({self.id}{''.join(':' + label for label in sorted(self.labels))} {self.data})"


class Edge(_Element):
    """An edge: `id`, `source`, `label`, `target`, properties by `edge[key]`."""

    __slots__ = ("label", "source", "target")

    def __init__(
        self, id: str, source: str, label: str, target: str, data: dict[str, Value] | None = None
    ) -> None:
        self.id = id
        self.source = source
        self.label = label
        self.target = target
        self.data = {} if data is None else data
        self._record = None

    @property
    def path(self) -> str:
        """Where its record lies in the trie: H(source) | 01 | H(label)[:4] | H(id)."""
        return edge_path(self.source, self.label, self.id)

    def to_list(self) -> list[Value]:
        return [self.id, self.source, self.label, self.target, self.data]

    @classmethod
    def from_list(cls, fields: list[Value]) -> Edge:
        edge_id, source, label, target, data = fields
        return cls(edge_id, source, label, target, data)

    def __repr__(self) -> str:
        return f"({self.source})-[{self.id}:{self.label} {self.data}]->({self.target})"


def item_of(fields: list[Value]) -> Node | Edge:
    """The node or edge of a decoded trie record: they differ in the number of fields."""
    if len(fields) == 5:
        return Edge(*fields)
    if len(fields) == 3:
        return Node(*fields)
    raise Corrupt(f"a record of {len(fields)} fields is neither node nor edge")


_ABSENT = object()


def changed_keys(
    before: dict[str, Value], after: dict[str, Value]
) -> tuple[dict[str, Value], dict[str, Value]]:
    """The entries of two property maps that differ, each side's own."""
    old: dict[str, Value] = {}
    new: dict[str, Value] = {}
    for key, value in after.items():
        was = before.get(key, _ABSENT)
        if was is value:
            continue
        if was is _ABSENT:
            new[key] = value
        elif not same(was, value):
            old[key], new[key] = was, value
    for key, value in before.items():
        if key not in after:
            old[key] = value
    return old, new
