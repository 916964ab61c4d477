"""NACs of NACs: a match is forbidden by N only where N does not extend to N' (not exists N without exists N')."""

import json

import pytest
from hypothesis import assume, given, settings
from naive_rules import (
    edits,
    found_from_seeds,
    naive_applicable,
    naive_matches,
    random_edit,
    random_graph,
    random_model,
    random_rule,
    seeds,
)

from itonami.graphstore import Graph, Head
from itonami.rules import Match, Nac, NotQuiescent, Rule, RuleError, RuleSet, apply, matches, quiesce
from itonami.rules.pattern import EdgePattern, NodePattern, Pattern
from itonami.rules.step import Step
from itonami.rules.triggers import Triggers


def nesting_rule(rng, name="r", **sizes):
    """A random rule with a NAC of a NAC."""
    while True:
        rule = random_rule(rng, name, **sizes)
        if any(nac.nacs for nac in rule.nacs):
            return rule


nesting = seeds.map(nesting_rule)


# -- the laws --------------------------------------------------------------------------------------------------


MODES = (True, "nodes", "edges", False)


@given(seeds)
@settings(max_examples=200, deadline=None)
def test_matches_are_those_of_brute_force_in_every_mode(rng):
    rule = nesting_rule(rng, most_nodes=2, most_edges=2)
    for graph in (random_model(rng, rule), random_graph(rng)):
        for mode, nac_mode in ((True, True), (rng.choice(MODES), rng.choice(MODES))):
            found = {match.ids for match in matches(rule, graph, mode, nac_injective=nac_mode)}
            assert found == naive_matches(rule, graph, mode, nac_injective=nac_mode)


def test_what_lies_on_one_element_extends_to_nothing_that_keeps_it_apart():
    """N lists c but not b, so c may be b; N' lists both, so then it does not extend."""
    rule = Rule.parse("rule r match (a:A), (b) not (a)-[:X]->(c) unless (c)-[:Y]->(d), (b)")
    graph = Graph().evolver()
    graph.add_node("A", id="a")
    for id in "bcd":
        graph.add_node(id=id)
    graph.add_edge("a", "X", "c")
    graph.add_edge("c", "Y", "d")
    assert [match["b"] for match in matches(rule, graph.persistent())] == ["b"]
    assert [m["b"] for m in matches(rule, graph.persistent(), nac_injective=False)] == ["b", "c", "d"]


@given(nesting)
@settings(max_examples=150, deadline=None)
def test_a_rule_comes_back_from_text_and_json(rule):
    assert Rule.parse(str(rule)) == rule
    assert Rule.from_json(json.loads(json.dumps(rule.to_json()))) == rule
    assert [str(nac) for nac in Rule.parse(str(rule)).nacs] == [str(nac) for nac in rule.nacs]


@given(seeds)
@settings(max_examples=200, deadline=None)
def test_what_newly_applies_after_an_edit_is_found_from_its_seeds(rng):
    rule = nesting_rule(rng, most_nodes=2, most_edges=1)
    triggers, start = Triggers([rule]), random_model(rng, rule)
    for before, after, step in edits(rng, start, 6):
        new = naive_applicable(rule, after) - naive_applicable(rule, before)
        assert new <= found_from_seeds(triggers, Head.of(after), step)


@given(seeds)
@settings(max_examples=150, deadline=None)
def test_the_agenda_is_empty_only_when_a_full_search_is_after_every_change(rng):
    made = [nesting_rule(rng, f"r{k}", most_nodes=2, most_edges=1) for k in range(2)]
    ruleset = RuleSet(
        rule for rule in made if rule.delete or rule.create or rule.assignments or rule.relabels
    )
    head, step = Head.of(random_model(rng, rng.choice(made))), None
    for _ in range(5):
        try:
            list(quiesce(head, ruleset, step, limit=25))
        except NotQuiescent:
            assume(False)
        evolver = Graph().replaced([*head.nodes(), *head.edges()]).evolver()
        assert all(not naive_applicable(rule, evolver.persistent()) for rule in ruleset)
        random_edit(rng, evolver)
        head, step = Head.of(evolver.persistent()), Step.of(evolver.delta())


# -- stories ---------------------------------------------------------------------------------------------------

RELEASE = """
rule release
  match (o:Order {state: 'held'})
  not (o)-[:HAS]->(i:Item)-[:NEEDS]->(p) where p.n > $none
    unless (p)-[:CHECKED]->(c) where c.ok = true
    unless (i:Gift)
  set o.state = 'free'
"""


def test_the_text_form_by_example():
    (nac,) = Rule.parse(RELEASE).nacs
    assert [[node.variable for node in inner.pattern.nodes] for inner in nac.nacs] == [["p", "c"], ["i"]]
    assert [str(term) for term in nac.nacs[0].where] == ["c.ok = true"]
    assert nac.nacs[1].pattern.nodes == (NodePattern("i", ("Gift",)),)
    assert str(Rule.parse(RELEASE)).splitlines()[3] == (
        "  not (o)-[_1:HAS]->(i:Item)-[_2:NEEDS]->(p) where p.n > $none "
        "unless (p)-[_3:CHECKED]->(c) where c.ok = true unless (i:Gift)"
    )
    assert Rule.parse(RELEASE).guard_parameters == {"none"}


