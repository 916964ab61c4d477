"""WITH and RETURN compiled: columns, groups, order.

    plain      project [distinct] [sort | top] [skip] [limit]
    merging    aggregate -> project -> ...

An aggregate inside an expression (`count(*) + n.x`) becomes a slot of its own, and so does every column: behind the
aggregation the compiler knows those expressions by their slots. ORDER BY sees both sides of a projection, or, where
rows are merged, the columns and the expressions they were made of.

Reference: openCypher 9 language reference, section 4 (WITH, RETURN, ORDER BY); TCK, features Return*, With*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from itonami.query.cypher.ast import (
    Ast,
    CountStar,
    Expression,
    FunctionCall,
    Projection,
    ProjectionItem,
    SortItem,
    Variable,
    children,
)
from itonami.query.cypher.grouping import aggregates, is_aggregate
from itonami.query.engine.operators import (
    Key,
    Measure,
    aggregated,
    amount,
    distinct,
    limited,
    projected,
    skipped,
    sorted_by,
    top,
)
from itonami.query.engine.runtime import HERE, Evaluate, Stage
from itonami.query.engine.scope import Binding, Nameless, Scope
from itonami.query.engine.subqueries import SubqueryCompiler
from itonami.query.functions import AGGREGATES

__all__ = ["ProjectionCompiler"]


class ProjectionCompiler(SubqueryCompiler):
    """Compiles projections."""

    def projection(self, node: Projection, scope: Scope) -> tuple[list[Stage], Scope, Scope]:
        """Operators, the scope behind them, and the scope of a WHERE that follows."""
        items = self._items(node, scope)
        grouped = any(aggregates(item.expression) for item in items)
        if grouped:
            stages, after = self._grouped(items, scope)
        else:
            stages, after = self._plain(items, scope)
        merged = grouped or node.distinct
        if node.distinct:
            slots = [after.names[item.name].slot for item in items]
            stages.append(Stage("Distinct", _names(items), distinct(slots)))
        both = after if merged else Scope({**scope.names, **after.names}, scope.graph, scope.known)
        if merged and not grouped:
            known = {item.expression: after.names[item.name].slot for item in items}
            both = Scope(after.names, after.graph, known)
        stages += self._order(node, both, after)
        clean = Scope(after.names, after.graph)
        return stages, clean, both

    def _items(self, node: Projection, scope: Scope) -> list[ProjectionItem]:
        """The columns, those of `*` first, by name."""
        kept = sorted(name for name in scope.names if not isinstance(name, Nameless)) if node.star else []
        return [ProjectionItem(Variable(name), name, True) for name in kept] + list(node.items)

    def _bound(self, item: ProjectionItem, scope: Scope, slot: int) -> Binding:
        """A column that renames a variable keeps the version of its value."""
        expression = item.expression
        if isinstance(expression, Variable):
            return replace(scope.names[expression.name], slot=slot)
        return Binding(slot, scope.graph, computed=True)

    def _plain(self, items: Sequence[ProjectionItem], scope: Scope) -> tuple[list[Stage], Scope]:
        """A variable that keeps its name keeps its slot; everything else is evaluated into a new one."""
        names: dict[str, Binding] = {}
        columns: list[tuple[int, Evaluate]] = []
        for item in items:
            if isinstance(item.expression, Variable) and item.expression not in scope.known:
                names[item.name] = scope.names[item.expression.name]
                continue
            slot = self.frame.slot()
            columns.append((slot, self.compile(item.expression, scope)))
            names[item.name] = self._bound(item, scope, slot)
        stages = [Stage("Project", _names(items), projected(columns))] if columns else []
        return stages, scope.only(names)

    def _grouped(self, items: Sequence[ProjectionItem], scope: Scope) -> tuple[list[Stage], Scope]:
        keys: list[tuple[int, Evaluate]] = []
        names: dict[str, Binding] = {}
        known: dict[Expression, int] = {}
        for item in items:
            if not aggregates(item.expression):
                slot = known.get(item.expression)
                if slot is None:
                    slot = known[item.expression] = self.frame.slot()
                    keys.append((slot, self.compile(item.expression, scope)))
                names[item.name] = self._bound(item, scope, slot)
        versions = sorted({binding.graph for binding in names.values()} - {scope.graph})
        keys += [(slot, _slot(slot)) for slot in versions if slot != HERE]
        measures: list[Measure] = []
        for item in items:
            self._measures(item.expression, scope, known, measures)
        stages = [Stage("Aggregate", _names(items), aggregated(keys, measures))]
        inner = Scope({**scope.names, **names}, scope.graph, dict(known))
        columns: list[tuple[int, Evaluate]] = []
        for item in items:
            if item.name not in names:
                slot = known.get(item.expression)
                if slot is None:
                    slot = self.frame.slot()
                    columns.append((slot, self.compile(item.expression, inner)))
                names[item.name] = Binding(slot, scope.graph, computed=True)
                known[item.expression] = slot
        if columns:
            stages.append(Stage("Project", _names(items), projected(columns)))
        ordered = {item.name: names[item.name] for item in items}
        return stages, scope.only(ordered, known)

    def _measures(
        self, node: Ast, scope: Scope, known: dict[Expression, int], measures: list[Measure]
    ) -> None:
        """Every aggregate in an expression, each once."""
        if not is_aggregate(node):
            for child in children(node):
                self._measures(child, scope, known, measures)
            return
        assert isinstance(node, CountStar | FunctionCall)
        if node in known:
            return
        slot = known[node] = self.frame.slot()
        if isinstance(node, CountStar):
            measures.append(Measure(slot, AGGREGATES["count"], (), False, self.text, node.at))
        else:
            arguments = tuple(self.compile(argument, scope) for argument in node.arguments)
            kind = AGGREGATES[node.name]
            measures.append(Measure(slot, kind, arguments, node.distinct, self.text, node.at))

    def _order(self, node: Projection, both: Scope, after: Scope) -> list[Stage]:
        """Sorting, skipping and limiting; a sort that is limited keeps no more than it gives."""
        skip = None if node.skip is None else self._amount(node.skip, "SKIP")
        limit = None if node.limit is None else self._amount(node.limit, "LIMIT")
        stages: list[Stage] = []
        if node.order:
            keys = [self._key(item, both) for item in node.order]
            kept = after.slots(after.names)
            detail = f"{len(keys)} key{'s' * (len(keys) > 1)}"
            if limit is None:
                stages.append(Stage("Sort", detail, sorted_by(keys, kept)))
            else:
                stages.append(Stage("Top", detail, top(keys, kept, _sum(skip, limit))))
        if skip is not None:
            stages.append(Stage("Skip", "", skipped(skip)))
        if limit is not None:
            stages.append(Stage("Limit", "", limited(limit)))
        return stages

    def _amount(self, node: Expression, word: str) -> Evaluate:
        return amount(self.compile(node, Scope()), word, self.text, node.at)

    def _key(self, item: SortItem, scope: Scope) -> Key:
        return Key(self.compile(item.expression, scope), item.descending)


def _slot(slot: int) -> Evaluate:
    return lambda row: row[slot]


def _sum(skip: Evaluate | None, limit: Evaluate) -> Evaluate:
    return limit if skip is None else lambda row: skip(row) + limit(row)


def _names(items: Sequence[ProjectionItem] | Mapping[str, Binding]) -> str:
    return ", ".join(item if isinstance(item, str) else item.name for item in items)
