"""The backend in memory: tables as persistent B+ trees, for tests and for stores that need not outlive the process.

A write transaction copies each node on the path to what it changes, once: a node bears the number of the transaction
that made it and is altered by no other (path copying: Driscoll, Sarnak, Sleator and Tarjan 1989, "Making data
structures persistent", doi:10.1016/0022-0000(89)90034-2). To commit is to publish the new roots in one assignment, to
fail is to forget them. A reader holds the roots it began with, so nobody waits but writers for each other, and what
no reader holds is freed at once. Nodes are freed when empty and never merged (Johnson and Shasha 1993, "B-trees with
inserts and deletes: why free-at-empty is better than merge-at-half", doi:10.1016/0022-0000(93)90020-W).

All operations are O(log n) unless they say otherwise. Nothing here knows what the tables mean; a copy on disk is made
by `environment`.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, Self, TypeVar

from itonami.graphstore.backend import TABLES, first_settings
from itonami.graphstore.creation import create_store
from itonami.graphstore.environment import Environment
from itonami.graphstore.errors import Corrupt, InvalidValue, StoreClosed
from itonami.graphstore.gate import Views

__all__ = ["Memory"]

FAN_OUT = 64
"""How many entries a node has at most. From 32 to 128 it matters little."""
MAX_KEY_BYTES = 511

Item = tuple[bytes, bytes]
T = TypeVar("T")


class _Node:
    """A leaf's items are the values of its keys. A branch's items are nodes, and its keys their lower bounds; the
    first bound is never asked, for the first child takes whatever comes before the second."""

    __slots__ = ("items", "keys", "leaf", "owner")

    def __init__(self, owner: int, leaf: bool, keys: list[bytes], items: list[Any]) -> None:
        self.owner = owner
        self.leaf = leaf
        self.keys = keys
        self.items = items

    def last(self) -> Item | None:
        """The last entry below the node; None below an empty root."""
        node = self
        while not node.leaf:
            node = node.items[-1]
        return (node.keys[-1], node.items[-1]) if node.keys else None

    def leaves(self, key: bytes) -> Iterator[_Node]:
        """The leaf where a key belongs and those after it: in these the key comes before everything."""
        if self.leaf:
            yield self
        else:
            for at in range(bisect_right(self.keys, key, 1) - 1, len(self.items)):
                yield from self.items[at].leaves(key)

    def leaves_back(self, key: bytes) -> Iterator[_Node]:
        """The leaf where a key belongs and those before it, descending: in these the key comes after everything."""
        if self.leaf:
            yield self
        else:
            for at in range(bisect_right(self.keys, key, 1) - 1, -1, -1):
                yield from self.items[at].leaves_back(key)

    def owned(self, owner: int) -> _Node:
        """The node, or a copy, for a transaction to alter."""
        if self.owner == owner:
            return self
        return _Node(owner, self.leaf, self.keys.copy(), self.items.copy())

    def split(self, at: int) -> _Node:
        """Cut the node; the right part."""
        right = _Node(self.owner, self.leaf, self.keys[at:], self.items[at:])
        del self.keys[at:], self.items[at:]
        return right


_Steps = list[tuple[_Node, int]]


class _Tree:
    """One table. Its owner may alter it and nobody once that transaction has ended."""

    __slots__ = ("count", "owner", "root")

    def __init__(self, owner: int, root: _Node, count: int) -> None:
        self.owner = owner
        self.root = root
        self.count = count

    def get(self, key: bytes) -> bytes | None:
        node = self.root
        while not node.leaf:
            node = node.items[bisect_right(node.keys, key, 1) - 1]
        at = bisect_left(node.keys, key)
        return node.items[at] if at < len(node.keys) and node.keys[at] == key else None

    def floor(self, key: bytes) -> Item | None:
        node, before = self.root, None
        while not node.leaf:
            at = bisect_right(node.keys, key, 1) - 1
            if at:
                before = node.items[at - 1]
            node = node.items[at]
        at = bisect_right(node.keys, key)
        if at:
            return node.keys[at - 1], node.items[at - 1]
        return None if before is None else before.last()

    def scan(self, start: bytes) -> Iterator[Item]:
        for leaf in self.root.leaves(start):
            keys, values = leaf.keys, leaf.items
            for at in range(bisect_left(keys, start), len(keys)):
                yield keys[at], values[at]

    def scan_back(self, start: bytes) -> Iterator[Item]:
        for leaf in self.root.leaves_back(start):
            keys, values = leaf.keys, leaf.items
            for at in range(bisect_right(keys, start) - 1, -1, -1):
                yield keys[at], values[at]

    # -- by its owner --------------------------------------------------------------------------------------

    def put(self, key: bytes, value: bytes) -> None:
        path, leaf = self._path(key)
        at = bisect_left(leaf.keys, key)
        if at < len(leaf.keys) and leaf.keys[at] == key:
            leaf.items[at] = value
        else:
            self.count += 1
            self._insert(path, leaf, at, key, value)

    def remove(self, key: bytes) -> None:
        """Remove a key that is there."""
        path, node = self._path(key)
        at = bisect_left(node.keys, key)
        self.count -= 1
        del node.keys[at], node.items[at]
        while path and not node.keys:
            node, at = path.pop()
            del node.keys[at], node.items[at]
        while not self.root.leaf and len(self.root.items) == 1:
            self.root = self.root.items[0]

    def _path(self, key: bytes) -> tuple[_Steps, _Node]:
        """The leaf where a key belongs, and the branches and positions that lead to it, all owned."""
        owner = self.owner
        node = self.root = self.root.owned(owner)
        path: _Steps = []
        while not node.leaf:
            at = bisect_right(node.keys, key, 1) - 1
            path.append((node, at))
            child = node.items[at]
            if child.owner != owner:
                child = node.items[at] = child.owned(owner)
            node = child
        return path, node

    def _insert(self, path: _Steps, node: _Node, at: int, key: bytes, item: Any) -> None:
        """Insert into a node; one that is too large is cut, and its right part inserted above."""
        while True:
            node.keys.insert(at, key)
            node.items.insert(at, item)
            if len(node.keys) <= FAN_OUT:
                return
            right = node.split(at if at == FAN_OUT else FAN_OUT // 2)  # appending leaves full nodes behind
            key, item = right.keys[0], right
            if not path:
                self.root = _Node(self.owner, False, [node.keys[0], key], [node, right])
                return
            node, at = path.pop()
            at += 1


class _Ended(dict[str, _Tree]):
    """The tables of a transaction that has ended."""

    def __missing__(self, table: str) -> NoReturn:
        raise InvalidValue("the transaction has ended", where=f"table {table}", fix="begin another")


_ENDED = _Ended()


class _View:
    """The tables as of a transaction: `backend.Reading`."""

    __slots__ = ("_id", "_trees", "_views")

    def __init__(self, id: int, trees: dict[str, _Tree], views: Views | None = None) -> None:
        self._id = id
        self._trees = trees
        self._views = views

    def id(self) -> int:
        return self._id

    def get(self, table: str, key: bytes) -> bytes | None:
        return self._trees[table].get(key)

    def floor(self, table: str, key: bytes) -> Item | None:
        return self._trees[table].floor(key)

    def last(self, table: str) -> Item | None:
        return self._trees[table].root.last()

    def scan(self, table: str, start: bytes = b"") -> Iterator[Item]:
        return self._trees[table].scan(start)

    def scan_back(self, table: str, start: bytes) -> Iterator[Item]:
        return self._trees[table].scan_back(start)

    def count(self, table: str) -> int:
        return self._trees[table].count

    def __enter__(self) -> Self:
        if self._views is not None:
            self._views.open.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._views is not None:
            self._views.open.remove(self)
        self.end()

    def end(self) -> dict[str, _Tree]:
        """The tables, which can no more be reached through this view."""
        trees, self._trees = self._trees, _ENDED
        return trees


class _Draft(_View):
    """The tables as a transaction would leave them: `backend.Writing`."""

    __slots__ = ("written",)

    def __init__(self, id: int, trees: dict[str, _Tree]) -> None:
        super().__init__(id, trees.copy())
        self.written = False

    def put(self, table: str, key: bytes, value: bytes) -> None:
        if not 0 < len(key) <= MAX_KEY_BYTES:
            raise InvalidValue(
                f"a key has 1 to {MAX_KEY_BYTES} bytes, not {len(key)}", where=f"table {table}"
            )
        self._owned(table).put(key, value)

    def append(self, table: str, key: bytes, value: bytes) -> None:
        last = self._trees[table].root.last()
        if last is not None and key <= last[0]:
            raise Corrupt(f"table {table} has an entry at or after {key.hex()} already")
        self.put(table, key, value)

    def delete(self, table: str, key: bytes) -> bool:
        if self._trees[table].get(key) is None:
            return False
        self._owned(table).remove(key)
        return True

    def _owned(self, table: str) -> _Tree:
        tree = self._trees[table]
        if tree.owner != self._id:
            tree = self._trees[table] = _Tree(self._id, tree.root, tree.count)
            self.written = True
        return tree


class Memory:
    """Tables in the memory of this process: a `backend.Backend`. A commit costs O(changes log n)."""

    name = "memory"
    path = None
    read_only = False

    def __init__(self, *, snapshot_every: int = 64) -> None:
        self._committed = (0, {table: _Tree(0, _Node(0, True, [], []), 0) for table in TABLES})
        self._turn = threading.RLock()
        self._writing = False
        self._views = Views()
        self._pid = os.getpid()
        self._open = True

        def begin(txn: _Draft) -> None:
            for name, value in first_settings(snapshot_every).items():
                txn.put("meta", name, value)

        self.write(begin)

    def read(self) -> _View:
        """The last committed state. Costs O(1), keeps what it sees in memory, and holds nobody up."""
        self.check_usable()
        return _View(*self._committed, self._views)

    @contextmanager
    def joined(self) -> Iterator[_View]:
        """This thread's innermost open view, or a new one."""
        view = self._views.open[-1] if self._views.open else None
        if view is not None:
            yield view
        else:
            with self.read() as view:
                yield view

    def write(self, work: Callable[[_Draft], T]) -> T:
        """Run `work` when no other writer is at it, and publish what it wrote; nothing if it raises."""
        self.check_usable()  # before the lock: in a fork its holder may be gone
        with self._turn:
            self.check_usable()
            if self._writing:
                raise InvalidValue("this thread is writing already", where=self.name, fix="write in one go")
            id, trees = self._committed
            txn = _Draft(id + 1, trees)
            self._writing = True
            try:
                with self._views.holding(None):
                    result = work(txn)
            finally:
                self._writing = False
                trees = txn.end()
            if txn.written:
                self._committed = (id + 1, trees)
            return result

    def last_id(self) -> int:
        """The number of the last transaction that wrote something."""
        self.check_usable()
        return self._committed[0]

    def damage(self, progress: Callable[[int, int], None] | None = None) -> list[str]:
        """Nothing: there is no medium."""
        return []

    def sizes(self) -> dict[str, int]:
        """Bytes of the keys and values: as `used`, and by table. O(entries)."""
        with self.read() as view:
            tables = {
                table: sum(len(key) + len(value) for key, value in view.scan(table)) for table in TABLES
            }
        used = sum(tables.values())
        return {"file": 0, "map": 0, "pages": used, "used": used, **tables}

    def copy(self, target: Path) -> None:
        """Save a consistent copy as an LMDB store, durably, into an empty directory. O(entries)."""
        with self.read() as view:
            if not target.is_dir() or any(target.iterdir()):
                raise InvalidValue("a copy needs an empty directory", where=str(target), fix="make one")
            create_store(target)
            saved = Environment(target)
            try:
                saved.write(lambda txn: _pour(view, txn))
            finally:
                saved.close()

    def close(self, *, interrupted: bool = False) -> None:
        """Wait for the writer and end it. Further use is `StoreClosed`."""
        if not self.forked:
            with self._turn:
                self._open = False

    @property
    def forked(self) -> bool:
        """Whether this process is a fork of the one that opened it."""
        return os.getpid() != self._pid

    def check_usable(self) -> None:
        """Raise `StoreClosed` when closed, or when this process was forked from the opener."""
        if not self._open:
            raise StoreClosed("the store is closed", where=self.name)
        if self.forked:
            raise StoreClosed(
                "the store is in the memory of the process this one was forked from", where=self.name
            )


def _pour(view: _View, txn: Any) -> None:
    for table in TABLES:
        for key, value in view.scan(table):
            txn.put(table, key, value)
