"""Runs: the graphs of a store that are runs, found by workflow, status, time and search attributes.

    runs(store, status="failed", since=yesterday, customer=17)

A run is a graph whose header says `kind: 'run'`; definitions, rule sets and inboxes say otherwise. The declared indices
over headers (`@graph.status`, `.workflow`, `.started`) name candidates of today, each of which is then read: an index
makes a question cheap and never decides it. The past has no index, so there every header is read.
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
from itonami.query.cypher.errors import meant
from itonami.query.tally import UNCOUNTED, Tally, counted

__all__ = ["RunRow", "runs", "runs_where"]

KIND = "run"
KEYS = ("workflow", "status", "since", "until", "at", "attributes")
"""What is asked for by keys of its own; others are search attributes"""


class RunRow(NamedTuple):
    """One run as of a moment. `tx` and `updated` are of its last version then."""

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

    O(runs that the indices name), 0.1 ms each; with `at`, O(graphs). Search attributes have no index of their own."""
    named = {"workflow": workflow, "status": status, "since": since, "until": until, "attributes": attributes}
    return runs_where(store, others | {key: value for key, value in named.items() if value is not None}, at)


def runs_where(
    store: Reader, where: Mapping[str, Any], at: Point | None = None, *, tally: Tally = UNCOUNTED
) -> Iterator[RunRow]:
    """The same, by a map of what is asked."""
    asked = _Asked(
        {key: where[key] for key in ("workflow", "status") if key in where},
        _moment("since", where.get("since")),
        _moment("until", where.get("until")),
        _attributes(where.get("attributes")),
        normalise({key: value for key, value in where.items() if key not in KEYS}),
    )
    return _found(store, asked, at, tally)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a run must be like. `others` are attributes whose names may be mistaken."""

    header: Mapping[str, Value]
    since: datetime | None
    until: datetime | None
    attributes: Mapping[str, Value]
    others: Mapping[str, Value]

    def met(self, header: Mapping[str, Value]) -> bool:
        """Whether a graph with that header is such a run."""
        if header.get("kind") != KIND or any(header.get(key) != value for key, value in self.header.items()):
            return False
        if not _within(header.get("started"), self.since, self.until):
            return False
        has = header.get("attributes") or {}
        return all(
            key in has and same(has[key], value)
            for wanted in (self.attributes, self.others)
            for key, value in wanted.items()
        )


def _moment(name: str, value: Any) -> datetime | None:
    if value is not None and (not isinstance(value, datetime) or value.tzinfo is None):
        raise InvalidValue(f"{value!r} is no time with a zone", where=name, fix="pass an aware datetime")
    return value


def _attributes(value: Any) -> Mapping[str, Value]:
    if not isinstance(value, Mapping | None):
        raise InvalidValue(
            f"attributes are a map, not {value!r}", where="runs", fix="pass {name: value, ...}"
        )
    return normalise(dict(value or {}))  # type: ignore[no-any-return]


def _found(store: Reader, asked: _Asked, at: Point | None, tally: Tally) -> Iterator[RunRow]:
    found = False
    versions = _present(store, asked, tally) if at is None else counted(store.graphs(at), tally)
    for version in versions:
        header = store.at(version.graph, version.tx).header
        if asked.met(header):
            found = True
            yield _row(version, header)
    if asked.others and not found:
        _check(store, asked.others, tally)


def _present(store: Reader, asked: _Asked, tally: Tally) -> Iterator[Version]:
    """Today's runs, of the graphs that every index that is declared names. A version's record is read only where its
    graph is such a run."""
    found: set[str] | None = None
    for key, value in asked.header.items():
        found = _narrowed(store, found, key, value, value)
    if asked.since is not None or asked.until is not None:
        found = _narrowed(store, found, "started", asked.since, asked.until)
    for name in _names(store) if found is None else sorted(found):
        tally.tick()
        if asked.met(store.checkout(name)[1].header):
            yield store.head(name)


def _names(store: Reader) -> list[str]:
    """The names of all runs, and where no index tells kinds, of all graphs."""
    found = _narrowed(store, None, "kind", KIND, KIND)
    return store.names() if found is None else sorted(found)


def _narrowed(store: Reader, found: set[str] | None, key: str, low: Value, high: Value) -> set[str] | None:
    """What an index leaves of the candidates; as they are, where it is not declared."""
    try:
        named = {graph for graph, node in store.indexed_range(HEADER, key, low, high) if node == HEADER}
    except NotFound:
        return found
    return named if found is None else found & named


def _check(store: Reader, others: Mapping[str, Value], tally: Tally) -> None:
    """`InvalidValue` for a key that no run has as an attribute, if there are runs. O(runs), where there is one."""
    unknown, known, any_run = set(others), set(KEYS), False
    for name in _names(store):
        tally.tick()
        header = store.checkout(name)[1].header
        if header.get("kind") == KIND:
            any_run = True
            known |= (header.get("attributes") or {}).keys()
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
        header.get("attributes") or {},
    )


def _within(started: datetime | None, since: datetime | None, until: datetime | None) -> bool:
    if since is None and until is None:
        return True
    return started is not None and (since is None or started >= since) and (until is None or started <= until)
