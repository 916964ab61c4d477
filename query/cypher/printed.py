"""Expressions and patterns back to text, for plans.

    Comparison((">",), (Property(n, total), $least))      n.total > $least

The text says the same as the tree: parsed, it gives an equal one. Brackets stand where the binding powers of
`expressions` want them. Two things are left out: what is in the braces of a subquery, and names that no query can
spell, which the engine gives to what a pattern leaves unnamed (`.price = 40`).

Nothing is decided by these texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from itonami.query.cypher.ast import (
    AllProperties,
    Ast,
    Binary,
    Case,
    Comparison,
    CountStar,
    Expression,
    FunctionCall,
    Index,
    IsNull,
    KeyValue,
    LabelAnd,
    LabelAny,
    LabelName,
    LabelNot,
    LabelOr,
    LabelTest,
    Length,
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
    PropertySelector,
    QuantifiedPath,
    Quantifier,
    Reduce,
    RelationshipPattern,
    Slice,
    Subquery,
    Unary,
    Variable,
    VariableSelector,
)
from itonami.query.cypher.expressions import COMPARISON, NOT, POWERS, PREDICATE, SIGN
from itonami.query.cypher.lexer import RESERVED
from itonami.query.values.notation import cut, literal, spelled

__all__ = ["condition_text", "text_of", "together"]

WIDTH = 60
"""So many characters of a condition are shown"""
POSTFIX, ATOM = 11, 12


def condition_text(expression: Expression) -> str:
    """The text of a condition, as it stands among others that must hold too. O(size)."""
    return _within(expression, POWERS["AND"])


def together(conditions: Iterable[str]) -> str:
    """The texts of conditions that must all hold as one, cut where it is long."""
    return cut(" AND ".join(conditions), WIDTH)


def text_of(node: Ast | None) -> str:
    """The text of an expression or pattern, or of a part of one; nothing for None. O(size)."""
    return "" if node is None else _TEXTS[type(node)](node)


def _within(node: Expression, floor: int) -> str:
    """An expression where only what binds stronger than `floor` may stand without brackets."""
    return text_of(node) if _power(node) > floor else f"({text_of(node)})"


def _power(node: Expression) -> int:
    if isinstance(node, Logic):
        return POWERS[node.operator]
    if isinstance(node, Binary):
        return POWERS[node.operator.split()[0]]
    return _POWERS.get(type(node), ATOM)


_POWERS: dict[type[Expression], int] = {
    Not: NOT,
    Comparison: COMPARISON,
    IsNull: PREDICATE,
    Unary: SIGN,
    **dict.fromkeys((Property, Index, Slice, LabelTest), POSTFIX),
}


def _name(name: str) -> str:
    if name.startswith("\0"):
        return ""
    return f"`{name}`" if name.upper() in RESERVED else spelled(name)


def _list(nodes: Iterable[Ast]) -> str:
    return ", ".join(map(text_of, nodes))


def _before_bar(node: Expression) -> str:
    """An expression that a `|` follows, which is not one of labels."""
    text = text_of(node)
    return f"({text})" if "|" in text else text


# -- operators ---------------------------------------------------------------------------------------------------


def _logic(node: Logic) -> str:
    power = POWERS[node.operator]
    return f" {node.operator} ".join(_within(operand, power) for operand in node.operands)


def _comparison(node: Comparison) -> str:
    first, *others = (_within(operand, COMPARISON) for operand in node.operands)
    return first + "".join(f" {sign} {other}" for sign, other in zip(node.operators, others, strict=True))


def _binary(node: Binary) -> str:
    power = _power(node)
    return f"{_within(node.left, power - 1)} {node.operator} {_within(node.right, power)}"


def _unary(node: Unary) -> str:
    operand = _within(node.operand, SIGN - 1)
    return node.operator + (f"({operand})" if operand[0] in "0123456789." else operand)


def _is_null(node: IsNull) -> str:
    return f"{_within(node.operand, PREDICATE - 1)} IS {'NOT ' if node.negated else ''}NULL"


def _slice(node: Slice) -> str:
    return f"{_within(node.subject, POSTFIX - 1)}[{text_of(node.low)}..{text_of(node.high)}]"


# -- what has brackets of its own --------------------------------------------------------------------------------


def _call(node: FunctionCall) -> str:
    return f"{node.name}({'DISTINCT ' if node.distinct else ''}{_list(node.arguments)})"


def _case(node: Case) -> str:
    subject = "" if node.subject is None else f" {text_of(node.subject)}"
    branches = "".join(f" WHEN {text_of(when)} THEN {text_of(then)}" for when, then in node.branches)
    return f"CASE{subject}{branches}{_clause('ELSE', node.default)} END"


def _clause(word: str, node: Expression | None, text: Callable[[Expression], str] = text_of) -> str:
    return "" if node is None else f" {word} {text(node)}"


def _list_comprehension(node: ListComprehension) -> str:
    where, result = _clause("WHERE", node.where, _before_bar), _clause("|", node.result)
    return f"[{_name(node.variable)} IN {_before_bar(node.source)}{where}{result}]"


def _pattern_comprehension(node: PatternComprehension) -> str:
    return f"[{_path(node.pattern)}{_clause('WHERE', node.where, _before_bar)} | {text_of(node.result)}]"


def _quantifier(node: Quantifier) -> str:
    return f"{node.kind}({_name(node.variable)} IN {text_of(node.source)} WHERE {text_of(node.where)})"


def _reduce(node: Reduce) -> str:
    start = f"{_name(node.accumulator)} = {text_of(node.initial)}"
    return f"reduce({start}, {_name(node.variable)} IN {_before_bar(node.source)} | {text_of(node.result)})"


# -- patterns ----------------------------------------------------------------------------------------------------


def _labels(node: LabelAnd | LabelOr, between: str) -> str:
    return between.join(
        f"({text_of(label)})" if isinstance(label, LabelAnd | LabelOr) else text_of(label)
        for label in node.operands
    )


def _label_not(node: LabelNot) -> str:
    bare = isinstance(node.operand, LabelName | LabelAny | LabelNot)
    return f"!{text_of(node.operand)}" if bare else f"!({text_of(node.operand)})"


def _element(node: NodePattern | RelationshipPattern, length: str = "") -> str:
    """What stands inside the brackets of a node or a relationship."""
    labels = "" if node.labels is None else f":{text_of(node.labels)}"
    head = ("" if node.variable is None else _name(node.variable)) + labels + length
    where = "" if node.where is None else f"WHERE {text_of(node.where)}"
    return " ".join(filter(None, (head, text_of(node.properties), where)))


def _relationship(node: RelationshipPattern) -> str:
    length = "" if node.length is None else f"*{_length(node.length, '..')}"
    inside = _element(node, length)
    left, right = ("<", "") if node.direction == "<-" else ("", ">" if node.direction == "->" else "")
    return f"{left}-{f'[{inside}]' if inside else ''}-{right}"


def _length(node: Length, between: str) -> str:
    return f"{node.low}{between}{'' if node.high is None else node.high}"


def _rounds(node: QuantifiedPath) -> str:
    return f"({_path(node.pattern)}{_clause('WHERE', node.where)}){{{_length(node.length, ',')}}}"


def _path(node: PathPattern) -> str:
    name = "" if node.variable is None else f"{_name(node.variable)} = "
    return name + "".join(map(text_of, node.elements))


_TEXTS: dict[type[Ast], Callable[[Any], str]] = {
    AllProperties: lambda node: ".*",
    Binary: _binary,
    Case: _case,
    Comparison: _comparison,
    CountStar: lambda node: "count(*)",
    FunctionCall: _call,
    Index: lambda node: f"{_within(node.subject, POSTFIX - 1)}[{text_of(node.index)}]",
    IsNull: _is_null,
    KeyValue: lambda node: f"{spelled(node.key)}: {text_of(node.value)}",
    LabelAnd: lambda node: _labels(node, "&"),
    LabelAny: lambda node: "%",
    LabelName: lambda node: spelled(node.name),
    LabelNot: _label_not,
    LabelOr: lambda node: _labels(node, "|"),
    LabelTest: lambda node: f"{_within(node.subject, POSTFIX - 1)}:{text_of(node.labels)}",
    ListComprehension: _list_comprehension,
    ListLiteral: lambda node: f"[{_list(node.items)}]",
    Literal: lambda node: literal(node.value),
    Logic: _logic,
    MapLiteral: lambda node: f"{{{_list(node.entries)}}}",
    MapProjection: lambda node: f"{text_of(node.subject)} {{{_list(node.entries)}}}",
    NodePattern: lambda node: f"({_element(node)})",
    Not: lambda node: f"NOT {_within(node.operand, NOT)}",
    Parameter: lambda node: f"${node.name if node.name.isalnum() else spelled(node.name)}",
    PathPattern: _path,
    PatternComprehension: _pattern_comprehension,
    PatternPredicate: lambda node: _path(node.pattern),
    Property: lambda node: f"{_within(node.subject, POSTFIX - 1)}.{spelled(node.key)}",
    PropertySelector: lambda node: f".{spelled(node.key)}",
    QuantifiedPath: _rounds,
    Quantifier: _quantifier,
    Reduce: _reduce,
    RelationshipPattern: _relationship,
    Slice: _slice,
    Subquery: lambda node: f"{node.kind} {{ ... }}",
    Unary: _unary,
    Variable: lambda node: _name(node.name),
    VariableSelector: lambda node: _name(node.name),
}
