"""One run of a query: its parameters, graphs, meter and profile; and the rows that run through it.

A row is a list of slots, as wide as the query has variables; slot 0 holds the `Runtime`, slot 1 the version that is
read where nothing else is said. Rows are volatile: an operator writes its slots into the row it was given and hands
the same row on, so whoever keeps anything beyond the next row keeps values, or a copy. That makes a match a chain of
generators over one list (the frame of Selinger et al., Access Path Selection in a Relational DBMS, SIGMOD 1979).

No operator may live here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from itonami.graphstore.points import Point
from itonami.query.context import Context
from itonami.query.engine.limits import Meter
from itonami.query.engine.source import Source
from itonami.query.engine.version import Version
from itonami.query.values import Value

__all__ = [
    "HERE",
    "RUNTIME",
    "Condition",
    "Evaluate",
    "Profile",
    "Row",
    "Runtime",
    "Stage",
    "chained",
    "no_stages",
]

Row: TypeAlias = list[Any]
Evaluate: TypeAlias = Callable[[Row], Value]
Condition: TypeAlias = Callable[[Row], "bool | None"]
RUNTIME, HERE = 0, 1
"""The slots of the runtime and of the version that is read by default"""


@dataclass(slots=True)
class Runtime:
    """What one run knows. `width` is that of its rows; `fixed` are the versions that every row has, by slot."""

    source: Source
    params: Mapping[str, Value]
    context: Context
    meter: Meter
    width: int
    profile: Profile | None = None
    chains: dict[tuple[object, object], Sequence[Stage]] = field(default_factory=dict)
    fixed: dict[int, Version] = field(default_factory=dict)
    _versions: dict[tuple[str | None, Point | None], Version] = field(default_factory=dict)

    def version(self, name: str | None, point: Point | None) -> Version:
        """A graph at a point in time, read once a run. Raises `EntityNotFound`, `ArgumentError`, `LimitExceeded`."""
        key = (name, point)
        found = self._versions.get(key)
        if found is None:
            known = name if name is not None else self.source.name
            view = self.source.graph(name, point, self.context)
            found = self._versions[key] = Version(view, known, point, self.meter)
        return found

    def first_row(self) -> Row:
        """A row with nothing in it."""
        row: Row = [None] * self.width
        row[RUNTIME] = self
        for slot, version in self.fixed.items():
            row[slot] = version
        return row


def no_stages(runtime: Runtime) -> Sequence[Stage]:
    """The parts of a stage that has none."""
    return ()


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """One operator: rows in, rows out. `name` and `detail` are what EXPLAIN shows, `parts` what it is made
    of in a run."""

    name: str
    detail: str
    run: Callable[[Runtime, Iterable[Row]], Iterator[Row]]
    parts: Callable[[Runtime], Sequence[Stage]] = no_stages


@dataclass(slots=True)
class Profile:
    """Rows and steps of every operator of one run; the steps of operators that feed it are not an operator's own."""

    rows: dict[Stage, int] = field(default_factory=dict)
    steps: dict[Stage, int] = field(default_factory=dict)
    within: int = 0

    def watch(self, stage: Stage, meter: Meter, rows: Iterable[Row]) -> Iterator[Row]:
        """The same rows, counted."""
        self.rows.setdefault(stage, 0)
        self.steps.setdefault(stage, 0)
        source = iter(rows)
        while True:
            outside, self.within = self.within, 0
            before = meter.steps
            row = next(source, None)
            taken = meter.steps - before
            self.steps[stage] += taken - self.within
            self.within = outside + taken
            if row is None:
                return
            self.rows[stage] += 1
            yield row


def chained(stages: Sequence[Stage], runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
    """The rows that come out of a chain of operators."""
    profile = runtime.profile
    for stage in stages:
        rows = stage.run(runtime, rows)
        if profile is not None:
            rows = profile.watch(stage, runtime.meter, rows)
    return iter(rows)
