"""Rewriting: gluing iff applicable, the effect by definition, undo, and ids that are a function of content."""

from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_rules import evaluate, graphs, naive_glues, naive_matches, rules

from itonami.graphstore import Edge, Graph, Head, InvalidValue, Node
from itonami.rules import (
    Dangling,
    Identification,
    Match,
    RewriteError,
    Rule,
    RuleSet,
    find,
    gluing,
    matches,
    quiesce,
    replay,
    rewrite,
    undo,
)
from itonami.rules.rewrite import apply, unapply
from itonami.rules.step import Step


def graph_of(head):
    return Graph().replaced([*head.nodes(), *head.edges()])


def by_definition(rule, match, graph, created):
    """H = (G - m(L - K)) + (R - K), relabelled and set: element by element."""
    before = {v: (graph.node if rule.L.node(v) else graph.edge)(match[v]) for v in rule.variables}
    places = {v: match[v] for v in rule.variables if v not in rule.delete} | created
    gone = {match[v] for v in rule.delete}
    nodes = {n.id: (set(n.labels), dict(n.data)) for n in graph.nodes() if n.id not in gone}
    edges = {e.id: (e.source, e.label, e.target, dict(e.data)) for e in graph.edges() if e.id not in gone}
    for relabel in rule.relabels:
        labels, data = nodes[places[relabel.variable]]
        nodes[places[relabel.variable]] = (labels - set(relabel.removed)) | set(relabel.added), data
    for node in rule.create.nodes:
        nodes[places[node.variable]] = set(node.labels), {}
    for edge in rule.create.edges:
        edges[places[edge.variable]] = places[edge.source], edge.label, places[edge.target], {}
    for assignment in rule.assignments:
        id = places[assignment.variable]
        data = (nodes[id] if id in nodes else edges[id])[-1]
        value = evaluate(assignment.term, before)
        data.pop(assignment.key, None)
        if value is not None:
            data[assignment.key] = value
    items = [Node(id, *fields) for id, fields in nodes.items()]
    return Graph().replaced(items + [Edge(id, *fields) for id, fields in edges.items()])


