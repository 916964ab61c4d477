"""`stats`, `backup`, `compact`, `reindex`, `prune`, `retention`, `tag`, ...: what an operator does with a store.

Pruning is the one thing here that cannot be undone: it has a rehearsal (`--dry-run`), and what it would drop is
decided by the same words. How it is done is the store's.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from itonami.graphstore import (
    Commit,
    InvalidValue,
    NotFound,
    Point,
    Pruned,
    Retention,
    Store,
    VersionPruned,
)
from itonami.workflow.cli.app import AsJson, app
from itonami.workflow.cli.output import bar, columns, emit, note, plain, say, size_text
from itonami.workflow.cli.subject import POINTS, checked_point, found, opened

__all__ = ["backup", "compact", "prune", "reindex", "retention", "stats", "tag", "tags", "untag"]

MAX_VERSIONS = 10**9

Graph = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or any graph's name.")]
TagName = Annotated[str, typer.Argument(metavar="NAME", help="The tag.")]
KeepVersions = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, max=MAX_VERSIONS, help="Keep the last so many versions of each run."),
]
KeepAge = Annotated[
    str | None,
    typer.Option(metavar="DURATION", help="Keep the versions in force so long ago or later: 30d, PT12H."),
]
KeepFrom = Annotated[
    int | None, typer.Option(metavar="TX", min=0, help="Keep the versions in force at a TxId or later.")
]

# -- size, copies ------------------------------------------------------------------------------------------

_COUNTS = (
    "transactions",
    "graphs",
    "pruned_graphs",
    "versions",
    "saved_tries",
    "trie_nodes",
    "payloads",
    "tags",
)


@app.command()
def stats(ctx: typer.Context, as_json: AsJson = False) -> None:
    """What is in the store, and how much room it takes."""
    with opened(ctx) as store:
        found = store.stats()
    if as_json:
        emit(found.to_json())
        return
    counts = {key.replace("_", " "): str(getattr(found, key)) for key in (*_COUNTS, "index_entries")}
    free = size_text(max(found.file - found.used, 0))
    sizes = {"file": f"{size_text(found.file)}, {free} of it free", "map": size_text(found.map)}
    for line in columns({"store": found.store, "format": str(found.format), **counts, **sizes}.items()):
        say(line)
    say()
    heading, *lines = columns(
        [("table", "size"), *((name, size_text(size)) for name, size in found.tables.items())]
    )
    say(heading, "bold")
    for line in lines:
        say(line)


@app.command()
def backup(
    ctx: typer.Context,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new directory.")],
    as_json: AsJson = False,
) -> None:
    """Copy the store to a new directory, while engines go on. The copy is compact, and there whole or not at all."""
    from itonami.graphstore.creation import DATA_FILE

    with opened(ctx) as store:
        copy = store.backup(directory)
    size = (copy / DATA_FILE).stat().st_size
    if as_json:
        emit({"backup": str(copy), "bytes": size})
    else:
        say(f"backup: {copy}, {size_text(size)}", "green")


@app.command()
def compact(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Give the room that pruning freed back to the disk. Nothing else may have the store open meanwhile."""
    before, after = Store.compact(ctx.obj.store)
    if as_json:
        emit({"before": before, "after": after})
    else:
        say(f"compact: {size_text(before)} -> {size_text(after)}", "green")


