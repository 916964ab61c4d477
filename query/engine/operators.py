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

from itonami.query.context import Context
from itonami.query.cypher.errors import ArgumentError, QueryError, QueryTypeError
from itonami.query.engine.limits import COMPOSITE, KEY, Holding, Meter
from itonami.query.engine.moves import Run
from itonami.query.engine.place import placed
from itonami.query.engine.runtime import RUNTIME, Evaluate, Row, Runtime
from itonami.query.functions import AGGREGATES, Aggregate
from itonami.query.functions.aggregates import Count
from itonami.query.values import Value, group_key, sort_key, spoken_type

__all__ = [
    "Key", "Measure", "aggregated", "amount", "distinct", "limited", "projected", "skipped", "sorted_by", "top",
    "unwound",
]  # fmt: skip


SLACK = 1_000
"""So many rows more than twice those wanted are collected before they are cut"""
_ENTRY, _ORDER_KEY, _GROUP, _ACCUMULATOR = 3, 2, 4, 2
"""What a row in an order, each of its keys, a group and each of its accumulators count for, beside their values"""


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
                    holding.add(KEY + size)
                    yield row

    return run


def _weight(row: Row, slots: Iterable[int], meter: Meter) -> int:
    return sum([meter.weigh(row[slot]) for slot in slots])


# ------------------------------------------------------------------------------------------------------ order


@dataclass(frozen=True, slots=True)
class Key:
    """One key of an order."""

    evaluate: Evaluate
    descending: bool


_Entry = tuple[tuple[Any, ...], tuple[Any, ...]]
"""The sort keys of a row, and the values kept of it"""


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


def _restored(runtime: Runtime, kept: Sequence[int], entries: Iterable[_Entry]) -> Iterator[Row]:
    """What was kept, as rows again."""
    row = runtime.first_row()
    for _, values in entries:
        for slot, value in zip(kept, values, strict=True):
            row[slot] = value
        yield row


def sorted_by(keys: Sequence[Key], kept: Sequence[int]) -> Run:
    """The rows in order, each reduced to the slots that live on. Stable."""
    each = _ENTRY + _ORDER_KEY * len(keys)

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        meter = runtime.meter
        found: list[_Entry] = []
        with Holding(meter) as holding:
            for row in rows:
                meter.step()
                meter.made = 0
                place = tuple([_sort_key(key, row, holding) for key in keys])
                found.append((place, tuple([row[slot] for slot in kept])))
                holding.add(each + _weight(row, kept, meter))
            meter.work(len(found))
            _put_in_order(found, keys)
            yield from _restored(runtime, kept, found)

    return run


def top(keys: Sequence[Key], kept: Sequence[int], count: Evaluate) -> Run:
    """The first so many rows in order: what `sorted_by` and `limited` give, but holding few more than so many rows.

    Rows are collected until there are twice as many as wanted, and then cut; from then on a row whose first key comes
    after that of the last one kept is not looked at further.
    """
    falling = keys[0].descending
    each = _ENTRY + _ORDER_KEY * len(keys)

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
                found.append(((first, *others), tuple([row[slot] for slot in kept])))
                holding.add(each + _weight(row, kept, meter))
                if len(found) >= 2 * most + SLACK:
                    meter.work(len(found))
                    _put_in_order(found, keys)
                    del found[most:]
                    last = found[-1][0][0]
                    holding.drop()
                    holding.add(sum(each + sum(map(meter.weigh, values)) for _, values in found))
            meter.work(len(found))
            _put_in_order(found, keys)
            yield from _restored(runtime, kept, found[:most])

    return run


# --------------------------------------------------------------------------------------------- how many rows


def amount(evaluate: Evaluate, word: str, text: str, at: int) -> Evaluate:
    """SKIP's or LIMIT's number: a non-negative integer."""

    def run(row: Row) -> int:
        value = evaluate(row)
        if type(value) is not int:
            what = f"{word} takes an integer, not {spoken_type(value)}"
            raise QueryTypeError(what, detail="InvalidArgumentType", text=text, at=at)
        if value < 0:
            raise ArgumentError(
                f"{word} cannot be negative", detail="NegativeIntegerArgument", text=text, at=at
            )
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
    text: str
    at: int

    @property
    def counts_rows(self) -> bool:
        """Whether it is `count(*)`."""
        return not self.arguments

    @property
    def keeps(self) -> bool:
        """Whether it holds every value it is fed."""
        return self.kind in _KEEPING

    def accumulator(self, context: Context) -> Aggregate:
        """A fresh one."""
        made = self.kind(context)
        return _Distinct(context, made) if self.distinct else made

    def placed(self, error: QueryError) -> QueryError:
        """An error of the aggregate itself, at its place in the query."""
        return placed(error, self.text, self.at)


_KEEPING = frozenset(AGGREGATES[name] for name in ("collect", "percentilecont", "percentiledisc"))


