"""Model checking: verdicts with the runs that show them, and the laws of CTL on random spaces by brute force."""

from itertools import pairwise

import networkx
import pytest
from hypothesis import given, settings
from naive_rules import random_graph, random_rule, seeds

from itonami.graphstore import Edge, Graph, Head, Node
from itonami.rules import Match, RuleError, RuleSet, parse_rules, replay
from itonami.rules.analysis.canonical import isomorphism
from itonami.rules.analysis.checker import always_eventually, eventually, never, reachable, satisfying
from itonami.rules.analysis.exploration import explore
from itonami.rules.rewrite import apply

MUTEX = RuleSet.parse("""
    rule ask match (p:Process) where p.state = 'idle' set p.state = 'waiting'
    rule enter match (l:Lock)-[e:FREE]->(l), (p:Process) where p.state = 'waiting'
      set p.state = 'critical' delete e create (l)-[:HELD]->(p)
    rule leave match (l:Lock)-[e:HELD]->(p:Process) set p.state = 'idle' delete e create (l)-[:FREE]->(l)
""")
PROCESSES = [Node(f"p{k}", ["Process"], {"state": "idle"}) for k in range(3)]
MUTEX_START = Graph().replaced([Node("l", ["Lock"]), *PROCESSES, Edge("free", "l", "FREE", "l")])
BOTH_CRITICAL = "match (p:Process), (q:Process) where p.state = 'critical' and q.state = 'critical'"

PHILOSOPHERS = RuleSet.parse("""
    rule left  match (p:Seat)-[:LEFT]->(f)-[e:LIES]->(f) where p.holds = 0
      set p.holds = 1 delete e create (f)-[:LEFT_OF]->(p)
    rule right match (p:Seat)-[:RIGHT]->(f)-[e:LIES]->(f) where p.holds = 1
      set p.holds = 2 delete e create (f)-[:RIGHT_OF]->(p)
    rule done  match (f)-[e:LEFT_OF]->(p:Seat)<-[d:RIGHT_OF]-(g)
      set p.holds = 0 delete e, d create (f)-[:LIES]->(f), (g)-[:LIES]->(g)
""")


def seats(count):
    nodes = [Node(f"s{k}", ["Seat"], {"holds": 0}) for k in range(count)] + [
        Node(f"f{k}") for k in range(count)
    ]
    edges = []
    for k in range(count):
        edges += [
            (f"s{k}", "LEFT", f"f{k}"),
            (f"s{k}", "RIGHT", f"f{(k + 1) % count}"),
            (f"f{k}", "LIES", f"f{k}"),
        ]
    return Graph().replaced([*nodes, *(Edge(f"e{n}", *edge) for n, edge in enumerate(edges))])


@pytest.mark.parametrize("isomorphic", [False, True])
def test_two_processes_are_never_critical_at_once(isomorphic):
    space = explore(MUTEX, isomorphic, start=MUTEX_START)
    verdict = never(space, BOTH_CRITICAL)
    assert verdict.holds is True
    assert verdict.trace is None
    assert reachable(space, BOTH_CRITICAL).holds is False


@pytest.mark.parametrize("isomorphic", [False, True])
def test_a_broken_lock_is_shown_by_a_shortest_run(isomorphic):
    broken = RuleSet.parse(
        str(MUTEX).replace("delete e create (l)-[:HELD]->(p)", "")
        + """
        rule steal match (p:Process) where p.state = 'waiting' set p.state = 'critical'"""
    )
    space = explore(broken, isomorphic, start=MUTEX_START)
    verdict = never(space, BOTH_CRITICAL)
    assert verdict.holds is False
    assert len(verdict.trace.events) == 4
    assert satisfied_after(verdict.trace.events, broken, MUTEX_START, BOTH_CRITICAL)


def satisfied_after(events, rules, start, condition):
    head = Head.of(start)
    replay(head, rules, events)
    reached = Graph().replaced([*head.nodes(), *head.edges()])
    return next(satisfying(explore((), False, start=reached), condition), None) == 0


def test_a_process_may_starve_and_the_lasso_shows_how():
    condition = "match (p:Process) where id(p) = 'p0' and p.state = 'critical'"
    space = explore(MUTEX, False, start=MUTEX_START)
    verdict = always_eventually(space, condition)
    assert verdict.holds is False
    assert closes(verdict.trace, space, MUTEX, MUTEX_START, False)
    assert all("p0" not in ids or name == "ask" for name, ids, _ in verdict.trace.events)
    with pytest.raises(RuleError, match="isomorphism"):
        always_eventually(explore(MUTEX, True, start=MUTEX_START), condition)


@pytest.mark.parametrize("isomorphic", [False, True])
def test_a_lasso_closes_on_the_real_graph(isomorphic):
    space = explore(MUTEX, isomorphic, start=MUTEX_START)
    assert always_eventually(space, "match (l)-[:HELD]->(p)")
    verdict = always_eventually(
        space, "match (p:Process), (q:Process) where p.state = 'waiting' and q.state = 'waiting'"
    )
    assert verdict.holds is False
    assert verdict.trace.loop is not None
    assert closes(verdict.trace, space, MUTEX, MUTEX_START, isomorphic)


