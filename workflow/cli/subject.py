"""What a command is about: the store, a graph or run in it, and a point in time. Each is there, or is refused
with a sentence that names the nearest thing there is.

Nothing is created here: a command that only looks opens the store read-only.
"""

from __future__ import annotations

from itertools import islice

import typer

from itonami.graphstore import InvalidValue, NotFound, Store
from itonami.graphstore.points import parse_point

__all__ = ["ENDED", "LOOK_INTERVAL_S", "POINTS", "checked_point", "found", "found_run", "opened"]

ENDED = frozenset({"succeeded", "failed", "cancelled", "terminated", "timed_out"})
"""The states in which a run stays."""

POINTS = "A point in time: 42, HEAD~3, TAG name, an ISO time."
"""What the options that take one say."""

LOOK_INTERVAL_S = 0.05
"""How often LMDB's last transaction is looked at, where another process is waited for."""

_OWN = ("rules/", "definition/", "inbox/")
_OFFERED = 10_000


def opened(ctx: typer.Context, *, write: bool = False) -> Store:
    """The store the command is about; it must be there."""
    return Store.open(ctx.obj.store, create=False, read_only=not write)


def found(store: Store, graph: str) -> str:
    """The name itself, once there is such a graph; else `NotFound`, with the names most like it."""
    if graph not in store:
        from itonami.workflow.definition.values import nearest

        names = (version.graph for version in store.graphs())
        known = islice((name for name in names if not name.startswith(_OWN)), _OFFERED)
        raise NotFound(
            f"there is no run {graph!r}",
            where=f"store {store.name}",
            fix=nearest(graph, known, "nothing has run there yet"),
        )
    return graph


def found_run(store: Store, run: str) -> str:
    """As `found`, for what only a run can answer."""
    if store.at(found(store, run)).header.get("kind") != "run":
        raise NotFound(f"{run!r} is a graph, not a run", where=f"store {store.name}", fix="see `itonami ps`")
    return run


def checked_point(text: str, where: str) -> str:
    """A point in time as the user wrote it, once it is one; `where` is the option that held it."""
    try:
        parse_point(text)
    except InvalidValue as error:
        raise InvalidValue(error.what, where=where, fix=error.fix) from error
    return text
