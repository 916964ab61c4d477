"""Both squares of a rewrite are pushouts (Ehrig, Ehrig, Prange and Taentzer 2006, definitions 2.16 and 3.2).

    l       r            The pushout of L <- K -> D is built here from nothing but sets: the disjoint union of L
L <---- K ----> R        and D with l(k) and d(k) made one. It must be G, by the very maps m and D -> G; and that
|m      |d      |n       of R <- K -> D must be H. Uniqueness up to isomorphism is fact 2.17 there.
v       v       v
G <---- D ----> H
"""

from hypothesis import given, settings
from hypothesis import strategies as st
from naive_rules import graphs, rules

from itonami.graphstore import Graph
from itonami.rules import Rule, gluing, matches, rewrite


def structure(pattern):
    """Nodes and edges of a pattern: ends and label by variable, None for a node."""
    nodes = {node.variable: None for node in pattern.nodes}
    return nodes | {edge.variable: (edge.source, edge.label, edge.target) for edge in pattern.edges}


def elements(graph):
    """Nodes and edges of a graph, the same way."""
    nodes = {("node", node.id): None for node in graph.nodes()}
    edges = {
        ("edge", edge.id): (("node", edge.source), edge.label, ("node", edge.target))
        for edge in graph.edges()
    }
    return nodes | edges


def classes(left, down, shared):
    """The disjoint union of two sets with `shared` pairs made one: a representative for each element."""
    parent = {("L", x): ("L", x) for x in left} | {("D", y): ("D", y) for y in down}

    def root(x):
        while parent[x] != x:
            x = parent[x]
        return x

    for x, y in shared:
        parent[root(("L", x))] = root(("D", y))
    return {x: root(x) for x in parent}


def assert_pushout(left, down, interface, to_down, result, to_result):
    """That `result` is the pushout of left <- interface -> down, by `to_result` on left and inclusion on down."""
    glued = classes(left, down, [(k, to_down[k]) for k in interface])
    images = {}
    for element, representative in glued.items():
        side, name = element
        image = to_result[name] if side == "L" else name
        assert images.setdefault(representative, image) == image, "the square commutes"
    assert len(set(images.values())) == len(images), "nothing else is identified"
    assert set(images.values()) == set(result), "jointly surjective"
    for side, names in (("L", left), ("D", down)):
        for name, ends in names.items():
            if ends is None:
                continue
            place = to_result if side == "L" else dict(zip(down, down, strict=True))
            source, label, target = result[place[name]]
            assert (place[ends[0]], place[ends[2]]) == (source, target), "a morphism"
            assert ends[1] in (None, label)


def places(mapping, pattern):
    """Where the elements of a pattern lie, told apart by kind."""
    nodes = {node.variable: ("node", mapping[node.variable]) for node in pattern.nodes}
    return nodes | {edge.variable: ("edge", mapping[edge.variable]) for edge in pattern.edges}


@given(rules(), graphs(), st.booleans())
@settings(max_examples=500, deadline=None)
def test_both_squares_are_pushouts(rule, graph, injective):
    for match in matches(rule, graph, injective):
        if gluing(rule, match, graph) is not None:
            continue
        done = rewrite(graph, rule, match)
        m = places(match.nodes | match.edges, rule.L)
        n = places(done.comatch, rule.R)
        gone = {m[variable] for variable in rule.delete}
        context = {x: ends for x, ends in elements(graph).items() if x not in gone}
        interface = [variable for variable in rule.variables if variable not in rule.delete]
        assert all(end in context for ends in context.values() if ends for end in (ends[0], ends[2])), "D"
        assert_pushout(structure(rule.L), context, interface, m, elements(graph), m)
        assert_pushout(structure(rule.R), context, interface, m, elements(done.graph), n)


@given(rules(), graphs(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_the_pushout_complement_exists_iff_the_gluing_condition_holds(rule, graph, injective):
    """Fact 3.11: with a dangling or wrongly identified element, G without m(L - K) is no graph, or its pushout with L
    is not G."""
    for match in matches(rule, graph, injective):
        writes_twice = gluing(rule, match, graph)
        m = places(match.nodes | match.edges, rule.L)
        gone = {m[variable] for variable in rule.delete}
        context = {x: ends for x, ends in elements(graph).items() if x not in gone}
        interface = [variable for variable in rule.variables if variable not in rule.delete]
        try:
            assert all(m[k] in context for k in interface)
            assert all(end in context for ends in context.values() if ends for end in (ends[0], ends[2]))
            assert_pushout(structure(rule.L), context, interface, m, elements(graph), m)
            exists = True
        except AssertionError:
            exists = False
        if not exists:
            assert writes_twice is not None
        elif injective:
            assert writes_twice is None


def test_the_empty_rule_changes_nothing():
    rule = Rule.parse("rule nothing match ()")
    graph = Graph().evolver()
    graph.add_node("A", id="a")
    graph = graph.persistent()
    (match,) = matches(rule, graph)
    assert rewrite(graph, rule, match).graph == graph
