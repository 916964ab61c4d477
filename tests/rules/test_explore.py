"""Exploration against a breadth-first search by brute force, the published counts of other tools, and its limits."""

import json
from collections import Counter, deque
from pathlib import Path

import networkx
import pytest
from hypothesis import assume, given, settings
from naive_rules import naive_glues, naive_matches, random_graph, random_rule, seeds

from itonami.graphstore import Edge, Graph, Head, Node
from itonami.graphstore.errors import InvalidValue, NotFound
from itonami.rules import Grammar, Match, Rule, RuleError, RuleSet, apply, parse_rules, replay, rewrite
from itonami.rules.analysis.canonical import isomorphism
from itonami.rules.analysis.exploration import Progress, explore
from itonami.rules.grammar import graph_of

FOLDER = Path(__file__).parents[3] / "shared" / "conformance" / "dpo"


def oracle(name):
    path = FOLDER / f"{name}.json"
    if not path.exists():
        pytest.skip(f"the conformance file {name}.json is not here")
    return json.loads(path.read_text())


def counts(space):
    return len(space.states), len(space.transitions)


def table(size):
    """The table of the dining philosophers, for any number of them."""
    nodes, edges = [{"id": "T", "label": "Table"}], []
    for k in range(size):
        plate, fork, next_fork, philosopher = f"L{k}", f"F{k}", f"F{(k + 1) % size}", f"P{k}"
        nodes += [{"id": philosopher, "label": "Philosopher"}, {"id": plate, "label": "Plate"}]
        nodes += [{"id": fork, "label": "Fork"}]
        edges += [("T", "philosophers", philosopher), ("T", "plates", plate), ("T", "forks", fork)]
        edges += [
            (philosopher, "plate", plate),
            (plate, "left", fork),
            (plate, "right", next_fork),
        ]
    listed = [{"src": source, "label": label, "tgt": target} for source, label, target in edges]
    return graph_of({"nodes": nodes, "edges": listed})


# -- what others counted ---------------------------------------------------------------------------------------


SIZES = [*range(3, 9), pytest.param(9, marks=pytest.mark.soak), pytest.param(10, marks=pytest.mark.soak)]


@pytest.mark.parametrize("size", SIZES)
def test_dining_philosophers_have_the_states_that_henshin_counts(size):
    obj = oracle("dining_philosophers")
    published = obj["expect"]["published_concrete_states(identity kept)"]
    space = explore(Grammar.load(obj), isomorphic=False, start=table(size))
    assert [*counts(space)] == published[str(size)]
    assert len(space.finals) == 2
    assert space.complete


@pytest.mark.parametrize("size", SIZES)
def test_up_to_isomorphism_the_tables_are_necklaces(size):
    obj = oracle("dining_philosophers")
    expected = obj["expect"]["up_to_isomorphism"]
    space = explore(Grammar.load(obj), isomorphic=True, start=table(size))
    assert len(space) == expected["states(N=3..10)=necklaces (1/N)*sum_k 3^gcd(N,k)"][str(size)]
    if exact := expected["N:[states,transitions counted per match,deadlocks] (brute force)"].get(str(size)):
        assert [*counts(space), len(space.finals)] == exact


def test_the_start_of_the_file_is_the_table():
    grammar = Grammar.load(oracle("dining_philosophers"))
    assert counts(explore(grammar)) == counts(explore(grammar, start="3")) == (27, 63)
    assert isomorphism(grammar.start("3"), table(3)) is not None


def test_forks_and_joins_are_boolean_lattices():
    grammar = Grammar.load(oracle("fork_join_lattice"))
    space = explore(grammar)
    assert space.isomorphic
    assert counts(space) == (10, 14)
    assert counts(explore(grammar, isomorphic=False)) == (10, 14)


@pytest.mark.parametrize("injective", [None, "all"])
@pytest.mark.parametrize("name", ["groove_append", "groove_loose_nodes"])
def test_spaces_of_groove_under_double_pushouts(name, injective):
    obj = oracle(name)
    kind = "injective" if injective else "homomorphic"
    expected = obj["expect"][f"dpo_multigraph_{kind}"]
    space = explore(Grammar.load({**obj, "semantics": {"injective": injective, "iso": True}}))
    assert counts(space) == (expected["states"], expected["matches"])
    simple = {(t.source, t.rule, t.target) for t in space.transitions}
    assert len(simple) == expected["simple_transitions"]
    assert len(space.finals) == expected["final"]


