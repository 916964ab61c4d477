"""EXPLAIN and PROFILE: a program's operators as a table, an operator's parts indented below it.

    operator            detail              rows    steps
    Match
      Scan              (n:Person), 3 nodes    3        3
      Walk              (n)-[:KNOWS]->(m)      4        4
    Project             m.name                 4        4

The order of moves is that for the version the query reads by default; a match in a version that is only known while
the query runs (AS OF, USE) shows its parts in PROFILE. `rows` are those an operator gave, `steps` the elements it
looked at itself, what feeds it left out.

Nothing is planned here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from itonami.query.engine.program import Program
from itonami.query.engine.runtime import Profile, Runtime, Stage

__all__ = ["EXPLAINED", "PROFILED", "Line", "explain", "profile", "text_of"]

EXPLAINED, PROFILED = ("operator", "detail"), ("operator", "detail", "rows", "steps")


@dataclass(frozen=True, slots=True)
class Line:
    """One operator; `depth` is how far it is indented."""

    depth: int
    name: str
    detail: str
    rows: int | None = None
    steps: int | None = None

    @property
    def operator(self) -> str:
        """The name, indented."""
        return "  " * self.depth + self.name


def explain(program: Program, runtime: Runtime) -> list[Line]:
    """The operators that would run."""
    return list(_lines(program, runtime, None))


def profile(program: Program, runtime: Runtime) -> list[Line]:
    """The operators that ran, with their rows and steps: the query is run and its rows are thrown away."""
    assert runtime.profile is not None
    for _ in program.execute(runtime):
        pass
    return list(_lines(program, runtime, runtime.profile))


def _lines(program: Program, runtime: Runtime, profile: Profile | None) -> Iterator[Line]:
    for number, (stages, _) in enumerate(program.parts):
        if number:
            yield Line(0, "Union", "ALL" if program.union_all else "DISTINCT")
        yield from _of(stages, 0, runtime, profile)


def _of(stages: Sequence[Stage], depth: int, runtime: Runtime, profile: Profile | None) -> Iterator[Line]:
    for stage in stages:
        rows = None if profile is None else profile.rows.get(stage, 0)
        steps = None if profile is None else profile.steps.get(stage, 0)
        yield Line(depth, stage.name, stage.detail, rows, steps)
        yield from _of(stage.parts(runtime), depth + 1, runtime, profile)


def text_of(lines: Sequence[Line]) -> str:
    """The lines as a table of text."""
    columns = EXPLAINED if all(line.rows is None for line in lines) else PROFILED
    cells = [columns, *(_cells(line)[: len(columns)] for line in lines)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(columns))]
    return "\n".join(_aligned(row, widths) for row in cells)


def _cells(line: Line) -> tuple[str, ...]:
    counts = (line.rows, line.steps)
    return (line.operator, line.detail, *("" if count is None else f"{count:,}" for count in counts))


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    texts = [cell.ljust(width) for cell, width in zip(row[:2], widths, strict=False)]
    numbers = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
    return "  ".join(texts + numbers).rstrip()
