"""Aggregation: which columns are grouping keys, and what may stand beside an aggregate.

A projection with an aggregate groups the rows by its columns without one. Outside its aggregates such a column may
use only what is the same for a whole group, and openCypher keeps that simple to see: constants, parameters, and
those keys that are a variable or a property of one.

    RETURN n.x, n.x + count(*)             good
    RETURN n.x + 1, n.x + 1 + count(*)     AmbiguousAggregationExpression

ORDER BY and WHERE behind such a projection (or a DISTINCT one) see the new columns and the expressions those were made
of, nothing else of before.

Reference: openCypher TCK, features Return6, With6, ReturnOrderBy6, WithOrderBy4,
WithWhere1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from itonami.query.cypher.ast import (
    Ast,
    CountStar,
    Expression,
    FunctionCall,
    ListComprehension,
    NodePattern,
    PathPattern,
    Projection,
    Property,
    Quantifier,
    Reduce,
    RelationshipPattern,
    Subquery,
    Variable,
    VariableSelector,
    children,
)
from itonami.query.cypher.errors import QuerySyntaxError
from itonami.query.cypher.kinds import AGGREGATES
from itonami.query.cypher.scope import Scope

__all__ = ["aggregates", "check_behind", "check_keys", "is_aggregate", "mentions"]


def is_aggregate(node: Ast) -> bool:
    """Whether this very node makes one value of many rows."""
    return isinstance(node, CountStar) or (isinstance(node, FunctionCall) and node.name in AGGREGATES)


def aggregates(node: Ast) -> bool:
    """Whether an aggregate stands in the expression; a subquery's own do not count. O(size)."""
    if is_aggregate(node):
        return True
    return not isinstance(node, Subquery) and any(aggregates(child) for child in children(node))


def mentions(node: Ast, stop: Callable[[Ast], bool] = is_aggregate) -> Iterator[tuple[str, int]]:
    """The variables an expression mentions, with their offsets; those it brings itself left out.

    Subtrees that `stop` names are not entered. The new variables of patterns and subqueries are among them: a scope
    tells those apart. O(size).
    """
    if stop(node):
        return
    if isinstance(node, Variable | VariableSelector):
        yield node.name, node.at
        return
    if isinstance(node, PathPattern | NodePattern | RelationshipPattern) and node.variable is not None:
        yield node.variable, node.at
    own = _own(node)
    for child in children(node):
        for name, at in mentions(child, stop):
            if (
                name not in own
                or child is getattr(node, "source", None)
                or child is getattr(node, "initial", None)
            ):
                yield name, at


def _own(node: Ast) -> tuple[str, ...]:
    """The variables a comprehension brings: they hold everywhere in it but in its source."""
    if isinstance(node, ListComprehension | Quantifier):
        return (node.variable,)
    return (node.accumulator, node.variable) if isinstance(node, Reduce) else ()


def _simple(node: Ast) -> bool:
    """What may be repeated beside an aggregate: a variable, or a property of one."""
    return isinstance(node, Variable) or (isinstance(node, Property) and _simple(node.subject))


def check_keys(text: str, projection: Projection, scope: Scope) -> bool:
    """Whether the projection aggregates; `QuerySyntaxError` if what stands beside an aggregate is ambiguous."""
    keys: set[Expression] = set()
    mixed: list[Expression] = []
    for item in projection.items:
        if aggregates(item.expression):
            mixed.append(item.expression)
        else:
            keys.add(item.expression)

    def settled(node: Ast) -> bool:
        return is_aggregate(node) or (_simple(node) and node in keys)

    for expression in mixed:
        for name, at in mentions(expression, settled):
            if name in scope and not projection.star:
                raise _ambiguous(text, name, at)
    return bool(mixed)


def _ambiguous(text: str, name: str, at: int) -> QuerySyntaxError:
    return QuerySyntaxError(
        f"`{name}` may differ within the group that is aggregated",
        detail="AmbiguousAggregationExpression",
        text=text,
        at=at,
        fix="make it a column of its own, in a WITH before",
    )


def check_behind(
    text: str, projection: Projection, expression: Expression, before: Scope, after: Scope
) -> None:
    """An expression of ORDER BY or WHERE behind a projection that merges rows. Raises `QuerySyntaxError`."""
    columns = {item.expression for item in projection.items}
    grouped = aggregates(expression)

    def settled(node: Ast) -> bool:
        return node in columns and (not grouped or _simple(node) or aggregates(node))

    if settled(expression):
        return
    if grouped:
        _check_complex(text, expression, columns)
    for name, at in mentions(expression, settled):
        if name in before and name not in after:
            raise QuerySyntaxError(
                f"the variable `{name}` is not defined behind this projection",
                detail="UndefinedVariable",
                text=text,
                at=at,
                fix="make it, or this very expression, one of the columns",
            )
    for node in _walk(expression, settled):
        if is_aggregate(node) and not settled(node):
            raise QuerySyntaxError(
                "this aggregate is no column of the projection",
                detail="InvalidAggregation",
                text=text,
                at=node.at,
                fix="make it a column",
            )


def _check_complex(text: str, expression: Expression, columns: set[Expression]) -> None:
    for node in _walk(expression, is_aggregate):
        if isinstance(node, Expression) and node in columns and not _simple(node):
            for name, at in mentions(node):
                raise _ambiguous(text, name, at)


def _walk(node: Ast, stop: Callable[[Ast], bool]) -> Iterator[Ast]:
    """The nodes of a tree from the top, those below a stop left out; aggregates themselves are given."""
    yield node
    if not stop(node):
        for child in children(node):
            yield from _walk(child, stop)
