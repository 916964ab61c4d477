"""A version between two saved tries: the trie before it, and what happened since, folded only when it is needed.

    saved trie at S  --delta--> --delta--> ... --delta-->  version at T

Every version says in four bytes each which nodes it touched (`marks_of`). Whoever asks for a node that nothing since S
touched, or for the edges that leave it, is answered from the trie at S. For anything else all deltas are decoded at
once and folded to their net effect, each element once, and the result must meet the root that is recorded for T.
Nothing of tables or transactions may live here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from itonami.graphstore.codec import Value, array, load
from itonami.graphstore.delta import Delta
from itonami.graphstore.element import Edge, Node, edge_path, hashed
from itonami.graphstore.errors import Corrupt
from itonami.graphstore.graph import Graph
from itonami.graphstore.records import Payload
from itonami.graphstore.trie import Tree, get

__all__ = ["MANY", "Past", "folded", "marks_of"]

MARK_DIGITS = 8  # of hex: four bytes
MANY = b"\xff"
"""In place of the marks of a version that touched very many"""
_MAX_MARKS = 64
CHUNK = 64
_GONE: Any = object()


def marks_of(delta: Delta) -> bytes:
    """The marks of a delta: the first four bytes of the hash of each node that it changes, and of each node from which
    an edge leaves that it changes; sorted, each once."""
    marks = {hashed(element.id)[:MARK_DIGITS] for part in _node_parts(delta) for element in part}
    marks |= {hashed(element.source)[:MARK_DIGITS] for part in _edge_parts(delta) for element in part}
    return bytes.fromhex("".join(sorted(marks))) if len(marks) <= _MAX_MARKS else MANY


def _node_parts(delta: Delta) -> tuple[tuple[Any, ...], ...]:
    return delta.removed_nodes, delta.added_nodes, delta.set_nodes


def _edge_parts(delta: Delta) -> tuple[tuple[Any, ...], ...]:
    return delta.removed_edges, delta.added_edges, delta.set_edges


class Past:
    """What a lazy graph knows: the saved trie, the marks since, and where the deltas are to be had."""

    __slots__ = ("_bodies", "_marks", "_payload", "before")

    def __init__(
        self,
        before: Graph,
        marks: list[bytes],
        bodies: Callable[[], tuple[list[bytes], bytes]],
        payload: Payload,
    ) -> None:
        self.before = before
        self._marks = marks
        self._bodies = bodies
        self._payload = payload

    def spares(self, id_hash: str) -> bool:
        """Whether nothing since touched the node of that hash, or an edge that leaves it. 0.2 us a version."""
        mark = bytes.fromhex(id_hash[:MARK_DIGITS])
        for marks in self._marks:
            if marks == MANY:
                return False
            at = marks.find(mark)
            while at >= 0:
                if at % len(mark) == 0:
                    return False
                at = marks.find(mark, at + 1)
        return True

    def settled(self) -> Tree:
        """The trie of the version. O(deltas since the saved one); `Corrupt` when it does not meet the recorded root."""
        bodies, root = self._bodies()
        graph = self.before.replaced(*folded(bodies, self.before, self._payload))
        if graph.root != root:
            raise Corrupt("the deltas do not lead to the recorded root", fix="run verify")
        return graph.top


def folded(
    bodies: list[bytes], before: Graph, payload: Payload
) -> tuple[list[Node | Edge], list[Node | Edge]]:
    """The elements to put and to drop, so that a graph has gone through the deltas of these bodies: their net effect.
    About 5 us a delta."""
    nodes: dict[str, _Fate] = {}
    edges: dict[str, _Fate] = {}
    try:
        for first in range(
            0, len(bodies), CHUNK
        ):  # all at once, the collector of garbage would go through them all
            for _, delta in load(array(*bodies[first : first + CHUNK]), payload):
                _follow(delta, nodes, edges)
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise Corrupt(f"a body has another shape: {error}") from error
    puts: list[Node | Edge] = []
    drops: list[Node | Edge] = []
    for id, fate in nodes.items():
        was = before.find(id)
        _settle(was, fate.node(was), puts, drops)
    for fate in edges.values():
        present = fate.edge_before(before)
        _settle(present, fate.edge(present), puts, drops)
    return puts, drops


class _Fate:
    """What became of one element: made anew, gone, or changed in place."""

    __slots__ = ("added", "changes", "first", "labels", "new")

    def __init__(self) -> None:
        self.new: list[Value] | None = None  # its record, where it was added
        self.first: tuple[str, str, str] | None = None  # of an edge: id, source and label it had before
        self.added: bool | None = None  # None while it is only changed
        self.changes: dict[str, Value] = {}
        self.labels: dict[str, bool] = {}

    def start(self, record: list[Value]) -> None:
        self.new, self.added = record, True
        self.changes, self.labels = {}, {}

    def end(self) -> None:
        self.new, self.added = None, False
        self.changes, self.labels = {}, {}

    def set(self, before: dict[str, Value], after: dict[str, Value]) -> None:
        changes = self.changes
        for key in before:
            changes[key] = _GONE
        changes.update(after)

    def data(self, present: dict[str, Value]) -> dict[str, Value]:
        merged = present | self.changes
        return {key: value for key, value in merged.items() if value is not _GONE}

    def node(self, was: Node | None) -> Node | None:
        if self.added is False:
            return None
        start = Node.from_list(self.new) if self.new is not None else was
        if start is None:
            raise Corrupt("a delta sets a node that is not there")
        if not self.changes and not self.labels:
            return start
        gone = {label for label, kept in self.labels.items() if not kept}
        labels = (start.labels - gone) | (self.labels.keys() - gone)
        return Node(start.id, labels, self.data(start.data))

    def edge_before(self, before: Graph) -> Edge | None:
        if self.first is None:
            return None
        id, source, label = self.first
        found: Edge | None = get(before.top, edge_path(source, label, id))
        return found

    def edge(self, was: Edge | None) -> Edge | None:
        if self.added is False:
            return None
        start = Edge.from_list(self.new) if self.new is not None else was
        if start is None:
            raise Corrupt("a delta sets an edge that is not there")
        if not self.changes:
            return start
        return Edge(start.id, start.source, start.label, start.target, self.data(start.data))


def _follow(delta: list[Any], nodes: dict[str, _Fate], edges: dict[str, _Fate]) -> None:
    """One delta in its plain form, noted at the elements it is about."""
    parts = len(delta)
    for record in delta[0] if parts else ():
        _fate(nodes, record[0]).end()
    for record in delta[1] if parts > 1 else ():
        _fate(nodes, record[0]).start(record)
    for id, before, after, *labels in delta[2] if parts > 2 else ():
        fate = nodes.get(id)
        if fate is None:
            fate = nodes[id] = _Fate()
        fate.set(before, after)
        if labels:
            fate.labels.update(dict.fromkeys(labels[0], False) | dict.fromkeys(labels[1], True))
    for record in delta[3] if parts > 3 else ():
        fate = _fate(edges, record[0])
        if fate.added is None and fate.first is None:
            fate.first = record[0], record[1], record[2]
        fate.end()
    for record in delta[4] if parts > 4 else ():
        _fate(edges, record[0]).start(record)
    for id, source, label, before, after in delta[5] if parts > 5 else ():
        fate = _fate(edges, id)
        if fate.added is None and fate.first is None:
            fate.first = id, source, label
        fate.set(before, after)


def _fate(fates: dict[str, _Fate], id: str) -> _Fate:
    fate = fates.get(id)
    if fate is None:
        fate = fates[id] = _Fate()
    return fate


def _settle(
    was: Node | Edge | None, now: Node | Edge | None, puts: list[Node | Edge], drops: list[Node | Edge]
) -> None:
    if was is not None and (now is None or was.path != now.path):
        drops.append(was)
    if now is not None:
        puts.append(now)
