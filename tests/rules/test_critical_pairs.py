"""Critical pairs: VeriGraph's published tables, completeness on random rules, and that every pair is a conflict."""

import json
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_rules import naive_applicable, naive_glues, naive_matches, random_graph, random_rule, seeds

from itonami.graphstore import Graph, Node
from itonami.rules import Grammar, Match, parse_rules, rewrite
from itonami.rules.analysis.critical import KINDS, critical_pairs, pair_matrix
from itonami.rules.analysis.overlap import TooManyOverlaps, node_types

FOLDER = Path(__file__).parents[3] / "shared" / "conformance" / "dpo"
PUBLISHED = {
    "delete_use": "delete_use",
    "produce_dangling": "produce_dangling(without delete_use)",
    "produce_forbid": "produce_forbid",
}


def oracle(name):
    path = FOLDER / f"{name}.json"
    if not path.exists():
        pytest.skip(f"the conformance file {name}.json is not here")
    return json.loads(path.read_text())


# -- the oracles -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_rules", [False, True])
def test_the_tables_are_those_of_verigraph(as_rules):
    obj = oracle("verigraph_critical_pairs")
    grammar = Grammar.load(obj)
    assert [rule.name for rule in grammar.rules] == obj["expect"]["rule_order"]
    table = pair_matrix(grammar.rules if as_rules else grammar)
    for kind, key in PUBLISHED.items():
        assert table[kind] == obj["expect"][key], kind
    assert not any(map(any, table["attribute"]))


def test_branches_of_a_fork_are_in_no_conflict():
    grammar = Grammar.load(oracle("fork_join_lattice"))
    between = [p for p in critical_pairs(grammar) if p.first != p.second]
    assert [p for p in between if p.first.name.startswith("do") and p.second.name.startswith("do")] == []
    assert between == []


# -- the laws --------------------------------------------------------------------------------------------------


def survives(first, m1, second, m2, graph):
    """Whether the second rule still applies at its match after the first was applied, by brute force."""
    later = rewrite(graph, first, Match(first, m1)).graph
    present = {element.id for element in (*later.nodes(), *later.edges())}
    return present.issuperset(m2) and m2 in naive_matches(second, later) and naive_glues(second, m2, later)


def embeds(pair, graph, m1, m2):
    """Whether the pair lies in a graph at two matches: it shares what they share, and the rest is found there."""
    found = {}
    for name, id in (*zip(pair.first_match, m1, strict=True), *zip(pair.second_match, m2, strict=True)):
        if found.setdefault(name, id) != id:
            return False
    if len(set(found.values())) < len(found):
        return False
    edges = [e for e in pair.graph.edges() if e.id not in found]
    nodes = [n for n in pair.graph.nodes() if n.id not in found]
    for ids in product([n.id for n in graph.nodes()], repeat=len(nodes)):
        whole = found | dict(zip((n.id for n in nodes), ids, strict=True))
        if len(set(whole.values())) < len(whole):
            continue
        for there in product(list(graph.edges()), repeat=len(edges)):
            taken = {e.id for e in there} | {whole[e.id] for e in pair.graph.edges() if e.id in whole}
            if len(taken) == len(list(pair.graph.edges())) and all(
                (whole[a.source], whole[a.target]) == (b.source, b.target)
                for a, b in zip(edges, there, strict=True)
            ):
                return True
    return False


@given(seeds, st.booleans())
@settings(max_examples=500, deadline=None)
def test_every_conflict_in_a_graph_has_its_critical_pair_there(rng, typed):
    """Completeness: Ehrig et al. 2006, theorem 6.28; with NACs, Lambers, Ehrig and Orejas 2006, theorem 2."""
    first = random_rule(rng, "first")
    second = first if rng.random() < 0.3 else random_rule(rng, "second")
    graph = random_graph(rng)
    types = node_types([first, second], [graph]) if typed else "sets"
    pairs = None
    for m1, m2 in product(naive_applicable(first, graph), naive_applicable(second, graph)):
        if not survives(first, m1, second, m2, graph):
            if pairs is None:
                found = critical_pairs(dict.fromkeys([first, second]), types=types)
                pairs = [p for p in found if (p.first, p.second) == (first, second)]
            assert any(embeds(pair, graph, m1, m2) for pair in pairs), (m1, m2)


