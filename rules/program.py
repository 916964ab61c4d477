"""A rule, compiled: its finders, its checks and its effect, as Python functions over a `Head`.

A finder is anchored: it is given the ids of some variables and finds the matches through them, at a cost that does
not depend on the size of the graph where the pattern is connected. There is one for each anchor that is asked for,
written on first use; the check that a recorded match still holds is the finder anchored at every variable. Which
code is written is said in `search` and `emit`; when it runs, in `match`, `rewrite` and `agenda`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from itertools import combinations
from typing import TYPE_CHECKING

from itonami.graphstore.codec import Value
from itonami.graphstore.head import Head
from itonami.rules.effect import Fire, Ids, effect
from itonami.rules.emit import TABLES, Source, ids_of, places_of
from itonami.rules.errors import RewriteError
from itonami.rules.pattern import Injective, Nac, Pattern
from itonami.rules.plan import Follow, plan
from itonami.rules.search import KINDS, Check, Search, degree, keeps_apart, leads_away
from itonami.rules.term import term_parameters, term_variables

if TYPE_CHECKING:
    from itonami.rules.rule import Rule

__all__ = ["Finder", "Holds", "Program"]

Params = Mapping[str, Value] | None
Finder = Callable[..., Iterator[Ids]]
"""finder(head, params, *anchor ids): the matches through them, as tuples of ids"""
Holds = Callable[[Head, Params, Ids], bool]

_Modes = tuple[Injective, Injective]  # of matches, and of the embeddings of NACs
_Kept = tuple[tuple[frozenset[str], Injective], ...]  # variables, and which of them are known to be apart


class Program:
    """The compiled functions of one rule, each made on first use and kept."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._finders: dict[tuple[tuple[str, ...], Injective, Injective | None, bool, bool], Finder] = {}
        self._holds: dict[tuple[Injective, Injective | None, bool, bool], Holds] = {}
        self._applicable: dict[tuple[tuple[str, ...], bool], Finder] = {}
        self._fire: Fire | None = None

    def applicable(self, anchors: tuple[str, ...], guarded: bool) -> Finder:
        """`finder`, with the options of `find`; a microsecond cheaper to ask for."""
        key = (anchors, guarded)
        finder = self._applicable.get(key)
        if finder is None:
            finder = self._applicable[key] = self.finder(anchors, guarded=guarded)
        return finder

    def finder(
        self,
        anchors: tuple[str, ...] = (),
        *,
        injective: Injective = True,
        nac_injective: Injective | None = None,
        applicable: bool = True,
        guarded: bool = False,
    ) -> Finder:
        """The finder anchored at these variables. `injective` says which of them matches keep distinct,
        `nac_injective` which the embeddings of a NAC do (None: as matches). `applicable` leaves out injective
        matches at which the rule would leave an edge dangling; `guarded` checks the conditions that mention
        parameters too."""
        key = (anchors, injective, nac_injective, applicable, guarded)
        finder = self._finders.get(key)
        if finder is None:
            modes = injective, injective if nac_injective is None else nac_injective
            finder = self._finders[key] = _finder(self._rule, anchors, modes, applicable, guarded)
        return finder

    def holds(
        self,
        *,
        injective: Injective = True,
        nac_injective: Injective | None = None,
        applicable: bool = False,
        guarded: bool = False,
    ) -> Holds:
        """The check that ids are a match of L that satisfies the conditions and no NAC, with the options of
        `finder`."""
        key = (injective, nac_injective, applicable, guarded)
        holds = self._holds.get(key)
        if holds is None:
            modes = injective, injective if nac_injective is None else nac_injective
            holds = self._holds[key] = _holds(self._rule, modes, applicable, guarded)
        return holds

    @property
    def fire(self) -> Fire:
        """The effect of the rule on a head, without any check."""
        if self._fire is None:
            self._fire = effect(self._rule)
        return self._fire


# -- the pieces ------------------------------------------------------------------------------------------------


def _finder(rule: Rule, anchors: tuple[str, ...], modes: _Modes, applicable: bool, guarded: bool) -> Finder:
    source = Source(places_of(rule.L))
    checks = _checks(source, rule, modes, guarded)
    if applicable:
        checks += _dangling(source, rule)
    for variable in anchors:
        if variable not in source.places:
            raise RewriteError(f"{variable!r} is no variable of L", where=f"rule {rule.name!r}")
    search = Search(
        source, rule.L.nodes, rule.L.edges, injective=modes[0], checks=checks, yields=ids_of(rule.L)
    )
    names = [search.place(variable, "i" if rule.L.node(variable) else "x") for variable in anchors]
    with source.block(f"def find({', '.join(['head', 'params', *names])}):"):
        source.line(TABLES)
        search.write(anchors)
    finder: Finder = source.made("find")
    return finder


def _holds(rule: Rule, modes: _Modes, applicable: bool, guarded: bool) -> Holds:
    source = Source(places_of(rule.L))
    checks = _checks(source, rule, modes, guarded)
    if applicable:
        checks += _dangling(source, rule)
    search = Search(source, rule.L.nodes, rule.L.edges, injective=modes[0], checks=checks)
    with source.block("def holds(head, params, ids):"):
        source.line(TABLES)
        source.line(f"{ids_of(rule.L, edges='x{}')} = ids" if rule.variables else "pass")
        search.write(rule.variables)
    holds: Holds = source.made("holds")
    return holds


