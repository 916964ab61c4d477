"""Models: values of properties, labels and parameters under which conditions hold, or a proof that there are none.

    unknown     (element, key): a property;  (element, None): the labels;  ("$", name): a parameter
    constraint  terms that must all be true, or must not all be true

Equality logic has small models: it is enough to try the constants that the terms mention, null, the truth values and
one fresh value for each unknown (Pnueli, Rodeh, Strichman and Siegel, The Small Model Property: How Small Can It Be?,
Information and Computation 178, 2002). Order against constants needs one value between neighbours besides. Within that
fragment the answer is exact; for the rest (arithmetic, text search, order between unknowns) the same candidates are
tried, and finding none proves nothing. Only terms may be known here, no pattern and no rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from itonami.graphstore.codec import Value, same
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
from itonami.rules.values import OPERATIONS, all_of, any_of, negation, opposite

__all__ = [
    "Constraint",
    "LabelChoices",
    "Model",
    "Relabelled",
    "Unknown",
    "Verdict",
    "evaluate",
    "solve",
    "substituted",
]

Unknown = tuple[str, str | None]
Model = dict[Unknown, Value]
_Domains = Mapping[Unknown, list[Value]]
LabelChoices = Callable[[str, frozenset[str]], tuple[list[list[str]], bool]]
"""choices(element, labels its conditions mention): the label lists to try, and whether there are no others"""

MAX_TRIES = 20_000
_ORDER = frozenset(("<", "<=", ">", ">="))
_ARITHMETIC = frozenset("+-*/%")


@dataclass(frozen=True, slots=True)
class Relabelled(Term):
    """The labels of a node after some were removed and some added: `labels(var)` of a later graph."""

    variable: str
    added: frozenset[str]
    removed: frozenset[str]

    def __str__(self) -> str:
        return f"labels({self.variable}) later"


@dataclass(frozen=True)
class Constraint:
    """All these terms are true (`wanted`), or not all are. Of their unknowns, some may be `known` by now."""

    terms: tuple[Term, ...]
    wanted: bool = True
    known: frozenset[Unknown] = frozenset()

    @cached_property
    def unknowns(self) -> frozenset[Unknown]:
        """What must be known to say whether it holds."""
        return frozenset().union(*self._reads) - self.known

    @cached_property
    def _reads(self) -> tuple[frozenset[Unknown], ...]:
        return tuple(map(_unknowns, self.terms))

    def holds(self, model: Mapping[Unknown, Value]) -> bool:
        """Whether it holds, all its unknowns being known."""
        return all(evaluate(term, model) is True for term in self.terms) == self.wanted

    def split(self) -> list[Constraint]:
        """Constraints that together say the same."""
        return [Constraint((term,)) for term in self.terms] if self.wanted else [self]

    def reduced(self, model: Mapping[Unknown, Value]) -> Constraint:
        """What it still says when so much is known."""
        left = []
        for term, reads in zip(self.terms, self._reads, strict=True):
            if not reads <= model.keys():
                left.append(term)
            elif evaluate(term, model) is not True:
                return Constraint((), not self.wanted)
        return Constraint(tuple(left), self.wanted, frozenset(model))


@dataclass(frozen=True)
class Verdict:
    """A model; or none, and whether that is proved."""

    model: Model | None
    proved: bool

    @property
    def impossible(self) -> bool:
        """No values whatever satisfy the constraints."""
        return self.model is None and self.proved


# -- terms -----------------------------------------------------------------------------------------------------


def evaluate(term: Term, model: Mapping[Unknown, Value]) -> Value:
    """The value of a term whose variables are elements. An id is the element's name. O(size)."""
    match term:
        case Literal(value):
            return value
        case Property(element, key):
            return model[element, key]
        case Parameter(name):
            return model["$", name]
        case Id(element):
            return element
        case Labels(element):
            return model[element, None]
        case Relabelled(element, added, removed):
            labels: Any = model[element, None]
            return sorted((set(labels) - removed) | added)
        case ListOf(items):
            return [evaluate(item, model) for item in items]
        case IsNull(operand, negated):
            return (evaluate(operand, model) is None) != negated
        case Unary(operator, operand):
            return (negation if operator == "not" else opposite)(evaluate(operand, model))
        case Logic(operator, items):
            return (all_of if operator == "and" else any_of)(evaluate(item, model) for item in items)
        case Binary(operator, left, right):
            return OPERATIONS[operator](evaluate(left, model), evaluate(right, model))
    raise TypeError(f"no term: {term!r}")


