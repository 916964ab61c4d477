"""The rules' rows of the budgets table, each a function from the opener of a rewriter to one figure.

A row runs in a process of its own, once a round, like the others. The clock is that of the process: nothing here
waits, so time that others take of the processor is none of ours. What a row sets up is not measured. The outcome of
each task has a closed form, and is asked for before the figure is believed: a system that missed a match, or made
one rewrite too many, has measured nothing. Python's garbage collector is on, as it is for whoever uses the rules.

No processes, medians or ratios here (`harness`), and nothing about any one system (`peers.rewriters`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time

from benchmarks.peers.rewriters import Act, RewriterOpener
from benchmarks.row import OURS, Measure, Row, Sample, Size

__all__ = ["RULES_ROWS"]

SMALL_RING = 10
SMALL_JOIN = 1_000
NONE = "–"
"""The design sets no end to reach."""


def _expect(found: object, expected: object, what: str) -> None:
    """Raises RuntimeError unless the outcome is the task's."""
    if found != expected:
        raise RuntimeError(f"{what}: {found}, but it is {expected}; no figure of this is true")


def _batch_us(act: Act, size: Size) -> tuple[float, int]:
    """Microseconds an act, of `size.steps` in a row or as many as fit into `size.seconds`; and how many were."""
    done, begin = 0, process_time()
    elapsed = 0.0
    while done < size.steps and elapsed < size.seconds:
        act()
        done, elapsed = done + 1, process_time() - begin
    return elapsed / done * 1e6, done


async def _ring(opener: RewriterOpener, size: Size) -> tuple[float, float]:
    """Microseconds a match and rewrite on a ring of 10 nodes and on one of `nodes`: batches in turns, medians."""
    nodes = (SMALL_RING, size.nodes)
    async with opener(Path()) as peer:
        rings = [peer.ring(count) for count in nodes]
        batches: list[list[float]] = [[], []]
        passed = [0, 0]
        for _ in range(size.runs):
            for ring, (act, token_at) in enumerate(rings):
                us, done = _batch_us(act, size)
                batches[ring].append(us)
                passed[ring] += done
                _expect(token_at(), passed[ring] % nodes[ring], f"the token on {nodes[ring]} nodes")
    small, large = map(median, batches)
    return small, large


async def _ring_us(opener: RewriterOpener, directory: Path, size: Size) -> Sample:
    small, large = await _ring(opener, size)
    return Sample(large, {"us_on_10_nodes": small, "growth": large / small})


async def _ring_growth(opener: RewriterOpener, directory: Path, size: Size) -> Sample:
    small, large = await _ring(opener, size)
    return Sample(large / small, {"us_on_10_nodes": small, "us_on_the_large_ring": large})


async def _events(opener: RewriterOpener, directory: Path, size: Size) -> Sample:
    """Microseconds an event, the median over batches: match, rewrite with a parameter, canonical bytes."""
    async with opener(directory) as peer:
        act, complete = peer.events(size.runs * size.steps)
        batches = [_batch_us(act, size)[0] for _ in range(size.runs)]
        _expect(complete(), size.runs * size.steps, "complete steps")
    return Sample(median(batches), {"best_batch_us": min(batches)})


async def _undo(opener: RewriterOpener, directory: Path, size: Size) -> Sample:
    """Microseconds to take one rewrite back, the median over batches."""
    async with opener(directory) as peer:
        act, as_before = peer.undoing(size.runs * size.steps)
        batches = [_batch_us(act, size)[0] for _ in range(size.runs)]
        _expect(as_before(), True, "the graph is what it was")
    return Sample(median(batches), {"best_batch_us": min(batches)})