# -- the law: it is the search by brute force --------------------------------------------------------------------


def plain(value):
    return tuple(sorted((key, type(item).__name__, item) for key, item in value.items()))


def exact(graph):
    """What of a graph counts for a state: edge ids do not."""
    nodes = frozenset((node.id, node.labels, plain(node.data)) for node in graph.nodes())
    edges = Counter((edge.source, edge.label, edge.target, plain(edge.data)) for edge in graph.edges())
    return nodes, frozenset(edges.items())


def reified(graph):
    result = networkx.DiGraph()
    for node in graph.nodes():
        result.add_node(("n", node.id), mark=(tuple(sorted(node.labels)), plain(node.data)))
    for edge in graph.edges():
        mark = (edge.label, plain(edge.data))
        result.add_node(("s", edge.id), mark=("s", mark))
        result.add_node(("t", edge.id), mark=("t", mark))
        result.add_edge(("n", edge.source), ("s", edge.id))
        result.add_edge(("s", edge.id), ("t", edge.id))
        result.add_edge(("t", edge.id), ("n", edge.target))
    return result


def same_shape(one, other):
    return networkx.is_isomorphic(
        reified(one), reified(other), node_match=lambda a, b: a["mark"] == b["mark"]
    )


def naive_space(rules, start, same, most=30):
    """States and transitions, by brute force; a state is the first graph found of its kind."""
    states, transitions, waiting = [start], Counter(), deque([0])
    while waiting:
        source = waiting.popleft()
        found = {
            rule.name: [
                ids for ids in naive_matches(rule, states[source]) if naive_glues(rule, ids, states[source])
            ]
            for rule in rules
        }
        highest = max((rule.priority for rule in rules if found[rule.name]), default=None)
        for rule in (rule for rule in rules if rule.priority == highest):
            for ids in found[rule.name]:
                later = rewrite(states[source], rule, Match(rule, ids)).graph
                target = next((k for k, other in enumerate(states) if same(other, later)), len(states))
                if target == len(states):
                    assume(target < most and len([*later.edges()]) < 6)
                    states.append(later)
                    waiting.append(target)
                transitions[source, rule.name, target] += 1
    return states, transitions


def random_grammar(rng):
    return [
        random_rule(rng, f"r{k}", most_nodes=2, most_edges=2) for k in range(rng.randint(1, 3))
    ], random_graph(rng, 3, 3)


@given(seeds)
@settings(max_examples=150, deadline=None)
def test_exact_states_and_transitions_are_those_found_by_brute_force(rng):
    rules, start = random_grammar(rng)
    assume(not any(rule.create.nodes for rule in rules))
    states, transitions = naive_space(rules, start, lambda a, b: exact(a) == exact(b))
    space = explore(rules, isomorphic=False, start=start)
    assert space.complete
    place = [exact(graph) for graph in states]
    here = [place.index(exact(space.graph(state))) for state in space.states]
    assert sorted(here) == [*range(len(states))]
    assert Counter((here[t.source], t.rule, here[t.target]) for t in space.transitions) == transitions


@given(seeds)
@settings(max_examples=100, deadline=None)
def test_states_up_to_isomorphism_are_those_found_by_brute_force(rng):
    rules, start = random_grammar(rng)
    states, transitions = naive_space(rules, start, same_shape, most=25)
    space = explore(rules, isomorphic=True, start=start)
    assert space.complete
    here = [
        next(k for k, other in enumerate(states) if same_shape(other, space.graph(state)))
        for state in space.states
    ]
    assert sorted(here) == [*range(len(states))]
    assert Counter((here[t.source], t.rule, here[t.target]) for t in space.transitions) == transitions


