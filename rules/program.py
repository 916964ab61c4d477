"""A rule, compiled: its finders, its checks and its effect, as Python functions over a `Head`.

A finder is anchored: it is given the ids of some variables and finds the matches through them, at a cost that does
not depend on the size of the graph where the pattern is connected. There is one for each anchor that is asked for,
written on first use; the check that a recorded match still holds is the finder anchored at every variable. Which
code is written is said in `search` and `emit`; when it runs, in `match`, `rewrite` and `agenda`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from itonami.graphstore.codec import Value
from itonami.graphstore.head import Head
from itonami.rules.effect import Fire, Ids, effect
from itonami.rules.emit import TABLES, Source, ids_of, places_of
from itonami.rules.errors import RewriteError
from itonami.rules.pattern import Nac, Pattern
from itonami.rules.plan import Follow, plan
from itonami.rules.search import Check, Search, degree
from itonami.rules.term import term_parameters, term_variables

if TYPE_CHECKING:
    from itonami.rules.rule import Rule

__all__ = ["Finder", "Holds", "Program"]

Params = Mapping[str, Value] | None
Finder = Callable[..., Iterator[Ids]]
"""finder(head, params, *anchor ids): the matches through them, as tuples of ids"""
Holds = Callable[[Head, Params, Ids], bool]


class Program:
    """The compiled functions of one rule, each made on first use and kept."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._finders: dict[tuple[tuple[str, ...], bool, bool, bool], Finder] = {}
        self._holds: dict[tuple[bool, bool, bool], Holds] = {}
        self._fire: Fire | None = None

    def finder(
        self,
        anchors: tuple[str, ...] = (),
        *,
        injective: bool = True,
        applicable: bool = True,
        guarded: bool = False,
    ) -> Finder:
        """The finder anchored at these variables. `applicable` leaves out injective matches at which the rule would
        leave an edge dangling; `guarded` checks the conditions that mention parameters too."""
        key = (anchors, injective, applicable, guarded)
        finder = self._finders.get(key)
        if finder is None:
            finder = self._finders[key] = _finder(self._rule, *key)
        return finder

    def holds(self, *, injective: bool = True, applicable: bool = False, guarded: bool = False) -> Holds:
        """The check that ids are a match of L that satisfies the conditions and no NAC, with the options of
        `finder`."""
        key = (injective, applicable, guarded)
        holds = self._holds.get(key)
        if holds is None:
            holds = self._holds[key] = _holds(self._rule, *key)
        return holds

    @property
    def fire(self) -> Fire:
        """The effect of the rule on a head, without any check."""
        if self._fire is None:
            self._fire = effect(self._rule)
        return self._fire


# -- the pieces ------------------------------------------------------------------------------------------------


def _finder(rule: Rule, anchors: tuple[str, ...], injective: bool, applicable: bool, guarded: bool) -> Finder:
    source = Source(places_of(rule.L))
    checks = _checks(source, rule, injective, guarded)
    if applicable:
        checks += _dangling(source, rule)
    for variable in anchors:
        if variable not in source.places:
            raise RewriteError(f"{variable!r} is no variable of L", where=f"rule {rule.name!r}")
    search = Search(
        source, rule.L.nodes, rule.L.edges, injective=injective, checks=checks, yields=ids_of(rule.L)
    )
    names = [search.place(variable, "i" if rule.L.node(variable) else "x") for variable in anchors]
    with source.block(f"def find({', '.join(['head', 'params', *names])}):"):
        source.line(TABLES)
        search.write(anchors)
    finder: Finder = source.made("find")
    return finder


def _holds(rule: Rule, injective: bool, applicable: bool, guarded: bool) -> Holds:
    source = Source(places_of(rule.L))
    checks = _checks(source, rule, injective, guarded)
    if applicable:
        checks += _dangling(source, rule)
    search = Search(source, rule.L.nodes, rule.L.edges, injective=injective, checks=checks)
    with source.block("def holds(head, params, ids):"):
        source.line(TABLES)
        source.line(f"{ids_of(rule.L, edges='x{}')} = ids" if rule.variables else "pass")
        search.write(rule.variables)
    holds: Holds = source.made("holds")
    return holds


