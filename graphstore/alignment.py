"""Coordinates across the layers of a layered drawing: long edges straight, boxes near their neighbours.

Brandes & Koepf, "Fast and simple horizontal coordinate assignment", Graph Drawing 2001. Vertices are
aligned in vertical blocks with a median neighbour, greedily, in four ways (downwards and upwards, from the
left and from the right); each is compacted, and the mean of the two middle values is taken. An order
statistic of layouts that each keep the separation keeps it too, so boxes never overlap. Compaction is the
longest path in the graph of blocks, which sidesteps the fault of the original (erratum by Brandes, Walter &
Zink, 2020). Only numbers may live here: layers in, coordinates out.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

__all__ = ["aligned"]

Layers = Sequence[Sequence[int]]
Neighbours = Sequence[Sequence[int]]


def aligned(
    layers: Layers,
    above: Neighbours,
    below: Neighbours,
    dummy: Sequence[bool],
    size: Sequence[float],
    gap: float,
) -> list[float]:
    """The centre of every vertex. `layers` hold vertices in order; `above` and `below` are their neighbours
    one layer off; `dummy` vertices are bends of long edges. Neighbours in a layer are at least `gap` apart.
    O(V + E) but for sorting."""
    inner_first = _conflicts(layers, above, dummy)
    ways: list[list[float]] = []
    for rows, near in ((layers, above), (layers[::-1], below)):
        for side in (1, -1):
            faced = [row[::side] for row in rows]
            root = _blocks(faced, near, inner_first)
            ways.append([side * x for x in _compacted(faced, root, size, gap)])
    return _balanced(ways, size)


def _conflicts(layers: Layers, above: Neighbours, dummy: Sequence[bool]) -> set[tuple[int, int]]:
    """Segments that cross an inner segment (between two dummies) and so must give way; in both orders."""
    found: set[tuple[int, int]] = set()
    for upper, lower in pairwise(layers):
        place = {v: i for i, v in enumerate(upper)}
        left = done = 0
        for position, v in enumerate(lower):
            inner = next((u for u in above[v] if dummy[u]), None) if dummy[v] else None
            if inner is None and position < len(lower) - 1:
                continue
            right = len(upper) - 1 if inner is None else place[inner]
            for w in lower[done : position + 1]:
                for u in above[w]:
                    if not left <= place[u] <= right and not (dummy[u] and dummy[w]):
                        found |= {(u, w), (w, u)}
            left, done = right, position + 1
    return found


def _blocks(layers: Layers, near: Neighbours, barred: set[tuple[int, int]]) -> list[int]:
    """The root of each vertex's block: blocks hang on median neighbours and never cross."""
    root = list(range(len(near)))
    for upper, lower in pairwise(layers):
        place = {v: i for i, v in enumerate(upper)}
        reached = -1
        for v in lower:
            neighbours = sorted(near[v], key=place.__getitem__)
            middles = {(len(neighbours) - 1) // 2, len(neighbours) // 2} if neighbours else ()
            for middle in sorted(middles):
                u = neighbours[middle]
                if (u, v) not in barred and reached < place[u]:
                    root[v] = root[u]
                    reached = place[u]
                    break
    return root


def _compacted(layers: Layers, root: Sequence[int], size: Sequence[float], gap: float) -> list[float]:
    """Coordinates with every block as far left as its left neighbours let it, then up to its right ones."""
    right_of: dict[int, dict[int, float]] = {v: {} for v in set(root)}
    waits = dict.fromkeys(right_of, 0)
    for row in layers:
        for u, v in pairwise(row):
            apart = (size[u] + size[v]) / 2 + gap
            a, b = root[u], root[v]
            waits[b] += b not in right_of[a]
            right_of[a][b] = max(apart, right_of[a].get(b, 0.0))
    order = [v for v in sorted(right_of) if not waits[v]]
    x = dict.fromkeys(right_of, 0.0)
    for v in order:
        for w, apart in right_of[v].items():
            x[w] = max(x[w], x[v] + apart)
            waits[w] -= 1
            if not waits[w]:
                order.append(w)
    for v in reversed(order):
        if right_of[v]:
            x[v] = max(x[v], min(x[w] - apart for w, apart in right_of[v].items()))
    return [x[v] for v in root]


def _balanced(ways: list[list[float]], size: Sequence[float]) -> list[float]:
    """The mean of the two middle coordinates, once all four ways stand over the narrowest."""
    ends = [
        (
            min(x - s / 2 for x, s in zip(way, size, strict=True)),
            max(x + s / 2 for x, s in zip(way, size, strict=True)),
        )
        for way in ways
    ]
    low, high = min(ends, key=lambda end: end[1] - end[0])
    shifts = [low - ends[i][0] if i % 2 == 0 else high - ends[i][1] for i in range(len(ways))]
    moved = zip(*([x + shift for x in way] for way, shift in zip(ways, shifts, strict=True)), strict=True)
    return [sum(sorted(xs)[1:3]) / 2 for xs in moved]