def closes(trace, space, rules, start, isomorphic):
    """The events replay, pass graphs that are the states, and come back to where the loop begins."""
    head, graphs = Head.of(start), [start]
    for name, ids, params in trace.events:
        apply(head, rules[name], Match(rules[name], ids), params)
        graphs.append(Graph().replaced([*head.nodes(), *head.edges()]))
    for state, graph in zip(trace.states, graphs, strict=False):
        assert isomorphism(space.graph(state), graph) is not None
    if isomorphic:
        return isomorphism(graphs[-1], graphs[trace.loop]) is not None
    return bare(graphs[-1]) == bare(graphs[trace.loop])


def bare(graph):
    nodes = sorted((node.id, sorted(node.labels), sorted(node.data.items())) for node in graph.nodes())
    return nodes, sorted((edge.source, edge.label, edge.target) for edge in graph.edges())


@pytest.mark.parametrize("isomorphic", [False, True])
def test_a_deadlock_violates_liveness_and_is_shown(isomorphic):
    space = explore(PHILOSOPHERS, isomorphic, start=seats(4))
    verdict = always_eventually(space, "match (p:Seat) where p.holds = 2")
    assert verdict.holds is False
    assert verdict.trace.loop is None
    assert [name for name, _, _ in verdict.trace.events] == ["left"] * 4
    assert len(replay(seats(4), PHILOSOPHERS, verdict.trace.events)) == 4
    assert verdict.trace.states[-1] in space.finals


def test_a_run_that_ends_well_satisfies_liveness():
    rules = parse_rules("rule next match (r:Run)-[d:AT]->(a)-[:NEXT]->(b) delete d create (r)-[:AT]->(b)")
    nodes = [Node("r", ["Run"]), Node("a"), Node("b"), Node("c", ["End"])]
    edges = [Edge("1", "a", "NEXT", "b"), Edge("2", "b", "NEXT", "c"), Edge("3", "r", "AT", "a")]
    space = explore(rules, start=Graph().replaced([*nodes, *edges]))
    assert always_eventually(space, "match (r)-[:AT]->(c:End)")
    assert eventually(space, "match (r)-[:AT]->(c:End)")
    assert eventually(space, "match (r)-[:AT]->(a) where id(a) = 'b'")
    again = always_eventually(space, "match (r)-[:AT]->(a) where id(a) = 'b'")
    assert again.holds is False
    assert again.trace.states == (0, 1, 2)


def test_conditions_are_patterns_rules_or_functions():
    space = explore(MUTEX, False, start=MUTEX_START)
    as_text = set(satisfying(space, "match (p:Process) where p.state = 'critical'"))
    as_function = set(satisfying(space, lambda graph: any(graph.edges("HELD"))))
    assert as_text == as_function != set()
    negative = set(satisfying(space, "not (l:Lock)-[:HELD]->(p)"))
    assert negative == set(space.states) - as_text
    for text in ("match (a) set a.x = 1", "match (a) where a.x = $p"):
        with pytest.raises(RuleError, match="condition"):
            never(space, text)


def test_a_space_that_was_cut_short_proves_nothing_but_may_refute():
    count = parse_rules("rule count match (a) set a.n = a.n + 1")
    space = explore(count, start=Graph().replaced([Node("a", (), {"n": 0})]), limit=50)
    assert never(space, "match (a) where a.n = 100").holds is None
    assert "50 states" in never(space, "match (a) where a.n = 100").reason
    assert never(space, "match (a) where a.n = 10").holds is False
    assert reachable(space, "match (a) where a.n = 10").holds is True
    assert eventually(space, "match (a) where a.n = 10").holds is None
    assert always_eventually(space, "match (a) where a.n = 10").holds is None


# -- the laws ----------------------------------------------------------------------------------------------------


def fixpoint_af(successors, good):
    """AF by its fixpoint: good states, and those with successors all of which are in it."""
    inside = set(good)
    while True:
        more = {s for s, after in successors.items() if s not in inside and after and after <= inside}
        if not more:
            return inside
        inside |= more


@given(seeds)
@settings(max_examples=150, deadline=None)
def test_verdicts_are_the_fixpoints_of_ctl(rng):
    rules = [random_rule(rng, f"r{k}", most_nodes=2, most_edges=2) for k in range(rng.randint(1, 3))]
    space = explore(rules, start=random_graph(rng, 3, 3), limit=60)
    condition = "match (a) where a.p = 'u' or a.q = 1"
    if not space.complete:
        return
    successors = {state: set(space.successors(state)) for state in space.states}
    good = {
        s for s in space.states if any(n.data.get("p") == "u" or same_one(n) for n in space.graph(s).nodes())
    }
    assert set(satisfying(space, condition)) == good
    inside = fixpoint_af(successors, good)
    assert never(space, condition).holds == (not good)
    assert eventually(space, condition).holds == (0 in inside)
    verdict = always_eventually(space, condition)
    assert verdict.holds == (inside == set(space.states))
    for found in (verdict, eventually(space, condition)):
        if found.holds is False:
            check_run(found.trace, successors, good, space)


def same_one(node):
    value = node.data.get("q")
    return type(value) is int and value == 1


def check_run(trace, successors, good, space):
    states = trace.states
    assert states[0] == 0
    assert all(b in successors[a] for a, b in pairwise(states))
    if trace.loop is None:
        assert states[-1] in space.finals
        assert states[-1] not in good
    else:
        assert states[trace.loop] in successors[states[-1]]
        assert good.isdisjoint(states[trace.loop :])
        assert len(trace.events) == len(states)


def test_components_are_those_of_networkx():
    space = explore(MUTEX, False, start=MUTEX_START)
    assert networkx.is_strongly_connected(space.to_networkx())
