"""Programs: what their steps do, that nothing is missed, and that a rewrite costs what it changes."""

import json
import operator
from functools import cache
from pathlib import Path
from time import perf_counter
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itonami.graphstore import Graph, Head
from itonami.rules import Grammar, Match, RuleError, apply, gluing, matches, parse_rules
from itonami.rules.programs import candidates
from itonami.rules.programs.count import MAX_COUNT, count_of
from itonami.rules.programs.execution import execute
from itonami.rules.programs.instruction import program_of
from itonami.rules.triggers import Triggers

FOLDER = Path(__file__).parents[3] / "shared" / "conformance" / "dpo"


def host(*edges, nodes=()):
    """A graph of `"a-x>b"` edges; a node `a1` has label A."""
    with_nodes = sorted(
        {*nodes, *(end for edge in edges for end in (edge.split("-")[0], edge.split(">")[1]))}
    )
    graph = Graph().evolver()
    for node in with_nodes:
        graph.add_node(node[0].upper(), id=node)
    for number, edge in enumerate(edges):
        source, rest = edge.split("-")
        graph.add_edge(source, rest.split(">")[0], rest.split(">")[1], id=f"e{number}")
    return graph.persistent()


@cache
def parsed(text):
    """The rules of a text, compiled once for all examples."""
    return tuple(parse_rules(text))


def grammar(text, start, program=(), **settings):
    rules = parsed(text)
    steps = program_of(list(program), [rule.name for rule in rules], "program")
    return Grammar("g", rules, {"": start}, program=steps, **settings)


CHAIN = """
rule step
  match (a)-[d:TODO]->(b)
  delete d
  create (a)-[:DONE]->(b)

rule back
  match (a)-[d:DONE]->(b)
  delete d
  create (a)-[:TODO]->(b)

rule grow
  match (a:A)
  create (n:N)

rule never
  match (a:Nowhere)
"""
LINE = host("a1-TODO>a2", "a2-TODO>a3", "a3-TODO>a4")


# -- counts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "n", "value"),
    [
        (3, None, 3),
        ("7", None, 7),
        ("N", 5, 5),
        ("N-2", 5, 3),
        ("2*N+1", 5, 11),
        ("2N + 1", 5, 11),
        ("2(N-1)", 5, 8),
        ("(3^(N+1)+3)/2", 4, 123),
        ("2**3**2", None, 512),
        ("7*N*3^(N-2)", 6, 3402),
        ("-(2-n)", 9, 7),
        ("*", 5, None),
    ],
)
def test_a_count_is_arithmetic_in_n(text, n, value):
    assert count_of(text, "here").at(n) == value


@pytest.mark.parametrize(
    "text",
    ["", "N-", "n + m", "__import__('os')", "2**", "()", "1.5", "N N)", "9" * 200, None, True, 1.0, [], -1],
)
def test_what_is_no_count_is_refused(text):
    with pytest.raises(RuleError, match=r"here: .*write a number"):
        count_of(text, "here")


@pytest.mark.parametrize("text", ["N-7", "N/2", "N^(0-1)", "9^9^9^9^9", "10^13", "1/0"])
def test_a_count_that_is_none_for_an_n_says_for_which(text):
    with pytest.raises(RuleError, match=r"program: .*(for N = 5|is not in 0 to)"):
        count_of(text, "here").at(5)


def test_a_count_with_n_asks_for_one():
    with pytest.raises(RuleError, match=r"'N\+1' needs a value for N"):
        count_of("N+1", "here").at(None)


NUMBERS = st.recursive(
    st.integers(0, 20).map(lambda k: (str(k), k)) | st.just(("N", 3)),
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(
        lambda t: (
            f"({t[0][0]} {t[1]} {t[2][0]})",
            {"+": operator.add, "-": operator.sub, "*": operator.mul}[t[1]](t[0][1], t[2][1]),
        )
    ),
    max_leaves=6,
)


@given(NUMBERS)
def test_counts_are_those_of_arithmetic(sample):
    text, value = sample
    if 0 <= value <= MAX_COUNT:
        assert count_of(text, "here").at(3) == value


# -- steps -----------------------------------------------------------------------------------------------------

