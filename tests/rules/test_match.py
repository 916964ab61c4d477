"""Matches: the compiled finders against brute force, and the order they come in."""

import networkx
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_rules import graphs, head_in_order, naive_applicable, naive_glues, naive_matches, rules, seeds

from itonami.graphstore import Head
from itonami.rules.gluing import gluing
from itonami.rules.match import Match, find, matches


@given(rules(), graphs(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_matches_are_those_of_brute_force(rule, graph, injective):
    found = [match.ids for match in matches(rule, graph, injective)]
    assert len(found) == len(set(found))
    assert set(found) == naive_matches(rule, graph, injective)


@given(rules(), graphs(), seeds)
@settings(max_examples=100, deadline=None)
def test_the_order_of_matches_is_a_function_of_content(rule, graph, order):
    expected = [match.ids for match in matches(rule, graph)]
    assert [match.ids for match in matches(rule, head_in_order(graph, order))] == expected


@given(rules(), graphs(), st.booleans())
@settings(max_examples=200, deadline=None)
def test_gluing_says_which_results_are_graphs(rule, graph, injective):
    for match in matches(rule, graph, injective):
        assert (gluing(rule, match, graph) is None) == naive_glues(rule, match.ids, graph)


@given(rules(), graphs())
@settings(max_examples=200, deadline=None)
def test_every_anchor_finds_the_matches_through_it(rule, graph):
    head, expected = Head.of(graph), naive_applicable(rule, graph)
    for place, variable in enumerate(rule.variables):
        finder = rule.program.finder((variable,))
        for id in {*head.node_by_id, *head.edge_by_id, "nowhere"}:
            found = list(finder(head, None, id))
            assert len(found) == len(set(found))
            assert set(found) == {ids for ids in expected if ids[place] == id}
            first = find(rule, head, {variable: id})
            assert (first.ids if first else None) == (found[0] if found else None)


@given(rules(), graphs(), st.data())
@settings(max_examples=200, deadline=None)
def test_ids_hold_iff_they_are_a_match(rule, graph, data):
    head = Head.of(graph)
    everything = sorted({*head.node_by_id, *head.edge_by_id, "nowhere"})
    count = len(rule.variables)
    ids = tuple(data.draw(st.lists(st.sampled_from(everything), min_size=count, max_size=count)))
    for injective in (True, False):
        expected = naive_matches(rule, graph, injective)
        assert rule.program.holds(injective=injective)(head, None, ids) == (ids in expected)
        for known in expected:
            assert rule.program.holds(injective=injective)(head, None, known)


@given(rules(), graphs())
@settings(max_examples=100, deadline=None)
def test_matches_are_the_monomorphisms_that_networkx_finds_on_reified_edges(rule, graph):
    """On the graph whose edges are nodes too: VF2 on a MultiDiGraph counts parallel edges as one."""
    from dataclasses import replace

    bare = replace(rule, where=(), nacs=())
    large = _reified(graph.nodes(), graph.edges(), "id")
    small = _reified(rule.L.nodes, rule.L.edges, "variable")
    order = [("node", node.variable) for node in rule.L.nodes] + [
        ("edge", edge.variable) for edge in rule.L.edges
    ]
    found = set()
    for mapping in networkx.algorithms.isomorphism.DiGraphMatcher(
        large, small, _fits
    ).subgraph_monomorphisms_iter():
        places = {variable: id for (_, id), (_, variable) in mapping.items()}
        found.add(tuple(places[variable] for _, variable in order))
    assert {match.ids for match in matches(bare, graph)} == found


def _reified(nodes, edges, name):
    """Each edge as two nodes in a row: with one, both arcs of a loop would be a pair of opposite arcs."""
    result = networkx.DiGraph()
    for node in nodes:
        result.add_node(("node", getattr(node, name)), kind="node", labels=set(node.labels))
    for edge in edges:
        tail, key = (("tail", getattr(edge, name)), ("edge", getattr(edge, name)))
        result.add_node(tail, kind="tail", labels=set())
        result.add_node(key, kind="edge", labels=set() if edge.label is None else {edge.label})
        result.add_edges_from([(("node", edge.source), tail), (tail, key), (key, ("node", edge.target))])
    return result


def _fits(large, small):
    return small["kind"] == large["kind"] and small["labels"] <= large["labels"]


def test_a_match_is_rebuilt_from_its_ids():
    from itonami.rules.rule import Rule

    rule = Rule.parse("rule r match (a)-[e:X]->(b)")
    match = Match.from_ids(rule, ["1", "2", "9"])
    assert (match["a"], match["e"], match.nodes, match.edges) == ("1", "9", {"a": "1", "b": "2"}, {"e": "9"})
