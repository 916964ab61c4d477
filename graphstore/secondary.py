"""Derived indices over the heads of all graphs: which node of which graph holds a value.

An index is declared for a (label, key) pair, kept in the commit's own transaction, and can be rebuilt from the
graphs at any time. Its keys sort like the values they stand for:

    label 00 key 00 | kind of value | ordered bytes of the value | graph number | hash of the node id

Long values are cut; whoever reads compares with the node itself. Only keys and entries may live here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from datetime import datetime

from itonami.graphstore.codec import Value, address, encode
from itonami.graphstore.delta import Delta
from itonami.graphstore.graph import Graph, Node, hashed
from itonami.graphstore.records import microseconds

__all__ = ["Entries", "Pair", "entries_of", "key_of", "moved", "pair_prefix"]

Pair = tuple[str, str]
"""(label, property key)"""

Entries = frozenset[tuple[bytes, str]]
"""(key up to the graph number, node id)"""

_CUT_BYTES = 200


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
        return b"\x03" + struct.pack(">q", microseconds(value) ^ -(1 << 63))[:8]
    if isinstance(value, str):
        return b"\x04" + value.encode()[:_CUT_BYTES] + b"\x00"
    return b"\x05" + address(encode(value))


def pair_prefix(pair: Pair) -> bytes:
    """The part all keys of an index share."""
    return b"\x00".join(part.encode() for part in pair) + b"\x00"


def key_of(pair: Pair, value: Value) -> bytes:
    """The key of a value, up to the graph number."""
    return pair_prefix(pair) + ordered(value)


def _entries(pairs: Iterable[Pair], node: Node) -> Iterator[tuple[bytes, str]]:
    for label, key in pairs:
        if label in node.labels and key in node.data:
            yield key_of((label, key), node.data[key]), node.id


def entries_of(pairs: Iterable[Pair], graph: Graph) -> Entries:
    """All entries of a graph. O(n)."""
    pairs = tuple(pairs)
    labels = {label for label, _ in pairs}
    return frozenset(
        entry
        for node in graph.items()
        if isinstance(node, Node) and not labels.isdisjoint(node.labels)
        for entry in _entries(pairs, node)
    )


def moved(pairs: Iterable[Pair], delta: Delta, after: Graph) -> tuple[Entries, Entries]:
    """The entries a delta takes away and those it brings. O(k log n)."""
    pairs = tuple(pairs)
    old: set[tuple[bytes, str]] = set()
    new: set[tuple[bytes, str]] = set()
    keys = {key for _, key in pairs}
    for node in delta.removed_nodes:
        old.update(_entries(pairs, node))
    for node in delta.added_nodes:
        new.update(_entries(pairs, node))
    for change in delta.set_nodes:
        relabelled = change.labels_added or change.labels_removed
        if not relabelled and keys.isdisjoint(change.before) and keys.isdisjoint(change.after):
            continue
        node = after.node(change.id)
        new.update(_entries(pairs, node))
        labels = (node.labels - set(change.labels_added)) | set(change.labels_removed)
        data = {k: v for k, v in node.data.items() if k not in change.after} | change.before
        old.update(_entries(pairs, Node(node.id, labels, data)))
    return frozenset(old - new), frozenset(new - old)


def full_key(key: bytes, graph_number: bytes, node_id: str) -> bytes:
    """The key as it stands in the table."""
    return key + graph_number + bytes.fromhex(hashed(node_id)[:16])
