"""The laws of a backend (`graphstore.backend`), run on every one there is: add yours to `BACKENDS`."""

import os
import random
import threading
from collections.abc import Callable
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from itonami.graphstore import memory
from itonami.graphstore.backend import TABLES, Backend
from itonami.graphstore.environment import Environment
from itonami.graphstore.errors import Corrupt, InvalidValue, ItonamiError, StoreClosed
from itonami.graphstore.memory import Memory

BACKENDS: dict[str, Callable[[Path], Backend]] = {
    "environment": lambda folder: Environment.open(folder / "store", create=True, durable=False),
    "memory": lambda folder: Memory(),
}
PATIENCE_S = 30


@pytest.fixture(params=BACKENDS)
def backend(request, tmp_path):
    opened = BACKENDS[request.param](tmp_path)
    yield opened
    opened.close()


def put_all(backend: Backend, table: str, entries: dict[bytes, bytes]) -> None:
    def work(txn):
        for key, value in entries.items():
            txn.put(table, key, value)

    backend.write(work)


def content(backend: Backend) -> dict[str, list[tuple[bytes, bytes]]]:
    with backend.read() as view:
        return {table: list(view.scan(table)) for table in TABLES}


def in_thread(work: Callable[[], object]) -> None:
    """Run something in another thread to its end."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive(), "it waits for something"
    if failures:
        raise failures[0]


# -- order -------------------------------------------------------------------------------------------------


def test_a_new_store_has_its_settings_and_nothing_else(backend, tmp_path):
    tables = content(backend)
    assert [key for key, _ in tables.pop("meta")] == [b"format", b"snapshot_every", b"store"]
    assert not any(tables.values())
    assert (backend.read_only, backend.forked) == (False, False)
    assert backend.path is None or backend.name == str(backend.path)


def test_an_empty_table_has_no_entry_anywhere(backend):
    with backend.read() as view:
        assert view.get("nodes", b"a") is None
        assert view.floor("nodes", b"a") is view.last("nodes") is None
        assert list(view.scan("nodes")) == list(view.scan("nodes", b"a")) == []
        assert list(view.scan_back("nodes", b"a")) == []
        assert view.count("nodes") == 0


def test_keys_are_ordered_as_bytes(backend):
    ordered = [
        b"\x00",
        b"\x00\x00",
        b"\x00\xff",
        b"A",
        b"a",
        b"a\x00",
        b"aa",
        b"b",
        b"\xc3\xa4",
        b"\xff" * 511,
    ]
    put_all(backend, "nodes", {key: key for key in random.Random(1).sample(ordered, len(ordered))})
    with backend.read() as view:
        assert [key for key, _ in view.scan("nodes")] == ordered
        assert [key for key, _ in view.scan_back("nodes", ordered[-1])] == ordered[::-1]


def test_one_may_look_before_between_and_after_the_keys(backend):
    b, d, f = ((key, key.upper()) for key in (b"b", b"d", b"f"))
    put_all(backend, "nodes", dict([f, b, d]))
    expected = {  # key: floor, scan, scan_back
        b"\x00": (None, [b, d, f], []),
        b"b": (b, [b, d, f], [b]),
        b"c": (b, [d, f], [b]),
        b"d": (d, [d, f], [d, b]),
        b"f": (f, [f], [f, d, b]),
        b"g": (f, [], [f, d, b]),
        b"\xff" * 511: (f, [], [f, d, b]),
    }
    with backend.read() as view:
        for key, answers in expected.items():
            found = (
                view.floor("nodes", key),
                list(view.scan("nodes", key)),
                list(view.scan_back("nodes", key)),
            )
            assert found == answers, key
        assert view.floor("nodes", b"") is None
        assert (view.last("nodes"), view.count("nodes")) == (f, 3)


def test_tables_do_not_see_each_other(backend):
    put_all(backend, "nodes", {b"k": b"node"})
    put_all(backend, "index", {b"k": b"index"})
    backend.write(lambda txn: txn.delete("nodes", b"k"))
    with backend.read() as view:
        assert (view.get("nodes", b"k"), view.get("index", b"k")) == (None, b"index")
        with pytest.raises(KeyError):
            view.get("no such table", b"k")


def test_thousands_of_keys_come_and_go_in_any_order(backend):
    shuffle = random.Random(2)
    keys = [shuffle.randbytes(shuffle.randint(1, 20)) for _ in range(5_000)]
    put_all(backend, "nodes", {key: key[::-1] for key in keys})
    left = sorted(set(keys))
    for share in (0.5, 0.9, 1.0):
        gone = shuffle.sample(left, int(len(left) * share))
        assert backend.write(lambda txn, gone=gone: all(txn.delete("nodes", key) for key in gone))
        left = sorted(set(left) - set(gone))
        with backend.read() as view:
            assert list(view.scan("nodes")) == [(key, key[::-1]) for key in left]
            assert [key for key, _ in view.scan_back("nodes", b"\xff" * 511)] == left[::-1]
            assert view.count("nodes") == len(left)
            assert view.last("nodes") == ((left[-1], left[-1][::-1]) if left else None)
            assert all(view.get("nodes", key) == key[::-1] for key in left)
            assert all(view.get("nodes", key) is None for key in gone[:100])


# -- one transaction ---------------------------------------------------------------------------------------


def test_a_write_sees_its_own_changes(backend):
    put_all(backend, "nodes", {b"b": b"1", b"d": b"1"})

    def work(txn):
        txn.put("nodes", b"c", b"2")
        txn.put("nodes", b"d", b"2")
        assert (txn.get("nodes", b"c"), txn.floor("nodes", b"cc")) == (b"2", (b"c", b"2"))
        assert (txn.get("nodes", b"d"), txn.count("nodes")) == (b"2", 3)
        assert (txn.delete("nodes", b"b"), txn.delete("nodes", b"b")) == (True, False)
        assert (txn.get("nodes", b"b"), txn.floor("nodes", b"b"), txn.count("nodes")) == (None, None, 2)
        txn.put("nodes", b"b", b"3")
        assert list(txn.scan("nodes")) == [(b"b", b"3"), (b"c", b"2"), (b"d", b"2")]
        assert list(txn.scan_back("nodes", b"c")) == [(b"c", b"2"), (b"b", b"3")]
        txn.append("nodes", b"e", b"2")
        assert (txn.last("nodes"), txn.count("nodes")) == ((b"e", b"2"), 4)
        return "what work returns"

    assert backend.write(work) == "what work returns"
    assert [key for key, _ in content(backend)["nodes"]] == [b"b", b"c", b"d", b"e"]


def test_an_append_that_is_not_last_is_refused(backend):
    def work(txn):
        txn.append("commits", b"b", b"first")
        for key in (b"b", b"a"):
            with pytest.raises(Corrupt, match=f"commits has an entry at or after {key.hex()}"):
                txn.append("commits", key, b"second")
        txn.append("commits", b"c", b"third")

    backend.write(work)
    assert content(backend)["commits"] == [(b"b", b"first"), (b"c", b"third")]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_of_a_failed_write_nothing_stays(backend, error):
    put_all(backend, "nodes", {bytes([n]): b"old" for n in range(200)})
    before, id = content(backend), backend.last_id()

    def work(txn):
        for n in range(0, 200, 2):
            txn.put("nodes", bytes([n]), b"new")
            txn.delete("nodes", bytes([n + 1]))
        txn.append("commits", b"c", b"")
        raise error

    with pytest.raises(error):
        backend.write(work)
    assert (content(backend), backend.last_id()) == (before, id)
    put_all(backend, "nodes", {b"another": b"may write"})
    assert len(content(backend)["nodes"]) == 201


def test_ids_count_the_transactions_that_wrote(backend):
    id = backend.last_id()
    assert id > 0, "making the store wrote its settings"
    for expected, work in [
        (id, lambda txn: txn.get("nodes", b"a")),
        (id, lambda txn: txn.delete("nodes", b"a")),
        (id + 1, lambda txn: txn.put("nodes", b"a", b"")),
        (id + 2, lambda txn: txn.delete("nodes", b"a")),
    ]:
        before = backend.last_id()
        inside = backend.write(lambda txn, work=work: (txn.id(), work(txn))[0])
        assert inside == before + 1
        assert backend.last_id() == expected
        with backend.read() as view:
            assert view.id() == expected


@pytest.mark.parametrize("key", [b"", b"x" * 512])
def test_keys_have_1_to_511_bytes(backend, key):
    for put in ("put", "append"):
        with pytest.raises(ItonamiError):
            backend.write(lambda txn, put=put: getattr(txn, put)("nodes", key, b""))
    assert not content(backend)["nodes"]


def test_a_write_inside_a_write_is_refused(backend):
    with pytest.raises(ItonamiError):
        backend.write(lambda txn: backend.write(lambda inner: inner.put("nodes", b"a", b"")))
    put_all(backend, "nodes", {b"a": b""})


# -- several transactions ----------------------------------------------------------------------------------


def test_a_reader_sees_the_moment_it_began_however_long_it_reads(backend):
    old = {n.to_bytes(2): b"old" for n in range(1_000)}
    put_all(backend, "nodes", old)
    id = backend.last_id()
    with backend.read() as view:
        up, down = view.scan("nodes"), view.scan_back("nodes", b"\xff\xff")
        seen_up, seen_down = [next(up)], [next(down)]

        def others() -> None:
            for n in range(0, 1_000, 10):
                put_all(backend, "nodes", {n.to_bytes(2): b"new", n.to_bytes(2) + b"+": b"new"})
                backend.write(lambda txn, n=n: txn.delete("nodes", (n + 1).to_bytes(2)))
            backend.write(lambda txn: txn.append("commits", b"c", b""))

        in_thread(others)
        assert (backend.last_id(), view.id()) == (id + 201, id)
        assert seen_up + list(up) == list(old.items())
        assert seen_down + list(down) == list(old.items())[::-1]
        assert (view.count("nodes"), view.last("commits")) == (1_000, None)
        assert view.get("nodes", b"\0\0") == b"old"
        assert view.floor("nodes", b"\0\x01") == (b"\0\x01", b"old")
    assert len(content(backend)["nodes"]) == 1_000


def test_reads_are_nested_and_each_sees_its_own_moment(backend):
    with backend.read() as outer:
        put_all(backend, "nodes", {b"a": b"1"})
        with backend.read() as inner:
            put_all(backend, "nodes", {b"a": b"2"})
            assert (outer.get("nodes", b"a"), inner.get("nodes", b"a")) == (None, b"1")
        assert outer.get("nodes", b"a") is None
    with backend.read() as view:
        assert view.get("nodes", b"a") == b"2"


def test_a_read_inside_a_write_sees_what_is_committed(backend):
    put_all(backend, "nodes", {b"a": b"old"})

    def work(txn):
        txn.put("nodes", b"a", b"new")
        with backend.read() as view:
            assert (view.get("nodes", b"a"), view.id()) == (b"old", txn.id() - 1)
        assert backend.last_id() == txn.id() - 1
        assert txn.get("nodes", b"a") == b"new"

    backend.write(work)


def test_readers_do_not_wait_for_the_writer_at_work(backend):
    put_all(backend, "nodes", {b"a": b"old"})

    def work(txn):
        txn.put("nodes", b"a", b"new")
        in_thread(lambda: seen.extend(content(backend)["nodes"]))

    seen: list[tuple[bytes, bytes]] = []
    backend.write(work)
    assert seen == [(b"a", b"old")]


def test_there_is_one_writer_at_a_time(backend):
    entered = threading.Event()

    def second(txn):
        entered.set()
        txn.put("nodes", b"seen", txn.get("nodes", b"a") or b"nothing")

    waiting = threading.Thread(target=lambda: backend.write(second), daemon=True)

    def first(txn):
        waiting.start()
        assert not entered.wait(0.1)
        txn.put("nodes", b"a", b"first")

    backend.write(first)
    waiting.join(PATIENCE_S)
    assert content(backend)["nodes"] == [(b"a", b"first"), (b"seen", b"first")]


def test_no_increment_of_many_threads_is_lost(backend):
    put_all(backend, "nodes", {b"sum": b"0"})

    def add_one(txn):
        value = int(txn.get("nodes", b"sum") or b"")
        txn.put("nodes", b"sum", str(value + 1).encode())

    threads = [
        threading.Thread(target=lambda: [backend.write(add_one) for _ in range(50)], daemon=True)
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert content(backend)["nodes"] == [(b"sum", b"200")]


def test_no_reader_sees_half_a_transaction(backend):
    done = threading.Event()

    def write() -> None:
        for n in range(100):
            value = str(n).encode()
            backend.write(
                lambda txn, value=value: [txn.put(table, b"k", value) for table in ("nodes", "index")]
            )
        done.set()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    while not done.is_set():
        with backend.read() as view:
            assert view.get("nodes", b"k") == view.get("index", b"k")
    writer.join(PATIENCE_S)


# -- the whole ---------------------------------------------------------------------------------------------


def test_a_copy_is_a_store_of_the_same_content(backend, tmp_path):
    for table in TABLES[1:]:
        put_all(backend, table, {n.to_bytes(2): table.encode() * n for n in range(100)})
    target = tmp_path / "copy"
    target.mkdir()
    backend.copy(target)
    saved = Environment(target)
    assert content(saved) == content(backend)
    saved.close()


def test_a_copy_made_while_a_writer_goes_on_is_one_moment(backend, tmp_path):
    started, stop = threading.Event(), threading.Event()

    def write() -> None:
        for n in range(5_000):
            key = n.to_bytes(4)
            backend.write(lambda txn, key=key: [txn.append(table, key, b"") for table in ("commits", "log")])
            if n == 100:
                started.set()
            if stop.is_set():
                return

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    assert started.wait(PATIENCE_S)
    target = tmp_path / "copy"
    target.mkdir()
    backend.copy(target)
    stop.set()
    writer.join(PATIENCE_S)
    saved = Environment(target)
    tables = content(saved)
    saved.close()
    assert tables["commits"] == tables["log"]
    assert 100 <= len(tables["log"]) <= len(content(backend)["log"])


def test_a_copy_does_not_write_over_anything(backend, tmp_path):
    target = tmp_path / "copy"
    target.mkdir()
    backend.copy(target)
    put_all(backend, "nodes", {b"a": b""})
    with pytest.raises(ItonamiError):
        backend.copy(target)
    saved = Environment(target)
    assert not content(saved)["nodes"]
    saved.close()


def test_sizes_are_given_by_table(backend):
    before = backend.sizes()
    put_all(backend, "nodes", {n.to_bytes(4): bytes(1_000) for n in range(100)})
    after = backend.sizes()
    assert {"file", "map", "used", *TABLES} <= set(after)
    assert after["nodes"] - before["nodes"] >= 100_000
    assert after["used"] == sum(after[table] for table in TABLES)


def test_a_closed_backend_is_refused(backend, tmp_path):
    backend.close()
    for use in (
        lambda: content(backend),
        lambda: backend.write(lambda txn: None),
        backend.last_id,
        backend.check_usable,
        backend.sizes,
        lambda: backend.copy(tmp_path / "copy"),
    ):
        with pytest.raises(StoreClosed):
            use()
    backend.close()


def test_a_close_waits_for_the_writer_at_work(backend):
    at_work, closing = threading.Event(), threading.Event()
    outcome = []

    def work(txn):
        at_work.set()
        assert closing.wait(PATIENCE_S)
        txn.put("nodes", b"a", b"")
        return "committed"

    writer = threading.Thread(target=lambda: outcome.append(backend.write(work)), daemon=True)
    writer.start()
    assert at_work.wait(PATIENCE_S)
    closer = threading.Thread(target=lambda: (closing.set(), backend.close()), daemon=True)
    closer.start()
    writer.join(PATIENCE_S)
    closer.join(PATIENCE_S)
    assert outcome == ["committed"]


def test_a_forked_child_is_refused_even_while_the_parent_writes(backend):
    def fork(txn) -> int:
        txn.put("nodes", b"a", b"")
        pid = os.fork()
        if pid:
            return pid
        refused = 0
        for use in (lambda: backend.write(lambda txn: None), lambda: content(backend), backend.last_id):
            try:
                use()
            except StoreClosed:
                refused += 1
        backend.close()  # its opener's to close: does nothing, and does not wait
        os._exit(10 + refused if backend.forked else 1)

    pid = backend.write(fork)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 13
    assert content(backend)["nodes"] == [(b"a", b"")]


def test_a_view_of_memory_ends_with_its_transaction():
    backend = Memory()
    with backend.read() as reader:
        pass
    writer = backend.write(lambda txn: txn)
    for use in (
        lambda: reader.get("nodes", b"a"),
        lambda: writer.scan("nodes"),
        lambda: writer.put("nodes", b"a", b""),
    ):
        with pytest.raises(InvalidValue, match="has ended"):
            use()


# -- against a model ---------------------------------------------------------------------------------------

Table = dict[bytes, bytes]
Item = tuple[bytes, bytes]
MODELLED = ("commits", "nodes")
tables = st.sampled_from(MODELLED)
keys = st.lists(st.sampled_from(b"\x00ab\xff"), min_size=1, max_size=3).map(bytes)
changes = st.lists(
    st.tuples(st.sampled_from(["put", "append", "delete"]), tables, keys, st.binary(max_size=3)),
    max_size=30,
)


class Failed(Exception):
    pass


def ascending(table: Table, start: bytes = b"") -> list[Item]:
    return sorted(item for item in table.items() if item[0] >= start)


def descending(table: Table, start: bytes) -> list[Item]:
    return sorted((item for item in table.items() if item[0] <= start), reverse=True)


def looks_like(view, model: dict[str, Table], table: str, key: bytes) -> None:
    """Every question about a key, answered as the model answers it."""
    entries = model[table]
    below = descending(entries, key)
    assert view.get(table, key) == entries.get(key)
    assert view.floor(table, key) == (below[0] if below else None)
    assert list(view.scan_back(table, key)) == below
    assert list(view.scan(table, key)) == ascending(entries, key)
    assert view.last(table) == (max(entries.items()) if entries else None)
    assert view.count(table) == len(entries)


class Backends(RuleBasedStateMachine):
    """All backends at once against dictionaries: what one transaction sees, what stays, what readers keep seeing."""

    readers: Bundle = Bundle("readers")

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(memory, "FAN_OUT", 4)  # trees of some height
        self.resources = ExitStack()
        folder = Path(self.resources.enter_context(TemporaryDirectory()))
        self.backends = [make(folder) for make in BACKENDS.values()]
        self.model: dict[str, Table] = {table: {} for table in MODELLED}

    @rule(changes=changes, fails=st.booleans())
    def transact(self, changes, fails):
        outcomes = [self.run(backend, changes, fails) for backend in self.backends]
        assert all(outcome == outcomes[0] for outcome in outcomes)
        if not fails:
            self.model = outcomes[0]

    @rule(table=tables, start=keys, after=st.booleans())
    def delete_all_on_one_side(self, table, start, after):
        side = ascending if after else descending
        self.transact([("delete", table, key, b"") for key, _ in side(self.model[table], start)], False)

    def run(self, backend: Backend, changes, fails: bool) -> dict[str, Table]:
        model = {table: dict(entries) for table, entries in self.model.items()}
        before, wrote = backend.last_id(), 0

        def work(txn) -> None:
            nonlocal wrote
            for change, table, key, value in changes:
                entries = model[table]
                if change == "delete":
                    assert txn.delete(table, key) == (key in entries)
                    wrote += entries.pop(key, None) is not None
                elif change == "append" and entries and key <= max(entries):
                    with pytest.raises(Corrupt):
                        txn.append(table, key, value)
                else:
                    getattr(txn, change)(table, key, value)
                    entries[key] = value
                    wrote += 1
                looks_like(txn, model, table, key)
            if fails:
                raise Failed

        try:
            backend.write(work)
        except Failed:
            assert fails
        assert backend.last_id() == before + (wrote > 0 and not fails)
        return model

    @rule(target=readers, table=tables, start=keys, steps=st.integers(0, 5))
    def begin_to_read(self, table, start, steps):
        """A view on each backend with two scans under way, and what they are to say."""
        stack = ExitStack()
        held = []
        for backend in self.backends:
            view = stack.enter_context(backend.read())
            up, down = view.scan(table, start), view.scan_back(table, start)
            held.append((view, up, [*islice(up, steps)], down, [*islice(down, steps)]))
        self.resources.push(stack)
        return stack, held, {table: dict(entries) for table, entries in self.model.items()}, table, start

    @rule(reader=readers, table=tables, key=keys)
    def go_on_reading(self, reader, table, key):
        for view, *_ in reader[1]:
            looks_like(view, reader[2], table, key)

    @rule(reader=consumes(readers))
    def finish_reading(self, reader):
        stack, held, model, table, start = reader
        for _, up, seen_up, down, seen_down in held:
            assert seen_up + list(up) == ascending(model[table], start)
            assert seen_down + list(down) == descending(model[table], start)
        stack.close()

    @invariant()
    def what_was_committed_is_there(self):
        for backend in self.backends:
            with backend.read() as view:
                assert view.id() == backend.last_id()
                for table in MODELLED:
                    looks_like(view, self.model, table, b"\x80")

    def teardown(self):
        self.resources.close()
        for backend in self.backends:
            backend.close()
        self.patch.undo()


TestBackends = Backends.TestCase
TestBackends.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
