"""Layers and their order: the combinatorial half of a layered drawing.

Sugiyama, Tagawa & Toda, "Methods for visual understanding of hierarchical system structures", IEEE Trans.
SMC 11(2), 1981. `turned` finds the arrows to turn so that nothing is cyclic; `ranks` puts vertices on
layers by longest path; `ordered` sorts each layer by the barycentres of its neighbours, sweeping down and
up, and keeps the order with the fewest crossings (counted as inversions: Barth, Juenger & Mutzel 2004).
Vertices are numbers, and every choice follows their order, so the result is a function of the input. No
lengths may live here.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from itertools import pairwise

__all__ = ["ordered", "ranks", "turned"]

SWEEPS = 8


def turned(vertices: Sequence[int], pairs: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Arrows that close a cycle in a depth-first walk from the sources; once turned, nothing is cyclic."""
    out: dict[int, list[int]] = {v: [] for v in vertices}
    sinks = set()
    for a, b in pairs:
        out[a].append(b)
        sinks.add(b)
    closing: set[tuple[int, int]] = set()
    open_, done = set(), set()
    for start in [*(v for v in vertices if v not in sinks), *vertices]:
        stack = [] if start in done else [(start, iter(out[start]))]
        open_.add(start)
        while stack:
            v, rest = stack[-1]
            w = next(rest, None)
            if w is None:
                stack.pop()
                open_.discard(v)
                done.add(v)
            elif w in open_:
                closing.add((v, w))
            elif w not in done:
                open_.add(w)
                stack.append((w, iter(out[w])))
        open_.discard(start)
    return closing


def ranks(vertices: Sequence[int], pairs: Sequence[tuple[int, ...]]) -> dict[int, int]:
    """Longest-path layers; then what has more arrows out than in moves down to its nearest target."""
    import networkx

    flow = networkx.DiGraph()
    flow.add_nodes_from(vertices)
    flow.add_edges_from(pairs)
    rank: dict[int, int] = {}
    generations = list(networkx.topological_generations(flow))
    for depth, generation in enumerate(generations):
        rank |= dict.fromkeys(generation, depth)
    for generation in reversed(generations):
        for v in generation:
            if flow.in_degree(v) < flow.out_degree(v):
                rank[v] = min(rank[w] for w in flow.successors(v)) - 1
    return rank


def ordered(
    rank: dict[int, int], members: Sequence[int], chains: Sequence[Sequence[int]]
) -> tuple[list[list[int]], dict[int, list[int]], dict[int, list[int]]]:
    """The layers in the best order found, and each vertex's neighbours one layer up and down."""
    above: dict[int, list[int]] = {}
    below: dict[int, list[int]] = {}
    for chain in chains:
        for u, v in pairwise(chain):
            if rank[v] - rank[u] == 1:
                above.setdefault(v, []).append(u)
                below.setdefault(u, []).append(v)
    layers: list[list[int]] = [[] for _ in range(max(rank.values()) + 1)]
    for v in _walk([*members, *sorted(set(rank) - set(members))], below):
        layers[rank[v]].append(v)
    best, fewest = layers, _crossings(layers, above)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        layers = _swept(layers, above, below, downwards=sweep % 2 == 0)
        crossings = _crossings(layers, above)
        if crossings < fewest:
            best, fewest = layers, crossings
    return best, above, below


def _walk(vertices: Sequence[int], below: dict[int, list[int]]) -> Iterable[int]:
    """Depth first from each vertex in turn: a first order in which a tree has no crossings."""
    seen: set[int] = set()
    for start in vertices:
        stack = [start]
        while stack:
            v = stack.pop()
            if v not in seen:
                seen.add(v)
                yield v
                stack.extend(reversed(below.get(v, ())))


def _swept(
    layers: list[list[int]], above: dict[int, list[int]], below: dict[int, list[int]], downwards: bool
) -> list[list[int]]:
    """Every layer sorted by the barycentres of its neighbours in the one before; others keep their place."""
    result = [list(layer) for layer in layers]
    order = range(1, len(layers)) if downwards else range(len(layers) - 2, -1, -1)
    near = above if downwards else below
    for i in order:
        place = {v: p for p, v in enumerate(result[i - 1 if downwards else i + 1])}
        weight = {
            v: sum(place[u] for u in near[v]) / len(near[v]) if near.get(v) else float(p)
            for p, v in enumerate(result[i])
        }
        result[i].sort(key=weight.__getitem__)
    return result


def _crossings(layers: Sequence[Sequence[int]], above: dict[int, list[int]]) -> int:
    """How many pairs of segments cross: inversions between neighbouring layers. O(E log E) but for moves."""
    total = 0
    for upper, lower in pairwise(layers):
        place = {v: p for p, v in enumerate(upper)}
        ends: list[int] = []
        for v in lower:
            mine = sorted(place[u] for u in above.get(v, ()))
            total += sum(len(ends) - bisect_right(ends, end) for end in mine)
            for end in mine:
                insort(ends, end)
    return total
