"""The operators between matches: columns, groups, duplicates, order, and how many rows go on.

    project -> distinct -> sort or top -> skip -> limit        aggregate stands for project where rows are merged

All but `sort`, `top` and `aggregate` stream: they hold no rows, so a LIMIT ends the whole query early. What is held is
counted by the meter.

Reference: openCypher CIP2016-06-14 for order and equivalence.

Nothing here knows the tree of a query.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from itonami.query.cypher.errors import ArgumentError, QueryTypeError
from itonami.query.engine.limits import COMPOSITE, Holding, Meter
from itonami.query.engine.moves import Run
from itonami.query.engine.runtime import RUNTIME, Evaluate, Row, Runtime
from itonami.query.functions import AGGREGATES, Aggregate
from itonami.query.values import Value, group_key, sort_key, type_name

__all__ = [
    "Key", "Measure", "aggregated", "amount", "distinct", "limited", "projected", "skipped", "sorted_by", "top",
    "unwound",
]  # fmt: skip


SLACK = 1_000
"""So many rows more than twice those wanted are collected before they are cut"""


def projected(columns: Sequence[tuple[int, Evaluate]]) -> Run:
    """Each row with these columns."""

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        meter = runtime.meter
        for row in rows:
            meter.step()
            meter.made = 0
            for slot, evaluate in columns:
                row[slot] = evaluate(row)
            yield row

    return run


def unwound(slot: int, items: Callable[[Row], Iterable[Value]]) -> Run:
    """A row for each element."""

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        meter = runtime.meter
        for row in rows:
            meter.made = 0
            for item in items(row):
                meter.step()
                row[slot] = item
                yield row

    return run


def _key_of(row: Row, slots: Sequence[int]) -> Hashable:
    return group_key(row[slots[0]]) if len(slots) == 1 else tuple(group_key(row[slot]) for slot in slots)


def distinct(slots: Sequence[int]) -> Run:
    """The first row of each sort."""

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        seen: set[Hashable] = set()
        with Holding(runtime.meter) as holding:
            for row in rows:
                size = _weight(row, slots, runtime.meter)
                key = _key_of(row, slots)
                if key not in seen:
                    seen.add(key)
                    holding.add(size)
                    yield row

    return run


def _weight(row: Row, slots: Sequence[int], meter: Meter) -> int:
    return sum([meter.weigh(row[slot]) for slot in slots])


# ------------------------------------------------------------------------------------------------------ order


@dataclass(frozen=True, slots=True)
class Key:
    """One key of an order."""

    evaluate: Evaluate
    descending: bool


_Entry = tuple[tuple[Any, ...], Row]
"""The sort keys of a row, and what is kept of it"""


def _put_in_order(entries: list[_Entry], keys: Sequence[Key]) -> None:
    """Sorted by the last key first: a stable sort leaves equals as the later keys had them."""
    for at in range(len(keys) - 1, -1, -1):
        entries.sort(key=lambda entry: entry[0][at], reverse=keys[at].descending)


def _sort_key(key: Key, row: Row, holding: Holding | None) -> tuple[Any, ...]:
    """A row's key, held if somebody holds it; its size is counted before it is made."""
    value = key.evaluate(row)
    if type(value) in COMPOSITE:
        if holding is None:
            row[RUNTIME].meter.compare(value)
        else:
            holding.keep(value)
    return sort_key(value)


def sorted_by(keys: Sequence[Key], kept: Sequence[int]) -> Run:
    """The rows in order, each reduced to the slots that live on. Stable."""

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        meter = runtime.meter
        found: list[_Entry] = []
        with Holding(meter) as holding:
            for row in rows:
                meter.step()
                meter.made = 0
                found.append((tuple([_sort_key(key, row, holding) for key in keys]), runtime.kept(row, kept)))
                holding.add(_weight(row, kept, meter))
            _put_in_order(found, keys)
            for _, row in found:
                yield row

    return run


def top(keys: Sequence[Key], kept: Sequence[int], count: Evaluate) -> Run:
    """The first so many rows in order: what `sorted_by` and `limited` give, but holding few more than so many rows.

    Rows are collected until there are twice as many as wanted, and then cut; from then on a row whose first key comes
    after that of the last one kept is not looked at further.
    """
    falling = keys[0].descending

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        most, meter = count(runtime.first_row()), runtime.meter
        found: list[_Entry] = []
        last: Any = None
        with Holding(meter) as holding:
            for row in rows if most else ():
                meter.step()
                meter.made = 0
                first = _sort_key(keys[0], row, None)
                if last is not None and (first < last if falling else first > last):
                    continue
                others = [_sort_key(key, row, holding) for key in keys[1:]]
                found.append(((first, *others), runtime.kept(row, kept)))
                holding.add(_weight(row, kept, meter))
                if len(found) >= 2 * most + SLACK:
                    _put_in_order(found, keys)
                    del found[most:]
                    last = found[-1][0][0]
                    holding.drop()
                    holding.add(sum(_weight(row, kept, meter) for _, row in found))
            _put_in_order(found, keys)
            for _, row in found[:most]:
                yield row

    return run


