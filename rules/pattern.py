"""Patterns: small graphs over variables, the objects of a rule's span.

A pattern's nodes ask for labels (a matched node may have more), its edges for one label or any. It is a typed
graph in the sense of Ehrig et al., Fundamentals of Algebraic Graph Transformation, 2006, section 2.2, with sets of
labels for types. Order counts: it is the order of a match's ids. No matching may live here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from itonami.rules.term import Term

__all__ = ["NOTHING", "Assignment", "EdgePattern", "Injective", "Nac", "NodePattern", "Pattern", "Relabel"]

Injective = bool | Literal["nodes", "edges"]
"""Which variables of a pattern lie on distinct elements: all (True), those of nodes, those of edges, or none."""


@dataclass(frozen=True, slots=True)
class NodePattern:
    """A node variable and the labels it asks for (or, created, gets), sorted."""

    variable: str
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(sorted(set(self.labels))))


@dataclass(frozen=True, slots=True)
class EdgePattern:
    """An edge variable between two node variables. A label of None matches any."""

    variable: str
    source: str
    label: str | None
    target: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """Nodes, then edges, each in order."""

    nodes: tuple[NodePattern, ...] = ()
    edges: tuple[EdgePattern, ...] = ()

    @property
    def variables(self) -> tuple[str, ...]:
        """All variables: nodes, then edges."""
        return tuple(node.variable for node in self.nodes) + tuple(edge.variable for edge in self.edges)

    def node(self, variable: str) -> NodePattern | None:
        """The node of that variable, or None."""
        return next((node for node in self.nodes if node.variable == variable), None)

    def edge(self, variable: str) -> EdgePattern | None:
        """The edge of that variable, or None."""
        return next((edge for edge in self.edges if edge.variable == variable), None)

    def at(self, variable: str) -> Iterator[EdgePattern]:
        """The edges at a node."""
        return (edge for edge in self.edges if variable in (edge.source, edge.target))

    def joined(self, other: Pattern) -> Pattern:
        """This pattern with what another adds to it: elements, and labels of nodes that both list."""
        asked = {node.variable: node.labels for node in self.nodes}
        for node in other.nodes:
            asked[node.variable] = asked.get(node.variable, ()) + node.labels
        edges = {edge.variable: edge for edge in (*other.edges, *self.edges)}
        order = dict.fromkeys(edge.variable for edge in (*self.edges, *other.edges))
        nodes = tuple(NodePattern(variable, labels) for variable, labels in asked.items())
        return Pattern(nodes, tuple(edges[variable] for variable in order))

    def __len__(self) -> int:
        return len(self.nodes) + len(self.edges)

    def __bool__(self) -> bool:
        return bool(self.nodes or self.edges)


NOTHING = Pattern()


@dataclass(frozen=True, slots=True)
class Nac:
    """A negative application condition: the match must not extend to this pattern, unless that extends further.

    Variables of L that it lists are shared. What it adds is distinct (in an injective match) from what it lists,
    not from the rest of L. Its own `nacs` share what they list of L and of its pattern, and have none themselves:
    there is no way to extend the match by the pattern without a way to extend it by one of them too (Habel and
    Pennemann, Correctness of High-level Transformation Systems Relative to Nested Conditions, MSCS 2009).
    """

    pattern: Pattern
    where: tuple[Term, ...] = field(default=())
    nacs: tuple[Nac, ...] = field(default=())

    @property
    def terms(self) -> tuple[Term, ...]:
        """Its conditions and those of its own NACs."""
        return (*self.where, *(term for inner in self.nacs for term in inner.where))


@dataclass(frozen=True, slots=True)
class Assignment:
    """`set variable.key = term`. A null value removes the property, so `unset` is the null literal."""

    variable: str
    key: str
    term: Term


@dataclass(frozen=True, slots=True)
class Relabel:
    """`label variable +added -removed`, both sorted."""

    variable: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "added", tuple(sorted(set(self.added))))
        object.__setattr__(self, "removed", tuple(sorted(set(self.removed))))
