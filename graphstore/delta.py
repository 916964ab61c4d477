"""The fact: what a transaction changed in one graph, both ways.

A delta holds what was removed (whole), what was added (whole) and what was set (the entries that differ, before
and after), sorted by id, in canonical form: the net effect of its transaction, whatever the order of the edits. It
is a partial bijection on graphs:

    d = a.diff(b):      a.patch(d) == b        b.patch(d.inverse()) == a

so graphstore alone replays any graph in both directions. No reason for a change may live here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from itonami.graphstore import trie
from itonami.graphstore.codec import Value, same
from itonami.graphstore.element import Edge, Node, changed_keys, edge_path
from itonami.graphstore.errors import Corrupt, InvalidValue
from itonami.graphstore.graph import Graph

__all__ = ["EMPTY", "Change", "Delta", "EdgeChange"]


@dataclass(frozen=True, slots=True)
class Change:
    """One element set in place: the property entries and labels that differ, on either side."""

    id: str
    before: dict[str, Value]
    after: dict[str, Value]
    labels_removed: tuple[str, ...] = ()
    labels_added: tuple[str, ...] = ()

    def inverse(self) -> Change:
        """The change back."""
        return Change(self.id, self.after, self.before, self.labels_added, self.labels_removed)

    def to_list(self) -> list[Value]:
        """`[id, before, after]`, and the labels where they change."""
        fields: list[Value] = [self.id, self.before, self.after]
        if self.labels_removed or self.labels_added:
            fields += [list(self.labels_removed), list(self.labels_added)]
        return fields

    @classmethod
    def from_list(cls, fields: list[Value]) -> Change:
        node_id, before, after, *labels = fields
        removed, added = labels or ((), ())
        return cls(node_id, before, after, tuple(removed), tuple(added))

    def applied(self, data: dict[str, Value]) -> dict[str, Value]:
        """The properties after this change; `InvalidValue` when they are not those before it."""
        result = dict(data)
        for key, value in self.before.items():
            if key not in result or not same(result.pop(key), value):
                raise InvalidValue(f"{self.id!r} does not hold the value {key!r} that the delta changes")
        for key, value in self.after.items():
            if key in result:
                raise InvalidValue(f"{self.id!r} already holds {key!r}, which the delta adds")
            result[key] = value
        return result


@dataclass(frozen=True, slots=True)
class EdgeChange(Change):
    """An edge set in place: with its source and label it is found without an index."""

    source: str = ""
    label: str = ""

    def inverse(self) -> EdgeChange:
        """The change back."""
        return EdgeChange(self.id, self.after, self.before, source=self.source, label=self.label)

    def to_list(self) -> list[Value]:
        """`[id, source, label, before, after]`."""
        return [self.id, self.source, self.label, self.before, self.after]

    @classmethod
    def from_list(cls, fields: list[Value]) -> EdgeChange:
        edge_id, source, label, before, after = fields
        return cls(edge_id, before, after, source=source, label=label)


@dataclass(frozen=True, slots=True)
class Delta:
    """The net change of one graph. Elements are sorted by id in each part."""

    removed_nodes: tuple[Node, ...] = ()
    added_nodes: tuple[Node, ...] = ()
    set_nodes: tuple[Change, ...] = ()
    removed_edges: tuple[Edge, ...] = ()
    added_edges: tuple[Edge, ...] = ()
    set_edges: tuple[EdgeChange, ...] = ()

    def __bool__(self) -> bool:
        return any(getattr(self, part) for part in self.__slots__)

    def inverse(self) -> Delta:
        """The delta back: `b.patch(d.inverse()) == a`."""
        return Delta(
            self.added_nodes,
            self.removed_nodes,
            tuple(change.inverse() for change in self.set_nodes),
            self.added_edges,
            self.removed_edges,
            tuple(change.inverse() for change in self.set_edges),
        )

    @classmethod
    def between(cls, before: Iterable[Node | Edge], after: Iterable[Node | Edge]) -> Delta:
        """The delta that replaces the elements `before` by the elements `after`."""
        nodes: dict[str, list[Any]] = {}
        edges: dict[str, list[Any]] = {}
        for side, items in enumerate((before, after)):
            for item in items:
                touched = nodes if type(item) is Node else edges
                touched.setdefault(item.id, [None, None])[side] = item
        return cls.of({i: (a, b) for i, (a, b) in nodes.items()}, {i: (a, b) for i, (a, b) in edges.items()})

    @classmethod
    def of(
        cls,
        nodes: Mapping[str, tuple[Node | None, Node | None]],
        edges: Mapping[str, tuple[Edge | None, Edge | None]],
    ) -> Delta:
        """The net delta of touched elements, each given as (before, after). O(k log k)."""
        removed_nodes, added_nodes, set_nodes = [], [], []
        for id, (old, new) in sorted(nodes.items()) if len(nodes) > 1 else nodes.items():
            if old is None:
                if new is not None:
                    added_nodes.append(new)
            elif new is None:
                removed_nodes.append(old)
            elif (change := _change(id, old, new, old.labels, new.labels)) is not None:
                set_nodes.append(change)
        removed_edges, added_edges, set_edges = [], [], []
        for id, (before, after) in sorted(edges.items()) if len(edges) > 1 else edges.items():
            if before is not None and after is not None and _ends(before) == _ends(after):
                was, now = changed_keys(before.data, after.data)
                if was or now:
                    set_edges.append(EdgeChange(id, was, now, source=after.source, label=after.label))
                continue
            if before is not None:
                removed_edges.append(before)
            if after is not None:
                added_edges.append(after)
        return cls(
            tuple(removed_nodes),
            tuple(added_nodes),
            tuple(set_nodes),
            tuple(removed_edges),
            tuple(added_edges),
            tuple(set_edges),
        )

    def to_list(self) -> list[Value]:
        """The plain form that is encoded into the commit record; parts at the end that are empty are left out."""
        parts: list[list[Value]] = [
            [element.to_list() for element in getattr(self, part)] for part in self.__slots__
        ]
        while parts and not parts[-1]:
            parts.pop()
        return parts

    @classmethod
    def from_list(cls, parts: list[Value]) -> Delta:
        """The delta of its plain form. Raises `Corrupt` when it has more parts than there are."""
        readers: tuple[Any, ...] = (Node, Node, Change, Edge, Edge, EdgeChange)
        if len(parts) > len(readers):
            raise Corrupt("a delta has at most six parts")
        return cls(
            *(
                tuple(reader.from_list(fields) for fields in part)
                for reader, part in zip(readers, parts, strict=False)
            )
        )

    def apply(self, graph: Graph) -> Graph:
        """`graph.patch(self)`. Raises `InvalidValue` when the graph is not the one this delta starts from."""
        drops: list[Node | Edge] = []
        puts: list[Node | Edge] = []
        for node in self.removed_nodes:
            if graph.find(node.id) != node:
                raise InvalidValue(f"node {node.id!r}, which the delta removes, is not there as it says")
            drops.append(node)
        for edge in self.removed_edges:
            drops.append(_present(graph, edge))
        for change in self.set_nodes:
            old = graph.find(change.id)
            if old is None:
                raise InvalidValue(f"node {change.id!r}, which the delta sets, is not there")
            if not old.labels.issuperset(change.labels_removed) or not old.labels.isdisjoint(
                change.labels_added
            ):
                raise InvalidValue(f"node {change.id!r} does not have the labels that the delta changes")
            labels = (old.labels - set(change.labels_removed)) | set(change.labels_added)
            puts.append(Node(change.id, labels, change.applied(old.data)))
        for moved in self.set_edges:
            was = trie.get(graph.top, edge_path(moved.source, moved.label, moved.id))
            if was is None or was.id != moved.id:
                raise InvalidValue(f"edge {moved.id!r}, which the delta sets, is not there")
            puts.append(Edge(was.id, was.source, was.label, was.target, moved.applied(was.data)))
        for added in self.added_nodes:
            if graph.find(added.id) is not None:
                raise InvalidValue(f"node {added.id!r}, which the delta adds, is already there")
        gone = {edge.id for edge in self.removed_edges}
        for edge in self.added_edges:
            if edge.id not in gone and trie.get(graph.top, edge.path) is not None:
                raise InvalidValue(f"edge {edge.id!r}, which the delta adds, is already there")
        return graph.replaced([*puts, *self.added_nodes, *self.added_edges], drops)

    def __len__(self) -> int:
        """How many elements it touches."""
        return sum(len(getattr(self, part)) for part in self.__slots__)


EMPTY = Delta()


def _ends(edge: Edge) -> tuple[str, str, str]:
    return edge.source, edge.label, edge.target


def _present(graph: Graph, edge: Edge) -> Edge:
    """The edge itself, if the graph holds it as it is: looked up by its path, without an index."""
    if trie.get(graph.top, edge.path) != edge:
        raise InvalidValue(f"edge {edge.id!r}, which the delta removes, is not there as it says")
    return edge


def _change(
    id: str, before: Node, after: Node, old_labels: frozenset[str], new_labels: frozenset[str]
) -> Change | None:
    if before is after:
        return None
    old, new = changed_keys(before.data, after.data)
    if old_labels == new_labels:
        return Change(id, old, new) if old or new else None
    return Change(
        id, old, new, tuple(sorted(old_labels - new_labels)), tuple(sorted(new_labels - old_labels))
    )
