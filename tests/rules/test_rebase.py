"""Two writers on one run, through a real store: who loses is made again, or hears which rule took what it needed."""

import asyncio
import pickle
import threading

import pytest
from hypothesis import given, settings
from naive_rules import graphs, random_rule, seeds
from test_causality import wander
from test_independence import fresh

import itonami.rules
from itonami.graphstore import Conflict, Event, Graph, Store
from itonami.rules import NotIndependent, Rebase, RewriteError, RuleSet, derive, independent, rebase, replayed

RULES = RuleSet.parse(
    """
    rule done external
      match (p:Parallel)-[o:OPEN]->(c:Step)
      set c.output = $output
      delete o
      create (p)-[:DONE]->(c)

    rule join
      match (p:Parallel)-[w:WAITING]->(n:Step)
      not (p)-[:OPEN]->()
      delete w
      create (p)-[:READY]->(n)

    rule skip external match (p:Parallel)-[o:OPEN]->(c:Step) delete o
    """
)


def fan_out():
    evolver = Graph().evolver()
    evolver.add_node("Parallel", id="p")
    for name in ("a", "b"):
        evolver.add_node("Step", id=name)
        evolver.add_edge("p", "OPEN", name, id=f"open-{name}")
    evolver.add_node("Step", id="next")
    evolver.add_edge("p", "WAITING", "next", id="waiting")
    return evolver.persistent()


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "s") as store:
        graph = fan_out()
        store.commit([store.prepare("run", 1, graph, Graph().diff(graph), [Event("started")])])
        yield store


def write(store, made, on_conflict, version=1):
    return store.prepare("run", version + 1, made.graph, made.delta, made.events, on_conflict=on_conflict)


def finish(graph, step, rules=RULES):
    return derive(graph, rules, [("done", {"c": step}, {"output": step.upper()})])


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_two_independent_writers_both_commit_and_the_join_fires_that_neither_saw(store, order):
    base = store.at("run")
    made = {step: finish(base, step) for step in "ab"}
    assert independent(made["a"], made["b"]) is None
    assert all(len(one) == 1 for one in made.values()), "neither alone enables the join"
    store.commit([write(store, made[order[0]], RULES.rebase)])
    (last,) = store.commit([write(store, made[order[1]], RULES.rebase)])
    assert [event.rule for event in last.events] == ["done", "join"]
    assert [edge.target for edge in store.at("run").out("p", "READY")] == ["next"]
    asked = [("done", {"c": step}, {"output": step.upper()}) for step in "ab"]
    assert last.root == derive(base, RULES, asked).graph.root
    assert store.verify().ok


