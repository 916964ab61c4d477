"""Trie nodes on disk: appended under a store-wide sequence number, read lazily, checked by hash.

A parent holds for each child its hash (which is hashed) and its location (which is not), so writes are appends and
equal subtrees written once are shared by all versions and forks that descend from them.

    branch on disk = [prefix, bitmap, hashes, locations]        leaf on disk = [key, record]
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from blake3 import blake3

from itonami.graphstore.codec import encode, load
from itonami.graphstore.errors import Corrupt
from itonami.graphstore.graph import Graph, item_of
from itonami.graphstore.trie import NIBBLES, Branch, Leaf, Stub, Subtree, Tree

__all__ = ["Shelf", "unshelve"]

_LOCATION_BYTES = 8


class _Source(Protocol):
    tables: dict[str, Any]

    def read(self) -> AbstractContextManager[Any]: ...


class Shelf:
    """Reads and writes the trie nodes of a store."""

    def __init__(self, backend: _Source) -> None:
        self._backend = backend
        self._table = backend.tables["nodes"]

    def graph(self, location: int, root: bytes) -> Graph:
        """The graph whose trie lies at a location (0: the empty graph). Nothing below the top is read yet."""
        return Graph(self.load(location, root) if location else None)

    def load(self, location: int, hash: bytes) -> Leaf | Branch:
        """The trie node at a location; `Corrupt` when its bytes do not have that hash. Children stay stubs."""
        with self._backend.read() as txn:
            data = txn.get(location.to_bytes(_LOCATION_BYTES, "big"), db=self._table)
        if data is None:
            raise Corrupt(f"trie node {location} is missing")
        return self._decode(bytes(data), location, hash)

    def _decode(self, data: bytes, location: int, hash: bytes) -> Leaf | Branch:
        try:
            fields = load(data)
            if len(fields) == 2:
                key, record = fields
                plain = data
                node: Leaf | Branch = Leaf(key.hex(), item_of(load(record)), location)
            else:
                prefix, bitmap, hashes, locations = fields
                plain = encode([prefix, bitmap, hashes])
                node = Branch(prefix, self._children(bitmap, hashes, locations), location)
        except (TypeError, ValueError, AttributeError) as error:
            raise Corrupt(f"trie node {location} has another shape: {error}") from error
        if blake3(plain).digest() != hash:
            raise Corrupt(f"trie node {location} does not have its hash")
        return node

    def _children(self, bitmap: int, hashes: bytes, locations: bytes) -> dict[str, Subtree]:
        nibbles = [nibble for bit, nibble in enumerate(NIBBLES) if bitmap >> bit & 1]
        if not len(nibbles) * 32 == len(hashes) == len(locations) * 4:
            raise ValueError("hashes, locations and bitmap differ in number")
        return {
            nibble: Stub(
                hashes[i * 32 : i * 32 + 32], int.from_bytes(locations[i * 8 : i * 8 + 8], "big"), self.load
            )
            for i, nibble in enumerate(nibbles)
        }

    def save(self, txn: Any, tree: Tree, saved: list[Leaf | Branch]) -> None:
        """Append the nodes of a tree that are not on disk yet, children first, and give them locations. Each joins
        `saved` as it gets one: should this or the transaction fail, `unshelve` them."""
        if tree is None or tree.location is not None:
            return
        cursor = txn.cursor(db=self._table)
        location = int.from_bytes(cursor.key(), "big") if cursor.last() else 0
        for node in _unsaved(tree):
            location += 1
            data = node.encoded if isinstance(node, Leaf) else _with_locations(node)
            txn.put(location.to_bytes(_LOCATION_BYTES, "big"), data, db=self._table, append=True)
            node.location = location
            saved.append(node)


def unshelve(nodes: Iterable[Leaf | Branch]) -> None:
    """Forget the locations of nodes whose transaction failed."""
    for node in nodes:
        node.location = None


def _unsaved(tree: Leaf | Branch) -> list[Leaf | Branch]:
    """Nodes without a location, children before parents."""
    found: list[Leaf | Branch] = []
    stack = [tree]
    while stack:
        node = stack.pop()
        found.append(node)
        if isinstance(node, Branch):
            stack.extend(
                child
                for child in node.children.values()
                if not isinstance(child, Stub) and child.location is None
            )
    return found[::-1]


def _with_locations(branch: Branch) -> bytes:
    children = branch.children.values()
    locations = b"".join((child.location or 0).to_bytes(_LOCATION_BYTES, "big") for child in children)
    bitmap = sum(1 << NIBBLES.index(nibble) for nibble in branch.children)
    return encode([branch.path, bitmap, b"".join(child.hash for child in children), locations])
