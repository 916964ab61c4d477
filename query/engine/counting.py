"""Counting without matching: queries whose answer is the size of a bucket.

    MATCH (n:A) RETURN count(*)     MATCH (n) RETURN count(n)     MATCH ()-[r:T]->() RETURN count(r)

Every node of a bucket, and every edge of a type, is one match, and neither is null: so the count is known without
building a row.

Reference: the push-down of aggregates below joins, Yan and Larson, Eager Aggregation and Lazy Aggregation, VLDB 1995,
at its simplest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from itonami.query.cypher.ast import (
    CountStar,
    Expression,
    FunctionCall,
    LabelName,
    Match,
    NodePattern,
    Projection,
    RelationshipPattern,
    Return,
    SingleQuery,
    Variable,
)
from itonami.query.engine.pattern import listed_types
from itonami.query.engine.runtime import Row, Runtime, Stage
from itonami.query.engine.scope import Binding, Frame

__all__ = ["counted"]


def counted(part: SingleQuery, graph: int, frame: Frame) -> tuple[Stage, dict[str, Binding]] | None:
    """The operator that counts instead of matching, and its columns; None where rows must be built. No name of the
    part may be bound before it."""
    if len(part.clauses) != 2:
        return None
    match, ends = part.clauses
    if not isinstance(match, Match) or not isinstance(ends, Return) or match.as_of or match.optional:
        return None
    if match.where is not None or len(match.patterns) != 1 or match.patterns[0].variable is not None:
        return None
    elements = match.patterns[0].elements
    if len(elements) == 1:
        node = elements[0]
        assert isinstance(node, NodePattern)
        if _bare(node) and _plain(ends.projection, node.variable):
            return _nodes(node, ends.projection, graph, frame)
        return None
    return _edges(elements, ends.projection, graph, frame) if len(elements) == 3 else None


def _bare(node: NodePattern) -> bool:
    plain = node.labels is None or isinstance(node.labels, LabelName)
    return plain and node.properties is None and node.where is None


def _plain(projection: Projection, variable: str | None) -> bool:
    """Whether all columns count the rows, and nothing else is asked."""
    if projection.star or projection.distinct or projection.order or projection.skip or projection.limit:
        return False
    return all(_counts(item.expression, variable) for item in projection.items)


def _counts(node: Expression, variable: str | None) -> bool:
    if isinstance(node, CountStar):
        return True
    if not isinstance(node, FunctionCall) or node.name != "count" or node.distinct:
        return False
    return node.arguments == (Variable(variable or ""),)


def _columns(projection: Projection, frame: Frame) -> dict[str, Binding]:
    return {item.name: Binding(frame.slot()) for item in projection.items}


def _nodes(
    node: NodePattern, projection: Projection, graph: int, frame: Frame
) -> tuple[Stage, dict[str, Binding]]:
    label = node.labels.name if isinstance(node.labels, LabelName) else None
    columns = _columns(projection, frame)
    slots = [binding.slot for binding in columns.values()]

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            count = row[graph].count(label)
            for slot in slots:
                row[slot] = count
            yield row

    return Stage("CountNodes", label or "", run), columns


def _edges(
    elements: tuple[object, ...], projection: Projection, graph: int, frame: Frame
) -> tuple[Stage, dict[str, Binding]] | None:
    left, step, right = elements
    if not isinstance(step, RelationshipPattern) or step.length is not None or step.direction == "-":
        return None
    types = listed_types(step.labels)
    nameless = left == right == NodePattern()
    if not nameless or step.properties or step.where or (step.labels is not None and types is None):
        return None
    if not _plain(projection, step.variable):
        return None
    columns = _columns(projection, frame)
    slots = [binding.slot for binding in columns.values()]

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            count = row[graph].count_edges(types)
            for slot in slots:
                row[slot] = count
            yield row

    return Stage("CountEdges", "|".join(types or ()), run), columns