def test_two_threads_with_the_same_version_both_commit_to_the_root_of_either_order(store):
    base, roots, barrier = store.at("run"), [], threading.Barrier(2)

    def work(step):
        made = finish(base, step)
        barrier.wait()
        roots.extend(version.root for version in store.commit([write(store, made, RULES.rebase)]))

    threads = [threading.Thread(target=work, args=(step,)) for step in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.head("run").version == 3
    assert store.head("run").root in roots
    assert store.head("run").root == rebase(finish(base, "a"), finish(base, "b")).graph.root


@pytest.mark.asyncio
async def test_one_batch_may_hold_both_writers(store):
    """The second is asked inside the same write transaction that puts the first."""
    base = store.at("run")
    writes = [write(store, finish(base, step), RULES.rebase) for step in "ab"]
    done = await asyncio.gather(*(store.commit_async([one]) for one in writes))
    assert [versions[0].version for versions in done] == [2, 3]


@pytest.mark.parametrize(
    ("first", "second", "sentence"),
    [
        ("skip", "done", "rule 'skip' deleted edge 'open-a', which rule 'done' used"),
        ("done", "skip", "rule 'done' deleted edge 'open-a', which rule 'skip' used"),
    ],
)
def test_who_loses_to_a_rule_that_took_what_it_needed_hears_which(store, first, second, sentence):
    base = store.at("run")
    made = {name: derive(base, RULES, [(name, {"c": "a"}, {"output": 1})]) for name in ("skip", "done")}
    store.commit([write(store, made[first], RULES.rebase)])
    before = store.last_tx
    with pytest.raises(NotIndependent) as caught:
        store.commit([write(store, made[second], RULES.rebase)])
    error = caught.value
    assert isinstance(error, Conflict)
    assert (error.what, error.where) == (sentence, "graph 'run'")
    assert (error.graph, error.expected, error.actual) == ("run", 1, 2)
    assert (error.conflict.kind, error.conflict.first, error.conflict.second) == ("delete_use", first, second)
    assert store.last_tx == before
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_the_module_s_own_rebase_knows_the_rules_that_the_header_names(store):
    with store.transaction("run", event="named") as graph:
        graph.add_node("@graph", id="@graph", rules=RULES.address.hex())
    version, base = store.checkout("run")
    for step in "ab":
        store.commit([write(store, finish(base, step), itonami.rules.rebase, version)])
    assert [event.rule for event in store.head("run").events] == ["done", "join"]


def test_free_edits_are_rebased_where_they_do_not_meet(store):
    with store.transaction("run", event="note", on_conflict=RULES.rebase) as slow:
        slow.update("next", note="hello")
        store.commit([write(store, finish(store.at("run"), "a"), RULES.rebase)])
    assert store.at("run").node("next")["note"] == "hello"
    sentence = "rule 'done' changed property 'output' of 'b', which rule 'note' read or wrote"
    noting = store.transaction("run", event="note", on_conflict=RULES.rebase)
    with pytest.raises(NotIndependent, match=sentence), noting as slow:
        slow.update("b", output="mine")
        version, base = store.checkout("run")
        store.commit([write(store, finish(base, "b"), RULES.rebase, version)])


def test_a_join_that_a_free_edit_and_a_rule_enable_together_fires(store):
    with store.transaction("run", event="cut", on_conflict=RULES.rebase) as slow:
        slow.remove_edge("open-a")
        store.commit([write(store, finish(store.at("run"), "b"), RULES.rebase)])
    assert [(event.name, event.rule) for event in store.head("run").events] == [
        ("cut", None),
        ("join", "join"),
    ]


def test_several_versions_behind_is_still_one_square(store):
    base = store.at("run")
    for k in range(5):
        with store.transaction("run", event="log") as graph:
            graph.add_node("Line", id=f"line{k}")
    (last,) = store.commit([write(store, finish(base, "a"), RULES.rebase)])
    assert last.version == 7


def test_a_rule_with_parameters_is_bound_by_the_rebaser_s_own_binder(store):
    rules = RuleSet.parse(
        str(RULES["done"])
        + "\nrule join match (p:Parallel)-[w:WAITING]->(n:Step) not (p)-[:OPEN]->() set n.at = $time delete w"
    )
    base = store.at("run")
    bound = Rebase(rules, bind=lambda rule, head, match: {"time": "now"})
    for step in "ab":
        store.commit([write(store, finish(base, step, rules), bound)])
    assert store.at("run").node("next")["at"] == "now"


def test_derivations_from_different_graphs_are_not_rebased():
    graph = fan_out()
    one = finish(graph, "a")
    with pytest.raises(RewriteError, match="start from different graphs"):
        rebase(finish(one.graph, "b"), one)


@settings(max_examples=400, deadline=None)
@given(graphs(most_nodes=5, most_edges=7), seeds)
def test_local_church_rosser_for_derivations_both_orders_of_independent_ones_meet(graph, rng):
    """Without an agenda (all rules external), the square of two independent derivations closes exactly."""
    rules = RuleSet(rule for k in range(3) if fresh(rule := random_rule(rng, f"r{k}")))
    one, other = wander(graph, rules, rng, 2), wander(graph, rules, rng, 2)
    if not len(one) or not len(other):
        return
    if independent(one, other) is not None:
        with pytest.raises(NotIndependent):
            rebase(one, other)
        return
    first = replayed(other.graph, rules, one.events).graph
    assert first == replayed(one.graph, rules, other.events).graph


def test_a_rule_set_that_is_not_at_hand_is_asked_for_and_no_join_is_lost(store):
    """Free edits would commit here too, but then the join would never fire."""
    base = store.at("run")
    store.commit([write(store, finish(base, "a"), itonami.rules.rebase)])
    with pytest.raises(RewriteError, match="names no rule set; pass the rule set's own"):
        store.commit([write(store, finish(base, "b"), itonami.rules.rebase)])
    with store.transaction("run", event="named") as graph:
        graph.add_node("@graph", id="@graph", rules="ab" * 32)
    with pytest.raises(RewriteError, match="is not loaded"):
        store.commit([write(store, finish(base, "b"), itonami.rules.rebase)])


def test_who_comes_second_does_not_decide_where_the_agenda_begins():
    """`left` writes what was there already, and the join may fire at one of two places: the same one either way."""
    rules = RuleSet.parse("""
        rule left external match (y:Y), (m:M {name: 'two'}) set y.done = 1, m.state = 'on'
        rule right external match (z:Z) set z.done = 1
        rule join match (y:Y {done: 1}), (z:Z {done: 1}), (m:M {state: 'on'}), (t:T)-[w:WAITS]->(t)
          delete w create (t)-[:AT]->(m)
    """)
    edit = Graph().evolver()
    for label in ("Y", "Z", "T"):
        edit.add_node(label, id=label.lower())
    edit.add_node("M", id="m1", name="one", state="on")
    edit.add_node("M", id="m2", name="two", state="on")
    edit.add_edge("t", "WAITS", "t", id="w")
    graph = edit.persistent()
    left, right = (derive(graph, rules, [(name, {}, {})]) for name in ("left", "right"))
    assert independent(left, right) is None
    one, other = rebase(left, right), rebase(right, left)
    assert [len(one), len(other)] == [2, 2]
    assert one.graph.root == other.graph.root


def test_two_free_edits_that_create_one_id_are_named(store):
    with (
        pytest.raises(
            NotIndependent, match="rule 'other' created or deleted node 'q', which rule 'mine' created"
        ),
        store.transaction("run", event="mine", on_conflict=RULES.rebase) as slow,
    ):
        slow.add_node("Q", id="q")
        with store.transaction("run", event="other") as quick:
            quick.add_node("Q", id="q", n=1)
