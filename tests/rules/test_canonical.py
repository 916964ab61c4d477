"""Canonical forms: equal certificates iff isomorphic, by networkx; and what regular graphs cost."""

import networkx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from naive_rules import random_graph, seeds

from itonami.graphstore import Edge, Graph, Node
from itonami.rules.analysis.canonical import Canonizer, TooRegular, isomorphism


def renamed(graph, rng):
    names = [node.id for node in graph.nodes()]
    others = [f"m{k}" for k in range(len(names))]
    rng.shuffle(others)
    to = dict(zip(names, others, strict=True))
    nodes = [Node(to[node.id], node.labels, node.data) for node in graph.nodes()]
    edges = [Edge(f"d{k}", to[e.source], e.label, to[e.target], e.data) for k, e in enumerate(graph.edges())]
    rng.shuffle(edges)
    return Graph().replaced([*nodes, *edges])


def of_networkx(graph):
    """A Graph of an undirected one: an edge each way."""
    nodes = [Node(str(node)) for node in graph]
    pairs = [pair for a, b in graph.edges() for pair in ((a, b), (b, a))]
    return Graph().replaced([*nodes, *(Edge(f"e{k}", str(a), "X", str(b)) for k, (a, b) in enumerate(pairs))])


def maps_exactly(one, other, mapping):
    def content(graph, to):
        nodes = sorted((to[n.id], sorted(n.labels), repr(sorted(n.data.items()))) for n in graph.nodes())
        edges = sorted(
            (to[e.source], e.label, to[e.target], repr(sorted(e.data.items()))) for e in graph.edges()
        )
        return nodes, edges

    return content(one, mapping) == content(other, {node.id: node.id for node in other.nodes()})


@given(seeds)
@settings(max_examples=200, deadline=None)
def test_renaming_everything_changes_nothing(rng):
    one = random_graph(rng, 6, 8)
    other = renamed(one, rng)
    mapping = isomorphism(one, other)
    assert mapping is not None
    assert maps_exactly(one, other, mapping)


@given(st.integers(0, 2**32), st.integers(2, 6), st.floats(0.1, 0.9))
@settings(max_examples=200, deadline=None)
def test_certificates_are_equal_iff_networkx_finds_an_isomorphism(seed, size, chance):
    one = networkx.gnp_random_graph(size, chance, seed=seed)
    other = networkx.gnp_random_graph(size, chance, seed=seed + 1)
    assume(one.number_of_edges() == other.number_of_edges())
    found = isomorphism(of_networkx(one), of_networkx(other)) is not None
    assert found == networkx.is_isomorphic(one, other)


@given(st.integers(0, 2**32), st.sampled_from([(3, 8), (3, 10), (4, 9), (3, 12)]))
@settings(max_examples=100, deadline=None)
def test_regular_graphs_are_told_apart(seed, shape):
    """Refinement alone sees no difference between regular graphs of one degree."""
    one = networkx.random_regular_graph(*shape, seed=seed)
    other = networkx.random_regular_graph(*shape, seed=seed + 1)
    found = isomorphism(of_networkx(one), of_networkx(other)) is not None
    assert found == networkx.is_isomorphic(one, other)


def rook():
    return networkx.line_graph(networkx.complete_bipartite_graph(4, 4))


def shrikhande():
    graph = networkx.Graph()
    for a in range(4):
        for b in range(4):
            for step in ((0, 1), (1, 0), (1, 1)):
                graph.add_edge((a, b), ((a + step[0]) % 4, (b + step[1]) % 4))
    return graph


def test_strongly_regular_graphs_of_the_same_parameters_are_told_apart():
    numbered = [networkx.convert_node_labels_to_integers(graph) for graph in (rook(), shrikhande())]
    one, other = map(of_networkx, numbered)
    assert isomorphism(one, other) is None
    assert isomorphism(one, of_networkx(networkx.relabel_nodes(numbered[0], lambda n: 15 - n))) is not None


@pytest.mark.parametrize(
    "graph",
    [
        networkx.empty_graph(200),
        networkx.complete_graph(40),
        networkx.star_graph(100),
        networkx.cycle_graph(60),
        networkx.complete_bipartite_graph(20, 20),
        networkx.disjoint_union_all([networkx.path_graph(3)] * 12),
        networkx.hypercube_graph(5),
        networkx.petersen_graph(),
        networkx.balanced_tree(3, 4),
    ],
    ids=["empty", "complete", "star", "cycle", "bipartite", "paths", "cube", "petersen", "tree"],
)
def test_symmetric_graphs_need_few_refinements(graph):
    graph = networkx.convert_node_labels_to_integers(graph)
    turned = networkx.relabel_nodes(graph, lambda node: (node * 7 + 3) % 10_007)
    assert isomorphism(of_networkx(graph), of_networkx(turned), limit=1_500) is not None


def test_what_is_too_regular_is_told_and_not_guessed():
    with pytest.raises(TooRegular, match="40 nodes"):
        Canonizer(limit=30).form(of_networkx(networkx.random_regular_graph(3, 40, seed=1)))


def test_values_of_other_types_are_other_values():
    one, other = (Graph().replaced([Node("a", (), {"x": value})]) for value in (1, True))
    assert isomorphism(one, other) is None
    assert isomorphism(Graph(), Graph()) == {}
