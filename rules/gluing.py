"""The gluing condition: when is the result of a rewrite a graph?

    L <-l- K        The pushout complement D exists iff
    |m     |        (dangling)        no edge of G that stays ends at a node that goes, and
    v      v        (identification)  nothing that goes lies on what else is matched.
    G <--- D

A property or label that the rule writes goes and comes, so two variables on one element may not both write it.
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
    """Two variables of L lie on one `element`, and one of them is deleted, or both write the same property."""

    element: str
    variables: tuple[str, str]

    def __str__(self) -> str:
        return f"{' and '.join(self.variables)} are both {self.element!r}, which the rule deletes or writes twice"


def gluing(rule: Rule, match: Match, graph: GraphView) -> Dangling | Identification | None:
    """What forbids the rewrite, or None. Exact for homomorphic matches too. O(rule + degree of deleted nodes)."""
    if len(set(match.ids)) < len(match.ids) and (witness := _identification(rule, match)) is not None:
        return witness
    deleted = set(rule.delete)
    gone = {id for variable, id in match.edges.items() if variable in deleted}
    for variable, node in match.nodes.items():
        if variable in deleted:
            left = {e.id for edges in (graph.out(node), graph.into(node)) for e in edges if e.id not in gone}
            if left:
                return Dangling(node, tuple(sorted(left)), variable)
    return None


def _identification(rule: Rule, match: Match) -> Identification | None:
    deleted, writes = set(rule.delete), _writes(rule)
    for mapping in (match.nodes, match.edges):
        merged: dict[str, list[str]] = {}
        for variable, id in mapping.items():
            for other in merged.setdefault(id, []):
                if other in deleted or variable in deleted or writes[other] & writes[variable]:
                    return Identification(id, (other, variable))
            merged[id].append(variable)
    return None


def _writes(rule: Rule) -> dict[str, set[tuple[str, str]]]:
    """The property keys and labels that a rule writes, by variable of L."""
    writes: dict[str, set[tuple[str, str]]] = {variable: set() for variable in rule.variables}
    for assignment in rule.assignments:
        writes.get(assignment.variable, set()).add(("key", assignment.key))
    for relabel in rule.relabels:
        writes[relabel.variable] |= {("label", label) for label in (*relabel.added, *relabel.removed)}
    return writes
