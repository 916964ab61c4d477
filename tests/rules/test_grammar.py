"""Grammars from JSON: every form of the semantics, and typed errors for everything else."""

import contextlib
import copy
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from itonami.graphstore import Graph
from itonami.rules import Grammar, Rule, RuleError, gluing, matches
from itonami.rules.grammar import graph_of
from itonami.rules.programs.cases import cases_of, shared_ids
from itonami.rules.programs.count import count_of

FOLDER = Path(__file__).parents[3] / "shared" / "conformance" / "dpo"


def graph(nodes, edges=()):
    """`"a:A b"`, `"a-x>b"`: a graph of the form."""
    made = {"nodes": [], "edges": []}
    for node in nodes.split():
        id, _, label = node.partition(":")
        made["nodes"].append({"id": id, "label": label})
    for number, edge in enumerate(edges.split() if edges else ()):
        source, _, rest = edge.partition("-")
        label, _, target = rest.partition(">")
        made["edges"].append({"id": f"e{number}", "src": source, "label": label, "tgt": target})
    return made


def rule(name, left, right, **more):
    return {"name": name, "L": left, "R": right, **more}


def kept_apart(edge_ids, side):
    """The graph with its edges called so."""
    return {**side, "edges": [{**e, "id": id} for e, id in zip(side["edges"], edge_ids, strict=True)]}


def count(grammar, start=None):
    host = start or grammar.start()
    return sum(
        gluing(one, match, host) is None
        for one in grammar.rules
        for match in matches(one, host, grammar.injective, nac_injective=grammar.nac_injective)
    )


# -- semantics -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({}, (True, True)),
        ({"injective": None}, (False, False)),
        ({"injective": "nodes"}, ("nodes", "nodes")),
        ({"injective": "all"}, (True, True)),
        ({"injective": "all", "nac_injective": None}, (True, False)),
        ({"injective": None, "nac_injective": "all"}, (False, True)),
        ({"injective": False, "nac_injective": "nodes"}, (False, "nodes")),
    ],
)
def test_injectivity_is_read_for_matches_and_for_nacs(written, meant):
    grammar = Grammar.load({"name": "g", "semantics": written})
    assert (grammar.injective, grammar.nac_injective) == meant


def test_states_are_compared_as_the_file_says_else_by_whether_nodes_are_created():
    edge = rule("edge", graph("a b"), graph("a b", "a-x>b"))
    node = rule("node", graph("a"), graph("a b", "a-x>b"))
    assert Grammar.load({"rules": [edge]}).isomorphic is False
    assert Grammar.load({"rules": [node]}).isomorphic is True
    assert Grammar.load({"rules": [node], "semantics": {"iso": False}}).isomorphic is False
    assert Grammar.load({"rules": [edge], "semantics": {"iso": True}}).isomorphic is True


def test_what_a_file_means_beyond_our_semantics_is_kept_in_words():
    assert Grammar.load({"semantics": {"graph": "multi", "approach": "DPO"}}).meant is None
    assert Grammar.load({"semantics": {"graph": "simple", "approach": "SPO"}}).meant == "SPO on simple graphs"


def test_a_subtype_matches_where_any_of_its_supertypes_is_asked_for():
    grammar = Grammar.load(
        {
            "semantics": {"subtypes": {"Dog": ["Pet", "Mammal"], "Mammal": ["Animal"]}},
            "rules": [rule(f"see{t}", graph(f"a:{t}"), graph(f"a:{t}")) for t in ("Animal", "Pet", "Dog")],
            "start": graph("rex:Dog moby:Mammal goldie:Pet"),
        }
    )
    found = {r.name: sorted(m["a"] for m in matches(r, grammar.start())) for r in grammar.rules}
    assert found == {"seeAnimal": ["moby", "rex"], "seePet": ["goldie", "rex"], "seeDog": ["rex"]}
    assert grammar.supertypes["Dog"] == {"Pet", "Mammal", "Animal"}


