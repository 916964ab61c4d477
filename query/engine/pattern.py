"""The patterns of one MATCH as one graph: vertices, links between them, and conditions on both.

    (a:A {k: 1})-[r:T]->(b), (b)--(c) WHERE a.x > c.x

    vertices  a b c        links  r: a -> b, _: b - c        conditions  a:A, a.k = 1, a.x > c.x

Everything that filters is a condition, an expression with the names it needs: inline labels and properties, conjuncts
of WHERE. A plan asks each as soon as its names are bound, and reads from it where to start (`a:A`, `id(a) = $id`). A
pattern's elements without a name get one that no text can spell.

Reference: openCypher 9 language reference, section 3 (patterns); the reduction of paths to a graph is that of
Angles et al., Foundations of Modern Query Languages for Graph Databases, ACM Computing Surveys 50 (2017), section 3.

Nothing is searched here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Literal as OneOf

from itonami.query.cypher.ast import (
    Ast,
    Comparison,
    Expression,
    LabelExpression,
    LabelName,
    LabelOr,
    LabelTest,
    Length,
    Logic,
    MapLiteral,
    NodePattern,
    PathPattern,
    PatternComprehension,
    PatternPredicate,
    Property,
    QuantifiedPath,
    Quantifier,
    RelationshipPattern,
    Subquery,
    Variable,
    children,
)
from itonami.query.cypher.errors import LimitExceeded
from itonami.query.cypher.grouping import mentions
from itonami.query.engine.scope import Binding, Frame, Nameless, Scope

__all__ = [
    "Condition",
    "Link",
    "PatternGraph",
    "Round",
    "Trail",
    "conjuncts",
    "listed_types",
    "pattern_graph",
    "searches",
]


MAX_LINKS = 400
"""So many vertices, and links, one MATCH may have: a plan takes time quadratic in them"""


@dataclass(frozen=True, slots=True)
class Condition:
    """What must be true once the names it `needs` are bound; `inline` ones stand inside the pattern."""

    expression: Expression
    needs: frozenset[str]
    inline: bool


@dataclass(frozen=True, slots=True)
class Round:
    """What a quantified path repeats: a pattern of its own, from its first vertex to its last.

    `lists` tells which slot outside collects which slot inside.
    """

    graph: PatternGraph
    first: str
    last: str
    lists: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A step between two vertices, in reading order.

    With a `length` its slot holds a list, `one` names the relationship at hand, and `each` are the conditions on it.
    `given`: bound before this MATCH. Of a quantified path (`round`) the slot holds the relationships of all rounds.
    """

    name: str
    slot: int
    left: str
    right: str
    direction: OneOf["->", "<-", "-"] = "->"
    types: tuple[str, ...] | None = None
    length: Length | None = None
    given: bool = False
    one: str | None = None
    each: tuple[Condition, ...] = ()
    round: Round | None = None


@dataclass(frozen=True, slots=True)
class Trail:
    """A named path: its slot, its first vertex and its links in reading order."""

    name: str
    slot: int
    start: str
    links: tuple[str, ...]


@dataclass(slots=True)
class PatternGraph:
    """One MATCH. `scope` is that of its inside, `outside` that of its WHERE and of what follows.

    `given` are the vertices and links bound before, `refound` those of them that may be of another version: name to the
    slot they were bound in; inside, they have slots of their own.
    """

    scope: Scope
    outside: Scope
    vertices: dict[str, int] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    trails: list[Trail] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    given: set[str] = field(default_factory=set)
    refound: dict[str, int] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)

    @property
    def new(self) -> dict[str, Binding]:
        """What this MATCH binds for the clauses behind it."""
        return {name: self.outside.names[name] for name in self.named}

    @property
    def slots(self) -> list[int]:
        """The slots of what it binds: null where an OPTIONAL MATCH finds nothing."""
        return [binding.slot for binding in self.new.values()]


def searches(node: Ast) -> bool:
    """Whether an expression looks into a graph. O(size), without what is inside of what does."""
    looks = isinstance(node, Subquery | PatternPredicate | PatternComprehension)
    return looks or any(searches(child) for child in children(node))


