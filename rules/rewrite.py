"""Rewriting: one double-pushout step, on a head in place or on a graph as a value.

    L <---- K ----> R        m   the match               D = G without m(L - K), if gluing allows
    |m      |       |n       n   the comatch             H = D with R - K glued in
    v       v       v
    G <---- D ----> H

(Ehrig et al. 2006, definition 3.2; Habel and Plump 2002 for the labels.) Created ids are a function of rule, match
and counters, so independent rewrites commute to equal graphs, not just isomorphic ones. A null value removes its
property. No search for matches may live here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING

from blake3 import blake3

from itonami.graphstore.codec import Value, encode, normalise
from itonami.graphstore.delta import Delta
from itonami.graphstore.graph import Graph, Node
from itonami.graphstore.head import Head
from itonami.rules.effect import Ids
from itonami.rules.errors import RewriteError
from itonami.rules.gluing import gluing
from itonami.rules.match import Match
from itonami.rules.rule import Rule
from itonami.rules.step import Step

if TYPE_CHECKING:
    from itonami.rules.derivation import Application

__all__ = ["Rewrite", "apply", "check_bound", "fire", "rewrite", "unapply", "undo"]

_ID_LENGTH = 26
_BASE32 = (
    b"abcdefghijklmnopqrstuvwxyz234567" * 8
)  # a byte's low five bits (RFC 4648, section 6, in lower case)
_NO_PARAMS: dict[str, Value] = {}


@dataclass(frozen=True)
class Rewrite:
    """A rewrite of a graph: the result, what changed, and where R lies in it (ids by variable of R); and the match,
    the parameters and the graph that it was made from."""

    graph: Graph
    delta: Delta
    comatch: dict[str, str]
    match: Match = field(repr=False)
    params: Mapping[str, Value] = field(repr=False)
    before: Graph = field(repr=False)

    @cached_property
    def applications(self) -> tuple[Application, ...]:
        """Itself, with its footprint: what `independent` compares. O(n) to index the graph."""
        from itonami.rules.derivation import Derivation
        from itonami.rules.ruleset import RuleSet

        firing = self.match.rule, self.match, self.params
        return Derivation(self.before, RuleSet(()), (firing,), self.graph, self.delta).applications

    def _repr_svg_(self) -> str:
        from itonami.rules.drawing.filmstrip import rewrite_svg

        return rewrite_svg(self, self.match)


def apply(
    head: Head,
    rule: Rule,
    match: Match,
    params: Mapping[str, Value] | None = None,
    *,
    found: bool = False,
) -> Step:
    """Rewrite the head in place, and say what changed.

    The match, the conditions, the NACs and gluing are checked, unless the caller has just `found` it on this very
    head with these parameters. Raises `RewriteError`, before anything is changed. About 3 us."""
    values = normalise(params) if params else _NO_PARAMS
    check_bound(rule, values)
    if not found:
        _check(head, rule, match, values)
    return fire(head, rule, match.ids, values)


def fire(head: Head, rule: Rule, ids: Ids, params: Mapping[str, Value]) -> Step:
    """`apply` without any check: ids are a match at which the rule applies, all parameters are bound and plain."""
    return rule.program.fire(head, params, ids, _created_ids(head, rule, ids) if rule.created else ())


def unapply(head: Head, step: Step) -> None:
    """Undo the last rewrite of a head, exactly: what `apply` returned is all that is needed.

    `RewriteError`, before anything is changed, when the head does not hold what the rewrite made, or the step is
    not a rewrite's (`Step.of` knows no elements as they were). About 3 us."""
    if not _stands(head, step):
        raise RewriteError("the step is not the last rewrite of this head", fix="undo the later ones first")
    for edge in step.created_edges:
        head.drop_edge(edge.id)
    for node in step.created_nodes:
        head.drop_node(node.id)
    for element in reversed(step.replaced):
        if isinstance(element, Node):
            head.put_node(element)
        else:
            head.put_edge(element)
    for node in step.deleted_nodes:
        head.put_node(node)
    for edge in step.deleted_edges:
        head.put_edge(edge)


