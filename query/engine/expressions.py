"""Expressions compiled: a tree becomes one Python closure over a row.

    compile(n.x + 1)  =  row -> add(property_of(row[3], "x"), 1)

Variables are slots by then, constants are constants, functions are found. What an operator answers is `values`'
business, and each closure gives an error from there its place in the text.

Reference: M. Feeley and G. Lapalme, Using Closures for Code Generation, Computer Languages 12 (1987).

Comparisons and logic are in `logic`, calls in `calls`, what brings variables of its own in `comprehensions`, what looks
into a graph in `subqueries`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from itonami.graphstore.graph import Edge, Node
from itonami.query.cypher.ast import (
    Binary,
    Case,
    Comparison,
    Expression,
    Index,
    IsNull,
    LabelAnd,
    LabelAny,
    LabelExpression,
    LabelName,
    LabelNot,
    LabelOr,
    LabelTest,
    ListLiteral,
    Literal,
    Logic,
    MapLiteral,
    Not,
    Parameter,
    PatternPredicate,
    Property,
    Quantifier,
    Slice,
    Subquery,
    Unary,
    Variable,
)
from itonami.query.cypher.errors import LimitExceeded, QueryError
from itonami.query.engine.limits import CHARACTERS, COMPOSITE
from itonami.query.engine.place import placed
from itonami.query.engine.runtime import RUNTIME, Condition, Evaluate, Row
from itonami.query.engine.scope import Frame, Scope
from itonami.query.faults import not_given, wrong_type
from itonami.query.values import (
    Value,
    add,
    contained,
    contains,
    divide,
    ends_with,
    equals,
    from_store,
    index,
    matches,
    modulo,
    multiply,
    negate,
    posit,
    power,
    property_of,
    slice_of,
    spoken_type,
    starts_with,
    subtract,
    truth,
)
from itonami.query.values.domain import AS_IT_IS

__all__ = ["ExpressionCompiler", "counted", "label_predicate", "read"]

_BINARY: dict[str, Callable[[Value, Value], Value]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": modulo,
    "^": power,
    "STARTS WITH": starts_with,
    "ENDS WITH": ends_with,
    "CONTAINS": contains,
    "=~": matches,
}
_TRUTHS = (Comparison, Logic, Not, IsNull, LabelTest, Quantifier, PatternPredicate, Subquery)
MAX_COMPILED = 1_000_000
"""So many expressions are compiled: none of the longest query is more than a few times"""
_SHORT_TEXT = 64
_LONG = 4_096


def label_predicate(labels: LabelExpression) -> Callable[[frozenset[str]], bool]:
    """A label expression as a predicate over a set of labels."""
    match labels:
        case LabelName(name=name):
            return lambda found: name in found
        case LabelAny():
            return lambda found: bool(found)
        case LabelNot(operand=operand):
            inner = label_predicate(operand)
            return lambda found: not inner(found)
        case LabelAnd(operands=operands):
            every = [label_predicate(operand) for operand in operands]
            return lambda found: all(holds(found) for holds in every)
        case LabelOr(operands=operands):
            some = [label_predicate(operand) for operand in operands]
            return lambda found: any(holds(found) for holds in some)
    raise AssertionError(type(labels).__name__)


def counted(row: Row, value: Value) -> Value:
    """The value, its size counted as made for this row."""
    kind = type(value)
    if kind in COMPOSITE:
        meter = row[RUNTIME].meter
        meter.make(meter.weigh(value))
    elif kind is str and len(value) > _SHORT_TEXT:
        row[RUNTIME].meter.make(len(value) // CHARACTERS)
    return value


def read(row: Row, value: Value) -> Value:
    """The value; one that is long to go through is work, so that the clock is looked at in time."""
    kind = type(value)
    if (kind is str or kind is list) and len(value) > _LONG:
        row[RUNTIME].meter.work(len(value) // CHARACTERS)
    return value


def _joined(row: Row, value: Value) -> Value:
    """A sum, counted: of a list that was put together only the elements, their parts were counted before."""
    if type(value) is list:
        row[RUNTIME].meter.make(len(value))
        return value
    return counted(row, value)


class ExpressionCompiler:
    """Compiles the expressions of one query; `text` is its source."""

    rules: ClassVar[dict[type[Expression], Callable[[Any, Any, Scope], Evaluate]]]

    def __init__(self, text: str, frame: Frame) -> None:
        self.text = text
        self.frame = frame
        self.parameters: set[str] = set()
        self.reads_default = False
        self._compiled = 0

    def compile(self, node: Expression, scope: Scope) -> Evaluate:
        """The closure that evaluates an expression."""
        self._compiled += 1
        if self._compiled > MAX_COMPILED:
            raise LimitExceeded(
                "the query is too large to be compiled", detail="LimitExceeded", fix="split it"
            )
        if scope.known and node in scope.known:
            slot = scope.known[node]
            return lambda row: row[slot]
        return self.rules[type(node)](self, node, scope)

    def condition(self, node: Expression, scope: Scope) -> Condition:
        """The closure of an expression that must be a truth value."""
        evaluate = self.compile(node, scope)
        if isinstance(node, _TRUTHS):
            return evaluate
        text, at = self.text, node.at

        def run(row: Row) -> bool | None:
            try:
                return truth(evaluate(row))
            except QueryError as error:
                raise placed(error, text, at) from None

        return run

    # ----------------------------------------------------------------------------------- names and values

    def _literal(self, node: Literal, scope: Scope) -> Evaluate:
        value = node.value
        return lambda row: value

    def _parameter(self, node: Parameter, scope: Scope) -> Evaluate:
        name, text, at = node.name, self.text, node.at
        self.parameters.add(name)

        def run(row: Row) -> Value:
            try:
                return row[RUNTIME].params[name]
            except KeyError:
                raise placed(not_given(name), text, at) from None

        return run

    def _variable(self, node: Variable, scope: Scope) -> Evaluate:
        slot = scope.names[node.name].slot
        return lambda row: row[slot]

    def _list(self, node: ListLiteral, scope: Scope) -> Evaluate:
        items = [self.compile(item, scope) for item in node.items]

        def run(row: Row) -> Value:
            return counted(row, [item(row) for item in items])

        return run

    def _map(self, node: MapLiteral, scope: Scope) -> Evaluate:
        entries = [(entry.key, self.compile(entry.value, scope)) for entry in node.entries]

        def run(row: Row) -> Value:
            return counted(row, {key: value(row) for key, value in entries})

        return run

    def _property(self, node: Property, scope: Scope) -> Evaluate:
        subject, key = self.compile(node.subject, scope), node.key
        text, at = self.text, node.at

        def of(value: Value) -> Value:
            try:
                return property_of(value, key)
            except QueryError as error:
                raise placed(error, text, at) from None

        def run(row: Row) -> Value:
            value = subject(row)
            return from_store(value.data.get(key)) if type(value) is Node else of(value)

        if not isinstance(node.subject, Variable) or node.subject in scope.known:
            return run
        slot = scope.names[node.subject.name].slot

        def run_variable(row: Row) -> Value:
            value = row[slot]
            if type(value) is not Node:
                return of(value)
            found = value.data.get(key)
            return found if type(found) in AS_IT_IS else from_store(found)

        return run_variable

    def _index(self, node: Index, scope: Scope) -> Evaluate:
        return self._two(index, node.subject, node.index, scope, node.at)

    def _slice(self, node: Slice, scope: Scope) -> Evaluate:
        subject = self.compile(node.subject, scope)
        bounds = {
            name: self.compile(bound, scope)
            for name, bound in (("start", node.low), ("stop", node.high))
            if bound is not None
        }
        text, at = self.text, node.at

        def run(row: Row) -> Value:
            try:
                ends = {name: bound(row) for name, bound in bounds.items()}
                return counted(row, slice_of(subject(row), **ends))
            except QueryError as error:
                raise placed(error, text, at) from None

        return run

    # ------------------------------------------------------------------------------------------ operators

    def _two(
        self,
        operation: Callable[[Value, Value], Value],
        left_node: Expression,
        right_node: Expression,
        scope: Scope,
        at: int,
    ) -> Evaluate:
        left, right = self.compile(left_node, scope), self.compile(right_node, scope)
        text = self.text

        def run(row: Row) -> Value:
            try:
                return operation(read(row, left(row)), right(row))
            except QueryError as error:
                raise placed(error, text, at) from None

        def run_constant(row: Row) -> Value:
            try:
                return operation(read(row, left(row)), constant)
            except QueryError as error:
                raise placed(error, text, at) from None

        if isinstance(right_node, Literal) and right_node not in scope.known:
            constant = right_node.value
            return run_constant
        return run

    def _binary(self, node: Binary, scope: Scope) -> Evaluate:
        if node.operator != "IN":
            evaluate = self._two(_BINARY[node.operator], node.left, node.right, scope, node.at)
            return (lambda row: _joined(row, evaluate(row))) if node.operator == "+" else evaluate
        left, right = self.compile(node.left, scope), self.compile(node.right, scope)
        text, at = self.text, node.at

        def run(row: Row) -> Value:
            item, items = left(row), right(row)
            row[RUNTIME].meter.compare(items)
            try:
                return contained(item, items)
            except QueryError as error:
                raise placed(error, text, at) from None

        return run

    def _unary(self, node: Unary, scope: Scope) -> Evaluate:
        operand, operation = self.compile(node.operand, scope), negate if node.operator == "-" else posit
        text, at = self.text, node.at

        def run(row: Row) -> Value:
            try:
                return operation(operand(row))
            except QueryError as error:
                raise placed(error, text, at) from None

        return run

    def _is_null(self, node: IsNull, scope: Scope) -> Evaluate:
        operand = self.compile(node.operand, scope)
        if node.negated:
            return lambda row: operand(row) is not None
        return lambda row: operand(row) is None

    def _label_test(self, node: LabelTest, scope: Scope) -> Evaluate:
        subject, holds = self.compile(node.subject, scope), label_predicate(node.labels)
        text, at = self.text, node.at

        def run(row: Row) -> Value:
            value = subject(row)
            kind = type(value)
            if kind is Node:
                return holds(value.labels)
            if kind is Edge:
                return holds(frozenset((value.label,)))
            if value is None:
                return None
            raise placed(wrong_type(f"{spoken_type(value)} has no labels"), text, at)

        return run

    def _case(self, node: Case, scope: Scope) -> Evaluate:
        default = (lambda row: None) if node.default is None else self.compile(node.default, scope)
        subject = None if node.subject is None else self.compile(node.subject, scope)
        when = self.condition if node.subject is None else self.compile
        branches = [(when(test, scope), self.compile(result, scope)) for test, result in node.branches]

        def run(row: Row) -> Value:
            if subject is None:
                for test, result in branches:
                    if test(row) is True:
                        return result(row)
                return default(row)
            value = subject(row)
            for test, result in branches:
                row[RUNTIME].meter.compare(value)
                if equals(value, test(row)):
                    return result(row)
            return default(row)

        return run


ExpressionCompiler.rules = {
    Literal: ExpressionCompiler._literal,
    Parameter: ExpressionCompiler._parameter,
    Variable: ExpressionCompiler._variable,
    ListLiteral: ExpressionCompiler._list,
    MapLiteral: ExpressionCompiler._map,
    Property: ExpressionCompiler._property,
    Index: ExpressionCompiler._index,
    Slice: ExpressionCompiler._slice,
    Binary: ExpressionCompiler._binary,
    Unary: ExpressionCompiler._unary,
    IsNull: ExpressionCompiler._is_null,
    LabelTest: ExpressionCompiler._label_test,
    Case: ExpressionCompiler._case,
}
