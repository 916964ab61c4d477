"""Hostile rules, as text and as JSON: a rule or a `RuleError`, soon; nothing of them is ever run."""

import json
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_rules import graphs, rules

from itonami.graphstore import Graph, Head, Node
from itonami.rules import NodePattern, Pattern, Rule, RuleError, RuleSet, matches, parse_rules, rewrite
from itonami.rules.laws import MAX_ELEMENTS, MAX_NACS
from itonami.rules.lexer import MAX_TEXT
from itonami.rules.term import Property, Unary

SECONDS = 5
"""Far above what any of these takes alone (1 s), far below what one that is not linear would."""


def refused_or_read(text):
    """The rules of a text, or the error, which says where; within the time."""
    start = perf_counter()
    try:
        outcome = parse_rules(text)
    except RuleError as error:
        outcome = error
    assert perf_counter() - start < SECONDS
    assert isinstance(outcome, tuple) or None not in (outcome.line, outcome.column)
    return outcome


# -- nothing is run --------------------------------------------------------------------------------------------

PYTHON = [
    "rule r match (a {x: '\"); import os; os._exit(1) #'})",
    'rule r match (a:`""" + __import__(\'os\')._exit(1) + """`)',
    "rule r match (a) where a.x = '{0.__class__}' and a.`{{}}` = $`__import__`",
    "rule `'; raise SystemExit` match (`a\n b`)-[`e'`:`]->`]->(`\\`) set `\\`.`'` = '\\\\' delete `e'`",
    "rule r match (head)-[params:nodes]->(`return`) not (head)-[c0]->(n0) unless (n0)-[`def`:`\n`]->(i0)",
    "rule r match (a:`\x00`) set a.`\x00` = '\x00\u2028\x1b' create (`exec(1)`:`eval(2)`)",
    "rule `../../etc` event `$(reboot)` match (a {x: '%s%n'}) where a.`__class__` is null label a +`{a}`",
]


@pytest.mark.parametrize("text", PYTHON)
@given(graph=graphs(most_nodes=2))
@settings(max_examples=5, deadline=None)
def test_nothing_of_a_rules_text_is_ever_run(text, graph):
    rule = Rule.parse(text)
    assert Rule.parse(str(rule)) == rule
    for match in matches(rule, graph, params={"__import__": 1}):
        rewrite(graph, rule, match, {"__import__": 1})


@given(rules())
@settings(max_examples=50, deadline=None)
def test_the_code_of_a_rule_holds_none_of_its_text(rule):
    """Its names and constants are numbered: whatever else stands in it is ours."""
    import itonami.rules.emit as emit

    written = []
    real, emit.compile = compile, lambda text, *rest: written.append(text) or compile(text, *rest)
    try:
        list(matches(rule, Graph()))
    finally:
        del emit.compile
    assert real is compile
    (text,) = written
    assert not set(text) & {"'", '"', "\\"}


# -- sizes and depths ------------------------------------------------------------------------------------------

