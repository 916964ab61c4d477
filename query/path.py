"""A path: nodes and the relationships between them, as a walk through a graph.

    n0 -r1- n1 -r2- n2        nodes = (n0, n1, n2)   relationships = (r1, r2)

A relationship may be walked against its direction; `forward` tells. Two paths are equal when they meet the same
nodes and relationships in the same order, whatever the directions (openCypher TCK, Comparison1 [14]).

Nothing of matching may live here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from itonami.graphstore.graph import Edge, Node

__all__ = ["Path"]


@dataclass(frozen=True, slots=True)
class Path:
    """A walk of `len(relationships)` steps; a path of one node has none."""

    nodes: tuple[Node, ...]
    relationships: tuple[Edge, ...] = ()

    def __post_init__(self) -> None:
        if len(self.nodes) != len(self.relationships) + 1:
            raise ValueError("a path has one node more than relationships")

    def __len__(self) -> int:
        return len(self.relationships)

    def __bool__(self) -> bool:
        return True

    def forward(self, step: int) -> bool:
        """Whether the step (from 0) follows its relationship's direction."""
        return self.relationships[step].source == self.nodes[step].id

    def items(self) -> Iterator[Node | Edge]:
        """Nodes and relationships in turn."""
        yield self.nodes[0]
        for edge, node in zip(self.relationships, self.nodes[1:], strict=True):
            yield edge
            yield node
