"""Search plans: where to start, and in which order to go on, by what the version at hand counts.

A connected part of a pattern is entered at one vertex and walked from there. The entrance is the cheapest of

    bound already          0
    id(v) = expression     1, a look-up
    v.k = expression       of values bound earlier: an index that the run makes once, a hash join
    v:Label                as many nodes as have it
    v                      all nodes

The walk is that of `rules.plan`, the planner of the rules: between bound ends first, as that filters, then along the
first link from a bound vertex; here the links are handed to it rarest first, if counts are to be had for nothing.

References: Selinger et al., Access Path Selection in a Relational DBMS, SIGMOD 1979; Varro, Friedl and Varro, Adaptive
Graph Pattern Matching for Model Transformations using Model-sensitive Search Plans, GraMoT 2005.

Only the order of moves is decided here; `moves` makes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from itonami.query.cypher.ast import (
    Binary,
    Comparison,
    Expression,
    FunctionCall,
    LabelAnd,
    LabelName,
    LabelTest,
    Property,
    Variable,
)
from itonami.query.cypher.grouping import mentions
from itonami.query.engine.pattern import Condition, Link, PatternGraph, searches
from itonami.query.engine.version import Version
from itonami.rules.pattern import EdgePattern, NodePattern
from itonami.rules.plan import Scan, plan

__all__ = ["Across", "Ends", "Enter", "Move", "Walk", "ordered"]

_IDS = frozenset(("id", "elementid", "element_id"))


@dataclass(frozen=True, slots=True)
class Enter:
    """Bind a vertex: by `ids` (one, or a list when `many`), by `key` and `value`, by `label`, or by nothing."""

    vertex: str
    label: str | None = None
    ids: Expression | None = None
    many: bool = False
    key: str | None = None
    value: Expression | None = None
    used: Condition | None = None


@dataclass(frozen=True, slots=True)
class Ends:
    """Bind, or check, both ends of a relationship that was bound before."""

    link: Link


@dataclass(frozen=True, slots=True)
class Walk:
    """Go along a link from its left end (`forward`) or its right one, to the other, which is not bound."""

    link: Link
    forward: bool


@dataclass(frozen=True, slots=True)
class Across:
    """Go along a link from its left end to its right one, both bound."""

    link: Link


Move = Enter | Ends | Walk | Across


def ordered(graph: PatternGraph, known: Iterable[str], version: Version) -> Iterator[Move]:
    """Moves that bind all vertices and links, from those known. O(links^2) and a few counts."""
    reached = set(known)
    waiting = dict(graph.links)
    for link in list(waiting.values()):
        if link.given and link.length is None:
            yield Ends(waiting.pop(link.name))
            reached |= {link.left, link.right}
    parts = _components(graph, waiting.values())
    while parts:
        part = next((part for part in parts if part & reached), None)
        if part is None:
            names = [name for name in graph.vertices if any(name in part for part in parts)]
            enter = _cheapest([way for name in names for way in _entrances(graph, name, reached)], version)
            part = next(part for part in parts if enter.vertex in part)
            yield enter
            reached.add(enter.vertex)
        parts.remove(part)
        yield from _walks(graph, part, reached, waiting, version)
        reached |= part


def _components(graph: PatternGraph, links: Iterable[Link]) -> list[set[str]]:
    """The vertices by what is connected, in reading order."""
    part_of = {name: {name} for name in graph.vertices}
    for link in links:
        left, right = part_of[link.left], part_of[link.right]
        if left is not right:
            left |= right
            for name in right:
                part_of[name] = left
    return list({id(part): part for part in part_of.values()}.values())


def _walks(
    graph: PatternGraph, part: set[str], reached: set[str], waiting: dict[str, Link], version: Version
) -> Iterator[Move]:
    links = [link for link in waiting.values() if link.left in part]
    if not version.out_only():
        links.sort(key=lambda link: _rarity(link, version))
    nodes = [NodePattern(name) for name in graph.vertices if name in part]
    edges = [EdgePattern(link.name, link.left, None, link.right) for link in links]
    for move in plan(nodes, edges, bound=reached & part):
        assert not isinstance(move, Scan)
        link = waiting[move.edge.variable]
        if link.left in reached and link.right in reached:
            yield Across(link)
        else:
            yield Walk(link, link.left in reached)
        reached |= {link.left, link.right}


def _rarity(link: Link, version: Version) -> tuple[bool, int]:
    """Links of one step before longer ones, rare types before frequent ones."""
    return link.length is not None, version.count_edges(link.types)


def _entrances(graph: PatternGraph, vertex: str, reached: set[str]) -> Iterator[Enter]:
    """Every way to bind a vertex first."""
    labels = dict(_labels(graph, vertex))
    for condition in graph.conditions:
        if vertex in condition.needs and condition.needs - {vertex} <= reached:
            yield from _by_id(vertex, condition)
            yield from _by_value(graph, vertex, condition, next(iter(labels), None))
    for label, used in labels.items():
        yield Enter(vertex, label, used=used)
    if not labels:
        yield Enter(vertex)


def _labels(graph: PatternGraph, vertex: str) -> Iterator[tuple[str, Condition | None]]:
    """The labels a vertex must have, each with the condition that says no more than that."""
    for condition in graph.conditions:
        test = condition.expression
        if isinstance(test, LabelTest) and test.subject == Variable(vertex):
            if isinstance(test.labels, LabelName):
                yield test.labels.name, condition
            elif isinstance(test.labels, LabelAnd):
                for label in test.labels.operands:
                    if isinstance(label, LabelName):
                        yield label.name, None


def _sides(condition: Condition) -> Iterator[tuple[Expression, Expression]]:
    test = condition.expression
    if isinstance(test, Comparison) and test.operators == ("=",):
        left, right = test.operands
        if not searches(right):
            yield left, right
        if not searches(left):
            yield right, left


def _asks_id(node: Expression, vertex: str) -> bool:
    return isinstance(node, FunctionCall) and node.name in _IDS and node.arguments == (Variable(vertex),)


def _names(node: Expression) -> set[str]:
    return {name for name, _ in mentions(node, lambda _: False)}


def _by_id(vertex: str, condition: Condition) -> Iterator[Enter]:
    for side, other in _sides(condition):
        if _asks_id(side, vertex) and vertex not in _names(other):
            yield Enter(vertex, ids=other, used=condition)
    test = condition.expression
    if (
        isinstance(test, Binary)
        and test.operator == "IN"
        and _asks_id(test.left, vertex)
        and vertex not in _names(test.right)
        and not searches(test.right)
    ):
        yield Enter(vertex, ids=test.right, many=True, used=condition)


def _by_value(graph: PatternGraph, vertex: str, condition: Condition, label: str | None) -> Iterator[Enter]:
    """By a property's value: worth an index only where the value changes from row to row."""
    for side, other in _sides(condition):
        if isinstance(side, Property) and side.subject == Variable(vertex):
            names = _names(other)
            if vertex not in names and names & graph.scope.names.keys():
                yield Enter(vertex, label, key=side.key, value=other)


def _cheapest(ways: list[Enter], version: Version) -> Enter:
    """The first of those that give the fewest nodes; counts are asked for only where they decide."""
    for rank in (_one_id, _some_ids, _some_value):
        for way in ways:
            if rank(way):
                return way
    return ways[0] if len(ways) == 1 else min(ways, key=lambda way: version.count(way.label))


def _one_id(way: Enter) -> bool:
    return way.ids is not None and not way.many


def _some_ids(way: Enter) -> bool:
    return way.ids is not None


def _some_value(way: Enter) -> bool:
    return way.key is not None