@given(seeds)
@settings(max_examples=120, deadline=None)
def test_every_path_replays_to_its_state(rng):
    rules, start = random_grammar(rng)
    by_name = {rule.name: rule for rule in rules}
    space = explore(rules, start=start, limit=30)
    for state in space.states:
        path = space.path(state)
        assert len(path) == space.depth(state)
        head = Head.of(start)
        for name, ids, params in path:
            apply(head, by_name[name], Match(by_name[name], ids), params)
        reached = Graph().replaced([*head.nodes(), *head.edges()])
        if space.isomorphic:
            assert same_shape(reached, space.graph(state))
        else:
            assert exact(reached) == exact(space.graph(state))


# -- what counts as what -----------------------------------------------------------------------------------------

COUNTER = parse_rules("rule count match (a:Counter) set a.n = a.n + 1")
ONE = Graph().replaced([Node("a", ["Counter"], {"n": 0})])


def test_a_lower_priority_fires_only_where_no_higher_one_does():
    rules = parse_rules("""
        rule urgent priority 1 match (a:A) where a.x = 1 set a.x = 2
        rule lazy match (a:A) set a.x = 1
    """)
    space = explore(rules, start=Graph().replaced([Node("a", ["A"], {"x": 0})]))
    assert [(t.source, t.rule, t.target) for t in space.transitions] == [
        (0, "lazy", 1),
        (1, "urgent", 2),
        (2, "lazy", 1),
    ]


def test_external_rules_wait_until_the_internal_ones_have_come_to_rest():
    rules = RuleSet.parse("""
        rule arrive external priority 9 match (a:A) where a.x < 4 set a.x = a.x + 1
        rule settle match (a:A) where a.x % 2 = 1 set a.x = a.x + 1
    """)
    space = explore(rules, start=Graph().replaced([Node("a", ["A"], {"x": 0})]))
    assert [t.rule for t in space.transitions] == ["arrive", "settle", "arrive", "settle"]


def test_parallel_edges_are_matches_of_their_own_and_one_state():
    edges = [Edge(f"e{k}", "a", "X", "a") for k in range(3)]
    start = Graph().replaced([Node("a"), *edges])
    space = explore(parse_rules("rule cut match (a)-[e:X]->(a) delete e"), start=start)
    assert counts(space) == (4, 3 + 2 + 1)
    assert [rule for rule, _, _ in space.path(3)] == ["cut"] * 3


def test_choices_are_the_environment():
    rule = Rule.parse("rule finish match (s:Step) where s.status = 'running' set s.status = $status")
    start = Graph().replaced([Node("s", ["Step"], {"status": "running"})])
    with pytest.raises(RuleError, match="status"):
        explore([rule], start=start)
    choices = {"finish": [{"status": "succeeded"}, {"status": "failed"}]}
    space = explore([rule], start=start, choices=choices)
    assert counts(space) == (3, 2)
    assert {t.params["status"] for t in space.transitions} == {"succeeded", "failed"}
    assert space.path(2) == [("finish", ("s",), {"status": "failed"})]
    with pytest.raises(RuleError, match="bind"):
        explore([rule], start=start, choices={"finish": [{}]})


def test_rules_that_read_erased_ids_are_refused_and_those_that_compare_are_not():
    start = Graph().replaced([Node("a"), Edge("e", "a", "X", "a")])
    with pytest.raises(RuleError, match="edge ids"):
        explore(parse_rules("rule r match (a)-[e:X]->(b) where id(e) = 'e' delete e"), start=start)
    by_node = parse_rules("rule r match (a)-[e:X]->(a) set a.of = id(a) delete e")
    with pytest.raises(RuleError, match="isomorphism"):
        explore(by_node, True, start=start)
    assert counts(explore(by_node, start=start)) == (2, 1)
    compared = parse_rules("rule r match (a), (b) where id(a) <> id(b) set a.x = 1")
    assert counts(explore(compared, True, start=start)) == (1, 0)


def test_rules_that_create_nodes_are_explored_up_to_isomorphism_unless_asked_otherwise():
    rules = parse_rules("rule spawn match (a)-[e:X]->(a) delete e create (n:New)")
    start = Graph().replaced([Node("a"), Node("b"), Edge("e", "a", "X", "a"), Edge("f", "b", "X", "b")])
    assert counts(explore(rules, start=start)) == (3, 3)
    assert counts(explore(rules, False, start=start)) == (4, 4)


