"""What makes a rule a rule: every law a sentence, checked when the rule is made.

The laws say that L, K and R are graphs, that l: K -> L and r: K -> R are inclusions, that every variable a term
mentions is bound, and that a set of rules never makes the same id twice. Each check yields its violations; the
first is raised. Nothing that looks at a graph may live here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from itonami.rules.errors import RuleError
from itonami.rules.lexer import MAX_NAME_BYTES
from itonami.rules.pattern import Nac, Pattern
from itonami.rules.term import (
    MAX_HEIGHT,
    Binary,
    Id,
    Literal,
    Logic,
    Parameter,
    Property,
    Term,
    fits,
    term_variables,
)

if TYPE_CHECKING:
    from itonami.rules.rule import Rule

__all__ = [
    "FLATTEN",
    "MAX_ELEMENTS",
    "MAX_NACS",
    "MAX_PRIORITY",
    "SPLIT",
    "TOO_DEEP",
    "check",
    "check_fresh",
    "counters",
]

MAX_ELEMENTS = 80
"""The most nodes and edges of a pattern: a bound on the nesting of the code compiled from it."""

MAX_NACS = 80
"""The most NACs of a rule, those of NACs included: each is a function of the code compiled from it."""

MAX_PRIORITY = 1_000_000
"""The highest priority, and with a minus the lowest."""

SPLIT = "split the rule"
TOO_DEEP = "NACs nest one level: what is listed after `unless` has no NACs of its own"
FLATTEN = "put what it forbids into another `not` of the rule"

Violation = tuple[str, str | None, str | None]  # what, the variable it is about, how to mend it


def check(rule: Rule) -> None:
    """Raise `RuleError` for the first law that the rule breaks. O(size of the rule)."""
    for law in _LAWS:
        for what, subject, fix in law(rule):
            raise RuleError(what, where=f"rule {rule.name!r}", fix=fix, subject=subject)


def _graph(pattern: Pattern, name: str, ends: Iterable[str] = ()) -> Iterator[Violation]:
    """A pattern is a graph: variables are unique, and every edge has its ends (of its own, or of `ends`)."""
    if len(pattern) > MAX_ELEMENTS:
        first = pattern.variables[MAX_ELEMENTS]
        yield f"{name} has {len(pattern)} elements, more than {MAX_ELEMENTS}", first, SPLIT
    seen: set[str] = set()
    for variable in pattern.variables:
        if variable in seen:
            yield f"{variable!r} names two elements of {name}", variable, "rename one of them"
        seen.add(variable)
    nodes = {node.variable for node in pattern.nodes} | set(ends)
    for edge in pattern.edges:
        for end in (edge.source, edge.target):
            if end not in nodes:
                yield (
                    f"edge {edge.variable!r} of {name} has no end {end!r}",
                    edge.variable,
                    f"add node {end!r}",
                )


def _names(rule: Rule) -> Iterator[Violation]:
    """Names, labels and keys are text of at most 255 bytes."""
    texts: list[tuple[str, str]] = [(rule.name, "the rule's name"), (rule.event, "the event")]
    nacs = [nac for outer in rule.nacs for nac in (outer, *outer.nacs)]
    patterns = (rule.L, rule.create, *(nac.pattern for nac in nacs))
    for pattern in patterns:
        texts += [(variable, "a variable") for variable in pattern.variables]
        texts += [(label, "a label") for node in pattern.nodes for label in node.labels]
        texts += [(edge.label, "a label") for edge in pattern.edges if edge.label]
    texts += [(assignment.key, "a property key") for assignment in rule.assignments]
    texts += [(label, "a label") for relabel in rule.relabels for label in (*relabel.added, *relabel.removed)]
    conditions = (*rule.where, *(term for nac in nacs for term in nac.where))
    for part in (part for term in conditions for part in _subterms(term)):
        if isinstance(part, Property):
            texts.append((part.key, "a property key"))
        elif isinstance(part, Parameter):
            texts.append((part.name, "a parameter"))
    for pattern in patterns:
        for edge in pattern.edges:
            if edge.label == "*":
                yield "the edge label '*' is reserved for any label", edge.variable, "leave the label out"
    for text, what in texts:
        size = len(text.encode(errors="surrogatepass"))
        if not 0 < size <= MAX_NAME_BYTES:
            yield f"{what} has {size} bytes, not 1 to {MAX_NAME_BYTES}", None, "choose another name"
        if not text.isprintable() and any("\ud800" <= char <= "\udfff" for char in text):
            yield f"{what} holds a lone surrogate", None, "use well-formed Unicode"


def _priority(rule: Rule) -> Iterator[Violation]:
    """A priority is an integer of at most a million."""
    if not -MAX_PRIORITY <= rule.priority <= MAX_PRIORITY:
        yield f"a priority is an integer of at most {MAX_PRIORITY}", "priority", "choose a smaller one"


def _nesting(rule: Rule) -> Iterator[Violation]:
    """Terms are nested no deeper than their text may be, where it joins conditions by `and`."""
    conditions = (*rule.where, *(term for nac in rule.nacs for term in nac.terms))
    terms = [Logic("and", (term,)) for term in conditions] + [a.term for a in rule.assignments]
    for term in terms:
        if not fits(term):
            yield f"a term of the rule is nested {MAX_HEIGHT} deep or more", None, "split the condition"


def _left(rule: Rule) -> Iterator[Violation]:
    """L is a graph."""
    return _graph(rule.L, "L")


def _interface(rule: Rule) -> Iterator[Violation]:
    """K is a graph: what is deleted is matched, and a node goes with all its edges."""
    deleted, matched = set(rule.delete), set(rule.L.variables)
    for variable in rule.delete:
        if variable not in matched:
            yield f"{variable!r} is deleted but not matched", variable, "match it"
    for edge in rule.L.edges:
        for end in (edge.source, edge.target):
            if end in deleted and edge.variable not in deleted:
                yield (
                    f"K is no graph: node {end!r} is deleted, its edge {edge.variable!r} is kept",
                    end,
                    f"delete {edge.variable!r} too",
                )


def _right(rule: Rule) -> Iterator[Violation]:
    """R is a graph: what is created is new, and created edges are labelled and end at what is there."""
    deleted, matched = set(rule.delete), set(rule.L.variables)
    for variable in rule.create.variables:
        if variable in matched:
            yield f"{variable!r} is created but already matched", variable, "rename what is created"
    for edge in rule.create.edges:
        if edge.label is None:
            yield f"the created edge {edge.variable!r} has no label", edge.variable, "write -[:LABEL]->"
        for end in (edge.source, edge.target):
            if end in deleted:
                yield (
                    f"R is no graph: edge {edge.variable!r} is created at the deleted node {end!r}",
                    edge.variable,
                    f"keep {end!r}, or create another node",
                )
    kept = {node.variable for node in rule.L.nodes} - deleted
    yield from _graph(rule.create, "R", kept)


def _conditions(rule: Rule) -> Iterator[Violation]:
    """Conditions mention what is matched."""
    matched = set(rule.L.variables)
    for term in rule.where:
        yield from _unbound(term, matched)


def _nacs(rule: Rule) -> Iterator[Violation]:
    """NACs are graphs that agree with L, and their own with both; these have none."""
    count = sum(1 + len(nac.nacs) for nac in rule.nacs)
    if count > MAX_NACS:
        yield f"the rule has {count} NACs, more than {MAX_NACS}", "not", SPLIT
    for nac in rule.nacs:
        yield from _nac(rule.L, "L", nac, "a NAC")
        within = rule.L.joined(nac.pattern) if nac.nacs else rule.L
        for inner in nac.nacs:
            yield from _nac(within, "L or the NAC around it", inner, "a nested NAC")
            if inner.nacs:
                yield TOO_DEEP, None, FLATTEN


def _nac(outer: Pattern, around: str, nac: Nac, name: str) -> Iterator[Violation]:
    """N is a graph that agrees with what is around it on what they share."""
    if not nac.pattern:
        yield f"{name} lists nothing", None, "write `not` before a pattern, or put the condition into `where`"
    kinds = {node.variable: "a node" for node in outer.nodes}
    edges = {edge.variable: edge for edge in outer.edges}
    yield from _graph(nac.pattern, name, list(kinds))
    kinds |= dict.fromkeys(edges, "an edge")
    own = {n.variable: "a node" for n in nac.pattern.nodes} | {
        e.variable: "an edge" for e in nac.pattern.edges
    }
    for variable, kind in own.items():
        if kinds.get(variable, kind) != kind:
            what = f"{variable!r} is {kinds[variable]} of {around} and {kind} of {name}"
            yield what, variable, "rename one of them"
    for edge in nac.pattern.edges:
        if edges.get(edge.variable, edge) != edge:
            what = f"edge {edge.variable!r} has other ends or another label in {name} than in {around}"
            yield what, edge.variable, "rename it"
    bound = {*kinds, *own}
    for term in nac.where:
        yield from _unbound(term, bound)


def _unbound(term: Term, bound: set[str]) -> Iterator[Violation]:
    for variable in sorted(term_variables(term) - bound):
        yield f"variable {variable!r} is not bound in {term}", variable, "match it"


def _assignments(rule: Rule) -> Iterator[Violation]:
    """Assignments set what is there afterwards to a value of what is matched, each key once."""
    deleted, created = set(rule.delete), set(rule.create.variables)
    matched = set(rule.L.variables)
    seen: set[tuple[str, str]] = set()
    for assignment in rule.assignments:
        variable, place = assignment.variable, (assignment.variable, assignment.key)
        if variable in deleted:
            yield (
                f"{variable}.{assignment.key} is set, but {variable!r} is deleted",
                variable,
                "set or delete it",
            )
        if variable not in matched | created:
            yield f"{variable}.{assignment.key} is set, but {variable!r} is not bound", variable, "match it"
        if place in seen:
            yield f"{variable}.{assignment.key} is set twice", variable, "keep one of the two"
        seen.add(place)
        identified = {t.variable for t in _subterms(assignment.term) if isinstance(t, Id)}
        yield from _unbound_value(assignment.term, matched, created, identified)


def _unbound_value(
    term: Term, matched: set[str], created: set[str], identified: set[str]
) -> Iterator[Violation]:
    read = {t.variable for t in _subterms(term) if not isinstance(t, Id) and hasattr(t, "variable")}
    for variable in sorted((read - matched) | (identified - matched - created)):
        why = "created, so it has no properties yet" if variable in created else "not bound"
        yield f"variable {variable!r} in {term} is {why}", variable, "read what is matched"


def _subterms(term: Term) -> Iterator[Term]:
    yield term
    for part in term.parts():
        yield from _subterms(part)


def _relabels(rule: Rule) -> Iterator[Violation]:
    """A node of K is relabelled, once, and no label is both added and removed."""
    kept = {node.variable for node in rule.L.nodes} - set(rule.delete)
    seen: set[str] = set()
    for relabel in rule.relabels:
        variable = relabel.variable
        if variable not in kept:
            yield f"{variable!r} is relabelled, but is no node that is kept", variable, "relabel a node of K"
        if variable in seen:
            yield f"{variable!r} is relabelled twice", variable, "write one label clause for it"
        if both := set(relabel.added) & set(relabel.removed):
            yield (
                f"label {min(both)!r} is both added to and removed from {variable!r}",
                variable,
                "choose one",
            )
        seen.add(variable)


_LAWS: tuple[Callable[[Rule], Iterator[Violation]], ...] = (
    _nesting,
    _names,
    _priority,
    _left,
    _interface,
    _right,
    _conditions,
    _nacs,
    _assignments,
    _relabels,
)


# -- ids that never come twice ---------------------------------------------------------------------------------


def counters(rule: Rule) -> tuple[tuple[str, str], ...]:
    """The (variable, key) pairs that the rule increments by a constant."""
    return tuple(
        (assignment.variable, assignment.key)
        for assignment in rule.assignments
        if isinstance(term := assignment.term, Binary)
        and term.operator == "+"
        and term.left == Property(assignment.variable, assignment.key)
        and isinstance(term.right, Literal)
        and type(term.right.value) is int
        and term.right.value > 0
    )


def counts(rule: Rule) -> bool:
    """Whether the ids that a rule creates hang on its counters: it creates, and deletes no edge."""
    return bool(rule.create) and not any(edge.variable in rule.delete for edge in rule.L.edges)


def increases(rule: Rule) -> tuple[Term, ...]:
    """The conditions that the counters which ids hang on grow: `x.n + 1 > x.n` is not true of null, of a text, nor at
    the end of the integers."""
    if not counts(rule):
        return ()
    places = set(counters(rule))
    return tuple(
        Binary(">", assignment.term, Property(assignment.variable, assignment.key))
        for assignment in rule.assignments
        if (assignment.variable, assignment.key) in places
    )


def check_fresh(rules: Sequence[Rule]) -> None:
    """No rule of a set ever makes the same id twice: it uses something up, an edge that it deletes or a counter that
    it increments, and no rule sets a counter back."""
    counted = {key: rule for rule in rules if counts(rule) for _, key in counters(rule)}
    for rule in rules:
        if counts(rule) and not rule.counters:
            raise _stale(
                rule,
                "creates elements, deletes no edge and increments no counter, so it could create the same id twice",
                "delete an edge, or write set x.n = x.n + 1 for a counter of a matched x",
            )
        own, created = set(counters(rule)), set(rule.create.variables)
        for assignment in rule.assignments:
            place = assignment.variable, assignment.key
            if assignment.key in counted and place not in own and assignment.variable not in created:
                by = counted[assignment.key].name
                raise _stale(
                    rule,
                    f"sets {'.'.join(place)}, by which rule {by!r} counts, so that one could create the same id twice",
                    "use another key, or only increment it",
                )


def _stale(rule: Rule, what: str, fix: str) -> RuleError:
    line, column = rule.place or (None, None)
    where = None if rule.place else "rule set"
    return RuleError(f"rule {rule.name!r} {what}", where=where, fix=fix, line=line, column=column)
