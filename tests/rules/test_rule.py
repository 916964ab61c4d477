"""Rules as data: text and JSON round trips, and the laws of well-formed rules with the places of what breaks them."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from naive_rules import graphs, rules

from itonami.rules import Match, RewriteError, Rule, RuleError, RuleSet, gluing, matches, parse_rules, rewrite
from itonami.rules.pattern import EdgePattern, NodePattern, Pattern

TEXT = """
# Start the next step of a sequence.
rule seq_next
  event StepStarted
  match (s:Seq)-[:CHILD]->(a:Step)-[d:NEXT]->(b:Step {status: 'pending'}), (b)<-[:OF]-(), (s)-->(a)
  where s.status = 'running' and (a.status in ['succeeded', 'skipped'] or a.n > $n)
  not (b)-[:BLOCKED_BY]->()
  not (x:Step)-[:WAITS {since: 1}]->(b) where x.status = 'running'
  set b.status = 'running', b.started = $time
  unset b.error
  label b +Active -Idle
  delete d
  create (s)-[:READY]->(b), (n:Token:Small {n: 1, of: id(s)})-[:AT]->(b)
rule done external priority -5
  match (a:Activity)
  set a.n = a.n + 1
"""


def test_the_text_form_by_example():
    rule, done = parse_rules(TEXT)
    assert (rule.name, rule.event, rule.priority, rule.external) == ("seq_next", "StepStarted", 0, False)
    assert (done.name, done.event, done.priority, done.external) == ("done", "done", -5, True)
    assert rule.variables == ("s", "a", "b", "_3", "_1", "d", "_2", "_4")
    assert rule.L.edge("_2") == EdgePattern("_2", "_3", "OF", "b")
    assert rule.L.edge("_4") == EdgePattern("_4", "s", None, "a")
    assert rule.delete == ("d",)
    assert [str(term) for term in rule.where] == [
        "b.status = 'pending'",
        "s.status = 'running'",
        "a.status in ['succeeded', 'skipped'] or a.n > $n",
    ]
    assert [str(term) for term in rule.nacs[1].where] == ["_7.since = 1", "x.status = 'running'"]
    assert rule.parameters == ("n", "time")
    assert rule.guard_parameters == {"n"}
    assert rule.R.node("b") == NodePattern("b", ("Active", "Step"))
    assert rule.create.node("n") == NodePattern("n", ("Small", "Token"))
    assert done.counters == (("a", "n"),)


@pytest.mark.parametrize("rule", parse_rules(TEXT), ids=str)
def test_text_and_json_give_the_rule_back(rule):
    assert Rule.parse(str(rule)) == rule
    assert Rule.from_json(json.loads(json.dumps(rule.to_json()))) == rule
    assert str(Rule.parse(str(rule))) == str(rule)


@given(rules())
@settings(max_examples=200, deadline=None)
def test_any_rule_comes_back_from_text_and_json(rule):
    assert Rule.parse(str(rule)) == rule
    assert Rule.from_json(json.loads(json.dumps(rule.to_json()))) == rule
    assert Rule.parse(str(rule)).address == rule.address


def test_odd_names_stand_in_backquotes():
    nodes = NodePattern("match", ("A b", "`", "set")), NodePattern("1")
    rule = Rule(name='a rule\'s "name"', L=Pattern(nodes, (EdgePattern("é", "1", "", "match"),)))
    assert Rule.parse(str(rule)) == rule
    assert Rule.from_json(rule.to_json()) == rule


def test_a_set_has_an_address_and_comes_back_from_json_and_text():
    ruleset = RuleSet.parse(TEXT)
    assert RuleSet.from_json(ruleset.to_json()) == ruleset == RuleSet.parse(str(ruleset))
    assert ruleset["done"].external
    assert RuleSet(reversed(ruleset.rules)) != ruleset


# -- JSON of other tools ---------------------------------------------------------------------------------------


def form(left, right, **more):
    return {"name": "r", "L": left, "R": right, **more}


def nodes(**labels):
    return {"nodes": [{"id": id, "label": label} for id, label in labels.items()], "edges": []}


def test_labels_star_and_empty_and_attributes_and_distinct_pairs_become_terms():
    left = {
        "nodes": [{"id": "a", "label": ""}, {"id": "b", "label": "*", "attributes": {"k": 1}}],
        "edges": [],
    }
    right = {
        "nodes": [{"id": "a", "label": ""}, {"id": "b", "label": "*", "attributes": {"k": 2}}],
        "edges": [],
    }
    rule = Rule.from_json(form(left, right, distinct=[["a", "b"]]))
    assert [str(term) for term in rule.where] == ["labels(a) = []", "b.k = 1", "id(a) <> id(b)"]
    assert [(a.variable, a.key, str(a.term)) for a in rule.assignments] == [("b", "k", "2")]


def test_another_label_in_R_is_a_relabelling():
    (relabel,) = Rule.from_json(form(nodes(a="A"), nodes(a="B"))).relabels
    assert (relabel.added, relabel.removed) == (("B",), ("A",))


BAD_FORMS = [
    ([], "JSON object"),
    ({}, "'name' is missing"),
    ({"name": 1}, "'name' is a int"),
    ({"name": "r"}, "L is missing"),
    (form(nodes(a="A"), nodes(a="A"), colour=1), "no key of a rule"),
    (form(nodes(a="A"), nodes(a="A"), K=nodes()), "K is not L intersected with R"),
    (form(nodes(a="A"), nodes(), where=["b.x = 1"]), "not bound"),
    (form(nodes(a="A"), nodes(), where=["a.x ="]), "a value"),
    (
        form({"nodes": [], "edges": [{"id": "e", "src": "a", "label": "X", "tgt": "a"}]}, nodes()),
        "no end 'a'",
    ),
    (form({"nodes": [{"id": "a"}], "edges": []}, nodes()), "'label' is missing"),
    (form({"nodes": [{"id": "a", "label": "A", "attributes": {"k": {}}}]}, nodes()), "no literal"),
    (form(nodes(a="A"), nodes(), distinct=[["a"]]), "pairs"),
]


@pytest.mark.parametrize(("obj", "what"), BAD_FORMS)
def test_a_bad_form_is_refused_with_the_reason(obj, what):
    with pytest.raises(RuleError, match=what):
        Rule.from_json(obj)


# -- the laws --------------------------------------------------------------------------------------------------

LAWS = [
    ("match (a)-[e:X]->(b) delete a", 1, 36, "K is no graph"),
    ("match (a)\n delete b", 2, 9, "deleted but not matched"),
    ("match (a)-[e:X]->(b) delete a, e create (a)-[:Y]->(b)", 1, 53, "R is no graph"),
    ("match (a)\n create (a)-[e]->(b)", 2, 14, "has no label"),
    ("match (a)-[e:X]->(b)\n create (a)-[e:Y]->(b)", 2, 14, "already matched"),
    ("match (a:A) create (a:B)-[:X]->(c)", 1, 27, "cannot give it labels"),
    ("match (a)\n where b.x = 1", 2, 8, "not bound"),
    ("match (a)\n not (a)-[:X]->(b) where c.x = 1", 2, 26, "not bound"),
    ("match (a)\n delete a\n set a.x = 1", 3, 6, "is deleted"),
    ("match (a)\n set b.x = 1", 2, 6, "not bound"),
    ("match (a) set a.x = 1, a.x = 2", 1, 31, "set twice"),
    ("match (a)\n create (n) set n.x = n.y", 2, 23, "no properties yet"),
    ("match (a)-[e:X]->(b) label e +Y", 1, 35, "no node that is kept"),
    ("match (a) label a +Y -Y", 1, 24, "both added to and removed"),
    ("match (a) label a +Y, a +Z", 1, 30, "relabelled twice"),
    ("match (a)-[a:X]->(b)", 1, 19, "names two elements"),
    ("match (a)-[e:X]->(b) not (b)-[e:X]->(a)", 1, 38, "other ends"),
    ("match (a)-[e:X]->(b) not (e)-[:X]->(a)", 1, 34, "an edge of L and a node"),
    ("match (a)-[e:X]->(b), (b)-[e:X]->(a)", 1, 34, "drawn twice, differently"),
    ("match (a)-[:`*`]->(b)", 1, 19, "reserved for any label"),
    ("match " + ", ".join(f"(n{k})" for k in range(81)), 1, 565, "81 elements"),
    ("match (a) event x event y", 1, 26, "given twice"),
    ("match (a) priority 1.5", 1, 27, "integer"),
    ("match (a) where a.x = 1 set", 1, 35, "a variable is expected"),
    ("match (a)<-[:X]->(b)", 1, 24, "to draw a node"),
    ("match (a) create (a)-->(b)", 1, 29, "has no label"),
    ("match (a) not where a.x = 1", 1, 22, "to draw a node"),
    ("fetch (a)", 1, 8, "a clause is expected"),
    ("match (a {x: 1)", 1, 22, "to close the properties"),
    ("match (match)", 1, 15, "reserved word"),
    ("match (a) rule s", 1, 18, "one rule is expected"),
    ("match (" + "a" * 300 + ")", 1, 15, "300 bytes"),
    ("match (a) not (a)-[:X]->(b), (b:B)-[b:Y]->(a)", 1, 44, "'b' names two elements of a NAC"),
    ("match (a)-[e:X]->(b)\n not (c)-[a:X]->(b)", 2, 11, "'a' is a node of L and an edge of a NAC"),
    ("match (a)\n create (b)-[:X]->(b), (b)-[b:Y]->(a)", 2, 29, "'b' names two elements of R"),
    ("match (a) priority 1000001", 1, 18, "a priority is an integer of at most 1000000"),
    ("match (a) external\n external", 2, 2, "given twice"),
    ("match (a) where id(z) = 'x'", 1, 27, "'z' is not bound"),
    ("match (a)\n set a.x = id(z)", 2, 15, "'z' in id"),
    ("match (a)\n set a.x = z.a", 2, 12, "'z' in z.a is not bound"),
    ("match (a)\n where not (a.a = a.b)\n label z +a", 3, 8, "'z' is relabelled"),
]


@pytest.mark.parametrize(("clauses", "line", "column", "what"), LAWS)
def test_an_ill_formed_rule_is_refused_with_the_law_and_the_place(clauses, line, column, what):
    with pytest.raises(RuleError, match=what) as refused:
        Rule.parse(f"rule r {clauses}")
    assert (refused.value.line, refused.value.column) == (line, column)
    assert str(refused.value).startswith(f"line {line}, column {column}: ")


SETS = [
    (
        "rule s match (a:A)\n\nrule r\n match (a:A) create (a)-[:X]->(b:B)",
        3,
        1,
        "'r' creates .* the same id twice",
    ),
    (
        "rule r match (a)\n  rule s match (a)\n  rule r match (b)",
        3,
        3,
        "two rules of the text have the name 'r'",
    ),
]


@pytest.mark.parametrize(("text", "line", "column", "what"), SETS)
def test_a_set_that_breaks_a_law_of_sets_is_refused_at_its_place(text, line, column, what):
    with pytest.raises(RuleError, match=what) as refused:
        RuleSet.parse(text)
    assert (refused.value.line, refused.value.column) == (line, column)


def test_every_law_has_a_case_here():
    """By taking each law away: some ill-formed rule then passes, or another law says something else of it."""
    from itonami.rules import laws

    spans = {law.__name__ for law in laws._LAWS}
    broken = set()
    for law in laws._LAWS:
        others = tuple(other for other in laws._LAWS if other is not law)
        for clauses, _, _, what in LAWS:
            if not refuses(clauses, what, others):
                broken.add(law.__name__)
    assert spans - broken == {"_nesting"}, "whose cases are in test_hostile_text"


def refuses(clauses, what, some_laws):
    from itonami.rules import laws

    kept, laws._LAWS = laws._LAWS, some_laws
    try:
        Rule.parse(f"rule r {clauses}")
    except RuleError as error:
        return re.search(what, str(error)) is not None
    finally:
        laws._LAWS = kept
    return False


def test_the_place_of_a_rule_is_no_part_of_it():
    one, other = parse_rules("rule r match (a)\n rule s match (a)")
    assert (one.place, other.place) == ((1, 1), (2, 2))
    assert replace(other, name="r", event="r") == one
    assert one.to_json() == Rule.from_json(one.to_json()).to_json()


# -- the inverse -----------------------------------------------------------------------------------------------


@given(rules(), graphs())
@settings(max_examples=150, deadline=None)
def test_the_inverse_rule_undoes_structure_and_labels_at_the_comatch(rule, graph):
    rule = replace(rule, assignments=(), where=(), nacs=())
    for match in matches(rule, graph):
        if gluing(rule, match, graph) is not None or is_vague(rule, match, graph):
            continue
        done, back = rewrite(graph, rule, match), rule.inverse()
        comatch = Match.from_ids(back, [done.comatch[variable] for variable in back.variables])
        undone = rewrite(done.graph, back, comatch).graph
        assert sorted(sorted(n.labels) for n in undone.nodes()) == sorted(
            sorted(n.labels) for n in graph.nodes()
        )
        assert sorted(e.label for e in undone.edges()) == sorted(e.label for e in graph.edges())


def is_vague(rule, match, graph):
    """What a rule does not say cannot come back: a label that was there already, an edge label of any kind."""
    if any(edge.label is None and edge.variable in rule.delete for edge in rule.L.edges):
        return True
    for relabel in rule.relabels:
        has = graph.node(match[relabel.variable]).labels
        if set(relabel.added) & has or not set(relabel.removed) <= has:
            return True
    gone = [node for node in rule.L.nodes if node.variable in rule.delete]
    return any(set(graph.node(match[node.variable]).labels) != set(node.labels) for node in gone)


def test_a_rule_that_deletes_an_edge_of_any_label_has_no_inverse():
    with pytest.raises(RuleError, match="has no inverse"):
        Rule.parse("rule r match (a)-[e]->(b) delete e").inverse()


def test_what_an_inverse_cannot_know_is_a_parameter():
    rule = Rule.parse(
        "rule r match (a {s: 'x'})-[e:X]->(b) where a.t is null delete e set a.s = 'y', a.t = 1, a.u = 2"
    )
    assert str(rule.inverse()).splitlines()[2:] == [
        "  where a.s = 'y' and a.t = 1 and a.u = 2",
        "  set a.s = 'x'",
        "  unset a.t",
        "  set a.u = $was_a_u",
        "  create (a)-[e:X]->(b)",
    ]
    assert rule.inverse().inverse().name == "r"


def test_ids_that_are_too_few_are_no_match():
    with pytest.raises(RewriteError, match="1 ids are no match of 3 variables"):
        Match.from_ids(Rule.parse("rule r match (a)-[e:X]->(b)"), ["1"])
