"""What an operator does with a store: count it, copy it, make it small, derive its indices anew.

A copy is written beside its place, synced, then renamed into it: it is there whole or not at all. A store is compacted
by putting its compact copy in its place, which nobody else may have open meanwhile. Indices follow from the heads of
the graphs, so they are mended in one transaction, which writes only what was wrong.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itonami.graphstore.backend import Backend, Reading, Writing
from itonami.graphstore.codec import encode
from itonami.graphstore.creation import (
    DATA_FILE,
    LOCK_FILE,
    make_directories,
    opening,
    refused,
    sync_directory,
)
from itonami.graphstore.environment import Environment
from itonami.graphstore.errors import InvalidValue, StoreBusy, StoreFull
from itonami.graphstore.ledger import Ledger, Name
from itonami.graphstore.secondary import entries_of, full_key

if TYPE_CHECKING:
    from itonami.graphstore.store import Store

__all__ = ["Reindexed", "Stats", "backup", "compact", "reindex", "stats"]


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts, and sizes in bytes. `used` is what the pages with data take, `file` what the file does; the rest is free
    for reuse, or given back by `compact`."""

    store: str
    format: int
    transactions: int
    graphs: int
    pruned_graphs: int
    versions: int
    saved_tries: int
    trie_nodes: int
    payloads: int
    tags: int
    index_entries: int
    file: int
    used: int
    map: int
    tables: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return asdict(self)


def stats(backend: Backend, ledger: Ledger) -> Stats:
    """Counts and sizes of a store. O(graphs)."""
    sizes = backend.sizes()
    with backend.read() as txn:
        counts = {table: txn.count(table) for table in sizes if table not in ("file", "map", "pages", "used")}
        return Stats(
            store=str(ledger.setting(txn, "store")),
            format=ledger.whole(txn, "format"),
            transactions=ledger.last(txn)[0],
            graphs=counts["graphs"],
            pruned_graphs=sum(Name.of(value).horizon > 0 for _, value in txn.scan("graphs")),
            versions=counts["versions"],
            saved_tries=counts["roots"],
            trie_nodes=counts["nodes"],
            payloads=counts["payloads"],
            tags=counts["tags"],
            index_entries=counts["index"],
            file=sizes["file"],
            used=sizes["used"],
            map=sizes["map"],
            tables={table: sizes[table] for table in counts},
        )


def backup(backend: Backend, path: Path) -> Path:
    """A compact copy of a store in a new directory. O(size)."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InvalidValue("there is something already", where=str(path), fix="name a new directory")
    with _scratch(path) as scratch:
        backend.copy(scratch)
        scratch.rename(path)
        sync_directory(path.parent)
    return path


def compact(path: Path) -> tuple[int, int]:
    """Put a store's compact copy in its place; returns the bytes before and after. Raises `StoreBusy` when anybody,
    this process included, has it open."""
    data = path / DATA_FILE
    with Environment.open(path, create=False, read_only=True) as environment, _scratch(path) as scratch:
        before = environment.last_id()
        environment.copy(scratch)
        environment.close()
        with opening(path), _alone(path):
            if Environment.peek(path) != before:
                raise StoreBusy("somebody wrote to it meanwhile", where=str(path), fix="try again")
            sizes = data.stat().st_size, (scratch / DATA_FILE).stat().st_size
            os.chmod(scratch / DATA_FILE, data.stat().st_mode & 0o777)
            os.replace(scratch / DATA_FILE, data)
            sync_directory(path)
    return sizes


@dataclass(frozen=True, slots=True)
class Reindexed:
    """What `reindex` found: how many entries the declared indices have, and how many of the old ones were `wrong`:
    missing, of another node, or of none."""

    entries: int
    wrong: int


def reindex(store: Store, progress: Callable[[int, int], None] | None = None) -> Reindexed:
    """Derive the declared indices anew from the heads of all graphs: what `Store.verify` finds wrong with them is right
    afterwards. `progress(done, total)` counts graphs. One transaction, so writers wait meanwhile: O(size of the heads);
    nothing is written where nothing was wrong."""

    def mend(txn: Writing) -> Reindexed:
        held, wrong, entries = dict(txn.scan("index")), 0, 0
        for key, value in _derived(store, txn, progress):
            entries += 1
            if held.pop(key, None) != value:
                txn.put("index", key, value)
                wrong += 1
        for key in held:
            txn.delete("index", key)
        return Reindexed(entries, wrong + len(held))

    return store._backend.write(mend)


def _derived(
    store: Store, txn: Reading, progress: Callable[[int, int], None] | None
) -> Iterator[tuple[bytes, bytes]]:
    """The entries that the index table is to have."""
    ledger = store._ledger
    pairs, graphs = ledger.pairs(txn), list(ledger.graphs(txn))
    for done, graph in enumerate(graphs, start=1):
        place = ledger.place(txn, graph)
        if place is not None and pairs:
            for key, node in entries_of(pairs, store._cache.graph(txn, graph, place.tx)):
                yield full_key(key, place.number, node), encode([graph, node])
        if progress is not None:
            progress(done, len(graphs))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the byte that LMDB locks for every process that has the environment open (mdb.c, mdb_env_setup_locks):
    who opens it meanwhile waits."""
    with (path / LOCK_FILE).open("r+b") as lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB, 1)
        except OSError:
            raise StoreBusy("it is open elsewhere", where=str(path), fix="stop what uses it first") from None
        yield


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    """A directory beside the place a store is to have, removed at the end unless it was moved there."""
    try:
        make_directories(path.parent)
        scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise refused(error, path) from error
    try:
        yield scratch
    except OSError as error:
        if isinstance(error, StoreFull):
            raise
        raise StoreFull(
            f"the copy could not be written: {error.strerror}", where=str(path), fix="make room and try again"
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