def substituted(term: Term, leaf: Callable[[Term], Term]) -> Term:
    """The term with every part that has no parts replaced by `leaf(part)`."""
    match term:
        case ListOf(items):
            return ListOf(tuple(substituted(item, leaf) for item in items))
        case Unary(operator, operand):
            return Unary(operator, substituted(operand, leaf))
        case IsNull(operand, negated):
            return IsNull(substituted(operand, leaf), negated)
        case Logic(operator, items):
            return Logic(operator, tuple(substituted(item, leaf) for item in items))
        case Binary(operator, left, right):
            return Binary(operator, substituted(left, leaf), substituted(right, leaf))
    return leaf(term)


def _walk(term: Term) -> Iterator[Term]:
    yield term
    for part in term.parts():
        yield from _walk(part)


def _unknown(term: Term) -> Unknown | None:
    match term:
        case Property(element, key):
            return element, key
        case Parameter(name):
            return "$", name
        case Labels(element) | Relabelled(element, _, _):
            return element, None
    return None


def _unknowns(term: Term) -> frozenset[Unknown]:
    return frozenset(unknown for part in _walk(term) if (unknown := _unknown(part)) is not None)


# -- the fragment in which finding nothing is a proof ---------------------------------------------------------------


def _is_constant(term: Term) -> bool:
    return isinstance(term, Literal) or (isinstance(term, ListOf) and all(map(_is_constant, term.items)))


def _is_atom(term: Term) -> bool:
    return isinstance(term, Property | Parameter) or _is_constant(term)


def _exact(term: Term, alone: bool) -> bool:
    """Whether the candidates are all that can matter to a term; `alone`: it has one unknown, linked to no other."""
    match term:
        case Literal() | Property() | Parameter():
            return True
        case Unary("not", operand):
            return _exact(operand, alone)
        case Logic(_, items):
            return all(_exact(item, alone) for item in items)
        case IsNull(operand, _):
            return _is_atom(operand)
        case Binary("=" | "<>", Id(), Id()):
            return True
        case Binary("=" | "<>", Labels() | Relabelled(), right):
            return _is_constant(right)
        case Binary("=" | "<>", left, right):
            return _is_atom(left) and _is_atom(right)
        case Binary("in", Literal(), Labels() | Relabelled()):
            return True
        case Binary("in", left, ListOf(items)):
            return _is_atom(left) and all(map(_is_atom, items))
        case Binary(operator, Literal(), right) if operator in _ORDER:
            return alone and _is_atom(right)
        case Binary(operator, left, Literal()) if operator in _ORDER:
            return alone and _is_atom(left)
    return False


# -- candidates ----------------------------------------------------------------------------------------------------


def _constants(terms: Sequence[Term]) -> list[Value]:
    """The constants that terms mention and, where they are ordered or computed with, their neighbours."""
    parts = [part for term in terms for part in _walk(term)]
    found: list[Value] = [part.value for part in parts if isinstance(part, Literal)]
    found += [evaluate(part, {}) for part in parts if isinstance(part, ListOf) and _is_constant(part)]
    found += [part.variable for part in parts if isinstance(part, Id)]
    operators = {part.operator for part in parts if isinstance(part, Binary)}
    if operators & (_ORDER | _ARITHMETIC):
        numbers: list[Any] = sorted(v for v in (*found, 0, 1) if type(v) in (int, float))
        found += [n - 1 for n in numbers] + [n + 1 for n in numbers]
        found += [as_type(n) for n in numbers for as_type in (int, float) if as_type(n) == n]
        found += [(a + b) / 2 for a, b in pairwise(numbers)]
        found += ["", *(text + "\0" for text in found if isinstance(text, str))]
    return found


def _distinct(values: Sequence[Value]) -> list[Value]:
    kept: list[Value] = []
    for value in values:
        if not any(same(value, other) for other in kept):
            kept.append(value)
    return kept


def _fresh(count: int, taken: Sequence[Value]) -> list[Value]:
    names: Iterator[Value] = (f"?{k}" for k in range(count + len(taken)))
    return [name for name in names if name not in taken][:count]


def _mentioned(element: str, terms: Sequence[Term]) -> frozenset[str]:
    """The labels of an element that terms can tell apart: those asked for, and another if whole lists are compared."""
    found: set[Value] = set()
    for part in (part for term in terms for part in _walk(term)):
        match part:
            case Binary("in", Literal(label), Labels(name) | Relabelled(name, _, _)) if name == element:
                found.add(label)
            case Binary("=" | "<>", Labels(name) | Relabelled(name, _, _), ListOf(items)) if name == element:
                found.update(item.value for item in items if isinstance(item, Literal))
                found.add("?")
    return frozenset(label for label in found if isinstance(label, str))


