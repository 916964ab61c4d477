"""Clauses compiled: each takes a scope to a scope, and adds operators.

    MATCH            match                        UNWIND, FOR    a row an element; a range is never made a list
    OPTIONAL MATCH   match, or one row of nulls   LET, FILTER    columns, conditions
    WITH, RETURN     `projections`                CALL           a row for each one the procedure yields

A MATCH that only counts is not matched: `MATCH (n:A) RETURN count(*)` is the size of a bucket.

Reference: openCypher 9 language reference, section 3 (clauses).

A whole query is `program`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from itonami.query.cypher.ast import (
    Call,
    Clause,
    Expression,
    Filter,
    FunctionCall,
    Let,
    Match,
    Parameter,
    Query,
    Return,
    SingleQuery,
    Unwind,
    With,
    YieldItem,
)
from itonami.query.cypher.errors import LimitExceeded, ProcedureError, QueryError
from itonami.query.cypher.printed import condition_text, together
from itonami.query.engine.counting import counted
from itonami.query.engine.limits import KEY, Holding
from itonami.query.engine.matching import Matching
from itonami.query.engine.moves import filtered
from itonami.query.engine.multiplicity import asked_how_often
from itonami.query.engine.operators import projected, unwound
from itonami.query.engine.place import placed
from itonami.query.engine.points import PointCompiler
from itonami.query.engine.procedures import Procedure, Procedures
from itonami.query.engine.runtime import HERE, RUNTIME, Evaluate, Row, Runtime, Stage, chained
from itonami.query.engine.scope import Binding, Frame, Scope
from itonami.query.engine.subqueries import SubqueryRun, opened
from itonami.query.functions import FUNCTIONS
from itonami.query.values import Value, group_key

__all__ = ["ClauseCompiler"]


MAX_CLAUSES = 400
"""Each takes a frame or two of Python's stack while rows are drawn through it"""


