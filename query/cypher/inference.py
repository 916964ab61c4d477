"""Expressions checked: every name bound, every function known, no operator on what it cannot take.

One walk finds the kind of an expression bottom-up and raises at the first thing that fails on every graph. Two
questions depend on where an expression stands, and are passed down:

    place       may rows be aggregated here? `NOWHERE`, `HERE`, or `INSIDE` an aggregate already
    condition   a pattern `(a)-->(b)` is a truth value only where a truth value is wanted

References: openCypher TCK, features Boolean1 to Boolean4, List5, List6, Graph3 to Graph9, Path1 to Path3, Pattern1,
Return6; openCypher CIP2015-09-16 (the type system).

What clauses do with expressions is `checks`'; grouping keys are `grouping`'s.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Protocol

from itonami.query.cypher.ast import (
    Binary,
    Case,
    Comparison,
    CountStar,
    Expression,
    FunctionCall,
    Index,
    IsNull,
    KeyValue,
    LabelTest,
    ListComprehension,
    ListLiteral,
    Literal,
    Logic,
    MapLiteral,
    MapProjection,
    NodePattern,
    Not,
    Parameter,
    PathPattern,
    PatternComprehension,
    PatternPredicate,
    Property,
    QuantifiedPath,
    Quantifier,
    Query,
    Reduce,
    RelationshipPattern,
    Slice,
    Subquery,
    Unary,
    Variable,
    VariableSelector,
)
from itonami.query.cypher.errors import QuerySyntaxError, QueryTypeError, meant, with_article
from itonami.query.cypher.kinds import (
    ACCEPTED,
    AGGREGATES,
    ANY,
    BOOLEAN,
    FLOAT,
    GENERIC,
    INTEGER,
    LIST,
    MAP,
    MEANT,
    NUMERIC,
    PATH,
    RELATIONSHIP,
    RESULTS,
    STRING,
    Kind,
    fits,
    joined,
    list_of,
    literal_kind,
)
from itonami.query.cypher.scope import Scope, bind_patterns, pattern_variables

__all__ = ["Inference", "Place", "Signature"]

_SHOWN = 40


class Signature(Protocol):
    """What is to be known of a function to check a call of it."""

    @property
    def name(self) -> str: ...
    @property
    def min_args(self) -> int: ...
    @property
    def max_args(self) -> int | None: ...
    @property
    def deterministic(self) -> bool: ...


class Place(Enum):
    """Whether an aggregate may stand here."""

    NOWHERE = "forbidden"
    HERE = "allowed"
    INSIDE = "inside an aggregate"


class Inference:
    """Kinds of expressions over the text they come from. `functions` by lower-case name."""

    def __init__(self, text: str, functions: Mapping[str, Signature]) -> None:
        self.text = text
        self.functions = functions

    @abstractmethod
    def subquery(self, query: Query, scope: Scope) -> None:
        """Checks the query of an EXISTS or COUNT."""

    def error(self, what: str, detail: str, at: int, fix: str | None = None) -> QuerySyntaxError:
        """A syntax error at an offset."""
        return QuerySyntaxError(what, detail=detail, text=self.text, at=at, fix=fix)

    def kind(self, node: Expression, scope: Scope, place: Place = Place.NOWHERE) -> Kind:
        """The kind of an expression's value. Raises `QuerySyntaxError` or `QueryTypeError`."""
        return _RULES[type(node)](self, node, scope, place)

    def condition(self, node: Expression, scope: Scope, place: Place = Place.NOWHERE) -> Kind:
        """An expression where a truth value is wanted."""
        if isinstance(node, PatternPredicate):
            self._predicate_pattern(node.pattern, scope, place)
            return BOOLEAN
        kind = self.kind(node, scope, place)
        self.want(node, kind, "a truth value", "boolean")
        return BOOLEAN

    def want(self, node: Expression, kind: Kind, wanted: str, *accepted: str, fix: str | None = None) -> None:
        """`InvalidArgumentType` unless a value of this kind may be one of the accepted."""
        if not fits(kind, accepted):
            what = f"this is {kind}, where {wanted} should stand"
            raise self.error(what, "InvalidArgumentType", node.at, fix)

    # -------------------------------------------------------------------------------------- names and values

    def _literal(self, node: Literal, scope: Scope, place: Place) -> Kind:
        return literal_kind(node.value)

    def _parameter(self, node: Parameter, scope: Scope, place: Place) -> Kind:
        return ANY

    def _variable(self, node: Variable, scope: Scope, place: Place) -> Kind:
        return self.lookup(node.name, scope, node.at)

    def lookup(self, name: str, scope: Scope, at: int) -> Kind:
        """The kind of a variable; `QuerySyntaxError` if there is none."""
        kind = scope.get(name)
        if kind is None:
            fix = meant(name, scope) or "bind it in MATCH or WITH first"
            raise self.error(f"the variable `{name[:_SHOWN]}` is not defined", "UndefinedVariable", at, fix)
        return kind

    def _list(self, node: ListLiteral, scope: Scope, place: Place) -> Kind:
        return list_of(joined([self.kind(item, scope, place) for item in node.items]))

    def _map(self, node: MapLiteral, scope: Scope, place: Place) -> Kind:
        for entry in node.entries:
            self.kind(entry.value, scope, place)
        return MAP

    def _projected(self, node: MapProjection, scope: Scope, place: Place) -> Kind:
        self.want(
            node.subject, self.kind(node.subject, scope), "a node or a map", "node", "relationship", "map"
        )
        for entry in node.entries:
            if isinstance(entry, KeyValue):
                self.kind(entry.value, scope, place)
            elif isinstance(entry, VariableSelector):
                self.lookup(entry.name, scope, entry.at)
        return MAP

    def _property(self, node: Property, scope: Scope, place: Place) -> Kind:
        kind = self.kind(node.subject, scope, place)
        if kind is PATH:
            fix = "take nodes(...) or relationships(...)"
            raise self.error("a path has no properties", "InvalidArgumentType", node.at, fix)
        if not fits(kind, ("node", "relationship", "map")):
            raise self._type_error(f"{kind} has no property `{node.key}`", "InvalidArgumentType", node.at)
        return ANY

    def _type_error(self, what: str, detail: str, at: int) -> QueryTypeError:
        return QueryTypeError(what, detail=detail, text=self.text, at=at)

    def _index(self, node: Index, scope: Scope, place: Place) -> Kind:
        kind, index = self.kind(node.subject, scope, place), self.kind(node.index, scope, place)
        if not fits(kind, ("list", "map", "node", "relationship")):
            raise self._type_error(f"{kind} has no elements", "InvalidArgumentType", node.at)
        if kind.element is not None and not fits(index, ("integer",)):
            raise self._type_error(
                f"a list has no element at {index}", "ListElementAccessByNonInteger", node.index.at
            )
        if kind is MAP and not fits(index, ("string",)):
            raise self._type_error(
                f"a map has no key that is {index}", "MapElementAccessByNonString", node.index.at
            )
        return kind.element or ANY

    def _slice(self, node: Slice, scope: Scope, place: Place) -> Kind:
        for bound in (node.low, node.high):
            if bound is not None:
                self.kind(bound, scope, place)
        return self.kind(node.subject, scope, place)

    # ------------------------------------------------------------------------------------------- operators

    def _labels(self, node: LabelTest, scope: Scope, place: Place) -> Kind:
        kind = self.kind(node.subject, scope, place)
        self.want(node, kind, "a node or a relationship", "node", "relationship")
        return BOOLEAN

    def _logic(self, node: Logic, scope: Scope, place: Place) -> Kind:
        for operand in node.operands:
            self.condition(operand, scope, place)
        return BOOLEAN

    def _not(self, node: Not, scope: Scope, place: Place) -> Kind:
        return self.condition(node.operand, scope, place)

    def _comparison(self, node: Comparison, scope: Scope, place: Place) -> Kind:
        for operand in node.operands:
            self.kind(operand, scope, place)
        return BOOLEAN

    def _is_null(self, node: IsNull, scope: Scope, place: Place) -> Kind:
        self.kind(node.operand, scope, place)
        return BOOLEAN

    def _unary(self, node: Unary, scope: Scope, place: Place) -> Kind:
        kind = self.kind(node.operand, scope, place)
        self.want(node.operand, kind, "a number", *NUMERIC)
        return kind

    def _binary(self, node: Binary, scope: Scope, place: Place) -> Kind:
        left, right = self.kind(node.left, scope, place), self.kind(node.right, scope, place)
        if node.operator == "IN":
            self.want(node.right, right, "a list", "list")
            return BOOLEAN
        if node.operator not in ("+", "-", "*", "/", "%", "^"):
            return BOOLEAN
        if node.operator == "+" and (left.element or right.element):
            return left if left == right else LIST
        if node.operator == "+" and STRING in (left, right):
            return STRING if left == right else ANY
        if node.operator != "+":
            self.want(node.left, left, "a number", *NUMERIC)
            self.want(node.right, right, "a number", *NUMERIC)
        if left == right == INTEGER:
            return FLOAT if node.operator == "^" else INTEGER
        return FLOAT if {left, right} <= {INTEGER, FLOAT} else ANY

    def _case(self, node: Case, scope: Scope, place: Place) -> Kind:
        if node.subject is not None:
            self.kind(node.subject, scope, place)
        results = [] if node.default is None else [self.kind(node.default, scope, place)]
        for when, then in node.branches:
            (self.condition if node.subject is None else self.kind)(when, scope, place)
            results.append(self.kind(then, scope, place))
        return joined(results)

    # ------------------------------------------------------------------------------------------- functions

    def _count(self, node: CountStar, scope: Scope, place: Place) -> Kind:
        self._may_aggregate(node, place)
        return INTEGER

    def _may_aggregate(self, node: Expression, place: Place) -> None:
        if place is Place.INSIDE:
            raise self.error(
                "an aggregate stands inside another",
                "NestedAggregation",
                node.at,
                "aggregate in a WITH before",
            )
        if place is Place.NOWHERE:
            raise self.error(
                "nothing can be aggregated here", "InvalidAggregation", node.at, "aggregate in a WITH before"
            )

    def _call(self, node: FunctionCall, scope: Scope, place: Place) -> Kind:
        name = node.name
        aggregates = name in AGGREGATES
        if aggregates:
            self._may_aggregate(node, place)
            self._check_count(node, AGGREGATES[name], AGGREGATES[name])
            place = Place.INSIDE
        else:
            self._check_function(node, place)
        kinds = [self.kind(argument, scope, place) for argument in node.arguments]
        if kinds and name in ACCEPTED:
            wanted = " or ".join(map(with_article, ACCEPTED[name]))
            self.want(node.arguments[0], kinds[0], wanted, *ACCEPTED[name], fix=MEANT.get(name))
        if name in RESULTS:
            return RESULTS[name]
        return GENERIC[name](kinds) if name in GENERIC and kinds else ANY

    def _check_function(self, node: FunctionCall, place: Place) -> None:
        function = self.functions.get(node.name)
        if function is None:
            written = self.text[
                node.at : node.at + len(node.name)
            ]  # the name as it stands there, unless in quotes
            name = written if written.lower() == node.name else node.name
            known = [*(function.name for function in self.functions.values()), *AGGREGATES]
            raise self.error(
                f"there is no function {name[:_SHOWN]}()", "UnknownFunction", node.at, meant(name, known)
            )
        if node.distinct:
            raise self.error(f"{node.name}() aggregates nothing to be DISTINCT", "UnexpectedSyntax", node.at)
        if place is Place.INSIDE and not function.deterministic:
            raise self.error(
                f"{node.name}() changes from call to call, which no aggregate can",
                "NonConstantExpression",
                node.at,
                "call it in a WITH before",
            )
        self._check_count(node, function.min_args, function.max_args)

    def _check_count(self, node: FunctionCall, least: int, most: int | None) -> None:
        count = len(node.arguments)
        if count < least or (most is not None and count > most):
            wanted = (
                f"{least}" if least == most else f"{least} or more" if most is None else f"{least} to {most}"
            )
            what = f"{node.name}() takes {wanted} argument{'' if wanted == '1' else 's'}, not {count}"
            raise self.error(what, "InvalidNumberOfArguments", node.at)

    # -------------------------------------------------------------------- what brings variables of its own

    def _comprehension(self, node: ListComprehension, scope: Scope, place: Place) -> Kind:
        element = self._element(node.source, scope, place)
        inner = scope | {node.variable: element}
        if node.where is not None:
            self.condition(node.where, inner)
        return list_of(element if node.result is None else self.kind(node.result, inner))

    def _element(self, source: Expression, scope: Scope, place: Place) -> Kind:
        kind = self.kind(source, scope, place)
        self.want(source, kind, "a list", "list")
        return kind.element or ANY

    def _quantifier(self, node: Quantifier, scope: Scope, place: Place) -> Kind:
        element = self._element(node.source, scope, place)
        return self.condition(node.where, scope | {node.variable: element})

    def _reduce(self, node: Reduce, scope: Scope, place: Place) -> Kind:
        self.kind(node.initial, scope, place)
        element = self._element(node.source, scope, place)
        self.kind(node.result, scope | {node.accumulator: ANY, node.variable: element})
        return ANY

    def _pattern_comprehension(self, node: PatternComprehension, scope: Scope, place: Place) -> Kind:
        inner = bind_patterns(self.text, scope, (node.pattern,))
        self.pattern(node.pattern, inner)
        if node.where is not None:
            self.condition(node.where, inner)
        return list_of(self.kind(node.result, inner))

    def _exists(self, node: Subquery, scope: Scope, place: Place) -> Kind:
        self.subquery(node.query, scope)
        return BOOLEAN if node.kind == "EXISTS" else INTEGER

    # -------------------------------------------------------------------------------------------- patterns

    def _predicate(self, node: PatternPredicate, scope: Scope, place: Place) -> Kind:
        raise self.error(
            "a pattern stands where a value should",
            "UnexpectedSyntax",
            node.at,
            "write EXISTS { ... }, COUNT { ... } or a pattern comprehension",
        )

    def _predicate_pattern(self, pattern: PathPattern, scope: Scope, place: Place) -> None:
        for name, at in pattern_variables(pattern):
            self.lookup(name, scope, at)
        bind_patterns(self.text, scope, (pattern,))
        self.pattern(pattern, scope)

    def pattern(self, pattern: PathPattern, scope: Scope) -> None:
        """Checks the properties and conditions inside a pattern; its variables are in the scope already."""
        for element in pattern.elements:
            if isinstance(element, QuantifiedPath):
                inner = scope | bind_patterns(self.text, {}, (element.pattern,))
                self.pattern(element.pattern, inner)
                if element.where is not None:
                    self.condition(element.where, inner)
                continue
            if isinstance(element.properties, Parameter):
                raise self.error(
                    "a parameter cannot stand for all properties of a pattern",
                    "InvalidParameterUse",
                    element.properties.at,
                    "write {key: $parameter.key}",
                )
            inner = self._at_hand(element, scope)
            if element.properties is not None:
                self.kind(element.properties, inner)
            if element.where is not None:
                self.condition(element.where, inner)

    def _at_hand(self, element: NodePattern | RelationshipPattern, scope: Scope) -> Scope:
        """The scope inside an element: of a link with a length, its variable is there one relationship of the list."""
        if (
            isinstance(element, RelationshipPattern)
            and element.length is not None
            and element.variable is not None
        ):
            return scope | {element.variable: RELATIONSHIP}
        return scope


_RULES: dict[type[Expression], Callable[[Inference, Any, Scope, Place], Kind]] = {
    Literal: Inference._literal,
    Parameter: Inference._parameter,
    Variable: Inference._variable,
    ListLiteral: Inference._list,
    MapLiteral: Inference._map,
    MapProjection: Inference._projected,
    Property: Inference._property,
    Index: Inference._index,
    Slice: Inference._slice,
    LabelTest: Inference._labels,
    Logic: Inference._logic,
    Not: Inference._not,
    Comparison: Inference._comparison,
    IsNull: Inference._is_null,
    Unary: Inference._unary,
    Binary: Inference._binary,
    Case: Inference._case,
    CountStar: Inference._count,
    FunctionCall: Inference._call,
    ListComprehension: Inference._comprehension,
    Quantifier: Inference._quantifier,
    Reduce: Inference._reduce,
    PatternComprehension: Inference._pattern_comprehension,
    Subquery: Inference._exists,
    PatternPredicate: Inference._predicate,
}
