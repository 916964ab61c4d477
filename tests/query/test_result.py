"""Results: one set of rows, many forms."""

import json
import sys
from html import escape

import pytest
from rich.console import Console

from itonami.graphstore import Graph
from itonami.query import ArgumentError, Result, SemanticError, run
from itonami.query.cypher.errors import ParameterMissing
from itonami.query.result import SHOWN_CHARACTERS
from itonami.query.values import shown as shown_text


def island():
    evolver = Graph().evolver()
    evolver.add_node("Person", id="ada", name="<b>Ada</b>")
    evolver.add_node("Person", id="bob", name="Bob")
    evolver.add_edge("ada", "KNOWS", "bob", id="k", since=1840)
    return evolver.persistent()


ISLAND = island()


def test_a_result_is_a_sequence_of_rows_and_of_dicts():
    result = run(ISLAND, "MATCH (n) RETURN id(n) AS id, 1 AS one ORDER BY id")
    assert list(result) == [("ada", 1), ("bob", 1)]
    assert (len(result), bool(result), result.columns) == (2, True, ("id", "one"))
    assert result.to_dicts() == [{"id": "ada", "one": 1}, {"id": "bob", "one": 1}]
    assert not run(ISLAND, "MATCH (n:Nobody) RETURN n")


def test_the_graph_of_a_result_is_the_union_of_what_was_found():
    everything = run(ISLAND, "MATCH p = (a)-->(b) RETURN {paths: [p]} AS m").to_networkx()
    assert Graph.from_networkx(everything) == ISLAND
    edges = run(ISLAND, "MATCH ()-[r]->() RETURN r").to_networkx()
    assert dict(edges.nodes(data=True))["ada"] == {"labels": [], "properties": {}}
    assert list(edges.edges(keys=True)) == [("ada", "bob", "k")]


def test_json_is_plain_and_whole():
    text = """MATCH p = (a)-[r]->(b) RETURN a, r, length(p) AS l, nodes(p) AS ns, p,
              {d: date('2026-01-02'), i: 1.0 / 0.0, x: [null, true, 'é']} AS m"""
    made = run(ISLAND, text).to_json()
    ada = {"id": "ada", "labels": ["Person"], "properties": {"name": "<b>Ada</b>"}}
    bob = {"id": "bob", "labels": ["Person"], "properties": {"name": "Bob"}}
    edge = {"id": "k", "label": "KNOWS", "source": "ada", "target": "bob", "properties": {"since": 1840}}
    path = {"nodes": [ada, bob], "relationships": [edge]}
    values = {"d": "2026-01-02", "i": "Infinity", "x": [None, True, "é"]}
    assert json.loads(json.dumps(made, allow_nan=False)) == {
        "columns": ["a", "r", "l", "ns", "p", "m"],
        "rows": [[ada, edge, 1, [ada, bob], path, values]],
    }
    assert run(ISLAND, "RETURN $b AS b", params={"b": b"\x00\xff"}).to_json()["rows"] == [["00ff"]]


def test_nodes_and_edges_are_printed_with_their_ids():
    result = run(ISLAND, "MATCH p = (a)-[r]->(b) RETURN a, r, p, [b] AS bs, {r: r} AS m")
    ada, bob, knows = (
        "(ada:Person {name: '<b>Ada</b>'})",
        "(bob:Person {name: 'Bob'})",
        "[k:KNOWS {since: 1840}]",
    )
    cells = [ada, knows, f"<{ada}-{knows}->{bob}>", f"[{bob}]", f"{{r: {knows}}}"]
    assert str(result).splitlines()[1] == "  ".join(cells)
    assert all(escape(cell) in result._repr_html_() for cell in cells)


def test_unusual_ids_stand_in_back_quotes():
    evolver = Graph().evolver()
    for id in ("order-17", "@graph", "a/b#1.2", "two words", "a`b", "x:Y", "\u202eevil", "("):
        evolver.add_node("N", id=id)
    shown = {shown_text(node) for (node,) in run(evolver.persistent(), "MATCH (n) RETURN n")}
    assert shown == {
        "(order-17:N)", "(@graph:`@graph`:N)", "(a/b#1.2:N)", "(`two words`:N)", "(`a``b`:N)", "(`x:Y`:N)",
        "(`\u202eevil`:N)", "(`(`:N)",
    }  # fmt: skip


