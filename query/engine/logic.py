"""Comparisons and logic, compiled.

AND and OR stop at the first operand that decides (Kleene's tables: false AND anything is false). A comparison of values
that have parts is counted before it is done.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from itonami.query.cypher.ast import Comparison, Logic, Not
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

__all__ = ["COMPARE", "LogicCompiler"]

COMPARE: dict[str, tuple[Callable[[Value, Value], bool | None], Callable[[Any, Any], bool]]] = {
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
        """Comparisons; what has parts, or is long, is counted. In a chain each operand is evaluated once at most."""
        first, *others = (self.compile(operand, scope) for operand in node.operands)
        general, plain = COMPARE[node.operators[0]]
        second = others[0]

        def run(row: Row) -> bool | None:
            a, b = first(row), second(row)
            kind = type(a)
            if kind in _NUMBERS and type(b) in _NUMBERS:
                return plain(a, b)
            if kind in COMPOSITE:
                row[RUNTIME].meter.compare(a)
            return general(read(row, a), b)

        def run_chain(row: Row) -> bool | None:
            answer: bool | None = True
            left = first(row)
            for (compare, _), operand in steps:
                row[RUNTIME].meter.compare(left)
                right = operand(row)
                holds = compare(read(row, left), right)
                if holds is False:
                    return False
                answer = holds if holds is None else answer
                left = right
            return answer

        if len(others) == 1:
            return run
        steps = [(COMPARE[name], operand) for name, operand in zip(node.operators, others, strict=True)]
        return run_chain

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