@app.command()
def reindex(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Derive the indices over all runs anew, where `verify` found something wrong with them. Writers wait meanwhile."""
    from itonami.graphstore.care import reindex as derived

    with opened(ctx, write=True) as store, bar("reindex") as advance:
        found = derived(store, advance)
    if as_json:
        emit({"entries": found.entries, "wrong": found.wrong})
    else:
        say(f"reindex: {found.entries} entries, {found.wrong} were wrong", "green")


# -- the past ----------------------------------------------------------------------------------------------


@app.command()
def prune(
    ctx: typer.Context,
    run: Annotated[
        str | None, typer.Argument(help="One run, or any graph (default: every graph of the store).")
    ] = None,
    before: Annotated[
        str | None, typer.Option(metavar="POINT", help="Drop what is older than the version in force then.")
    ] = None,
    keep_versions: KeepVersions = None,
    keep_age: KeepAge = None,
    keep_from: KeepFrom = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be dropped; drop nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Drop old versions for good: by --before, by --keep-..., or without either by the store's retention.

    A version is kept if any --keep-... keeps it, and the head always is. Of what is dropped, the state and the events
    are gone; tagged versions, and those that forks start from, can still be read. Commit records stay, so proofs that
    were made still verify. A run that goes on is not disturbed, but its replay and its log start at the first version
    that was kept from then on.
    """
    keep = _retention(keep_versions, keep_age, keep_from)
    if before is not None and keep is not None:
        raise InvalidValue(
            "two ways to say what to prune", where="--before", fix="use it or --keep-..., not both"
        )
    if before is not None:
        checked_point(before, "--before")
    total = Pruned()
    work = _would_drop if dry_run else Store.prune
    with opened(ctx, write=not dry_run) as store:
        graphs = [version.graph for version in store.graphs()] if run is None else [found(store, run)]
        points = _points(store, run, before, keep)
        with bar("prune") as advance:
            for done, graph in enumerate(graphs, start=1):
                first = _first_kept(store, graph, points, exact=run is not None and before is not None)
                total += Pruned() if first is None else work(store, graph, first)
                advance(done, len(graphs))
    if as_json:
        nodes = None if dry_run else total.nodes
        emit({"graphs": total.graphs, "versions": total.versions, "nodes": nodes, "dry_run": dry_run})
        return
    said = f"{total.versions} versions of {total.graphs} graphs"
    if not total.graphs:
        say("prune: nothing to drop")
    elif dry_run:
        say(f"prune: would drop {said}")
    else:
        say(f"prune: dropped {said}, {total.nodes} trie nodes")
        note("the room is free for reuse; `itonami compact` gives it back to the disk")


@app.command()
def retention(
    ctx: typer.Context,
    keep_versions: KeepVersions = None,
    keep_age: KeepAge = None,
    keep_from: KeepFrom = None,
    keep_all: Annotated[bool, typer.Option("--keep-all", help="Keep every version.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print which versions the store keeps, or set it. Whoever writes to the store prunes by it from then on, and
    `itonami prune` does at once. Options not given no longer hold."""
    keep = _retention(keep_versions, keep_age, keep_from)
    if keep_all and keep is not None:
        raise InvalidValue(
            "all and some cannot both be kept", where="--keep-all", fix="use it alone, or leave it out"
        )
    with opened(ctx, write=keep_all or keep is not None) as store:
        if keep_all or keep is not None:
            store.retention = keep
        held = store.retention or Retention()
    from itonami.workflow.definition.duration import format_duration

    age = None if held.age is None else format_duration(held.age // timedelta(milliseconds=1))
    if as_json:
        emit({"versions": held.versions, "age": age, "tx": held.tx})
        return
    kept = [
        *([] if held.versions is None else [f"the last {held.versions} of each graph"]),
        *([] if age is None else [f"those in force {age} ago or later"]),
        *([] if held.tx is None else [f"those in force at TX {held.tx} or later"]),
    ]
    say(f"retention: {', and '.join(kept) or 'every version is kept'}")


def _retention(versions: int | None, age: str | None, tx: int | None) -> Retention | None:
    """What --keep-... say; None when they say nothing."""
    if versions is None and age is None and tx is None:
        return None
    from itonami.workflow.definition import parse_duration

    held = None if age is None else timedelta(milliseconds=parse_duration(age, "--keep-age"))
    return Retention(versions=versions, age=held, tx=tx)


def _points(store: Store, run: str | None, before: str | None, keep: Retention | None) -> list[Point]:
    """Points in time: each graph is kept from the version on that is in force at the earliest of them."""
    if before is not None:
        try:
            return [before] if run is not None else [store.view(before).tx]
        except InvalidValue as error:
            raise InvalidValue(error.what, where="--before", fix=f"{error.fix}, or name a run") from error
    keep = keep or store.retention
    if keep is None:
        raise InvalidValue(
            "nothing says what to prune",
            where="prune",
            fix="give --before or --keep-..., or set `itonami retention`",
        )
    back = None if keep.versions is None else f"HEAD~{keep.versions - 1}"
    since = None if keep.age is None else datetime.now(UTC) - keep.age
    return [point for point in (back, since, keep.tx) if point is not None]


def _first_kept(store: Store, graph: str, points: list[Point], *, exact: bool) -> Point | None:
    """The first version of a graph to keep; None when all are kept. `exact`: that it has none at the point is an error,
    else a graph that is younger."""
    first: list[int] = []
    for point in points:
        try:
            first.append(store.version(graph, point).tx)
        except VersionPruned:
            return point  # so far already: a sweep that was cut short goes on
        except NotFound:
            if exact:
                raise
            return None
    return min(first, default=None)


def _would_drop(store: Store, graph: str, first: Point) -> Pruned:
    """What pruning a graph would drop: the versions before one. O(versions)."""
    try:
        end = store.version(graph, first).tx
    except VersionPruned:
        return Pruned()
    dropped = 0
    for commit in store.entries(graph):
        if commit.tx >= end:
            break
        dropped += not commit.entry(graph).pruned
    return Pruned(int(dropped > 0), dropped)


# -- tags --------------------------------------------------------------------------------------------------


@app.command()
def tag(
    ctx: typer.Context,
    run: Graph,
    name: TagName,
    at: Annotated[str, typer.Option("--at", help=POINTS)] = "HEAD",
    as_json: AsJson = False,
) -> None:
    """Name a version of a run, or move the name. `TAG name` is then a point in time, and pruning spares the version."""
    point = checked_point(at, "--at")
    with opened(ctx, write=True) as store:
        try:
            version = store.tag(found(store, run), name, point)
        except InvalidValue as error:
            raise InvalidValue(
                error.what, where=f"tag {name!r}", fix=error.fix or "choose another name"
            ) from error
    if as_json:
        emit({"run": run, "tag": name, "tx": version.tx, "version": version.version, "time": version.time})
    else:
        say(f"{name}: TX {version.tx}, version {version.version} of {run}", "green")


@app.command()
def untag(ctx: typer.Context, run: Graph, name: TagName, as_json: AsJson = False) -> None:
    """Forget a tag. The version stays until it is pruned."""
    with opened(ctx, write=True) as store:
        tagged = store.tags(found(store, run))
        if name not in tagged:
            from itonami.workflow.definition.values import nearest

            fix = nearest(name, tagged, "it has no tags")
            raise NotFound(f"there is no tag {name!r}", where=f"graph {run!r}", fix=fix)
        store.untag(run, name)
    if as_json:
        emit({"run": run, "tag": name, "tx": tagged[name]})
    else:
        say(f"{name}: no tag of {run} any more")


@app.command()
def tags(ctx: typer.Context, run: Graph, as_json: AsJson = False) -> None:
    """List the tags of a run."""
    with opened(ctx) as store:
        named = store.tags(found(store, run)).items()
        rows = [
            _tag_row(name, store.commit_of(tx), run) for name, tx in sorted(named, key=lambda row: row[::-1])
        ]
    if as_json:
        emit(rows)
        return
    keys = ("tag", "tx", "version", "time")
    heading, *lines = columns([keys, *([str(plain(row[key])) for key in keys] for row in rows)])
    say(heading, "bold")
    for line in lines:
        say(line)


def _tag_row(name: str, commit: Commit, run: str) -> dict[str, Any]:
    return {"tag": name, "tx": commit.tx, "version": commit.entry(run).version, "time": commit.time}
