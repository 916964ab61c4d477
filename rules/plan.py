"""Search plans: in which order to find the elements of a pattern, given those that are bound.

A plan is a list of moves, each of which binds at most one node: along an edge from a bound end, between two bound
ends, or (where nothing is connected) over all nodes of a label. It is static, a function of the pattern alone, so
that the order of matches is a function of rule and graph; after Varro, Friedl and Varro, Adaptive Graph Pattern
Matching for Model Transformations using Model-sensitive Search Plans, GraMoT 2005, without the model. No code and
no graph may live here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from itonami.rules.pattern import EdgePattern, NodePattern

__all__ = ["Between", "Follow", "Move", "Scan", "plan"]


@dataclass(frozen=True, slots=True)
class Follow:
    """Bind an edge and its other end, from its source (`forward`) or its target."""

    edge: EdgePattern
    forward: bool

    @property
    def start(self) -> str:
        """The bound end."""
        return self.edge.source if self.forward else self.edge.target

    @property
    def end(self) -> str:
        """The end that it binds."""
        return self.edge.target if self.forward else self.edge.source


@dataclass(frozen=True, slots=True)
class Between:
    """Bind an edge both of whose ends are bound."""

    edge: EdgePattern


@dataclass(frozen=True, slots=True)
class Scan:
    """Bind a node to each node that has its first label, or to each node."""

    node: NodePattern


Move = Follow | Between | Scan


def plan(
    nodes: Iterable[NodePattern],
    edges: Iterable[EdgePattern],
    bound: Iterable[str] = (),
    done: Iterable[str] = (),
) -> list[Move]:
    """Moves that bind all nodes and edges, given the `bound` nodes and the `done` edges. O(edges^2)."""
    known = set(bound)
    done = set(done)
    waiting = [edge for edge in edges if edge.variable not in done]
    unbound = {node.variable: node for node in nodes if node.variable not in known}
    moves: list[Move] = []
    while waiting or unbound:
        move = _next_edge(waiting, known) or Scan(_start(unbound, waiting))
        moves.append(move)
        if isinstance(move, Scan):
            reached = move.node.variable
        else:
            waiting.remove(move.edge)
            reached = move.end if isinstance(move, Follow) else move.edge.source
        known.add(reached)
        unbound.pop(reached, None)
    return moves


def _next_edge(waiting: list[EdgePattern], known: set[str]) -> Between | Follow | None:
    """The first edge between known nodes (it filters), else the first from one."""
    for edge in waiting:
        if edge.source in known and edge.target in known:
            return Between(edge)
    for edge in waiting:
        if edge.source in known or edge.target in known:
            return Follow(edge, forward=edge.source in known)
    return None


def _start(unbound: dict[str, NodePattern], waiting: list[EdgePattern]) -> NodePattern:
    """Where to begin a component: a labelled node if there is one, and one with edges before one without."""
    ends = {end for edge in waiting for end in (edge.source, edge.target)}
    return min(unbound.values(), key=lambda node: (node.variable not in ends, not node.labels))
