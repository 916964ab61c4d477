"""A program: a query parsed, checked and compiled, ready to be run on any source.

    text --parse--> tree --check--> columns --compile--> Program --execute--> rows

A program knows no graph: it is kept and run again for another version, another store, other parameters. Rows come out
as tuples, one at a time.

Nothing here knows clauses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from itonami.query.context import Context
from itonami.query.cypher.ast import Query
from itonami.query.cypher.checks import check
from itonami.query.cypher.errors import ArgumentError
from itonami.query.cypher.parser import parse
from itonami.query.engine.clauses import ClauseCompiler
from itonami.query.engine.limits import KEY, ROW, Meter
from itonami.query.engine.place import placed
from itonami.query.engine.procedures import Procedures
from itonami.query.engine.runtime import HERE, Profile, Runtime, Stage, chained
from itonami.query.engine.scope import Frame, Scope
from itonami.query.engine.source import Source
from itonami.query.faults import not_given
from itonami.query.functions import FUNCTIONS
from itonami.query.values import Value, group_key

__all__ = ["Program", "compiled", "prepare"]

Mode = Literal["EXPLAIN", "PROFILE"] | None


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled query. `parts` are its operators and the slots of its columns, one for each part of a UNION."""

    text: str
    columns: tuple[str, ...]
    parts: tuple[tuple[Sequence[Stage], tuple[int, ...]], ...]
    union_all: bool
    width: int
    parameters: frozenset[str]
    reads_default: bool
    mode: Mode = None

    def runtime(
        self,
        source: Source,
        params: Mapping[str, Value],
        meter: Meter,
        *,
        now: datetime | None = None,
        profile: Profile | None = None,
    ) -> Runtime:
        """What a run of this program starts from. Raises `ParameterMissing`, `ArgumentError` for a `now` without a
        zone, and what reading the default graph raises."""
        missing = sorted(self.parameters - params.keys())
        if missing and self.mode != "EXPLAIN":
            found = re.search(rf"\${re.escape(missing[0])}\b", self.text)
            raise placed(not_given(missing[0]), self.text, found.start() if found else 0)
        context = Context(now=_moment(now), tick=_looking(meter), hold=meter.hold)
        runtime = Runtime(source, params, context, meter, self.width, profile)
        if self.reads_default:
            runtime.fixed[HERE] = runtime.version(None, None)
        return runtime

    def execute(self, runtime: Runtime) -> Iterator[tuple[Value, ...]]:
        """The rows of the result. Raises what evaluating them raises; `LimitExceeded`."""
        seen: set[object] | None = None if self.union_all or len(self.parts) == 1 else set()
        meter = runtime.meter
        for stages, slots in self.parts:
            for row in chained(stages, runtime, (runtime.first_row(),)):
                values = tuple([row[slot] for slot in slots])
                size = sum(map(meter.weigh, values))
                if seen is not None:
                    key = tuple(map(group_key, values))
                    if key in seen:
                        continue
                    seen.add(key)
                    size += KEY * len(key)
                meter.row()
                meter.hold(size + ROW)
                yield values


def _moment(now: datetime | None) -> datetime:
    if now is None:
        return datetime.now(UTC)
    if not isinstance(now, datetime) or now.tzinfo is None:
        raise ArgumentError(
            f"now= is {now!r}, no moment", detail="InvalidArgumentValue", fix="pass a datetime with a tzinfo"
        )
    return now


def _looking(meter: Meter) -> Callable[[], None]:
    """Counts a step, and looks at the clock at each: a version or event takes as long as many steps."""

    def tick() -> None:
        meter.steps += 1
        meter.check()

    return tick


def compiled(query: Query, columns: tuple[str, ...], procedures: Procedures) -> Program:
    """The program of a tree that was checked. O(size)."""
    frame = Frame()
    compiler = ClauseCompiler(query.text, frame, procedures)
    parts = []
    for part in query.parts:
        stages, scope = compiler.part(part, Scope(), asked=query.union_all or len(query.parts) == 1)
        parts.append((tuple(stages), tuple(scope.names[name].slot for name in columns)))
    return Program(
        query.text,
        columns,
        tuple(parts),
        query.union_all,
        frame.width,
        frozenset(compiler.parameters),
        compiler.reads_default,
        query.mode,
    )


def prepare(text: str, procedures: Procedures, meter: Meter | None = None) -> Program:
    """The program of a text. Raises `QuerySyntaxError`, `QueryTypeError`, `ProcedureError`; O(length), the longest take
    some two seconds; a meter's clock is looked at between the stages."""
    query = parse(text)
    if meter is not None:
        meter.check()
    columns = check(query, FUNCTIONS, procedures)
    if meter is not None:
        meter.check()
    return compiled(query, columns, procedures)
