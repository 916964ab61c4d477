"""Selections: conditions that are asked of many nodes at once, where a bucket is entered.

    n.key <op> constant        <op> one of = < <= > >=, the constant a literal or a parameter

The other side is the same for every node, and neither side can fail: so a stretch of a bucket is filtered in one go,
without a row or a call for each of its nodes. The selection of Manegold, Boncz and Kersten (Optimizing Database
Architecture for the New Bottleneck, VLDB Journal 2000) in what Python has for it, a comprehension.

What the comparisons mean is said in `values.equality`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from itonami.graphstore.graph import Node
from itonami.query.cypher.ast import Comparison, Expression, Literal, Parameter, Property, Variable
from itonami.query.engine.limits import CHARACTERS
from itonami.query.engine.logic import COMPARE
from itonami.query.engine.runtime import RUNTIME, Evaluate, Row
from itonami.query.values import Value, from_store

__all__ = ["STRETCH", "Selection", "selection"]

STRETCH = 1_000
"""So many nodes are filtered in one go"""

_KINDS: dict[type, frozenset[type]] = {
    int: frozenset((int, float)),
    float: frozenset((int, float)),
    str: frozenset((str,)),
    bool: frozenset((bool,)),
}
_MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
"""The comparisons that never hold between values of other types, each with that of the sides exchanged"""
_LONG = 4_096
"""Characters: comparing longer texts is counted"""


def _counted(row: Row, value: Value) -> Value:
    """A property as a value of queries, the work of comparing it counted."""
    meter = row[RUNTIME].meter
    meter.compare(value)
    if type(value) is str:
        meter.work(len(value) // CHARACTERS)
    return from_store(value)


@dataclass(frozen=True, slots=True)
class Selection:
    """One condition on a property."""

    key: str
    operator: str
    value: Evaluate

    def kept(self, nodes: Sequence[Node], row: Row) -> list[Node]:
        """The nodes for which it is true."""
        key, value = self.key, self.value(row)
        compare, plain = COMPARE[self.operator]
        kinds = _KINDS.get(type(value))
        if kinds is None or (type(value) is str and len(value) > _LONG):
            return [node for node in nodes if compare(_counted(row, node.data.get(key)), value) is True]
        return [node for node in nodes if type(found := node.data.get(key)) in kinds and plain(found, value)]


def selection(node: Expression, vertex: str, evaluate: Callable[[Expression], Evaluate]) -> Selection | None:
    """A condition on a vertex as a selection; None where it is none."""
    if not isinstance(node, Comparison) or len(node.operators) != 1:
        return None
    (name,), (left, right) = node.operators, node.operands
    if name not in _MIRRORED:
        return None
    for one, other, operator in ((left, right, name), (right, left, _MIRRORED[name])):
        if (
            isinstance(one, Property)
            and one.subject == Variable(vertex)
            and isinstance(other, Literal | Parameter)
        ):
            return Selection(one.key, operator, evaluate(other))
    return None
