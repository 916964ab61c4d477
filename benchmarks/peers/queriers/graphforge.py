"""GraphForge: an embedded openCypher engine in Rust, Arrow its results, checkpoints its past.

The old graph is a checkpoint, asked through `open_checkpoint`, which takes no parameters: numbers are written into the
texts. The graph is filled in bulk, and a node found by its property `key`, as its names are UUIDs of its own making.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pyarrow
from graphforge import GraphForge as Forge

from benchmarks.peers.queriers import LINKS, Querier, linked

__all__ = ["GraphForge", "open_peer"]


class GraphForge(Querier):
    """A project in a directory."""

    def __init__(self, directory: Path) -> None:
        self.settings = {"storage": "a directory, a checkpoint of the old graph"}
        self._directory = str(directory)
        self._forge = Forge(self._directory)
        self._old: Any = None

    def fill(self, nodes: int, versions: int) -> None:
        names: list[bytes] = [b""] * nodes
        for odd, label in enumerate(("Even", "Odd")):
            numbers = range(odd, nodes, 2)
            table = pyarrow.table({"key": [f"node-{node}" for node in numbers], "value": list(numbers)})
            made = self._forge.add_nodes(label, table, operation_uuid=_uuid7())
            for node, name in zip(numbers, made.column("entity_uuid").to_pylist(), strict=True):
                names[node] = name
        identity = pyarrow.binary(16)
        edges = {
            "src_id": pyarrow.array([names[node] for node in range(nodes) for _ in range(LINKS)], identity),
            "dst_id": pyarrow.array(
                [names[target] for node in range(nodes) for target in linked(node, nodes)], identity
            ),
        }
        self._forge.add_edges("NEXT", pyarrow.table(edges), operation_uuid=_uuid7())
        self._forge.checkpoint(name="old", idempotency_key=_uuid7())
        for version in range(min(versions, CHANGES)):
            self._forge.execute(f"MATCH (n {{key: 'node-{version * 7 % nodes}'}}) SET n.value = -1")
        self.close()
        self._forge = Forge(self._directory)
        self._old = self._forge.open_checkpoint("old")

    def value(self, node: int) -> int:
        return self._number(f"MATCH (n {{key: 'node-{node}'}}) RETURN n.value")

    def hops(self, node: int) -> list[int]:
        return self._column(f"MATCH (n {{key: 'node-{node}'}})-[:NEXT]->()-[:NEXT]->(m) RETURN m.value")

    def trails(self, node: int, most: int) -> int:
        return self._number(f"MATCH (n {{key: 'node-{node}'}})-[:NEXT*1..{most}]->(m) RETURN count(*)")

    def count(self) -> int:
        return self._number("MATCH (n:Odd) RETURN count(n)")

    def scan(self, least: int) -> int:
        return self._number(f"MATCH (n:Odd) WHERE n.value >= {least} RETURN count(n)")

    def small(self, number: int) -> int:
        table = self._forge.execute(f"UNWIND [1, 2, 3] AS x WITH sum(x) AS s RETURN s + {number - 6}")
        return int(table.column(0)[0].as_py())

    def close(self) -> None:
        """Close the project."""
        self._old = None
        self._forge.close()

    def _column(self, text: str) -> list[Any]:
        return list(self._old.execute(text).column(0).to_pylist())

    def _number(self, text: str) -> int:
        (number,) = self._column(text)
        return int(number)


CHANGES = 3
"""Later versions: a change rewrites what it touches, and more of them do not change what a checkpoint holds"""


def _uuid7() -> str:
    """A UUID of version 7, which its bulk operations ask for (RFC 9562, section 5.7)."""
    raw = bytearray(int(time.time() * 1e3).to_bytes(6, "big") + os.urandom(10))
    raw[6], raw[8] = raw[6] & 0x0F | 0x70, raw[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(raw)))


@asynccontextmanager
async def open_peer(directory: Path) -> AsyncIterator[GraphForge]:
    """A project in `directory`."""
    peer = GraphForge(directory)
    try:
        yield peer
    finally:
        peer.close()