def test_unless_is_no_reserved_word():
    rule = Rule.parse(
        "rule unless match (unless:unless)-[e:X]->(b) where unless.unless = $unless not (unless)-->(b)"
    )
    assert Rule.parse(str(rule)) == rule
    assert "`unless`" not in str(rule)


def order():
    graph = Graph().evolver()
    graph.add_node("Order", id="o", state="held")
    for k in (1, 2):
        graph.add_node("Item", id=f"i{k}")
        graph.add_node("Part", id=f"p{k}")
        graph.add_edge("o", "HAS", f"i{k}", id=f"h{k}")
        graph.add_edge(f"i{k}", "NEEDS", f"p{k}", id=f"n{k}")
    return graph


PLAIN = RELEASE.replace("where p.n > $none", "")


def test_every_way_to_excuse_what_forbids_lets_the_rule_fire():
    """The order waits for two items. One is excused first; then each way to excuse the other is seen by the agenda."""
    ruleset = RuleSet.parse(PLAIN)

    def checked(graph, k, ok=True):
        graph.add_node("Check", id=f"c{k}", ok=ok)
        graph.add_edge(f"p{k}", "CHECKED", f"c{k}", id=f"k{k}")

    excuses = [
        lambda g: checked(g, 2),
        lambda g: g.relabel("i2", add=["Gift"]),
        lambda g: g.remove_edge("h2"),
        lambda g: g.remove_edge("n2"),
        lambda g: g.relabel("i2", remove=["Item"]),
        lambda g: g.remove_node("p2", detach=True),
    ]
    for excuse in excuses:
        graph = order()
        checked(graph, 1)
        head = Head.of(graph.persistent())
        assert list(quiesce(head, ruleset, None)) == []
        evolver = graph.persistent().evolver()
        excuse(evolver)
        head = Head.of(evolver.persistent())
        assert [rule.name for rule, _, _ in quiesce(head, ruleset, Step.of(evolver.delta()))] == ["release"]


def test_a_property_that_excuses_counts_and_one_that_does_not_triggers_nothing_that_fires():
    ruleset, graph = RuleSet.parse(PLAIN), order()
    for k, ok in ((1, True), (2, False)):
        graph.add_node("Check", id=f"c{k}", ok=ok)
        graph.add_edge(f"p{k}", "CHECKED", f"c{k}", id=f"k{k}")
    start = graph.persistent()
    for value, fired in ((None, 0), (1, 0), (True, 1)):
        evolver = start.evolver()
        evolver.update("c2", ok=value)
        step = Step.of(evolver.delta())
        assert len(list(quiesce(Head.of(evolver.persistent()), ruleset, step))) == fired


def test_losing_an_excuse_forbids_the_match_again():
    graph = order()
    graph.relabel("i1", add=["Gift"])
    graph.relabel("i2", add=["Gift"])
    start, rule = graph.persistent(), Rule.parse(PLAIN)
    assert [match.ids for match in matches(rule, start)] == [("o",)]
    graph.relabel("i2", remove=["Gift"])
    assert list(matches(rule, graph.persistent())) == []
    assert rule.program.holds()(Head.of(start), None, ("o",))
    with pytest.raises(Exception, match="no match"):
        apply(Head.of(graph.persistent()), rule, Match(rule, ("o",)))


def test_a_creation_leads_along_both_patterns_to_the_match_it_frees():
    """One seed, however large the graph: from the new edge over N' and N to the variable of L."""
    triggers = RuleSet.parse(PLAIN).triggers
    evolver = order().persistent().evolver()
    evolver.add_node("Check", id="c", ok=True)
    evolver.add_edge("p2", "CHECKED", "c", id="k")
    head = Head.of(evolver.persistent())
    assert triggers.seeds(head, Step.of(evolver.delta())) == [(1, "o")]


def test_a_change_of_what_only_the_condition_inside_reads_frees_the_match():
    ruleset = RuleSet.parse(
        "rule r match (o:Order) not (o)-[:HAS]->(i) unless (c:Check) where c.of = i.kind set o.x = 1"
    )
    graph = order()
    graph.remove_edge("h2")
    graph.add_node("Check", id="c", of=7)
    evolver = graph.persistent().evolver()
    evolver.update("i1", kind=7)
    head = Head.of(evolver.persistent())
    assert ruleset.triggers.seeds(head, Step.of(evolver.delta())) == [(1, "o")]


def test_conditions_on_parameters_inside_are_checked_when_they_are_given():
    rule = Rule.parse(
        "rule r match (o:Order) not (o)-[:HAS]->(i) unless (i)-[:NEEDS]->(p) where id(p) <> $part set o.x = 1"
    )
    graph = order().persistent()
    assert len(list(matches(rule, graph))) == 1, "without them, every match that some of them allow"
    assert len(list(matches(rule, graph, params={"part": "p2"}))) == 0
    assert len(list(matches(rule, graph, params={"part": "p3"}))) == 1


