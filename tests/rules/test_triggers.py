"""Triggers: whatever newly applies after a change is found from one of the change's seeds."""

from hypothesis import given, settings
from naive_rules import (
    edits,
    found_from_seeds,
    graphs,
    naive_applicable,
    random_model,
    random_rule,
    rules,
    seeds,
)

from itonami.graphstore import Graph, Head
from itonami.rules import RuleSet, gluing, matches, rewrite
from itonami.rules.rewrite import apply
from itonami.rules.step import Step
from itonami.rules.triggers import Triggers


@given(seeds)
@settings(max_examples=400, deadline=None)
def test_what_newly_applies_after_an_edit_is_found_from_its_seeds(rng):
    rule = random_rule(rng)
    triggers, start = Triggers([rule]), random_model(rng, rule)
    for before, after, step in edits(rng, start, 4):
        new = naive_applicable(rule, after) - naive_applicable(rule, before)
        assert new <= found_from_seeds(triggers, Head.of(after), step)


@given(rules("one"), rules("other"), graphs())
@settings(max_examples=300, deadline=None)
def test_what_newly_applies_after_a_rewrite_is_found_from_its_seeds(one, other, graph):
    before = naive_applicable(other, graph)
    for match in list(matches(one, graph))[:3]:
        if gluing(one, match, graph) is None:
            head = Head.of(graph)
            step = apply(head, one, match, found=True)
            new = naive_applicable(other, rewrite(graph, one, match).graph) - before
            assert new <= found_from_seeds(Triggers([other]), head, step)


def seeds_of(text, before, change):
    """The seeds of an edit, as (anchor ids); rules are few enough to tell them apart by id."""
    evolver = before.evolver()
    change(evolver)
    head = Head.of(evolver.persistent())
    return sorted(id for _, id in RuleSet.parse(text).triggers.seeds(head, Step.of(evolver.delta())))


def test_a_status_that_no_rule_asks_for_triggers_nothing():
    text = "rule r match (a {s: 'ready'})-[e:X]->(b) where b.s in ['done', 'skipped'] delete e"
    graph = Graph().evolver()
    graph.add_node(id="n", s="new")
    graph.add_node(id="alone", s="new")
    graph.add_edge("n", "X", "n")
    start = graph.persistent()
    assert seeds_of(text, start, lambda g: g.update("n", s="running")) == []
    assert seeds_of(text, start, lambda g: g.update("alone", s="ready")) == [], "it has no edge X"
    assert seeds_of(text, start, lambda g: g.update("n", t="ready")) == []
    assert seeds_of(text, start, lambda g: g.update("n", s="ready")) == ["n"]
    assert seeds_of(text, start, lambda g: g.update("n", s="done")) == ["n"]


def test_a_lost_element_of_a_nac_leads_back_to_what_it_blocked():
    """Over two hops, and for any of its elements."""
    text = "rule r match (a:A {go: true}) not (a)-[:X]->(m)-[y:Y {w: 1}]->(z:Z {s: 1}) where m.t set a.go = false"
    graph = Graph().evolver()
    graph.add_node("A", id="a", go=True)
    graph.add_node(id="m", t=True)
    graph.add_node("Z", id="z", s=1)
    graph.add_edge("a", "X", "m", id="x")
    graph.add_edge("m", "Y", "z", id="y", w=1)
    start = graph.persistent()
    losses = [
        lambda g: g.remove_edge("x"),
        lambda g: g.remove_edge("y"),
        lambda g: g.update("y", w=2),
        lambda g: g.update("z", s=2),
        lambda g: g.unset("m", "t"),
        lambda g: g.relabel("z", remove=["Z"]),
        lambda g: g.remove_node("z", detach=True),
    ]
    assert [seeds_of(text, start, loss) for loss in losses] == [["a"]] * len(losses)


def test_an_edge_that_would_have_dangled_leads_back_when_it_goes():
    text = "rule r match (a:A)-[e:X]->(b) delete b, e"
    graph = Graph().evolver()
    for id in ("b", "c"):
        graph.add_node(id=id)
    graph.add_edge("b", "Y", "c", id="y")
    assert seeds_of(text, graph.persistent(), lambda g: g.remove_edge("y")) == ["b", "c"]


def test_a_nac_that_hangs_on_nothing_is_looked_for_everywhere():
    text = "rule r match (a:A {s: 'w'}) not (l:Lock) set a.s = 'go'"
    graph = Graph().evolver()
    graph.add_node("Lock", id="l")
    assert seeds_of(text, graph.persistent(), lambda g: g.remove_node("l")) == [""]
