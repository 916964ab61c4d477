"""The gluing condition: when is the result of a rewrite a graph?

    L <-l- K        The pushout complement D exists iff
    |m     |        (dangling)        no edge of G that stays ends at a node that goes, and
    v      v        (identification)  nothing that goes lies on what else is matched.
    G <--- D

Ehrig, Ehrig, Prange and Taentzer 2006, definition 3.9 and fact 3.11. Since l is an inclusion, two deleted elements
may not coincide either. An injective match can only dangle. The answer is a witness, not a truth value.
"""

from __future__ import annotations

from dataclasses import dataclass

from itonami.graphstore.graph import GraphView
from itonami.rules.match import Match
from itonami.rules.rule import Rule

__all__ = ["Dangling", "Identification", "gluing"]


@dataclass(frozen=True, slots=True)
class Dangling:
    """Deleting `node` would leave `edges` without an end; `variable` is the deleted variable of L."""

    node: str
    edges: tuple[str, ...]
    variable: str

    def __str__(self) -> str:
        return f"deleting {self.variable} ({self.node!r}) would leave edges dangling: {', '.join(self.edges)}"


@dataclass(frozen=True, slots=True)
class Identification:
    """Two variables of L lie on one `element`, and at least one of them is deleted."""

    element: str
    variables: tuple[str, str]

    def __str__(self) -> str:
        return f"{' and '.join(self.variables)} are both {self.element!r}, and one of them is deleted"


def gluing(rule: Rule, match: Match, graph: GraphView) -> None | Dangling | Identification:
    """What forbids the rewrite, or None. Exact for homomorphic matches too. O(rule + degree of deleted nodes)."""
    if not rule.delete:
        return None
    deleted = set(rule.delete)
    for mapping in (match.nodes, match.edges):
        first: dict[str, str] = {}
        for variable, id in mapping.items():
            other = first.setdefault(id, variable)
            if other != variable and (other in deleted or variable in deleted):
                return Identification(id, (other, variable))
    gone = {id for variable, id in match.edges.items() if variable in deleted}
    for variable, node in match.nodes.items():
        if variable in deleted:
            left = {e.id for edges in (graph.out(node), graph.into(node)) for e in edges if e.id not in gone}
            if left:
                return Dangling(node, tuple(sorted(left)), variable)
    return None
