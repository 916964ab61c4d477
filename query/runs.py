"""Runs: the graphs of a store that are runs, found by workflow, status, time and search attributes.

    runs(store, status="failed", since=yesterday, customer=17)

A run is a graph whose header says `kind: 'run'`; definitions, rule sets and inboxes say otherwise. Any graph may say
so: what else its header holds is compared, never trusted.

The law: every header is read as of one transaction, so that an answer is a snapshot. The declared indices over headers
(`@graph.status`, `.workflow`, `.started`) name candidates of today; of another moment, so do the commits since: a graph
that none of them changed is today what it was. Whatever names a candidate makes a question cheap and never decides it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from itonami.graphstore.codec import Value, normalise, same
from itonami.graphstore.errors import InvalidValue, NotFound
from itonami.graphstore.graph import HEADER
from itonami.graphstore.points import Point
from itonami.graphstore.reading import Reader
from itonami.graphstore.records import Version
from itonami.query.cypher.errors import meant, with_article
from itonami.query.tally import UNCOUNTED, Tally, counted

__all__ = ["RunRow", "runs", "runs_where"]

KIND = "run"
KEYS = ("workflow", "status", "since", "until", "at", "attributes")
"""What is asked for by keys of its own; others are search attributes"""
RECENT = 1_000
"""Commits since a moment that are gone through for its candidates: beyond them, all graphs are"""

Bounds = Mapping[str, tuple[Value, Value]]
"""Between which values, both included, what a header holds at a key must lie"""


class RunRow(NamedTuple):
    """One run as of a moment. `tx` and `updated` are of its last version then; the rest is what its header says."""

    run: str
    workflow: str | None
    version: str | None
    status: str | None
    started: datetime | None
    ended: datetime | None
    updated: datetime
    tx: int
    attributes: dict[str, Value]


def runs(
    store: Reader,
    /,
    at: Point | None = None,
    *,
    workflow: str | None = None,
    status: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    attributes: Mapping[str, Value] | None = None,
    **others: Value,
) -> Iterator[RunRow]:
    """The runs of a store, in order of id: those of a workflow, with a status, started from `since` up to and with
    `until` (aware), with these search attributes. With `at`: as of one TxId or time. Raises `InvalidValue`; also where
    no run is found and no run has an attribute that is named beside the others, which then is a typo: `attributes` may
    have any names.

    O(runs that the indices name), 0.1 ms each, and O(commits since `at`); O(graphs), where these are more than 1,000.
    Search attributes have no index of their own."""
    named = {"workflow": workflow, "status": status, "since": since, "until": until, "attributes": attributes}
    return runs_where(store, others | {key: value for key, value in named.items() if value is not None}, at)


def runs_where(
    store: Reader,
    where: Mapping[str, Any],
    at: Point | None = None,
    *,
    newest: int | None = None,
    tally: Tally = UNCOUNTED,
) -> Iterator[RunRow]:
    """The same, by a map of what is asked, seeing nothing after TX `newest`: the last there is, without one."""
    asked = _Asked(
        normalise({key: where[key] for key in ("workflow", "status") if key in where}),
        _moment("since", where.get("since")),
        _moment("until", where.get("until")),
        _attributes(where.get("attributes")),
        normalise({key: value for key, value in where.items() if key not in KEYS}),
    )
    newest = store.last_tx if newest is None else newest
    return _found(store, asked, newest if at is None else min(store.view(at).tx, newest), newest, tally)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a run must be like. `others` are attributes whose names may be mistaken."""

    header: Mapping[str, Value]
    since: datetime | None
    until: datetime | None
    attributes: Mapping[str, Value]
    others: Mapping[str, Value]

    @property
    def bounds(self) -> Bounds:
        """What an index may be asked for."""
        exact = {key: (value, value) for key, value in self.header.items()}
        dated = self.since is not None or self.until is not None
        return exact | {"started": (self.since, self.until)} if dated else exact

    def met(self, header: Mapping[str, Value]) -> bool:
        """Whether a graph with that header is such a run."""
        return (
            header.get("kind") == KIND
            and _has(header, self.header)
            and _within(header.get("started"), self.since, self.until)
            and _has(_attributes_of(header), self.attributes)
            and _has(_attributes_of(header), self.others)
        )