@given(seeds)
@settings(max_examples=60, deadline=None)
def test_every_critical_pair_is_a_conflict_on_its_own_graph(rng):
    first, second = random_rule(rng, "first"), random_rule(rng, "second")
    for pair in critical_pairs([first, second], types="sets")[:40]:
        if not pair.certain:
            continue  # whether there are values that make its conditions true was not decided
        assert pair.first_match in naive_applicable(pair.first, pair.graph)
        assert pair.second_match in naive_applicable(pair.second, pair.graph)
        assert not survives(pair.first, pair.first_match, pair.second, pair.second_match, pair.graph)
        assert str(pair)


# -- stories ---------------------------------------------------------------------------------------------------


def kinds(text, **options):
    """The kinds of conflict by the names of the rules, with how many."""
    found = {}
    for pair in critical_pairs(parse_rules(text), **options):
        key = (pair.first.name, pair.second.name, pair.kind)
        found[key] = found.get(key, 0) + 1
    return found


def test_a_pair_names_who_does_what_to_whom():
    text = "rule take match (a:A)-[x:X]->(b:A) delete x rule use match (c:A)-[y:X]->(d:A)"
    (pair,) = [p for p in critical_pairs(parse_rules(text)) if p.second.name == "use"]
    assert pair.explanation == "'take' deletes x, which 'use' uses as y"
    assert pair.elements == ("1.x=2.y",)
    assert pair.first_match == pair.second_match == ("1.a=2.c", "1.b=2.d", "1.x=2.y")
    assert str(pair).splitlines() == [
        "delete_use: 'take' deletes x, which 'use' uses as y",
        "  (1.a=2.c:A)",
        "    -[1.x=2.y:X]->(1.b=2.d)",
        "  (1.b=2.d:A)",
    ]


def test_the_four_kinds():
    assert kinds("rule drop match (a:A) delete a") == {("drop", "drop", "delete_use"): 1}
    dangling = kinds("rule link match (a:A), (b:B) create (a)-[:X]->(b) rule drop match (b:B) delete b")
    assert dangling["link", "drop", "produce_dangling"] == 1
    forbidden = kinds("rule make create (a:A) rule once match (b:B) not (:A) create (c:C)")
    assert forbidden == {("make", "once", "produce_forbid"): 1}
    changed = kinds("rule start match (a:A {s: 'new'}) set a.s = 'old' rule see match (b:A {s: 'new'})")
    assert changed == {("start", "start", "attribute"): 1, ("start", "see", "attribute"): 1}
    relabelled = kinds("rule stop match (a:A:B) label a -A rule see match (b:A)")
    assert relabelled == {("stop", "stop", "attribute"): 1, ("stop", "see", "attribute"): 1}


def test_conditions_that_cannot_both_hold_keep_elements_apart():
    start = "rule start match (a:A {s: 'new'}) set a.s = 'old', a.by = $by"
    assert ("start", "end", "attribute") not in kinds(
        f"{start} rule end match (b:A {{s: 'old'}}) set b.s = 'done'"
    )
    assert ("start", "end", "attribute") in kinds(
        f"{start} rule end match (b:A) where b.by is null set b.s = 'done'"
    )


def test_a_value_that_stays_what_it_was_is_no_conflict():
    text = "rule touch match (a:A) where a.s in ['x', 'y'] set a.s = 'x' rule see match (b:A) where b.s = {}"
    assert ("touch", "see", "attribute") not in kinds(text.format("'x'"))
    assert ("touch", "see", "attribute") in kinds(text.format("'y'"))


