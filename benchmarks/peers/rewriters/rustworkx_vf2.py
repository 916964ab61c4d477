"""rustworkx: the pattern's first monomorphism by VF2 in Rust, labels compared by a Python function, then plain edits.

Nodes are matched in the heuristic order of VF2 (`id_order=False`), which looks at the whole graph first; in the order
of their ids the search may visit every process before it comes to the token.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from operator import eq
from pathlib import Path

import rustworkx

from benchmarks.peers.rewriters import Act, Rewriter

__all__ = ["Rustworkx", "open_peer"]


class Rustworkx(Rewriter):
    """Directed graphs whose nodes and edges are labels."""

    def ring(self, nodes: int) -> tuple[Act, Callable[[], int]]:
        graph, pattern = rustworkx.PyDiGraph(), rustworkx.PyDiGraph()
        graph.add_nodes_from(["Process"] * nodes)
        graph.add_edges_from([(k, (k + 1) % nodes, "NEXT") for k in range(nodes)])
        token = graph.add_node("Token")
        graph.add_edge(token, 0, "AT")
        t, p, q = pattern.add_nodes_from(["Token", "Process", "Process"])
        pattern.add_edges_from([(t, p, "AT"), (p, q, "NEXT")])

        def act() -> None:
            search = rustworkx.vf2_mapping(
                graph, pattern, eq, eq, id_order=False, subgraph=True, induced=False
            )
            places = {variable: node for node, variable in next(search).items()}
            graph.remove_edge(places[t], places[p])
            graph.add_edge(places[t], places[q], "AT")

        return act, lambda: int(graph.successor_indices(token)[0])


@asynccontextmanager
async def open_peer(directory: Path) -> AsyncIterator[Rustworkx]:
    """The library; there is nothing to open."""
    yield Rustworkx()
