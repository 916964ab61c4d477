"""networkx: the pattern's first monomorphism by VF2 (Cordella, Foggia, Sansone and Vento, 2004), then plain edits.

VF2 looks at the whole graph: it knows of no place to begin, and its matcher is made anew for each search, since its
tables are those of one graph. That is what it is measured for. Labels are attributes; edges are simple, which is
enough for these tasks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import networkx
from networkx.algorithms.isomorphism import DiGraphMatcher, categorical_edge_match, categorical_node_match

from benchmarks.peers.rewriters import Act, Rewriter

__all__ = ["Networkx", "open_peer"]

_SAME = {
    "node_match": categorical_node_match("label", None),
    "edge_match": categorical_edge_match("label", None),
}


class Networkx(Rewriter):
    """Directed graphs whose nodes and edges have a label."""

    def ring(self, nodes: int) -> tuple[Act, Callable[[], int]]:
        graph, pattern = networkx.DiGraph(), networkx.DiGraph()
        graph.add_nodes_from(range(nodes), label="Process")
        graph.add_edges_from(((k, (k + 1) % nodes) for k in range(nodes)), label="NEXT")
        graph.add_node("token", label="Token")
        graph.add_edge("token", 0, label="AT")
        pattern.add_node("t", label="Token")
        pattern.add_nodes_from("pq", label="Process")
        pattern.add_edge("t", "p", label="AT")
        pattern.add_edge("p", "q", label="NEXT")

        def act() -> None:
            matcher = DiGraphMatcher(graph, pattern, **_SAME)
            found = next(matcher.subgraph_monomorphisms_iter())
            places = {variable: node for node, variable in found.items()}
            graph.remove_edge(places["t"], places["p"])
            graph.add_edge(places["t"], places["q"], label="AT")

        return act, lambda: next(iter(graph["token"]))


@asynccontextmanager
async def open_peer(directory: Path) -> AsyncIterator[Networkx]:
    """The library; there is nothing to open."""
    yield Networkx()
