"""The audit of a run: from its events alone, by its own rules, to every recorded fact and root.

    fact and reason agree:   replaying (rule, match, parameters) gives the recorded delta and the recorded root

No definition, no mapping, no guard and no activity is consulted: what a rule needed stands in its event.
"""

from __future__ import annotations

from collections.abc import Callable

from itonami.graphstore import HEADER, Corrupt, Graph, Head, ItonamiError, Store
from itonami.rules import Match, RuleSet, apply
from itonami.workflow.engine.catalog import stored_rules

__all__ = ["rebuild"]


def rebuild(store: Store, run: str, progress: Callable[[int], None] | None = None) -> Graph:
    """The head of a run, rebuilt from its events. Raises `Corrupt` at the first transaction whose reasons do not
    lead to its recorded delta and root. O(events)."""
    graph, rules = Graph(), None
    for number, commit in enumerate(store.entries(run), start=1):
        entry = commit.entry(run)
        where = f"run {run!r} at TX {commit.tx}"
        if entry.base is not None:
            graph = store.at(*entry.base)
        if rules is None:
            rules = stored_rules(store, str(graph.header["rules"]))
        head = Head.of(graph)
        for event in entry.events:
            if event.rule is not None:
                _replay(head, rules, event.rule, event.match or (), event.data or {}, where)
        delta = head.delta()
        if delta.to_list() != entry.delta.to_list():
            raise Corrupt("the rules do not give the recorded delta", where=where)
        graph = graph.replaced(*head.touched())
        if graph.root != entry.root:
            raise Corrupt("the rules do not lead to the recorded root", where=where)
        if progress is not None:
            progress(number)
    if HEADER not in graph:
        raise Corrupt("the run has no header", where=f"run {run!r}")
    return graph


def _replay(
    head: Head, rules: RuleSet, name: str, ids: tuple[str, ...], params: dict[str, object], where: str
) -> None:
    try:
        rule = rules[name]
        apply(head, rule, Match.from_ids(rule, ids), params)
    except ItonamiError as error:
        raise Corrupt(f"rule {name!r} does not apply as recorded: {error.what}", where=where) from error
