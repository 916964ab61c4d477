"""The agenda: when it is empty, no internal rule applies anywhere, by brute force; and it fires by content."""

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from naive_rules import graphs, head_in_order, naive_applicable, random_edit, random_rule, seeds

from itonami.graphstore import Graph, Head
from itonami.rules.agenda import Redirect, quiesce
from itonami.rules.errors import NotQuiescent, RuleError
from itonami.rules.match import matches
from itonami.rules.rule import Rule
from itonami.rules.ruleset import RuleSet
from itonami.rules.step import Step


def random_rules(rng):
    made = [random_rule(rng, f"r{k}", most_nodes=2, most_edges=2) for k in range(rng.randint(1, 3))]
    # A rule with nothing to do applies for ever.
    return RuleSet(rule for rule in made if rule.delete or rule.create or rule.assignments or rule.relabels)


rule_sets = seeds.map(random_rules)


def at_rest(head, ruleset):
    graph = Graph().replaced([*head.nodes(), *head.edges()])
    return all(not naive_applicable(rule, graph) for rule in ruleset if not rule.external)


def run(head, ruleset, changes, limit=25):
    try:
        return list(quiesce(head, ruleset, changes, limit=limit))
    except NotQuiescent:
        assume(False)


@given(rule_sets, graphs())
@settings(max_examples=300, deadline=None)
def test_after_quiescence_a_full_search_finds_nothing(ruleset, graph):
    head = Head.of(graph)
    run(head, ruleset, None)
    assert at_rest(head, ruleset)


@given(rule_sets, graphs(), seeds)
@settings(max_examples=400, deadline=None)
def test_after_any_change_of_a_graph_at_rest_the_agenda_finds_all_that_a_full_search_finds(
    ruleset, graph, rng
):
    head = Head.of(graph)
    run(head, ruleset, None)
    for _ in range(2):
        before = Graph().replaced([*head.nodes(), *head.edges()])
        evolver = before.evolver()
        for _ in range(rng.randint(1, 2)):
            random_edit(rng, evolver)
        head, step = Head.of(evolver.persistent()), Step.of(evolver.delta())
        run(head, ruleset, step)
        assert at_rest(head, ruleset)


@given(rule_sets, graphs(), seeds)
@settings(max_examples=100, deadline=None)
def test_the_order_of_firing_is_a_function_of_content(ruleset, graph, order):
    one, other = Head.of(graph), head_in_order(graph, order)
    fired = [(rule.name, match.ids) for rule, match, _ in run(one, ruleset, None)]
    assert [(rule.name, match.ids) for rule, match, _ in run(other, ruleset, None)] == fired


@given(rule_sets, graphs())
@settings(max_examples=100, deadline=None)
def test_each_firing_was_applicable_when_it_fired(ruleset, graph):
    head = Head.of(graph)
    before = graph
    try:
        for rule, match, _ in quiesce(head, ruleset, None, limit=10):
            assert match.ids in naive_applicable(rule, before)
            before = Graph().replaced([*head.nodes(), *head.edges()])
    except NotQuiescent:
        pass


# -- stories ---------------------------------------------------------------------------------------------------

SEQ = """
rule start priority 1
  match (s:Seq {status: 'pending'})-[f:FIRST]->(a:Step)
  delete f
  set s.status = 'running', a.status = 'running', a.started = $time
  create (s)-[:OPEN]->(a)
rule next
  match (s)-[o:OPEN]->(a {status: 'succeeded'})-[:NEXT]->(b)
  delete o
  set b.status = 'running', b.started = $time
  create (s)-[:OPEN]->(b)
rule done
  match (s)-[o:OPEN]->(a {status: 'succeeded'})
  not (a)-[:NEXT]->()
  delete o
  set s.status = 'succeeded'
rule complete external
  match (a {status: 'running'})
  set a.status = 'succeeded', a.output = $output
rule refuse external
  match (s)-[o:OPEN]->(a)-[:NEXT]->(b)
  delete o
  set s.status = 'failed', s.error = $error
"""


def sequence(length):
    graph = Graph().evolver()
    graph.add_node("Seq", id="s", status="pending")
    for k in range(length):
        graph.add_node("Step", id=f"a{k}", status="pending")
        graph.add_edge(*(("s", "FIRST") if k == 0 else (f"a{k - 1}", "NEXT")), f"a{k}")
    return Head.of(graph.persistent())


