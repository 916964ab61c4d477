"""The published oracles of other tools, where they are there: GROOVE, GrGen, AlgebraicRewriting.jl, Varro et al."""

import json
from collections import Counter
from pathlib import Path

import networkx
import pytest

from itonami.graphstore import Graph, Head
from itonami.rules import Dangling, Grammar, Identification, Match, Rule, find, gluing, matches, rewrite
from itonami.rules.grammar import graph_of
from itonami.rules.rewrite import apply

FOLDER = Path(__file__).parents[3] / "shared" / "conformance" / "dpo"


def oracle(name):
    path = FOLDER / f"{name}.json"
    if not path.exists():
        pytest.skip(f"the conformance file {name}.json is not here")
    return json.loads(path.read_text())


def applicable(rule, graph, injective=True):
    return [match for match in matches(rule, graph, injective) if gluing(rule, match, graph) is None]


def isomorphic(one, other):
    """Up to the ids of nodes and edges."""

    def reified(graph):
        result = networkx.DiGraph()
        for node in graph.nodes():
            result.add_node(("node", node.id), mark=("node", *sorted(node.labels)))
        for edge in graph.edges():
            tail, head = ("tail", edge.id), ("head", edge.id)
            result.add_node(tail, mark=("tail", edge.label))
            result.add_node(head, mark=("head", edge.label))
            result.add_edges_from(
                [(("node", edge.source), tail), (tail, head), (head, ("node", edge.target))]
            )
        return result

    def same_mark(a, b):
        return a["mark"] == b["mark"]

    return networkx.is_isomorphic(reified(one), reified(other), node_match=same_mark)


GRAMMARS = (
    "dining_philosophers",
    "fork_join_lattice",
    "groove_append",
    "groove_loose_nodes",
    "sierpinski",
    "varro_sts_mutex",
    "verigraph_critical_pairs",
    "grgen_dpo_gluing",
)


@pytest.mark.parametrize("name", GRAMMARS)
def test_every_rule_loads_and_comes_back_from_json_and_from_text(name):
    obj = oracle(name)
    grammar = Grammar.load(obj)
    assert [rule.name for rule in grammar.rules] == [rule["name"] for rule in obj["rules"]]
    for rule in grammar.rules:
        assert Rule.from_json(json.loads(json.dumps(rule.to_json()))) == rule
        assert Rule.parse(str(rule)) == rule


def test_rule_applications_that_bind_for_dpo_on_multigraphs_are_those_of_groove():
    cases = [c for c in oracle("groove_rule_vectors")["cases"] if c["same_under_dpo_multigraph_homomorphic"]]
    assert len(cases) == 20
    for case in cases:
        rule, start = Rule.from_json(case["rule"]), graph_of(case["start"])
        assert Rule.parse(str(rule)) == rule
        events = {event(rule, match): match for match in applicable(rule, start, injective=False)}
        results = [rewrite(start, rule, match).graph for match in events.values()]
        expected = [graph_of(result) for result in case["results"]]
        assert len(results) == len(expected), case["id"]
        for result in results:
            place = next((k for k, other in enumerate(expected) if isomorphic(result, other)), None)
            assert place is not None, case["id"]
            del expected[place]


def event(rule, match):
    """GROOVE's anchor: the images of deleted elements and of the ends of created edges."""
    ends = {end for edge in rule.create.edges for end in (edge.source, edge.target)}
    return tuple(match[v] for v in rule.variables if v in rule.delete or v in ends)


def test_the_gluing_verdicts_are_those_of_grgen():
    obj = oracle("grgen_dpo_gluing")
    rules = {rule["name"]: Rule.from_json(rule) for rule in obj["rules"]}
    for case in (case for case in obj["cases"] if "steps" in case):
        graph = graph_of(case["start"])
        for step in case["steps"]:
            rule = rules[step["rule"]]
            found = applicable(rule, graph)
            assert len(found) == step["matches"], case["id"]
            for match in found if step["mode"] == "apply all" else ():
                graph = rewrite(graph, rule, match).graph
            assert (len(graph), len(list(graph.edges()))) == (step["nodes_after"], step["edges_after"]), case[
                "id"
            ]


def test_two_deleted_elements_never_coincide_as_in_the_textbook():
    """GrGen lets them. With L <- K an inclusion there is no pushout complement, so we do not."""
    verdicts = {}
    for case in (case for case in oracle("grgen_dpo_gluing")["cases"] if "steps" not in case):
        nothing = {"nodes": [], "edges": []}
        rule = Rule.from_json({"name": "delete", "L": case["delete_all_rule_L"], "K": nothing, "R": nothing})
        start = graph_of(case["start"])
        verdicts[case["id"]] = len(applicable(rule, start, injective=False))
    assert verdicts == {"dpoHom2_001": 0, "dpoHom2_002": 2, "dpoHom3_001": 0, "dpoHom3_002": 0}


