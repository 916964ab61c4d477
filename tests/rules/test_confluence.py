"""Local confluence: sets with known answers, and that what is proved by joining pairs holds on random graphs."""

from itertools import combinations

import networkx
from hypothesis import given, settings
from naive_rules import naive_applicable, random_graph, random_rule, seeds

from itonami.rules import Match, Rule, parse_rules, rewrite
from itonami.rules.analysis.joining import confluence

TWO_WAYS = """
rule left match (a)-[x:X]->(b) delete x create (a)-[:Y]->(b)
rule right match (a)-[x:X]->(b) delete x create (a)-[:Z]->(b)
"""


def verdicts(text, **options):
    report = confluence(parse_rules(text), **options)
    return report, {joined.verdict for joined in report.joinings}


# -- stories ---------------------------------------------------------------------------------------------------


def test_a_rule_against_itself_at_one_match_is_no_choice():
    report, found = verdicts("rule take match (a)-[x:X]->(b) delete x")
    assert found == {"joinable"}
    assert report.locally_confluent is True
    assert str(report) == "locally confluent; critical pairs: 1 joinable"


def test_a_set_without_conflicts_is_locally_confluent():
    report = confluence(parse_rules("rule see match (a)"))
    assert (report.joinings, report.locally_confluent) == ((), True)


def test_two_ways_that_never_meet_are_told_with_both_ends():
    report, found = verdicts(TWO_WAYS)
    assert found == {"joinable", "not_joinable"}
    assert report.locally_confluent is False
    parted = next(joined for joined in report.joinings if joined.verdict == "not_joinable")
    assert [edge.label for graph in (parted.left, parted.right) for edge in graph.edges()] == ["Y", "Z"]
    assert "not joinable: 'left' deletes x, which 'right' uses as x\n  left\n  right" in str(report)


def test_a_third_rule_can_mend_what_two_do():
    report, found = verdicts(f"{TWO_WAYS} rule mend match (a)-[z:Z]->(b) delete z create (a)-[:Y]->(b)")
    assert found == {"joinable"}
    assert report.locally_confluent is True
    assert {(j.left_steps, j.right_steps) for j in report.joinings} == {
        ((), ()),
        ((), ("mend",)),
        (("mend",), ()),
    }


def test_meeting_only_by_exchanging_what_both_kept_is_no_joining():
    """Plump 2005: the two results are isomorphic, and yet in a larger graph, where a and b differ, they are not."""
    report, found = verdicts("""
        rule mark_source match (a)-[x:X]->(b) delete x create (a)-[:M]->(a)
        rule mark_target match (a)-[x:X]->(b) delete x create (b)-[:M]->(b)
    """)
    assert found == {"joinable", "unknown"}
    assert report.locally_confluent is None
    assert "not strictly" in str(report)


def test_a_new_element_for_an_old_one_is_no_joining():
    """In a larger graph the old edge may have properties."""
    report, found = verdicts("""
        rule renew match (a)-[x:X]->(b), (a)-[l:L]->(a) delete x, l create (a)-[:X]->(b)
        rule drop match (a)-[x:X]->(b), (a)-[l:L]->(a) delete l
    """)
    assert "unknown" in found
    assert report.locally_confluent is None


def test_a_search_without_end_stops_at_the_limit_or_the_depth():
    text = f"{TWO_WAYS} rule grow match (a) create (a)-[:E]->(b)"
    report, found = verdicts(text, limit=20)
    assert "unknown" in found
    assert report.locally_confluent is None
    assert any("not within" in joined.reason for joined in report.joinings)
    assert "unknown" in verdicts(text, depth=1)[1]


def test_never_coming_to_rest_is_no_normal_form():
    report, found = verdicts("""
        rule left match (a)-[x:X]->(b) delete x create (a)-[:Y]->(b)
        rule right match (a)-[x:X]->(b) delete x
        rule turn match (a)-[y:Y]->(b) delete y create (b)-[:Y]->(a)
    """)
    assert "not_joinable" in found
    assert any(joined.reason == "one of them never comes to rest" for joined in report.joinings)


