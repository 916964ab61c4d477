"""Atoms: literals, names, calls, and whatever is written inside brackets of its own.

What an atom is, its first token says (the table `_ATOMS`), with three looks further on:

    name (             a function call; `name.name(` too
    name {             a map projection
    ( .. )- .. (       a pattern, told from a parenthesis by what follows the closing one
    [ name IN          a list comprehension

Reference: openCypher 9 grammar (M23), rule `Atom`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from itonami.query.cypher.absent import ABSENT_FUNCTIONS, COLLECT, TYPED_TEXT
from itonami.query.cypher.ast import (
    AllProperties,
    Case,
    CountStar,
    Expression,
    FunctionCall,
    IsNull,
    KeyValue,
    ListComprehension,
    ListLiteral,
    Literal,
    MapLiteral,
    MapProjection,
    Match,
    Parameter,
    PathPattern,
    PatternComprehension,
    PatternPredicate,
    PropertySelector,
    Quantifier,
    Query,
    Reduce,
    SingleQuery,
    Subquery,
    Variable,
    VariableSelector,
)
from itonami.query.cypher.expressions import ExpressionParser

__all__ = ["AtomParser"]


class AtomParser(ExpressionParser):
    """Parses atoms; patterns and whole queries inside them are left to the classes below."""

    __slots__ = ()

    @abstractmethod
    def path_pattern(self) -> PathPattern:
        """A path pattern, named or not."""

    @abstractmethod
    def subquery(self) -> Query:
        """What stands in the braces of EXISTS or COUNT, braces included."""

    def atom(self) -> Expression:
        """The atom that starts here."""
        read = _ATOMS.get(self.kind)
        if read is not None:
            return read(self)
        if self.names():
            return self._named()
        raise self.unexpected("an expression")

    def _malformed(self) -> Expression:
        raise self.error(
            f"{str(self._values[self.index])[:40]} is no number",
            detail="InvalidNumberLiteral",
            fix="write 42, 1.5, 1e9, 0x2A or 0o52",
        )

    def _text(self) -> Expression:
        at = self.at
        return Literal(str(self.step()), at=at)

    def _constant(self) -> Expression:
        at, kind = self.at, self.kind
        self.step()
        return Literal({"NULL": None, "TRUE": True, "FALSE": False}[kind], at=at)

    def parameter(self) -> Parameter:
        """`$name`."""
        at = self.at
        return Parameter(str(self.step()), at=at)

    # ------------------------------------------------------------------------------------- names and calls

    def _named(self) -> Expression:
        at, following = self.at, self.ahead(1)
        self._check_there(following)
        if following == "(":
            return self._call(str(self.step()), at)
        if following == "." and self._call_follows():
            parts = [str(self.step())]
            while self.accept("."):
                parts.append(self.word())
            return self._call(".".join(parts), at)
        variable = Variable(str(self.step()), at=at)
        return self._map_projection(variable) if following == "{" else variable

    def _check_there(self, following: str) -> None:
        """That what the name begins is in this language."""
        name = self.text[self.at : self._ends[self.index]]
        if following == "(" and (fix := ABSENT_FUNCTIONS.get(name.lower())) is not None:
            raise self.absent(f"{name}()", fix)
        if following == "{" and name.upper() == "COLLECT" and self.ahead(2) in _QUERIES:
            raise self.absent("COLLECT { ... }", COLLECT)
        if following == "string":
            raise self.absent(f"{name[:40]} with a text", TYPED_TEXT)

    def _call_follows(self) -> bool:
        """Whether `name.name...(` stands here."""
        distance = 1
        while self.ahead(distance) == "." and self.words(distance + 1):
            distance += 2
        return self.ahead(distance) == "("

    def _call(self, name: str, at: int) -> Expression:
        self.expect("(")
        distinct = self.accept("DISTINCT")
        arguments = self._items(")", self.bracketed)
        return FunctionCall(name.lower(), arguments, distinct, at=at)

    def _items(self, closing: str, read: Callable[[], Expression]) -> tuple[Expression, ...]:
        """Expressions with commas between, and the closing bracket."""
        items: list[Expression] = []
        if not self.accept(closing):
            items.append(read())
            while self.accept(","):
                items.append(read())
            self.expect(closing)
        return tuple(items)

    def _count(self) -> Expression:
        if self.ahead(1) == "(" and self.ahead(2) == "*":
            at = self.at
            for _ in range(3):
                self.step()
            self.expect(")")
            return CountStar(at=at)
        return self._braced()

    def _braced(self) -> Expression:
        if self.ahead(1) != "{":
            return self._named()
        at, kind = self.at, self.kind
        self.step()
        return Subquery("COUNT" if kind == "COUNT" else "EXISTS", self.subquery(), at=at)

    def _exists(self) -> Expression:
        """`EXISTS { ... }`, and of old `exists((a)-->(b))` and `exists(n.key)`."""
        if self.ahead(1) != "(":
            return self._braced()
        at = self.at
        self.step()
        self.step()
        inner = self.bracketed()
        self.expect(")")
        if not isinstance(inner, PatternPredicate):
            return IsNull(inner, True, at=at)
        match = Match((inner.pattern,), at=inner.at)
        query = Query((SingleQuery((match,), at=inner.at),), text=self.text, at=inner.at)
        return Subquery("EXISTS", query, at=at)

    def _quantified(self) -> Expression:
        if not (self.ahead(1) == "(" and self.names(2) and self.ahead(3) == "IN"):
            return self._named()
        at, kind = self.at, self.kind.lower()
        self.step()
        self.step()
        variable = self.name()
        self.expect("IN")
        source = self.bracketed()
        self.expect("WHERE")
        where = self.bracketed()
        self.expect(")")
        return Quantifier(kind, variable, source, where, at=at)  # type: ignore[arg-type]

    def _reduce(self) -> Expression:
        if not (self.ahead(1) == "(" and self.names(2) and self.ahead(3) == "="):
            return self._named()
        at = self.at
        self.step()
        self.step()
        accumulator = self.name()
        self.expect("=")
        initial = self.bracketed()
        self.expect(",")
        variable = self.name()
        self.expect("IN")
        source = self.before_bar()
        self.expect("|")
        result = self.bracketed()
        self.expect(")")
        return Reduce(accumulator, initial, variable, source, result, at=at)

    def _case(self) -> Expression:
        at = self.at
        self.step()
        subject = None if self.kind == "WHEN" else self.expression()
        branches: list[tuple[Expression, Expression]] = []
        while not branches or self.kind == "WHEN":
            self.expect("WHEN")
            when = self.expression()
            self.expect("THEN")
            branches.append((when, self.expression()))
        default = self.expression() if self.accept("ELSE") else None
        self.expect("END")
        return Case(subject, tuple(branches), default, at=at)

    # --------------------------------------------------------------------------------------------- brackets

    def pattern_follows(self, distance: int = 0) -> bool:
        """Whether the `(` here opens a node that a relationship leaves: `(..)-[..]-(`, `(..)<--(`, `(..)->(`.

        O(1): brackets are paired already.
        """
        start = self.index + distance
        close = self._closing.get(start)
        if close is None or not self._node_opens(start + 1):
            return False
        kinds, index = self._kinds, close + 1
        left = kinds[index] == "<"
        index += left
        if kinds[index] != "-":
            return False
        index += 1
        boxed = kinds[index] == "["
        if boxed:
            index = self._closing.get(index, len(kinds) - 2) + 1
        dashed = kinds[index] == "-"
        index += dashed
        right = kinds[index] == ">"
        index += right
        quantified = kinds[index] in ("{", "*", "+")
        return (dashed and (kinds[index] == "(" or quantified)) or (
            right and not boxed and kinds[index] == "("
        )

    def _node_opens(self, index: int) -> bool:
        """Whether a node pattern may go on so behind its `(`."""
        kinds = self._kinds
        if kinds[index] in (")", ":", "{", "IS", "WHERE", "parameter"):
            return True
        return self.names(index - self.index) and kinds[index + 1] in (
            ")",
            ":",
            "{",
            "IS",
            "WHERE",
            "parameter",
        )

    def _parenthesis(self) -> Expression:
        if self.pattern_follows():
            at = self.at
            return PatternPredicate(self.path_pattern(), at=at)
        self.step()
        inner = self.bracketed()
        self.expect(")")
        return inner

    def _square(self) -> Expression:
        at = self.at
        if self.names(1) and self.ahead(2) == "IN":
            return self._list_comprehension()
        named = self.names(1) and self.ahead(2) == "="
        if self.pattern_follows(3 if named else 1):
            return self._pattern_comprehension()
        self.step()
        return ListLiteral(self._items("]", self.bracketed), at=at)

    def _list_comprehension(self) -> Expression:
        at = self.at
        self.step()
        variable = self.name()
        self.expect("IN")
        source = self.before_bar()
        where = self.before_bar() if self.accept("WHERE") else None
        result = self.bracketed() if self.accept("|") else None
        self.expect("]")
        return ListComprehension(variable, source, where, result, at=at)

    def _pattern_comprehension(self) -> Expression:
        at = self.at
        self.step()
        pattern = self.path_pattern()
        where = self.before_bar() if self.accept("WHERE") else None
        self.expect("|")
        result = self.bracketed()
        self.expect("]")
        return PatternComprehension(pattern, where, result, at=at)

    def map_literal(self) -> MapLiteral:
        """`{key: value, ...}`."""
        at = self.at
        self.expect("{")
        entries: list[KeyValue] = []
        if not self.accept("}"):
            entries.append(self._key_value())
            while self.accept(","):
                entries.append(self._key_value())
            self.expect("}")
        return MapLiteral(tuple(entries), at=at)

    def _key_value(self) -> KeyValue:
        at, key = self.at, self.word()
        self.expect(":")
        return KeyValue(key, self.bracketed(), at=at)

    def _map_projection(self, subject: Variable) -> Expression:
        self.expect("{")
        entries = []
        if not self.accept("}"):
            entries.append(self._projected())
            while self.accept(","):
                entries.append(self._projected())
            self.expect("}")
        return MapProjection(subject, tuple(entries), at=subject.at)

    def _projected(self) -> PropertySelector | AllProperties | VariableSelector | KeyValue:
        at = self.at
        if self.accept("."):
            return AllProperties(at=at) if self.accept("*") else PropertySelector(self.word(), at=at)
        if self.ahead(1) == ":":
            return self._key_value()
        return VariableSelector(self.name(), at=at)


_QUERIES = frozenset(("CALL", "FOR", "LET", "MATCH", "OPTIONAL", "RETURN", "UNWIND", "USE", "WITH", "("))
"""What a query in braces begins with"""

_ATOMS: dict[str, Callable[[AtomParser], Expression]] = {
    "integer": AtomParser.number,
    "float": AtomParser.number,
    "malformed number": AtomParser._malformed,
    "string": AtomParser._text,
    "parameter": AtomParser.parameter,
    **dict.fromkeys(("NULL", "TRUE", "FALSE"), AtomParser._constant),
    **dict.fromkeys(("ALL", "ANY", "NONE", "SINGLE"), AtomParser._quantified),
    "REDUCE": AtomParser._reduce,
    "COUNT": AtomParser._count,
    "EXISTS": AtomParser._exists,
    "CASE": AtomParser._case,
    "(": AtomParser._parenthesis,
    "[": AtomParser._square,
    "{": AtomParser.map_literal,
}
