"""Expressions: a Pratt parser. Every operator binds with a power; an operand takes whatever binds stronger.

    1 OR   2 XOR   3 AND   4 NOT   5 = <> < <= > >=   6 IN  STARTS WITH  ENDS WITH  CONTAINS  =~  IS [NOT] NULL
    7 + -   8 * / %   9 ^   10 unary + -   11 .key  [index]  :Label

All binary operators lean left, `^` too, and a sign binds stronger than `^`. Neighbouring comparisons are one chain
(`1 < a <= 3`), neighbouring ANDs, ORs and XORs one `Logic`.

`(a)-->(b)` and `(a) - (b)` part ways only behind the closing parenthesis: the lexer has paired the brackets, so
one look there decides, and nothing is ever parsed twice.

References: V. Pratt, "Top down operator precedence" (POPL 1973); openCypher 9 grammar, rule `Expression`.

Only the shapes of expressions live here: what stands before `(` or `{` is in `atoms`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from itonami.query.cypher.absent import TYPED
from itonami.query.cypher.ast import (
    Binary,
    Comparison,
    Expression,
    Index,
    IsNull,
    LabelExpression,
    LabelTest,
    Literal,
    Logic,
    Not,
    Property,
    Slice,
    Unary,
)
from itonami.query.cypher.cursor import CHAINED, NESTED, Cursor
from itonami.query.cypher.lexer import integer_overflow

__all__ = ["ExpressionParser"]

NOT, COMPARISON, PREDICATE, SIGN = 4, 5, 6, 10
POWERS = {
    "OR": 1,
    "XOR": 2,
    "AND": 3,
    **dict.fromkeys(("=", "<>", "!=", "<", "<=", ">", ">="), COMPARISON),
    **dict.fromkeys(("IN", "STARTS", "ENDS", "CONTAINS", "=~", "IS"), PREDICATE),
    **dict.fromkeys(("+", "-"), 7),
    **dict.fromkeys(("*", "/", "%"), 8),
    "^": 9,
    **dict.fromkeys((".", "[", ":"), 11),
}
MAX_INTEGER = (1 << 63) - 1


class ExpressionParser(Cursor):
    """Parses operators; what they operate on is `atom`'s."""

    __slots__ = ("_bar_ends",)

    _bar_ends: bool
    """Whether a `|` ends a label expression here, because a comprehension wants it."""

    @abstractmethod
    def atom(self) -> Expression:
        """The smallest expression that starts here."""

    @abstractmethod
    def label_expression(self) -> LabelExpression:
        """What may follow the `:` of a label predicate."""

    def expression(self, floor: int = 0) -> Expression:
        """The longest expression from here whose operators all bind stronger than `floor`."""
        self.deeper()
        units = NESTED
        left = self._prefix()
        while (power := POWERS.get(self.kind, 0)) > floor:
            self.deeper(CHAINED)
            units += CHAINED
            left = _INFIX[self.kind](self, left, power)
        self.deeper(-units)
        return left

    def before_bar(self) -> Expression:
        """An expression that a `|` may follow: `[x IN xs WHERE x:A | x.b]`."""
        outer, self._bar_ends = self._bar_ends, True
        result = self.expression()
        self._bar_ends = outer
        return result

    def bracketed(self) -> Expression:
        """An expression inside brackets of its own, where `|` is again an operator of labels."""
        outer, self._bar_ends = self._bar_ends, False
        result = self.expression()
        self._bar_ends = outer
        return result

    def _prefix(self) -> Expression:
        kind, at = self.kind, self.at
        if kind == "NOT":
            self.step()
            return Not(self.expression(NOT), at=at)
        if kind == "-" or kind == "+":
            self.step()
            if self.kind == "integer" or self.kind == "float":
                return self.number(-1 if kind == "-" else 1, at)
            operand = self.expression(SIGN - 1)
            return Unary("-" if kind == "-" else "+", operand, at=at)
        return self.atom()

    def number(self, sign: int = 1, at: int | None = None) -> Literal:
        """A number under its sign: only together they say whether 64 bits hold it."""
        at = self.at if at is None else at
        kind, value = self.kind, self.step()
        assert not isinstance(value, str)
        value = sign * value
        if kind == "integer" and not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
            raise integer_overflow(self.text, at)
        return Literal(value, at=at)

    def _logic(self, left: Expression, power: int) -> Expression:
        operator, operands = self.kind, [left]
        while self.accept(operator):
            operands.append(self.expression(power))
        return Logic(operator, tuple(operands), at=left.at)  # type: ignore[arg-type]

    def _comparison(self, left: Expression, power: int) -> Expression:
        operators, operands = [], [left]
        while POWERS.get(self.kind) == COMPARISON:
            operator = str(self.step())
            if self.kind == "=":
                raise self.absent(f"`{operator}=`", "write =, or <> for unequal")
            operators.append("<>" if operator == "!=" else operator)
            operands.append(self.expression(COMPARISON))
        return Comparison(tuple(operators), tuple(operands), at=left.at)  # type: ignore[arg-type]

    def _binary(self, left: Expression, power: int) -> Expression:
        operator = self.kind
        self.step()
        if operator == "STARTS" or operator == "ENDS":
            self.expect("WITH")
            operator += " WITH"
        return Binary(operator, left, self.expression(power), at=left.at)  # type: ignore[arg-type]

    def _is(self, left: Expression, power: int) -> Expression:
        self.step()
        negated = self.accept("NOT")
        if self.accept("NULL"):
            return IsNull(left, negated, at=left.at)
        if self.kind == "name" and self.words(1) and self.text[self.at :][:5].upper() == "TYPED":
            raise self.absent("IS TYPED", TYPED)
        test = LabelTest(left, self.label_expression(), at=left.at)
        return Not(test, at=left.at) if negated else test

    def _labels(self, left: Expression, power: int) -> Expression:
        self.step()
        return LabelTest(left, self.label_expression(), at=left.at)

    def _property(self, left: Expression, power: int) -> Expression:
        self.step()
        return Property(left, self.word(), at=left.at)

    def _subscript(self, left: Expression, power: int) -> Expression:
        self.step()
        low = None if self.kind == ".." else self.bracketed()
        if self.accept(".."):
            high = None if self.kind == "]" else self.bracketed()
            self.expect("]")
            return Slice(left, low, high, at=left.at)
        self.expect("]")
        assert low is not None
        return Index(left, low, at=left.at)


_INFIX: dict[str, Callable[[ExpressionParser, Expression, int], Expression]] = {
    **{kind: ExpressionParser._comparison for kind, power in POWERS.items() if power == COMPARISON},
    **dict.fromkeys(("OR", "XOR", "AND"), ExpressionParser._logic),
    **dict.fromkeys(("IN", "STARTS", "ENDS", "CONTAINS", "=~"), ExpressionParser._binary),
    **dict.fromkeys(("+", "-", "*", "/", "%", "^"), ExpressionParser._binary),
    "IS": ExpressionParser._is,
    ".": ExpressionParser._property,
    "[": ExpressionParser._subscript,
    ":": ExpressionParser._labels,
}
