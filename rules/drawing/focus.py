"""What of the graphs of some rewrites is drawn: all of small ones, else what the rewrites touch and its neighbours.

    touched: matched, deleted, created, changed, the ends of such edges     around: up to `NEAR` neighbours each way

A focus with its context, as in Furnas, Generalized Fisheye Views, CHI 1986, cut off at distance one. The choice is a
function of the graphs' content, and what it leaves out is counted. Nothing is drawn here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from itonami.graphstore.element import Edge
from itonami.graphstore.graph import HEADER, Graph
from itonami.rules.drawing.scene import Scene

__all__ = ["Focus"]

WHOLE = 24
"""Nodes of a graph that is drawn whole."""

BOXES = 90
"""Nodes drawn of a larger one, and half of its edges."""

NEAR = 3
"""Neighbours drawn of each touched node, each way."""


class Focus:
    """What of the graphs is drawn: all of small ones, else what the steps touch and some of its neighbours."""

    def __init__(self, story: Sequence[Scene]) -> None:
        self.graphs = [scene.before for scene in story] + [scene.after for scene in story[-1:]]
        touched = dict.fromkeys(id for scene in story for id in _touched_nodes(scene))
        whole = all(len(graph) <= WHOLE for graph in self.graphs)
        others = self._everything() if whole else self._around(touched)
        chosen = dict.fromkeys(chain(touched, (id for id in others if id != HEADER)))
        self.nodes = tuple(islice(chosen, BOXES))
        edges = self._edges()
        first = dict.fromkeys(id for scene in story for id in _touched_edges(scene) if id in edges)
        self.edges = tuple(edges[id] for id in islice(dict.fromkeys(chain(first, sorted(edges))), 2 * BOXES))
        self.changed = self._keys(story)
        self.note = self._left_out(len(edges) - len(self.edges))

    def _everything(self) -> Iterator[str]:
        return (node.id for graph in self.graphs for node in graph.nodes())

    def _around(self, touched: Iterable[str]) -> Iterator[str]:
        for graph in self.graphs[:: max(len(self.graphs) - 1, 1)]:
            for id in touched:
                yield from islice((edge.target for edge in graph.out(id)), NEAR)
                yield from islice((edge.source for edge in graph.into(id)), NEAR)

    def _edges(self) -> dict[str, Edge]:
        """The edges among what is drawn, in any of the graphs."""
        shown = set(self.nodes)
        return {e.id: e for g in self.graphs for id in self.nodes for e in g.out(id) if e.target in shown}

    def _keys(self, story: Sequence[Scene]) -> dict[str, set[str]]:
        """The keys that any step changes, by node: they are shown first, in every panel."""
        keys: dict[str, set[str]] = {}
        for change in (change for scene in story for change in scene.delta.set_nodes):
            keys.setdefault(change.id, set()).update(change.before, change.after)
        return keys

    def _left_out(self, edges: int) -> str:
        hidden = [self._hidden(graph) for graph in self.graphs]
        nodes = max(hidden, default=0)
        if not nodes and not edges:
            return ""
        left = f"{nodes:,} other node{'s' * (nodes != 1)}" + f" and {edges:,} edges" * bool(edges)
        return f"what the steps touch is drawn, with neighbours; left out: {left}"

    def _hidden(self, graph: Graph) -> int:
        header = HEADER in graph and HEADER not in self.nodes
        return len(graph) - header - sum(id in graph for id in self.nodes)


def _touched_nodes(scene: Scene) -> Iterator[str]:
    """The ids of nodes that a scene names or changes, or whose edges it does."""
    delta = scene.delta
    yield from scene.node_names
    yield from (node.id for node in (*delta.removed_nodes, *delta.added_nodes))
    yield from (change.id for change in delta.set_nodes)
    yield from (end for e in (*delta.removed_edges, *delta.added_edges) for end in (e.source, e.target))


def _touched_edges(scene: Scene) -> Iterator[str]:
    """The ids of edges that a scene names or changes."""
    delta = scene.delta
    yield from scene.edge_names
    yield from (edge.id for edge in (*delta.removed_edges, *delta.added_edges))
    yield from (change.id for change in delta.set_edges)