# -- solving -------------------------------------------------------------------------------------------------------


def solve(constraints: Sequence[Constraint], choices: LabelChoices) -> Verdict:
    """A model of the constraints, if one is found.

    Groups of constraints that share no unknown are solved apart. Exponential in the unknowns of a group, but at most
    `MAX_TRIES` evaluations each; then it is not proved that there is no model."""
    model: Model = {}
    found = True
    for group in _groups([part for constraint in constraints for part in constraint.split()]):
        verdict = _solve_group(group, choices)
        if verdict.impossible:
            return verdict
        found = found and verdict.model is not None
        model.update(verdict.model or {})
    return Verdict(model if found else None, False)


def _groups(constraints: Sequence[Constraint]) -> list[list[Constraint]]:
    groups: list[tuple[set[Unknown], list[Constraint]]] = []
    for constraint in constraints:
        mine: tuple[set[Unknown], list[Constraint]] = (set(constraint.unknowns), [constraint])
        apart = []
        for group in groups:
            if group[0] & mine[0]:
                mine = (group[0] | mine[0], group[1] + mine[1])
            else:
                apart.append(group)
        groups = [*apart, mine]
    return [group for _, group in groups]


def _by_name(unknown: Unknown) -> tuple[str, str]:
    return unknown[0], unknown[1] or ""


def _solve_group(group: list[Constraint], choices: LabelChoices) -> Verdict:
    terms = [term for constraint in group for term in constraint.terms]
    unknowns = sorted(frozenset().union(*(c.unknowns for c in group)), key=_by_name)
    values = _distinct([None, *_constants(terms), True, False])
    values += _fresh(sum(key is not None for _, key in unknowns), values)
    domains: dict[Unknown, list[Value]] = {}
    complete = True
    for element, key in unknowns:
        domains[element, key] = values
        if key is None:
            lists, no_others = choices(element, _mentioned(element, terms))
            domains[element, None] = [*lists]
            complete = complete and no_others
    model, exhausted = _search(group, domains)
    if model is not None:
        return Verdict(model, False)
    exact = [c for c in group if all(_exact(term, len(unknowns) == 1) for term in c.terms)]
    if len(exact) < len(group):
        model, exhausted = _search(exact, domains)
    return Verdict(None, model is None and exhausted and complete)


def _search(group: Sequence[Constraint], domains: _Domains) -> tuple[Model | None, bool]:
    """A model by backtracking with forward checking (Haralick and Elliott, Artificial Intelligence 14, 1980), smallest
    domain first; and whether all was tried."""
    tries = 0

    def extend(state: _State | None) -> Model | None:
        nonlocal tries
        if state is None:
            return None
        active = sorted({unknown for open_ in state.open for unknown in open_.unknowns}, key=_by_name)
        if not active:
            return state.model | {u: values[0] for u, values in state.domains.items() if u not in state.model}
        unknown = min(active, key=lambda u: len(state.domains[u]))
        for value in state.domains[unknown]:
            tries += 1
            if tries > MAX_TRIES:
                return None
            if (model := extend(state.with_value(unknown, value))) is not None:
                return model
        return None

    model = extend(_State({}, domains, []).narrowed(group))
    return model, tries <= MAX_TRIES


@dataclass(frozen=True)
class _State:
    """What is assigned, what each unknown may still be, and the constraints that still say something."""

    model: Model
    domains: _Domains
    open: list[Constraint]

    def with_value(self, unknown: Unknown, value: Value) -> _State | None:
        model = {**self.model, unknown: value}
        later = _State(model, self.domains, [c for c in self.open if unknown not in c.unknowns])
        return later.narrowed([c.reduced(model) for c in self.open if unknown in c.unknowns])

    def narrowed(self, constraints: Sequence[Constraint]) -> _State | None:
        """With these constraints, those about one unknown spent on its domain; None if one cannot hold."""
        domains, still = dict(self.domains), list(self.open)
        for constraint in constraints:
            if len(constraint.unknowns) > 1:
                still.append(constraint)
            elif constraint.unknowns:
                (unknown,) = constraint.unknowns
                model: Model = {**self.model}
                kept = []
                for value in domains[unknown]:
                    model[unknown] = value
                    if constraint.holds(model):
                        kept.append(value)
                if not kept:
                    return None
                domains[unknown] = kept
            elif not constraint.holds(self.model):
                return None
        return _State(self.model, domains, still)
