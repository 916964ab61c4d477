"""The law of the store: every kept version stays readable and equal to a plain model, whatever else happens: commits,
forks, tags, snapshots, prunings of this graph and of its siblings, reopenings, compaction."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from strategies import apply_edits, edits

from itonami.graphstore import Graph, Retention, Store, VersionPruned

NAMES = st.sampled_from("uvwxyz")
BIG = st.sampled_from([None, "a" * 300, "b" * 5_000, ["c"] * 400, {"deep": {"d": "e" * 400}}])


def plain(graph: Graph) -> dict:
    """A graph as dicts: what the model keeps, so that it cannot share a fault with the trie."""
    nodes = {n.id: (sorted(n.labels), dict(n.data)) for n in graph.items() if hasattr(n, "labels")}
    edges = {e.id: (e.source, e.label, e.target, dict(e.data)) for e in graph.items() if hasattr(e, "source")}
    return {"nodes": nodes, "edges": edges}


class AgainstADict(RuleBasedStateMachine):
    """One store, and beside it a dict of every version of every graph."""

    @initialize(every=st.integers(1, 5))
    def begin(self, every):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "s"
        self.store = Store.open(self.path, snapshot_every=every)
        self.model: dict[str, list[tuple[int, dict, bytes]]] = {}
        self.pruned: dict[str, int] = {}
        self.tags: dict[str, dict[str, int]] = {}
        self.bases: set[tuple[str, int]] = set()

    def known(self, data):
        return data.draw(st.sampled_from(sorted(self.model)))

    def kept(self, name):
        """The versions that must be readable."""
        horizon = self.pruned.get(name, 0)
        tagged = set(self.tags.get(name, {}).values())
        pinned = tagged | {tx for base, tx in self.bases if base == name}
        return [version for version in self.model[name] if version[0] >= horizon or version[0] in pinned]

    @rule(name=NAMES, steps=edits(), big=BIG)
    def commit(self, name, steps, big):
        with self.store.transaction(name, event="edit", data={"big": big}) as evolver:
            apply_edits(evolver, steps)
            if big is not None:
                evolver.add_node("Big", value=big)
            after = evolver.persistent()
        self.model.setdefault(name, []).append((self.store.last_tx, plain(after), after.root))

    @precondition(lambda self: self.model)
    @rule(data=st.data(), new=st.sampled_from("abcdef"))
    def fork(self, data, new):
        name = self.known(data)
        tx, state, root = data.draw(st.sampled_from(self.kept(name)))
        if new in self.model:
            return
        version = self.store.fork(name, new, tx)
        self.bases.add((name, tx))
        self.model[new] = [(version.tx, state, root)]

    @precondition(lambda self: self.model)
    @rule(data=st.data(), tag=st.sampled_from(["gold", "v 1"]))
    def tag(self, data, tag):
        name = self.known(data)
        tx, _, _ = data.draw(st.sampled_from(self.kept(name)))
        self.store.tag(name, tag, tx)
        self.tags.setdefault(name, {})[tag] = tx

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def untag(self, data):
        name = self.known(data)
        for tag in list(self.tags.get(name, {})):
            self.store.untag(name, tag)
        self.tags.pop(name, None)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def snapshot(self, data):
        name = self.known(data)
        self.store.snapshot(name, data.draw(st.sampled_from(self.kept(name)))[0])

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def prune(self, data):
        name = self.known(data)
        horizon = self.pruned.get(name, 0)
        tx = data.draw(st.sampled_from([version[0] for version in self.model[name] if version[0] >= horizon]))
        self.store.prune(name, tx)
        self.pruned[name] = tx

    @rule(keep=st.integers(1, 4))
    def prune_by_policy(self, keep):
        self.store.retention = Retention(versions=keep)
        self.store.prune()
        self.store.retention = None
        for name, versions in self.model.items():
            if len(versions) >= keep:
                self.pruned[name] = max(self.pruned.get(name, 0), versions[-keep][0])

    @rule(every=st.none() | st.integers(1, 5), compact=st.booleans())
    def reopen(self, every, compact):
        self.store.close()
        if compact:
            Store.compact(self.path)
        self.store = Store.open(self.path, snapshot_every=every)

    @invariant()
    def recent_versions_are_as_they_were(self):
        for name, versions in self.model.items():
            assert self.store.head(name).version == len(versions)
            for tx, state, root in self.kept(name)[-3:]:
                graph = self.store.at(name, tx)
                assert graph.root == root
                assert plain(graph) == state

    def check_node_by_node(self, graph, state):
        """Nodes and the edges leaving them, asked one by one, before anything makes the graph fold its deltas."""
        for id in (f"n{n}" for n in range(8)):
            node = graph.find(id)
            found = None if node is None else (sorted(node.labels), dict(node.data))
            assert found == state["nodes"].get(id)
            edges = {e.id: (e.source, e.label, e.target, dict(e.data)) for e in graph.out(id)}
            assert edges == {e: fields for e, fields in state["edges"].items() if fields[0] == id}

    def teardown(self):
        if not hasattr(self, "store"):
            return
        self.store.close()
        with Store.open(self.path) as store:
            for name, versions in self.model.items():
                assert [v.root for v in store.history(name)] == [root for _, _, root in versions]
                kept = {tx for tx, _, _ in self.kept(name)}
                assert store.tags(name) == self.tags.get(name, {})
                for tx, state, root in versions:
                    if tx in kept:
                        graph = store.at(name, tx)
                        self.check_node_by_node(graph, state)
                        assert (graph.root, plain(graph)) == (root, state)
                    else:
                        with pytest.raises(VersionPruned):
                            store.at(name, tx)
            report = store.verify()
            assert report.ok, report.damage
        self.folder.cleanup()


TestAgainstADict = AgainstADict.TestCase
TestAgainstADict.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