def test_tables_cut_long_values_and_every_other_form_has_them_whole():
    evolver = Graph().evolver()
    for id in "abc":
        evolver.add_node("N", id=id, text="x" * 5_000)
    evolver.add_edge("a", "T", "b", id="e", text="y" * 5_000)
    evolver.add_edge("b", "T", "c", id="f")
    result = run(evolver.persistent(), "MATCH p = ()-->()-->() RETURN p")
    (line,) = str(result).splitlines()[1:]
    assert len(line) <= SHOWN_CHARACTERS
    for part in ("(a:N {text: 'x", "…})-[e:T {text: 'y", "]->(b:N {text: 'x", "…})-[f:T]->(c:N {text: "):
        assert part in line
    assert len(result.to_dicts()[0]["p"].nodes[0]["text"]) == 5_000
    assert len(result.to_json()["rows"][0][0]["nodes"][0]["properties"]["text"]) == 5_000
    (line,) = str(run(Graph(), "RETURN $t AS t", params={"t": "é" * 5_000})).splitlines()[1:]
    assert line == "é" * (SHOWN_CHARACTERS - 1) + "…"


def test_no_value_drives_a_terminal_or_leaves_its_line():
    result = run(Graph(), "RETURN $t AS t", params={"t": "a\nb\x1b[31m\u202e"})
    assert str(result).splitlines()[1] == "a b\ufffd[31m\ufffd"
    assert "\x1b[31m" not in result._repr_html_()


def test_html_is_escaped_and_bounded():
    html = run(ISLAND, "MATCH (n) RETURN n.name AS `<name>`, n ORDER BY id(n)")._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;Ada&lt;/b&gt;" in html
    assert "&lt;name&gt;" in html
    assert "and 900 more rows" in run(ISLAND, "UNWIND range(1, 1000) AS x RETURN x")._repr_html_()


def test_a_table_shows_values_as_the_language_writes_them():
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(
        run(ISLAND, "MATCH (n {name: 'Bob'}) RETURN n, [1, null] AS `[xs]`, '[red]x' AS t").table("Bob")
    )
    text = console.export_text()
    for shown in ("(bob:Person {name: 'Bob'})", "[1, null]", "[xs]", "[red]x"):
        assert shown in text


def test_pandas_when_it_is_there_else_an_error_that_says_so(monkeypatch):
    result = run(ISLAND, "MATCH (n) RETURN id(n) AS id, n.age AS age ORDER BY id")

    class Frame:
        @staticmethod
        def from_records(rows, columns):
            return rows, columns

    pandas = type(sys)("pandas")
    pandas.DataFrame = Frame
    monkeypatch.setitem(sys.modules, "pandas", pandas)
    assert result.to_pandas() == ([("ada", None), ("bob", None)], ["id", "age"])
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(SemanticError, match="pip install pandas"):
        result.to_pandas()


def test_results_are_values():
    assert run(ISLAND, "RETURN 1 AS x") == Result(("x",), ((1,),))


@pytest.mark.parametrize(
    "wrong",
    [object(), {1, 2}, 1 << 63, {1: 2}, [[object()]], complex(1)],
    ids=["object", "set", "wide integer", "map key", "nested object", "complex"],
)
def test_parameters_outside_the_values_are_refused_by_name(wrong):
    with pytest.raises(ArgumentError, match=r"\$x"):
        run(ISLAND, "RETURN $x AS x", params={"x": wrong})


def test_parameters_nested_without_end_are_refused():
    endless: list = []
    endless.append(endless)
    with pytest.raises(ArgumentError, match="nested deeper"):
        run(ISLAND, "RETURN $x AS x", params={"x": endless})


def test_a_graph_value_has_neither_name_nor_history():
    for options in ({"graph": "x"}, {"at": 1}):
        with pytest.raises(ArgumentError):
            run(ISLAND, "RETURN 1 AS x", **options)


def test_a_long_result_says_how_much_more_there_is():
    assert str(run(Graph(), "UNWIND range(1, 150) AS x RETURN x")).endswith("... and 50 more rows")


def test_a_missing_parameter_is_shown_where_it_stands():
    with pytest.raises(ParameterMissing) as caught:
        run(Graph(), "RETURN $ab, $a", params={"ab": 1})
    assert caught.value.column == 13


@pytest.mark.parametrize(
    ("target", "options", "says"),
    [
        ("a path", {}, "a str cannot be queried; pass a store, a Graph or a Head"),
        (None, {}, "a NoneType cannot be queried"),
        (Graph(), {"limits": {"seconds": 1}}, r"limits= is a dict; pass Limits\(seconds=\.\.\.\)"),
    ],
)
def test_what_cannot_be_queried_or_limits_nothing_is_refused(target, options, says):
    with pytest.raises(ArgumentError, match=says):
        run(target, "RETURN 1 AS x", **options)