class ClauseCompiler(PointCompiler):
    """Compiles clauses."""

    def __init__(self, text: str, frame: Frame, procedures: Procedures) -> None:
        super().__init__(text, frame)
        self.procedures = procedures

    def part(self, part: SingleQuery, scope: Scope, *, asked: bool = True) -> tuple[list[Stage], Scope]:
        """The operators of one part of a UNION, and the scope at its end; `asked`: how often a row comes matters."""
        if len(part.clauses) > MAX_CLAUSES:
            raise LimitExceeded(
                f"the query has too many clauses: more than {MAX_CLAUSES}",
                detail="LimitExceeded",
                fix="split it",
            )
        if part.use is not None:
            stage, slot = self.use(part.use, scope)
            scope, stages = scope.reading(slot), [stage]
        else:
            stages = []
        count = None if scope.names else counted(part, scope.graph, self.frame)
        if count is not None:
            self.reads_default |= scope.graph == HERE
            return [*stages, count[0]], scope.only(count[1])
        for clause, often in zip(part.clauses, asked_how_often(part.clauses, asked), strict=True):
            more, scope = self.clause(clause, scope, asked=often)
            stages += more
        return stages, scope

    def clause(self, clause: Clause, scope: Scope, *, asked: bool = True) -> tuple[list[Stage], Scope]:
        """The operators of one clause, and the scope behind it."""
        if isinstance(clause, Match):
            return self._match(clause, scope, asked)
        return _CLAUSES[type(clause)](self, clause, scope)

    def rows_of(self, query: Query, scope: Scope, *, asked: bool) -> SubqueryRun:
        """A subquery, part after part in the row at hand."""
        merged = len(query.parts) > 1 and not query.union_all
        parts = [self.part(part, scope, asked=asked and not merged) for part in query.parts]
        columns = list(parts[0][1].names)

        def run(row: Row) -> Iterator[Row]:
            for stages, _ in parts:
                yield from chained(stages, row[RUNTIME], (row,))

        def run_merged(row: Row) -> Iterator[Row]:
            seen: set[Hashable] = set()
            with Holding(row[RUNTIME].meter) as holding:
                for stages, after in parts:
                    for found in chained(stages, row[RUNTIME], (row,)):
                        values = [found[after.names[name].slot] for name in columns]
                        size = sum(map(row[RUNTIME].meter.weigh, values))
                        key = tuple(map(group_key, values))
                        if key not in seen:
                            seen.add(key)
                            holding.add(KEY + size)
                            yield found

        return SubqueryRun(run_merged if merged else run)

    # ------------------------------------------------------------------------------------------- matching

    def _match(self, clause: Match, scope: Scope, asked: bool) -> tuple[list[Stage], Scope]:
        stages: list[Stage] = []
        graph = scope.graph
        if clause.as_of is not None:
            stage, graph = self.as_of(clause.as_of, scope)
            stages.append(stage)
        matching = self.matching(clause.patterns, clause.where, scope, graph, asked=asked)

        def parts(runtime: Runtime) -> Sequence[Stage]:
            return matching.shown(runtime, graph)

        if clause.optional:
            stages.append(Stage("OptionalMatch", "", _optional(matching, graph), parts))
        else:
            run = _matched(matching, graph, clause.as_of is None)
            stages.append(Stage("Match", "", run, parts))
        return stages, matching.graph.outside

    # ------------------------------------------------------------------------------------- rows and columns

    def _unwind(self, clause: Unwind, scope: Scope) -> tuple[list[Stage], Scope]:
        slot = self.frame.slot()
        items = self._items_of(clause.source, scope)
        stage = Stage("Unwind", clause.variable, unwound(slot, items))
        return [stage], scope.with_names({clause.variable: Binding(slot, scope.graph, computed=True)})

    def _items_of(self, source: Expression, scope: Scope) -> Callable[[Row], Iterable[Value]]:
        if isinstance(source, FunctionCall) and source.name == "range":
            return self._range(source, scope)
        evaluate = self.compile(source, scope)

        def items(row: Row) -> Iterable[Value]:
            value = evaluate(row)
            if value is None:
                return ()
            return value if type(value) is list else (value,)

        return items

    def _range(self, source: FunctionCall, scope: Scope) -> Callable[[Row], Iterable[Value]]:
        """range() unwound: the numbers themselves, however many; what is wrong with it the function says."""
        numbers = [self.compile(argument, scope) for argument in source.arguments]
        text, at = self.text, source.at

        def items(row: Row) -> Iterable[Value]:
            first, last, *step = values = [number(row) for number in numbers]
            by = step[0] if step else 1
            if type(first) is type(last) is type(by) is int and by != 0:
                return range(first, last + (1 if by > 0 else -1), by)
            try:
                return FUNCTIONS["range"](row[RUNTIME].context, values) or ()
            except QueryError as error:
                raise placed(error, text, at) from None

        return items

    def _let(self, clause: Let, scope: Scope) -> tuple[list[Stage], Scope]:
        columns: list[tuple[int, Evaluate]] = []
        for item in clause.bindings:
            slot = self.frame.slot()
            columns.append((slot, self.compile(item.expression, scope)))
            scope = scope.with_names({item.name: Binding(slot, scope.graph, computed=True)})
        detail = ", ".join(item.name for item in clause.bindings)
        return [Stage("Let", detail, projected(columns))], scope

    def _filter(self, clause: Filter, scope: Scope) -> tuple[list[Stage], Scope]:
        return [self._where(clause.where, scope)], scope

    def _where(self, where: Expression, scope: Scope) -> Stage:
        return Stage("Filter", together([condition_text(where)]), filtered([self.condition(where, scope)]))

    def _with(self, clause: With, scope: Scope) -> tuple[list[Stage], Scope]:
        stages, after, both = self.projection(clause.projection, scope)
        if clause.where is not None:
            limited = clause.projection.order or clause.projection.skip or clause.projection.limit
            stages.append(self._where(clause.where, after if limited else both))
        return stages, after

    def _return(self, clause: Return, scope: Scope) -> tuple[list[Stage], Scope]:
        stages, after, _ = self.projection(clause.projection, scope)
        return stages, after

    # -------------------------------------------------------------------------------------------- procedures

    def _procedure(self, clause: Call, scope: Scope) -> tuple[list[Stage], Scope]:
        procedure = self.procedures[clause.name]
        given = clause.arguments
        more: Sequence[str] = ()
        if given is None:  # parameters of these names stand for them, optional ones where they are there
            names, more = procedure.inputs[: procedure.required], procedure.inputs[procedure.required :]
            given = tuple(Parameter(name, at=clause.at) for name in names)
        arguments = [self.compile(argument, scope) for argument in given]
        fields = clause.fields
        if fields is None:
            wanted = procedure.outputs if clause.star or clause.standalone else ()
            fields = tuple(YieldItem(name, name) for name in wanted)
        bound = {item.variable: Binding(self.frame.slot(), scope.graph, computed=True) for item in fields}
        columns = [(procedure.outputs.index(item.field), bound[item.variable].slot) for item in fields]
        run = self._called(procedure, _arguments(arguments, more), columns, clause, scope.graph)
        after = scope.with_names(bound)
        stages = [Stage("Call", clause.name, run)]
        if clause.where is not None:
            stages.append(self._where(clause.where, after))
        return stages, after

    def _called(
        self,
        procedure: Procedure,
        arguments: Callable[[Row], list[Value]],
        columns: Sequence[tuple[int, int]],
        clause: Call,
        graph: int,
    ) -> Callable[[Runtime, Iterable[Row]], Iterator[Row]]:
        text, at = self.text, clause.at

        def rows_of(runtime: Runtime, row: Row) -> Iterator[tuple[Value, ...]]:
            source = runtime.source
            if graph != HERE:
                source = source.reading(row[graph].name, row[graph].point)
            with Holding(runtime.meter) as holding:
                context = replace(runtime.context, hold=holding.add)
                try:
                    yield from procedure.rows(context, source, arguments(row))
                except QueryError as error:
                    raise placed(error, text, at) from None

        def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
            for row in rows:
                runtime.meter.made = 0
                for values in rows_of(runtime, row):
                    runtime.meter.step()
                    if len(values) != len(procedure.outputs):
                        raise ProcedureError(
                            f"{procedure.name} yields {len(values)} values a row", text=text, at=at
                        )
                    for field, slot in columns:
                        row[slot] = values[field]
                    yield row
                if not procedure.outputs and not clause.standalone:
                    yield row

        return run


