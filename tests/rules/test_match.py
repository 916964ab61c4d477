"""Matches: the compiled finders against brute force, and the order they come in."""

import networkx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_rules import graphs, head_in_order, naive_applicable, naive_glues, naive_matches, rules, seeds

from itonami.graphstore import Graph, Head
from itonami.rules.errors import RewriteError, RuleError
from itonami.rules.gluing import gluing
from itonami.rules.match import Match, find, finder, matches
from itonami.rules.pattern import EdgePattern, NodePattern, Pattern
from itonami.rules.plan import Follow, Scan, plan
from itonami.rules.rewrite import rewrite
from itonami.rules.rule import Rule
from itonami.rules.term import parse_term

modes = st.sampled_from([True, False, "nodes", "edges"])


@given(rules(), graphs(), modes, st.none() | modes)
@settings(max_examples=500, deadline=None)
def test_matches_are_those_of_brute_force_in_every_mode(rule, graph, injective, nac_injective):
    found = [match.ids for match in matches(rule, graph, injective, nac_injective=nac_injective)]
    assert len(found) == len(set(found))
    assert set(found) == naive_matches(rule, graph, injective, nac_injective=nac_injective)


@given(rules(), graphs(), seeds)
@settings(max_examples=100, deadline=None)
def test_the_order_of_matches_is_a_function_of_content(rule, graph, order):
    expected = [match.ids for match in matches(rule, graph)]
    assert [match.ids for match in matches(rule, head_in_order(graph, order))] == expected


@given(rules(), graphs(), modes)
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
@settings(max_examples=120, deadline=None)
def test_ids_hold_iff_they_are_a_match(rule, graph, data):
    nac_injective = data.draw(st.none() | modes)
    head = Head.of(graph)
    everything = sorted({*head.node_by_id, *head.edge_by_id, "nowhere"})
    count = len(rule.variables)
    ids = tuple(data.draw(st.lists(st.sampled_from(everything), min_size=count, max_size=count)))
    for injective in (True, False, "nodes", "edges"):
        expected = naive_matches(rule, graph, injective, nac_injective=nac_injective)
        holds = rule.program.holds(injective=injective, nac_injective=nac_injective)
        assert holds(head, None, ids) == (ids in expected)
        for match in matches(rule, head, injective, nac_injective=nac_injective):
            assert match.ids in expected
            assert (match.injective, match.nac_injective) == (injective, nac_injective)
            assert holds(head, None, match.ids)


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
    rule = Rule.parse("rule r match (a)-[e:X]->(b)")
    match = Match.from_ids(rule, ["1", "2", "9"])
    assert (match["a"], match["e"], match.nodes, match.edges) == ("1", "9", {"a": "1", "b": "2"}, {"e": "9"})


# -- modes -----------------------------------------------------------------------------------------------------


@pytest.fixture
def pair():
    """Two parallel edges from a to b, and a loop at b."""
    graph = Graph().evolver()
    graph.add_node("A", id="a")
    graph.add_node("B", id="b")
    for id, ends in (("x", "ab"), ("y", "ab"), ("z", "bb")):
        graph.add_edge(ends[0], "X", ends[1], id=id)
    return graph.persistent()


def test_what_each_mode_keeps_apart(pair):
    parallel = Rule.parse("rule r match (m)-[e:X]->(n), (m)-[f:X]->(n)")
    found = {mode: {m.ids for m in matches(parallel, pair, mode)} for mode in (True, "nodes", "edges", False)}
    assert found[True] == {("a", "b", "x", "y"), ("a", "b", "y", "x")}
    assert found["nodes"] == found[True] | {("a", "b", "x", "x"), ("a", "b", "y", "y")}
    assert found["edges"] == found[True], "a loop is one edge"
    assert found[False] == found["nodes"] | {("b", "b", "z", "z")}
    walk = Rule.parse("rule r match (m:A)-[e:X]->(n)-[f:X]->(o)")
    assert [len(list(matches(walk, pair, mode))) for mode in (True, "nodes", "edges", False)] == [0, 0, 2, 2]
    round_ = Rule.parse("rule r match (m:B)-[e:X]->(n)-[f:X]->(o)")
    assert [len(list(matches(round_, pair, mode))) for mode in (True, "nodes", "edges", False)] == [
        0,
        0,
        0,
        1,
    ]


def test_the_mode_of_nacs_is_chosen_apart_from_that_of_matches(pair):
    """A NAC whose nodes must differ does not see a loop; one that lists two merged nodes forbids nothing."""
    rule = Rule.parse("rule r match (b:B) not (b)-[:X]->(c)")
    assert len(list(matches(rule, pair))) == len(list(matches(rule, pair, False, nac_injective="nodes"))) == 1
    assert list(matches(rule, pair, nac_injective=False)) == list(matches(rule, pair, False)) == []
    both = Rule.parse("rule r match (m), (n) not (m)-[:X]->(n)")
    loose = {m.ids for m in matches(both, pair, False)}
    assert loose == {("a", "a"), ("b", "a")}
    assert {m.ids for m in matches(both, pair, False, nac_injective=True)} == loose | {("b", "b")}


def test_a_match_is_checked_in_its_own_modes_where_it_is_applied(pair):
    rule = Rule.parse("rule r match (b:B) not (b)-[:X]->(c) set b.n = 1")
    (match,) = matches(rule, pair, False, nac_injective="nodes")
    assert rewrite(pair, rule, match).graph.node("b").data == {"n": 1}
    with pytest.raises(RewriteError, match="no match"):
        rewrite(pair, rule, Match.from_ids(rule, match.ids, False))


# -- the same matcher for other patterns -----------------------------------------------------------------------

HOP = Pattern(
    (NodePattern("a", ("A",)), NodePattern("b")),
    (EdgePattern("e", "a", "X", "b"), EdgePattern("f", "b", "X", "b")),
)


@given(rules(), graphs(), modes)
@settings(max_examples=100, deadline=None)
def test_a_finder_of_a_bare_pattern_finds_what_a_rule_of_it_matches(rule, graph, injective):
    head = Head.of(graph)
    found = list(finder(rule.L, rule.where, rule.nacs, injective=injective)(head, {}))
    assert found == [match.ids for match in matches(rule, head, injective)]
    for variable in rule.variables:
        place, anchored = (
            rule.variables.index(variable),
            finder(rule.L, rule.where, rule.nacs, [variable], injective),
        )
        for ids in found:
            through = list(anchored(head, {}, ids[place]))
            assert sorted(through) == sorted(other for other in found if other[place] == ids[place])


def test_a_finder_reads_parameters_and_any_anchors(pair):
    head = Head.of(pair)
    anchored = finder(HOP, [parse_term("id(e) = $edge")], anchors=["b", "a"])
    assert list(anchored(head, {"edge": "y"}, "b", "a")) == [("a", "b", "y", "z")]
    assert list(anchored(head, {"edge": "y"}, "a", "b")) == []
    with pytest.raises(RewriteError, match="'c' is no variable"):
        finder(HOP, anchors=["c"])
    with pytest.raises(RuleError, match="'c' is not bound"):
        finder(HOP, [parse_term("c.x = 1")])


def test_the_plan_of_a_finder_is_a_function_of_the_pattern():
    first, second = HOP.edges
    free = plan(HOP.nodes, HOP.edges)
    assert (free[0], free[1]) == (Scan(HOP.nodes[0]), Follow(first, forward=True))
    bound = plan(HOP.nodes, HOP.edges, ["b"])
    assert [move.edge for move in bound] == [second, first]
