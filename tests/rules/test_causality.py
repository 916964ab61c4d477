"""The causal order of a derivation: every linear extension of it is a derivation between the same graphs."""

import json
import math
from pathlib import Path
from random import Random

import networkx
import pytest
from hypothesis import given, settings
from naive_rules import graphs, random_rule, seeds
from test_independence import fresh, glues

from itonami.graphstore import Graph, Head
from itonami.rules import Grammar, RuleSet, apply, causes, causes_of, effects_of, matches, replayed
from itonami.rules.derivation import derivation_of
from itonami.rules.independence import dependence

FILE = Path(__file__).parents[3] / "shared" / "conformance" / "dpo" / "fork_join_lattice.json"


def wander(graph, rules, rng, steps):
    """A random derivation, without an agenda."""
    head, firings = Head.of(graph), []
    for _ in range(steps):
        found = [match for rule in rules for match in matches(rule, head) if glues(rule, match, head)]
        if not found:
            break
        match = rng.choice(found)
        apply(head, match.rule, match, {})
        firings.append((match.rule, match, {}))
    return derivation_of(graph, rules, firings, head)


def random_extension(order, rng):
    """A random order that respects a partial one."""
    waiting = {node: set(order.predecessors(node)) for node in order}
    extension = []
    while waiting:
        node = rng.choice(sorted(n for n, before in waiting.items() if not before))
        extension.append(node)
        del waiting[node]
        for before in waiting.values():
            before.discard(node)
    return extension


@settings(max_examples=600, deadline=None)
@given(graphs(most_nodes=5, most_edges=7), seeds)
def test_every_linear_extension_of_the_causal_order_replays_to_the_same_root(graph, rng):
    rules = RuleSet(rule for k in range(3) if fresh(rule := random_rule(rng, f"r{k}")))
    made = wander(graph, rules, rng, 6)
    for _ in range(3):
        events = [made.events[number] for number in random_extension(causes(made), rng)]
        assert replayed(graph, rules, events).graph.root == made.graph.root


@settings(max_examples=300, deadline=None)
@given(graphs(), seeds)
def test_a_recorded_derivation_replays_to_the_same_value(graph, rng):
    rules = RuleSet(rule for k in range(2) if fresh(rule := random_rule(rng, f"r{k}")))
    made = wander(graph, rules, rng, 4)
    again = replayed(graph, rules, made.events)
    assert (again.graph, again.delta, again.events) == (made.graph, made.delta, made.events)
    assert graph.patch(made.delta) == made.graph


@settings(max_examples=300, deadline=None)
@given(graphs(most_nodes=5, most_edges=7), seeds)
def test_the_order_is_the_transitive_reduction_of_all_dependences(graph, rng):
    rules = RuleSet(rule for k in range(3) if fresh(rule := random_rule(rng, f"r{k}")))
    made = wander(graph, rules, rng, 6)
    full = networkx.DiGraph()
    full.add_nodes_from(range(len(made)))
    applications = made.applications
    for later in range(len(made)):
        for earlier in range(later):
            if dependence(applications[earlier], applications[later]) is not None:
                full.add_edge(earlier, later)
    order = causes(made)
    assert set(order.edges) == set(networkx.transitive_reduction(full).edges)
    for _, _, edge in order.edges(data=True):
        assert edge["kind"]
        assert edge["because"].startswith("rule ")


@pytest.fixture
def fork_join():
    if not FILE.exists():
        pytest.skip("the conformance file fork_join_lattice.json is not here")
    return Grammar.load(json.loads(FILE.read_text()))


def test_fork_and_join_have_the_causal_order_of_the_oracle(fork_join):
    """N + 2 events, 2 N cover relations, the branches pairwise concurrent, N! orders, one graph."""
    rules, start = RuleSet(fork_join.rules), fork_join.start()
    size = len(rules) - 2

    made = wander(start, rules, Random(1), 100)
    order = causes(made)
    assert (len(order), order.size()) == (size + 2, 2 * size)
    names = [name for _, name in order.nodes(data="name")]
    assert (names[0], names[-1]) == ("split", "join")
    assert causes_of(order, size + 1) == list(range(size + 1))
    assert effects_of(order, 0) == list(range(1, size + 2))
    extensions = list(networkx.all_topological_sorts(order))
    assert len(extensions) == math.factorial(size)
    for extension in extensions:
        assert replayed(start, rules, [made.events[k] for k in extension]).graph == made.graph


def test_a_long_chain_on_one_counter_costs_linear_time():
    rules = RuleSet.parse("rule tick external match (c:Counter) set c.n = c.n + 1")
    evolver = Graph().evolver()
    evolver.add_node("Counter", id="c", n=0)
    graph = evolver.persistent()
    head = Head.of(graph)
    (match,) = matches(rules["tick"], head)
    firings = []
    for _ in range(3_000):
        apply(head, rules["tick"], match, {})
        firings.append((rules["tick"], match, {}))
    order = causes(derivation_of(graph, rules, firings, head))
    assert (len(order), order.size()) == (3_000, 2_999)