HOSTS = {
    "host0": graph("n m"),
    "host1": graph("n m", "n-a>m"),
    "host2": graph("n m", "n-a>m n-a>m"),
}
FRESH = rule("freshCreator", graph("n m"), graph("n m", "n-a>m"), distinct=[["n", "m"]])
READER = rule(
    "readerCreator",
    kept_apart(["r"], graph("n m", "n-a>m")),
    kept_apart(["r", "c"], graph("n m", "n-a>m n-a>m")),
)


@pytest.mark.parametrize("guard", ["none", "check_creator_edges", "rhs_is_nac"])
@pytest.mark.parametrize("injective", [None, "all"])
def test_creators_are_conditions_as_groove_counts_them(guard, injective):
    """The counts of GROOVE's CreatorNacTest under DPO: any copy of the edge blocks, unless the match uses it itself."""

    def found(one, host):
        semantics = {"injective": injective} | ({} if guard == "none" else {guard: True})
        grammar = Grammar.load({"semantics": semantics, "rules": [one], "start": HOSTS[host]})
        nowhere = {"n": "n", "m": "m"}
        return sum(
            match.nodes == nowhere for match in matches(*grammar.rules, grammar.start(), grammar.injective)
        )

    guarded = guard != "none"
    assert found(FRESH, "host0") == 1
    assert found(FRESH, "host1") == (0 if guarded else 1)
    assert found(FRESH, "host2") == (0 if guarded else 1)
    assert found(READER, "host1") == (0 if guarded and injective is None else 1)
    assert found(READER, "host2") == (0 if guarded else 2)


def test_a_right_side_is_a_nac_for_each_of_its_cells():
    """A created node with its edges is one cell; an edge between matched nodes is one of its own."""
    one = rule("grow", graph("a b"), graph("a b c:C", "a-x>b a-y>c c-z>b"))
    semantics = {"rhs_is_nac": True}
    (grown,) = Grammar.load({"semantics": semantics, "rules": [one]}).rules
    assert [len(nac.pattern.edges) for nac in grown.nacs] == [2, 1]
    (edges_only,) = Grammar.load({"semantics": {"check_creator_edges": True}, "rules": [one]}).rules
    assert [[edge.label for edge in nac.pattern.edges] for nac in edges_only.nacs] == [["x"]]

    def blocked(nodes, edges):
        grammar = Grammar.load({"semantics": semantics, "rules": [one], "start": graph(nodes, edges)})
        return not any(m.nodes == {"a": "a", "b": "b"} for m in matches(*grammar.rules, grammar.start()))

    assert blocked("a b", "a-x>b")
    assert blocked("a b c:C", "a-y>c c-z>b")
    assert not blocked("a b c:C d:C", "a-y>c d-z>b")
    assert not blocked("a b c", "a-y>c c-z>b")  # a node without the label is another node
    assert not blocked("a b", "b-x>a")


def test_a_priority_puts_a_rule_before_others():
    rules = [rule("low", graph("a"), graph("a")), rule("high", graph("a"), graph("a"), priority=3)]
    assert [r.name for r in Grammar.load({"rules": rules}).rules] == ["high", "low"]


# -- start graphs ----------------------------------------------------------------------------------------------


def test_a_start_graph_is_found_by_its_key_however_n_is_written():
    starts = {"3": graph("a"), "N=4": graph("a b"), "big": graph("a b c")}
    grammar = Grammar.load({"start": starts})
    assert [len(grammar.start(key)) for key in (None, "3", "N=3", "N=4", "4", "big")] == [1, 1, 1, 2, 2, 3]
    assert [len(grammar.start(n=n)) for n in (None, 3, 4)] == [1, 1, 2]
    assert grammar.size("N=4") == 4
    assert grammar.size("big") is None
    assert grammar.size("3", 7) == 7
    for key, n in (("5", None), (None, 5), ("bigger", None)):
        with pytest.raises(RuleError, match=r"no start graph .*; use one of: 3, N=4, big"):
            grammar.start(key, n)