def test_the_witness_has_values_and_parameters():
    text = "rule count match (a:A) where a.n = $n set a.n = a.n + 1"
    (pair,) = critical_pairs(parse_rules(text))
    assert pair.certain
    value = pair.graph.node("1.a=2.a")["n"]
    assert pair.parameters == ({"n": value}, {"n": value})


def test_what_is_undecided_is_kept_and_marked():
    text = "rule one match (a:A) where a.s starts with 'x' delete a rule two match (b:A) where b.s starts with 'y'"
    (pair,) = [p for p in critical_pairs(parse_rules(text)) if p.second.name == "two"]
    assert not pair.certain
    assert str(pair).startswith("delete_use: 'one' deletes a, which 'two' uses as b (possibly)")


def test_an_exception_to_a_nac_can_be_taken_away():
    text = "rule free match (a)-[x:X]->(b) delete x rule go match (c:C) not (c)-[:W]->(d) unless (d)-[:X]->()"
    pairs = [p for p in critical_pairs(parse_rules(text)) if p.kind == "produce_forbid"]
    assert {(p.first.name, p.second.name) for p in pairs} == {("free", "go")}
    assert all("deletes x, which 'go' needs as" in p.explanation for p in pairs)
    assert any(p.certain for p in pairs)


def test_labels_are_types_where_rules_are_written_so_and_sets_elsewhere():
    typed = "rule drop match (a:A) delete a rule use match (b:B)"
    pairs = {("drop", "drop", "delete_use"): 1}
    both = pairs | {("drop", "use", "delete_use"): 1}
    assert kinds(typed) == pairs
    assert kinds(typed, types="sets") == both
    assert kinds(f"{typed} rule any match (c)")["drop", "use", "delete_use"] == 1
    graph = Graph().replaced([Node("n", ("A", "C")), Node("m", ("B",))])
    merging = parse_rules(f"{typed} rule merge match (x:C) label x +B")
    assert node_types(merging[:2], [graph]) == {frozenset("AC"), frozenset("B")}
    assert node_types(merging, [graph]) == {frozenset("AC"), frozenset("B"), frozenset("ABC")}
    assert kinds(typed, types=node_types(merging[:2], [graph])) == pairs
    assert kinds(typed, types=node_types(merging, [graph])) == both


def test_a_grammar_tells_types_by_its_start_graphs_unless_they_are_empty():
    rules = [rule.to_json() for rule in parse_rules("rule drop match (a:A) delete a rule use match (b:B)")]
    start = {"nodes": [{"id": "n", "labels": ["A", "B"]}]}
    counts = [
        len(critical_pairs(Grammar.load({"name": "g", "rules": rules} | more)))
        for more in ({}, {"start": {"nodes": []}}, {"start": start})
    ]
    assert counts == [1, 1, 2]


def test_a_node_without_labels_is_no_node_with_one():
    text = "rule drop match (a) where labels(a) = [] delete a rule use match (b{})"
    assert ("drop", "use", "delete_use") in kinds(text.format(""))
    assert ("drop", "use", "delete_use") not in kinds(text.format(":B"))


def test_too_many_overlaps_are_refused_with_the_rules_names():
    nodes = ", ".join(f"(n{k})" for k in range(9))
    with pytest.raises(TooManyOverlaps, match="more than 1000 overlaps") as refused:
        critical_pairs(parse_rules(f"rule many match {nodes}, (n0)-[x]->(n1) delete x"), limit=1000)
    assert refused.value.rules == ("many", "many")


def test_only_overlaps_that_matter_are_enumerated():
    """Ten nodes a side overlap in 234,662,231 ways."""
    nodes = ", ".join(f"(n{k})" for k in range(10))
    assert kinds(f"rule see match {nodes}") == {}


def test_progress_counts_ordered_pairs_and_the_matrix_counts_kinds():
    rules = parse_rules("rule drop match (a:A) delete a rule use match (b:A)")
    told = []
    table = pair_matrix(rules, progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    assert list(table) == list(KINDS)
    assert table["delete_use"] == [[1, 1], [0, 0]]