def test_the_numbering_is_a_function_of_content():
    grammar = parse_rules(
        "rule swap match (a)-[e:X]->(b) where b.n < 2 delete e create (b)-[:X]->(a) set b.n = b.n + 1"
    )
    nodes = [Node("a", (), {"n": 0}), Node("b", (), {"n": 0}), Node("c", (), {"n": 0})]
    edges = [Edge("e", "a", "X", "b"), Edge("f", "b", "X", "c")]
    one = explore(grammar, start=Graph().replaced([*nodes, *edges]))
    other = explore(grammar, start=Graph().replaced([*edges[::-1], *nodes[::-1]]))
    assert one.complete
    assert [*one.transitions] == [*other.transitions]


# -- limits ------------------------------------------------------------------------------------------------------


def test_what_explodes_stops_at_its_limit_with_what_it_has():
    space = explore(COUNTER, start=ONE, limit=100)
    assert (len(space), space.expanded, space.complete) == (100, 99, False)
    assert "100 states" in space.reason
    assert space.finals == []
    assert len(space.path(99)) == 99
    assert space.graph(99).node("a")["n"] == 99


def test_depth_transitions_and_time_are_limits_too():
    assert counts(explore(COUNTER, start=ONE, depth=5)) == (6, 5)
    assert "5 steps" in explore(COUNTER, start=ONE, depth=5).reason
    assert counts(explore(COUNTER, start=ONE, transitions=7)) == (8, 7)
    ended = parse_rules("rule count match (a) where a.n < 7 set a.n = a.n + 1")
    assert explore(ended, start=ONE, limit=8, transitions=7, depth=8).complete
    ticks = iter(range(10_000))
    space = explore(COUNTER, start=ONE, seconds=50, clock=lambda: next(ticks))
    assert not space.complete
    assert 40 < len(space) < 60
    assert explore(COUNTER, start=ONE, depth=0).reason is not None


def test_one_state_with_too_many_matches_does_not_blow_up():
    crowd = Graph().replaced([Node(f"n{k}") for k in range(300)])
    pairs = parse_rules("rule meet match (a), (b), (c) set a.x = 1")
    space = explore(pairs, start=crowd, transitions=5_000)
    assert not space.complete
    assert len(space) == 1


def test_growing_graphs_stop_at_the_limit_up_to_isomorphism():
    rules = parse_rules("rule grow match (p:Root) create (p)-[:HAS]->(q)")
    root = Graph().replaced([Node("p", ["Root"])])
    space = explore(rules, start=root, limit=50)
    assert space.isomorphic
    assert (len(space), space.complete) == (50, False)
    space = explore(rules, False, start=root, limit=50)
    assert len(space.graph(49)) == 50


def test_bad_limits_and_missing_starts_are_told():
    with pytest.raises(InvalidValue, match="limit"):
        explore(COUNTER, start=ONE, limit=0)
    with pytest.raises(InvalidValue, match="start"):
        explore(COUNTER)
    with pytest.raises(NotFound):
        explore(COUNTER, start=ONE, depth=2).path(3)


def test_progress_is_told():
    told = []
    explore(COUNTER, start=ONE, limit=3_000, progress=told.append)
    assert len(told) == 3
    assert told[-1] == Progress(3_000, 2_999, 1)


# -- the space as a value ------------------------------------------------------------------------------------------


def test_a_space_is_a_networkx_graph_and_a_path_replays():
    rules = RuleSet.parse("rule move match (t:Token)-[e:AT]->(a)-[:NEXT]->(b) delete e create (t)-[:AT]->(b)")
    nodes = [Node("t", ["Token"]), *(Node(f"n{k}") for k in range(4))]
    ring = [Edge(f"r{k}", f"n{k}", "NEXT", f"n{(k + 1) % 4}") for k in range(4)]
    start = Graph().replaced([*nodes, *ring, Edge("at", "t", "AT", "n0")])
    space = explore(rules, start=start)
    graph = space.to_networkx()
    assert networkx.is_strongly_connected(graph)
    assert {rule for _, _, rule in graph.edges(data="rule")} == {"move"}
    assert [space.successors(state).tolist() for state in space.states] == [[1], [2], [3], [0]]
    assert len(replay(start, rules, space.path(3))) == 3
    assert space.transitions[-1].target == 0
    assert len(space.transitions[1:3]) == 2
