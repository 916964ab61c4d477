"""Comparisons and logic, compiled.

AND and OR stop at the first operand that decides (Kleene's tables: false AND anything is false). A comparison of values
that have parts is counted before it is done.
"""

from __future__ import annotations

from collections.abc import Callable

from itonami.query.cypher.ast import Comparison, Expression, Literal, Logic, Not
from itonami.query.cypher.errors import QueryError
from itonami.query.engine.expressions import ExpressionCompiler
from itonami.query.engine.limits import COMPOSITE
from itonami.query.engine.place import placed
from itonami.query.engine.runtime import RUNTIME, Condition, Evaluate, Row
from itonami.query.engine.scope import Scope
from itonami.query.values import (
    Value,
    equals,
    greater,
    greater_or_equal,
    less,
    less_or_equal,
    not_,
    unequal,
    xor,
)

__all__ = ["LogicCompiler"]

_COMPARE: dict[str, Callable[[Value, Value], bool | None]] = {
    "=": equals,
    "<>": unequal,
    "<": less,
    "<=": less_or_equal,
    ">": greater,
    ">=": greater_or_equal,
}


class LogicCompiler(ExpressionCompiler):
    """Compiles what gives truth values of values and of truth values."""

    def _comparison(self, node: Comparison, scope: Scope) -> Evaluate:
        pairs = [
            self._pair(_COMPARE[operator], left, right, scope, node.at)
            for operator, left, right in zip(node.operators, node.operands, node.operands[1:], strict=False)
        ]
        return pairs[0] if len(pairs) == 1 else _all_of(pairs)

    def _pair(
        self,
        operation: Callable[[Value, Value], Value],
        left: Expression,
        right: Expression,
        scope: Scope,
        at: int,
    ) -> Evaluate:
        """A comparison. Where one side is a constant without parts nothing is to be counted."""
        if any(isinstance(side, Literal) and side not in scope.known for side in (left, right)):
            return self._two(operation, left, right, scope, at)
        first, second = self.compile(left, scope), self.compile(right, scope)
        text = self.text

        def run(row: Row) -> Value:
            a, b = first(row), second(row)
            if type(a) in COMPOSITE:
                row[RUNTIME].meter.compare(a)
            try:
                return operation(a, b)
            except QueryError as error:
                raise placed(error, text, at) from None

        return run

    def _logic(self, node: Logic, scope: Scope) -> Evaluate:
        operands = [self.condition(operand, scope) for operand in node.operands]
        if node.operator == "AND":
            return _all_of(operands)
        if node.operator == "OR":
            return _any_of(operands)

        def either(row: Row) -> Value:
            answer: Value = False
            for operand in operands:
                answer = xor(answer, operand(row))
            return answer

        return either

    def _not(self, node: Not, scope: Scope) -> Evaluate:
        operand = self.condition(node.operand, scope)
        return lambda row: not_(operand(row))


def _all_of(operands: list[Condition]) -> Condition:
    """AND: false as soon as one operand is."""

    def run(row: Row) -> bool | None:
        answer: bool | None = True
        for operand in operands:
            value = operand(row)
            if value is False:
                return False
            if value is None:
                answer = None
        return answer

    return run


def _any_of(operands: list[Condition]) -> Condition:
    """OR: true as soon as one operand is."""

    def run(row: Row) -> bool | None:
        answer: bool | None = False
        for operand in operands:
            value = operand(row)
            if value is True:
                return True
            if value is None:
                answer = None
        return answer

    return run


LogicCompiler.rules = {
    **ExpressionCompiler.rules,
    Comparison: LogicCompiler._comparison,
    Logic: LogicCompiler._logic,
    Not: LogicCompiler._not,
}
