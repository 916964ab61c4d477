"""The audit of a run: from its events alone, by its own rules, to every recorded fact and root.

    fact and reason agree:   replaying (rule, match, parameters) gives the recorded delta and the recorded root

No definition, no mapping, no guard and no activity is consulted: what a rule needed stands in its event.
"""

from __future__ import annotations

from collections.abc import Callable

from itonami.graphstore import HEADER, Corrupt, Graph, Head, NotFound, Store
from itonami.rules import RewriteError, replay

__all__ = ["rebuild"]


def rebuild(store: Store, run: str, progress: Callable[[int], None] | None = None) -> Graph:
    """The head of a run, rebuilt from its events; of a run whose past was pruned, from the first version that was
    kept. Raises `Corrupt` at the first transaction whose reasons do not lead to its recorded delta and root.
    O(events)."""
    from itonami.query.pinned import stored_rules

    graph, head, rules, pruned = Graph(), Head(), None, False
    for number, commit in enumerate(store.entries(run), start=1):
        entry = commit.entry(run)
        where = f"run {run!r} at TX {commit.tx}"
        if entry.pruned:
            pruned = True
            continue
        if pruned:
            graph, pruned = store.at(run, commit.tx), False
            head = Head.of(graph)
            continue
        if entry.base is not None:
            graph = store.at(*entry.base)
            head = Head.of(graph)
        if graph.header.get("kind") not in ("definition", "run"):
            raise NotFound(f"{run!r} is no run", where=f"store {store.name}")
        if rules is None:
            rules = stored_rules(store, str(graph.header["rules"]))
        fired = [(e.rule, e.match or (), e.data or {}) for e in entry.events if e.rule is not None]
        try:
            replay(head, rules, fired)
        except RewriteError as error:
            raise Corrupt(f"a rule does not apply as recorded: {error}", where=where) from error
        if head.delta().to_list() != entry.delta.to_list():
            raise Corrupt("the rules do not give the recorded delta", where=where)
        graph = graph.replaced(*head.touched())
        head.settle()
        if graph.root != entry.root:
            raise Corrupt("the rules do not lead to the recorded root", where=where)
        if progress is not None:
            progress(number)
    if HEADER not in graph:
        raise Corrupt("the run has no header", where=f"run {run!r}")
    return graph