STEPS = {
    "so many times": ([["step", 2]], {"step": 2}),
    "as long as possible": ([["step", "*"]], {"step": 3}),
    "with N": ([["step", "N-2"]], {"step": 1}),
    "one after the other": ([["step", 3], ["back", 1]], {"step": 3, "back": 1}),
    "over and over": ([{"repeat": 2, "body": [["step", 1]]}], {"step": 2}),
    "within": (
        [{"repeat": "N", "body": [{"repeat": 2, "body": [["step", 3], ["back", "*"]]}]}],
        {"step": 18, "back": 18},
    ),
    "until a pass applies nothing": ([{"repeat": "*", "body": [["never", "*"], ["step", 1]]}], {"step": 3}),
    "the first that applies": ([{"any": ["never", "step", "back"]}], {"step": 1}),
    "the first, in the order given": ([["step", 1], {"any": ["back", "step"]}], {"step": 1, "back": 1}),
    "none of them": ([{"any": ["never"]}, {"any": []}], {}),
    "everywhere": ([["step", 2], {"all": "back"}], {"step": 2, "back": 2}),
    "nothing": ([["step", 0], {"repeat": 0, "body": [["step", 1]]}, {"repeat": "*", "body": []}], {}),
}


@pytest.mark.parametrize("case", STEPS)
def test_a_program_applies_what_it_says(case):
    program, applied = STEPS[case]
    done = execute(grammar(CHAIN, LINE, program), n=3, record=True)
    assert done.applied == applied
    assert done.rewrites == sum(applied.values()) == len(done.events)
    assert done.complete
    assert not done.short


def test_a_rule_that_applies_less_often_than_asked_is_told_of():
    program = [["step", 5], {"repeat": 2, "body": [["never", 1]]}, {"repeat": "*", "body": [["never", 4]]}]
    done = execute(grammar(CHAIN, LINE, program))
    assert done.complete
    assert done.rewrites == 3
    told = [(short.place, short.rule, short.asked, short.applied) for short in done.short]
    assert told == [("program[0]", "step", 5, 3), ("program[1].body[0]", "never", 1, 0)]


def test_a_huge_count_ends_when_nothing_applies_any_more():
    program = [{"repeat": MAX_COUNT, "body": [["step", 1]]}, ["step", MAX_COUNT]]
    assert execute(grammar(CHAIN, LINE, program)).rewrites == 3


def test_without_a_program_whatever_comes_first_applies_until_nothing_does():
    text = "rule b match (a)-[d:DONE]->(b) delete d\nrule a match (a)-[d:TODO]->(b) delete d create (a)-[:DONE]->(b)"
    done = execute(grammar(text, LINE))
    assert done.applied == {"a": 3, "b": 3}
    assert not list(done.head.edges())


def test_a_limit_ends_an_execution_only_where_there_was_more_to_do():
    endless = grammar(CHAIN, LINE, [["grow", "*"]])
    cut = execute(endless, limit=50)
    assert (cut.rewrites, cut.complete, len(cut.head)) == (50, False, 54)
    just = execute(grammar(CHAIN, LINE, [["step", "*"]]), limit=3)
    assert (just.rewrites, just.complete) == (3, True)
    assert execute(endless, limit=0).rewrites == 0


def test_progress_is_told():
    told = []
    execute(grammar(CHAIN, LINE, [["grow", 2_500]]), progress=told.append)
    assert told == [1_000, 2_000]


def test_a_rule_with_parameters_is_refused():
    text = "rule put match (a) set a.n = $n"
    with pytest.raises(RuleError, match=r"rule 'put': .*\$n"):
        execute(grammar(text, LINE, [["put", 1]]))


BAD_STEPS = {
    "no list": ({}, "program: .*no.*dict|list of steps"),
    "a name alone": ([["step", 1], "step"], r"program\[1\]: this is no step"),
    "three items": ([["step", 1, 2]], r"program\[0\]: this is no step"),
    "no body": ([{"repeat": 3}], r"program\[0\]: this is no step"),
    "an unknown rule": (
        [{"repeat": 3, "body": [["step", 1], ["stop", 1]]}],
        r"program\[0\].body\[1\]: .*'stop'",
    ),
    "an unknown rule among some": ([{"any": ["step", "stop"]}], r"program\[0\]: there is no rule 'stop'"),
    "no count": ([["step", "N*"]], r"program\[0\]: 'N\*'"),
    "a rule that is no name": ([[7, 1]], r"program\[0\]: a rule's name is text"),
    "any without a list": ([{"any": "step"}], r"program\[0\]: 'any' is no list"),
}


@pytest.mark.parametrize("case", BAD_STEPS)
def test_what_is_no_program_names_the_step(case):
    program, says = BAD_STEPS[case]
    with pytest.raises(RuleError, match=says):
        program_of(program, ["step", "back"], "program")


def test_steps_may_not_nest_without_end():
    program = [["step", 1]]
    for _ in range(40):
        program = [{"repeat": 1, "body": program}]
    with pytest.raises(RuleError, match="nest deeper"):
        program_of(program, ["step"], "program")


# -- laws ------------------------------------------------------------------------------------------------------

