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

GRAPH = "graph"
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
    """The open store, and the transaction that is asked."""

    settings = {"store": "as Store.open makes it", "limits": "600 s"}

    def __init__(self, store: Store) -> None:
        self._store = store
        newest = store.tag("old") if False else None
        self._at = newest

    def fill(self, nodes: int, versions: int) -> None:
        raise NotImplementedError


def _name(node: int) -> str:
    return f"node-{node}"
