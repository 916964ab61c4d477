"""The moves of a match, as operators: each binds a vertex, or a link and its other end, for every row it is given.

    by_id  by_ids  by_value  by_label      one vertex
    walk   across                          a link of one step, from a bound end to a free or a bound one
    ends                                   the ends of a relationship that is bound
    refind                                 a vertex that was bound in another version, by its id
    trail                                  a named path, once all of it is bound

Within one MATCH no relationship is met twice (openCypher: relationship isomorphism): a move compares with those bound
by the moves before it.

Links of more than one step are in `steps`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from itonami.graphstore.graph import Edge, Node
from itonami.query.engine.pattern import Link
from itonami.query.engine.runtime import Condition, Evaluate, Row, Runtime
from itonami.query.engine.selection import STRETCH, Selection
from itonami.query.engine.version import Version, Way
from itonami.query.faults import wrong_type
from itonami.query.path import Path
from itonami.query.values import group_key, spoken_type

__all__ = [
    "Others",
    "Run",
    "across",
    "as_it_was",
    "by_id",
    "by_ids",
    "by_label",
    "by_value",
    "ends",
    "filtered",
    "refind",
    "trail",
    "walk",
    "way_of",
]

Run = Callable[[Runtime, Iterable[Row]], Iterator[Row]]

_WAYS: dict[tuple[str, bool], Way] = {
    ("->", True): "out",
    ("->", False): "in",
    ("<-", True): "in",
    ("<-", False): "out",
    ("-", True): "both",
    ("-", False): "both",
}


def way_of(link: Link, forward: bool) -> Way:
    """Which edges of its start a link follows, walked in reading order (`forward`) or against it."""
    return _WAYS[link.direction, forward]


@dataclass(frozen=True, slots=True)
class Others:
    """The slots of the relationships, and lists of them, that were bound before in the same MATCH."""

    single: tuple[int, ...] = ()
    lists: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.single or self.lists)

    def has(self, row: Row, id: str) -> bool:
        """Whether a relationship was met before."""
        return any(row[slot].id == id for slot in self.single) or any(
            edge.id == id for slot in self.lists for edge in row[slot]
        )


def by_label(slot: int, graph: int, label: str | None, selections: Sequence[Selection] = ()) -> Run:
    """Every node with a label, or every node; of those the selected."""

    def run_selected(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            bucket = row[graph].bucket(label)
            for first in range(0, len(bucket), STRETCH):
                nodes = bucket[first : first + STRETCH]
                runtime.meter.work(len(nodes))
                for part in selections:
                    nodes = part.kept(nodes, row)
                for node in nodes:
                    row[slot] = node
                    yield row

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        meter = runtime.meter
        for row in rows:
            for node in row[graph].bucket(label):
                meter.steps += 1
                if meter.steps >= meter.due:
                    meter.check()
                row[slot] = node
                yield row

    return run_selected if selections else run


def by_id(slot: int, graph: int, ids: Evaluate) -> Run:
    """The node of an id, if it is there."""

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            runtime.meter.step()
            id = ids(row)
            node = row[graph].find(id) if type(id) is str else None
            if node is not None:
                row[slot] = node
                yield row

    return run


def by_ids(slot: int, graph: int, ids: Evaluate) -> Run:
    """The nodes of a list of ids, each once."""

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            wanted = ids(row)
            if wanted is None:
                continue
            if type(wanted) is not list:
                raise wrong_type(f"IN looks into a list, not {spoken_type(wanted)}")
            for id in dict.fromkeys(item for item in wanted if type(item) is str):
                runtime.meter.step()
                node = row[graph].find(id)
                if node is not None:
                    row[slot] = node
                    yield row

    return run


def by_value(slot: int, graph: int, label: str | None, key: str, value: Evaluate) -> Run:
    """The nodes whose property may equal a value: the condition itself is still to be asked."""

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        meter = runtime.meter
        for row in rows:
            meter.step()
            wanted = value(row)
            if wanted is None:
                continue
            meter.compare(wanted)
            version: Version = row[graph]
            for node in version.index(label, key, meter).get(group_key(wanted), ()):
                meter.step()
                row[slot] = node
                yield row

    return run


def refind(slot: int, graph: int, before: int) -> Run:
    """A vertex that is bound: its node in the version at hand. Null and absent nodes match nothing."""

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            runtime.meter.step()
            node = row[before]
            if node is None:
                continue
            if type(node) is not Node:
                raise wrong_type(f"{spoken_type(node)} stands where a node should")
            if before != slot:
                node = row[graph].find(node.id)
                if node is None:
                    continue
                row[slot] = node
            yield row

    return run


def filtered(conditions: Sequence[Condition]) -> Run:
    """The rows for which every condition is true."""

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        meter = runtime.meter
        for row in rows:
            meter.made = 0
            for condition in conditions:
                if condition(row) is not True:
                    break
            else:
                yield row

    def run_one(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        (condition,) = conditions
        meter = runtime.meter
        for row in rows:
            meter.made = 0
            if condition(row) is True:
                yield row

    return run_one if len(conditions) == 1 else run


def walk(link: Link, forward: bool, start: int, end: int | None, graph: int, others: Others) -> Run:
    """Along a link to its other end; `end` None: nobody asks which node that is."""
    way, types, slot = way_of(link, forward), link.types, link.slot

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        meter = runtime.meter
        for row in rows:
            version: Version = row[graph]
            here = row[start].id
            for edge in version.edges_at(here, way, types):
                meter.steps += 1
                if meter.steps >= meter.due:
                    meter.check()
                if others and others.has(row, edge.id):
                    continue
                row[slot] = edge
                if end is not None:
                    row[end] = version.find(edge.target if edge.source == here else edge.source)
                yield row

    return run


def across(link: Link, left: int, right: int, graph: int, others: Others) -> Run:
    """The relationships between two bound ends."""
    way, types, slot = way_of(link, True), link.types, link.slot

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        meter = runtime.meter
        for row in rows:
            here, there = row[left].id, row[right].id
            for edge in row[graph].edges_at(here, way, types):
                meter.step()
                far = edge.target if edge.source == here else edge.source
                if far == there and not (others and others.has(row, edge.id)):
                    row[slot] = edge
                    yield row

    return run


def _orientations(edge: Edge, direction: str) -> tuple[tuple[str, str], ...]:
    """(left, right) as a pattern of that direction may read the edge."""
    if direction == "->":
        return ((edge.source, edge.target),)
    if direction == "<-" or edge.source == edge.target:
        return ((edge.target, edge.source),)
    return ((edge.source, edge.target), (edge.target, edge.source))


def ends(
    link: Link,
    left: int,
    right: int,
    bound: tuple[bool, bool],
    graph: int,
    others: Others,
    before: int | None,
) -> Run:
    """Both ends of a bound relationship, bound or compared; of one in slot `before`, which may be of another version,
    after it was found in the version at hand."""
    left_bound, right_bound = bound
    one_vertex = left == right

    def fits(row: Row, slot: int, is_bound: bool, id: str) -> bool:
        if is_bound:
            return bool(row[slot].id == id)
        row[slot] = row[graph].find(id)
        return row[slot] is not None

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            runtime.meter.step()
            edge = row[link.slot if before is None else before]
            if edge is None:
                continue
            if type(edge) is not Edge:
                raise wrong_type(f"{spoken_type(edge)} stands where a relationship should")
            if before is not None:
                if not as_it_was(row[graph], edge):
                    continue
                edge = row[link.slot] = row[graph].find_edge(edge.id)
            if (link.types is not None and edge.label not in link.types) or others.has(row, edge.id):
                continue
            for near, far in _orientations(edge, link.direction):
                if fits(row, left, left_bound, near) and fits(row, right, right_bound or one_vertex, far):
                    yield row

    return run


def as_it_was(version: Version, edge: Edge) -> bool:
    """Whether a relationship of another version is in this one, between the same nodes."""
    found = version.find_edge(edge.id)
    return found is not None and (found.source, found.target, found.label) == (
        edge.source,
        edge.target,
        edge.label,
    )


def trail(slot: int, start: int, links: Sequence[tuple[int, bool]], graph: int) -> Run:
    """A named path from its first vertex along the relationships in these slots (True: a list of them)."""

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            version: Version = row[graph]
            here: Node = row[start]
            nodes, edges = [here], []
            for link, is_list in links:
                for edge in row[link] if is_list else (row[link],):
                    runtime.meter.step()
                    far = version.find(edge.target if edge.source == nodes[-1].id else edge.source)
                    assert far is not None
                    nodes.append(far)
                    edges.append(edge)
            row[slot] = Path(tuple(nodes), tuple(edges))
            yield row

    return run
