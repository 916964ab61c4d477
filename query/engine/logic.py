"""Comparisons and logic, compiled.

AND and OR stop at the first operand that decides (Kleene's tables: false AND anything is false). A comparison of values
that have parts is counted before it is done.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from itonami.query.cypher.ast import Comparison, Expression, Logic, Not
from itonami.query.engine.expressions import ExpressionCompiler, read
from itonami.query.engine.limits import COMPOSITE
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

_COMPARE: dict[str, tuple[Callable[[Value, Value], bool | None], Callable[[Any, Any], bool]]] = {
    "=": (equals, operator.eq),
    "<>": (unequal, operator.ne),
    "<": (less, operator.lt),
    "<=": (less_or_equal, operator.le),
    ">": (greater, operator.gt),
    ">=": (greater_or_equal, operator.ge),
}
"""Each comparison, and Python's: two numbers, or two strings, compare as Python has it"""
_NUMBERS = frozenset((int, float))


class LogicCompiler(ExpressionCompiler):
    """Compiles what gives truth values of values and of truth values."""

    def _comparison(self, node: Comparison, scope: Scope) -> Evaluate:
        pairs = [
            self._pair(name, left, right, scope)
            for name, left, right in zip(node.operators, node.operands, node.operands[1:], strict=False)
        ]
        return pairs[0] if len(pairs) == 1 else _all_of(pairs)

    def _pair(
        self,
        name: str,
        left: Expression,
        right: Expression,
        scope: Scope,
    ) -> Evaluate:
        """One comparison; what has parts, or is long, is counted."""
        first, second = self.compile(left, scope), self.compile(right, scope)
        general, plain = _COMPARE[name]

        def run(row: Row) -> bool | None:
            a, b = first(row), second(row)
            kind = type(a)
            if kind in _NUMBERS and type(b) in _NUMBERS:
                return plain(a, b)
            if kind in COMPOSITE:
                row[RUNTIME].meter.compare(a)
            return general(read(row, a), b)

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
