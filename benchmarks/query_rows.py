"""The queries' rows of the budgets table, each a function from the opener of a querier to one figure.

A row runs in a process of its own, once a round, like the others. The graph is made, changed again and again, and the
system opened anew before anything is asked of how it was: so the first query pays for reading it, and is told apart
from the median of later ones. Each answer has a closed form, and is compared with it.

No processes, medians or ratios here (`harness`), and nothing about any one system (`peers.queriers`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from time import perf_counter

from benchmarks.peers.queriers import LINKS, Querier, QuerierOpener, linked
from benchmarks.row import OURS, Measure, Row, Sample, Size, quantile

__all__ = ["QUERY_ROWS"]

MOST = 4
"""Edges of the longest trail asked for"""
NONE = "–"
"""The design sets no end to reach."""

Ask = Callable[[Querier, int, Size], tuple[object, object]]
"""Of a node of a graph: what a querier answers, and what the answer is"""


def _timed(ask: Ask, unit: float, *, graph: bool = True) -> Measure:
    """The median time of an answer, of random nodes: of `steps`, or of as many as fit into `seconds`. The first is
    told apart."""

    async def measure(opener: QuerierOpener, directory: Path, size: Size) -> Sample:
        random, taken = Random(17), []
        async with opener(directory) as peer:
            if graph:
                peer.fill(size.nodes, size.runs)
            until = 0.0
            for done in range(size.steps + 1):
                if done == 1:  # the first is behind: from now on
                    until = perf_counter() + size.seconds
                if done > 1 and perf_counter() > until:
                    break
                node = random.randrange(size.nodes)
                begin = perf_counter()
                found, expected = ask(peer, node, size)
                taken.append((perf_counter() - begin) * unit)
                if found != expected:
                    raise RuntimeError(
                        f"node {node}: {found}, but it is {expected}; no figure of this is true"
                    )
            later = taken[1:]
            details = {"first": taken[0], "p99": quantile(later, 0.99), "asked": float(len(later))}
            return Sample(quantile(later, 0.5), details, peer.settings)

    return measure


def _point(peer: Querier, node: int, size: Size) -> tuple[object, object]:
    return peer.value(node), node


def _hops(peer: Querier, node: int, size: Size) -> tuple[object, object]:
    around = _two_hops(node, size.nodes)
    while len(set(around)) < len(
        around
    ):  # no way back: systems differ on whether a match may meet a node twice
        node = (node + 1) % size.nodes
        around = _two_hops(node, size.nodes)
    return sorted(peer.hops(node)), sorted(around[1 + LINKS :])


def _two_hops(node: int, nodes: int) -> list[int]:
    """A node, those it is linked to, and those these are linked to."""
    middles = linked(node, nodes)
    return [node, *middles, *(end for middle in middles for end in linked(middle, nodes))]


def _trails(peer: Querier, node: int, size: Size) -> tuple[object, object]:
    return peer.trails(node, MOST), _trails_from(node, MOST, size.nodes, frozenset())


def _trails_from(node: int, most: int, nodes: int, met: frozenset[tuple[int, int]]) -> int:
    if not most:
        return 0
    steps = [(node, link) for link in range(LINKS) if (node, link) not in met]
    ends = linked(node, nodes)
    return sum(1 + _trails_from(ends[link], most - 1, nodes, met | {(at, link)}) for at, link in steps)


def _count(peer: Querier, node: int, size: Size) -> tuple[object, object]:
    return peer.count(), size.nodes // 2


def _scan(peer: Querier, node: int, size: Size) -> tuple[object, object]:
    return peer.scan(node), size.nodes // 2 - node // 2


def _compile(peer: Querier, node: int, size: Size) -> tuple[object, object]:
    return peer.compile(node), None


async def _small(opener: QuerierOpener, directory: Path, size: Size) -> Sample:
    """Small queries a second, each of a text not seen before."""
    async with opener(directory) as peer:
        numbers = count(1_000)
        peer.small(next(numbers))
        done, begin, elapsed = 0, perf_counter(), 0.0
        while done < size.steps and elapsed < size.seconds:
            number = next(numbers)
            if peer.small(number) != number:
                raise RuntimeError("a small query answered wrongly; no figure of this is true")
            done, elapsed = done + 1, perf_counter() - begin
        return Sample(done / elapsed, {"asked": float(done)}, peer.settings)


_row = partial(Row, package="benchmarks.peers.queriers", better="lower", rounds=3, digits=2)
_old = partial(
    _row,
    unit="ms",
    full=Size(runs=300, steps=200, seconds=10.0, nodes=100_000),
    quick=Size(runs=5, steps=3, seconds=2.0, nodes=200),
    peers=(OURS, "networkx_grand", "graphforge"),
    rounds=1,
    limit_s=1_200.0,
)

QUERY_ROWS: Mapping[str, Row] = {
    "query_point": _old(
        title="MATCH by id in an old version of 100,000 nodes, p50",
        reach="1 ms",
        moonshot=NONE,
        measure=_timed(_point, 1e3),
    ),
    "query_hops": _old(
        title="two hops from a node in an old version of 100,000 nodes, p50",
        reach="5 ms",
        moonshot=NONE,
        measure=_timed(_hops, 1e3),
    ),
    "query_trails": _old(
        title="trails of 1 to 4 edges from a node in an old version of 100,000 nodes, p50",
        reach=NONE,
        moonshot=NONE,
        measure=_timed(_trails, 1e3),
    ),
    "query_count": _old(
        title="nodes of a label counted, in an old version of 100,000 nodes, p50",
        reach="100 ms",
        moonshot=NONE,
        measure=_timed(_count, 1e3),
    ),
    "query_scan": _old(
        title="nodes of a label looked at and counted, in an old version of 100,000 nodes, p50",
        reach="100 ms",
        moonshot=NONE,
        measure=_timed(_scan, 1e3),
    ),
    "query_compile": _row(
        title="a query of 5 clauses parsed, checked and planned",
        unit="ms",
        reach=NONE,
        moonshot=NONE,
        measure=_timed(_compile, 1e3, graph=False),
        full=Size(runs=0, steps=1_000, seconds=5.0, nodes=1_000_000),
        quick=Size(runs=0, steps=10, seconds=1.0, nodes=1_000_000),
        peers=(OURS,),
    ),
    "query_small": _row(
        title="small queries, each of a new text",
        unit="queries/s",
        better="higher",
        reach=NONE,
        moonshot=NONE,
        measure=_small,
        full=Size(runs=0, steps=5_000, seconds=5.0),
        quick=Size(runs=0, steps=20, seconds=1.0),
        peers=(OURS, "graphforge"),
        digits=0,
    ),
}
