"""What a row of the budgets table is, and a sample of it; the vocabulary of everything else here.

No rows may live here (`engine_rows`, `store_rows`, `rules_rows`), and nothing about any one system (`peers`).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any, Literal

__all__ = ["BASE", "OURS", "Measure", "Row", "Sample", "Size", "disk_bytes", "quantile"]

OURS = "itonami"
BASE = "raw_lmdb"
"""The system whose figure is the unit of the ratios."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is run: workflows (or graphs), steps in each (or commits), how many at once, for how long at
    least, in seconds, and how many nodes a graph has."""

    runs: int
    steps: int
    at_once: int = 1
    seconds: float = 0.0
    nodes: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure of one round, with what stands behind it, and the system's settings as read back from it."""

    value: float
    details: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)


Measure = Callable[[Any, Path, Size], Coroutine[Any, Any, Sample]]
"""From the opener of a system (of the row's `package`), an empty directory and a size to a figure."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the budgets table. `package` holds the systems; `limit_s` bounds one measurement of one."""

    title: str
    unit: str
    better: Literal["higher", "lower"]
    reach: str
    moonshot: str
    measure: Measure
    full: Size
    quick: Size
    peers: tuple[str, ...]
    package: str = "benchmarks.peers"
    rounds: int = 5
    digits: int = 0
    limit_s: float = 300.0


def quantile(values: list[float], q: float) -> float:
    """The smallest of `values` that at least the share `q` of them do not exceed (the nearest rank)."""
    return sorted(values)[max(ceil(q * len(values)), 1) - 1]


def disk_bytes(directory: Path) -> tuple[int, int]:
    """Bytes allocated to the files under `directory`, and their lengths."""
    stats = [path.stat() for path in directory.rglob("*") if path.is_file()]
    return sum(stat.st_blocks for stat in stats) * 512, sum(stat.st_size for stat in stats)
