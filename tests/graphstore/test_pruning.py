"""What pruning drops, what it must keep, and what becomes of large values."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from itonami.graphstore import InvalidValue, NotFound, Retention, Store, VersionPruned


def grown(store, name, versions, start=0):
    for n in range(start, start + versions):
        with store.transaction(name, event="grown", data={"n": n}) as graph:
            graph.add_node("N", id=f"n{n}", n=n)
            if n % 3 == 2:
                graph.remove_node(f"n{n - 1}")


def test_pruned_versions_say_so_and_the_rest_is_as_it_was(store):
    grown(store, "g", 20)
    roots = [version.root for version in store.history("g")]
    log = store.log.root()
    pruned = store.prune("g", 12)
    assert pruned.versions == 11
    for tx in range(1, 12):
        with pytest.raises(VersionPruned, match="TX 12"):
            store.at("g", tx)
    assert [store.at("g", tx).root for tx in range(12, 21)] == roots[11:]
    history = list(store.history("g"))
    assert [version.root for version in history] == roots, "records stay"
    assert [version.pruned for version in history] == [True] * 11 + [False] * 9
    assert history[3].events == ()
    assert store.log.root() == log
    with pytest.raises(VersionPruned):
        _ = store.commit_of(3).entry("g").delta
    assert store.verify().ok
    assert store.prune("g", 5).versions == 0
    assert store.prune("g", 12).versions == 0
    assert store.prune("g", "HEAD").versions == 8
    grown(store, "g", 3, start=20)
    assert store.verify().ok


def test_what_was_pruned_is_gone_from_the_file(tmp_path):
    path = tmp_path / "s"
    with Store.open(path, snapshot_every=2) as store:
        with store.transaction("g", event="told", data={"secret": "short-secret"}) as graph:
            graph.add_node(id="a", secret="a node's secret")
            graph.add_node(id="b", secret="a long secret " * 50)
        for id in "ab":
            with store.transaction("g", event="forgotten") as graph:
                graph.unset(id, "secret")
        with store.transaction("g", event="later") as graph:
            graph.update("a", n=1)
        store.prune("g", "HEAD")
    Store.compact(path)
    data = (path / "data.mdb").read_bytes()
    assert b"secret" not in data


def test_forks_and_tags_outlive_the_pruning_of_their_base(store):
    grown(store, "g", 20)
    store.fork("g", "early", 3)
    store.tag("g", "kept", 9)
    grown(store, "early", 3, start=100)
    expected = {tx: store.at("g", tx) for tx in (3, 9)}
    store.prune("g", "HEAD")
    assert {tx: store.at("g", tx) for tx in (3, 9)} == expected
    assert store.at("g", "TAG kept") == expected[9]
    with pytest.raises(VersionPruned):
        store.at("g", 10)
    assert store.fork("g", "late", "TAG kept").root == expected[9].root
    store.prune("early", "HEAD")
    assert len(store.at("early")) == len(expected[3]) + 2
    store.untag("g", "kept")
    store.prune("g", "HEAD")
    assert store.at("late") == expected[9], "the fork keeps what it starts from"
    assert store.verify().ok


def test_a_sibling_is_not_touched(store):
    for name in ("a", "b"):
        grown(store, name, 10)
    with store.transaction("both", event="e") as graph:
        graph.add_node()
    before = [version.events for version in store.history("b")]
    store.prune("a", "HEAD")
    assert [version.events for version in store.history("b")] == before
    assert len(store.at("b", 11)) == 1
    assert store.verify().ok


def test_a_policy_keeps_a_version_if_any_of_its_rules_does(tmp_path):
    clock = itertools.count()
    start = datetime(2030, 1, 1, tzinfo=UTC)
    with Store.open(tmp_path / "s", clock=lambda: start + timedelta(hours=next(clock))) as store:
        grown(store, "g", 30)
        with pytest.raises(InvalidValue, match="what to prune"):
            store.prune()
        store.retention = Retention(versions=10, age=timedelta(hours=15), tx=25)
        assert store.retention == Retention(versions=10, age=timedelta(hours=15), tx=25)
        store.prune()
        assert [v.pruned for v in store.history("g")].count(True) == 15
        store.retention = Retention(versions=10)
        store.prune()
        assert [v.pruned for v in store.history("g")].count(True) == 20
        store.retention = Retention(tx=1_000)
        store.prune()
        assert [v.pruned for v in store.history("g")].count(False) == 1
        assert store.verify().ok
        store.retention = None
        assert store.retention is None
    for wrong in ({"versions": 0}, {"age": timedelta(seconds=-1)}, {"tx": -1}):
        with pytest.raises(InvalidValue):
            Retention(**wrong)


def test_a_policy_is_kept_to_as_versions_come(tmp_path):
    with Store.open(tmp_path / "s", snapshot_every=5) as store:
        store.retention = Retention(versions=10)
        for n in range(100):
            with store.transaction("g", event="e") as graph:
                graph.add_node(id=f"n{n}", text=f"{n} " * 200)
                if n >= 3:
                    graph.remove_node(f"n{n - 3}")
    with Store.open(tmp_path / "s") as store:
        kept = [v.pruned for v in store.history("g")].count(False)
        assert 10 <= kept <= 20
        assert store.stats().payloads < 30
        assert store.stats().saved_tries <= 5
        assert store.verify().ok


def test_pruning_everything_before_a_moment(store):
    for name in "abc":
        grown(store, name, 5)
    assert store.prune(before=8).versions == 4 + 2
    with pytest.raises(VersionPruned):
        store.at("a", 3)
    assert len(store.at("c", 11)) == 1
    with pytest.raises(NotFound):
        store.prune("c", 8)
    with pytest.raises(NotFound):
        store.prune("nobody", 8)
    with pytest.raises(InvalidValue):
        store.prune(before="HEAD~2")
    assert store.verify().ok


def test_a_pruning_that_was_cut_short_goes_on(store, monkeypatch):
    from itonami.graphstore import pruning

    grown(store, "g", 30)
    monkeypatch.setattr(pruning, "CHUNK", 4)
    steps = itertools.count()

    class Cut(Exception):
        pass

    write = store._backend.write

    def cut(work):
        if next(steps) == 3:
            raise Cut
        return write(work)

    limited = type("B", (), {"write": staticmethod(cut), "read": store._backend.read})
    monkeypatch.setattr(store._pruner, "_backend", limited)
    with pytest.raises(Cut):
        store.prune("g", 25)
    assert store.verify().ok
    with pytest.raises(VersionPruned):
        store.at("g", 24)
    for n in itertools.count():
        if store.prune("g", 25).graphs == 0 or n > 20:
            break
    assert n < 20
    assert [v.pruned for v in store.history("g")].count(True) == 24
    assert store.verify().ok


# -- large values --------------------------------------------------------------------------------------------------


def test_a_large_value_is_kept_once_whoever_holds_it(store):
    text = "the same text " * 1_000
    before = store.stats().used
    for n in range(30):
        with store.transaction(f"g{n}", event="e", data={"text": text}) as graph:
            graph.add_node(id="a", text=text, deep={"er": [text]})
    stats = store.stats()
    assert stats.payloads == 2
    assert stats.used - before < 8 * len(text)
    assert store.at("g7").node("a")["text"] == text
    assert store.head("g9").events[0].data == {"text": text}
    assert store.verify().ok


@pytest.mark.parametrize(
    "value", ["x" * 300, b"y" * 300, list(range(300)), {"a": {"b": "z" * 300}}, "é" * 200]
)
def test_large_values_of_every_kind_come_back(store, value):
    with store.transaction("g", event="e", data={"given": value}) as graph:
        graph.add_node(id="a", value=value, near="n" * 250)
        graph.add_edge("a", "L", "a", id="e", value=value)
    for n in range(6):
        with store.transaction("g", event="e") as graph:
            graph.update("a", n=n)
    store._cache._graphs.clear()
    for tx in range(1, 8):
        graph = store.at("g", tx)
        assert graph.node("a").data["value"] == value
        assert graph.edge("e").data["value"] == value
    assert store.commit_of(1).entry("g").events[0].data == {"given": value}
    assert store.verify().ok


def test_a_wide_node_stays_clear_of_whole_pages(store):
    with store.transaction("g", event="e") as graph:
        for n in range(50):
            graph.add_node(id=str(n), properties={f"key {k}": f"value {k} of {n}" for k in range(100)})
    store.snapshot("g")
    with store._backend.read() as txn:
        assert max(len(data) for _, data in txn.scan("nodes")) < 1_300
    store._cache._graphs.clear()
    store._cache._trees.clear()
    assert store.at("g").node("7")["key 99"] == "value 99 of 7"
    assert store.verify().ok


def test_values_beyond_the_limits_are_refused_and_nothing_is_written(store):
    grown(store, "g", 1)
    last = store.last_id
    for value in (
        "x" * 10_000_000,
        b"x" * 2_000_000,
        list(range(1_000_000)),
        {str(n): n for n in range(200_000)},
    ):
        with pytest.raises(InvalidValue, match="bytes"), store.transaction("g", event="e") as graph:
            graph.add_node(value=value)
        with pytest.raises(InvalidValue, match="bytes"), store.transaction("g", event="e", data={"v": value}):
            pass
    with pytest.raises(InvalidValue, match="large values"), store.transaction("g", event="e") as graph:
        for n in range(20):
            graph.add_node(value=f"{n:02}" * 500_000)
    assert store.last_id == last


# -- what verify says of the tables that pruning goes by -----------------------------------------------------------


def altered(store, work):
    store._backend.write(work)
    report = store.verify()
    assert not report.ok
    return " ".join(report.damage)


def test_verify_sees_a_stale_mark_that_would_let_pruning_take_what_is_in_use(store):
    grown(store, "g", 20)

    def earlier(txn):
        for key, made in list(txn.scan("stale")):
            if key[8:16] == (12).to_bytes(8, "big"):
                txn.delete("stale", key)
                txn.put("stale", key[:8] + (8).to_bytes(8, "big") + key[16:], made)

    assert "in use at TX 8" in altered(store, earlier)


def test_verify_misses_a_pin(store):
    grown(store, "g", 5)
    store.fork("g", "h", 3)
    pin = (1 << 8).to_bytes(8, "big") + (3).to_bytes(8, "big")
    assert "not pinned" in altered(store, lambda txn: txn.delete("pins", pin))


def test_verify_counts_the_uses_of_large_values_and_who_wrote_the_nodes(store):
    grown(store, "g", 9)
    with store.transaction("g", event="e") as graph:
        graph.add_node(text="long " * 100)

    def recount(txn):
        payload, _ = next(txn.scan("uses"))
        txn.put("uses", payload, (7).to_bytes(8, "big"))

    assert "uses" in altered(store, recount)

    def rewrite(txn):
        key, value = next(txn.scan("saves"))
        txn.put("saves", key, value[:16] + (99).to_bytes(8, "big"))

    assert "who wrote" in altered(store, rewrite)


def test_verify_sees_a_dangling_edge_though_every_hash_is_right(store):
    from itonami.graphstore import Edge, Event, Graph

    dangling = Graph().replaced([Edge("e", "a", "L", "b")])
    store.commit([store.prepare("g", 1, dangling, Graph().diff(dangling), [Event("e")])])
    assert "end that is not there" in " ".join(store.verify().damage)
    with pytest.raises(InvalidValue, match="version 1"):
        store.commit([store.prepare("g", 2, dangling, Graph().diff(Graph()), [Event("e")], base=("g", 1))])