def _stands(head: Head, step: Step) -> bool:
    """Whether the head holds what a rewrite made, as far as that is seen in a look at what was created."""
    for node in step.created_nodes:
        if head.node_by_id.get(node.id) is not node:
            return False
    for edge in step.created_edges:
        if head.edge_by_id.get(edge.id) is not edge:
            return False
    return len(step.replaced) == len(step.changed_nodes) + len(step.changed_edges)


def check_bound(rule: Rule, params: Mapping[str, Value]) -> None:
    """`RewriteError` unless every parameter of the rule is bound."""
    for name in rule.parameters:
        if name not in params:
            raise RewriteError(f"parameter ${name} is not bound", where=f"rule {rule.name!r}")


def _check(head: Head, rule: Rule, match: Match, params: Mapping[str, Value]) -> None:
    """`RewriteError` unless the match holds and gluing allows it. The check of injective matches sees to both."""
    exact = match.injective is True
    check = partial(
        rule.program.holds, injective=match.injective, nac_injective=match.nac_injective, guarded=True
    )
    holds = check(applicable=exact)(head, params, match.ids)
    if holds and exact:
        return
    where = f"rule {rule.name!r} at {', '.join(map(repr, match.ids))}"
    if not holds and not (exact and check()(head, params, match.ids)):
        raise RewriteError("this is no match: L, a condition or a NAC does not hold", where=where)
    if (witness := gluing(rule, match, head)) is not None:
        raise RewriteError(str(witness), where=where, witness=witness)


def _created_ids(head: Head, rule: Rule, ids: Ids) -> Ids:
    """The ids of R - K: 26 base32 digits each (130 bits), in order from the extended BLAKE3 output over the rule's
    address, the match and the counters read. A rule that breaks the law of fresh ids (`laws.check_fresh`) may meet
    an id again; then the next stretch of the output is taken."""
    source = rule.address + b"\xff".join([id.encode() for id in ids])  # no UTF-8 text holds the byte ff
    if rule.counter_places:
        source += b"\xff" + encode(_counted(head, rule, ids))
    hashed, length, start = blake3(source), rule.created * _ID_LENGTH, 0
    while True:
        text = hashed.digest(length, seek=start).translate(_BASE32).decode()
        if length == _ID_LENGTH and text not in head.edge_by_id and text not in head.node_by_id:
            return (text,)
        new = tuple([text[at : at + _ID_LENGTH] for at in range(0, length, _ID_LENGTH)])
        if head.node_by_id.keys().isdisjoint(new) and head.edge_by_id.keys().isdisjoint(new):
            return new
        start += length


def _counted(head: Head, rule: Rule, ids: Ids) -> list[Value]:
    """The values of the rule's counters before it fires."""
    nodes, edges, first_edge = head.node_by_id, head.edge_by_id, len(rule.L.nodes)
    return [(nodes if at < first_edge else edges)[ids[at]].data.get(key) for at, key in rule.counter_places]


def rewrite(graph: Graph, rule: Rule, match: Match, params: Mapping[str, Value] | None = None) -> Rewrite:
    """Rewrite a graph; the graph itself stays as it is. Raises `RewriteError`.

    It indexes the graph, O(n): to rewrite again and again, take a `Head` and `apply`."""
    head = Head.of(graph)
    step = apply(head, rule, match, params)
    comatch = {v: id for v, id in zip(rule.variables, match.ids, strict=True) if v not in rule.delete}
    created = [element.id for element in (*step.created_nodes, *step.created_edges)]
    comatch |= zip(rule.create.variables, created, strict=True)
    return Rewrite(graph.replaced(*head.touched()), head.delta(), comatch, match, dict(params or {}), graph)


def undo(done: Rewrite) -> Graph:
    """The graph before the rewrite, exactly: ids, properties and match order included. O(changes log n)."""
    return done.graph.patch(done.delta.inverse())