def _checks(source: Source, rule: Rule, modes: _Modes, guarded: bool) -> list[Check]:
    """The conditions and NACs of a rule; those that mention parameters only when guarded."""
    injective, nac_injective = modes
    kept = ((frozenset(rule.variables), injective),)
    checks = [
        Check(term_variables(term), source.true(term))
        for term in rule.conditions
        if guarded or not term_parameters(term)
    ]
    for nac in rule.nacs:
        if guarded or not any(map(term_parameters, nac.terms)):
            checks.append(_nac(source, rule.L, nac, nac_injective, kept))
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


def _nac(source: Source, outer: Pattern, nac: Nac, injective: Injective, kept: _Kept) -> Check:
    """Write the search for a NAC as a function, and give the check that it finds nothing. `outer` is what is bound
    around it: L, and for a NAC of a NAC what that adds."""
    if (check := _no_edge(source, nac, injective)) is not None:
        return check
    bound, lists = dict(source.places), _listed(nac.pattern)
    listed = [v for v in outer.variables if v in lists]
    for number, variable in enumerate(v for v in nac.pattern.variables if v not in bound):
        kind = "n" if nac.pattern.node(variable) else "e"
        source.places[variable] = f"{kind}{len(bound) + number}"
    checks = [Check(term_variables(term), source.true(term)) for term in nac.where]
    within, apart = outer.joined(nac.pattern), (*kept, (lists, injective))
    checks += [_nac(source, within, inner, injective, apart) for inner in nac.nacs]
    read = frozenset().union(*(check.needs for check in checks)) & bound.keys()
    shared, own = _part(outer, lists), _part(nac.pattern, set(nac.pattern.variables) - bound.keys())
    name, given = source.fresh("nac"), sorted({*listed, *read})
    arguments = [bound[v] for v in given] + ["i" + bound[v][1:] for v in given if bound[v][0] == "n"]
    search = Search(
        source, shared.nodes + own.nodes, shared.edges + own.edges, injective=injective, checks=checks
    )
    with source.block(f"def {name}({', '.join(['head', 'params', *arguments])}):"):
        source.line(TABLES)
        for node in nac.pattern.nodes:
            if node.variable in bound:
                for label in node.labels:
                    source.line(
                        f"if {source.constant(label)} not in {bound[node.variable]}.labels: return False"
                    )
        for pair in _mergeable(shared, injective, kept):
            one, other = (f"{bound[variable]}.id" for variable in pair)
            source.line(f"if {one} == {other}: return False")
        search.write(given=given)
    source.places = bound
    call = f"{name}({', '.join(['head', 'params', *arguments])})"
    return Check(frozenset(given), f"not ({_guard(source, own, listed)}{call})")


def _no_edge(source: Source, nac: Nac, injective: Injective) -> Check | None:
    """The check of the NAC that no edge of a label leads from (or to) a node, which needs no search; None for
    others."""
    if nac.where or nac.nacs or len(nac.pattern.edges) != 1 or len(nac.pattern.nodes) != 2:
        return None
    (edge,), bound = nac.pattern.edges, source.places
    near, far = (edge.source, edge.target) if edge.source in bound else (edge.target, edge.source)
    asks = any(node.labels for node in nac.pattern.nodes)
    if asks or edge.label is None or edge.variable in bound or near not in bound or far in bound:
        return None
    if not keeps_apart(injective, "nodes"):
        return None
    sides = ("out", "into") if near == edge.source else ("into", "out")
    near_id = "i" + bound[near][1:]
    arguments = [*(f"{side}.get({near_id})" for side in sides), source.constant(edge.label)]
    return Check(frozenset([near]), f"not {source.constant(leads_away)}({', '.join(arguments)})")


def _mergeable(shared: Pattern, injective: Injective, kept: _Kept) -> Iterator[tuple[str, str]]:
    """The pairs of shared variables that must be distinct and are not known to be."""
    nodes, edges = ([item.variable for item in items] for items in (shared.nodes, shared.edges))
    for kind, variables in zip(KINDS, (nodes, edges), strict=True):
        if keeps_apart(injective, kind):
            for pair in combinations(variables, 2):
                if not any(keeps_apart(mode, kind) and known.issuperset(pair) for known, mode in kept):
                    yield pair


def _part(pattern: Pattern, variables: Set[str]) -> Pattern:
    """The elements of these variables."""
    return Pattern(
        tuple(node for node in pattern.nodes if node.variable in variables),
        tuple(edge for edge in pattern.edges if edge.variable in variables),
    )


def _listed(pattern: Pattern) -> frozenset[str]:
    ends = (end for edge in pattern.edges for end in (edge.source, edge.target))
    return frozenset((*pattern.variables, *ends))


def _guard(source: Source, own: Pattern, bound: list[str]) -> str:
    """A test of the NAC's first bucket in place: mostly it is empty, and nothing is called."""
    moves = plan(own.nodes, own.edges, bound)
    if not moves or not isinstance(first := moves[0], Follow) or first.edge.label is None:
        return ""
    bucket, adjacency = source.fresh("b"), "out" if first.forward else "into"
    start = "i" + source.places[first.start][1:]
    label = source.constant(first.edge.label)
    return f"({bucket} := {adjacency}.get({start})) is not None and {label} in {bucket} and "
