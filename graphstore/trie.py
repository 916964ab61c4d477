"""A canonical Merkle trie: 16-way, path-compressed, persistent.

The tree is a function of its content alone: a branch stands exactly where two keys part, so the same set of
records has the same root in whatever order it was put and deleted (the collapse rule of CHAMP, Steindorfer
and Vinju, OOPSLA 2015, and of the IPLD HAMT specification). In memory, paths are hexadecimal text, a nibble a
character, and always counted from the root.

    leaf   = [key, record]                          hash = BLAKE3 of that CBOR array
    branch = [prefix, bitmap, child hashes]         16 children at most, hashes concatenated in nibble order

Nodes are immutable; an update copies one path and shares the rest. Hashes are computed when asked for. A `Stub`
is a child that was not read yet. No knowledge of graphs, of LMDB or of versions may live here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, Protocol, TypeVar, Union

from blake3 import blake3

from itonami.graphstore.codec import ascii_text, byte_string, encode
from itonami.graphstore.errors import InvalidValue

__all__ = [
    "Branch",
    "Item",
    "Leaf",
    "Stub",
    "Tick",
    "Tree",
    "bulk",
    "delete",
    "differences",
    "differing",
    "get",
    "items",
    "put",
    "root",
    "ticking",
]

EMPTY_ROOT = blake3(encode([])).digest()
NIBBLES = "0123456789abcdef"


@lru_cache(maxsize=65_536)
def _bitmap(nibbles: str) -> bytes:
    """The encoded bitmap of the children that are there."""
    return encode(sum(1 << NIBBLES.index(nibble) for nibble in nibbles))


class Item(Protocol):
    """A record: what lies at a leaf. `path` is its key in hex, `record` its canonical bytes."""

    @property
    def id(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def record(self) -> bytes: ...


class Leaf:
    """One record. `location` is where the store that read or wrote this very object keeps it, or None."""

    __slots__ = ("_hash", "item", "location", "path")

    def __init__(self, path: str, item: Any, location: int | None = None, hash: bytes | None = None) -> None:
        self.path = path
        self.item = item
        self.location = location
        self._hash = hash

    @property
    def encoded(self) -> bytes:
        return b"\x82" + byte_string(bytes.fromhex(self.path)) + byte_string(self.item.record)

    @property
    def hash(self) -> bytes:
        if self._hash is None:
            self._hash = blake3(self.encoded).digest()
        return self._hash


class Branch:
    """Two to sixteen subtrees that share `path` and part at the next nibble; `children` is in order of nibble."""

    __slots__ = ("_hash", "children", "location", "path")

    def __init__(
        self,
        path: str,
        children: dict[str, Subtree],
        location: int | None = None,
        hash: bytes | None = None,
    ) -> None:
        self.path = path
        self.children = children
        self.location = location
        self._hash = hash

    @property
    def encoded(self) -> bytes:
        children = self.children
        hashes = b"".join([child._hash or child.hash for child in children.values()])
        return b"\x83" + ascii_text(self.path) + _bitmap("".join(children)) + byte_string(hashes)

    @property
    def hash(self) -> bytes:
        if self._hash is None:
            self._hash = blake3(self.encoded).digest()
        return self._hash

    def child(self, nibble: str) -> Leaf | Branch | None:
        """The subtree there; a stub is read once and replaced in place."""
        child = self.children.get(nibble)
        if type(child) is Stub:
            child = self.children[nibble] = child.read()
        return child  # type: ignore[return-value]

    def whole(self, nibble: str) -> Leaf | Branch:
        """The subtree there; a stub is read once, with all that is below it, and replaced in place."""
        child = self.children[nibble]
        if type(child) is Stub:
            child = self.children[nibble] = child.source.whole(child.location, child.hash)
        return child  # type: ignore[return-value]

    def read_children(self, nibbles: Iterable[str] | None = None, *, whole: bool = False) -> None:
        """Read what is not read yet of all children, or of those there, at once; `whole`: with all that is below."""
        children = self.children
        wanted = children if nibbles is None else nibbles
        stubs = [(nibble, child) for nibble in wanted if type(child := children.get(nibble)) is Stub]
        if stubs:
            with stubs[0][1].source.together():
                for nibble, stub in stubs:
                    children[nibble] = stub.source.whole(stub.location, stub.hash) if whole else stub.read()


class Source(Protocol):
    """Where subtrees are read from."""

    def load(self, location: int, hash: bytes) -> Leaf | Branch:
        """The subtree at a location, checked against its hash."""

    def whole(self, location: int, hash: bytes) -> Leaf | Branch:
        """`load` with all that is below."""

    def together(self) -> AbstractContextManager[object]:
        """What is loaded in such a block costs less."""


class Stub:
    """A subtree known by hash and location, not yet read."""

    __slots__ = ("_hash", "location", "source")

    def __init__(self, hash: bytes, location: int, source: Source) -> None:
        self._hash = hash
        self.location = location
        self.source = source

    @property
    def hash(self) -> bytes:
        return self._hash

    def read(self) -> Leaf | Branch:
        """The subtree, checked against the hash."""
        return self.source.load(self.location, self._hash)


Subtree = Union[Leaf, Branch, Stub]  # noqa: UP007 - forward reference at run time
Tree = Leaf | Branch | None


def root(tree: Tree) -> bytes:
    """The root hash, 32 bytes. O(nodes changed since it was last asked)."""
    return EMPTY_ROOT if tree is None else tree.hash


def get(tree: Tree, path: str) -> Any:
    """The item at `path`, or None. O(log n)."""
    node = tree
    while type(node) is Branch:
        prefix = node.path
        if not path.startswith(prefix) or len(path) == len(prefix):
            return None
        node = node.child(path[len(prefix)])
    return node.item if node is not None and node.path == path else None  # type: ignore[union-attr]


def put(tree: Tree, path: str, item: Any) -> Leaf | Branch:
    """The tree with `item` at `path`, a new one or in place of what was there. Two ids whose hashes share the prefix
    that makes the path cannot both be kept: `InvalidValue`. O(log n)."""
    if tree is None:
        return Leaf(path, item)
    if tree.path == path:
        if tree.item.id != item.id:  # type: ignore[union-attr]
            raise InvalidValue(
                f"the ids {tree.item.id!r} and {item.id!r} share a hash prefix",  # type: ignore[union-attr]
                fix="choose another id",
            )
        return Leaf(path, item)
    if type(tree) is Branch and path.startswith(tree.path):
        nibble = path[len(tree.path)]
        child = tree.child(nibble)
        if child is None:
            return Branch(tree.path, _ordered({**tree.children, nibble: Leaf(path, item)}))
        children = dict(tree.children)
        children[nibble] = put(child, path, item)
        return Branch(tree.path, children)
    at = _parting(tree.path, path)
    return Branch(path[:at], _ordered({tree.path[at]: tree, path[at]: Leaf(path, item)}))


def _ordered(children: dict[str, Subtree]) -> dict[str, Subtree]:
    return {nibble: children[nibble] for nibble in sorted(children)}


def _parting(a: str, b: str) -> int:
    """The first position where two paths differ. Paths are prefix-free, so there is one."""
    for position, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return position
    raise AssertionError("one path is a prefix of the other")


def delete(tree: Tree, path: str) -> Tree:
    """The tree without `path`; a branch left with one child collapses into it. O(log n)."""
    if tree is None or tree.path == path:
        return None
    if type(tree) is not Branch or not path.startswith(tree.path):
        return tree
    nibble = path[len(tree.path)]
    child = tree.child(nibble)
    if child is None:
        return tree
    rest = delete(child, path)
    if rest is child:
        return tree
    children = dict(tree.children)
    if rest is not None:
        children[nibble] = rest
        return Branch(tree.path, children)
    del children[nibble]
    if len(children) > 1:
        return Branch(tree.path, children)
    (last,) = children
    survivor = children[last]
    return survivor.read() if isinstance(survivor, Stub) else survivor


def items(tree: Tree, prefix: str = "") -> Iterator[Any]:
    """Items whose path starts with `prefix`, in order of path. O(log n + found)."""
    node = tree
    while type(node) is Branch and len(node.path) < len(prefix):
        if not prefix.startswith(node.path):
            return
        node = node.child(prefix[len(node.path)])
    if node is not None and node.path.startswith(prefix):
        yield from _walk(node)


Tick = Callable[[int], None]
"""Hears how many items were read since it last did, 0 while something is made of them. What it raises ends the work"""

_STRIDE = 256
T = TypeVar("T")


def ticking(items: Iterable[T], tick: Tick | None) -> Iterator[T]:
    """The same items, of which something is made; now and then the tick hears."""
    if tick is None:
        yield from items
        return
    for count, item in enumerate(items, 1):
        yield item
        if count % _STRIDE == 0:
            tick(0)


def bulk(tree: Tree, tick: Tick | None = None) -> Iterator[Any]:
    """All items in order of path, read in some 256 parts. What ends the work leaves no subtree half read."""
    for part in _parts(tree):
        found: list[Any] = []
        stack: list[Any] = [part]
        while stack:
            node = stack.pop()
            if type(node) is not Branch:
                found.append(node.item)
                continue
            node.read_children(whole=True)
            stack.extend(reversed(node.children.values()))
        if tick is not None:
            tick(len(found))
        yield from found


def _parts(tree: Tree) -> Iterator[Leaf | Branch]:
    """What lies two levels down: what was not read of it, is read whole when its turn comes."""
    if isinstance(tree, Branch):
        tree.read_children()
        for child in tree.children.values():
            if isinstance(child, Branch):
                for nibble in child.children:
                    yield child.whole(nibble)
            else:
                yield child  # type: ignore[misc]
    elif tree is not None:
        yield tree


def _walk(node: Leaf | Branch) -> Iterator[Any]:
    stack: list[Leaf | Branch] = [node]
    while stack:
        top = stack.pop()
        if isinstance(top, Leaf):
            yield top.item
            continue
        top.read_children()
        stack.extend(reversed(top.children.values()))  # type: ignore[arg-type]


def differing(a: Tree, b: Tree) -> tuple[list[Any], list[Any]]:
    """The items of `a` and of `b` that the other does not hold alike. O(changes log n)."""
    found: tuple[list[Any], list[Any]] = [], []
    for side, item in differences(a, b):
        found[side].append(item)
    return found


def differences(a: Tree, b: Tree) -> Iterator[tuple[int, Any]]:
    """Each item of `a` (with 0) and of `b` (with 1) that the other does not hold alike. Equal hashes end the descent:
    O(log n) for each, so who finds them too many may stop."""
    stack: list[tuple[Tree, Tree]] = [(a, b)]
    while stack:
        x, y = stack.pop()
        if not _unlike(x, y):
            continue
        if type(x) is Branch and type(y) is Branch and x.path == y.path:
            apart = [nibble for nibble in NIBBLES if _unlike(x.children.get(nibble), y.children.get(nibble))]
            x.read_children(apart)
            y.read_children(apart)
            stack.extend((x.child(nibble), y.child(nibble)) for nibble in apart)
        elif type(x) is Branch and y is not None and y.path.startswith(x.path):
            _against(x, y, stack, left=True)
        elif type(y) is Branch and x is not None and x.path.startswith(y.path):
            _against(y, x, stack, left=False)
        else:
            for side, rest in enumerate((x, y)):
                for item in () if rest is None else _walk(rest):
                    yield side, item


def _unlike(x: Subtree | None, y: Subtree | None) -> bool:
    return x is not y and (x is None or y is None or x.hash != y.hash)


def _against(branch: Branch, other: Leaf | Branch, stack: list[tuple[Tree, Tree]], *, left: bool) -> None:
    """Compare a subtree that lies below `branch` with the child it belongs to, the rest with nothing."""
    own = other.path[len(branch.path)]
    for nibble in sorted(branch.children.keys() | {own}):
        child = branch.child(nibble)
        match = other if nibble == own else None
        stack.append((child, match) if left else (match, child))
