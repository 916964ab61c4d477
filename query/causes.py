"""Causes: which events of a graph's log had to come before which, over all its transactions.

    e1 < e2   iff   e2 needs what e1 did, or would have taken what e1 needed, directly or through others

The causal order of a run is that of one long derivation (`rules.causality`): transactions cut it into pieces, and
causes cross them. Every linear extension of it leads to the same graph. Edges of an order are its covers, each with
`kind` and `because`, a sentence. An order is made once a version and kept as long as its store is open; when the
past of its graph is pruned it is made anew, so that no answer depends on who asked before.

Nothing is fired here (`transcript`), and nothing drawn (`events`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from itonami.graphstore.errors import NotFound
from itonami.graphstore.points import Point
from itonami.graphstore.reading import Reader
from itonami.query.kept import Kept
from itonami.query.pinned import rules_of
from itonami.query.tally import UNCOUNTED, Tally, counted
from itonami.query.transcript import Occurrence, Place, occurrences
from itonami.rules import RuleSet

if TYPE_CHECKING:
    import networkx

__all__ = ["CauseRow", "Order", "cause_rows", "causes", "order_of"]

KEPT_ORDERS = 8


class Order(NamedTuple):
    """The causal order of a log: a DAG over places (tx, seq), and what happened there, oldest first."""

    graph: networkx.DiGraph[Place]
    events: dict[Place, Occurrence]


_ORDERS: Kept[Order] = Kept(KEPT_ORDERS)


class _Transcript(tuple[Occurrence, ...]):
    """A whole transcript as one derivation; whoever goes through it is counted."""

    tally: Tally = UNCOUNTED

    @property
    def applications(self) -> _Transcript:
        return self

    def __iter__(self) -> Iterator[Occurrence]:
        return counted(super().__iter__(), self.tally)


def order_of(
    store: Reader,
    graph: str,
    at: Point = "HEAD",
    rules: RuleSet | None = None,
    *,
    tally: Tally = UNCOUNTED,
) -> Order:
    """The causal order of all events up to a point, by the rule set that the graph pins or by `rules`. Events that no
    rule explains are free edits, which use what they touch. O(events), 0.3 ms each, once; shared: do not change it."""
    version = store.version(graph, at)
    chosen = rules_of(store, store.at(graph, version.tx)) if rules is None else rules
    address = b"" if chosen is None else chosen.address
    key = (graph, version.tx, version.root, store.horizon(graph), address)
    order = _ORDERS.of(store, key, lambda: _made(store, graph, version.tx, chosen, tally))
    tally.hold(len(order.events))
    return order


def _made(store: Reader, graph: str, tx: int, rules: RuleSet | None, tally: Tally) -> Order:
    happened = _Transcript(occurrences(store, graph, tx, rules, tally=tally))
    happened.tally = tally
    return _ordered(happened)


def _ordered(happened: _Transcript) -> Order:
    import networkx

    from itonami.rules.causality import causes as ordered

    numbered = ordered(happened)
    order: networkx.DiGraph[Place] = networkx.DiGraph()
    for one in happened:
        order.add_node(one.place, name=one.event.name, rule=one.event.rule, ids=one.ids, time=one.time)
    for cause, effect, said in numbered.edges(data=True):
        order.add_edge(happened[cause].place, happened[effect].place, **said)
    return Order(networkx.freeze(order), {one.place: one for one in happened})


def causes(
    store: Reader,
    graph: str,
    event: int | Place | None = None,
    *,
    at: Point = "HEAD",
    rules: RuleSet | None = None,
    tally: Tally = UNCOUNTED,
) -> networkx.DiGraph[Place]:
    """The causal order of a graph's events, or the part of it that led to one event: a TxId means all events of that
    transaction, (tx, seq) one of them. Nodes are places (tx, seq) with `name`, `rule`, `ids` and `time`; edges have
    `kind` and `because`. Raises `NotFound`. Costs what `order_of` does."""
    import networkx

    order = order_of(store, graph, at, rules, tally=tally).graph
    if event is None:
        return order
    found = [event] if isinstance(event, tuple) else [place for place in order if place[0] == event]
    if not found or found[0] not in order:
        raise NotFound(
            f"there is no event {event!r}", where=f"graph {graph!r}", fix="see `itonami log`, or `log()`"
        )
    led = set(found).union(*(networkx.ancestors(order, place) for place in found))
    return order.subgraph(led)


class CauseRow(NamedTuple):
    """One event that had to come before another, with none in between, and why."""

    cause_tx: int
    cause_seq: int
    cause_event: str
    effect_tx: int
    effect_seq: int
    effect_event: str
    kind: str
    because: str


def cause_rows(order: networkx.DiGraph[Place]) -> Iterator[CauseRow]:
    """The edges of an order, in order of effect, then cause. O(edges log edges)."""
    for cause, effect in sorted(order.edges, key=lambda edge: edge[::-1]):
        said = order.edges[cause, effect]
        names = order.nodes[cause]["name"], order.nodes[effect]["name"]
        yield CauseRow(
            cause[0], cause[1], names[0], effect[0], effect[1], names[1], said["kind"], said["because"]
        )
