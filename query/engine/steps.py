"""Links of many steps: variable lengths `-[:T*1..3]->` and quantified paths `((a)-[:T]->(b)){1,3}`.

Both are walks that meet no relationship twice (trails), searched depth first on a stack of iterators, so that depth
costs no recursion and a consumer that stops early stops the search. A trail of n relationships takes n frames; the
number of trails may grow exponentially with their length, which is what the limits are for.

Reference: ISO/IEC 39075:2024, section 16.11 (path modes, TRAIL); openCypher TCK, Match4, Match5, Match9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from itonami.graphstore.graph import Edge, Node
from itonami.query.engine.moves import Others, Run, as_it_was, way_of
from itonami.query.engine.pattern import Link
from itonami.query.engine.runtime import Condition, Row, Runtime, Stage, chained
from itonami.query.engine.version import Version

__all__ = ["Inner", "reach", "retrace", "rounds", "steps"]


def _reached(row: Row, end: int, bound: bool, version: Version, id: str) -> bool:
    """Whether a trail may end at a node; binds the end if it is free."""
    if bound:
        return bool(row[end].id == id)
    row[end] = version.find(id)
    return True


def steps(
    link: Link,
    forward: bool,
    start: int,
    end: int,
    bound: bool,
    graph: int,
    others: Others,
    one: int,
    each: Sequence[Condition],
) -> Run:
    """Along a link of variable length; the list comes in reading order, whichever end the search began at."""
    way, types, slot = way_of(link, forward), link.types, link.slot
    assert link.length is not None
    low, high = link.length.low, link.length.high

    def follow(row: Row, version: Version, id: str) -> Iterator[tuple[Edge, str]]:
        for edge in version.edges_at(id, way, types):
            yield edge, edge.target if edge.source == id else edge.source

    def emitted(row: Row, version: Version, path: list[Edge], id: str) -> bool:
        if len(path) < low or not _reached(row, end, bound, version, id):
            return False
        row[slot] = path.copy() if forward else path[::-1]
        return True

    def fits(row: Row, edge: Edge, met: set[str]) -> bool:
        if edge.id in met or others.has(row, edge.id):
            return False
        row[one] = edge
        return all(condition(row) is True for condition in each)

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        meter = runtime.meter
        for row in rows:
            version: Version = row[graph]
            here = row[start].id
            path: list[Edge] = []
            met: set[str] = set()
            if emitted(row, version, path, here):
                yield row
            stack = [follow(row, version, here)] if high is None or high > 0 else []
            while stack:
                found = next(stack[-1], None)
                if found is None:
                    stack.pop()
                    if path:
                        met.discard(path.pop().id)
                    continue
                meter.step()
                edge, far = found
                if not fits(row, edge, met):
                    continue
                path.append(edge)
                met.add(edge.id)
                if emitted(row, version, path, far):
                    yield row
                if high is None or len(path) < high:
                    stack.append(follow(row, version, far))
                else:
                    met.discard(path.pop().id)

    return run


def reach(
    link: Link,
    forward: bool,
    start: int,
    end: int,
    bound: bool,
    graph: int,
    one: int,
    each: Sequence[Condition],
) -> Run:
    """The nodes at the other end of a link of variable length, each once, nearest first: for those who do not ask along
    which trail, or how many. The least length is 0 or 1, and a shortest walk is a trail. O(edges)."""
    way, types = way_of(link, forward), link.types
    assert link.length is not None
    low, high = link.length.low, link.length.high

    def beyond(row: Row, runtime: Runtime, here: str, seen: set[str]) -> Iterator[str]:
        for edge in row[graph].edges_at(here, way, types):
            runtime.meter.step()
            far = edge.target if edge.source == here else edge.source
            if far not in seen:
                row[one] = edge
                if all(condition(row) is True for condition in each):
                    seen.add(far)
                    yield far

    def reached(row: Row, runtime: Runtime) -> Iterator[str]:
        first = row[start].id
        seen: set[str] = set()
        if low == 0:
            seen.add(first)
            yield first
        frontier, length = [first], 0
        while frontier and (high is None or length < high):
            length += 1
            further: list[str] = []
            for here in frontier:
                for far in beyond(row, runtime, here, seen):
                    further.append(far)
                    yield far
            frontier = further

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            for id in reached(row, runtime):
                if _reached(row, end, bound, row[graph], id):
                    yield row
                    if bound:
                        break

    return run


def retrace(link: Link, forward: bool, start: int, end: int, bound: bool, graph: int, others: Others) -> Run:
    """Along a list of relationships that was bound before, if it is a trail that fits."""
    way, types = way_of(link, forward), link.types
    assert link.length is not None
    low, high = link.length.low, link.length.high

    def end_of(edges: list[Edge], here: str) -> str | None:
        for edge in edges:
            leaves, arrives = edge.source == here and way != "in", edge.target == here and way != "out"
            if not (leaves or arrives) or (types is not None and edge.label not in types):
                return None
            here = edge.target if leaves else edge.source
        return here

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            given = row[link.slot]
            if type(given) is not list or not all(type(edge) is Edge for edge in given):
                continue
            runtime.meter.work(1 + len(given))
            ids = [edge.id for edge in given]
            if len(given) < low or (high is not None and len(given) > high) or len(set(ids)) < len(ids):
                continue
            if not all(as_it_was(row[graph], edge) for edge in given):
                continue
            far = end_of(given if forward else given[::-1], row[start].id)
            if far is None or any(others.has(row, id) for id in ids):
                continue
            if _reached(row, end, bound, row[graph], far) and row[end] is not None:
                yield row

    return run


@dataclass(frozen=True, slots=True)
class Inner:
    """One round of a quantified path: its operators, from the slot where it starts to the slot where it ends.

    `links` are the slots of its relationships in reading order (True: a list), `lists` what is collected into what.
    """

    stages: Callable[[Runtime, Version], Sequence[Stage]]
    start: int
    end: int
    links: tuple[tuple[int, bool], ...]
    lists: tuple[tuple[int, int], ...]

    def met(self, row: Row) -> list[Edge]:
        """The relationships of this round, in reading order."""
        return [edge for slot, is_list in self.links for edge in (row[slot] if is_list else (row[slot],))]


@dataclass(frozen=True, slots=True)
class _Round:
    edges: list[Edge]
    values: tuple[object, ...]
    end: Node


def rounds(
    link: Link, forward: bool, start: int, end: int, bound: bool, graph: int, others: Others, inner: Inner
) -> Run:
    """Along a quantified path, round by round; each round runs in a row of its own."""
    assert link.length is not None
    low, high = link.length.low, link.length.high

    def follow(runtime: Runtime, row: Row, node: Node, met: set[str]) -> Iterator[_Round]:
        own = row.copy()
        own[inner.start] = node
        for found in chained(inner.stages(runtime, row[graph]), runtime, (own,)):
            runtime.meter.step()
            edges = inner.met(found)
            if not any(edge.id in met or others.has(row, edge.id) for edge in edges):
                yield _Round(edges, tuple(found[slot] for _, slot in inner.lists), found[inner.end])

    def emitted(row: Row, version: Version, done: list[_Round], node: Node) -> bool:
        if len(done) < low or not _reached(row, end, bound, version, node.id):
            return False
        order = done if forward else done[::-1]
        row[link.slot] = [edge for part in order for edge in part.edges]
        for at, (outside, _) in enumerate(inner.lists):
            row[outside] = [part.values[at] for part in order]
        return True

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            version: Version = row[graph]
            done: list[_Round] = []
            met: set[str] = set()
            if emitted(row, version, done, row[start]):
                yield row
            stack = [follow(runtime, row, row[start], met)] if high is None or high > 0 else []
            while stack:
                found = next(stack[-1], None)
                if found is None:
                    stack.pop()
                    if done:
                        met.difference_update(edge.id for edge in done.pop().edges)
                    continue
                done.append(found)
                met.update(edge.id for edge in found.edges)
                if emitted(row, version, done, found.end):
                    yield row
                if (high is None or len(done) < high) and found.edges:
                    stack.append(follow(runtime, row, found.end, met))
                else:
                    met.difference_update(edge.id for edge in done.pop().edges)

    return run
