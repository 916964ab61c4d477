"""`run`: one query on a store or a graph value.

    run(store, "MATCH (o:Order) WHERE o.total > $least RETURN o", graph="order-17", at=42, params={"least": 100})
    run(graph, "MATCH (a)-->(b) RETURN count(*)")

A text is parsed, checked and compiled once, and the program kept (the most recent `CACHED` texts); a run binds it to a
version, parameters and a clock.

Nothing here knows the language.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from itonami.graphstore.graph import GraphView
from itonami.graphstore.points import Point
from itonami.graphstore.reading import Reader
from itonami.query.cypher.errors import ArgumentError, LimitExceeded, with_article
from itonami.query.engine.explain import EXPLAINED, PROFILED, Line, explain, profile, text_of
from itonami.query.engine.limits import Limits, Meter
from itonami.query.engine.procedures import Procedure, Procedures
from itonami.query.engine.program import Program, prepare
from itonami.query.engine.runtime import Profile
from itonami.query.engine.source import Source, StoreSource, ValueSource
from itonami.query.parameters import parameters
from itonami.query.procedures import PROCEDURES
from itonami.query.result import Result

__all__ = ["run"]

CACHED = 256
_VIEW = ("node", "edge", "nodes", "edges", "out", "into")
"""What a graph value can be asked (`GraphView`)"""
LONGEST_CACHED = 20_000
"""Characters: longer texts are made by machines, each once"""


@lru_cache(maxsize=CACHED)
def _kept(text: str, procedures: frozenset[Procedure]) -> Program:
    return prepare(text, {procedure.name: procedure for procedure in procedures})


def _program(text: str, procedures: Procedures, meter: Meter) -> Program:
    if not isinstance(text, str):
        raise ArgumentError(f"a query is text, not {with_article(type(text).__name__)}")
    if len(text) > LONGEST_CACHED:
        return prepare(text, procedures, meter)
    return _kept(text, frozenset(procedures.values()))


def _source(target: Reader | GraphView, graph: str | None, at: Point | None) -> Source:
    if isinstance(target, Reader):
        return StoreSource(target, graph, at)
    if not all(hasattr(target, name) for name in _VIEW):
        raise ArgumentError(
            f"{with_article(type(target).__name__)} cannot be queried", fix="pass a store, a Graph or a Head"
        )
    if graph is not None or at is not None:
        raise ArgumentError(
            "a graph value has neither name nor history", fix="leave out graph= and at=, or pass the store"
        )
    return ValueSource(target)


def run(
    target: Reader | GraphView,
    text: str,
    *,
    graph: str | None = None,
    at: Point | None = None,
    params: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
    procedures: Procedures | None = None,
    now: datetime | None = None,
) -> Result:
    """The result of a query.

    `target` is a store, of which `graph` names the graph that a query without USE reads and `at` the point in time
    where the query names none; or a `Graph` or `Head`. `now` (aware) is the statement's moment, else the wall clock's.

    Raises `QueryError` by cause: `QuerySyntaxError`, `ReadOnlyQuery`, `QueryTypeError`, `ArgumentError`,
    `ParameterMissing`, `EntityNotFound`, `ProcedureError`, `LimitExceeded`; and what reading the store raises.
    Compiling costs O(length of the text), once.
    """
    if not isinstance(limits, Limits | None):
        raise ArgumentError(
            f"limits= is {with_article(type(limits).__name__)}", fix="pass Limits(seconds=...)"
        )
    source, bound, meter = _source(target, graph, at), parameters(params), Meter(limits or Limits())
    try:
        program = _program(text, PROCEDURES if procedures is None else procedures, meter)
        counts = Profile() if program.mode == "PROFILE" else None
        runtime = program.runtime(source, bound, meter, now=now, profile=counts)
        if program.mode is None:
            return Result(program.columns, tuple(program.execute(runtime)))
        return _planned((explain if counts is None else profile)(program, runtime), counts is not None)
    except RecursionError:
        raise LimitExceeded(
            "the query has too many clauses, or nests too deep", detail="LimitExceeded", fix="split it"
        ) from None


def _planned(lines: list[Line], counted: bool) -> Result:
    """The lines of a plan as a result."""
    if counted:
        rows = tuple((line.operator, line.detail, line.rows, line.steps) for line in lines)
        return Result(PROFILED, rows, text_of(lines))
    return Result(EXPLAINED, tuple((line.operator, line.detail) for line in lines), text_of(lines))
