"""Expressions that bring variables of their own: comprehensions, quantifiers, folds and map projections.

A variable lies in a slot of its own and is overwritten for each element; nothing else reads that slot. What a condition
makes is gone with its element, and is not counted further. A quantifier folds the answers for its elements, in
three-valued logic, and stops where one decides:

    all   the least of the answers         any    the greatest
    none  not any                          single true when one is true and none unknown

Reference: openCypher 9 language reference, sections 2.6 and 3.6; TCK, Quantifier1 to Quantifier12, List12.
"""

from __future__ import annotations

from collections.abc import Callable

from itonami.graphstore.graph import Edge, Node
from itonami.query.cypher.ast import (
    AllProperties,
    Expression,
    KeyValue,
    ListComprehension,
    MapProjection,
    PropertySelector,
    Quantifier,
    Reduce,
    VariableSelector,
)
from itonami.query.cypher.errors import QueryError
from itonami.query.cypher.grouping import mentions
from itonami.query.engine.calls import CallCompiler
from itonami.query.engine.expressions import counted
from itonami.query.engine.place import placed
from itonami.query.engine.runtime import RUNTIME, Condition, Evaluate, Row
from itonami.query.engine.scope import Binding, Scope
from itonami.query.faults import wrong_type
from itonami.query.values import Value, from_store, property_of, spoken_type

__all__ = ["ComprehensionCompiler"]

Decide = Callable[[int, int, int], bool | None]
"""The answer of a quantifier by how often its condition was true, false and unknown"""

_QUANTIFIERS: dict[str, tuple[Decide, bool | None]] = {
    "all": (lambda true, false, unknown: False if false else None if unknown else True, False),
    "any": (lambda true, false, unknown: True if true else None if unknown else False, True),
    "none": (lambda true, false, unknown: False if true else None if unknown else True, True),
    "single": (lambda true, false, unknown: False if true > 1 else None if unknown else true == 1, None),
}
"""How each decides, and which truth value of one element decides at once"""


class ComprehensionCompiler(CallCompiler):
    """Compiles what has inner variables."""

    def _local(self, name: str, scope: Scope) -> tuple[int, Scope]:
        slot = self.frame.slot()
        known = {node: found for node, found in scope.known.items() if not _names(node, name)}
        return slot, Scope(
            {**scope.names, name: Binding(slot, scope.graph, computed=True)}, scope.graph, known
        )

    def _elements(self, node: Expression, scope: Scope) -> Evaluate:
        """A list's elements; null for null."""
        source, text, at = self.compile(node, scope), self.text, node.at

        def run(row: Row) -> Value:
            items = source(row)
            if items is None or type(items) is list:
                return items
            raise placed(wrong_type(f"this is {spoken_type(items)}, where a list should stand"), text, at)

        return run

    def _comprehension(self, node: ListComprehension, scope: Scope) -> Evaluate:
        source = self._elements(node.source, scope)
        slot, inner = self._local(node.variable, scope)
        where = None if node.where is None else self.condition(node.where, inner)
        result = None if node.result is None else self.compile(node.result, inner)

        def run(row: Row) -> Value:
            items = source(row)
            if items is None:
                return None
            meter, found = row[RUNTIME].meter, []
            for item in items:
                meter.step()
                row[slot] = item
                if where is not None:
                    made = meter.made
                    holds = where(row)
                    meter.made = made
                    if holds is not True:
                        continue
                found.append(item if result is None else result(row))
                meter.make(meter.weigh(found[-1]))
            return found

        return run

    def _quantifier(self, node: Quantifier, scope: Scope) -> Evaluate:
        source = self._elements(node.source, scope)
        slot, inner = self._local(node.variable, scope)
        return _quantified(source, slot, self.condition(node.where, inner), *_QUANTIFIERS[node.kind])

    def _reduce(self, node: Reduce, scope: Scope) -> Evaluate:
        source, initial = self._elements(node.source, scope), self.compile(node.initial, scope)
        slot, inner = self._local(node.variable, scope)
        total, inner = self._local(node.accumulator, inner)
        result = self.compile(node.result, inner)

        def run(row: Row) -> Value:
            items, value = source(row), initial(row)
            if items is None:
                return None
            meter = row[RUNTIME].meter
            for item in items:
                meter.step()
                row[slot], row[total] = item, value
                value = result(row)
            return value

        return run

    def _projected(self, node: MapProjection, scope: Scope) -> Evaluate:
        subject, text, at = self.compile(node.subject, scope), self.text, node.at
        entries = [self._entry(entry, scope) for entry in node.entries]

        def run(row: Row) -> Value:
            value = subject(row)
            if value is None:
                return None
            made: dict[str, Value] = {}
            try:
                for entry in entries:
                    made.update(entry(row, value))
            except QueryError as error:
                raise placed(error, text, at) from None
            return counted(row, made)

        return run

    def _entry(
        self, entry: PropertySelector | AllProperties | VariableSelector | KeyValue, scope: Scope
    ) -> Callable[[Row, Value], dict[str, Value]]:
        match entry:
            case PropertySelector(key=key):
                return lambda row, value: {key: property_of(value, key)}
            case AllProperties():
                return lambda row, value: _properties(value)
            case VariableSelector(name=name):
                slot = scope.names[name].slot
                return lambda row, value: {name: row[slot]}
            case KeyValue(key=key, value=node):
                evaluate = self.compile(node, scope)
                return lambda row, value: {key: evaluate(row)}


def _names(node: Expression, name: str) -> bool:
    """Whether an expression reads a variable: an inner one of that name hides what is known of it."""
    return any(found == name for found, _ in mentions(node, lambda _: False))


def _properties(value: Value) -> dict[str, Value]:
    if isinstance(value, Node | Edge):
        return {key: from_store(item) for key, item in value.data.items()}
    if type(value) is dict:
        return value
    raise wrong_type(f"{spoken_type(value)} has no properties")


def _quantified(
    source: Evaluate, slot: int, where: Condition, decide: Decide, at_once: bool | None
) -> Evaluate:
    def run(row: Row) -> Value:
        items = source(row)
        if items is None:
            return None
        meter = row[RUNTIME].meter
        made = meter.made
        true = false = unknown = 0
        for item in items:
            meter.step()
            row[slot] = item
            holds = where(row)
            meter.made = made
            if holds is None:
                unknown += 1
            elif holds:
                true += 1
            else:
                false += 1
            if holds is not None and holds is at_once:
                break
        return decide(true, false, unknown)

    return run


ComprehensionCompiler.rules = {
    **CallCompiler.rules,
    ListComprehension: ComprehensionCompiler._comprehension,
    Quantifier: ComprehensionCompiler._quantifier,
    Reduce: ComprehensionCompiler._reduce,
    MapProjection: ComprehensionCompiler._projected,
}
