"""The engine's rows of the budgets table, each a function from an open system to one figure.

A row runs in a process and on a directory of its own, once a round. It warms the system up before its clock
starts, and counts how often the steps' body was called before its figure is believed: a system that skipped
or repeated a step has measured nothing. Add a row by writing its function and its line in `ENGINE_ROWS`.

No processes, medians or ratios here (`harness`), and nothing about any one system (`peers`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.peers import Opener, Peer
from benchmarks.row import BASE, OURS, Measure, Row, Sample, Size, disk_bytes, quantile

__all__ = ["ENGINE_ROWS", "Trace", "last_over_first"]

ALL = (BASE, OURS, "langgraph_sqlite", "dbos_sqlite")
WINDOWS = 10
"""A long run is cut into so many windows, of which the first and the last are compared."""

Batch = Callable[[Peer, list[str], Size], Awaitable[None]]


class Trace:
    """The body of every step: it stamps the time and returns a small record."""

    def __init__(self) -> None:
        self.stamps: list[float] = []

    def __call__(self) -> dict[str, object]:
        self.stamps.append(perf_counter())
        return {"ok": True, "n": len(self.stamps)}

    def restart(self) -> None:
        """Forget the stamps of the warm-up."""
        self.stamps.clear()

    def expect(self, steps: int) -> None:
        """Raises RuntimeError unless exactly `steps` steps were run since the restart."""
        if len(self.stamps) != steps:
            raise RuntimeError(
                f"{steps} steps were to be run, {len(self.stamps)} were; no figure of this is true"
            )


async def _run_each(peer: Peer, names: list[str], size: Size) -> None:
    for name in names:
        await peer.run(name, size.steps)


async def _run_at_once(peer: Peer, names: list[str], size: Size) -> None:
    await peer.run_all(names, size.steps, size.at_once)


def _steps_per_second(batch: Batch) -> Measure:
    """Steps a second over whole batches of `runs` workflows, until `seconds` have passed."""

    async def measure(opener: Opener, directory: Path, size: Size) -> Sample:
        trace = Trace()
        async with opener(directory, trace) as peer:
            await batch(peer, [f"warm-{i}" for i in range(max(size.runs // 10, size.at_once))], size)
            trace.restart()
            batches, elapsed, begin = 0, 0.0, perf_counter()
            while not batches or elapsed < size.seconds:
                await batch(peer, [f"run-{batches}-{i}" for i in range(size.runs)], size)
                batches, elapsed = batches + 1, perf_counter() - begin
            steps = batches * size.runs * size.steps
            trace.expect(steps)
            return Sample(steps / elapsed, {"steps": steps, "elapsed_s": elapsed}, peer.settings)

    return measure


async def _latency(opener: Opener, directory: Path, size: Size) -> Sample:
    """Milliseconds from the start of a workflow to its result, one caller: the median, and the tail."""
    trace = Trace()
    async with opener(directory, trace) as peer:
        await _run_each(peer, [f"warm-{i}" for i in range(size.runs // 10)], size)
        trace.restart()
        latencies_ms = []
        for i in range(size.runs):
            begin = perf_counter()
            await peer.run(f"run-{i}", size.steps)
            latencies_ms.append((perf_counter() - begin) * 1e3)
        trace.expect(size.runs * size.steps)
        return Sample(quantile(latencies_ms, 0.5), {"p99_ms": quantile(latencies_ms, 0.99)}, peer.settings)


async def _flatness(opener: Opener, directory: Path, size: Size) -> Sample:
    """Time of a long run's last tenth over the time of its first tenth; the median of `runs` such runs."""
    trace = Trace()
    ratios, starts_ms, rates = [], [], []
    async with opener(directory, trace) as peer:
        await peer.run("warm", size.steps // WINDOWS)
        for i in range(size.runs):
            trace.restart()
            begin = perf_counter()
            await peer.run(f"long-{i}", size.steps)
            rates.append(size.steps / (perf_counter() - begin))
            trace.expect(size.steps)
            starts_ms.append((trace.stamps[0] - begin) * 1e3)
            ratios.append(last_over_first(trace.stamps))
        details = {"before_first_step_ms": median(starts_ms), "steps_per_s": median(rates)}
        return Sample(median(ratios), details, peer.settings)


def last_over_first(stamps: list[float]) -> float:
    """How long the last tenth of the steps took, over the first; a step lasts until the next one's stamp."""
    window = len(stamps) // WINDOWS
    return (stamps[-1] - stamps[-1 - window]) / (stamps[window] - stamps[0])


async def _bytes(opener: Opener, directory: Path, size: Size) -> Sample:
    """Bytes the closed store has allocated on disk, a step; nothing else was run on it."""
    trace = Trace()
    async with opener(directory, trace):
        pass
    empty, _ = disk_bytes(directory)
    async with opener(directory, trace) as peer:
        await _run_each(peer, [f"run-{i}" for i in range(size.runs)], size)
        settings = peer.settings
    steps = size.runs * size.steps
    trace.expect(steps)
    allocated, apparent = disk_bytes(directory)
    details = {"apparent": apparent / steps, "without_the_empty_store": (allocated - empty) / steps}
    return Sample(allocated / steps, details, settings)


ENGINE_ROWS: Mapping[str, Row] = {
    "steps_one_caller": Row(
        title="durable steps a second, one caller (200 runs x 10 steps)",
        unit="steps/s",
        better="higher",
        reach="0.4 of raw LMDB, 1.5 x the best peer",
        moonshot="0.6 of raw LMDB",
        measure=_steps_per_second(_run_each),
        full=Size(runs=200, steps=10, seconds=1.0),
        quick=Size(runs=20, steps=10, seconds=0.2),
        peers=ALL,
    ),
    "steps_concurrent": Row(
        title="durable steps a second, 50 runs at once (200 runs x 10 steps)",
        unit="steps/s",
        better="higher",
        reach="0.07 of raw LMDB, 5 x LangGraph and DBOS",
        moonshot="10,000/s, 0.2 of raw LMDB",
        measure=_steps_per_second(_run_at_once),
        full=Size(runs=200, steps=10, at_once=50, seconds=1.0),
        quick=Size(runs=50, steps=10, at_once=50, seconds=0.2),
        peers=ALL,
    ),
    "short_run_latency": Row(
        title="3-step run, start to result, p50",
        unit="ms",
        better="lower",
        reach="4 x raw LMDB",
        moonshot="2 x raw LMDB",
        measure=_latency,
        full=Size(runs=200, steps=3),
        quick=Size(runs=30, steps=3),
        peers=ALL,
        digits=2,
    ),
    "long_run_flatness": Row(
        title="one run of 1,000 steps: last 100 / first 100",
        unit="last/first",
        better="lower",
        reach="1.1",
        moonshot="1.0",
        measure=_flatness,
        full=Size(runs=3, steps=1_000),
        quick=Size(runs=1, steps=100),
        peers=ALL,
        digits=2,
    ),
    "long_run_flatness_10000": Row(
        title="one run of 10,000 steps: last 1,000 / first 1,000",
        unit="last/first",
        better="lower",
        reach="1.2",
        moonshot="1.0",
        measure=_flatness,
        full=Size(runs=1, steps=10_000),
        quick=Size(runs=1, steps=1_000),
        peers=(BASE, OURS, "langgraph_sqlite"),  # DBOS would take a minute or two a round
        rounds=3,
        digits=2,
    ),
    "bytes_per_step": Row(
        title="bytes on disk a step (200 runs x 10 steps, closed store)",
        unit="bytes/step",
        better="lower",
        reach="1,000",
        moonshot="600",
        measure=_bytes,
        full=Size(runs=200, steps=10),
        quick=Size(runs=20, steps=10),
        peers=ALL,
        rounds=1,
    ),
}
