"""Independence: when do two rule applications not disturb each other?

            p1, m1                     parallel: from one graph, each still applies after the other, and both orders
       G ==========> H1                give the same graph (Ehrig et al. 2006, definition 3.15 and theorem 3.20)
       ||            ||
       || p2, m2     || p2             sequential: the second does not need the first, nor take from it what it
       vv            vv                needs, so they may change places (definition 3.16)
       H2 =========> X
            p1

Decided on footprints: empty intersections are independence, an element of one names the conflict. No graph is looked
at here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from itonami.rules.footprint import Footprint, Key

__all__ = ["Applied", "Conflict", "Steps", "dependence", "disturbs", "independent"]


class Applied(Protocol):
    """What has a name and a footprint: one rule application."""

    @property
    def name(self) -> str: ...
    @property
    def footprint(self) -> Footprint: ...


class Steps(Protocol):
    """What is made of applications: one, or a whole derivation."""

    @property
    def applications(self) -> Sequence[Applied]: ...


@dataclass(frozen=True, slots=True)
class Conflict:
    """`first` did something to `key` that `second` cannot do without (or, for dependences, did for it).

    `kind`: in parallel `delete_use`, `change_use`, `create_create`, `produce_forbid`, `produce_dangling`; in sequence
    also `produce_use` and `delete_forbid` (the first made the second possible) and `use_delete`, `use_change`,
    `forbid_produce` (the second would have made the first impossible)."""

    kind: str
    first: str
    second: str
    key: Key

    @property
    def what(self) -> str:
        """The key in words: `edge 'e1'`, `property 'n' of 'x'`."""
        return _words(self.key)

    def __str__(self) -> str:
        return _SENTENCES[self.kind].format(first=self.first, second=self.second, what=self.what)


_SENTENCES = {
    "delete_use": "rule {first!r} deleted {what}, which rule {second!r} used",
    "change_use": "rule {first!r} changed {what}, which rule {second!r} read or wrote",
    "create_create": "rule {first!r} created or deleted {what}, which rule {second!r} created",
    "produce_forbid": "rule {first!r} created an element at {what}, which rule {second!r} forbids",
    "produce_dangling": "rule {first!r} created an edge at {what}, which rule {second!r} deleted",
    "produce_use": "rule {first!r} created {what}, which rule {second!r} used",
    "delete_forbid": "rule {first!r} deleted an element at {what}, which rule {second!r} forbids",
    "use_delete": "rule {first!r} used {what}, which rule {second!r} deleted",
    "use_change": "rule {first!r} read {what}, which rule {second!r} changed",
    "forbid_produce": "rule {first!r} forbids an element at {what}, where rule {second!r} created one",
}


def independent(a: Steps, b: Steps) -> Conflict | None:
    """None if what was done from the same graph is parallel independent, else why not: first what `b` does to `a`,
    then what `a` does to `b`. O(footprints), and a search for the culprits where they meet."""
    return disturbs(b, a) or disturbs(a, b)


def disturbs(first: Steps, second: Steps) -> Conflict | None:
    """How `first`, done before, would keep `second` from doing what it did on the same graph; None if it would not."""
    one, other = first.applications, second.applications
    whole = [Footprint.union(part.footprint for part in parts) for parts in (one, other)]
    if not any(_disturbances(*whole)):
        return None
    return next(
        (
            Conflict(kind, mine.name, theirs.name, key)
            for mine in one
            for theirs in other
            for kind, key in _disturbances(mine.footprint, theirs.footprint)
        ),
        None,
    )


def dependence(first: Applied, second: Applied) -> Conflict | None:
    """Why `second`, which followed `first`, may not come before it; None if they are sequentially independent."""
    for kind, key in _dependences(first.footprint, second.footprint):
        return Conflict(kind, first.name, second.name, key)
    return None


def _disturbances(first: Footprint, second: Footprint) -> Iterator[tuple[str, Key]]:
    """The smallest key of each kind of conflict."""
    yield from _least("delete_use", first.destroys & second.uses)
    yield from _least("delete_use", first.loses & second.kept)
    yield from _least("create_create", (first.creates | first.destroys) & second.creates)
    yield from _least("change_use", first.writes & (second.uses | second.writes))
    met = first.gains & second.absent
    yield from _least("produce_dangling", frozenset(key for key in met if key[0] == "ends"))
    yield from _least("produce_forbid", frozenset(key for key in met if key[0] != "ends"))


def _dependences(first: Footprint, second: Footprint) -> Iterator[tuple[str, Key]]:
    yield from _least("produce_use", first.creates & second.uses)
    yield from _least("produce_use", first.gains & second.kept)
    yield from _least("create_create", (first.creates | first.destroys) & second.creates)
    yield from _least("change_use", first.writes & (second.uses | second.writes))
    yield from _least("delete_forbid", first.loses & second.absent)
    yield from _least("use_delete", first.uses & second.destroys)
    yield from _least("use_delete", first.kept & second.loses)
    yield from _least("use_change", first.uses & second.writes)
    yield from _least("forbid_produce", first.absent & second.gains)


def _least(kind: str, keys: frozenset[Key]) -> Iterator[tuple[str, Key]]:
    if keys:
        yield kind, min(keys, key=lambda key: [part or "" for part in key])


def _words(key: Key) -> str:
    match key:
        case ("node" | "edge" as kind, id):
            return f"{kind} {id!r}"
        case ("value", id, name):
            return f"property {name!r} of {id!r}"
        case ("label", id, label):
            return f"label {label!r} of {id!r}"
        case ("labels", id):
            return f"the labels of {id!r}"
        case ("out", id, label):
            return f"({id!r})-[{_label(label)}]->()"
        case ("in", id, label):
            return f"()-[{_label(label)}]->({id!r})"
        case ("between", source, label, target):
            return f"({source!r})-[{_label(label)}]->({target!r})"
        case ("nodes", label):
            return f"({_label(label)})"
        case (_, id):
            return f"node {id!r}"
    raise TypeError(f"{key!r} is no key of a footprint")


def _label(label: str | None) -> str:
    return f":{label}" if label else ""
