"""Itonami's store: a graph of ours for each graph, a transaction of its public face for each commit.

Nothing is turned but what the rebuild row asks for (`snapshot_every` so large that no trie is ever kept). A pin is
a TxId that somebody goes on reading. Graphs are filled in transactions below the store's limit of 1 MiB, and their
tries then saved, so that what is measured does not pay for having been filled in bulk.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path

from benchmarks.peers.stores import StorePeer, lmdb_page_bytes
from itonami.graphstore import Graph, Store
from itonami.graphstore.proof import StateProof, check

__all__ = ["Itonami", "open_peer"]

CHUNK_NODES = 10_000  # of some 50 bytes each: half of what a transaction may hold
NEVER = 1 << 40
STATE = "state.itonami"


class Itonami(StorePeer):
    """The open store."""

    def __init__(self, directory: Path, store: Store) -> None:
        self.settings = {"store": "as Store.open makes it"}
        self._directory = directory
        self._pinned_tx = 0
        self.store = store

    # -- commits -------------------------------------------------------------------------------------------

    def fill(self, graphs: int, nodes: int) -> None:
        for graph in range(graphs):
            for first in range(0, nodes, CHUNK_NODES):
                with self.store.transaction(_graph(graph), event="filled") as edited:
                    for node in range(first, min(first + CHUNK_NODES, nodes)):
                        edited.add_node("Node", id=_node(node), value=0)
            self.store.snapshot(_graph(graph))

    def commit(self, graph: int, node: int, value: int) -> None:
        with self.store.transaction(_graph(graph), event="changed") as edited:
            edited.update(_node(node), value=value)

    async def commit_at_once(self, graphs: int, steps: int) -> None:
        async def task(graph: str) -> None:
            for step in range(steps):
                async with self.store.transaction(graph, event="changed") as edited:
                    edited.update(_node(step), value=step)

        await asyncio.gather(*(task(_graph(graph)) for graph in range(graphs)))

    def value(self, graph: int, node: int) -> int:
        return _value(self.store.at(_graph(graph)), node)

    def grow(self, parts: Sequence[str]) -> None:
        last = None
        for text in parts:
            with self.store.transaction(_graph(0), event="grew") as edited:
                part = edited.add_node("Part", text=text)
                if last is not None:
                    edited.add_edge(last, "NEXT", part)
            last = part

    def page_bytes(self) -> int:
        return lmdb_page_bytes(self._directory / STATE, tables=True)

    # -- histories -----------------------------------------------------------------------------------------

    def history(self, nodes: int, changes: Sequence[int]) -> None:
        self.fill(1, nodes)
        for version, node in enumerate(changes, 1):
            self.commit(0, node, version)

    @cached_property
    def _changed(self) -> list[int]:
        """The TxId of each change of graph 0, in order."""
        return [it.tx for it in self.store.history(_graph(0)) if it.events[0].name == "changed"]

    def read(self, version: int, node: int) -> int:
        return _value(self.store.at(_graph(0), self._changed[version - 1]), node)

    def rebuild(self) -> Callable[[int], int]:
        graph = self.store.at(_graph(0))
        _ = graph.root  # graphs are lazy: this is what makes it whole, and compares it with the recorded root
        return lambda node: _value(graph, node)

    def pin(self) -> None:
        self._pinned_tx = self.store.last_tx

    def pinned(self, node: int) -> int:
        return _value(self.store.at(_graph(0), self._pinned_tx), node)

    # -- what no other system here has ---------------------------------------------------------------------

    def diff(self, old: int, new: int) -> int:
        """How many elements differ between two versions of the history."""
        return len(self.store.diff(_graph(0), self._changed[old - 1], self._changed[new - 1]))

    def fork(self, number: int, version: int) -> None:
        """Make graph `number` of a version of the history."""
        self.store.fork(_graph(0), _graph(number), self._changed[version - 1])

    def prove(self, version: int, node: int) -> StateProof:
        """The proof of a node in a version of the history."""
        return self.store.prove(_graph(0), _node(node), self._changed[version - 1])

    def check(self, file: str) -> None:
        """Check a proof's file against the root of the log, without the store."""
        check(file, root=self._log_root)

    @cached_property
    def _log_root(self) -> bytes:
        """What somebody who checks has got from elsewhere."""
        return self.store.log.root()


def _graph(number: int) -> str:
    return f"graph-{number}"


def _node(number: int) -> str:
    return f"node-{number}"


def _value(graph: Graph, node: int) -> int:
    return int(graph.node(_node(node))["value"])


@asynccontextmanager
async def open_peer(directory: Path, *, snapshots: bool = True) -> AsyncIterator[Itonami]:
    """A store in `directory`."""
    with Store.open(directory / STATE, snapshot_every=None if snapshots else NEVER) as store:
        yield Itonami(directory, store)