MEGABYTE, ROOM = 1 << 20, MAX_TEXT - 200
REFUSED = {
    "a megabyte of parentheses": "rule r match " + "(" * MEGABYTE,
    "a megabyte of nots": "rule r match (a) where " + "not " * (MEGABYTE // 4) + "a.x",
    "a megabyte of one name": "rule r match (" + "a" * MEGABYTE + ")",
    "parentheses": "rule r match (a) where " + "(" * ROOM,
    "nots": "rule r match (a) where " + "not " * (ROOM // 4),
    "minuses": "rule r match (a) where a.x = " + "-" * ROOM,
    "lists": "rule r match (a) where a.x = " + "[" * ROOM,
    "a sum": "rule r match (a) where a.x = 1" + "+1" * (ROOM // 2),
    "a path": "rule r match (a)" + "-->()" * (ROOM // 5),
    "edges at one node": "rule r match (a)" + "".join(f"-[e{k}]->(a)" for k in range(ROOM // 14)),
    "a path of a NAC": "rule r match (a) not (a)" + "-->()" * (ROOM // 5),
    "NACs": "rule r match (a)" + " not (a)" * (ROOM // 8),
    "NACs of a NAC": "rule r match (a) not (a)" + " unless (a)" * (ROOM // 12),
    "names of anonymous elements": "rule r match "
    + ", ".join(f"(_{k})" for k in range(1, ROOM // 10))
    + ", ()",
    "a long name": "rule r match (" + "a" * ROOM + ")",
    "a long quoted name": "rule r match (`" + "a" * ROOM + "`)",
    "a long number": "rule r match (a) where a.x = 1" + "0" * ROOM,
    "a number beyond double precision": "rule r match (a) where a.x = 1e999",
    "relabellings": "rule r match (a) label a +X" + ", a +X" * (ROOM // 7),
    "one rule many times": "rule r " * (ROOM // 7),
    "quotes": "'" * 99_999,
    "backquotes": "`" * 99_999,
    "backslashes": '"' + "\\" * 99_999,
    "NULs": "\x00" * 1000,
    "a byte order mark": "\ufeffrule r match (a)",
    "a lone surrogate": "\ud800",
    "a lone surrogate in a name": "rule r match (`\udfff`)",
    "a lone surrogate in a text": "rule r match (a {x: '\ud800'})",
    "an escaped lone surrogate": "rule r match (a {x: '\\ud800'})",
}
READ = {
    "a list": "rule r match (a) where a.x in [" + "1," * (ROOM // 2 - 50) + "1]",
    "an or": "rule r match (a) where " + " or ".join(["a.x=1"] * (ROOM // 10)),
    "an and": "rule r match (a) where " + " and ".join(["a.x=1"] * (ROOM // 11)),
    "wheres": "rule r match (a)" + " where a.x=1" * (ROOM // 13),
    "one label many times": "rule r match (a" + ":A" * (ROOM // 2 - 10) + ")",
    "deletions": "rule r match (a) delete a" + ",a" * (ROOM // 2 - 20),
    "assignments": "rule r match (a) set a.x = 1" + "".join(f",a.k{k}=1" for k in range(ROOM // 12)),
    "rules": "".join(f"rule r{k}\n" for k in range(ROOM // 12)),
    "comments": "rule r match (a)" + "#\n" * (ROOM // 2 - 20),
    "a comment with a lone surrogate": "rule r match (a) # \ud800",
    "escapes": "rule r match (a {x: '" + "\\n" * (ROOM // 2 - 50) + "'})",
    "a name with a NUL": "rule r match (`a\x00b`)",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_too_large_too_deep_or_no_text_is_refused_at_its_place(text):
    assert isinstance(refused_or_read(text), RuleError)


@pytest.mark.parametrize("text", READ.values(), ids=READ.keys())
def test_what_is_long_but_flat_is_read_in_time(text):
    assert isinstance(refused_or_read(text), tuple)


DEEP = {
    "lists": ("[", "]"),
    "nots": ("not ", ""),
    "nots of comparisons": ("not (", " = 1)"),
    "minuses": ("- (", " + 1)"),
    "comparisons": ("(", " = 1)"),
    "logic": ("(true and (", " or false))"),
    "nulls": ("(", " is null)"),
    "parentheses": ("(", ")"),
}


@pytest.mark.parametrize(("opening", "closing"), DEEP.values(), ids=DEEP.keys())
def test_terms_as_deep_as_they_may_be_come_back_and_are_compiled(opening, closing):
    def deep(times):
        term = opening * times + "a.x" + closing * times
        clauses = f"where {term} where not {term} where a.x = 2 set a.y = {term}"
        return refused_or_read(f"rule r match (a) {clauses} not (b) where {term} and b.x = 1")

    times = next(k for k in range(100) if isinstance(deep(k + 1), RuleError))
    assert times >= 9
    assert "deep" in str(deep(times + 1))
    assert isinstance(deep(10_000), RuleError)
    (rule,) = deep(times)
    assert Rule.parse(str(rule)) == rule
    assert list(matches(rule, Graph().replaced([Node("n", (), {"x": 1})]))) == []


def test_a_term_made_too_deep_by_hand_is_refused():
    term = Property("a", "x")
    for _ in range(20_000):
        term = Unary("not", term)
    with pytest.raises(RuleError, match="nested 40 deep or more"):
        Rule(name="r", L=Pattern((NodePattern("a"),)), where=(term,))
    while isinstance(term, Unary):
        term = term.operand


def test_as_many_nacs_as_a_rule_may_have_are_compiled_and_one_more_is_refused():
    nacs = " not (a)-->(b:B)-->(c) unless (c)-->(d)" * (MAX_NACS // 2)
    rule = Rule.parse("rule r match (a)" + nacs)
    assert len(list(matches(rule, Graph().replaced([Node("n")])))) == 1
    for more in (" not (a)", " unless (a)"):
        with pytest.raises(RuleError, match=f"more than {MAX_NACS} NACs") as refused:
            Rule.parse("rule r match (a)" + nacs + more)
        assert refused.value.column > len(nacs)
    side = {"nodes": [{"id": "a", "label": "*"}], "edges": []}
    with pytest.raises(RuleError, match=f"{MAX_NACS + 1} NACs"):
        Rule.from_json({"name": "r", "L": side, "R": side, "nacs": [side] * (MAX_NACS + 1)})


def test_patterns_as_wide_as_a_rule_may_be_are_compiled():
    """More loops than CPython nests in one function."""
    star = Rule.parse("rule r match (hub)" + "".join(f", (hub)-[e{k}:X]->(n{k})" for k in range(39)))
    lone = Rule.parse("rule r match " + ", ".join(f"(n{k})" for k in range(MAX_ELEMENTS)))
    nac = Rule.parse("rule r match (hub:H) not (hub)" + "".join(f", (hub)-[:X]->(n{k})" for k in range(39)))
    evolver = Graph().evolver()
    evolver.add_node("H", id="hub")
    for k in range(79):
        evolver.add_node(id=f"m{k:02}")
        evolver.add_edge("hub", "X", f"m{k:02}", id=f"x{k:02}")
    graph = evolver.persistent()
    match = next(matches(star, graph))
    assert (match["n0"], match["e38"]) == ("m00", "x38")
    assert star.program.holds()(Head.of(graph), None, match.ids)
    assert len(set(next(matches(lone, graph)).ids)) == 80
    assert list(matches(nac, graph)) == []


# -- any text, any JSON ----------------------------------------------------------------------------------------

WORDS = """rule r s match not unless where set unset label delete create event external priority id labels is null true
and or in starts with contains a b e A X ( ) (a) (a:A) (b {x: 1}) -[e:X]-> -[:X]- <-[e]- --> <-- - > < [ ] { } : , . + *
/ % = <> <= $p 'u' "v" 1 2.5 1e9 ` `a` `->` ' " \\ # a.x b.x e.x ; \x00 \ud800 é _1 ()"""
CLAUSES = (
    "(a) (b:B) -[e:X]-> --> not unless where a.x=1 match delete e a , set create (c) (c)-->(a) label a+A"
)


def rows(of, most, *joints):
    """Rows of some words."""
    words = st.lists(st.sampled_from(of.split()), max_size=most)
    return st.one_of(*(words.map(joint.join) for joint in joints))


@given(rows(WORDS, 25, " ", "", "\n") | st.text("rule match(a)-[:X]->{x:1}'`\"\\ \n$<>.,=#set", max_size=60))
@settings(max_examples=600, deadline=None)
def test_any_text_gives_rules_that_come_back_or_a_rule_error_with_its_place(text):
    outcome = refused_or_read("rule r " + text)
    for rule in outcome if isinstance(outcome, tuple) else ():
        assert Rule.parse(str(rule)) == rule
        assert Rule.from_json(json.loads(json.dumps(rule.to_json()))) == rule
        list(matches(rule, Graph(), params={"p": 1}))


@given(rows(CLAUSES, 14, " "))
@settings(max_examples=500, deadline=None)
def test_any_row_of_clauses_gives_rules_that_come_back_or_a_rule_error(text):
    outcome = refused_or_read("rule r match (a)-->(b) " + text)
    for rule in outcome if isinstance(outcome, tuple) else ():
        assert Rule.parse(str(rule)) == rule
        list(matches(rule, Graph().replaced([Node("n")])))


texts = st.sampled_from(["", "*", "a", "e", "a.x = 1", "\ud800"])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
keys = st.sampled_from(["id", "label", "a"])
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner))
KEYS = """name event priority external L K R nacs where set relabel distinct nodes edges id src label tgt attributes
labels add remove key value"""


@given(rules(), st.data())
@settings(max_examples=400, deadline=None)
def test_any_json_gives_a_rule_or_a_rule_error(rule, data):
    """One value of a rule's form replaced by anything, or a key added."""
    obj = json.loads(json.dumps(rule.to_json()))
    at = obj
    for _ in range(data.draw(st.integers(0, 5))):
        keys = list(at) if isinstance(at, dict) else range(len(at))
        inner = [key for key in keys if isinstance(at[key], dict | list) and at[key]]
        if inner:
            at = at[data.draw(st.sampled_from(inner))]
    keys = st.sampled_from([*at, *KEYS.split()]) if isinstance(at, dict) else st.integers(0, len(at) - 1)
    at[data.draw(keys)] = data.draw(values)
    try:
        made = Rule.from_json(obj)
    except RuleError:
        return
    assert Rule.from_json(made.to_json()) == made
    assert Rule.parse(str(made)) == made


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


def free(value):
    """Take a deep nest apart from outside: dropped whole it overflows the stack of some Pythons."""
    while isinstance(value, list) and value:
        value = value.pop()


def test_json_as_deep_as_memory_allows_is_refused():
    node = {"id": "a", "label": "A"}
    deep = nested(100_000)
    for place in ("attributes", "labels", "id"):
        item = {**node, place: {"k": deep} if place == "attributes" else deep}
        with pytest.raises(RuleError, match=r"nested more than 40 deep|'labels' holds a list|'id' is a list"):
            Rule.from_json({"name": "r", "L": {"nodes": [item]}, "R": {"nodes": []}})
    for key in ("where", "nacs", "set", "relabel", "distinct", "name", "priority"):
        with pytest.raises(RuleError):
            Rule.from_json({"name": "r", "L": {"nodes": [node]}, "R": {"nodes": [node]}, key: deep})
    free(deep)
    with pytest.raises(RuleError, match="a list of rules"):
        RuleSet.from_json({})


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 10**5000, {"k": 1}, b"x", "\ud800", "x" * MAX_TEXT],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_literal_is_refused(value):
    side = {"nodes": [{"id": "a", "label": "A", "attributes": {"k": value}}]}
    with pytest.raises(RuleError):
        Rule.from_json({"name": "r", "L": side, "R": {"nodes": []}})