# --------------------------------------------------------------------------------------------- how many rows


def amount(evaluate: Evaluate, word: str) -> Evaluate:
    """SKIP's or LIMIT's number: a non-negative integer."""

    def run(row: Row) -> int:
        value = evaluate(row)
        if type(value) is not int:
            raise QueryTypeError(
                f"{word} takes an integer, not a {type_name(value)}", detail="InvalidArgumentType"
            )
        if value < 0:
            raise ArgumentError(f"{word} cannot be negative", detail="NegativeIntegerArgument")
        return value

    return run


def skipped(count: Evaluate) -> Run:
    """All rows but the first so many."""

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        left = count(runtime.first_row())
        for row in rows:
            if left:
                left -= 1
            else:
                yield row

    return run


def limited(count: Evaluate) -> Run:
    """The first so many rows; no more are asked for."""

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        left = count(runtime.first_row())
        if not left:
            return
        for row in rows:
            yield row
            left -= 1
            if not left:
                return

    return run


# ------------------------------------------------------------------------------------------------ aggregation


@dataclass(frozen=True, slots=True)
class Measure:
    """One aggregate: where its result goes, what makes its accumulator, and what it is fed (nothing: every row)."""

    slot: int
    kind: type[Aggregate]
    arguments: tuple[Evaluate, ...]
    distinct: bool

    @property
    def keeps(self) -> bool:
        """Whether it holds every value it is fed."""
        return self.kind in _KEEPING


_KEEPING = frozenset(AGGREGATES[name] for name in ("collect", "percentilecont", "percentiledisc"))


class _Group:
    """One group: its keys, and an accumulator for each measure."""

    __slots__ = ("accumulators", "feeds", "keys")

    def __init__(
        self, keys: list[Value], measures: Sequence[Measure], runtime: Runtime, holding: Holding
    ) -> None:
        self.keys = keys
        self.accumulators = [measure.kind(runtime.context) for measure in measures]
        self.feeds = [
            _feed(measure, accumulator, holding)
            for measure, accumulator in zip(measures, self.accumulators, strict=True)
        ]

    def row(self, keys: Sequence[tuple[int, Evaluate]], measures: Sequence[Measure], runtime: Runtime) -> Row:
        """The group as a row."""
        fresh = runtime.first_row()
        for (slot, _), value in zip(keys, self.keys, strict=True):
            fresh[slot] = value
        for measure, accumulator in zip(measures, self.accumulators, strict=True):
            fresh[measure.slot] = accumulator.result()
        return fresh


def _feed(measure: Measure, accumulator: Aggregate, holding: Holding) -> Callable[[Row], None]:
    """What gives a row to an accumulator."""
    step = accumulator.step
    if not measure.arguments:
        return lambda row: step(True)
    if not measure.distinct and not measure.keeps and len(measure.arguments) == 1:
        return _plain_feed(measure.arguments[0], step)
    seen: set[Hashable] | None = set() if measure.distinct else None

    def feed(row: Row) -> None:
        values = [argument(row) for argument in measure.arguments]
        size = row[RUNTIME].meter.weigh(values[0])
        if seen is not None:
            key = group_key(values[0])
            if key in seen:
                return
            seen.add(key)
        holding.add(size)
        step(*values)

    return feed


def _plain_feed(argument: Evaluate, step: Callable[[Value], None]) -> Callable[[Row], None]:
    def feed(row: Row) -> None:
        value = argument(row)
        if type(value) in COMPOSITE:
            row[RUNTIME].meter.compare(value)
        step(value)

    return feed


def aggregated(keys: Sequence[tuple[int, Evaluate]], measures: Sequence[Measure]) -> Run:
    """A row for each group of equivalent keys, in the order they are met; without keys, one row always."""

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        meter = runtime.meter
        groups: dict[Hashable, _Group] = {}
        with Holding(meter) as holding:
            if not keys:
                groups[()] = _Group([], measures, runtime, holding)
            for row in rows:
                meter.step()
                meter.made = 0
                values = [evaluate(row) for _, evaluate in keys]
                size = sum([meter.weigh(value) for value in values])
                key = tuple([group_key(value) for value in values])
                group = groups.get(key)
                if group is None:
                    holding.add(size + len(measures))
                    group = groups[key] = _Group(values, measures, runtime, holding)
                for feed in group.feeds:
                    feed(row)
            for group in groups.values():
                yield group.row(keys, measures, runtime)

    return run