def test_a_condition_of_a_nac_on_what_is_matched_frees_the_match_when_it_turns_false():
    ruleset = RuleSet.parse("rule r match (o:Order) not (o)-[:HAS]->() where o.state = 'held' set o.x = 1")
    evolver = order().persistent().evolver()
    evolver.update("o", state="free")
    head = Head.of(evolver.persistent())
    assert ruleset.triggers.seeds(head, Step.of(evolver.delta())) == [(1, "o")]


def test_the_inverse_has_no_nacs():
    assert Rule.parse(PLAIN.replace("'free'", "'free' unset o.y")).inverse().nacs == ()


# -- what is no rule -------------------------------------------------------------------------------------------

MATCH = "rule r match (a)-[e:X]->(b)\n  not (b)-[f:Y]->(c)\n    "
ILL_FORMED = [
    ("unless (d)-[:Z]->(g) where h.x = 1", 3, 32, "'h' is not bound"),
    ("unless (f)", 3, 13, "'f' is an edge of L or the NAC around it and a node of a nested NAC"),
    ("unless (a)-[c:Z]->(b)", 3, 17, "'c' is a node of L or the NAC around it and an edge of a nested NAC"),
    ("unless (c)-[f:Y]->(b)", 3, 17, "'f' has other ends or another label in a nested NAC"),
    ("unless (d)-[d:Z]->(a)", 3, 17, "'d' names two elements of a nested NAC"),
    ("unless (a)-[:`*`]->(b)", 3, 17, "reserved for any label"),
    ("unless not (a)", 3, 12, "NACs nest one level"),
    ("unless where a.x = 1", 3, 12, "to draw a node"),
    ("unless " + ", ".join(f"(n{k})" for k in range(81)), 3, 563, "a nested NAC has 81 elements"),
    ("set a.x = 1 unless (a)", 3, 17, "a clause is expected, not 'unless'"),
]


@pytest.mark.parametrize(("text", "line", "column", "what"), ILL_FORMED)
def test_an_ill_formed_nested_nac_is_refused_with_the_law_and_the_place(text, line, column, what):
    with pytest.raises(RuleError, match=what.replace("*", r"\*")) as refused:
        Rule.parse(MATCH + text)
    assert (refused.value.line, refused.value.column) == (line, column)


def test_deeper_nesting_is_refused_whatever_its_depth():
    side = {"nodes": [{"id": "a", "label": "*"}], "edges": []}
    nac = dict(side)
    for _ in range(50_000):
        nac = {**side, "nacs": [nac]}
    with pytest.raises(RuleError, match=r"rule 'r', nacs\[0\].nacs\[0\]: NACs nest one level"):
        Rule.from_json({"name": "r", "L": side, "R": side, "nacs": [nac]})
    while nac.get("nacs"):  # by hand: to free so deep a nest at once overflows the stack of some Pythons
        nac = nac.pop("nacs")[0]
    pattern = Pattern((NodePattern("a"),))
    made = Nac(pattern)
    for _ in range(3):
        made = Nac(pattern, (), (made,))
    with pytest.raises(RuleError, match="NACs nest one level"):
        Rule(name="r", L=pattern, nacs=(made,))


def test_an_empty_nested_nac_is_refused():
    pattern = Pattern((NodePattern("a"),))
    with pytest.raises(RuleError, match="a nested NAC lists nothing"):
        Rule(name="r", L=pattern, nacs=(Nac(pattern, (), (Nac(Pattern()),)),))


def test_the_json_of_nested_nacs_and_of_edges_without_ids():
    side = {"nodes": [{"id": "a", "label": "*"}], "edges": []}
    edge = {"src": "a", "label": "X", "tgt": "a"}
    inner = {"nodes": [{"id": "a", "label": "*"}], "edges": [edge], "where": ["a.x = 1"]}
    obj = {"name": "r", "L": side, "R": side, "nacs": [{"nodes": [], "edges": [edge], "nacs": [inner]}]}
    (nac,) = Rule.from_json(obj).nacs
    (own,) = nac.nacs
    assert nac.pattern.edges == (EdgePattern("_a NAC0", "a", "X", "a"),)
    assert own.pattern.edges == (EdgePattern("_a nested NAC0", "a", "X", "a"),)
    assert [str(term) for term in own.where] == ["a.x = 1"]
    obj["nacs"][0]["nacs"][0]["where"] = ["a.x ="]
    with pytest.raises(RuleError, match=r"rule 'r', nacs\[0\].nacs\[0\], line 1, column 6 of 'a.x ='"):
        Rule.from_json(obj)


def test_a_rule_without_nested_nacs_keeps_its_address():
    """From before NACs had NACs of their own."""
    rule = Rule.parse("rule r match (a:A {s: 1})-[e:X]->(b) not (b)-[:Y]->(c) where c.t = $t delete e")
    assert rule.address.hex() == "7cdad1bea64a0d9f96c870981c93b3700f981f37df64cc9e447cc164b86be992"
