"""Limits: how much a query may take, and the meter that counts it while it runs.

    steps     elements looked at: every loop counts its turns
    seconds   asked of the clock every thousand steps
    values    what is held at one time by sorting, grouping, DISTINCT and collect, and made within one row; what is
              held beside a value (rows, keys, groups) is counted too, so that one stands for some 50 bytes
    rows      rows of the result

Whatever is in a query, each loop of the engine steps the meter, so no query runs, grows or answers without end. The
discipline is that of TigerBeetle's TIGER_STYLE: put a limit on everything.

Only counting may live here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from itonami.query.cypher.errors import ArgumentError, LimitExceeded
from itonami.query.path import Path

__all__ = ["COMPOSITE", "KEY", "ROW", "Holding", "Limits", "Meter", "weight"]

STRIDE = 1_000
"""Steps between two looks at the clock"""
CHARACTERS = 8
"""So many characters of a text count as one value"""
KEY = 1
"""What a key by which values are told apart counts for, beside the value"""
ROW = 1
"""What a row of the result counts for, beside its values"""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may take. Each is a positive number."""

    seconds: float = 30.0
    rows: int = 1_000_000
    steps: int = 1_000_000_000
    values: int = 10_000_000

    def __post_init__(self) -> None:
        for name in ("seconds", "rows", "steps", "values"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
                raise ArgumentError(
                    f"the limit {name} is {value!r}", detail="NumberOutOfRange", fix="give a positive number"
                )


class Meter:
    """Counts one run. `steps` and `due` may be used directly: step, and `check` once `steps` reaches `due`."""

    __slots__ = ("_clock", "_deadline", "due", "held", "limits", "made", "rows", "steps")

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self.steps = 0
        self.rows = 0
        self.held = 0
        self.made = 0
        self.due = min(STRIDE, limits.steps)
        self._clock = clock
        self._deadline = clock() + limits.seconds

    def step(self) -> None:
        """One more element looked at."""
        self.steps += 1
        if self.steps >= self.due:
            self.check()

    def work(self, steps: int) -> None:
        """So many elements looked at by one operation."""
        self.steps += steps
        if self.steps >= self.due:
            self.check()

    def check(self) -> None:
        """`LimitExceeded` when the steps or the time are used up."""
        if self.steps >= self.limits.steps:
            raise _exceeded(f"the query takes more than {self.limits.steps:,} steps", "steps")
        if self._clock() > self._deadline:
            raise _exceeded(f"the query takes longer than {self.limits.seconds:g} s", "seconds")
        self.due = min(self.steps + STRIDE, self.limits.steps)

    def hold(self, values: int) -> None:
        """So many values are kept until the query, or the operator that keeps them, ends."""
        self.held += values
        if self.held > self.limits.values:
            raise _exceeded(f"the query holds more than {self.limits.values:,} values at a time", "values")

    def make(self, values: int) -> None:
        """So many values were made for the row at hand; `made` is set to 0 for the next."""
        self.made += values
        if self.made > self.limits.values:
            raise _exceeded(f"one row makes more than {self.limits.values:,} values", "values")

    def weigh(self, value: Any) -> int:
        """How many values a value counts for. O(that)."""
        kind = type(value)
        if kind not in COMPOSITE and kind not in _TEXTS:
            return 1
        size = weight(value, self.limits.values)
        if size > self.limits.values:
            raise _exceeded(f"a value has more than {self.limits.values:,} parts", "values")
        return size

    def compare(self, value: Any) -> None:
        """Count the steps of comparing a value that has parts, before it is done."""
        if type(value) in COMPOSITE:
            self.work(self.weigh(value))

    def row(self) -> None:
        """One more row of the result."""
        self.rows += 1
        if self.rows > self.limits.rows:
            raise _exceeded(f"the result has more than {self.limits.rows:,} rows", "rows")


class Holding:
    """What one operator holds while it runs: `with Holding(meter) as holding: holding.add(n)`."""

    __slots__ = ("_held", "_meter")

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._held = 0

    def __enter__(self) -> Holding:
        return self

    def add(self, values: int) -> None:
        """So many values more."""
        self._held += values
        self._meter.hold(values)

    def keep(self, value: Any) -> None:
        """One value more, and its parts."""
        self.add(self._meter.weigh(value))

    def drop(self) -> None:
        """All of them are let go."""
        self._meter.held -= self._held
        self._held = 0

    def __exit__(self, *error: object) -> None:
        self.drop()


def _exceeded(what: str, limit: str) -> LimitExceeded:
    error = LimitExceeded(
        what, detail="LimitExceeded", fix=f"ask for less (LIMIT), or raise it: Limits({limit}=...)"
    )
    error.limit = limit
    return error


COMPOSITE = frozenset((list, dict, Path))
_TEXTS = frozenset((str, bytes))
_PARTS: dict[type, Callable[[Any], Any]] = {
    list: lambda items: items,
    dict: lambda entries: entries.values(),
    Path: lambda path: (*path.nodes, *path.relationships),
}


def weight(value: Any, most: int) -> int:
    """How many values a value counts for: 1, and its parts, as often as they stand in it; counting stops beyond `most`.

    A part that stands in a value many times is one object in memory, but whoever compares or prints it meets it as
    often.
    """
    total, parts = 0, [value]
    while parts and total <= most:
        part = parts.pop()
        kind = type(part)
        total += 1
        if kind in _TEXTS:
            total += len(part) // CHARACTERS
        elif kind in COMPOSITE:
            items = _PARTS[kind](part)
            rest = [item for item in items if type(item) in COMPOSITE or type(item) in _TEXTS]
            total += len(items) - len(rest)
            parts += rest
    return total
