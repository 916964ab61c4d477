"""Trie nodes on disk: appended under a store-wide sequence number, read lazily, checked by hash.

A parent holds for each child its hash (which is hashed) and its location (which is not), so writes are appends and
nodes written once are shared by all versions and forks that descend from them.

    branch on disk = [prefix, bitmap, hashes, locations]
    leaf on disk   = [key, record]        or [key, reference to the record] where that has more than 1 KiB

So every node stays below the size from which LMDB takes whole pages for a value. A tree is saved against the tree that
was saved before it: what is equal there, at the same path, is not written again; what is gone from it is *stale*. The
tree that was written comes back as a twin whose nodes know their locations; the graph's own nodes are not touched.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from blake3 import blake3

from itonami.graphstore.backend import Reading, Writing
from itonami.graphstore.codec import PAYLOAD_MARK, Value, address, array, byte_string, encode, load, reference
from itonami.graphstore.element import item_of
from itonami.graphstore.errors import Corrupt
from itonami.graphstore.graph import Graph
from itonami.graphstore.payloads import Payloads
from itonami.graphstore.trie import NIBBLES, Branch, Leaf, Source, Stub, Subtree, Tree

__all__ = ["Save", "Shelf", "decoded", "leaf_payloads"]

LOCATION_BYTES = 8
INLINE_BYTES = 1_024


class _Source(Protocol):
    def joined(self) -> AbstractContextManager[Reading]: ...


class Shelf:
    """Reads and writes the trie nodes of a store."""

    def __init__(self, backend: _Source) -> None:
        self._backend = backend

    def graph(self, location: int, root: bytes) -> Graph:
        """The graph whose trie lies at a location (0: the empty graph). Nothing below the top is read yet."""
        return Graph(self.load(location, root) if location else None)

    def load(self, location: int, hash: bytes) -> Leaf | Branch:
        """The trie node at a location; `Corrupt` when its bytes do not have that hash. Children stay stubs."""
        with self._backend.joined() as txn:
            data = txn.get("nodes", location.to_bytes(LOCATION_BYTES, "big"))
            if data is None:
                raise Corrupt(
                    f"trie node {location} is missing",
                    fix="if its version was pruned while it was held, read a later one; else run verify",
                )
            return decoded(data, location, hash, self, Payloads(txn))

    def together(self) -> AbstractContextManager[Reading]:
        """One transaction for all that is loaded in the block."""
        return self._backend.joined()


def decoded(data: bytes, location: int, hash: bytes, source: Source, payloads: Payloads) -> Leaf | Branch:
    """The trie node of its bytes on disk; `Corrupt` unless it has the hash. Children are stubs of the source."""
    try:
        fields = load(data, payloads.encoding)
        if len(fields) == 2:
            key, record = fields
            plain = array(byte_string(key), byte_string(record)) if PAYLOAD_MARK in data else data
            node: Leaf | Branch = Leaf(key.hex(), item_of(load(record, payloads.value)), location, hash)
        else:
            prefix, bitmap, hashes, locations = fields
            plain = encode([prefix, bitmap, hashes])
            node = Branch(prefix, _children(bitmap, hashes, locations, source), location, hash)
    except (TypeError, ValueError, AttributeError) as error:
        raise Corrupt(f"trie node {location} has another shape: {error}") from error
    if blake3(plain).digest() != hash:
        raise Corrupt(f"trie node {location} does not have its hash")
    return node


def _children(bitmap: int, hashes: bytes, locations: bytes, source: Source) -> dict[str, Subtree]:
    nibbles = [nibble for bit, nibble in enumerate(NIBBLES) if bitmap >> bit & 1]
    if not len(nibbles) * 32 == len(hashes) == len(locations) * 4:
        raise ValueError("hashes, locations and bitmap differ in number")
    return {
        nibble: Stub(
            hashes[i * 32 : i * 32 + 32], int.from_bytes(locations[i * 8 : i * 8 + 8], "big"), source
        )
        for i, nibble in enumerate(nibbles)
    }


def leaf_payloads(data: bytes, txn: Reading) -> set[bytes]:
    """The payloads that a node as it lies on disk holds: those its record refers to, and the record's own."""
    found: set[bytes] = set()
    if PAYLOAD_MARK not in data:
        return found
    payloads = Payloads(txn)

    def record(payload: bytes) -> Value:
        found.add(payload)
        return payloads.encoding(payload)

    fields = load(data, record)
    if len(fields) == 2:
        load(fields[1], found.add)
    return found


