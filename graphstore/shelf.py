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

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import lru_cache
from itertools import repeat
from struct import Struct
from struct import error as StructError
from typing import Any, Protocol

from blake3 import blake3

from itonami.graphstore.backend import Reading, Writing
from itonami.graphstore.codec import PAYLOAD_MARK, Value, address, array, byte_string, load, reference
from itonami.graphstore.element import item_of
from itonami.graphstore.errors import Corrupt
from itonami.graphstore.graph import Graph
from itonami.graphstore.payloads import Payloads
from itonami.graphstore.trie import NIBBLES, Branch, Leaf, Source, Stub, Subtree, Tree

__all__ = ["Save", "Shelf", "decoded", "leaf_payloads"]

LOCATION_BYTES = 8
INLINE_BYTES = 1_024
HASH_BYTES = 32
_BRANCH = array(b"", b"", b"")
"""How the bytes of a branch begin that are hashed: an array of three"""


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
            return decoded(_data(txn, location), location, hash, self, Payloads(txn))

    def whole(self, location: int, hash: bytes) -> Leaf | Branch:
        """The subtree at a location with all that is below it, each node checked, in one transaction. About 6 us a
        node."""
        top: dict[str, Any] = {}
        with self._backend.joined() as txn:
            payloads = Payloads(txn)
            unread = [(top, "", location, hash)]
            while unread:
                siblings, nibble, location, hash = unread.pop()
                node = _node(_data(txn, location), location, hash, payloads)
                if isinstance(node, Leaf):
                    siblings[nibble] = node
                    continue
                path, nibbles, hashes, locations = node
                children: dict[str, Any] = dict.fromkeys(nibbles)
                siblings[nibble] = Branch(path, children, location, hash)
                unread.extend(zip(repeat(children), nibbles, locations, hashes, strict=False))
        return top[""]  # type: ignore[no-any-return]

    def together(self) -> AbstractContextManager[Reading]:
        """One transaction for all that is loaded in the block."""
        return self._backend.joined()


def _data(txn: Reading, location: int) -> bytes:
    data = txn.get("nodes", location.to_bytes(LOCATION_BYTES, "big"))
    if data is None:
        raise Corrupt(
            f"trie node {location} is missing",
            fix="if its version was pruned while it was held, read a later one; else run verify",
        )
    return data


def decoded(data: bytes, location: int, hash: bytes, source: Source, payloads: Payloads) -> Leaf | Branch:
    """The trie node of its bytes on disk; `Corrupt` unless it has the hash. Children are stubs of the source."""
    node = _node(data, location, hash, payloads)
    if isinstance(node, Leaf):
        return node
    path, nibbles, hashes, locations = node
    children: dict[str, Subtree] = {
        nibble: Stub(child, place, source)
        for nibble, child, place in zip(nibbles, hashes, locations, strict=True)
    }
    return Branch(path, children, location, hash)


_Fields = tuple[str, str, tuple[bytes, ...], tuple[int, ...]]
"""A branch's path, and its children's nibbles, hashes and locations"""


def _node(data: bytes, location: int, hash: bytes, payloads: Payloads) -> Leaf | _Fields:
    """A leaf, or the fields of a branch; `Corrupt` unless the bytes have the hash."""
    shared = PAYLOAD_MARK in data
    try:
        fields = load(data, payloads.encoding if shared else None)
        if len(fields) == 2:
            key, record = fields
            plain = array(byte_string(key), byte_string(record)) if shared else data
            item = item_of(load(record, payloads.value if shared else None))
            node: Leaf | _Fields = Leaf(key.hex(), item, location, hash)
        else:
            path, bitmap, hashes, locations = fields
            plain = _BRANCH + data[1 : -len(byte_string(locations))]  # up to the locations
            nibbles, split, numbers = _children(bitmap)
            node = path, nibbles, split(hashes), numbers(locations)
    except (TypeError, ValueError, AttributeError, StructError) as error:
        raise Corrupt(f"trie node {location} has another shape: {error}") from error
    if blake3(plain).digest() != hash:
        raise Corrupt(f"trie node {location} does not have its hash")
    return node


@lru_cache(maxsize=65_536)
def _children(bitmap: int) -> tuple[str, Callable[[bytes], Any], Callable[[bytes], Any]]:
    """The nibbles of the children that are there, in order, and how to take their hashes and locations apart."""
    nibbles = "".join(nibble for bit, nibble in enumerate(NIBBLES) if bitmap >> bit & 1)
    count = len(nibbles)
    return nibbles, Struct(f"{HASH_BYTES}s" * count).unpack, Struct(f">{count}Q").unpack


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
        twins: dict[str, Subtree] = {}
        for nibble, was in sorted(children.items()):
            now = present.children.get(nibble)
            if was is not None and now is not None and now.hash == was.hash:
                twins[nibble] = was
            elif (twin := self.twin(now, was)) is not None:
                twins[nibble] = twin
        return self._branch(present, twins)

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
            [(child.location or 0).to_bytes(LOCATION_BYTES, "big") for child in children.values()]
        )
        data = (
            b"\x84" + branch.encoded[1:] + byte_string(locations)
        )  # an array of four: the three, and one more
        return Branch(branch.path, children, self._put(data), branch.hash)

    def _put(self, data: bytes) -> int:
        location = self._next
        self._next += 1
        self._txn.append("nodes", location.to_bytes(LOCATION_BYTES, "big"), data)
        return location


def _below(new: Leaf | Branch, old: Branch) -> bool:
    """Whether the new node lies under one child of the old branch."""
    return len(new.path) > len(old.path) and new.path.startswith(old.path)