def test_a_joining_that_hangs_on_values_or_nacs_is_no_proof():
    report, found = verdicts("rule once match (a:A) where a.s is null set a.s = 'x'")
    assert found == {"joinable"}
    assert report.locally_confluent is True  # the same step twice
    report, found = verdicts("""
        rule one match (a:A) where a.s is null set a.s = 'x'
        rule two match (a:A) where a.s is null set a.s = 'x', a.t = 'y'
        rule rest match (a:A) where a.s = 'x' and a.t is null set a.t = 'y'
    """)
    assert found == {"joinable"}
    assert report.locally_confluent is None


def test_rules_whose_parameters_nobody_binds_are_not_tried():
    report, found = verdicts(
        f"{TWO_WAYS} rule mend match (a)-[z:Z]->(b) where a.s = $s delete z create (a)-[:Y]->(b)"
    )
    assert "unknown" in found
    assert any("parameters" in joined.reason for joined in report.joinings)


def test_progress_counts_pairs():
    told = []
    confluence(parse_rules(TWO_WAYS), progress=lambda done, total: told.append((done, total)))
    assert told == [(done, 4) for done in range(5)]


# -- the law ---------------------------------------------------------------------------------------------------


def bare(rule, name):
    """The rule without conditions, values and relabelling: what the Critical Pair Lemma is about."""
    return Rule(name, rule.L, rule.delete, rule.create)


def successors(graph, rules):
    return [
        rewrite(graph, rule, Match(rule, ids)).graph
        for rule in rules
        for ids in naive_applicable(rule, graph)
    ]


def reified(graph):
    """Edges as nodes, so that parallel edges count (networkx's own multigraph matching does not tell them apart)."""
    result = networkx.DiGraph()
    for node in graph.nodes():
        result.add_node(node.id, look=("node", *sorted(node.labels)), data=node.data)
    for edge in graph.edges():
        result.add_node(edge.id, look=("edge", edge.label), data=edge.data)
        result.add_edges_from([(edge.source, edge.id), (edge.id, edge.target)])
    return result


def isomorphic(one, other):
    return len(one) == len(other) and networkx.is_isomorphic(
        reified(one), reified(other), node_match=dict.__eq__
    )


def meet(one, other, rules, states):
    """Whether two graphs reach isomorphic ones, by plain search through so many states; None if unknown."""
    sides = [[one], [other]]
    for at in range(states):
        for here, there in (sides, sides[::-1]):
            if at < len(here):
                if any(isomorphic(here[at], graph) for graph in there):
                    return True
                here += successors(here[at], rules)
    return False if all(len(side) <= states for side in sides) else None


@given(seeds)
@settings(max_examples=150, deadline=None)
def test_what_joins_critical_pairs_joins_all_graphs(rng):
    """The Critical Pair Lemma: Plump 1993; Ehrig et al. 2006, theorem 6.28."""
    rules = [bare(random_rule(rng, most_nodes=2, most_edges=2), name) for name in ("one", "two")]
    if sum(rule.created for rule in rules) > 2:
        return
    report = confluence(rules, types="sets", limit=60)
    graph = random_graph(rng, 3, 3)
    for one, other in list(combinations(successors(graph, rules), 2))[:6]:
        if report.locally_confluent:
            assert meet(one, other, rules, 30) is not False


@given(seeds)
@settings(max_examples=60, deadline=None)
def test_the_verdict_on_a_pair_is_that_of_plain_search(rng):
    rules = [bare(random_rule(rng, most_nodes=2, most_edges=2), name) for name in ("one", "two")]
    for joined in confluence(rules, types="sets", limit=60).joinings[:5]:
        assert joined.pair.certain
        if joined.verdict == "joinable":
            assert isomorphic(joined.left, joined.right)
        if joined.verdict == "not_joinable":
            ways = zip(
                (joined.pair.first, joined.pair.second),
                (joined.pair.first_match, joined.pair.second_match),
                strict=True,
            )
            results = [rewrite(joined.pair.graph, rule, Match(rule, ids)).graph for rule, ids in ways]
            assert meet(*results, rules, 20) is not True