def test_the_pushouts_are_those_of_algebraic_rewriting():
    kinds = {"dangling": Dangling, "identification": Identification}
    for case in oracle("algebraicrewriting_dpo")["cases"]:
        rule, ids = Rule.from_json(shared_ids(case)), match_ids(case)
        graph = graph_of(case["G"])
        match = Match.from_ids(rule, ids, injective=False)
        if "violates" in case:
            assert isinstance(gluing(rule, match, graph), kinds[case["violates"].split(":")[0]]), case["id"]
        else:
            assert match.ids in {m.ids for m in matches(rule, graph, injective=False)}, case["id"]
            assert isomorphic(rewrite(graph, rule, match).graph, graph_of(case["result"])), case["id"]


def shared_ids(case):
    """A span with maps, as one over shared ids: what is kept is as in L, what is new has a name of its own."""
    names, kept = {}, {}
    for part, sort in (("nodes", "V"), ("edges", "E")):
        left, right = case["L"][part], case["R"][part]
        names |= {(part, item["id"]): f"new_{item['id']}" for item in right}
        for here, there in zip(case["l"][sort], case["r"][sort], strict=True):
            names[part, right[there - 1]["id"]] = left[here - 1]["id"]
            kept[part, right[there - 1]["id"]] = left[here - 1]

    def end(id):
        return names["nodes", id]

    nodes = [{**node, "id": end(node["id"])} for node in case["R"]["nodes"]]
    edges = [
        kept.get(("edges", e["id"]))
        or {**e, "id": names["edges", e["id"]], "src": end(e["src"]), "tgt": end(e["tgt"])}
        for e in case["R"]["edges"]
    ]
    return {"name": case["id"], "L": case["L"], "R": {"nodes": nodes, "edges": edges}}


def match_ids(case):
    nodes = [case["G"]["nodes"][k - 1]["id"] for k in case["m"]["V"]]
    return nodes + [case["G"]["edges"][k - 1]["id"] for k in case["m"]["E"]]


def run(program, grammar, head, size):
    """Run a program of the form; rewrites are counted."""
    count = 0
    for step in program:
        if isinstance(step, dict):
            times = eval(str(step["repeat"]), {}, {"N": size})
            count += sum(run(step["body"], grammar, head, size) for _ in range(times))
            continue
        rule, times = grammar.rule(step[0]), step[1]
        limit = 10**9 if times == "*" else eval(str(times), {}, {"N": size})
        for _ in range(limit):
            match = find(rule, head)
            if match is None:
                assert times == "*"
                break
            apply(head, rule, match, found=True)
            count += 1
    return count


def test_the_mutex_benchmark_has_its_closed_form():
    grammar = Grammar.load(oracle("varro_sts_mutex"))
    size, head = 30, Head.of(grammar.start())
    assert run(grammar.program, grammar, head, size) == 5 * size - 1
    assert (len(head), len(list(head.edges()))) == (size + 1, size + 1)
    assert Counter(edge.label for edge in head.edges())["next"] == size


def test_sierpinski_triangles_grow_as_grgen_and_henshin_count_them():
    grammar = Grammar.load(oracle("sierpinski"))
    head = Head.of(grammar.start())
    assert run(grammar.program, grammar, head, 2) == 40
    graph = Graph().replaced([*head.nodes(), *head.edges()])
    assert (len(graph), len(list(graph.edges()))) == (123, 243)
    assert sum("AB" in node.labels for node in graph.nodes()) == 40


def test_every_fork_of_the_table_is_taken_and_released():
    """Dining philosophers: the states that are reached, identity kept, are 3^N."""
    grammar = Grammar.load(oracle("dining_philosophers"))
    start = grammar.start("3")

    def state(graph):
        return frozenset((edge.source, edge.label, edge.target) for edge in graph.edges())

    seen, waiting, transitions = {state(start)}, [start], 0
    while waiting:
        graph = waiting.pop()
        for rule in grammar.rules:
            for match in applicable(rule, graph):
                later = rewrite(graph, rule, match).graph
                transitions += 1
                if state(later) not in seen:
                    seen.add(state(later))
                    waiting.append(later)
    assert (len(seen), transitions) == (27, 63)
