"""Matches: the morphisms m of L into a graph at which a rule's conditions hold and no NAC does.

    L <---- K ----> R
    |m
    v
    G

Matches are injective unless asked otherwise (`Injective`), and embeddings of NACs are as matches are. They come in
an order that is a function of the rule and the content of the graph. That the result would be a graph again is
another question: see `gluing`; `find` asks both. A match is recorded by its ids, in the order of the rule's variables
(nodes, then edges). `finder` offers the same search for a pattern that is no rule's. No rewriting may live here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from itonami.graphstore.codec import Value
from itonami.graphstore.graph import Graph
from itonami.graphstore.head import Head
from itonami.rules.errors import RewriteError
from itonami.rules.pattern import Injective, Nac, Pattern
from itonami.rules.program import Finder
from itonami.rules.rule import Rule
from itonami.rules.term import Term

__all__ = ["Match", "find", "finder", "head_of", "matches"]


class Match:
    """Where a rule's variables lie in a graph. `match["a"]` is an id. Immutable by convention.

    It carries the modes it was found in, so that it is checked in them again where it is applied."""

    __slots__ = ("ids", "injective", "nac_injective", "rule")

    def __init__(
        self,
        rule: Rule,
        ids: tuple[str, ...],
        injective: Injective = True,
        nac_injective: Injective | None = None,
    ) -> None:
        self.rule = rule
        self.ids = ids
        self.injective = injective
        self.nac_injective = nac_injective

    @classmethod
    def from_ids(
        cls,
        rule: Rule,
        ids: tuple[str, ...] | list[str],
        injective: Injective = True,
        nac_injective: Injective | None = None,
    ) -> Match:
        """The match that was recorded as these ids. `RewriteError` when they are not as many as the variables;
        whether it holds is seen when it is applied."""
        if len(ids) != len(rule.variables):
            raise RewriteError(
                f"{len(ids)} ids are no match of {len(rule.variables)} variables", where=f"rule {rule.name!r}"
            )
        return cls(rule, tuple(ids), injective, nac_injective)

    @property
    def nodes(self) -> dict[str, str]:
        """Node ids by variable."""
        return dict(zip((node.variable for node in self.rule.L.nodes), self.ids, strict=False))

    @property
    def edges(self) -> dict[str, str]:
        """Edge ids by variable."""
        ids = self.ids[len(self.rule.L.nodes) :]
        return dict(zip((edge.variable for edge in self.rule.L.edges), ids, strict=True))

    def __getitem__(self, variable: str) -> str:
        return self.ids[self.rule.variables.index(variable)]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Match) and self.ids == other.ids and self.rule == other.rule

    def __hash__(self) -> int:
        return hash(self.ids)

    def __repr__(self) -> str:
        pairs = ", ".join(f"{v}: {id!r}" for v, id in zip(self.rule.variables, self.ids, strict=True))
        return f"<Match {self.rule.name}: {pairs}>"


def head_of(graph: Graph | Head) -> Head:
    """The head itself, or one made for the graph, O(n)."""
    return graph if isinstance(graph, Head) else Head.of(graph)


def matches(
    rule: Rule,
    graph: Graph | Head,
    injective: Injective = True,
    params: Mapping[str, Value] | None = None,
    *,
    nac_injective: Injective | None = None,
) -> Iterator[Match]:
    """Every match, each once. Conditions that mention parameters are checked only if `params` are given.

    `injective` says which variables lie on distinct elements: all (True), "nodes", "edges", or none (False);
    `nac_injective` says it of what a NAC lists (None: as in the match). A `Graph` costs O(n) to index; on a `Head`
    only the search is paid."""
    search = rule.program.finder(
        injective=injective, nac_injective=nac_injective, applicable=False, guarded=params is not None
    )
    for ids in search(head_of(graph), params):
        yield Match(rule, ids, injective, nac_injective)


def find(
    rule: Rule,
    head: Head,
    anchor: Mapping[str, str] | None = None,
    params: Mapping[str, Value] | None = None,
) -> Match | None:
    """The first match through the anchored ids at which the rule applies (gluing included), or None. An anchor
    that is no variable of L is a `RewriteError`.

    O(1) in the size of the graph where the pattern is connected and its buckets are small."""
    if anchor:
        found = rule.program.applicable(tuple(anchor), params is not None)(head, params, *anchor.values())
    else:
        found = rule.program.applicable((), params is not None)(head, params)
    for ids in found:
        return Match(rule, ids)
    return None


def finder(
    pattern: Pattern,
    where: Iterable[Term] = (),
    nacs: Iterable[Nac] = (),
    anchors: Iterable[str] = (),
    injective: Injective = True,
    nac_injective: Injective | None = None,
) -> Finder:
    """The compiled search for a pattern: `finder(head, params, *anchor ids)` yields tuples of ids in the order of
    `pattern.variables`, each once, in an order that is a function of content. `plan` says which moves it makes.

    Cypher's matches keep "edges" distinct, and no nodes. Conditions and NACs are those of rules, parameters
    included; a pattern that breaks a law of rules is a `RuleError`, an unknown anchor a `RewriteError`. Compiling
    costs about a millisecond: keep what is returned."""
    rule = Rule(name="pattern", L=pattern, where=tuple(where), nacs=tuple(nacs))
    return rule.program.finder(
        tuple(anchors), injective=injective, nac_injective=nac_injective, applicable=False, guarded=True
    )
