"""What can be said of a query before it runs: that it is wrong, or the names of its columns.

Clause by clause, a scope goes in and a scope comes out:

    MATCH            adds the pattern's variables            WITH      leaves its columns and nothing else
    UNWIND, LET      add one                                 RETURN    ends: the result's columns
    CALL             adds what it yields                     UNION     its parts have the same columns

ORDER BY and WHERE behind a projection see both sides of it, unless rows were merged (by an aggregate or DISTINCT): then
only the new one, and the expressions it was made of. A writing clause changes the scope like its reading twin and is
looked into no further.

References: openCypher TCK, features With*, Return*, *OrderBy*, *SkipLimit*, Union*, Call*.

Expressions are checked by `inference`, aggregates by `grouping`, patterns by `scope`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from itonami.query.cypher.ast import (
    Call,
    Clause,
    Create,
    Delete,
    Expression,
    Filter,
    Let,
    Literal,
    Match,
    Merge,
    Point,
    Projection,
    Query,
    Remove,
    Return,
    Set,
    SingleQuery,
    Unwind,
    Variable,
    With,
)
from itonami.query.cypher.errors import ProcedureError, meant
from itonami.query.cypher.grouping import check_behind, check_keys, mentions
from itonami.query.cypher.inference import Inference, Place, Signature
from itonami.query.cypher.kinds import ANY, INTEGER, fits
from itonami.query.cypher.scope import Scope, already_bound, bind_patterns

__all__ = ["Procedure", "Signature", "check"]


class Procedure(Protocol):
    """What is to be known of a procedure to check a call of it."""

    @property
    def inputs(self) -> tuple[str, ...]: ...
    @property
    def outputs(self) -> tuple[str, ...]: ...
    @property
    def required(self) -> int: ...


def check(
    query: Query,
    functions: Mapping[str, Signature],
    procedures: Mapping[str, Procedure] | None = None,
) -> tuple[str, ...]:
    """The names of the result's columns, of a query that nothing speaks against.

    `functions` by lower-case name, without the aggregates; `procedures` by name (None: calls are taken at their word).
    Raises `QuerySyntaxError`, `QueryTypeError` or `ProcedureError`. O(size of the query), times its depth
    for sorting behind an aggregation.
    """
    return Checker(query.text, functions, procedures).query(query, {})


class Checker(Inference):
    """Checks the clauses of one text."""

    def __init__(
        self, text: str, functions: Mapping[str, Signature], procedures: Mapping[str, Procedure] | None
    ) -> None:
        super().__init__(text, functions)
        self.procedures = procedures

    def subquery(self, query: Query, scope: Scope) -> None:
        """A subquery sees all variables around it."""
        self.query(query, scope)

    def query(self, query: Query, scope: Scope) -> tuple[str, ...]:
        """The columns of a query within a scope."""
        columns = [self._single(part, scope) for part in query.parts]
        for part, names in zip(query.parts, columns, strict=True):
            if names != columns[0]:
                raise self.error(
                    f"this part returns {', '.join(names)}, the first {', '.join(columns[0])}",
                    "DifferentColumnsInUnion",
                    part.at,
                    "give all parts the same columns, in the same order",
                )
        return columns[0]

    def _single(self, part: SingleQuery, scope: Scope) -> tuple[str, ...]:
        if part.use is not None:
            self.kind(part.use.name, scope)
            self._point(part.use.as_of, scope)
        for clause in part.clauses:
            scope = _CLAUSES[type(clause)](self, clause, scope)
        last = part.clauses[-1]
        if isinstance(last, Return):
            return tuple(scope)
        return tuple(scope) if isinstance(last, Call) and last.standalone else ()

    def _point(self, point: Point | None, scope: Scope) -> None:
        if point is not None:
            self.want(point.value, self.kind(point.value, scope), *_POINTS[point.kind])

    # --------------------------------------------------------------------------------------------- reading

    def _match(self, clause: Match, scope: Scope) -> Scope:
        self._point(clause.as_of, scope)
        inner = bind_patterns(self.text, scope, clause.patterns)
        for pattern in clause.patterns:
            self.pattern(pattern, inner)
        if clause.where is not None:
            self.condition(clause.where, inner)
        return inner

    def _new(self, name: str, scope: Scope, at: int) -> str:
        if name in scope:
            raise already_bound(self.text, name, at)
        return name

    def _unwind(self, clause: Unwind, scope: Scope) -> Scope:
        kind = self.kind(clause.source, scope)
        return scope | {self._new(clause.variable, scope, clause.at): kind.element or ANY}

    def _let(self, clause: Let, scope: Scope) -> Scope:
        for item in clause.bindings:
            kind = self.kind(item.expression, scope)
            scope = scope | {self._new(item.name, scope, item.at): kind}
        return scope

    def _filter(self, clause: Filter, scope: Scope) -> Scope:
        self.condition(clause.where, scope)
        return scope

    def _procedure(self, clause: Call, scope: Scope) -> Scope:
        for argument in clause.arguments or ():
            self.kind(argument, scope)
        outputs = self._signature(clause)
        names = outputs if clause.star or (clause.standalone and clause.fields is None) else ()
        added: Scope = dict.fromkeys(names or (), ANY)
        for item in clause.fields or ():
            if outputs is not None and item.field not in outputs:
                fix = meant(item.field, outputs) or f"it yields {', '.join(outputs) or 'nothing'}"
                raise self.error(f"{clause.name} yields no `{item.field}`", "UndefinedVariable", item.at, fix)
            added[self._new(item.variable, scope | added, item.at)] = ANY
        if clause.where is not None:
            self.condition(clause.where, scope | added)
        return scope | added

    def _signature(self, clause: Call) -> tuple[str, ...] | None:
        """The fields of the procedure that is called; None when nothing is known of any."""
        if self.procedures is None:
            return None
        procedure = self.procedures.get(clause.name)
        if procedure is None:
            raise ProcedureError(
                f"there is no procedure {clause.name}",
                detail="ProcedureNotFound",
                text=self.text,
                at=clause.at,
                fix=meant(clause.name, self.procedures) or f"there are {', '.join(sorted(self.procedures))}",
            )
        count = len(procedure.inputs) if clause.arguments is None else len(clause.arguments)
        if not procedure.required <= count <= len(procedure.inputs):
            raise self.error(
                f"{clause.name}({', '.join(procedure.inputs)}) was given {count} arguments",
                "InvalidNumberOfArguments",
                clause.at,
            )
        return procedure.outputs

    # ----------------------------------------------------------------------------------------- projections

    def _with(self, clause: With, scope: Scope) -> Scope:
        after, merged = self._projection(clause.projection, scope)
        for item in clause.projection.items:
            if not item.aliased and not isinstance(item.expression, Variable):
                raise self.error("the column has no name", "NoExpressionAlias", item.at, "write ... AS name")
        if clause.where is not None:
            self.condition(clause.where, scope | after)
            if merged:
                check_behind(self.text, clause.projection, clause.where, scope, after)
        return after

    def _return(self, clause: Return, scope: Scope) -> Scope:
        if clause.projection.star and not scope:
            raise self.error(
                "there are no variables to return", "NoVariablesInScope", clause.at, "name one in MATCH"
            )
        return self._projection(clause.projection, scope)[0]

    def _projection(self, projection: Projection, scope: Scope) -> tuple[Scope, bool]:
        """The scope behind it, and whether it merges rows."""
        after: Scope = dict(scope) if projection.star else {}
        for item in projection.items:
            kind = self.kind(item.expression, scope, Place.HERE)
            if item.name in after:
                raise self.error(
                    f"two columns are named `{item.name}`", "ColumnNameConflict", item.at, "rename one"
                )
            after[item.name] = kind
        grouped = check_keys(self.text, projection, scope)
        merged = grouped or projection.distinct
        for order in projection.order:
            place = Place.HERE if grouped else Place.NOWHERE
            self.kind(order.expression, scope | after, place)
            if merged:
                check_behind(self.text, projection, order.expression, scope, after)
        self._amount(projection.skip, "SKIP")
        self._amount(projection.limit, "LIMIT")
        return after, merged

    def _amount(self, expression: Expression | None, word: str) -> None:
        """SKIP and LIMIT: one number for all rows."""
        if expression is None:
            return
        for name, at in mentions(expression):
            raise self.error(
                f"{word} depends on `{name}`, and must be the same for all rows", "NonConstantExpression", at
            )
        kind = self.kind(expression, {})
        if not fits(kind, ("integer",)):
            raise self.error(f"{word} takes an integer, not {kind}", "InvalidArgumentType", expression.at)
        if isinstance(expression, Literal) and kind is INTEGER and int(expression.value or 0) < 0:
            raise self.error(f"{word} cannot be negative", "NegativeIntegerArgument", expression.at)

    # --------------------------------------------------------------------------------------------- writing

    def _create(self, clause: Create | Merge, scope: Scope) -> Scope:
        return bind_patterns(
            self.text, scope, clause.patterns if isinstance(clause, Create) else (clause.pattern,)
        )

    def _unchanged(self, clause: Clause, scope: Scope) -> Scope:
        return scope


_POINTS = {
    "TX": ("a number of a transaction", "integer"),
    "HEAD": ("a number of versions", "integer"),
    "TAG": ("the name of a tag", "string"),
    "VALUE": ("a point in time", "integer", "string"),
}
"""What the value of a point must be; a time is a value of no kind known here."""

_CLAUSES: dict[type[Clause], Callable[[Checker, Any, Scope], Scope]] = {
    Match: Checker._match,
    Unwind: Checker._unwind,
    Let: Checker._let,
    Filter: Checker._filter,
    With: Checker._with,
    Return: Checker._return,
    Call: Checker._procedure,
    Create: Checker._create,
    Merge: Checker._create,
    Set: Checker._unchanged,
    Remove: Checker._unchanged,
    Delete: Checker._unchanged,
}
