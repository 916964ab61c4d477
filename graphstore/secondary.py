"""Derived indices over the heads of all graphs: which node of which graph holds a value.

An index is declared for a (label, key) pair, kept in the commit's own transaction, and can be rebuilt from the
graphs at any time. Its keys sort like the values they stand for:

    label | key | kind of value | ordered bytes of the value | graph number | hash of the node id

Long values are cut; whoever reads compares with the node itself. Only keys and entries may live here.
"""

from __future__ import annotations

import struct
from datetime import datetime
from functools import lru_cache

from itonami.graphstore.codec import Value, address, encode
from itonami.graphstore.delta import Change, Delta
from itonami.graphstore.element import Node, hashed
from itonami.graphstore.graph import Graph
from itonami.graphstore.records import microseconds

__all__ = ["Entries", "Pair", "entries_of", "key_of", "moved", "pair_prefix"]

Pair = tuple[str, str]
"""(label, property key)"""

Entries = frozenset[tuple[bytes, str]]
"""(key up to the graph number, node id)"""

_CUT_BYTES = 100


def ordered(value: Value) -> bytes:
    """Bytes that sort as the values of one kind do; other kinds are only equal or not."""
    if value is None:
        return b"\x00"
    if isinstance(value, bool):
        return b"\x01\x01" if value else b"\x01\x00"
    if isinstance(value, int | float):
        try:
            bits = struct.unpack(">Q", struct.pack(">d", value))[0]
        except OverflowError:
            bits = 0x7FEF_FFFF_FFFF_FFFF if value > 0 else 0xFFEF_FFFF_FFFF_FFFF
        return b"\x02" + struct.pack(">Q", bits ^ (0xFFFF_FFFF_FFFF_FFFF if bits >> 63 else 1 << 63))
    if isinstance(value, datetime):
        return b"\x03" + struct.pack(">q", microseconds(value) ^ -(1 << 63))
    if isinstance(value, str):
        return b"\x04" + value.encode()[:_CUT_BYTES].replace(b"\x00", b"\x00\xff") + b"\x00\x00"
    return b"\x05" + address(encode(value))


@lru_cache(maxsize=1_024)
def pair_prefix(pair: Pair) -> bytes:
    """The part all keys of an index share."""
    return encode(pair[0]) + encode(pair[1])


def key_of(pair: Pair, value: Value) -> bytes:
    """The key of a value, up to the graph number."""
    return pair_prefix(pair) + ordered(value)


def value_bounds(pair: Pair, low: Value, high: Value) -> tuple[bytes, bytes]:
    """The first key prefix and the last of a scan from `low` to `high`; None leaves that side open, within the kind
    of the other, or altogether."""
    prefix = pair_prefix(pair)
    first, last = (b"" if value is None else ordered(value) for value in (low, high))
    return prefix + (first or last[:1]), prefix + (last or first[:1])


def exactly(value: Value) -> bool:
    """Whether the ordered bytes tell a value from every other; else whoever reads compares with the node."""
    return isinstance(value, str) and len(value.encode()) < _CUT_BYTES


@lru_cache(maxsize=64)
def _by_key(pairs: tuple[Pair, ...]) -> dict[str, tuple[Pair, ...]]:
    """The declared pairs by property key."""
    return {key: tuple(pair for pair in pairs if pair[1] == key) for _, key in pairs}


def _entries(pairs: tuple[Pair, ...], id: str, labels: frozenset[str], data: dict[str, Value]) -> Entries:
    """The entries of properties `data` at a node."""
    by_key = _by_key(pairs)
    return frozenset(
        (key_of(pair, data[key]), id)
        for key in by_key.keys() & data.keys()
        for pair in by_key[key]
        if pair[0] in labels
    )


def entries_of(pairs: tuple[Pair, ...], graph: Graph) -> Entries:
    """All entries of a graph. O(n)."""
    found: set[tuple[bytes, str]] = set()
    for node in graph.items():
        if isinstance(node, Node):
            found |= _entries(pairs, node.id, node.labels, node.data)
    return frozenset(found)


def moved(pairs: tuple[Pair, ...], delta: Delta, after: Graph) -> tuple[Entries, Entries]:
    """The entries a delta takes away and those it brings. O(k log n)."""
    old: set[tuple[bytes, str]] = set()
    new: set[tuple[bytes, str]] = set()
    for node in delta.removed_nodes:
        old |= _entries(pairs, node.id, node.labels, node.data)
    for node in delta.added_nodes:
        new |= _entries(pairs, node.id, node.labels, node.data)
    for change in delta.set_nodes:
        if change.labels_added or change.labels_removed:
            node = after.node(change.id)
            labels = (node.labels - set(change.labels_added)) | set(change.labels_removed)
            data = {k: v for k, v in node.data.items() if k not in change.after} | change.before
            old |= _entries(pairs, node.id, labels, data)
            new |= _entries(pairs, node.id, node.labels, node.data)
        else:
            _of_change(pairs, change, after, old, new)
    return frozenset(old - new), frozenset(new - old)


def _of_change(
    pairs: tuple[Pair, ...],
    change: Change,
    after: Graph,
    old: set[tuple[bytes, str]],
    new: set[tuple[bytes, str]],
) -> None:
    """A node whose labels stay: only the keys that changed matter."""
    labels: frozenset[str] | None = None
    for key, declared in _by_key(pairs).items():
        if key not in change.before and key not in change.after:
            continue
        labels = after.node(change.id).labels if labels is None else labels
        for pair in declared:
            if pair[0] in labels:
                if key in change.before:
                    old.add((key_of(pair, change.before[key]), change.id))
                if key in change.after:
                    new.add((key_of(pair, change.after[key]), change.id))


def full_key(key: bytes, graph_number: bytes, node_id: str) -> bytes:
    """The key as it stands in the table."""
    return key + graph_number + bytes.fromhex(hashed(node_id))
