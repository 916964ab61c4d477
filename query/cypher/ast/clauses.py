"""Clauses, the queries they make, and the points in time those are read at.

Reference: openCypher 9 grammar (M23), rule `Cypher`. Only data may live here. The writing clauses stand last:
the parser makes them only when asked to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal as OneOf

from itonami.query.cypher.ast.expressions import Index, Property
from itonami.query.cypher.ast.node import Ast, Clause, Expression
from itonami.query.cypher.ast.patterns import PathPattern


@dataclass(frozen=True, slots=True)
class Point(Ast):
    """A point in time: `TX 42`, `HEAD~3` (value 3), `TAG 'name'`, or any value that names a point (VALUE)."""

    kind: OneOf["TX", "HEAD", "TAG", "VALUE"]
    value: Expression


@dataclass(frozen=True, slots=True)
class Use(Ast):
    """`USE run('order-17') AS OF point`; `events('order-17')` is its log, read as a graph."""

    kind: OneOf["run", "graph", "events"]
    name: Expression
    as_of: Point | None


@dataclass(frozen=True, slots=True)
class Match(Clause):
    """`[OPTIONAL] MATCH patterns [AS OF point] [WHERE where]`."""

    patterns: tuple[PathPattern, ...]
    where: Expression | None = None
    optional: bool = False
    as_of: Point | None = None


@dataclass(frozen=True, slots=True)
class Unwind(Clause):
    """`UNWIND source AS variable`, `FOR variable IN source`: one row per element."""

    source: Expression
    variable: str


@dataclass(frozen=True, slots=True)
class Let(Clause):
    """`LET a = 1, b = a + 1`: adds columns, each seen by the next."""

    bindings: tuple[ProjectionItem, ...]


@dataclass(frozen=True, slots=True)
class Filter(Clause):
    """`FILTER condition`: keeps rows."""

    where: Expression


@dataclass(frozen=True, slots=True)
class ProjectionItem(Ast):
    """`expression AS name`; without an alias the name is the expression's exact text."""

    expression: Expression
    name: str
    aliased: bool


@dataclass(frozen=True, slots=True)
class SortItem(Ast):
    """`expression [DESC]`."""

    expression: Expression
    descending: bool


@dataclass(frozen=True, slots=True)
class Projection(Ast):
    """`[DISTINCT] *, items ORDER BY order SKIP skip LIMIT limit`; `star` keeps all variables."""

    items: tuple[ProjectionItem, ...]
    star: bool = False
    distinct: bool = False
    order: tuple[SortItem, ...] = ()
    skip: Expression | None = None
    limit: Expression | None = None


@dataclass(frozen=True, slots=True)
class With(Clause):
    """`WITH projection [WHERE where]`."""

    projection: Projection
    where: Expression | None = None


@dataclass(frozen=True, slots=True)
class Return(Clause):
    """`RETURN projection`."""

    projection: Projection


@dataclass(frozen=True, slots=True)
class YieldItem(Ast):
    """`field AS variable`; without an alias both are the same."""

    field: str
    variable: str


@dataclass(frozen=True, slots=True)
class Call(Clause):
    """`CALL name(arguments) YIELD fields WHERE where`.

    Arguments None: taken from parameters of the same names. Fields None: no YIELD; `star`: `YIELD *`.
    Standalone: the call is the whole query, its fields are the result's columns.
    """

    name: str
    arguments: tuple[Expression, ...] | None
    fields: tuple[YieldItem, ...] | None
    where: Expression | None
    star: bool
    standalone: bool


@dataclass(frozen=True, slots=True)
class SingleQuery(Ast):
    """`[USE graph] clause clause ...`."""

    clauses: tuple[Clause, ...]
    use: Use | None = None


@dataclass(frozen=True, slots=True)
class Query(Ast):
    """Parts joined by `UNION` (or `UNION ALL`); `text` is the whole source, for messages."""

    parts: tuple[SingleQuery, ...]
    union_all: bool = False
    mode: OneOf["EXPLAIN", "PROFILE"] | None = None
    text: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Create(Clause):
    """`CREATE patterns`."""

    patterns: tuple[PathPattern, ...]


@dataclass(frozen=True, slots=True)
class SetProperty(Ast):
    """`SET target = value`, the target a `Property` or an `Index`; `REMOVE target` has value None."""

    target: Property | Index
    value: Expression | None


@dataclass(frozen=True, slots=True)
class SetVariable(Ast):
    """`SET variable = map`, or `+=` when it adds."""

    variable: str
    value: Expression
    adds: bool


@dataclass(frozen=True, slots=True)
class SetLabels(Ast):
    """`SET variable:A:B`, `REMOVE variable:A:B`."""

    variable: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Set(Clause):
    """`SET items`."""

    items: tuple[SetProperty | SetVariable | SetLabels, ...]


@dataclass(frozen=True, slots=True)
class Remove(Clause):
    """`REMOVE items`."""

    items: tuple[SetProperty | SetLabels, ...]


@dataclass(frozen=True, slots=True)
class Delete(Clause):
    """`[DETACH] DELETE targets`."""

    targets: tuple[Expression, ...]
    detach: bool


@dataclass(frozen=True, slots=True)
class Merge(Clause):
    """`MERGE pattern ON CREATE SET .. ON MATCH SET ..`."""

    pattern: PathPattern
    on_create: tuple[SetProperty | SetVariable | SetLabels, ...] = ()
    on_match: tuple[SetProperty | SetVariable | SetLabels, ...] = ()
