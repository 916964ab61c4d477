"""Expressions that look into the graph: pattern predicates, pattern comprehensions, EXISTS and COUNT.

Each is a match of its own inside an expression, in the row at hand: its slots are its own, so the outer row is not
disturbed, and what is bound outside is where it starts. A predicate stops at the first match: it is a semi-join, never
a join. A COUNT of the relationships of one node is its degree.

Reference: openCypher CIP2015-05-13, EXISTS; U. Dayal, Of Nests and Trees, VLDB 1987, for semi-joins.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator

from itonami.graphstore.graph import Node
from itonami.query.cypher.ast import (
    Expression,
    Match,
    NodePattern,
    PathPattern,
    PatternComprehension,
    PatternPredicate,
    Query,
    RelationshipPattern,
    Subquery,
)
from itonami.query.engine.comprehensions import ComprehensionCompiler
from itonami.query.engine.matching import Matching
from itonami.query.engine.moves import way_of
from itonami.query.engine.pattern import Link, listed_types, pattern_graph
from itonami.query.engine.runtime import HERE, RUNTIME, Evaluate, Row, Runtime, chained
from itonami.query.engine.scope import Scope
from itonami.query.engine.version import Version
from itonami.query.faults import wrong_type
from itonami.query.values import spoken_type

__all__ = ["SubqueryCompiler", "opened"]


def opened(row: Row, slot: int) -> Version:
    """The version in a slot."""
    version = row[slot]
    assert isinstance(version, Version)
    return version


class SubqueryCompiler(ComprehensionCompiler):
    """Compiles matches inside expressions."""

    @abstractmethod
    def rows_of(self, query: Query, scope: Scope, *, asked: bool) -> SubqueryRun:
        """What runs a subquery in a row; `asked`: how many rows it gives matters."""

    def matching(
        self,
        patterns: Iterable[PathPattern],
        where: Expression | None,
        scope: Scope,
        graph: int,
        *,
        asked: bool = True,
    ) -> Matching:
        """A match of patterns in the version of a slot; `asked`: somebody asks how often it comes."""
        self.reads_default |= graph == HERE
        made = pattern_graph(patterns, where, scope, graph, self.frame)
        return Matching(made, self.compile, self.condition, asked=asked)

    def _matches(
        self, pattern: PathPattern, where: Expression | None, scope: Scope, *, asked: bool = True
    ) -> tuple[Scope, SubqueryRun]:
        graph = scope.graph
        matching = self.matching((pattern,), where, scope, graph, asked=asked)

        def run(row: Row) -> Iterator[Row]:
            runtime: Runtime = row[RUNTIME]
            return chained(matching.stages(runtime, opened(row, graph)), runtime, (row,))

        return matching.graph.outside, SubqueryRun(run)

    def _predicate(self, node: PatternPredicate, scope: Scope) -> Evaluate:
        return self._matches(node.pattern, None, scope, asked=False)[1].any

    def _pattern_comprehension(self, node: PatternComprehension, scope: Scope) -> Evaluate:
        inner, found = self._matches(node.pattern, node.where, scope)
        result = self.compile(node.result, inner)

        def run(row: Row) -> list[object]:
            made: list[object] = []
            for match in found.rows(row):
                made.append(result(match))
                row[RUNTIME].meter.make(row[RUNTIME].meter.weigh(made[-1]))
            return made

        return run

    def _subquery(self, node: Subquery, scope: Scope) -> Evaluate:
        degree = None if node.kind == "EXISTS" else self._degree(node.query, scope)
        if degree is not None:
            return degree
        found = self.rows_of(node.query, scope, asked=node.kind != "EXISTS")
        return found.any if node.kind == "EXISTS" else found.count

    def _degree(self, query: Query, scope: Scope) -> Evaluate | None:
        """`COUNT { (n)-[:T]->() }`, nothing else asked of its parts: so many edges, and no node is read."""
        link = _lone_link(query)
        if link is None or link[0] not in scope.names or not scope.names[link[0]].read_from(scope.graph):
            return None
        slot, graph, way = scope.names[link[0]].slot, scope.graph, way_of(link[1], True)
        self.reads_default |= graph == HERE

        def run(row: Row) -> int:
            node = row[slot]
            if node is None:
                return 0
            if type(node) is not Node:
                raise wrong_type(f"{spoken_type(node)} stands where a node should")
            count = opened(row, graph).degree(node.id, way, link[1].types)
            row[RUNTIME].meter.work(count)
            return count

        return run


class SubqueryRun:
    """The rows of a subquery in a row. What a row within it made is gone with that row: the outer count is kept."""

    def __init__(self, rows: Callable[[Row], Iterator[Row]]) -> None:
        self._rows = rows

    def rows(self, row: Row) -> Iterator[Row]:
        """All of them."""
        meter, source = row[RUNTIME].meter, self._rows(row)
        while True:
            made = meter.made
            found = next(source, None)
            meter.made = made
            if found is None:
                return
            yield found

    def any(self, row: Row) -> bool:
        """Whether there is one."""
        return next(self.rows(row), None) is not None

    def count(self, row: Row) -> int:
        """How many there are."""
        return sum(1 for _ in self.rows(row))


def _lone_link(query: Query) -> tuple[str, Link] | None:
    """The vertex and link of a query that is one MATCH of one bare step from a named vertex to a nameless one."""
    if len(query.parts) != 1 or query.parts[0].use is not None or len(query.parts[0].clauses) != 1:
        return None
    match = query.parts[0].clauses[0]
    if (
        not isinstance(match, Match)
        or match.where
        or match.optional
        or match.as_of
        or len(match.patterns) != 1
    ):
        return None
    elements = match.patterns[0].elements
    if len(elements) != 3 or match.patterns[0].variable is not None:
        return None
    node, step, far = elements
    if not (isinstance(step, RelationshipPattern) and isinstance(node, NodePattern)):
        return None
    bare = (node.labels, node.properties, node.where, step.variable, step.properties, step.where, step.length)
    if node.variable is None or any(part is not None for part in bare) or far != NodePattern():
        return None
    types = listed_types(step.labels)
    if step.labels is not None and types is None:
        return None
    return node.variable, Link("", 0, "", "", step.direction, types)


SubqueryCompiler.rules = {
    **ComprehensionCompiler.rules,
    PatternPredicate: SubqueryCompiler._predicate,
    PatternComprehension: SubqueryCompiler._pattern_comprehension,
    Subquery: SubqueryCompiler._subquery,
}
