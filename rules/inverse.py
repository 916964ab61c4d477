"""The inverse of a rule: the span read from right to left.

    L <-l- K -r-> R    becomes    R <-r- K -l-> L

Applied at the comatch (`rewrite`) it undoes the structure and the labels of a rewrite (Ehrig et al. 2006,
definition 3.2 and fact 3.3). Of the properties it knows what the rule says: what a condition fixed is set back, what
a condition found null is unset, and any other is asked for as a parameter `$was_variable_key`. To undo a rewrite
exactly, ids and properties included, patch with `delta.inverse()`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from itonami.rules.errors import RuleError
from itonami.rules.pattern import Assignment, Pattern, Relabel
from itonami.rules.term import Binary, IsNull, ListOf, Literal, Parameter, Property, Term

if TYPE_CHECKING:
    from itonami.rules.rule import Rule

__all__ = ["SUFFIX", "inverse"]

SUFFIX = "^-1"


def inverse(rule: Rule) -> Rule:
    """The inverse rule, without NACs. It is called as the rule with `^-1`, which a second inverse takes off.
    Raises `RuleError` for a rule that deletes an edge of any label: the inverse would not know which to create."""
    from itonami.rules.rule import Rule

    for edge in rule.L.edges:
        if edge.label is None and edge.variable in rule.delete:
            raise RuleError(
                f"edge {edge.variable!r} of any label is deleted, so the rule has no inverse",
                where=f"rule {rule.name!r}",
                fix="give it a label, or undo with the delta",
                subject=edge.variable,
            )
    deleted = set(rule.delete)
    known = _fixed(rule)
    kept = [a for a in rule.assignments if a.variable in rule.K.variables]
    back = [Assignment(a.variable, a.key, known.get((a.variable, a.key)) or _asked(a)) for a in kept]
    gone = [
        Assignment(v, key, term) for (v, key), term in known.items() if v in deleted and term != Literal(None)
    ]
    return Rule(
        name=rule.name.removesuffix(SUFFIX) if rule.name.endswith(SUFFIX) else rule.name + SUFFIX,
        L=rule.R,
        delete=rule.create.variables,
        create=Pattern(
            tuple(node for node in rule.L.nodes if node.variable in deleted),
            tuple(edge for edge in rule.L.edges if edge.variable in deleted),
        ),
        where=tuple(_found(a) for a in rule.assignments if _constant(a.term)),
        assignments=tuple(gone + back),
        relabels=tuple(_relabelled_back(rule, relabel) for relabel in rule.relabels),
        priority=rule.priority,
        external=rule.external,
    )


def _relabelled_back(rule: Rule, relabel: Relabel) -> Relabel:
    """Labels that the rule asked for and also added were there before, so they stay."""
    node = rule.L.node(relabel.variable)
    had = set(node.labels) if node else set()
    return Relabel(relabel.variable, relabel.removed, tuple(set(relabel.added) - had))


def _constant(term: Term) -> bool:
    return isinstance(term, Literal) or (isinstance(term, ListOf) and all(map(_constant, term.items)))


def _fixed(rule: Rule) -> dict[tuple[str, str], Term]:
    """The properties whose values before are fixed by a conjunct `x.k = constant` or `x.k is null`."""
    known: dict[tuple[str, str], Term] = {}
    for term in rule.where:
        match term:
            case Binary("=", Property(variable, key), value) if _constant(value):
                known[variable, key] = value
            case IsNull(Property(variable, key), False):
                known[variable, key] = Literal(None)
    return known


def _found(assignment: Assignment) -> Term:
    """The condition that what the rule set to a constant is still so."""
    place = Property(assignment.variable, assignment.key)
    return IsNull(place) if assignment.term == Literal(None) else Binary("=", place, assignment.term)


def _asked(assignment: Assignment) -> Parameter:
    return Parameter(f"was_{assignment.variable}_{assignment.key}")