def _has(values: Mapping[str, Value], wanted: Mapping[str, Value]) -> bool:
    return all(key in values and same(values[key], value) for key, value in wanted.items())


def _attributes_of(header: Mapping[str, Value]) -> dict[str, Value]:
    """The search attributes that a header names; none, where what it says is no map."""
    said = header.get("attributes")
    return said if isinstance(said, dict) else {}


def _moment(name: str, value: Any) -> datetime | None:
    if value is not None and (not isinstance(value, datetime) or value.tzinfo is None):
        raise InvalidValue(f"{value!r} is no time with a zone", where=name, fix="pass an aware datetime")
    return value


def _attributes(value: Any) -> Mapping[str, Value]:
    if not isinstance(value, Mapping | None):
        raise InvalidValue(
            f"attributes are a map, not {with_article(type(value).__name__)}",
            where="runs",
            fix="pass {name: value, ...}",
        )
    return normalise(dict(value or {}))  # type: ignore[no-any-return]


def _found(store: Reader, asked: _Asked, tx: int, newest: int, tally: Tally) -> Iterator[RunRow]:
    found = False
    for name, header in _headers(store, asked.bounds, tx, tally):
        if asked.met(header):
            found = True
            yield _row(store.version(name, tx), header)
    if asked.others and not found:
        _check(store, asked.others, newest, tally)


def _headers(
    store: Reader, bounds: Bounds, tx: int, tally: Tally
) -> Iterator[tuple[str, Mapping[str, Value]]]:
    """The headers as of a TxId of all runs within some bounds, and of some graphs that are none, in order of name."""
    for name in _candidates(store, bounds, tx, tally):
        tally.tick()
        try:
            header = store.at(name, tx).header
        except NotFound:  # it was made later, or is pruned
            continue
        yield name, header


def _candidates(store: Reader, bounds: Bounds, tx: int, tally: Tally) -> list[str]:
    """The graphs that every declared index names today, and those that changed since: all, where none tells kinds
    either, or too much happened."""
    named = _named(store, bounds)
    if named is None:
        named = _named(store, {"kind": (KIND, KIND)})
    if named is None:
        return store.names()
    moved = _moved(
        store, tx, tally
    )  # only now: an index may know of commits after `tx`, and of no later ones
    return store.names() if moved is None else sorted(named | moved)


def _named(store: Reader, bounds: Bounds) -> set[str] | None:
    """The graphs whose headers all declared indices name today; None where none is declared."""
    found: set[str] | None = None
    for key, (low, high) in bounds.items():
        try:
            named = {graph for graph, node in store.indexed_range(HEADER, key, low, high) if node == HEADER}
        except NotFound:
            continue
        found = named if found is None else found & named
    return found


def _moved(store: Reader, tx: int, tally: Tally) -> set[str] | None:
    """The graphs that were changed after a TxId; None where that was long ago."""
    last = store.last_tx
    if last - tx > RECENT:
        return None
    commits = counted(map(store.commit_of, range(tx + 1, last + 1)), tally)
    return {entry.graph for commit in commits for entry in commit.entries}


def _check(store: Reader, others: Mapping[str, Value], newest: int, tally: Tally) -> None:
    """`InvalidValue` for a key that no run has as an attribute, if there are runs. O(runs), where there is one."""
    unknown, known, any_run = set(others), set(KEYS), False
    for _, header in _headers(store, {}, newest, tally):
        if header.get("kind") == KIND:
            any_run = True
            known |= _attributes_of(header).keys()
            unknown -= known
            if not unknown:
                return
    if any_run:
        key = min(unknown)
        raise InvalidValue(
            f"no run has the search attribute {key!r}, and the other keys are {', '.join(KEYS)}",
            where="runs",
            fix=meant(key, sorted(known))
            or f"if one may come to have it, ask for attributes: {{{key}: ...}}",
        )


def _row(version: Version, header: Mapping[str, Value]) -> RunRow:
    return RunRow(
        version.graph,
        header.get("workflow"),
        header.get("version"),
        header.get("status"),
        header.get("started"),
        header.get("ended"),
        version.time,
        version.tx,
        _attributes_of(header),
    )


def _within(started: Value, since: datetime | None, until: datetime | None) -> bool:
    if since is None and until is None:
        return True
    return (
        isinstance(started, datetime)
        and (since is None or started >= since)
        and (until is None or started <= until)
    )