async def _fan_in(opener: RewriterOpener, directory: Path, size: Size) -> Sample:
    """Time of a completion at a join of `nodes` branches over that at one of 1,000: whole small joins in turns with as
    many completions of the large one, in the order in which the branches were started."""
    batches: list[list[float]] = [[], []]
    every = Size(runs=1, steps=SMALL_JOIN, seconds=size.seconds)
    async with opener(directory) as peer:
        act, done = peer.fan_in(size.nodes)
        for _ in range(size.nodes // SMALL_JOIN):
            small, small_done = peer.fan_in(SMALL_JOIN)
            for join, completion in enumerate((small, act)):
                batches[join].append(_batch_us(completion, every)[0])
            _expect(small_done(), True, "the small join is done")
        _expect(done(), True, "the large join is done")
    small_us, large_us = map(median, batches)
    details = {"small_us": small_us, "large_us": large_us, "last_over_first": batches[1][-1] / batches[1][0]}
    return Sample(large_us / small_us, details)


def _task(task: str, outcome: Callable[[int], object], unit: float) -> Measure:
    """A whole task of the rewriter, of size `nodes`: the median of `runs`. The first, on which everything is compiled,
    is left out."""

    async def measure(opener: RewriterOpener, directory: Path, size: Size) -> Sample:
        taken = []
        async with opener(directory) as peer:
            run: Callable[[int], object] = getattr(peer, task)
            for _ in range(size.runs + 1):
                begin = process_time()
                found = run(size.nodes)
                taken.append((process_time() - begin) * unit)
                _expect(found, outcome(size.nodes), "the outcome")
        return Sample(median(taken[1:]), {"first": taken[0], "best": min(taken)})

    return measure


def _mutex_outcome(processes: int) -> tuple[int, int, int]:
    """Rewrites, nodes, edges (Varro, Schuerr and Varro, section 4)."""
    return 5 * processes - 1, processes + 1, processes + 1


def _sierpinski_outcome(generations: int) -> tuple[int, int, int]:
    threes = 3**generations
    return (threes - 1) // 2, (3 * threes + 3) // 2, 3 * threes


def _philosophers_outcome(count: int) -> tuple[int, int]:
    return 3**count, 7 * count * 3 ** (count - 2)


_row = partial(Row, package="benchmarks.peers.rewriters", better="lower", rounds=3, digits=1)
_ours = partial(_row, peers=(OURS,))
_RING = Size(runs=10, steps=300, seconds=0.3, nodes=100_000)
_SMALL = Size(runs=2, steps=10, seconds=1.0, nodes=100)
_VF2 = (OURS, "networkx_vf2", "rustworkx_vf2")

RULES_ROWS: Mapping[str, Row] = {
    "token_ring": _row(
        title="token ring of 100,000 nodes, match + rewrite",
        unit="us",
        reach="10 us",
        moonshot="5 us",
        measure=_ring_us,
        full=_RING,
        quick=_SMALL,
        peers=_VF2,
    ),
    "token_ring_growth": _row(
        title="token ring, match + rewrite, 100,000 nodes / 10 nodes",
        unit="large/small",
        reach="1.5",
        moonshot="1.0",
        measure=_ring_growth,
        full=_RING,
        quick=_SMALL,
        peers=_VF2,
        digits=2,
    ),
    "event": _ours(
        title="event: match, rewrite with a parameter, canonical bytes",
        unit="us",
        reach="25 us",
        moonshot=NONE,
        measure=_events,
        full=Size(runs=50, steps=200, seconds=1.0),
        quick=Size(runs=2, steps=10, seconds=1.0),
    ),
    "undo": _ours(
        title="undo of a rewrite, ids and match order included",
        unit="us",
        reach="3 us",
        moonshot=NONE,
        measure=_undo,
        full=Size(runs=50, steps=200, seconds=1.0),
        quick=Size(runs=2, steps=10, seconds=1.0),
    ),
    "fan_in": _ours(
        title="completion of one of 100,000 branches / of 1,000",
        unit="large/small",
        reach="1.5",
        moonshot="1.1",
        measure=_fan_in,
        full=Size(runs=1, steps=0, seconds=60.0, nodes=100_000),
        quick=Size(runs=1, steps=0, seconds=60.0, nodes=2_000),
        digits=2,
    ),
    "mutex": _ours(
        title="Varro's mutual exclusion (STS), 1,000 processes, 4,999 rewrites",
        unit="ms",
        reach="90 ms (published: GrGen.NET 6, Fujaba 229, VIATRA2 187,000)",
        moonshot="40 ms",
        measure=_task("mutex", _mutex_outcome, 1e3),
        full=Size(runs=5, steps=0, nodes=1_000),
        quick=Size(runs=1, steps=0, nodes=20),
    ),
    "sierpinski": _ours(
        title="Sierpinski triangles, ten generations, 29,524 rewrites",
        unit="s",
        reach="1 s",
        moonshot=NONE,
        measure=_task("sierpinski", _sierpinski_outcome, 1.0),
        full=Size(runs=3, steps=0, nodes=10),
        quick=Size(runs=1, steps=0, nodes=4),
        digits=2,
    ),
    "philosophers": _ours(
        title="dining philosophers, N = 10: all 59,049 states, identity kept",
        unit="s",
        reach="10 s (published: Henshin 80 s)",
        moonshot="5 s",
        measure=_task("philosophers", _philosophers_outcome, 1.0),
        full=Size(runs=1, steps=0, nodes=10),
        quick=Size(runs=1, steps=0, nodes=4),
        digits=2,
    ),
}
