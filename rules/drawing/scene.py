"""A scene: one rewrite as its pictures and its story need it, whoever recorded it.

    L ----> R        matched: variables of L to ids of G        after - before: what was deleted, changed, created
    |m      |n       comatch: variables of R to ids of H
    v       v
    G ----> H

(Ehrig et al. 2006, definition 3.2.) Made of a rule, the ids of a match and two graphs; of a `Rewrite`; or, one after
the other, of the firings of a derivation. Nothing is drawn or worded here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from itonami.graphstore.delta import Delta
from itonami.graphstore.graph import Graph
from itonami.graphstore.head import Head
from itonami.rules.agenda import Firing
from itonami.rules.match import Match
from itonami.rules.rewrite import Rewrite, apply, undo
from itonami.rules.rule import Rule

__all__ = ["Scene", "scenes"]


@dataclass(frozen=True)
class Scene:
    """A rewrite of graph `before` to graph `after`. `matched` and `comatch` give ids by variable of L and of R; they
    may be partial: what they do not name goes by its id."""

    before: Graph
    after: Graph
    matched: Mapping[str, str] = field(default_factory=dict)
    comatch: Mapping[str, str] = field(default_factory=dict)
    rule: Rule | None = None

    @classmethod
    def of(
        cls, rule: Rule, ids: Iterable[str], before: Graph, after: Graph, created: Iterable[str] = ()
    ) -> Scene:
        """The scene of a rule fired at the ids of a match; `created` are ids in the order of `rule.create`."""
        matched = dict(zip(rule.variables, ids, strict=True))
        comatch = {variable: id for variable, id in matched.items() if variable not in rule.delete}
        comatch |= zip(rule.create.variables, created, strict=False)
        return cls(before, after, matched, comatch, rule)

    @classmethod
    def of_rewrite(cls, done: Rewrite, match: Match | None = None) -> Scene:
        """The scene of a rewrite; without its match, what was deleted goes by its ids. O(changes log n)."""
        created = {element.id for element in (*done.delta.added_nodes, *done.delta.added_edges)}
        matched = {variable: id for variable, id in done.comatch.items() if id not in created}
        if match is not None:
            matched = dict(zip(match.rule.variables, match.ids, strict=True))
        return cls(undo(done), done.graph, matched, done.comatch, match.rule if match else None)

    @cached_property
    def delta(self) -> Delta:
        """What the rewrite changed. O(changes log n)."""
        return self.before.diff(self.after)

    @property
    def name(self) -> str:
        """The rule's name."""
        return self.rule.name if self.rule else "rewrite"

    @cached_property
    def node_names(self) -> dict[str, str]:
        """The variable of each node named, by id; the first of L where several lie on one."""
        return self._names(nodes=True)

    @cached_property
    def edge_names(self) -> dict[str, str]:
        """The same of edges, whose ids are apart from those of nodes."""
        return self._names(nodes=False)

    def _names(self, nodes: bool) -> dict[str, str]:
        found: dict[str, str] = {}
        for variable, id in (*self.matched.items(), *self.comatch.items()):
            if self._is_node(variable, id) == nodes:
                found.setdefault(id, variable)
        return found

    def _is_node(self, variable: str, id: str) -> bool:
        if self.rule is None:
            return id in self.before or id in self.after
        return (self.rule.L.node(variable) or self.rule.create.node(variable)) is not None


def scenes(base: Graph, firings: Iterable[Firing]) -> Iterator[Scene]:
    """The scenes of a derivation: its firings are followed from its base, each checked, as they are asked for.

    Raises `RewriteError` where a match does not hold. O(graph) to index it, then O(changes log n) each."""
    head, graph = Head.of(base), base
    for rule, match, params in firings:
        step = apply(head, rule, match, params)
        after = graph.replaced(*head.touched())
        head.settle()
        created = [element.id for element in (*step.created_nodes, *step.created_edges)]
        yield Scene.of(rule, match.ids, graph, after, created)
        graph = after
