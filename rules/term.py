"""Terms: the small total expression language of conditions and assignments.

    literal   null  true  false  3  2.5  'text'  "text"  [1, 2]
    reference var.key   $parameter   id(var)   labels(var)
    operator  or  and  not  = <> < <= > >=  in  is [not] null  starts with  ends with  contains  + -  * / %

The grammar is Pratt's (Top Down Operator Precedence, POPL 1973); the meaning is in `values`: every term has a
value, and a condition holds iff that value is true. `str(term)` parses back to an equal term. Terms are data: they
are compiled by `emit`, never evaluated as text. No rule and no graph may live here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

from itonami.graphstore.codec import Value, same
from itonami.rules.errors import RuleError
from itonami.rules.lexer import Tokens, name_text, text_text

__all__ = [
    "Binary",
    "Id",
    "IsNull",
    "Labels",
    "ListOf",
    "Literal",
    "Logic",
    "Parameter",
    "Property",
    "Term",
    "Unary",
    "conjuncts",
    "fits",
    "literal",
    "parse_term",
    "read_term",
    "term_parameters",
    "term_reads",
    "term_variables",
]

MAX_HEIGHT = 40
"""How high a term may be: it bounds the stack of everything that walks one."""

_INTEGER_BITS = 1300  # fewer than the 400 digits that are read

_OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _SIGN, _ATOM = range(1, 9)


class Term:
    """A term. Frozen; compared by structure."""

    __slots__ = ()
    power = _ATOM

    def parts(self) -> tuple[Term, ...]:
        """The terms it is made of."""
        return ()


@dataclass(frozen=True, slots=True, eq=False)
class Literal(Term):
    """A scalar constant: null, a truth value, a number or a text."""

    value: Value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and same(self.value, other.value)

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))

    def __str__(self) -> str:
        if isinstance(self.value, str):
            return text_text(self.value)
        return {None: "null", True: "true", False: "false"}[self.value] if self._named() else repr(self.value)

    def _named(self) -> bool:
        return self.value is None or isinstance(self.value, bool)


@dataclass(frozen=True, slots=True)
class ListOf(Term):
    """A list of terms."""

    items: tuple[Term, ...]

    def parts(self) -> tuple[Term, ...]:
        return self.items

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.items))}]"


@dataclass(frozen=True, slots=True)
class Property(Term):
    """`var.key`: the property of a matched element; null where it has none."""

    variable: str
    key: str

    def __str__(self) -> str:
        return f"{name_text(self.variable)}.{name_text(self.key)}"


@dataclass(frozen=True, slots=True)
class Parameter(Term):
    """`$name`: a value bound when the rule fires."""

    name: str

    def __str__(self) -> str:
        return f"${name_text(self.name)}"


@dataclass(frozen=True, slots=True)
class Id(Term):
    """`id(var)`: the id of a matched element."""

    variable: str

    def __str__(self) -> str:
        return f"id({name_text(self.variable)})"


@dataclass(frozen=True, slots=True)
class Labels(Term):
    """`labels(var)`: the labels of a matched node in order, or the one of an edge, as a list."""

    variable: str

    def __str__(self) -> str:
        return f"labels({name_text(self.variable)})"


@dataclass(frozen=True, slots=True)
class Unary(Term):
    """`not a` or `-a`."""

    operator: str
    operand: Term

    @property
    def power(self) -> int:  # type: ignore[override]
        return _NOT if self.operator == "not" else _SIGN

    def parts(self) -> tuple[Term, ...]:
        return (self.operand,)

    def __str__(self) -> str:
        space = " " if self.operator == "not" else ""
        return f"{self.operator}{space}{_shown(self.operand, self.power)}"


@dataclass(frozen=True, slots=True)
class Binary(Term):
    """Two terms and an operator between them: a comparison or arithmetic."""

    operator: str
    left: Term
    right: Term

    @property
    def power(self) -> int:  # type: ignore[override]
        return _POWERS[self.operator]

    def parts(self) -> tuple[Term, ...]:
        return (self.left, self.right)

    def __str__(self) -> str:
        # Sums and products lean to the left; comparisons do not chain.
        left = self.power if self.power > _COMPARE else self.power + 1
        return f"{_shown(self.left, left)} {self.operator} {_shown(self.right, self.power + 1)}"


@dataclass(frozen=True, slots=True)
class IsNull(Term):
    """`a is null`, or `a is not null`: never unknown."""

    operand: Term
    negated: bool = False
    power = _COMPARE

    def parts(self) -> tuple[Term, ...]:
        return (self.operand,)

    def __str__(self) -> str:
        return f"{_shown(self.operand, _SUM)} is {'not ' if self.negated else ''}null"


@dataclass(frozen=True, slots=True)
class Logic(Term):
    """`a and b and ...` or `a or b or ...`."""

    operator: str
    items: tuple[Term, ...]

    @property
    def power(self) -> int:  # type: ignore[override]
        return _AND if self.operator == "and" else _OR

    def parts(self) -> tuple[Term, ...]:
        return self.items

    def __str__(self) -> str:
        return f" {self.operator} ".join(_shown(item, self.power + 1) for item in self.items)


_POWERS = {
    **dict.fromkeys(
        ("=", "<>", "<", "<=", ">", ">=", "in", "starts with", "ends with", "contains"), _COMPARE
    ),
    **dict.fromkeys(("+", "-"), _SUM),
    **dict.fromkeys(("*", "/", "%"), _PRODUCT),
}
_WORDS: dict[str, Value] = {"null": None, "true": True, "false": False}


def _shown(term: Term, power: int) -> str:
    return str(term) if term.power >= power else f"({term})"


def _walk(term: Term) -> Iterator[Term]:
    yield term
    for part in term.parts():
        yield from _walk(part)


def term_variables(term: Term) -> frozenset[str]:
    """The pattern variables a term mentions."""
    return frozenset(part.variable for part in _walk(term) if isinstance(part, Property | Id | Labels))


def term_reads(term: Term) -> frozenset[tuple[str, str | None]]:
    """The (variable, key) pairs of the properties it reads; a key of None stands for the labels."""
    keys = {(part.variable, part.key) for part in _walk(term) if isinstance(part, Property)}
    return frozenset(keys | {(part.variable, None) for part in _walk(term) if isinstance(part, Labels)})


def term_parameters(term: Term) -> frozenset[str]:
    """The parameters a term mentions."""
    return frozenset(part.name for part in _walk(term) if isinstance(part, Parameter))


def fits(term: Term, room: int = MAX_HEIGHT, power: int = _OR) -> bool:
    """Whether the text of a term, where operators of at least this power stand, is read within that nesting."""
    room -= term.power < power  # it needs parentheses
    negative = isinstance(term, Literal) and str(term).startswith("-")
    if room <= negative:
        return False
    inner = _OR if isinstance(term, ListOf) else term.power
    tighter = inner + isinstance(term, Binary | Logic)
    return all(fits(part, room - 1, tighter) for part in term.parts())


def conjuncts(term: Term) -> tuple[Term, ...]:
    """The terms that must all hold for it to hold."""
    return term.items if isinstance(term, Logic) and term.operator == "and" else (term,)


def literal(value: Value, room: int = MAX_HEIGHT) -> Term:
    """The term of a plain value; `RuleError` for what has no literal (maps, bytes, timestamps, NaN)."""
    if isinstance(value, list | tuple):
        if room <= 1:
            raise RuleError(f"the list is nested more than {MAX_HEIGHT} deep", fix="pass it as a parameter")
        return ListOf(tuple(literal(item, room - 1) for item in value))
    if isinstance(value, float) and not isfinite(value):
        raise RuleError(f"{value} has no literal in a term", fix="leave it out")
    if isinstance(value, int) and value.bit_length() > _INTEGER_BITS:
        raise RuleError(
            f"an integer of {value.bit_length()} bits has no literal in a term", fix="leave it out"
        )
    if value is None or isinstance(value, bool | int | float | str):
        return parse_term(str(Literal(value)))  # the parser's limits hold for these too
    raise RuleError(f"a {type(value).__name__} has no literal in a term", fix="pass it as a parameter")


# -- reading ---------------------------------------------------------------------------------------------------


def parse_term(text: str) -> Term:
    """The term of a text. Raises `RuleError` with line and column. O(length)."""
    tokens = Tokens(text)
    term = read_term(tokens)
    if tokens.next.kind != "end":
        tokens.fail(f"the term ends before {tokens.shown()}")
    return term


def read_term(tokens: Tokens) -> Term:
    """The longest term at the cursor."""
    return _read(tokens, _OR, MAX_HEIGHT)[0]


_Read = tuple[Term, int]  # a term and its height


def _read(tokens: Tokens, power: int, room: int) -> _Read:
    """A term whose operators bind at least as tightly as `power`, at most `room` high."""
    if room <= 0:
        tokens.fail(f"the term is nested more than {MAX_HEIGHT} deep", "split the condition")
    term, height = _prefix(tokens, room)
    while True:
        operator = _operator(tokens)
        if operator is None or (own := _infix_power(operator)) < power:
            return term, height
        term, height = _infix(tokens, operator, own, (term, height), room)
        if height > MAX_HEIGHT:
            tokens.fail(f"the term is nested more than {MAX_HEIGHT} deep", "split the condition")
        if own == _COMPARE and _chains(tokens):
            tokens.fail("comparisons do not chain", "join them with 'and', or use parentheses")


def _chains(tokens: Tokens) -> bool:
    operator = _operator(tokens)
    return operator is not None and _infix_power(operator) == _COMPARE


def _operator(tokens: Tokens) -> str | None:
    """The infix operator at the cursor, which stays where it is."""
    token = tokens.next
    if token.kind not in ("word", "symbol"):
        return None
    if token.value in ("starts", "ends"):
        return f"{token.value} with"
    return token.value if token.value in _POWERS or token.value in ("and", "or", "is") else None


def _infix_power(operator: str) -> int:
    return {"or": _OR, "and": _AND, "is": _COMPARE}.get(operator) or _POWERS[operator]


def _infix(tokens: Tokens, operator: str, own: int, left: _Read, room: int) -> _Read:
    tokens.take()
    if operator == "is":
        negated = tokens.took("not")
        tokens.expect("null", "after 'is'")
        return IsNull(left[0], negated), left[1] + 1
    if operator in ("starts with", "ends with"):
        tokens.expect("with", f"after {operator.split()[0]!r}")
    if operator in ("and", "or"):
        return _logic(tokens, operator, own, left, room)
    right, height = _read(tokens, own + 1, room - 1)
    return Binary(operator, left[0], right), max(left[1], height) + 1


def _logic(tokens: Tokens, operator: str, own: int, left: _Read, room: int) -> _Read:
    items, height = [left[0]], left[1]
    while True:
        item, its = _read(tokens, own + 1, room - 1)
        items.append(item)
        height = max(height, its)
        if not tokens.took(operator):
            return Logic(operator, tuple(items)), height + 1


def _prefix(tokens: Tokens, room: int) -> _Read:
    token = tokens.next
    if token.kind == "number":
        return Literal(tokens.number()), 1
    if token.kind == "text":
        return Literal(tokens.take().value), 1
    if tokens.took("not"):
        operand, height = _read(tokens, _NOT, room - 1)
        return Unary("not", operand), height + 1
    if tokens.took("-"):
        return _negative(_read(tokens, _SIGN, room - 1))
    if tokens.took("("):
        inner = _read(tokens, _OR, room - 1)
        tokens.expect(")", "to close the parenthesis")
        return inner
    if tokens.took("["):
        return _list(tokens, room)
    if tokens.took("$"):
        return Parameter(tokens.name("a parameter")), 1
    if token.kind == "word" and token.value in _WORDS:
        return Literal(_WORDS[tokens.take().value]), 1
    if tokens.is_at("id", "labels"):
        return _function(tokens), 1
    variable = tokens.name("a value")
    tokens.expect(".", f"after the variable {variable!r}")
    return Property(variable, tokens.word("a property key")), 1


def _negative(operand: _Read) -> _Read:
    term, height = operand
    if isinstance(term, Literal) and type(term.value) in (int, float):
        return Literal(-term.value), 1
    return Unary("-", term), height + 1


def _list(tokens: Tokens, room: int) -> _Read:
    items: list[Term] = []
    height = 0
    while not tokens.is_at("]"):
        item, its = _read(tokens, _OR, room - 1)
        items.append(item)
        height = max(height, its)
        if not tokens.took(","):
            break
    tokens.expect("]", "to close the list")
    return ListOf(tuple(items)), height + 1


def _function(tokens: Tokens) -> Term:
    function = tokens.take().value
    tokens.expect("(", f"after {function!r}")
    variable = tokens.name("a variable")
    tokens.expect(")", "to close the parenthesis")
    return Id(variable) if function == "id" else Labels(variable)
