"""Where it does not matter how often a row comes, only whether it does.

    EXISTS { MATCH (a)-[:T*]->(b) }      MATCH (a)-[:T*]->(b) RETURN DISTINCT b      ... RETURN count(DISTINCT b)

There a variable length need not give every trail: an end that can be reached is given once, found breadth first in
O(edges), while the number of trails may be exponential. Read backwards from what ends a part: DISTINCT, and aggregates
that do not count twice (DISTINCT, min, max), forget how often; SKIP, LIMIT and other aggregates ask; all else hands on.

Reference: query evaluation under set semantics, Angles et al., Foundations of Modern Query Languages for Graph
Databases, ACM Computing Surveys 50 (2017), section 4.

Nothing is compiled here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from itonami.query.cypher.ast import Ast, Clause, CountStar, FunctionCall, Projection, Return, With, children
from itonami.query.cypher.grouping import aggregates, is_aggregate

__all__ = ["asked_how_often"]

_FORGETFUL = frozenset(("min", "max"))


def asked_how_often(clauses: Sequence[Clause], at_the_end: bool) -> list[bool]:
    """For each clause, whether what follows asks how often a row comes; `at_the_end`: whether the result does."""
    asked, answers = at_the_end, []
    for clause in reversed(clauses):
        if isinstance(clause, With | Return):
            asked = _asks(clause.projection, asked)
        answers.append(asked)
    return answers[::-1]


def _asks(projection: Projection, after: bool) -> bool:
    """Whether a projection asks how often the rows before it come."""
    columns = [item.expression for item in projection.items]
    if any(aggregates(column) for column in columns):
        return not all(_forgets(node) for column in columns for node in _aggregates(column))
    if projection.distinct:
        return False
    return after or projection.skip is not None or projection.limit is not None


def _aggregates(node: Ast) -> Iterator[CountStar | FunctionCall]:
    if is_aggregate(node):
        assert isinstance(node, CountStar | FunctionCall)
        yield node
        return
    for child in children(node):
        yield from _aggregates(child)


def _forgets(node: CountStar | FunctionCall) -> bool:
    return isinstance(node, FunctionCall) and (node.distinct or node.name in _FORGETFUL)