def conjuncts(expression: Expression | None) -> Iterator[Expression]:
    """The parts that must all be true for the whole to be."""
    if isinstance(expression, Logic) and expression.operator == "AND":
        for operand in expression.operands:
            yield from conjuncts(operand)
    elif expression is not None:
        yield expression


def pattern_graph(
    patterns: Iterable[PathPattern], where: Expression | None, scope: Scope, graph: int, frame: Frame
) -> PatternGraph:
    """The graph of one MATCH's patterns, read from the version in slot `graph`. O(size)."""
    return _Builder(scope, graph, frame).build(patterns, where)


class _Builder:
    """Builds one pattern graph."""

    def __init__(self, scope: Scope, graph: int, frame: Frame) -> None:
        self.frame = frame
        self.graph = graph
        self.made = PatternGraph(scope.reading(graph), scope)
        self.before = scope
        self.new: dict[str, Binding] = {}
        self.inner: dict[str, Binding] = {}
        self.pending: list[tuple[Expression, bool]] = []
        self.each: dict[str, list[Expression]] = {}

    def build(self, patterns: Iterable[PathPattern], where: Expression | None) -> PatternGraph:
        for pattern in patterns:
            self._path(pattern)
            if len(self.made.links) > MAX_LINKS or len(self.made.vertices) > MAX_LINKS:
                raise LimitExceeded(
                    f"a MATCH has more than {MAX_LINKS} nodes or relationships",
                    detail="LimitExceeded",
                    fix="split it into several",
                )
        self.pending += [(part, False) for part in conjuncts(where)]
        made = self.made
        made.named = {name for name in self.new if not isinstance(name, Nameless)}
        made.outside = self.before.with_names(self.new)
        made.scope = made.outside.with_names(self.inner).reading(self.graph)
        self._settle()
        return made

    def _settle(self) -> None:
        """Conditions, now that every name of the pattern is known."""
        made, local = self.made, self._local
        for name, parts in self.each.items():
            link = made.links[name]
            assert link.one is not None
            own = frozenset((link.one,))
            each = []
            for part in parts:
                needs = local(part)
                if needs <= own:
                    each.append(Condition(part, frozenset(), True))
                else:
                    self.pending.append((Quantifier("all", link.one, Variable(name), part, at=part.at), True))
            made.links[name] = replace(link, each=tuple(each))
        made.conditions = [Condition(part, local(part), inline) for part, inline in self.pending]

    def _local(self, expression: Expression) -> frozenset[str]:
        """The names an expression mentions that a move of this pattern binds."""
        made = self.made
        bound = self.new.keys() | self.inner.keys()
        there = made.given - (made.refound.keys() & made.links.keys())
        return frozenset(
            name for name, _ in mentions(expression, lambda _: False) if name in bound and name not in there
        )

    def _path(self, pattern: PathPattern) -> None:
        links: list[str] = []
        elements = pattern.elements
        first = left = self._vertex(elements[0])
        for link, right_node in zip(elements[1::2], elements[2::2], strict=True):
            right = self._vertex(right_node)
            if isinstance(link, QuantifiedPath):
                links.append(self._rounds(link, left, right))
            else:
                assert isinstance(link, RelationshipPattern)
                links.append(self._link(link, left, right))
            left = right
        if pattern.variable is not None:
            slot = self.frame.slot()
            self.new[pattern.variable] = Binding(slot, self.graph)
            self.made.trails.append(Trail(pattern.variable, slot, first, tuple(links)))

    def _vertex(self, node: object) -> str:
        assert isinstance(node, NodePattern)
        made, name = self.made, node.variable
        if name is None:
            name = self.frame.nameless()
        if name not in made.vertices:
            made.vertices[name] = self._slot(name)
        self._conditions(name, node, self.pending)
        return name

    def _slot(self, name: str, again: bool = True) -> int:
        """A new slot, or that of what was bound before: unless that may be of another version, and is found `again`."""
        before = self.before.names.get(name)
        if before is None:
            slot = self.frame.slot()
            self.new[name] = Binding(slot, self.graph)
            return slot
        self.made.given.add(name)
        if not again or before.read_from(self.graph):
            return before.slot
        slot = self.frame.slot()
        self.made.refound[name] = before.slot
        self.inner[name] = Binding(slot, self.graph)
        return slot

    def _conditions(
        self, name: str, node: NodePattern | RelationshipPattern, into: list[tuple[Expression, bool]]
    ) -> None:
        """What stands inside an element, as conditions on its name."""
        if isinstance(node, NodePattern) and node.labels is not None:
            into.append((LabelTest(Variable(name, at=node.at), node.labels, at=node.at), True))
        into += [(part, True) for part in _inline(name, node)]

    def _link(self, node: RelationshipPattern, left: str, right: str) -> str:
        made = self.made
        name = node.variable if node.variable is not None else self.frame.nameless()
        slot = self._slot(name, again=node.length is None)
        types = listed_types(node.labels)
        link = Link(name, slot, left, right, node.direction, types, node.length, given=name in made.given)
        parts = list(_inline(name, node))
        if node.labels is not None and types is None:
            parts.append(LabelTest(Variable(name, at=node.at), node.labels, at=node.at))
        if node.length is None:
            self.pending += [(part, True) for part in parts]
        else:
            link = replace(link, one=self._one(name, node, parts))
        made.links[name] = link
        return name

    def _one(self, name: str, node: RelationshipPattern, parts: list[Expression]) -> str:
        """The name of the relationship at hand, and its conditions said of it instead of the list."""
        one = self.frame.nameless()
        self.inner[one] = Binding(self.frame.slot(), self.graph)
        self.each[name] = [_renamed(part, name, one) for part in parts]
        return one

    def _rounds(self, node: QuantifiedPath, left: str, right: str) -> str:
        inner = pattern_graph((node.pattern,), node.where, self.before, self.graph, self.frame)
        lists = []
        for name in sorted(inner.named):
            slot = self.frame.slot()
            self.new[name] = Binding(slot, self.graph)
            lists.append((slot, inner.outside.names[name].slot))
        vertices = list(inner.vertices)
        last = _last_vertex(inner, node.pattern, vertices[0])
        name, slot = self.frame.nameless(), self.frame.slot()
        self.inner[name] = Binding(slot, self.graph)
        self.made.links[name] = Link(
            name,
            slot,
            left,
            right,
            "-",
            length=node.length,
            round=Round(inner, vertices[0], last, tuple(lists)),
        )
        return name