def _arguments(given: Sequence[Evaluate], more: Sequence[str]) -> Callable[[Row], list[Value]]:
    """A call's arguments in a row: those given, and the parameters of the names of `more` up to the last that is there;
    null stands for those between that are not."""

    def run(row: Row) -> list[Value]:
        params = row[RUNTIME].params
        last = max((place for place, name in enumerate(more, 1) if name in params), default=0)
        return [*(argument(row) for argument in given), *(params.get(name) for name in more[:last])]

    return run


def _matched(
    matching: Matching, graph: int, one_version: bool
) -> Callable[[Runtime, Iterable[Row]], Iterator[Row]]:
    """All matches for every row. Where every row reads the same version, one chain takes all rows."""

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        if one_version:
            source = iter(rows)
            for row in source:
                stages = matching.stages(runtime, opened(row, graph))
                yield from chained(stages, runtime, _again(row, source))
            return
        for row in rows:
            yield from chained(matching.stages(runtime, opened(row, graph)), runtime, (row,))

    return run


def _again(first: Row, rest: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rest


def _optional(matching: Matching, graph: int) -> Callable[[Runtime, Iterable[Row]], Iterator[Row]]:
    """All matches for every row, or the row with nulls."""
    slots = matching.graph.slots

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            found = False
            for match in chained(matching.stages(runtime, opened(row, graph)), runtime, (row,)):
                found = True
                yield match
            if not found:
                for slot in slots:
                    row[slot] = None
                yield row

    return run


_CLAUSES: dict[type[Clause], Callable[[ClauseCompiler, Any, Scope], tuple[list[Stage], Scope]]] = {
    Unwind: ClauseCompiler._unwind,
    Let: ClauseCompiler._let,
    Filter: ClauseCompiler._filter,
    With: ClauseCompiler._with,
    Return: ClauseCompiler._return,
    Call: ClauseCompiler._procedure,
}
