"""Laws of graphs as values: delta, inverse, diff, exchange, heads."""

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import apply_edits, edited, edits, graphs

from itonami.graphstore import Delta, Graph, Head, InvalidValue, NotFound
from itonami.graphstore.codec import encode


@given(graphs, edits())
def test_patching_with_the_diff_gives_the_other_graph_and_back(before, steps):
    after = edited(before, steps)
    delta = before.diff(after)
    assert before.patch(delta) == after
    assert after.patch(delta.inverse()) == before


@given(graphs, edits())
def test_the_evolvers_delta_is_the_diff(before, steps):
    evolver = before.evolver()
    apply_edits(evolver, steps)
    assert evolver.delta().to_list() == before.diff(evolver.persistent()).to_list()


@given(graphs, edits())
def test_a_delta_survives_its_bytes(before, steps):
    delta = before.diff(edited(before, steps))
    assert Delta.from_list(delta.to_list()) == delta
    assert encode(Delta.from_list(delta.to_list()).to_list()) == encode(delta.to_list())


@given(graphs, edits())
def test_an_evolver_reads_its_own_writes(before, steps):
    evolver = before.evolver()
    apply_edits(evolver, steps)
    after = evolver.persistent()
    assert list(evolver.nodes()) == list(after.nodes())
    assert list(evolver.edges()) == list(after.edges())
    for node in after.nodes():
        assert list(evolver.out(node.id)) == list(after.out(node.id))
        assert list(evolver.into(node.id)) == list(after.into(node.id))


@given(graphs)
def test_networkx_and_back_is_the_same_graph(graph):
    assert Graph.from_networkx(graph.to_networkx()) == graph


@given(graphs, edits())
def test_a_fork_of_a_head_follows_the_graph_and_reverts(before, steps):
    after = edited(before, steps)
    delta = before.diff(after)
    origin = Head.of(before)
    head = origin.fork()
    follow(head, delta)
    assert same_view(head, after)
    assert same_view(origin, before), "a fork leaves what it was forked from alone"
    assert head.delta().to_list() == delta.to_list()
    assert before.replaced(*head.touched()) == after
    head.revert()
    assert same_view(head, before)


def follow(head, delta):
    from itonami.graphstore import Edge, Node

    for edge in delta.removed_edges:
        head.drop_edge(edge.id)
    for node in delta.removed_nodes:
        head.drop_node(node.id)
    for change in delta.set_nodes:
        old = head.node(change.id)
        labels = (old.labels - set(change.labels_removed)) | set(change.labels_added)
        head.put_node(Node(old.id, labels, change.applied(old.data)))
    for node in delta.added_nodes:
        head.put_node(node)
    for change in delta.set_edges:
        was = head.edge(change.id)
        head.put_edge(Edge(was.id, was.source, was.label, was.target, change.applied(was.data)))
    for edge in delta.added_edges:
        head.put_edge(edge)


def same_view(view, graph):
    return (
        list(view.nodes()) == list(graph.nodes())
        and list(view.edges()) == list(graph.edges())
        and all(list(view.nodes(label)) == list(graph.nodes(label)) for label in "ABC")
        and all(list(view.out(n.id)) == list(graph.out(n.id)) for n in graph.nodes())
        and all(list(view.into(n.id, "A")) == list(graph.into(n.id, "A")) for n in graph.nodes())
    )


def test_any_networkx_graph_can_be_read():
    source = networkx.path_graph(3)
    source.nodes[0]["colour"] = "red"
    graph = Graph.from_networkx(source)
    assert graph.node("0")["colour"] == "red"
    assert [edge.target for edge in graph.out("0")] == ["1"]


def test_what_would_break_the_graph_is_refused():
    evolver = Graph().evolver()
    evolver.add_node(id="a")
    evolver.add_node(id="b")
    evolver.add_edge("a", "E", "b", id="e")
    for wrong in (
        lambda: evolver.add_node(id="a"),
        lambda: evolver.add_edge("a", "E", "b", id="e"),
        lambda: evolver.add_node(id=""),
        lambda: evolver.add_node(id="x" * 256),
        lambda: evolver.add_node("\ud800"),
        lambda: evolver.remove_node("a"),
        lambda: evolver.update("a", x=float("nan")),
    ):
        with pytest.raises(InvalidValue):
            wrong()
    with pytest.raises(NotFound):
        evolver.add_edge("a", "E", "nobody")
    assert len(evolver.persistent()) == 2


def test_values_handed_in_and_out_cannot_change_the_graph():
    given_list = [1, {"k": [2]}]
    evolver = Graph().evolver()
    evolver.add_node(id="a", x=given_list)
    graph = evolver.persistent()
    root = graph.root
    given_list.append(3)
    assert graph.node("a")["x"] == [1, {"k": [2]}]
    graph.node("a")["x"].append(4)  # a frozen vector: this makes another one
    with pytest.raises(TypeError):
        graph.node("a")["x"][0] = 4
    with pytest.raises(TypeError):
        graph.node("a").properties["x"] = 4
    assert graph.node("a")["x"] == [1, {"k": [2]}]
    assert Graph().replaced(graph.items()).root == root


@given(graphs, st.lists(edits(), max_size=4))
def test_lookups_that_follow_a_graph_are_those_derived_anew(graph, steps):
    graph.lookup()
    for step in steps:
        graph = edited(graph, step)
    anew = Graph(graph.top)
    assert len(graph) == len(anew)
    assert list(graph.nodes()) == list(anew.nodes())
    assert list(graph.edges()) == list(anew.edges())
    for label in "ABC":
        assert list(graph.nodes(label)) == list(anew.nodes(label))
        assert list(graph.edges(label)) == list(anew.edges(label))
    for node in anew.nodes():
        assert list(graph.into(node.id)) == list(anew.into(node.id))
    assert graph.lookup().nodes_by_label.keys() == anew.lookup().nodes_by_label.keys()


def test_ids_that_share_a_hash_prefix_are_told_apart_or_refused(monkeypatch):
    from itonami.graphstore import element, graph, secondary

    for module in (element, graph, secondary):
        monkeypatch.setattr(module, "hashed", lambda text: text[0].encode().hex().zfill(32))
    evolver = Graph().evolver()
    evolver.add_node(id="apple")
    first = evolver.persistent()
    assert "avocado" not in first
    with pytest.raises(NotFound):
        first.node("avocado")
    evolver = first.evolver()
    evolver.add_node(id="avocado")
    with pytest.raises(InvalidValue, match="hash prefix"):
        evolver.persistent()
    twins = Graph().evolver()
    twins.add_node(id="berry")
    twins.add_node(id="banana")
    with pytest.raises(InvalidValue, match="hash prefix"):
        twins.persistent()
