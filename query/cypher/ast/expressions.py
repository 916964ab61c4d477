"""Expressions: whatever has a value for a row.

Reference: openCypher 9 grammar (M23), rule `Expression` and below it. Only data may live here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Literal as OneOf

from itonami.query.cypher.ast.node import Ast, Expression, LabelExpression

if TYPE_CHECKING:
    from itonami.query.cypher.ast.clauses import Query
    from itonami.query.cypher.ast.patterns import PathPattern


@dataclass(frozen=True, slots=True, eq=False)
class Literal(Expression):
    """`null`, a truth value, a number or a string. Literals of different types are never equal."""

    value: bool | int | float | str | None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and repr(self.value) == repr(other.value)

    def __hash__(self) -> int:
        return hash(repr(self.value))


@dataclass(frozen=True, slots=True)
class Parameter(Expression):
    """`$name`, `$1`."""

    name: str


@dataclass(frozen=True, slots=True)
class Variable(Expression):
    """A name bound by an earlier clause, or by the comprehension around it."""

    name: str


@dataclass(frozen=True, slots=True)
class ListLiteral(Expression):
    """`[1, 2, 3]`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class MapLiteral(Expression):
    """`{key: value, ...}`; of a repeated key the last wins."""

    entries: tuple[KeyValue, ...]


@dataclass(frozen=True, slots=True)
class KeyValue(Ast):
    """`key: value` in a map or a map projection."""

    key: str
    value: Expression


@dataclass(frozen=True, slots=True)
class Property(Expression):
    """`subject.key`."""

    subject: Expression
    key: str


@dataclass(frozen=True, slots=True)
class Index(Expression):
    """`subject[index]`: an element of a list, or a property by a computed key."""

    subject: Expression
    index: Expression


@dataclass(frozen=True, slots=True)
class Slice(Expression):
    """`subject[low..high]`; an end left out is None."""

    subject: Expression
    low: Expression | None
    high: Expression | None


@dataclass(frozen=True, slots=True)
class LabelTest(Expression):
    """`subject:Label`, `subject IS Label`: a node's labels or a relationship's type."""

    subject: Expression
    labels: LabelExpression


@dataclass(frozen=True, slots=True)
class Logic(Expression):
    """`a AND b AND c`: two or more operands, in three-valued logic."""

    operator: OneOf["AND", "OR", "XOR"]
    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not(Expression):
    """`NOT operand`."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Comparison(Expression):
    """`a < b <= c`: every neighbouring pair must hold; `len(operands) == len(operators) + 1`."""

    operators: tuple[OneOf["=", "<>", "<", "<=", ">", ">="], ...]
    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Binary(Expression):
    """Arithmetic, string tests, list membership and regular expressions."""

    operator: OneOf["+", "-", "*", "/", "%", "^", "IN", "STARTS WITH", "ENDS WITH", "CONTAINS", "=~"]
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Unary(Expression):
    """`-operand` or `+operand`. A sign before a number is part of the `Literal`."""

    operator: OneOf["-", "+"]
    operand: Expression


@dataclass(frozen=True, slots=True)
class IsNull(Expression):
    """`operand IS NULL`, or `IS NOT NULL` when negated."""

    operand: Expression
    negated: bool


@dataclass(frozen=True, slots=True)
class FunctionCall(Expression):
    """`name(arguments)`; the name in lower case, with its dots: `datetime.truncate`."""

    name: str
    arguments: tuple[Expression, ...]
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class CountStar(Expression):
    """`count(*)`."""


@dataclass(frozen=True, slots=True)
class Case(Expression):
    """`CASE [subject] WHEN .. THEN .. ELSE .. END`: branches are (when, then)."""

    subject: Expression | None
    branches: tuple[tuple[Expression, Expression], ...]
    default: Expression | None


@dataclass(frozen=True, slots=True)
class ListComprehension(Expression):
    """`[variable IN source WHERE where | result]`; no result means the variable itself."""

    variable: str
    source: Expression
    where: Expression | None
    result: Expression | None


@dataclass(frozen=True, slots=True)
class Quantifier(Expression):
    """`all(variable IN source WHERE where)`, and `any`, `none`, `single`."""

    kind: OneOf["all", "any", "none", "single"]
    variable: str
    source: Expression
    where: Expression


@dataclass(frozen=True, slots=True)
class Reduce(Expression):
    """`reduce(accumulator = initial, variable IN source | result)`."""

    accumulator: str
    initial: Expression
    variable: str
    source: Expression
    result: Expression


@dataclass(frozen=True, slots=True)
class PatternComprehension(Expression):
    """`[p = (a)-->(b) WHERE where | result]`."""

    pattern: PathPattern
    where: Expression | None
    result: Expression


@dataclass(frozen=True, slots=True)
class PatternPredicate(Expression):
    """`(a)-->(b)` as a condition: there is such a path. It binds nothing."""

    pattern: PathPattern


@dataclass(frozen=True, slots=True)
class Subquery(Expression):
    """`EXISTS { query }` or `COUNT { query }`. A bare pattern in the braces is a query of one `Match`."""

    kind: OneOf["EXISTS", "COUNT"]
    query: Query


@dataclass(frozen=True, slots=True)
class PropertySelector(Ast):
    """`.key` in a map projection."""

    key: str


@dataclass(frozen=True, slots=True)
class AllProperties(Ast):
    """`.*` in a map projection."""


@dataclass(frozen=True, slots=True)
class VariableSelector(Ast):
    """`name` in a map projection: the variable's value under its own name."""

    name: str


@dataclass(frozen=True, slots=True)
class MapProjection(Expression):
    """`subject {.key, .*, name, key: value}`; later entries win."""

    subject: Variable
    entries: tuple[PropertySelector | AllProperties | VariableSelector | KeyValue, ...]