class Save:
    """One tree being written: `twin(new, old)` appends what `old`, saved before, does not hold."""

    def __init__(self, txn: Writing, shelf: Shelf, first: int) -> None:
        self._txn = txn
        self._shelf = shelf
        self._payloads = Payloads(txn)
        self._next = first
        self.stale: list[int] = []
        """Locations of the old tree's nodes that the new one does not use"""

    @property
    def next(self) -> int:
        """The location after the last one written."""
        return self._next

    def tree(self, new: Tree, old: Tree) -> Tree:
        """`twin` of a whole tree."""
        twin = self.twin(new, old)
        return twin.read() if isinstance(twin, Stub) else twin

    def twin(self, new: Subtree | None, old: Subtree | None) -> Subtree | None:
        """The new tree with locations: nodes of `old` where they are equal, else nodes that are now on disk.
        O(changes log n)."""
        if new is None:
            self._drop(old)
            return None
        if old is not None and new.hash == old.hash:
            return old
        present = new.read() if isinstance(new, Stub) else new
        former = old.read() if isinstance(old, Stub) else old
        while isinstance(former, Branch) and _below(present, former):
            former = self._descended(former, present.path[len(former.path)])
        if former is not None and present.hash == former.hash:
            return former
        if isinstance(present, Leaf):
            self._drop(former)
            return self._leaf(present)
        children: dict[str, Subtree | None] = dict.fromkeys(present.children)
        if isinstance(former, Branch) and former.path == present.path:
            self._mark(former)
            children |= former.children
        elif former is not None and former.path.startswith(present.path):
            children[former.path[len(present.path)]] = former
        else:
            self._drop(former)
        twins = {n: self.twin(present.children.get(n), was) for n, was in sorted(children.items())}
        return self._branch(present, {n: twin for n, twin in twins.items() if twin is not None})

    def _descended(self, former: Branch, nibble: str) -> Leaf | Branch | None:
        """The child of an old branch under which the new node lies; the branch and its other children are stale."""
        self._mark(former)
        for other, child in former.children.items():
            if other != nibble:
                self._drop(child)
        return former.child(nibble)

    def _mark(self, node: Leaf | Branch) -> None:
        assert node.location is not None
        self.stale.append(node.location)

    def _drop(self, old: Subtree | None) -> None:
        stack = [] if old is None else [old]
        while stack:
            node = stack.pop()
            node = node.read() if isinstance(node, Stub) else node
            self._mark(node)
            if isinstance(node, Branch):
                stack.extend(node.children.values())

    def _leaf(self, leaf: Leaf) -> Leaf:
        record = leaf.item.record
        held: dict[bytes, bytes] = leaf.item.payloads
        if len(record) > INLINE_BYTES:
            payload = address(record)
            data = array(byte_string(bytes.fromhex(leaf.path)), reference(payload))
            held[payload] = record
        else:
            data = leaf.encoded
        if held:
            self._payloads.hold(self._txn, held)
        return Leaf(leaf.path, leaf.item, self._put(data), leaf.hash)

    def _branch(self, branch: Branch, children: dict[str, Subtree]) -> Branch:
        locations = b"".join(
            (child.location or 0).to_bytes(LOCATION_BYTES, "big") for child in children.values()
        )
        bitmap = sum(1 << NIBBLES.index(nibble) for nibble in children)
        data = encode([branch.path, bitmap, b"".join(child.hash for child in children.values()), locations])
        return Branch(branch.path, children, self._put(data), branch.hash)

    def _put(self, data: bytes) -> int:
        location = self._next
        self._next += 1
        self._txn.append("nodes", location.to_bytes(LOCATION_BYTES, "big"), data)
        return location


def _below(new: Leaf | Branch, old: Branch) -> bool:
    """Whether the new node lies under one child of the old branch."""
    return len(new.path) > len(old.path) and new.path.startswith(old.path)
