"""Matches: the morphisms m of L into a graph at which a rule's conditions hold and no NAC does.

    L <---- K ----> R
    |m
    v
    G

Matches are injective unless asked otherwise. They come in an order that is a function of the rule and the content of
the graph. That the result would be a graph again is another question: see `gluing`; `find` asks both. A match is
recorded by its ids, in the order of the rule's variables (nodes, then edges). No rewriting may live here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from itonami.graphstore.codec import Value
from itonami.graphstore.graph import Graph
from itonami.graphstore.head import Head
from itonami.rules.errors import RewriteError
from itonami.rules.rule import Rule

__all__ = ["Match", "find", "head_of", "matches"]


class Match:
    """Where a rule's variables lie in a graph. `match["a"]` is an id. Immutable by convention."""

    __slots__ = ("ids", "injective", "rule")

    def __init__(self, rule: Rule, ids: tuple[str, ...], injective: bool = True) -> None:
        self.rule = rule
        self.ids = ids
        self.injective = injective

    @classmethod
    def from_ids(cls, rule: Rule, ids: tuple[str, ...] | list[str], injective: bool = True) -> Match:
        """The match that was recorded as these ids. `RewriteError` when they are not as many as the variables;
        whether it holds is seen when it is applied."""
        if len(ids) != len(rule.variables):
            raise RewriteError(
                f"{len(ids)} ids are no match of {len(rule.variables)} variables", where=f"rule {rule.name!r}"
            )
        return cls(rule, tuple(ids), injective)

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
    rule: Rule, graph: Graph | Head, injective: bool = True, params: Mapping[str, Value] | None = None
) -> Iterator[Match]:
    """Every match, each once. Conditions that mention parameters are checked only if `params` are given.

    A `Graph` costs O(n) to index; on a `Head` only the search is paid."""
    finder = rule.program.finder(injective=injective, applicable=False, guarded=params is not None)
    for ids in finder(head_of(graph), params):
        yield Match(rule, ids, injective)


def find(
    rule: Rule,
    head: Head,
    anchor: Mapping[str, str] | None = None,
    params: Mapping[str, Value] | None = None,
) -> Match | None:
    """The first match through the anchored ids at which the rule applies (gluing included), or None. An anchor
    that is no variable of L is a `RewriteError`.

    O(1) in the size of the graph where the pattern is connected and its buckets are small."""
    anchor = anchor or {}
    finder = rule.program.finder(tuple(anchor), guarded=params is not None)
    for ids in finder(head, params, *anchor.values()):
        return Match(rule, ids)
    return None
