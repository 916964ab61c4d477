"""Patterns: what is looked for in a graph.

References: openCypher 9 grammar (M23), rule `Pattern`; ISO/IEC 39075:2024 section 16 (label expressions,
quantified paths). Only data may live here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as OneOf

from itonami.query.cypher.ast.expressions import MapLiteral, Parameter
from itonami.query.cypher.ast.node import Ast, Expression, LabelExpression


@dataclass(frozen=True, slots=True)
class LabelName(LabelExpression):
    """It has this label."""

    name: str


@dataclass(frozen=True, slots=True)
class LabelAny(LabelExpression):
    """`%`: it has some label."""


@dataclass(frozen=True, slots=True)
class LabelNot(LabelExpression):
    """`!operand`."""

    operand: LabelExpression


@dataclass(frozen=True, slots=True)
class LabelAnd(LabelExpression):
    """`A&B`, `A:B`; two or more."""

    operands: tuple[LabelExpression, ...]


@dataclass(frozen=True, slots=True)
class LabelOr(LabelExpression):
    """`A|B`, `A|:B`; two or more."""

    operands: tuple[LabelExpression, ...]


@dataclass(frozen=True, slots=True)
class Length(Ast):
    """How often: `*` is (1, None), `*2` is (2, 2), `*0..` is (0, None), `{1,3}` is (1, 3), GQL's `*` is (0, None)."""

    low: int
    high: int | None


@dataclass(frozen=True, slots=True)
class NodePattern(Ast):
    """`(variable:Labels {properties} WHERE where)`."""

    variable: str | None = None
    labels: LabelExpression | None = None
    properties: MapLiteral | Parameter | None = None
    where: Expression | None = None


@dataclass(frozen=True, slots=True)
class RelationshipPattern(Ast):
    """`-[variable:TYPES*length {properties} WHERE where]->`; with a length the variable is a list.

    Direction `->` leads from the element before it to the element after it; `-` is either way.
    """

    variable: str | None = None
    labels: LabelExpression | None = None
    properties: MapLiteral | Parameter | None = None
    where: Expression | None = None
    direction: OneOf["->", "<-", "-"] = "->"
    length: Length | None = None


@dataclass(frozen=True, slots=True)
class QuantifiedPath(Ast):
    """`((a)-[:X]->(b) WHERE where){1,3}`: each round starts where the last one ended.

    Outside it, its variables are lists with one element per round.
    """

    pattern: PathPattern
    where: Expression | None
    length: Length


@dataclass(frozen=True, slots=True)
class PathPattern(Ast):
    """Node, link, node, ... link, node. The parser puts in the nodes a quantified path leaves out."""

    variable: str | None
    elements: tuple[NodePattern | RelationshipPattern | QuantifiedPath, ...]
