"""What a measured store is: graphs of nodes, each node with one value, changed by durable commits.

One module a system, each with one function `open_peer(directory, snapshots=True)`. Graphs are numbered, and so are
their nodes; what a graph is to a system (a table's rows, a tree of files, an aggregate) its module says. A system
has its durable settings on whenever a clock runs; `fill` and `history` are setting up, and may do without. No
measuring here: the rows hold the clock, and ask for values back before they believe a figure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

__all__ = ["RECORD_BYTES", "StoreOpener", "StorePeer", "lmdb_page_bytes"]

RECORD_BYTES = 64
"""A node's record, for systems that have no format of their own."""


class StorePeer:
    """An open system. What it is not measured at stays `NotImplementedError`."""

    settings: Mapping[str, str]
    """What makes it durable, read back from the open system rather than from its documentation."""

    def fill(self, graphs: int, nodes: int) -> None:
        """Make that many graphs of so many nodes, each of value 0."""
        raise NotImplementedError("it is not measured at graphs of nodes")

    def commit(self, graph: int, node: int, value: int) -> None:
        """Change the value of one node; durable when it returns."""
        raise NotImplementedError("it is not measured at commits")

    async def commit_at_once(self, graphs: int, steps: int) -> None:
        """One task for each graph, which commits `steps` changes one after the other: of node `step` to `step`."""
        raise NotImplementedError("it is not measured at commits at once")

    def value(self, graph: int, node: int) -> int:
        """The value of a node now."""
        raise NotImplementedError("it cannot be asked for a node")

    def grow(self, parts: Sequence[str]) -> None:
        """Add the parts to the state of graph 0, a step each, durable before the next; each is linked to the one
        before, where a system has links."""
        raise NotImplementedError("it is not measured at growing states")

    def page_bytes(self) -> int:
        """Of the closed system: bytes of the pages that hold something, free ones left out."""
        raise NotImplementedError("its pages cannot be counted")

    def history(self, nodes: int, changes: Sequence[int]) -> None:
        """Make graph 0 of so many nodes; then a version for each change, which sets that node to the version's
        number. Versions count from 1."""
        raise NotImplementedError("it is not measured at histories")

    def read(self, version: int, node: int) -> int | None:
        """The value a node had in a version of the history; None from a system that keeps no nodes, once it has
        seen that the state it read is that version's."""
        raise NotImplementedError("it is not measured at reading histories")

    def rebuild(self) -> Callable[[int], int]:
        """Graph 0 as of now, from the record of its changes alone: what tells a node's value."""
        raise NotImplementedError("it is not measured at rebuilding")

    def pin(self) -> None:
        """Keep the present version readable from here on."""
        raise NotImplementedError("it is not measured at pinned versions")

    def pinned(self, node: int) -> int:
        """The value of a node of graph 0 in the pinned version."""
        raise NotImplementedError("it is not measured at pinned versions")


class StoreOpener(Protocol):
    """How a store is opened; leaving the context closes it, with everything on disk. Without `snapshots` it keeps
    nothing that would spare a rebuild from the record of the changes."""

    def __call__(
        self, directory: Path, *, snapshots: bool = True
    ) -> AbstractAsyncContextManager[StorePeer]: ...


def lmdb_page_bytes(directory: Path, *, tables: bool) -> int:
    """Bytes of the pages in the trees of a closed LMDB environment (with `tables`: its named ones too), and the two
    meta pages. Free pages and the list of them are left out (`mdb_stat` counts the same)."""
    import lmdb

    with lmdb.open(str(directory), readonly=True, lock=False, max_dbs=64) as environment:
        with environment.begin() as transaction:
            names = [bytes(key) for key, _ in transaction.cursor()] if tables else []
        trees = [environment.open_db(name, create=False) for name in names]
        with environment.begin() as transaction:
            stats = [environment.stat(), *map(transaction.stat, trees)]
    pages = sum(stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"] for stat in stats)
    return (pages + 2) * int(stats[0]["psize"])