def _last_vertex(graph: PatternGraph, pattern: PathPattern, first: str) -> str:
    links = list(graph.links.values())
    return links[-1].right if links else first


def _inline(name: str, node: NodePattern | RelationshipPattern) -> Iterator[Expression]:
    """`{k: v}` as `name.k = v`, and the conjuncts of an inner WHERE."""
    if isinstance(node.properties, MapLiteral):
        for entry in node.properties.entries:
            subject = Property(Variable(name, at=entry.at), entry.key, at=entry.at)
            yield Comparison(("=",), (subject, entry.value), at=entry.at)
    yield from conjuncts(node.where)


def listed_types(labels: LabelExpression | None) -> tuple[str, ...] | None:
    """The types that a label expression lists, or None when it is none or no list."""
    parts = labels.operands if isinstance(labels, LabelOr) else (labels,)
    names = [part.name for part in parts if isinstance(part, LabelName)]
    return tuple(dict.fromkeys(names)) if len(names) == len(parts) else None


def _renamed(expression: Expression, old: str, new: str) -> Expression:
    """The expression about another variable."""
    renamed = _substituted(expression, old, new)
    assert isinstance(renamed, Expression)
    return renamed


def _substituted(part: object, old: str, new: str) -> object:
    if isinstance(part, Variable):
        return replace(part, name=new) if part.name == old else part
    if isinstance(part, tuple):
        return tuple(_substituted(item, old, new) for item in part)
    if isinstance(part, Ast):
        changes = {slot.name: _substituted(getattr(part, slot.name), old, new) for slot in fields(part)}
        return replace(part, **changes)  # type: ignore[arg-type]
    return part