@given(rules(), graphs(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_a_rewrite_is_what_the_definition_says_and_undo_gives_the_graph_back(rule, graph, injective):
    order = [match.ids for match in matches(rule, graph, injective)]
    for match in matches(rule, graph, injective):
        if gluing(rule, match, graph) is not None:
            continue
        done = rewrite(graph, rule, match)
        created = {v: done.comatch[v] for v in rule.create.variables}
        assert done.comatch.keys() == set(rule.R.variables)
        assert done.graph == by_definition(rule, match, graph, created)
        assert graph.patch(done.delta) == done.graph
        assert graph.diff(done.graph) == done.delta
        assert undo(done) == graph
        assert [match.ids for match in matches(rule, undo(done), injective)] == order


@given(rules(), graphs(), st.data())
@settings(max_examples=200, deadline=None)
def test_a_rule_applies_iff_the_match_holds_and_gluing_allows_it(rule, graph, data):
    head = Head.of(graph)
    everything = sorted({*head.node_by_id, *head.edge_by_id, "nowhere"})
    count = len(rule.variables)
    known = [match.ids for match in matches(rule, graph, injective=False)]
    anything = st.lists(st.sampled_from(everything), min_size=count, max_size=count).map(tuple)
    ids = data.draw(st.sampled_from(known) | anything if known else anything)
    for injective in (True, False):
        expected = ids in naive_matches(rule, graph, injective) and naive_glues(rule, ids, graph)
        try:
            apply(head, rule, Match(rule, ids, injective))
            applied = True
        except RewriteError:
            applied = False
            assert not head.delta()
        assert applied == expected
        head.revert()


@given(rules(), graphs())
@settings(max_examples=150, deadline=None)
def test_reverting_a_head_gives_the_matches_back_in_order(rule, graph):
    head = Head.of(graph)
    order = [match.ids for match in matches(rule, head)]
    for ids in order:
        match = Match(rule, ids)
        if gluing(rule, match, head) is None:
            apply(head, rule, match, found=True)
            head.revert()
            assert [match.ids for match in matches(rule, head)] == order


def tables(head):
    """All that a head holds, but for its journal; the order in dictionaries does not count."""
    return (head.node_by_id, head.edge_by_id, head.out_edges, head.in_edges, head.labelled)


@given(st.lists(rules(), min_size=1, max_size=3), graphs(), st.booleans(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_rewrites_taken_back_last_first_leave_the_head_as_it_was(some_rules, graph, injective, shared):
    origin = Head.of(graph)
    head = origin.fork() if shared else origin
    before, untouched = deepcopy(tables(head)), deepcopy(tables(Head.of(graph)))
    orders = [[match.ids for match in matches(rule, head, injective)] for rule in some_rules]
    steps, between = [], []
    for rule in some_rules:
        for match in list(matches(rule, head, injective))[:2]:
            ids = [*head.node_by_id, *head.edge_by_id]
            try:
                steps.append(apply(head, rule, match))
            except RewriteError:
                continue
            between.append(ids)
            assert tables(head) == tables(Head.of(graph_of(head)))
    for step, ids in zip(reversed(steps), reversed(between), strict=True):
        unapply(head, step)
        assert {*head.node_by_id, *head.edge_by_id} == {*ids}
    assert tables(head) == before
    assert not head.delta()
    assert [[match.ids for match in matches(rule, head, injective)] for rule in some_rules] == orders
    assert tables(origin) == untouched


def test_only_the_last_rewrite_can_be_taken_back(pair):
    head, rules = Head.of(pair), RuleSet.parse("rule r match (a:A)-[x]->(b) delete x create (a)-[:Y]->(b)")
    step = apply(head, rules["r"], find(rules["r"], head))
    apply(head, rules["r"], find(rules["r"], head))
    with pytest.raises(RewriteError, match="not the last rewrite"):
        unapply(head, step)
    free = pair.evolver()
    free.update("a", n=1)
    with pytest.raises(RewriteError, match="not the last rewrite"):
        unapply(Head.of(free.persistent()), Step.of(free.delta()))


@given(rules("one"), rules("other"), graphs())
@settings(max_examples=200, deadline=None)
def test_rewrites_that_touch_disjoint_elements_commute_to_equal_graphs(one, other, graph):
    """Created ids do not depend on the order. Matches that share nothing and stay matches are independent."""
    for first in list(matches(one, graph))[:3]:
        for second in list(matches(other, graph))[:3]:
            if set(first.ids) & set(second.ids) or not (first.ids and second.ids):
                continue
            try:
                there = rewrite(rewrite(graph, one, first).graph, other, second).graph
                back = rewrite(rewrite(graph, other, second).graph, one, first).graph
            except RewriteError:
                continue
            assert there.root == back.root


# -- stories ---------------------------------------------------------------------------------------------------


@pytest.fixture
def pair():
    graph = Graph().evolver()
    graph.add_node("A", id="a", n=0)
    graph.add_node("B", id="b", s="new")
    graph.add_edge("a", "X", "b", id="x", w=1)
    return graph.persistent()


def test_values_are_those_of_before_and_null_unsets():
    graph = Graph().evolver()
    graph.add_node(id="a", p=1, q=2)
    graph.add_node(id="b")
    graph.add_edge("a", "X", "b", id="x", w=1)
    swap = "set a.p = a.q, a.q = a.p, b.p = a.missing, b.q = 1 / 0, x.w = x.w + 1"
    rule = Rule.parse(f"rule r match (a)-[x:X]->(b) {swap}")
    later = rewrite(graph.persistent(), rule, Match(rule, ("a", "b", "x"))).graph
    assert later.node("a").data == {"p": 2, "q": 1}
    assert later.node("b").data == {}
    assert later.edge("x").data == {"w": 2}


def test_created_elements_know_each_others_ids(pair):
    rule = Rule.parse(
        "rule r match (a:A)-[x]->(b) delete x create (a)-[:T {of: id(b)}]->(t:T {x: id(x), me: id(t)})"
    )
    done = rewrite(pair, rule, next(matches(rule, pair)))
    token = done.graph.node(done.comatch["t"])
    assert token.data == {"x": "x", "me": token.id}
    assert len(token.id) == 26
    assert set(token.id) <= set("abcdefghijklmnopqrstuvwxyz234567")


def test_a_counter_enters_the_ids_that_are_created():
    rules = RuleSet.parse("rule mint external match (a:A) set a.n = a.n + 1 create (a)-[:HAS]->(t:T)")
    head = Head([Node("a", ("A",), {"n": 0})])
    made = [apply(head, rules["mint"], Match(rules["mint"], ("a",))).created_nodes[0].id for _ in range(3)]
    assert len(set(made)) == 3
    for id in made:
        for edge in list(head.into(id)):
            head.drop_edge(edge.id)
        head.drop_node(id)
    again = apply(head, rules["mint"], Match(rules["mint"], ("a",))).created_nodes[0].id
    assert again not in made


def test_a_grammars_rule_that_uses_nothing_up_still_makes_new_ids():
    rule, head = Rule.parse("rule r create (u:User)-[:KNOWS]->(v:User)"), Head()
    for _ in range(3):
        apply(head, rule, find(rule, head))
    assert (len(head), len(list(head.edges("KNOWS")))) == (6, 3)


def test_a_refusal_carries_its_witness(pair):
    lonely = Rule.parse("rule r match (b:B) delete b")
    with pytest.raises(RewriteError, match="dangling") as refused:
        rewrite(pair, lonely, Match(lonely, ("b",)))
    assert refused.value.witness == Dangling("b", ("x",), "b")
    merged = Rule.parse("rule r match (v), (w) delete v")
    match = Match(merged, ("a", "a"), injective=False)
    assert gluing(merged, match, pair) == Identification("a", ("v", "w"))


def test_parameters_must_be_bound_and_in_the_value_domain(pair):
    rule = Rule.parse("rule r match (b:B) set b.s = $s")
    match = next(matches(rule, pair))
    with pytest.raises(RewriteError, match=r"\$s is not bound"):
        rewrite(pair, rule, match)
    with pytest.raises(InvalidValue):
        rewrite(pair, rule, match, {"s": float("nan")})
    shared = {"list": [1]}
    later = rewrite(pair, rule, match, {"s": shared}).graph
    shared["list"].append(2)
    assert later.node("b").data == {"s": {"list": [1]}}


def test_conditions_on_parameters_are_checked_when_they_are_given(pair):
    rule = Rule.parse(
        "rule r external match (a)-[x:X]->(b) where x.w = $w not (a) where a.n > $limit delete x"
    )
    head = Head.of(pair)
    assert find(rule, head, {"x": "x"}) is not None
    assert find(rule, head, {"x": "x"}, {"w": 2, "limit": 0}) is None
    assert find(rule, head, {"x": "x"}, {"w": 1, "limit": -1}) is None
    match = find(rule, head, {"x": "x"}, {"w": 1, "limit": 0})
    with pytest.raises(RewriteError, match="no match"):
        apply(head, rule, match, {"w": 2, "limit": 0})
    apply(head, rule, match, {"w": 1, "limit": 0})
    assert list(head.edges()) == []


def test_a_replay_needs_no_user_code_and_gives_the_same_graph():
    rules = RuleSet.parse(
        "rule go match (a {s: 'new'})-[x:X]->(b) delete x set a.s = 'old', a.t = $t create (b)-[:Y]->(c {s: 'new'})"
    )
    graph = Graph().evolver()
    for k in range(3):
        graph.add_node(id=f"n{k}", s="new")
    graph.add_edge("n0", "X", "n1")
    graph.add_edge("n1", "X", "n2")
    start = graph.persistent()
    head, again = Head.of(start), Head.of(start)
    events = [
        (rule.name, match.ids, params)
        for rule, match, params in quiesce(head, rules, None, lambda *_: {"t": 7})
    ]
    assert len(events) == 2
    replay(again, rules, events)
    assert again.delta() == head.delta()
    assert graph_of(again) == graph_of(head)
    assert len(replay(start, rules, events)) == 2


def test_a_replay_refuses_what_the_rules_do_not_justify_and_names_the_event():
    rules = RuleSet.parse(
        "rule go match (a {s: 'new'}) set a.s = 'old' rule end match (a) where a.s = $s delete a"
    )
    head = Head([Node("a", (), {"s": "new"})])
    with pytest.raises(RewriteError, match=r"event 1 \(go\): rule 'go' at 'a': this is no match"):
        replay(head, rules, [("go", ["a"], {}), ("go", ["a"], {})])
    with pytest.raises(RewriteError, match=r"event 0 \(gone\): rule set: no rule 'gone'"):
        replay(head, rules, [("gone", ["a"], {})])
    with pytest.raises(RewriteError, match="2 ids are no match"):
        replay(head, rules, [("go", ["a", "b"], {})])
    with pytest.raises(RewriteError, match=r"\$s is not bound"):
        replay(head, rules, [("end", ["a"], {})])
    assert head.node("a")["s"] == "old"


def test_an_anchor_that_is_no_variable_is_refused(pair):
    with pytest.raises(RewriteError, match="'z' is no variable of L"):
        find(Rule.parse("rule r match (a)"), Head.of(pair), {"z": "a"})
