"""grand-cypher on networkx: a directed graph in memory, asked in Cypher by the motif search of `grandiso`.

It keeps no past: the graph is that of the version asked for, and later versions are not made. Names of nodes are the
graph's keys, which `id(n)` compares.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import networkx
from grandcypher import GrandCypher

from benchmarks.peers.queriers import Querier, linked

__all__ = ["NetworkxGrand", "open_peer"]


class NetworkxGrand(Querier):
    """A graph in memory."""

    def __init__(self) -> None:
        self.settings = {"storage": "memory, one version"}

    def fill(self, nodes: int, versions: int) -> None:
        self._graph = networkx.DiGraph()
        for node in range(nodes):
            parity = "Odd" if node % 2 else "Even"
            self._graph.add_node(f"node-{node}", __labels__={"Node", parity}, value=node)
        for node in range(nodes):
            for target in linked(node, nodes):
                self._graph.add_edge(f"node-{node}", f"node-{target}", __labels__={"NEXT"})

    def value(self, node: int) -> int:
        (value,) = self._column(f'MATCH (n) WHERE id(n) = "node-{node}" RETURN n.value')
        return int(value)

    def hops(self, node: int) -> list[int]:
        return self._column(
            f'MATCH (n)-[a:NEXT]->(k)-[b:NEXT]->(m) WHERE id(n) = "node-{node}" RETURN m.value'
        )

    def count(self) -> int:
        (number,) = self._column("MATCH (n:Odd) RETURN COUNT(n)")
        return int(number)

    def scan(self, least: int) -> int:
        raise NotImplementedError(
            "a label with a condition takes it time in the square of the nodes: 8 s for 5,000"
        )

    def _column(self, text: str) -> list[Any]:
        (column,) = GrandCypher(self._graph).run(text).values()
        return list(column)


@asynccontextmanager
async def open_peer(directory: Path) -> AsyncIterator[NetworkxGrand]:
    """The library; there is nothing to open."""
    yield NetworkxGrand()