def test_where_no_key_is_a_number_n_chooses_none():
    assert len(Grammar.load({"start": {"one": graph("a"), "two": graph("a b")}}).start(n=7)) == 1
    assert len(Grammar.load({"start": graph("a b")}).start(n=7)) == 2
    assert Grammar.load({}).start() == Graph()


# -- errors ----------------------------------------------------------------------------------------------------


def nested(depth):
    return [nested(depth - 1)] if depth else []


BAD = {
    "no object": ([1], "a grammar is a JSON object"),
    "rules no list": ({"rules": {}}, "'rules'"),
    "a rule no object": ({"rules": [7]}, "'rules' holds a int"),
    "no left side": ({"rules": [{"name": "r", "R": graph("a")}]}, "rule 'r'.*L is missing"),
    "an edge nowhere": ({"start": graph("a", "a-x>b")}, "start.*no end 'b'"),
    "an id twice": ({"start": graph("a a")}, "'a' names two nodes"),
    "an unknown mode": ({"semantics": {"injective": "some"}}, "'injective'"),
    "a list for a mode": ({"semantics": {"nac_injective": ["all"]}}, "'nac_injective'"),
    "iso no truth value": ({"semantics": {"iso": "yes"}}, "'iso' is a str"),
    "subtypes no lists": ({"semantics": {"subtypes": {"A": "B"}}}, "subtypes: 'A' is a str"),
    "a lone surrogate": ({"start": {"nodes": [{"id": "\ud800", "label": "A"}]}}, "surrogate"),
    "an id too long": ({"start": graph("a" * 256)}, "255 bytes"),
    "an empty id": ({"start": {"nodes": [{"id": "", "label": "A"}]}}, "1 to 255 bytes"),
    "a deep attribute": (
        {"start": {"nodes": [{"id": "a", "label": "A", "attributes": {"n": nested(200)}}]}},
        "attribute is no value",
    ),
    "a huge priority": ({"rules": [rule("r", graph("a"), graph("a"), priority=10**30)]}, "priority"),
    "two rules of one name": ({"rules": [rule("r", graph("a"), graph("a"))] * 2}, "two rules are called 'r'"),
    "an unknown rule in a program": ({"program": [["r", 1]]}, r"program\[0\]: there is no rule 'r'"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_grammar_says_what_is_wrong_and_where(case):
    obj, says = BAD[case]
    with pytest.raises(RuleError, match=says):
        Grammar.load(obj)


SEEDS = [
    {
        "name": "seed",
        "semantics": {
            "graph": "multi",
            "injective": "all",
            "nac_injective": None,
            "iso": True,
            "subtypes": {"B": ["A"]},
            "rhs_is_nac": True,
            "check_creator_edges": True,
        },
        "start": {"3": graph("a:A b:B", "a-x>b")},
        "rules": [
            rule(
                "r",
                graph("a:A b:*", "a-x>b"),
                graph("a:A b:* c:B", "a-y>c"),
                K=graph("a:A b:*"),
                nacs=[graph("a:A d:A", "a-z>d")],
                distinct=[["a", "b"]],
                where=["a.n > 1"],
                set=[{"id": "a", "key": "n", "value": "a.n + 1"}],
                relabel=[{"id": "a", "add": ["C"], "remove": ["A"]}],
                priority=2,
                external=False,
                event="done",
            )
        ],
        "program": [["r", "N-2"], {"repeat": "*", "body": [{"any": ["r"]}]}],
    },
    {
        "name": "pack",
        "cases": [
            {"id": "g", "rule": rule("r", graph("a"), graph("a")), "start": graph("a")},
            {"id": "s", "start": graph("a"), "steps": [{"rule": "r", "mode": "test"}]},
            {"id": "d", "start": graph("a"), "delete_all_rule_L": graph("a")},
            {
                "id": "m",
                "L": graph("a b", "a-x>b"),
                "K": graph("a b"),
                "R": graph("a b", "b-x>a"),
                "l": {"V": [1, 2], "E": []},
                "r": {"V": [1, 2], "E": []},
                "G": graph("u v", "u-x>v"),
            },
        ],
        "rules": [rule("r", graph("a"), graph("a"))],
    },
]
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.sampled_from(["*", "", "a", "N-", "\ud800", 10**30, -1]),
    st.lists(st.integers(0, 3) | st.text(max_size=2) | st.none(), max_size=2),
    st.dictionaries(
        st.sampled_from(["nodes", "edges", "id", "label", "1"]), st.none() | st.just([]), max_size=2
    ),
)


def places(obj, path=()):
    """Every place in a JSON object."""
    yield path
    for key, value in (
        obj.items() if isinstance(obj, dict) else enumerate(obj) if isinstance(obj, list) else ()
    ):
        yield from places(value, (*path, key))


@st.composite
def mutated(draw):
    """A seed with a value or two replaced, dropped or doubled."""
    obj = copy.deepcopy(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from([path for path in places(obj) if path]))
        at = obj
        for key in path[:-1]:
            at = at[key]
        if draw(st.booleans()):
            at[path[-1]] = draw(JUNK)
        elif isinstance(at, list):
            at.append(copy.deepcopy(at[path[-1]]))
        else:
            del at[path[-1]]
    return obj


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
def test_whatever_a_file_holds_it_is_a_grammar_or_a_rule_error(obj):
    for load in (Grammar.load, cases_of):
        with contextlib.suppress(RuleError):
            loaded = load(obj)
            for grammar in [loaded] if isinstance(loaded, Grammar) else loaded.values():
                assert all(json.dumps(one.to_json()) for one in grammar.rules)


@given(JUNK)
def test_whatever_else_is_given_is_refused_or_a_graph(obj):
    for read in (graph_of, Grammar.load, cases_of, lambda obj: count_of(obj, "here")):
        with contextlib.suppress(RuleError):
            read(obj)


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the conformance data is not beside this checkout")
@settings(max_examples=60)
@given(st.data())
def test_published_files_with_a_value_replaced_are_grammars_or_rule_errors(data):
    file = data.draw(st.sampled_from(sorted(FOLDER.glob("*.json"))))
    obj = json.loads(file.read_text())
    at, path = obj, []
    while isinstance(at, dict | list) and at and (not path or data.draw(st.integers(0, 5))):
        keys = list(at) if isinstance(at, dict) else range(min(len(at), 8))
        path.append(data.draw(st.sampled_from(keys)))
        above, at = at, at[path[-1]]
    above[path[-1]] = data.draw(JUNK)
    for load in (Grammar.load, cases_of):
        with contextlib.suppress(RuleError):
            load(obj)


def test_maps_that_do_not_fit_are_refused():
    case = SEEDS[1]["cases"][3]
    assert shared_ids(case)["R"]["edges"][0]["src"] == "b"
    for side, lists in (
        ("l", {"V": [1], "E": []}),
        ("l", {"V": [1, 3], "E": []}),
        ("r", {"V": [0, 1], "E": []}),
    ):
        with pytest.raises(RuleError, match=r"l and r map|no element"):
            shared_ids({**case, side: lists})


def test_a_nac_may_ask_that_a_node_of_l_has_no_label():
    def side(label):
        return {"nodes": [{"id": "a", "label": label}], "edges": []}

    rule = Rule.from_json(
        {"name": "typed", "L": side("*"), "K": side("*"), "R": side("*"), "nacs": [side("")]}
    )
    start = graph_of({"nodes": [{"id": "x", "label": "A"}, {"id": "y", "label": ""}], "edges": []})
    assert [match["a"] for match in matches(rule, start)] == ["x"]
