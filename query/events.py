"""The log as a graph: events are nodes, and what led to what are edges, so that Cypher finds causes too.

    (:Event:ActivityFailed {tx, seq, time, name, rule, match, params, author})
        -[:CAUSES {kind, because}]->    the causal order, as its covers
        -[:NEXT]->                      the log, in order

    USE events('order-17')
    MATCH p = (s:ActivityFailed)-[:CAUSES*]->(e:RunFailed) RETURN [n IN nodes(p) | n.name]

A node's id is its place in the log, `42.0`: TxId and number within the transaction. The graph is a value like any
other: it can be drawn, compared and searched, and is never stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from itonami.graphstore.element import Edge, Node
from itonami.graphstore.graph import HEADER, Graph
from itonami.graphstore.points import Point
from itonami.graphstore.reading import Reader
from itonami.query.causes import Order, order_of
from itonami.query.tally import UNCOUNTED, Tally, counted
from itonami.query.transcript import Occurrence, Place
from itonami.rules import RuleSet

if TYPE_CHECKING:
    import networkx

__all__ = ["events", "events_of", "place_id"]


def place_id(place: Place) -> str:
    """The id of an event's node."""
    return f"{place[0]}.{place[1]}"


_DRAWN: WeakKeyDictionary[networkx.DiGraph[Place], Graph] = WeakKeyDictionary()
"""The graph of a whole order, kept as long as the order is (`order_of`)."""
CHUNK = 200


def events(
    store: Reader,
    graph: str,
    at: Point = "HEAD",
    rules: RuleSet | None = None,
    *,
    tally: Tally = UNCOUNTED,
) -> Graph:
    """The events of a graph up to a point, and their causes. Costs what `causes` does, and O(events log events), once;
    shared."""
    order = order_of(store, graph, at, rules, tally=tally)
    found = _DRAWN.get(order.graph)
    if found is None:
        found = _DRAWN[order.graph] = events_of(order, order.graph, graph, tally=tally)
    tally.hold(len(order.events))
    return found


def events_of(
    order: Order, part: networkx.DiGraph[Place], name: str = "", *, tally: Tally = UNCOUNTED
) -> Graph:
    """The events in a part of an order."""
    places = sorted(part)
    header = Node(HEADER, (HEADER,), {"kind": "events", "name": name})
    nodes = (_node(order.events[place]) for place in places)
    elements: Iterator[Node | Edge] = counted(
        chain((header,), nodes, _caused(part), _following(places)), tally
    )
    graph = Graph()
    while some := tuple(islice(elements, CHUNK)):
        graph = graph.replaced(some)
    return graph


def _node(one: Occurrence) -> Node:
    event = one.event
    said: dict[str, Any] = {
        "rule": event.rule,
        "match": None if event.match is None else list(event.match),
        "params": event.data,
        "author": event.author,
    }
    known = {key: value for key, value in said.items() if value is not None}
    data = {"tx": one.tx, "seq": one.seq, "time": one.time, "name": event.name, **known}
    return Node(place_id(one.place), ("Event", event.name), data)


def _caused(part: networkx.DiGraph[Place]) -> Iterator[Edge]:
    for cause, effect, said in part.edges(data=True):
        source, target = place_id(cause), place_id(effect)
        yield Edge(f"{source}>{target}", source, "CAUSES", target, dict(said))


def _following(places: list[Place]) -> Iterator[Edge]:
    for earlier, later in pairwise(map(place_id, places)):
        yield Edge(f"{earlier}|{later}", earlier, "NEXT", later)
