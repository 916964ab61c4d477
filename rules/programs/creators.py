"""Creators as conditions: NACs that keep a rule from creating what is there already, as GROOVE has them.

    check_creator_edges    each created edge both of whose ends are matched is a NAC
    rhs_is_nac             what is created falls into connected cells, and each cell is a NAC; nodes of L do not
                           connect, so two edges created at one matched node are two cells

(Ghamarian, de Mol, Rensink, Zambon and Zimakova, Modelling and analysis using GROOVE, STTT 14, 2012; the cells as in
GROOVE's rule compiler, the counting as its `CreatorNacTest` pins it.) Under homomorphic matching any copy of the edge
blocks; under injective matching one that the match does not use itself does. So a NAC lists all nodes of L and its
edges parallel to those created: what it lists and adds is kept apart exactly where matches are injective. No matching
may live here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from itonami.rules.pattern import EdgePattern, Nac, NodePattern, Pattern
from itonami.rules.rule import Rule
from itonami.rules.term import Binary, Labels, ListOf

__all__ = ["creator_edges_as_nacs", "rhs_as_nac"]


def creator_edges_as_nacs(rule: Rule) -> Rule:
    """The rule with a NAC for each edge that it creates between matched nodes."""
    matched = {node.variable for node in rule.L.nodes}
    between = [edge for edge in rule.create.edges if edge.source in matched and edge.target in matched]
    return _guarded(rule, [_nac(rule, (), (edge,)) for edge in between])


def rhs_as_nac(rule: Rule) -> Rule:
    """The rule with a NAC for each connected cell of what it creates."""
    return _guarded(rule, [_nac(rule, nodes, edges) for nodes, edges in _cells(rule.create)])


def _guarded(rule: Rule, nacs: list[Nac]) -> Rule:
    return replace(rule, nacs=(*rule.nacs, *nacs)) if nacs else rule


def _nac(rule: Rule, nodes: Iterable[NodePattern], edges: Iterable[EdgePattern]) -> Nac:
    own, created = tuple(nodes), tuple(edges)
    listed = tuple(NodePattern(node.variable) for node in rule.L.nodes)
    parallel = tuple(
        edge
        for edge in rule.L.edges
        if any(
            (edge.source, edge.target) == (new.source, new.target) and edge.label in (None, new.label)
            for new in created
        )
    )
    plain = tuple(Binary("=", Labels(node.variable), ListOf(())) for node in own if not node.labels)
    return Nac(Pattern(listed + own, parallel + created), plain)


def _cells(created: Pattern) -> Iterator[tuple[list[NodePattern], list[EdgePattern]]]:
    """The created elements, by connection through created nodes. O(elements^2)."""
    waiting: list[NodePattern | EdgePattern] = [*created.nodes, *created.edges]
    own = {node.variable for node in created.nodes}
    while waiting:
        cell, reached = [first := waiting.pop(0)], _touches(first) & own
        while joined := [element for element in waiting if _touches(element) & reached]:
            for element in joined:
                waiting.remove(element)
                cell.append(element)
                reached |= _touches(element) & own
        yield (
            [element for element in cell if isinstance(element, NodePattern)],
            [element for element in cell if isinstance(element, EdgePattern)],
        )


def _touches(element: NodePattern | EdgePattern) -> set[str]:
    """The nodes by which an element holds together with others."""
    return {element.variable} if isinstance(element, NodePattern) else {element.source, element.target}
