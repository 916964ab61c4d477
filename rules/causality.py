"""Causality: which applications of a derivation had to come before which.

    e1 < e2   iff   e2 needs what e1 did, or would have taken what e1 needed, directly or through others

A derivation is one of the orders of its causal partial order; all its linear extensions are derivations between the
same graphs (Baldan, Corradini, Ehrig, Loewe, Montanari and Rossi, Concurrent Semantics of Algebraic Graph
Transformations, Handbook of Graph Grammars 3, 1999: shift equivalence). No application is made or undone here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from itonami.rules.footprint import Footprint, Key
from itonami.rules.independence import Applied, Conflict, Steps, dependence

if TYPE_CHECKING:
    import networkx

__all__ = ["causes", "causes_of", "effects_of"]


def causes(derivation: Steps) -> networkx.DiGraph[int]:
    """The causal order as its cover relations: an edge (i, j) says that application j depends on i with none in
    between. Nodes are positions, with `name`, and `rule` and `ids` where there are some; edges have `kind` and
    `because`, the sentence. O(sum of footprints + dependences)."""
    import networkx

    applications = derivation.applications
    graph: networkx.DiGraph[int] = networkx.DiGraph()
    below: list[int] = []  # per application, the set of those it depends on, as bits
    for number, (application, candidates) in enumerate(
        zip(applications, _depended(applications), strict=True)
    ):
        graph.add_node(number, name=application.name, **_described(application))
        reached = 0
        for cause in sorted(candidates, reverse=True):
            if reached >> cause & 1:
                continue
            reached |= below[cause] | 1 << cause
            reason = _reason(applications[cause], application)
            graph.add_edge(cause, number, kind=reason.kind, because=str(reason))
        below.append(reached)
    return graph


def causes_of(order: networkx.DiGraph[int], event: int) -> list[int]:
    """All that an application depends on, in order."""
    import networkx

    return sorted(networkx.ancestors(order, event))


def effects_of(order: networkx.DiGraph[int], event: int) -> list[int]:
    """All that depends on an application, in order."""
    import networkx

    return sorted(networkx.descendants(order, event))


def _described(application: Applied) -> dict[str, object]:
    return {key: getattr(application, key) for key in ("ids",) if hasattr(application, key)}


def _reason(cause: Applied, effect: Applied) -> Conflict:
    reason = dependence(cause, effect)
    assert reason is not None, "candidates are dependences"
    return reason


_LATER: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("creates", ("uses", "creates")),
    ("destroys", ("creates",)),
    ("gains", ("kept",)),
    ("writes", ("uses", "writes")),
    ("loses", ("absent",)),
    ("uses", ("destroys", "writes")),
    ("kept", ("loses",)),
    ("absent", ("gains",)),
)
"""A part of an earlier footprint, and the parts of a later one that depend on it where they meet: `dependence`."""


def _depended(applications: Sequence[Applied]) -> Iterator[set[int]]:
    """For each application those it depends on directly, by an index of the keys met so far."""
    met: dict[str, defaultdict[Key, list[int]]] = {part: defaultdict(list) for part, _ in _LATER}
    for number, application in enumerate(applications):
        footprint = application.footprint
        found: set[int] = set()
        for part, laters in _LATER:
            index = met[part]
            for key in _keys(footprint, laters):
                if key in index:
                    found.update(index[key])
        yield found
        for key in footprint.writes:  # later ones that depend on those before do so through this one
            met["writes"][key] = []
            met["uses"][key] = []
        for part, _ in _LATER:
            for key in getattr(footprint, part):
                met[part][key].append(number)


def _keys(footprint: Footprint, parts: Iterable[str]) -> Iterator[Key]:
    for part in parts:
        yield from getattr(footprint, part)
