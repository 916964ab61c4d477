"""Itonami: `itonami.query.run` on a store, of a graph at the transaction before its later versions.

Nothing is turned, but the limit of time: the first scan of a version reads the whole graph from disk.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.peers.queriers import Querier, linked
from itonami.graphstore import Graph, Store
from itonami.query import Limits, run

__all__ = ["Itonami", "open_peer"]

GRAPH, OLD = "graph", "old"
PARITY = ("Even", "Odd")
CHUNK_NODES = 2_500  # with their edges half of what a transaction may hold
LIMITS = Limits(seconds=600)
POINT = "MATCH (n) WHERE id(n) = $id RETURN n.value"
HOPS = "MATCH (n)-[:NEXT]->()-[:NEXT]->(m) WHERE id(n) = $id RETURN m.value"
TRAILS = "MATCH (n)-[:NEXT*1..{most}]->(m) WHERE id(n) = $id RETURN count(*)"
COUNT = "MATCH (n:Odd) RETURN count(n)"
SCAN = "MATCH (n:Odd) WHERE n.value >= $least RETURN count(n)"
TYPICAL = """
MATCH (a:Order {{state: 'open'}})-[:HAS]->(item:Item)-[r:OF|FROM]->(p:Product)
WHERE a.total > $least AND p.name STARTS WITH 'x{number}'
WITH a, collect(DISTINCT p.name) AS names, sum(item.price * item.count) AS price
RETURN a.id, names[..3], price ORDER BY price DESC, a.id LIMIT 10
"""


class Itonami(Querier):
    """A store in a directory. `fill` opens it anew, so that nothing of the graph is in memory."""

    def __init__(self, directory: Path) -> None:
        self.settings = {"store": "as Store.open makes it", "limit": f"{LIMITS.seconds:g} s"}
        self._path = directory / "state.itonami"
        self._store = Store.open(self._path)

    def fill(self, nodes: int, versions: int) -> None:
        for first in range(0, nodes, CHUNK_NODES):
            chunk = range(first, min(first + CHUNK_NODES, nodes))
            with self._store.transaction(GRAPH, event="filled") as edited:
                for node in chunk:
                    edited.add_node("Node", PARITY[node % 2], id=_name(node), value=node)
        for first in range(0, nodes, CHUNK_NODES):
            chunk = range(first, min(first + CHUNK_NODES, nodes))
            with self._store.transaction(GRAPH, event="linked") as edited:
                for node in chunk:
                    for target in linked(node, nodes):
                        edited.add_edge(_name(node), "NEXT", _name(target))
        self._store.tag(GRAPH, OLD)
        for version in range(versions):
            with self._store.transaction(GRAPH, event="changed") as edited:
                edited.update(_name(version * 7 % nodes), value=-1)
        self.close()
        self._store = Store.open(self._path)

    def value(self, node: int) -> int:
        ((value,),) = self._rows(POINT, id=_name(node))
        return int(value)

    def hops(self, node: int) -> list[int]:
        return [value for (value,) in self._rows(HOPS, id=_name(node))]

    def trails(self, node: int, most: int) -> int:
        return self._number(TRAILS.format(most=most), id=_name(node))

    def count(self) -> int:
        return self._number(COUNT)

    def scan(self, least: int) -> int:
        return self._number(SCAN, least=least)

    def compile(self, number: int) -> None:
        run(Graph(), "EXPLAIN " + TYPICAL.format(number=number), params={"least": 0})

    def small(self, number: int) -> int:
        ((found,),) = run(Graph(), f"UNWIND [1, 2, 3] AS x WITH sum(x) AS s RETURN s + {number - 6}").rows
        return int(found)

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _rows(self, text: str, **params: Any) -> tuple[tuple[Any, ...], ...]:
        return run(self._store, text, graph=GRAPH, at=f"TAG {OLD}", params=params, limits=LIMITS).rows

    def _number(self, text: str, **params: Any) -> int:
        ((number,),) = self._rows(text, **params)
        return int(number)


def _name(node: int) -> str:
    return f"node-{node}"


@asynccontextmanager
async def open_peer(directory: Path) -> AsyncIterator[Itonami]:
    """A store in `directory`."""
    peer = Itonami(directory)
    try:
        yield peer
    finally:
        peer.close()
