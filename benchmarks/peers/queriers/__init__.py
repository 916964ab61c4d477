"""What a measured querier is: a graph that is asked in Cypher, as it was before it was changed again and again.

One module a system, each with one function `open_peer(directory)`. A system that keeps no past is asked for its
present: its module says so. Each query has an answer of closed form, which the rows hold every system to. No measuring
here.

    node k, 0 <= k < nodes:  labels Node and Even or Odd, value k;  edges NEXT to 7k + 1 and 7k + 2 (modulo nodes)
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

__all__ = ["LINKS", "Querier", "QuerierOpener", "linked"]

LINKS = 2
"""Edges that leave a node"""


def linked(node: int, nodes: int) -> list[int]:
    """Where the edges of a node lead."""
    return [(7 * node + link) % nodes for link in range(1, LINKS + 1)]


class Querier:
    """An open system. What it is not measured at stays `NotImplementedError`."""

    settings: Mapping[str, str] = {}

    def fill(self, nodes: int, versions: int) -> None:
        """Make the graph; then so many versions of it, each of which sets the value of one node to -1. What is asked
        below is the graph before them."""
        raise NotImplementedError("it is not measured at queries")

    def value(self, node: int) -> int:
        """The value of a node, found by what names it."""
        raise NotImplementedError("it is not measured at points")

    def hops(self, node: int) -> list[int]:
        """The values of the nodes two edges away, one for each way."""
        raise NotImplementedError("it is not measured at hops")

    def trails(self, node: int, most: int) -> int:
        """How many trails of one to `most` edges leave a node."""
        raise NotImplementedError("it is not measured at trails")

    def count(self) -> int:
        """How many nodes are odd."""
        raise NotImplementedError("it is not measured at counts")

    def scan(self, least: int) -> int:
        """How many odd nodes have at least that value."""
        raise NotImplementedError("it is not measured at scans")

    def compile(self, number: int) -> None:
        """Parse, check and plan a query that was not seen before; run it on nothing."""
        raise NotImplementedError("it does not compile apart from running")

    def small(self, number: int) -> int:
        """Run a query of no graph, not seen before, that answers with its number."""
        raise NotImplementedError("it is not measured at small queries")


class QuerierOpener(Protocol):
    """How a system is opened; leaving the context closes it."""

    def __call__(self, directory: Path) -> AbstractAsyncContextManager[Querier]: ...
