"""Local Church-Rosser, on random graphs and rules (Ehrig, Ehrig, Prange and Taentzer 2006, theorems 3.20 and 7.7)."""

import pytest
from hypothesis import given, settings
from naive_rules import graphs, naive_applicable, naive_glues, naive_matches, random_rule, seeds

from itonami.graphstore import Graph, Head
from itonami.rules import (
    Application,
    Conflict,
    Match,
    RewriteError,
    Rule,
    RuleSet,
    apply,
    dependence,
    derive,
    gluing,
    independent,
    matches,
    rewrite,
)
from itonami.rules.footprint import Footprint, footprint


def applied(graph, rule, ids):
    """One rule application, with its footprint."""
    head = Head.of(graph)
    reads = footprint(rule, ids, head)
    step = apply(head, rule, Match(rule, ids), {})
    return Application(rule.name, rule, ids, {}, step, reads.after(step))


def still_applies(rule, ids, graph):
    return ids in set(naive_matches(rule, graph)) and naive_glues(rule, ids, graph)


def place(graph, rng, name):
    """A random rule, and a place where it applies; a few are tried."""
    for _ in range(8):
        rule = random_rule(rng, name)
        found = sorted(naive_applicable(rule, graph))
        if found:
            return rule, rng.choice(found)
    return None


@settings(max_examples=1_500, deadline=None)
@given(graphs(), seeds)
def test_local_church_rosser_parallel_independent_steps_commute_to_equal_graphs(graph, rng):
    found = place(graph, rng, "one"), place(graph, rng, "other")
    if None in found:
        return
    (one, at), (other, there) = found
    if independent(applied(graph, one, at), applied(graph, other, there)) is not None:
        return
    after_one = rewrite(graph, one, Match(one, at)).graph
    after_other = rewrite(graph, other, Match(other, there)).graph
    assert still_applies(other, there, after_one)
    assert still_applies(one, at, after_other)
    first = rewrite(after_one, other, Match(other, there)).graph
    second = rewrite(after_other, one, Match(one, at)).graph
    assert first == second


@settings(max_examples=1_500, deadline=None)
@given(graphs(), seeds)
def test_steps_that_disable_each_other_are_named_as_a_conflict(graph, rng):
    """The other direction: what the footprints call independent is all that is checked above, so here the point is
    that a step which really is disabled is never called independent, whichever of the two goes first."""
    found = place(graph, rng, "one"), place(graph, rng, "other")
    if None in found:
        return
    (one, at), (other, there) = found
    after = rewrite(graph, one, Match(one, at)).graph
    alive = all(id in after or after.find_edge(id) is not None for id in there)
    if alive and still_applies(other, there, after):
        return
    conflict = independent(applied(graph, one, at), applied(graph, other, there))
    assert isinstance(conflict, Conflict)
    assert {conflict.first, conflict.second} == {one.name, other.name}
    assert conflict.first in str(conflict)
    assert conflict.what in str(conflict)


@settings(max_examples=1_500, deadline=None)
@given(graphs(), seeds)
def test_sequentially_independent_steps_change_places_and_lead_to_the_same_graph(graph, rng):
    """Ehrig et al. 2006, theorem 3.20, part 2."""
    found = place(graph, rng, "one")
    if found is None:
        return
    one, at = found
    between = rewrite(graph, one, Match(one, at)).graph
    found = place(between, rng, "other")
    if found is None:
        return
    other, there = found
    if dependence(applied(graph, one, at), applied(between, other, there)) is not None:
        return
    after = rewrite(between, other, Match(other, there)).graph
    assert still_applies(other, there, graph)
    swapped = rewrite(graph, other, Match(other, there)).graph
    assert still_applies(one, at, swapped)
    assert rewrite(swapped, one, Match(one, at)).graph == after


KINDS = {
    "delete_use": ("rule a match (x)-[d:E]->(y) delete d", "rule b match (x)-[d:E]->(y) set x.n = 1"),
    "change_use": ("rule a match (x {n: 0}) set x.n = 1", "rule b match (x {n: 0}) set x.m = 1"),
    "produce_forbid": (
        "rule a match (x)-[d:E]->(y) delete d create (x)-[:F]->(y)",
        "rule b match (x:X) not (x)-[:F]->() set x.m = 1",
    ),
    "produce_dangling": (
        "rule a match (x:X)-[d:E]->(y), (z:Z) delete d create (x)-[:F]->(z)",
        "rule b match (z:Z) delete z",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_conflict_is_named_with_what_it_is_about(kind):
    evolver = Graph().evolver()
    evolver.add_node("X", id="x", n=0)
    evolver.add_node("Y", id="y", n=5)
    evolver.add_node("Z", id="z")
    evolver.add_edge("x", "E", "y", id="e")
    graph = evolver.persistent()
    a, b = (Rule.parse(text) for text in KINDS[kind])
    one, other = (applied(graph, rule, next(iter(matches(rule, graph))).ids) for rule in (a, b))
    conflict = independent(other, one)
    assert (conflict.kind, conflict.first, conflict.second) == (kind, "a", "b")
    assert independent(one, other) is not None


def test_a_footprint_grows_with_the_match_and_not_with_the_graph():
    rule = Rule.parse("rule a match (x:X)-[d:E]->(y) not (y)-[:F]->() delete d set y.n = x.n")
    sizes = set()
    for size in (3, 300):
        evolver = Graph().evolver()
        for k in range(size):
            evolver.add_node("X" if k == 0 else "Y", id=f"n{k}")
        evolver.add_edge("n0", "E", "n1", id="e")
        graph = evolver.persistent()
        (match,) = matches(rule, graph)
        print_ = applied(graph, rule, match.ids).footprint
        sizes.add(sum(len(getattr(print_, part)) for part in Footprint.__slots__))
    assert len(sizes) == 1


def glues(rule, match, view):
    return gluing(rule, match, view) is None


def fresh(rule):
    try:
        RuleSet([rule])
    except ValueError:
        return False
    return True


def test_a_request_that_fits_nowhere_says_where():
    rules = RuleSet.parse("rule go external match (x:X)-[d:E]->(y) delete d")
    with pytest.raises(RewriteError, match="rule 'go' at x = 'nowhere': the rule applies nowhere there"):
        derive(Graph(), rules, [("go", {"x": "nowhere"}, {})])


def test_two_rewrites_of_one_graph_are_compared_as_they_are():
    graph = Graph().evolver()
    for id in ("x", "y"):
        graph.add_node("X", id=id)
    for k in range(2):
        graph.add_edge("x", "E", "y", id=f"e{k}")
    graph = graph.persistent()
    rule = Rule.parse("rule cut match (x)-[d:E]->(y) delete d")
    one, other = (rewrite(graph, rule, match) for match in matches(rule, graph))
    assert independent(one, other) is None
    assert str(independent(one, one)) == "rule 'cut' deleted edge 'e0', which rule 'cut' used"
