"""Patterns: paths of nodes and relationships, as openCypher and as GQL spell them.

    (a:A&!B {k: 1} WHERE a.x > 0)-[r:T|U*1..3]->(b)      ((x)-[:T]->(y) WHERE x.n < y.n){1,3}

A path comes out as node, link, node, ... node: where a quantified path stands at an end or next to another, the
nameless node between is put in, and a parenthesis that is not quantified is dissolved.

References: openCypher 9 grammar (M23), rule `Pattern`; ISO/IEC 39075:2024 sections 16.4 to 16.8.

Whether variables fit together is no question for this module.
"""

from __future__ import annotations

from itonami.query.cypher.ast import (
    Expression,
    LabelAnd,
    LabelAny,
    LabelExpression,
    LabelName,
    LabelNot,
    LabelOr,
    Length,
    MapLiteral,
    NodePattern,
    Parameter,
    PathPattern,
    QuantifiedPath,
    RelationshipPattern,
)
from itonami.query.cypher.atoms import AtomParser
from itonami.query.cypher.cursor import NESTED

__all__ = ["PatternParser"]

Element = NodePattern | RelationshipPattern | QuantifiedPath
_MAX_LENGTH = (1 << 31) - 1


class PatternParser(AtomParser):
    """Parses patterns and label expressions."""

    __slots__ = ()

    def path_patterns(self) -> tuple[PathPattern, ...]:
        """Path patterns with commas between."""
        patterns = [self.path_pattern()]
        while self.accept(","):
            patterns.append(self.path_pattern())
        return tuple(patterns)

    def path_pattern(self) -> PathPattern:
        """`[name =] node link node ...`."""
        at = self.at
        variable = None
        if self.names() and self.ahead(1) == "=":
            variable = self.name()
            self.step()
        elements: list[Element] = []
        while True:
            if self.kind in ("-", "<") and elements:
                if not isinstance(elements[-1], NodePattern):
                    elements.append(NodePattern(at=self.at))
                elements.append(self._relationship())
            elif self.kind == "(" and not (
                elements and isinstance(elements[-1], NodePattern) and not self._nested()
            ):
                self._node_or_path(elements)
            else:
                break
        if not elements:
            self._check_there(self.ahead(1))
            raise self.unexpected("a node pattern `(...)`")
        if isinstance(elements[-1], RelationshipPattern):
            raise self.unexpected("a node pattern `(...)`")
        if isinstance(elements[-1], QuantifiedPath):
            elements.append(NodePattern(at=self.at))
        return PathPattern(variable, tuple(elements), at=at)

    def _nested(self) -> bool:
        """Whether the `(` here opens a path in parentheses: `((` or `(p = (`."""
        return self.ahead(1) == "(" or (self.names(1) and self.ahead(2) == "=")

    def _node_or_path(self, elements: list[Element]) -> None:
        if not self._nested():
            elements.append(self._node())
            return
        at = self.at
        self.deeper(NESTED)
        self.step()
        inner = self.path_pattern()
        where = self.bracketed() if self.accept("WHERE") else None
        self.expect(")")
        self.deeper(-NESTED)
        length = self._quantifier()
        if length is not None:
            if not elements or isinstance(elements[-1], QuantifiedPath):
                elements.append(NodePattern(at=at))
            elif isinstance(elements[-1], RelationshipPattern):
                raise self.error(
                    "a quantified path cannot end a relationship", at=at, fix="put a node `()` between"
                )
            elements.append(QuantifiedPath(inner, where, length, at=at))
        elif elements or where is not None or inner.variable is not None:
            raise self.unexpected("a quantifier, `{1,3}`, `+` or `*`,")
        else:
            elements.extend(inner.elements)

    def _quantifier(self) -> Length | None:
        """GQL's `{2}`, `{1,3}`, `{,3}`, `+`, `*`; None if there is none."""
        at = self.at
        if self.accept("+"):
            return Length(1, None, at=at)
        if self.accept("*"):
            return Length(0, None, at=at)
        if not self.accept("{"):
            return None
        low = self._count_of() if self.kind == "integer" else None
        high = low
        if self.accept(","):
            high = self._count_of() if self.kind == "integer" else None
        elif low is None:
            raise self.unexpected("a number of repetitions")
        self.expect("}")
        return Length(low or 0, high, at=at)

    def _count_of(self) -> int:
        at, value = self.at, self.step()
        if not isinstance(value, int) or value > _MAX_LENGTH:
            raise self.error("the length is too large", detail="InvalidRelationshipPattern", at=at)
        return value

    def _node(self) -> NodePattern:
        at = self.at
        self.expect("(")
        variable, labels, properties, where = self._inside()
        self.expect(")")
        return NodePattern(variable, labels, properties, where, at=at)

    def _inside(
        self,
    ) -> tuple[str | None, LabelExpression | None, MapLiteral | Parameter | None, Expression | None]:
        """`variable :Labels {properties} WHERE condition`, all optional: what a node has and a relationship too."""
        variable = self.name() if self.names() else None
        labels = self._labels_of()
        properties = self._properties()
        return variable, labels, properties, self.bracketed() if self.accept("WHERE") else None

    def _labels_of(self) -> LabelExpression | None:
        if not (self.accept(":") or self.accept("IS")):
            return None
        outer, self._bar_ends = self._bar_ends, False
        labels = self.label_expression()
        self._bar_ends = outer
        return labels

    def _properties(self) -> MapLiteral | Parameter | None:
        if self.kind == "{":
            return self.map_literal()
        return self.parameter() if self.kind == "parameter" else None

    def _relationship(self) -> RelationshipPattern:
        at = self.at
        left = self.accept("<")
        self.expect("-")
        variable, labels, properties, where, length = None, None, None, None, None
        boxed = self.accept("[")
        if boxed:
            variable = self.name() if self.names() else None
            labels = self._labels_of()
            length = self._star()
            properties = self._properties()
            where = self.bracketed() if self.accept("WHERE") else None
            self.expect("]")
            self.expect("-")
        else:
            self.accept("-")
        right = self.accept(">")
        direction = "-" if left == right else "<-" if left else "->"
        quantifier = self._quantifier()
        if quantifier is not None and length is not None:
            raise self.error("the relationship has two lengths", detail="InvalidRelationshipPattern", at=at)
        length = length or quantifier
        return RelationshipPattern(variable, labels, properties, where, direction, length, at=at)  # type: ignore[arg-type]

    def _star(self) -> Length | None:
        """openCypher's `*`, `*2`, `*1..3`, `*..3`, `*0..`."""
        at = self.at
        if not self.accept("*"):
            if self.kind == "..":
                raise self.error(
                    "a length starts with `*`", detail="InvalidRelationshipPattern", fix="write *1..3"
                )
            return None
        if self.kind == "-":
            raise self.error("a length cannot be negative", detail="InvalidRelationshipPattern")
        low = self._count_of() if self.kind == "integer" else None
        if self.accept(".."):
            high = self._count_of() if self.kind == "integer" else None
            return Length(1 if low is None else low, high, at=at)
        return Length(1 if low is None else low, low, at=at)

    # ---------------------------------------------------------------------------------------------- labels

    def label_expression(self) -> LabelExpression:
        """`A`, `A:B`, `A&B`, `A|B`, `A|:B`, `!A`, `%`, with parentheses."""
        at = self.at
        operands = [self._label_and()]
        while self.kind == "|" and not self._bar_ends:
            self.step()
            self.accept(":")
            operands.append(self._label_and())
        return operands[0] if len(operands) == 1 else LabelOr(tuple(operands), at=at)

    def _label_and(self) -> LabelExpression:
        at = self.at
        operands = [self._label()]
        while self.kind == "&" or self.kind == ":":
            self.step()
            operands.append(self._label())
        return operands[0] if len(operands) == 1 else LabelAnd(tuple(operands), at=at)

    def _label(self) -> LabelExpression:
        at = self.at
        if self.accept("%"):
            return LabelAny(at=at)
        if self.kind != "!" and self.kind != "(":
            return LabelName(self.word(), at=at)
        self.deeper()
        if self.accept("!"):
            result: LabelExpression = LabelNot(self._label(), at=at)
        else:
            self.step()
            outer, self._bar_ends = self._bar_ends, False
            result = self.label_expression()
            self._bar_ends = outer
            self.expect(")")
        self.deeper(-NESTED)
        return result
