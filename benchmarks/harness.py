"""How a comparison is made fair: rounds, processes, and the arithmetic of ratios.

The systems are measured in turns, A B C A B C ..., each in a fresh process on a fresh directory, so that a
machine that slows down or a neighbour that wakes up falls on all of them. A system's figure is the median
over the rounds. A ratio is the median of the rounds' own ratios, of two figures taken seconds apart, which
the drift between rounds leaves untouched (paired observations: R. Jain, The Art of Computer Systems
Performance Analysis, 1991, chapter 13).

What a row measures is no business of this module, nor is how a summary is shown.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.row import BASE, OURS, Row, Sample
from benchmarks.rows import ROWS

__all__ = ["Absent", "Series", "measure_once", "measure_row", "paired_ratio", "summary"]

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Absent:
    """Why there is no figure. `failed` tells a system that broke from one that is not installed."""

    why: str
    failed: bool


@dataclass(frozen=True, slots=True)
class Series:
    """One system's samples, one a round."""

    samples: tuple[Sample, ...]

    @property
    def value(self) -> float:
        """The median over the rounds."""
        return median(sample.value for sample in self.samples)

    @property
    def details(self) -> dict[str, float]:
        """Each detail's median over the rounds."""
        return {
            key: median(sample.details[key] for sample in self.samples) for key in self.samples[0].details
        }


def paired_ratio(one: Series, other: Series) -> float:
    """The median over the rounds of `one` divided by `other`."""
    return median(a.value / b.value for a, b in zip(one.samples, other.samples, strict=True))


def measure_once(peer: str, row_name: str, *, quick: bool) -> Sample | Absent:
    """Measure a row on one system, in a new process and a new directory, both gone afterwards."""
    with TemporaryDirectory(prefix="benchmark-") as directory:
        command = [sys.executable, "-m", "benchmarks.worker", peer, row_name, directory]
        command += ["--quick"] if quick else []
        try:
            done = subprocess.run(
                command, cwd=REPOSITORY, capture_output=True, text=True, timeout=ROWS[row_name].limit_s
            )
        except subprocess.TimeoutExpired as error:
            return Absent(f"not done after {error.timeout:.0f} s", failed=True)
    if done.returncode:
        return Absent(f"failed: {_last_line(done.stderr)}", failed=True)
    outcome = json.loads(_last_line(done.stdout))
    return Absent(outcome["absent"], failed=False) if "absent" in outcome else Sample(**outcome)


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def measure_row(
    name: str, peers: Iterable[str], *, quick: bool, tell: Callable[[str], None]
) -> dict[str, Series | Absent]:
    """Measure a row on the systems in turns; one found absent is not asked again. `tell` hears progress."""
    row = ROWS[name]
    rounds = 1 if quick else row.rounds
    samples: dict[str, list[Sample]] = {peer: [] for peer in peers}
    absent: dict[str, Absent] = {}
    for turn in range(1, rounds + 1):
        for peer in samples:
            if peer in absent:
                continue
            outcome = measure_once(peer, name, quick=quick)
            if isinstance(outcome, Absent):
                absent[peer] = outcome
                tell(f"{name}: {peer} skipped, {outcome.why}")
            else:
                samples[peer].append(outcome)
                tell(f"{name} {turn}/{rounds}: {peer} {outcome.value:,.{row.digits}f} {row.unit}")
    return {peer: absent[peer] if peer in absent else Series(tuple(samples[peer])) for peer in samples}


def summary(row: Row, measured: Mapping[str, Series | Absent]) -> dict[str, object]:
    """A row's outcome as the JSON shows it.

    `value` is ours and `peers` holds the others'; `ratio` is ours over raw LMDB's, `best_peer` the best of
    the remaining systems and `best_peer_ratio` ours over that; `ratios` is each system over raw LMDB. A
    figure that could not be had is null, and `skipped` says why.
    """
    series = {peer: found for peer, found in measured.items() if isinstance(found, Series)}
    base, ours = series.get(BASE), series.get(OURS)
    rivals = {peer: found for peer, found in series.items() if peer not in (BASE, OURS)}
    choose = max if row.better == "higher" else min
    best = choose(rivals, key=lambda peer: rivals[peer].value) if rivals else None
    return {
        "title": row.title,
        "value": ours.value if ours else None,
        "unit": row.unit,
        "better": row.better,
        "peers": {peer: found.value for peer, found in series.items() if peer != OURS},
        "ratio": paired_ratio(ours, base) if ours and base else None,
        "best_peer": best,
        "best_peer_ratio": paired_ratio(ours, rivals[best]) if ours and best else None,
        "ratios": {peer: paired_ratio(found, base) for peer, found in series.items()} if base else {},
        "reach": row.reach,
        "moonshot": row.moonshot,
        "rounds": max((len(found.samples) for found in series.values()), default=0),
        "details": {peer: found.details for peer, found in series.items()},
        "settings": {peer: dict(found.samples[0].settings) for peer, found in series.items()},
        "skipped": {peer: found.why for peer, found in measured.items() if isinstance(found, Absent)},
    }
