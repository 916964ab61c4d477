"""The store's rows of the budgets table, each a function from the opener of a store to one figure.

A row runs in a process and on a directory of its own, once a round, like the engine's. What it sets up is not
measured. It asks for values back before its figure is believed: a store that lost or mixed up a change has measured
nothing. Rows on histories open the store anew, so nothing of it is in the process's memory when the clock starts (the
file is in the system's page cache, for every system alike).

No processes, medians or ratios here (`harness`), and nothing about any one system (`peers.stores`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.peers.stores import StoreOpener
from benchmarks.row import BASE, OURS, Measure, Row, Sample, Size, disk_bytes, quantile

__all__ = ["STORE_ROWS", "Told"]

SNAPSHOT_PERIOD = 64
"""Commits in a batch of the growth row: as many as lie between two of our snapshots, so each batch pays for one."""

PART = "x" * 100
ASKED = 100
"""How many values are asked back, how often a pin is, and how many changes apart two versions differ."""

NONE = "–"
"""The design sets no end to reach."""


class Told:
    """What a history says: `changes[v - 1]` is the node that version v set, to v. The judge of every read."""

    def __init__(self, nodes: int, versions: int, seed: int = 7) -> None:
        random = Random(seed)
        self.changes = [random.randrange(nodes) for _ in range(versions)]
        self._versions: dict[int, list[int]] = {}
        for version, node in enumerate(self.changes, 1):
            self._versions.setdefault(node, []).append(version)

    def value(self, version: int, node: int) -> int:
        """The value of a node in a version; 0 before the first change of it."""
        versions = self._versions.get(node, [])
        at = bisect_right(versions, version)
        return versions[at - 1] if at else 0


def _expect(found: int | None, expected: int, what: str) -> None:
    """Raises RuntimeError unless what was found is what was written. None: the system has seen to it itself."""
    if found is not None and found != expected:
        raise RuntimeError(f"{what} is {found}, but {expected} was written; no figure of this is true")


async def _commits(opener: StoreOpener, directory: Path, size: Size) -> Sample:
    """Commits a second, one caller: each changes one node of one of the graphs."""
    random = Random(1)
    written: dict[tuple[int, int], int] = {}
    latencies_us: list[float] = []

    async with opener(directory) as peer:
        peer.fill(size.runs, size.nodes)

        def commit(value: int) -> None:
            place = random.randrange(size.runs), random.randrange(size.nodes)
            begin = perf_counter()
            peer.commit(*place, value)
            latencies_us.append((perf_counter() - begin) * 1e6)
            written[place] = value

        for value in range(size.steps // 10):
            commit(value)
        latencies_us.clear()
        begin = perf_counter()
        while len(latencies_us) < size.steps or perf_counter() - begin < size.seconds:
            commit(size.steps + len(latencies_us))
        elapsed = perf_counter() - begin
        for (graph, node), value in [*written.items()][-ASKED:]:
            _expect(peer.value(graph, node), value, f"node {node} of graph {graph}")
        details = {"p50_us": quantile(latencies_us, 0.5), "p99_us": quantile(latencies_us, 0.99)}
        return Sample(len(latencies_us) / elapsed, details, peer.settings)


async def _commits_at_once(opener: StoreOpener, directory: Path, size: Size) -> Sample:
    """Commits a second of one task a graph, over whole batches until `seconds` have passed."""
    async with opener(directory) as peer:
        peer.fill(size.runs, size.nodes)
        await peer.commit_at_once(size.runs, max(size.steps // 10, 1))
        batches, begin, elapsed = 0, perf_counter(), 0.0
        while not batches or elapsed < size.seconds:
            await peer.commit_at_once(size.runs, size.steps)
            batches, elapsed = batches + 1, perf_counter() - begin
        for graph in range(size.runs):
            for step in (0, size.steps // 2, size.steps - 1):
                _expect(peer.value(graph, step), step, f"node {step} of graph {graph}")
        commits = batches * size.runs * size.steps
        return Sample(commits / elapsed, {"commits": commits, "elapsed_s": elapsed}, peer.settings)


async def _growth(opener: StoreOpener, directory: Path, size: Size) -> Sample:
    """Time of a commit to a graph of `nodes` over that to one of 1,000: batches in turns, each the mean of a snapshot
    period, and their medians. The graphs lie in stores of their own, opened anew and warmed up."""
    sizes = {"small": 1_000, "large": size.nodes}
    for name, nodes in sizes.items():
        (directory / name).mkdir()
        async with opener(directory / name) as peer:
            peer.fill(1, nodes)
    batches: dict[str, list[float]] = {name: [] for name in sizes}
    random = Random(3)
    async with opener(directory / "small") as small, opener(directory / "large") as large:
        peers = {"small": small, "large": large}
        for turn in range(size.runs + 1):
            for name, peer in peers.items():
                changed = [random.randrange(sizes[name]) for _ in range(SNAPSHOT_PERIOD)]
                begin = perf_counter()
                for node in changed:
                    peer.commit(0, node, turn + 1)
                batches[name].append((perf_counter() - begin) / SNAPSHOT_PERIOD * 1e6)
                _expect(peer.value(0, changed[-1]), turn + 1, f"node {changed[-1]}")
        small_us, large_us = (median(batches[name][1:]) for name in sizes)
        details = {"small_us": small_us, "large_us": large_us, "first_large_us": batches["large"][0]}
        return Sample(large_us / small_us, details, small.settings)


async def _old_version(opener: StoreOpener, directory: Path, size: Size) -> Sample:
    """Microseconds to read one node of one version, both random: the median. Each version is read once."""
    told = Told(size.nodes, size.steps)
    random = Random(11)
    pairs = [(version, random.randrange(size.nodes)) for version in range(1, size.steps + 1)]
    random.shuffle(pairs)
    async with opener(directory) as peer:
        peer.history(size.nodes, told.changes)
    async with opener(directory) as peer:
        latencies_us = []
        for version, node in pairs[: size.runs]:
            begin = perf_counter()
            found = peer.read(version, node)
            latencies_us.append((perf_counter() - begin) * 1e6)
            _expect(found, told.value(version, node), f"node {node} in version {version}")
        repeated_us = []
        for version, node in pairs[:ASKED]:
            peer.read(version, node)
            begin = perf_counter()
            peer.read(version, node)
            repeated_us.append((perf_counter() - begin) * 1e6)
        warm = latencies_us[size.runs // 10 :]
        details = {"p99_us": quantile(warm, 0.99), "same_version_again_us": quantile(repeated_us, 0.5)}
        return Sample(quantile(warm, 0.5), details, peer.settings)


async def _rebuild(opener: StoreOpener, directory: Path, size: Size) -> Sample:
    """Milliseconds to the present state from the record of all changes alone; the median of `runs` fresh openings."""
    told = Told(size.nodes, size.steps)
    async with opener(directory, snapshots=False) as peer:
        peer.history(size.nodes, told.changes)
    rebuilt_ms = []
    for _ in range(size.runs):
        async with opener(directory, snapshots=False) as peer:
            begin = perf_counter()
            value = peer.rebuild()
            rebuilt_ms.append((perf_counter() - begin) * 1e3)
            for node in range(size.nodes):
                _expect(value(node), told.value(size.steps, node), f"node {node}")
            settings = peer.settings
    return Sample(median(rebuilt_ms), {"us_per_event": median(rebuilt_ms) * 1e3 / size.steps}, settings)


async def _pinned(opener: StoreOpener, directory: Path, size: Size) -> Sample:
    """Bytes of the closed store after so many commits while a version stays readable, over those without."""
    settings: Mapping[str, str] = {}
    allocated: dict[bool, int] = {}
    for pinned in (False, True):
        place = directory / ("pinned" if pinned else "free")
        place.mkdir()
        nodes = Told(size.nodes, size.steps).changes
        async with opener(place) as peer:
            peer.fill(1, size.nodes)
            if pinned:
                peer.pin()
            for value, node in enumerate(nodes, 1):
                peer.commit(0, node, value)
                if pinned and value % ASKED == 0:
                    _expect(peer.pinned(node), 0, f"node {node} of the pinned version")
            settings = peer.settings
        allocated[pinned], _ = disk_bytes(place)
    details = {"KiB_free": allocated[False] / 1024, "KiB_pinned": allocated[True] / 1024}
    return Sample(allocated[True] / allocated[False], details, settings)


async def _growing_state(opener: StoreOpener, directory: Path, size: Size) -> Sample:
    """Bytes a step of a state that each step adds 100 bytes to: pages in use, free ones left out, store closed."""
    async with opener(directory) as peer:
        peer.grow([f"{step:05}" + PART[5:] for step in range(size.steps)])
        settings = peer.settings
    allocated, apparent = disk_bytes(directory)
    details = {"allocated": allocated / size.steps, "apparent": apparent / size.steps}
    return Sample(peer.page_bytes() / size.steps, details, settings)


def _on_history(act: Callable[[Any, Told, Random, Size], Callable[[], object]]) -> Measure:
    """Microseconds of what only our store has, at random versions of a history: the median. `act` prepares one time
    and returns what is timed."""

    async def measure(opener: StoreOpener, directory: Path, size: Size) -> Sample:
        told, random = Told(size.nodes, size.steps), Random(13)
        async with opener(directory) as peer:
            peer.history(size.nodes, told.changes)
        async with opener(directory) as peer:
            latencies_us = []
            for _ in range(size.runs):
                timed = act(peer, told, random, size)
                begin = perf_counter()
                timed()
                latencies_us.append((perf_counter() - begin) * 1e6)
            return Sample(
                quantile(latencies_us, 0.5),
                {"p99_us": quantile(latencies_us, 0.99), "first_us": latencies_us[0]},
                peer.settings,
            )

    return measure


def _diff(peer: Any, told: Told, random: Random, size: Size) -> Callable[[], object]:
    old = random.randrange(1, size.steps - ASKED)
    expected = len(set(told.changes[old : old + ASKED]))

    def timed() -> None:
        _expect(peer.diff(old, old + ASKED), expected, f"the diff of versions {old} and {old + ASKED}")

    return timed


def _fork(peer: Any, told: Told, random: Random, size: Size) -> Callable[[], object]:
    forks = peer.__dict__.setdefault("forks", count(1))
    return partial(peer.fork, next(forks), random.randrange(1, size.steps + 1))


def _prove(peer: Any, told: Told, random: Random, size: Size) -> Callable[[], object]:
    return partial(peer.prove, random.randrange(1, size.steps + 1), random.randrange(size.nodes))


def _check(peer: Any, told: Told, random: Random, size: Size) -> Callable[[], object]:
    version, node = random.randrange(1, size.steps + 1), random.randrange(size.nodes)
    return partial(peer.check, peer.prove(version, node).text())


_store_row = partial(Row, package="benchmarks.peers.stores")
_old_row = partial(_store_row, peers=(OURS,), unit="us", better="lower", reach=NONE, moonshot=NONE, rounds=3)
_HISTORY = Size(runs=500, steps=1_500, nodes=100_000)
_QUICK_HISTORY = Size(runs=20, steps=200, nodes=1_000)

STORE_ROWS: Mapping[str, Row] = {
    "commit_one": _store_row(
        title="single durable commit to graphs of 1,000 nodes, one caller",
        unit="commits/s",
        better="higher",
        reach="0.5 of raw LMDB",
        moonshot="0.8 of raw LMDB",
        measure=_commits,
        full=Size(runs=10, steps=1_000, seconds=2.0, nodes=1_000),
        quick=Size(runs=2, steps=20, nodes=100),
        peers=(BASE, OURS, "sqlite_wal", "git_pygit2"),
    ),
    "commit_128": _store_row(
        title="durable commits, 128 tasks at once, a graph of 1,000 nodes each",
        unit="commits/s",
        better="higher",
        reach="5,000/s",
        moonshot="10,000/s",
        measure=_commits_at_once,
        full=Size(runs=128, steps=50, seconds=2.0, nodes=1_000),
        quick=Size(runs=16, steps=5, nodes=100),
        peers=(BASE, OURS, "sqlite_wal", "git_pygit2"),
    ),
    "commit_growth": _store_row(
        title="time of a commit, 1,000,000 nodes / 1,000 nodes",
        unit="large/small",
        better="lower",
        reach="2.5",
        moonshot="1.5",
        measure=_growth,
        full=Size(runs=15, steps=0, nodes=1_000_000),
        quick=Size(runs=2, steps=0, nodes=2_000),
        peers=(BASE, OURS),
        rounds=3,
        digits=2,
        limit_s=900.0,
    ),
    "old_version": _store_row(
        title="node at any of 3,000 versions of a 100,000-node graph, p50 (LangGraph: a state of one number)",
        unit="us",
        better="lower",
        reach="300 us",
        moonshot="100 us",
        measure=_old_version,
        full=Size(runs=2_000, steps=3_000, nodes=100_000),
        quick=Size(runs=50, steps=200, nodes=1_000),
        peers=(BASE, OURS, "langgraph_sqlite", "git_pygit2"),
        rounds=3,
    ),
    "rebuild": _store_row(
        title="rebuild 10,000 one-change events of a graph of 100 nodes",
        unit="ms",
        better="lower",
        reach="60 ms",
        moonshot="30 ms",
        measure=_rebuild,
        full=Size(runs=5, steps=10_000, nodes=100),
        quick=Size(runs=1, steps=200, nodes=10),
        peers=(OURS, "eventsourcing_sqlite"),
        rounds=3,
        digits=1,
    ),
    "pinned_version": _store_row(
        title="file after 20,000 commits with a version pinned / without",
        unit="pinned/free",
        better="lower",
        reach="1.1",
        moonshot="1.0",
        measure=_pinned,
        full=Size(runs=1, steps=20_000, nodes=1_000),
        quick=Size(runs=1, steps=200, nodes=100),
        peers=(BASE, OURS),
        rounds=1,
        digits=2,
    ),
    "growing_state": _store_row(
        title="bytes a step, state growing by 100 B a step, 1,000 steps",
        unit="bytes/step",
        better="lower",
        reach="2,000",
        moonshot="1,000",
        measure=_growing_state,
        full=Size(runs=1, steps=1_000),
        quick=Size(runs=1, steps=100),
        peers=(BASE, OURS, "sqlite_wal", "eventsourcing_sqlite", "langgraph_sqlite"),
        rounds=1,
    ),
    "diff": _old_row(
        title="diff of two versions 100 changes apart, 100,000 nodes, p50",
        measure=_on_history(_diff),
        full=_HISTORY,
        quick=_QUICK_HISTORY,
    ),
    "fork": _old_row(
        title="fork of a 100,000-node graph, durable, p50",
        measure=_on_history(_fork),
        full=_HISTORY,
        quick=_QUICK_HISTORY,
    ),
    "prove": _old_row(
        title="proof of a node in an old version, 100,000 nodes, p50",
        measure=_on_history(_prove),
        full=_HISTORY,
        quick=_QUICK_HISTORY,
    ),
    "check_proof": _old_row(
        title="check of such a proof, without the store, p50",
        measure=_on_history(_check),
        full=_HISTORY,
        quick=_QUICK_HISTORY,
    ),
}
