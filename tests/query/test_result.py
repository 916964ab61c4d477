"""Results: one set of rows, many forms."""

import json
import sys

import pytest
from rich.console import Console

from itonami.graphstore import Graph
from itonami.query import ArgumentError, Result, SemanticError, run
from itonami.query.cypher.errors import ParameterMissing


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
    for shown in ("(:Person {name: 'Bob'})", "[1, null]", "[xs]", "[red]x"):
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