def _checks(source: Source, rule: Rule, injective: bool, guarded: bool) -> list[Check]:
    """The conditions and NACs of a rule; those that mention parameters only when guarded."""
    checks = [
        Check(term_variables(term), source.true(term))
        for term in rule.where
        if guarded or not term_parameters(term)
    ]
    for nac in rule.nacs:
        if guarded or not any(map(term_parameters, nac.where)):
            checks.append(_nac(source, rule, nac, injective))
    return checks


def _dangling(source: Source, rule: Rule) -> list[Check]:
    """A deleted node has no edges but those that go with it. (The laws of rules delete all edges of L at it.)"""
    checks, count = [], source.constant(degree)
    for node in rule.L.nodes:
        if node.variable in rule.delete:
            id = "i" + source.places[node.variable][1:]
            leaving = sum(edge.source == node.variable for edge in rule.L.edges)
            arriving = sum(edge.target == node.variable for edge in rule.L.edges)
            sides = ((leaving, "out"), (arriving, "into"))
            counted = [
                f"{count}({side}.get({id})) == {n}" if n else f"{id} not in {side}" for n, side in sides
            ]
            checks.append(Check(frozenset([node.variable]), f"({' and '.join(counted)})"))
    return checks


def _nac(source: Source, rule: Rule, nac: Nac, injective: bool) -> Check:
    """Write the search for a NAC as a function, and give the check that it finds nothing."""
    listed = [v for v in rule.variables if v in _listed(nac.pattern)]
    read = frozenset().union(*map(term_variables, nac.where)) & set(rule.variables)
    outer = dict(source.places)
    for number, variable in enumerate(v for v in nac.pattern.variables if v not in outer):
        kind = "n" if nac.pattern.node(variable) else "e"
        source.places[variable] = f"{kind}{len(outer) + number}"
    checks = [Check(term_variables(term), source.true(term)) for term in nac.where]
    shared = Pattern(
        tuple(node for node in rule.L.nodes if node.variable in listed),
        tuple(edge for edge in rule.L.edges if edge.variable in listed),
    )
    own = Pattern(
        tuple(n for n in nac.pattern.nodes if n.variable not in outer),
        tuple(e for e in nac.pattern.edges if e.variable not in outer),
    )
    name, given = source.fresh("nac"), sorted({*listed, *read})
    arguments = [outer[v] for v in given] + ["i" + outer[v][1:] for v in given if outer[v][0] == "n"]
    search = Search(
        source, shared.nodes + own.nodes, shared.edges + own.edges, injective=injective, checks=checks
    )
    with source.block(f"def {name}({', '.join(['head', 'params', *arguments])}):"):
        source.line(TABLES)
        for node in nac.pattern.nodes:
            if node.variable in outer:
                for label in node.labels:
                    source.line(
                        f"if {source.constant(label)} not in {outer[node.variable]}.labels: return False"
                    )
        search.write(given=given)
    source.places = outer
    call = f"{name}({', '.join(['head', 'params', *arguments])})"
    return Check(frozenset(given), f"not ({_guard(source, own, listed)}{call})")


def _listed(pattern: Pattern) -> set[str]:
    return set(pattern.variables) | {end for edge in pattern.edges for end in (edge.source, edge.target)}


def _guard(source: Source, own: Pattern, bound: list[str]) -> str:
    """A test of the NAC's first bucket in place: mostly it is empty, and nothing is called."""
    moves = plan(own.nodes, own.edges, bound)
    if not moves or not isinstance(first := moves[0], Follow) or first.edge.label is None:
        return ""
    bucket, adjacency = source.fresh("b"), "out" if first.forward else "into"
    start = "i" + source.places[first.start][1:]
    label = source.constant(first.edge.label)
    return f"({bucket} := {adjacency}.get({start})) is not None and {label} in {bucket} and "
