"""Aggregates: `AGGREGATES[name](context)` makes an accumulator, fed by `step(value, ...)`, asked by `result()`.

Null is skipped by all. DISTINCT is the caller's: it feeds one value of each `group_key`. `count(*)` is `count` fed
something for every row. Sums and means of integers are exact; a sum beyond 64 bits is an error.

Reference: openCypher 9 language reference, section 3.7; B. P. Welford, Technometrics 4 (1962), for the variance;
TCK, Aggregation1 to Aggregation8.

Only accumulators may live here.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import ClassVar

from itonami.query.context import Context
from itonami.query.faults import out_of_range, wrong_type
from itonami.query.temporal import Duration
from itonami.query.values.arithmetic import within
from itonami.query.values.domain import Value, as_float, is_number, spoken_type
from itonami.query.values.ordering import SortKey, sort_key

__all__ = ["AGGREGATES", "Aggregate"]


class Aggregate:
    """An accumulator over the rows of one group. `args` is how many expressions it takes."""

    name: ClassVar[str]
    args: ClassVar[int] = 1
    __slots__ = ("context",)

    def __init__(self, context: Context) -> None:
        self.context = context

    def step(self, value: Value, *more: Value) -> None:
        """Take one row's value; null is skipped."""
        if value is not None:
            self.take(value, *more)

    def take(self, value: Value, *more: Value) -> None:
        """Take a value that is not null."""
        raise NotImplementedError

    def result(self) -> Value:
        """The aggregate of what was taken so far."""
        raise NotImplementedError

    def number(self, value: Value) -> float:
        """The value, when it is a number."""
        if not is_number(value):
            raise wrong_type(f"{self.name}() takes numbers, not {spoken_type(value)}")
        return value  # type: ignore[no-any-return]


class Count(Aggregate):
    """How many values."""

    name = "count"
    __slots__ = ("seen",)

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.seen = 0

    def take(self, value: Value, *more: Value) -> None:
        self.seen += 1

    def result(self) -> int:
        return self.seen


class _Total(Count):
    """A sum kept in the three sorts that can be summed; numbers and durations do not mix."""

    __slots__ = ("durations", "floats", "integers")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.integers = 0
        self.floats: float | None = None
        self.durations: Duration | None = None

    def take(self, value: Value, *more: Value) -> None:
        if type(value) is int and self.durations is None:
            self.integers += value
        elif type(value) is Duration and (self.durations is not None or not self.seen):
            self.durations = value if self.durations is None else self.durations + value
        elif not is_number(value) or self.durations is not None:
            raise wrong_type(
                f"{self.name}() takes numbers only or durations only, and met {spoken_type(value)}"
            )
        else:
            self.floats = value if self.floats is None else self.floats + value
        self.seen += 1


class Sum(_Total):
    """Their sum; 0 of none."""

    name = "sum"
    __slots__ = ()

    def result(self) -> Value:
        if self.durations is not None:
            return self.durations
        if self.floats is not None:
            return as_float(self.integers) + self.floats
        return within(self.integers, "sum()")


class Avg(_Total):
    """Their mean; null of none."""

    name = "avg"
    __slots__ = ()

    def result(self) -> Value:
        if not self.seen:
            return None
        if self.durations is not None:
            return self.durations.divided(self.seen)
        if self.floats is not None:
            return (as_float(self.integers) + self.floats) / self.seen
        return as_float(Fraction(self.integers, self.seen))


class Min(Aggregate):
    """The first in order; null of none."""

    name = "min"
    __slots__ = ("best", "key")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.best: Value = None
        self.key: SortKey | None = None

    def better(self, key: SortKey, best: SortKey) -> bool:
        """Whether one key stands before the best so far."""
        return key < best

    def take(self, value: Value, *more: Value) -> None:
        key = sort_key(value)
        if self.key is None or self.better(key, self.key):
            self.best, self.key = value, key

    def result(self) -> Value:
        return self.best


class Max(Min):
    """The last in order; null of none."""

    name = "max"
    __slots__ = ()

    def better(self, key: SortKey, best: SortKey) -> bool:
        return key > best


class Collect(Aggregate):
    """All of them, as a list."""

    name = "collect"
    __slots__ = ("items",)

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.items: list[Value] = []

    def take(self, value: Value, *more: Value) -> None:
        self.items.append(value)
        self.context.check_list(len(self.items), "collect()")

    def result(self) -> list[Value]:
        return self.items


class StDev(Aggregate):
    """Standard deviation of a sample: the sum of squares is divided by n - 1."""

    name = "stDev"
    spare = 1
    __slots__ = ("mean", "seen", "squares")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.seen, self.mean, self.squares = 0, 0.0, 0.0

    def take(self, value: Value, *more: Value) -> None:
        number = as_float(self.number(value))
        self.seen += 1
        delta = number - self.mean
        self.mean += delta / self.seen
        self.squares += delta * (number - self.mean)

    def result(self) -> float:
        return 0.0 if self.seen < 2 else math.sqrt(self.squares / (self.seen - self.spare))


class StDevP(StDev):
    """Standard deviation of a whole population: divided by n."""

    name = "stDevP"
    spare = 0
    __slots__ = ()


class PercentileDisc(Aggregate):
    """The value at a percentile: the least of which at least that share is not greater."""

    name = "percentileDisc"
    args = 2
    __slots__ = ("numbers", "share")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.numbers: list[float] = []
        self.share: float | None = None

    def step(self, value: Value, *more: Value) -> None:
        (share,) = more
        if share is not None:
            if not 0 <= self.number(share) <= 1:
                raise out_of_range(f"the percentile {share} is outside 0.0 to 1.0")
            self.share = float(share)
        super().step(value, *more)

    def take(self, value: Value, *more: Value) -> None:
        self.numbers.append(self.number(value))
        self.context.check_list(len(self.numbers), f"{self.name}()")

    def result(self) -> Value:
        if not self.numbers or self.share is None:
            return None
        return sorted(self.numbers, key=sort_key)[max(math.ceil(self.share * len(self.numbers)) - 1, 0)]


class PercentileCont(PercentileDisc):
    """The value at a percentile, linearly between the two nearest; always a float."""

    name = "percentileCont"
    __slots__ = ()

    def result(self) -> Value:
        if not self.numbers or self.share is None:
            return None
        ordered = sorted(self.numbers, key=sort_key)
        place = self.share * (len(ordered) - 1)
        low = math.floor(place)
        high = min(low + 1, len(ordered) - 1)
        weight = place - low
        below, above = as_float(ordered[low]), as_float(ordered[high])
        return below if weight == 0 else below * (1 - weight) + above * weight


_ALL: tuple[type[Aggregate], ...] = (
    Count, Sum, Avg, Min, Max, Collect, StDev, StDevP, PercentileCont, PercentileDisc,
)  # fmt: skip

AGGREGATES: dict[str, type[Aggregate]] = {kind.name.lower(): kind for kind in _ALL} | {
    "collect_list": Collect,
    "stddev_samp": StDev,
    "stddev_pop": StDevP,
    "percentile_cont": PercentileCont,
    "percentile_disc": PercentileDisc,
}
"""Aggregates by lower-case name; those with underscores are GQL's spellings."""