RULES = """
rule flip
  match (a)-[d:x]->(b)
  delete d
  create (b)-[:y]->(a)

rule drop
  match (a:B)-[d:y]->(b)
  delete a, d

rule mark
  match (a:A), (b:B)
  not (a)-[:z]->(b)
  create (a)-[:z]->(b)

rule join
  match (a)-[d:y]->(b)-[e:y]->(c)
  not (a)-[:z]->(c)
  delete d, e
  create (a)-[:z]->(c)
"""
EDGES = st.lists(
    st.builds(
        "{}-{}>{}".format,
        st.sampled_from(["a1", "a2", "b1", "b2"]),
        st.sampled_from("xy"),
        st.sampled_from(["a1", "b1", "b3"]),
    ),
    max_size=8,
)
MODES = st.sampled_from([(True, True), (False, False), ("nodes", "nodes"), (True, False), (False, True)])
ORDERS = st.lists(st.sampled_from(["flip", "drop", "mark", "join"]), min_size=1, max_size=4)


def applies(rule, head, modes):
    """Every match at which the rule applies, by a search of the whole graph."""
    found = matches(rule, head, modes[0], nac_injective=modes[1])
    return [match for match in found if gluing(rule, match, head) is None]


BOUNDS = st.sampled_from([{"MAX_LOG": 100}, {"MAX_LOG": 2, "FEW": 10}, {"MAX_LOG": 5, "FEW": 1}, {"FEW": 0}])


@given(EDGES, MODES, ORDERS, BOUNDS)
def test_as_long_as_possible_leaves_no_match_and_every_rewrite_was_one(edges, modes, order, bounds):
    """Nothing is missed, whatever was suspended; nothing is applied where it does not apply."""
    program = [{"repeat": "*", "body": [[name, "*"] for name in order]}]
    made = grammar(RULES, host(*edges), program, injective=modes[0], nac_injective=modes[1])
    with mock.patch.multiple(candidates, **bounds):
        done = execute(made, record=True, limit=60)
        assert execute(made, record=True, limit=60).events == done.events
    head = Head.of(made.start())
    for name, ids in done.events:
        rule = made.rule(name)
        assert rule.program.holds(injective=modes[0], nac_injective=modes[1])(head, None, ids)
        assert gluing(rule, Match.from_ids(rule, ids, *modes), head) is None
        apply(head, rule, Match.from_ids(rule, ids, *modes), found=True)
    assert head.delta() == done.head.delta()
    if done.complete:
        assert not any(applies(made.rule(name), head, modes) for name in order)


@given(EDGES, MODES, ORDERS, st.integers(1, 4))
def test_a_step_falls_short_only_where_no_match_is_left(edges, modes, order, count):
    made = grammar(
        RULES, host(*edges), [[name, count] for name in order], injective=modes[0], nac_injective=modes[1]
    )
    done = execute(made)
    if done.short and done.short[-1].place == f"program[{len(order) - 1}]":
        assert not applies(made.rule(order[-1]), done.head, modes)
    assert done.rewrites == count * len(order) - sum(short.asked - short.applied for short in done.short)


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the conformance data is not beside this checkout")
def test_a_rewrite_costs_the_same_in_a_graph_of_eight_times_the_size():
    """Searching the graph anew for each rewrite would cost more than eight times as much each."""
    mutex = Grammar.load(json.loads((FOLDER / "varro_sts_mutex.json").read_text()))
    execute(mutex, n=10)

    slower = min(timed(mutex, 8_000) for _ in range(2))
    assert slower < 4 * max(timed(mutex, 1_000) for _ in range(3))


def timed(mutex, size):
    """Seconds for each rewrite."""
    started = perf_counter()
    rewrites = execute(mutex, n=size).rewrites
    return (perf_counter() - started) / rewrites


def test_rules_are_searched_for_where_they_became_possible_not_all_over_again():
    """A token that goes round: each step is found from the last, though the rule's first variable is one of many."""
    text = """
    rule go
      match (p:P)-[t:TOKEN]->(r:R), (p)-[:NEXT]->(q:P)
      delete t
      create (q)-[:TOKEN]->(r)
    """
    size, everywhere = 500, 0
    ring = [f"p{k}-NEXT>p{(k + 1) % size}" for k in range(size)]
    made = grammar(text, host(*ring, "p0-TOKEN>r"), [["go", "N"]])
    asked, finder = [], Triggers.finder
    with mock.patch.object(
        Triggers, "finder", lambda self, number: asked.append(number) or finder(self, number)
    ):
        assert execute(made, n=size).rewrites == size
    assert asked.count(everywhere) == 1
    assert len(asked) < 4 * size