def test_a_sequence_runs_step_by_step_and_parameters_are_bound_once():
    from itonami.rules.match import find
    from itonami.rules.rewrite import apply

    ruleset, head, asked = RuleSet.parse(SEQ), sequence(3), []

    def bind(rule, head, match):
        asked.append(rule.name)
        return {"time": len(asked)}

    fired = [rule.name for rule, _, _ in quiesce(head, ruleset, None, bind)]
    for k in range(3):
        match = find(ruleset["complete"], head, {"a": f"a{k}"})
        step = apply(head, ruleset["complete"], match, {"output": k}, found=True)
        fired += [rule.name for rule, _, _ in quiesce(head, ruleset, step, bind)]
    assert fired == ["start", "next", "next", "done"]
    assert asked == ["start", "next", "next"]
    assert [head.node(f"a{k}").data.get("started") for k in range(3)] == [1, 2, 3]
    assert head.node("s")["status"] == "succeeded"


def test_a_rule_whose_parameters_are_not_bound_does_not_fire():
    head = sequence(1)
    assert list(quiesce(head, RuleSet.parse(SEQ), None)) == []


def test_a_redirect_fires_another_rule_where_it_agrees_with_the_match():
    ruleset, head = RuleSet.parse(SEQ), sequence(2)
    list(quiesce(head, ruleset, None, lambda *_: {"time": 0}))
    head.put_node(type(head.node("a0"))("a0", ("Step",), {"status": "succeeded"}))
    step = Step(changed_nodes=(("a0", ("status",), ()),))
    fired = list(quiesce(head, ruleset, step, lambda rule, *_: Redirect("refuse", {"error": "no"})))
    assert [(rule.name, match["b"], params) for rule, match, params in fired] == [
        ("refuse", "a1", {"error": "no"})
    ]
    assert head.node("s")["error"] == "no"


def test_rules_that_never_rest_are_stopped():
    ruleset = RuleSet.parse("rule flip match (a:A) set a.n = a.n + 1")
    graph = Graph().evolver()
    graph.add_node("A", n=0)
    head = Head.of(graph.persistent())
    with pytest.raises(NotQuiescent, match="within 7 rewrites"):
        list(quiesce(head, ruleset, None, limit=7))
    assert next(head.nodes("A"))["n"] == 7


def test_a_set_refuses_a_rule_that_could_make_the_same_id_twice():
    with pytest.raises(RuleError, match="same id twice"):
        RuleSet.parse("rule r match (a:A) create (a)-[:X]->(b:B)")
    counting = "rule r external match (a:A) set a.n = a.n + 1 create (a)-[:X]->(b:B)"
    RuleSet.parse(counting)
    with pytest.raises(
        RuleError, match=r"'back' sets b\.n, by which rule 'r' counts, so that one could create the same"
    ):
        RuleSet.parse(counting + "\nrule back match (b:B) set b.n = 0")
    RuleSet.parse(counting + "\nrule more match (b:B) set b.n = b.n + 2")


@pytest.mark.parametrize("value", [None, "x", 2**63 - 1, 2.0**60])
def test_a_rule_whose_ids_hang_on_a_counter_waits_until_it_counts(value):
    rule = Rule.parse("rule r match (a:A) set a.n = a.n + 1 create (a)-[:X]->(b:B)")
    graph = Graph().evolver()
    graph.add_node("A", id="a", properties={} if value is None else {"n": value})
    assert not list(matches(rule, graph.persistent()))
    graph.update("a", n=0)
    assert len(list(matches(rule, graph.persistent()))) == 1


def test_a_wide_fan_out_costs_no_more_a_step_than_a_narrow_one():
    """By counting, not by the clock: the buckets read in a step do not grow with the number of open branches."""
    ruleset = RuleSet.parse(
        "rule close match (p:P)-[o:OPEN]->(c {status: 'done'}) delete o "
        "rule join match (p:P {status: 'running'}) not (p)-[:OPEN]->() set p.status = 'done'"
    )
    graph = Graph().evolver()
    graph.add_node("P", id="p", status="running")
    for k in range(50):
        graph.add_node("C", id=f"c{k:02}", status="running")
        graph.add_edge("p", "OPEN", f"c{k:02}")
    head = Head.of(graph.persistent())
    for k in range(50):
        node = head.node(f"c{k:02}")
        head.put_node(type(node)(node.id, node.labels, {"status": "done"}))
        step = Step(changed_nodes=((node.id, ("status",), ()),))
        assert [rule.name for rule, _, _ in quiesce(head, ruleset, step)] == ["close"] + ["join"] * (k == 49)


@given(rule_sets, graphs())
@settings(max_examples=50, deadline=None)
def test_external_rules_are_left_alone(ruleset, graph):
    external = RuleSet(replace(rule, external=True) for rule in ruleset)
    assert list(quiesce(Head.of(graph), external, None)) == []