class _Distinct(Aggregate):
    """An accumulator that takes one value of each sort."""

    __slots__ = ("inner", "seen")

    def __init__(self, context: Context, inner: Aggregate) -> None:
        super().__init__(context)
        self.inner = inner
        self.seen: set[Hashable] = set()

    def new(self, value: Value) -> bool:
        """Whether no such value was met; it is from now on."""
        key = group_key(value)
        if key in self.seen:
            return False
        self.seen.add(key)
        return True

    def step(self, value: Value, *more: Value) -> None:
        self.inner.step(value, *more)

    def result(self) -> Value:
        return self.inner.result()


_Feed = Callable[[Any, Row], None]
"""What gives a row to an accumulator"""


def _feed(measure: Measure, holding: Holding) -> _Feed:
    """How the accumulators of a measure are fed."""
    if measure.counts_rows:
        return lambda accumulator, row: accumulator.step(True)
    arguments = measure.arguments
    if measure.distinct:

        def feed_new(accumulator: _Distinct, row: Row) -> None:
            values = [argument(row) for argument in arguments]
            size = row[RUNTIME].meter.weigh(values[0])
            if accumulator.new(values[0]):
                holding.add(KEY + size)
                accumulator.step(*values)

        return feed_new
    if measure.keeps or len(arguments) > 1:

        def feed_kept(accumulator: Aggregate, row: Row) -> None:
            values = [argument(row) for argument in arguments]
            holding.keep(values[0])
            accumulator.step(*values)

        return feed_kept
    (argument,) = arguments
    if measure.kind is Count:

        def feed_count(accumulator: Count, row: Row) -> None:
            if argument(row) is not None:
                accumulator.seen += 1

        return feed_count

    def feed(accumulator: Aggregate, row: Row) -> None:
        value = argument(row)
        if type(value) in COMPOSITE:
            row[RUNTIME].meter.compare(value)
        accumulator.step(value)

    return feed


_Group = tuple[list[Value], list[Aggregate]]
"""Its keys, and an accumulator for each measure"""


def aggregated(keys: Sequence[tuple[int, Evaluate]], measures: Sequence[Measure]) -> Run:
    """A row for each group of equivalent keys, in the order they are met; without keys, one row always."""
    if not keys:
        if all(measure.counts_rows for measure in measures):
            return _tallied([measure.slot for measure in measures])
        return _totalled(measures)
    each = _GROUP + KEY * len(keys) + _ACCUMULATOR * len(measures)
    slots = [slot for slot, _ in keys] + [measure.slot for measure in measures]

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        meter, context = runtime.meter, runtime.context
        groups: dict[Hashable, _Group] = {}
        with Holding(meter) as holding:
            feeds = [_feed(measure, holding) for measure in measures]
            for row in rows:
                meter.step()
                meter.made = 0
                values = [evaluate(row) for _, evaluate in keys]
                for value in values:
                    if type(value) in COMPOSITE:
                        meter.compare(value)
                key = tuple([group_key(value) for value in values])
                group = groups.get(key)
                if group is None:
                    holding.add(each + sum(map(meter.weigh, values)))
                    group = groups[key] = values, [measure.accumulator(context) for measure in measures]
                for measure, feed, accumulator in zip(measures, feeds, group[1], strict=True):
                    try:
                        feed(accumulator, row)
                    except QueryError as error:
                        raise measure.placed(error) from None
            row = runtime.first_row()
            for values, accumulators in groups.values():
                meter.step()
                for slot, value in zip(slots, [*values, *_results(measures, accumulators)], strict=True):
                    row[slot] = value
                yield row

    return run


def _results(measures: Sequence[Measure], accumulators: Sequence[Aggregate]) -> Iterator[Value]:
    for measure, accumulator in zip(measures, accumulators, strict=True):
        try:
            yield accumulator.result()
        except QueryError as error:
            raise measure.placed(error) from None


def _totalled(measures: Sequence[Measure]) -> Run:
    """One group of all rows."""

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        meter = runtime.meter
        accumulators = [measure.accumulator(runtime.context) for measure in measures]
        with Holding(meter) as holding:
            fed = [
                (measure, _feed(measure, holding), accumulator)
                for measure, accumulator in zip(measures, accumulators, strict=True)
            ]
            for row in rows:
                meter.steps += 1
                if meter.steps >= meter.due:
                    meter.check()
                meter.made = 0
                for measure, feed, accumulator in fed:
                    try:
                        feed(accumulator, row)
                    except QueryError as error:
                        raise measure.placed(error) from None
            row = runtime.first_row()
            for measure, value in zip(measures, _results(measures, accumulators), strict=True):
                row[measure.slot] = value
            yield row

    return run


def _tallied(slots: Sequence[int]) -> Run:
    """How many rows there are: nothing is asked of them."""

    def run(runtime: Runtime, rows: Iterable[Row]) -> Iterator[Row]:
        meter, count = runtime.meter, 0
        for _ in rows:
            count += 1
            meter.steps += 1
            if meter.steps >= meter.due:
                meter.check()
        row = runtime.first_row()
        for slot in slots:
            row[slot] = count
        yield row

    return run
