"""Python source for terms and searches, with every name numbered and every constant bound through a tuple.

Nothing of a rule's text gets into the source: a variable is `n3` or `e1` by its position, a label, key or literal
is `c7` by its place in the tuple of constants. Conditions compile by polarity: `true(t)` is a Python expression
that is truthy iff t is true, `false(t)` iff t is false, so that Kleene's third value costs nothing where it cannot
matter. Only the writing of source may live here; what is written is decided in `search` and `program`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from itonami.rules import values
from itonami.rules.pattern import Pattern
from itonami.rules.term import (
    Binary,
    Id,
    IsNull,
    Labels,
    ListOf,
    Literal,
    Logic,
    Parameter,
    Property,
    Term,
    Unary,
)

__all__ = ["TABLES", "Source", "ids_of", "places_of"]

TABLES = (
    "nodes = head.node_by_id; edges = head.edge_by_id; out = head.out_edges; into = head.in_edges; "
    "labelled = head.labelled"
)
"""The first line of every function written: what it reads of a head."""


def places_of(pattern: Pattern) -> dict[str, str]:
    """Numbered places: `n0`, `n1`, ... for nodes, `e0`, `e1`, ... for edges."""
    places = {node.variable: f"n{number}" for number, node in enumerate(pattern.nodes)}
    return places | {edge.variable: f"e{number}" for number, edge in enumerate(pattern.edges)}


def ids_of(pattern: Pattern, *, edges: str = "e{}.id") -> str:
    """The tuple of a match's ids: `(i0, i1, e0.id,)`, or with `edges="x{}"` the target that unpacks it."""
    names = [f"i{number}" for number in range(len(pattern.nodes))]
    names += [edges.format(number) for number in range(len(pattern.edges))]
    return f"({', '.join(names)},)" if names else "()"


class Source:
    """The source of one function maker: lines, the constants they mention, and the places of variables (and of
    ids, where there is no element yet)."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self.places = dict(places)
        self.ids: dict[str, str] = {}
        self._lines: list[str] = []
        self._constants: list[Any] = []
        self._numbers: dict[tuple[str, Any], str] = {}
        self._depth = 0
        self._blocks = 0
        self._fresh = 0

    # -- constants and names -------------------------------------------------------------------------------

    def constant(self, value: Any) -> str:
        """The name of a constant."""
        key = (type(value).__name__, value if isinstance(value, str | int | frozenset) else id(value))
        if key not in self._numbers:
            self._numbers[key] = f"c{len(self._constants)}"
            self._constants.append(value)
        return self._numbers[key]

    def fresh(self, prefix: str) -> str:
        """A name that was not used."""
        self._fresh += 1
        return f"{prefix}_{self._fresh}"

    # -- lines ---------------------------------------------------------------------------------------------

    def line(self, text: str) -> None:
        """One line at the current depth."""
        self._lines.append(" " * self._depth + text)

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        """An indented block."""
        self.line(header)
        self._depth += 1
        yield
        self._depth -= 1

    def made(self, entry: str) -> Any:
        """Compile, and return the function of that name."""
        names = [f"c{number}" for number in range(len(self._constants))]
        unpacked = [f" ({', '.join(names)},) = constants"] if names else []
        body = [" " + line for line in self._lines]
        text = "\n".join(["def make(constants):", *unpacked, *body, f" return {entry}"])
        scope: dict[str, Any] = {}
        exec(compile(text, "<rule>", "exec"), scope)  # noqa: S102 - numbered names only, see the module's head
        return scope["make"](tuple(self._constants))

    # -- terms ---------------------------------------------------------------------------------------------

    def value(self, term: Term) -> str:
        """An expression for the value of a term."""
        match term:
            case Literal(value):
                return "None" if value is None else self.constant(value)
            case ListOf(items):
                return f"[{', '.join(map(self.value, items))}]"
            case Property(variable, key):
                return f"{self.places[variable]}.data.get({self.constant(key)})"
            case Parameter(name):
                return f"params.get({self.constant(name)})"
            case Id(variable):
                return self.ids.get(variable) or f"{self.places[variable]}.id"
            case Labels(variable):
                return f"{self.constant(values.labels_of)}({self.places[variable]})"
            case Unary("not", operand):
                return f"{self.constant(values.negation)}({self.value(operand)})"
            case Unary(_, operand):
                return f"{self.constant(values.opposite)}({self.value(operand)})"
            case Binary(operator, left, right):
                return (
                    f"{self.constant(values.OPERATIONS[operator])}({self.value(left)}, {self.value(right)})"
                )
            case IsNull(operand, negated):
                return f"({self.value(operand)} {'is not' if negated else 'is'} None)"
            case Logic(operator, items):
                function = values.all_of if operator == "and" else values.any_of
                return f"{self.constant(function)}(({', '.join(map(self.value, items))},))"
        raise TypeError(f"{type(term).__name__} is no term")

    def true(self, term: Term) -> str:
        """An expression that is truthy iff the term is true."""
        match term:
            case Logic(operator, items):
                return "(" + f" {operator} ".join(map(self.true, items)) + ")"
            case Unary("not", operand):
                return self.false(operand)
            case IsNull():
                return self.value(term)
            case Binary("=", left, Literal(str(text))):
                return f"({self.value(left)} == {self.constant(text)})"
            case Binary("<>", left, right):
                return self.false(Binary("=", left, right))
            case Binary("in", left, ListOf(items)) if (texts := _texts(items)) is not None:
                names = ", ".join(map(self.constant, texts))
                return f"({self.value(left)} in ({names},))" if names else "False"
        return f"({self.value(term)} is True)"

    def false(self, term: Term) -> str:
        """An expression that is truthy iff the term is false."""
        match term:
            case Logic(operator, items):
                dual = "or" if operator == "and" else "and"
                return "(" + f" {dual} ".join(map(self.false, items)) + ")"
            case Unary("not", operand):
                return self.true(operand)
            case IsNull(operand, negated):
                return self.value(IsNull(operand, not negated))
            case Binary("=", left, Literal(str(text))):
                known = self.fresh("v")
                return f"(({known} := {self.value(left)}) is not None and {known} != {self.constant(text)})"
            case Binary("<>", left, right):
                return self.true(Binary("=", left, right))
        return f"({self.value(term)} is False)"


def _texts(items: tuple[Term, ...]) -> list[str] | None:
    """The texts of a list that holds nothing else."""
    texts = [item.value for item in items if isinstance(item, Literal) and isinstance(item.value, str)]
    return texts if len(texts) == len(items) else None
