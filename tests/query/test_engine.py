"""The engine: what queries answer, against a naive evaluator and by stories."""

from collections import Counter
from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itonami.graphstore import Graph, Head
from itonami.graphstore.graph import Node
from itonami.query import (
    EntityNotFound,
    Limits,
    ParameterMissing,
    Procedure,
    ProcedureError,
    QueryTypeError,
    run,
)

LABELS, TYPES, NAMES = ("A", "B"), ("T", "U"), ("a", "b", "c")


def graph_of(nodes, edges):
    """`nodes`: id -> (labels, properties); `edges`: (source, type, target)."""
    evolver = Graph().evolver()
    for id, (labels, properties) in nodes.items():
        evolver.add_node(*labels, id=id, properties=properties)
    for number, (source, label, target) in enumerate(edges):
        evolver.add_edge(source, label, target, id=f"e{number}")
    return evolver.persistent()


FRIENDS = graph_of(
    {
        "ada": (("Person",), {"name": "Ada", "age": 36}),
        "bob": (("Person",), {"name": "Bob", "age": 25}),
        "cat": (("Person", "Cat"), {"name": "Cat"}),
        "rome": (("City",), {"name": "Rome"}),
    },
    [
        ("ada", "KNOWS", "bob"),
        ("bob", "KNOWS", "cat"),
        ("cat", "KNOWS", "ada"),
        ("ada", "LIVES_IN", "rome"),
        ("bob", "LIVES_IN", "rome"),
        ("cat", "KNOWS", "cat"),
    ],
)


def rows(text, graph=FRIENDS, **params):
    return list(run(graph, text, params=params))


# ------------------------------------------------------------------------------- the law: naive evaluation

graphs = st.builds(
    lambda labels, edges: graph_of(
        {f"n{at}": (sorted(these), {"k": at % 3}) for at, these in enumerate(labels)},
        [(f"n{a % len(labels)}", label, f"n{b % len(labels)}") for a, label, b in edges],
    ),
    st.lists(st.sets(st.sampled_from(LABELS)), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from(TYPES), st.integers(0, 4)), max_size=8),
)
vertices = st.tuples(st.sampled_from(NAMES), st.sampled_from((None, *LABELS)))
steps = st.tuples(
    st.sampled_from(("->", "<-", "-")),
    st.sampled_from((None, *TYPES)),
    st.sampled_from((None, (0, 2), (1, 2))),
)
paths = st.integers(0, 2).flatmap(
    lambda length: st.tuples(
        st.lists(vertices, min_size=length + 1, max_size=length + 1),
        st.lists(steps, min_size=length, max_size=length),
    )
)
patterns = st.lists(paths, min_size=1, max_size=2)
wheres = st.sampled_from((None, "a.k = b.k", "a.k < 2", "NOT (a)-->(b)", "id(a) = 'n1'", "a.k = 1 AND b:A"))


def text_of(pattern):
    parts, number = [], 0
    for nodes, links in pattern:
        part = ""
        for at, (name, label) in enumerate(nodes):
            part += f"({name}{':' + label if label else ''})"
            if at < len(links):
                way, kind, length = links[at]
                stars = f"*{length[0]}..{length[1]}" if length else ""
                inner = f"[r{number}{':' + kind if kind else ''}{stars}]"
                part += {"->": f"-{inner}->", "<-": f"<-{inner}-", "-": f"-{inner}-"}[way]
                number += 1
        parts.append(part)
    return "MATCH " + ", ".join(parts)


def trails(graph, start, way, kind, low, high):
    """Every (edges, end) of a walk from a node that meets no edge twice."""
    found, frontier = [], [((), start)]
    for length in range(high + 1):
        if length >= low:
            found += frontier
        longer = []
        for edges, here in frontier:
            for edge in graph.edges(kind):
                if edge.id in edges:
                    continue
                if edge.source == here and way != "<-":
                    longer.append(((*edges, edge.id), edge.target))
                if edge.target == here and way != "->" and not (way == "-" and edge.source == here):
                    longer.append(((*edges, edge.id), edge.source))
        frontier = longer
    return found


def naive(graph, pattern):
    """Every assignment of nodes, tried; for each, every choice of trails that fits and meets no edge twice."""
    names = sorted({name for nodes, _ in pattern for name, _ in nodes})
    answers = Counter()
    for choice in product(list(graph.nodes()), repeat=len(names)):
        at = dict(zip(names, choice, strict=True))
        if any(label and label not in at[name].labels for nodes, _ in pattern for name, label in nodes):
            continue
        partial = [()]
        for nodes, links in pattern:
            for place, (way, kind, length) in enumerate(links):
                left, right = at[nodes[place][0]].id, at[nodes[place + 1][0]].id
                low, high = length or (1, 1)
                fits = [e for e, end in trails(graph, left, way, kind, low, high) if end == right]
                partial = [p + e for p in partial for e in fits if not set(p) & set(e)]
        if partial:
            answers[tuple(node.id for node in choice)] += len(partial)
    return names, answers


@settings(max_examples=150, deadline=None)
@given(graphs, patterns)
def test_a_match_gives_what_trying_every_assignment_gives(graph, pattern):
    names, expected = naive(graph, pattern)
    text = text_of(pattern) + " RETURN " + ", ".join(f"id({name})" for name in names)
    assert Counter(rows(text, graph)) == expected
    assert Counter(run(Head.of(graph), text)) == expected


@settings(max_examples=60, deadline=None)
@given(graphs, patterns, wheres)
def test_a_condition_pushed_into_a_match_gives_what_one_behind_it_gives(graph, pattern, where):
    names = sorted({name for nodes, _ in pattern for name, _ in nodes})
    if where is None or not {name for name in NAMES if f"{name}." in where or f"({name}" in where} <= set(
        names
    ):
        return
    if "b:A" in where and "b" not in names:
        return
    match, columns = text_of(pattern), ", ".join(f"id({name})" for name in names)
    pushed = rows(f"{match} WHERE {where} RETURN {columns}", graph)
    behind = rows(f"{match} WITH * FILTER {where} RETURN {columns}", graph)
    assert Counter(pushed) == Counter(behind)


@settings(max_examples=60, deadline=None)
@given(graphs, paths)
def test_two_matches_are_the_join_of_each(graph, path):
    one = text_of([path])
    names = sorted({name for name, _ in path[0]})
    columns = ", ".join(f"id({name})" for name in names)
    again = "MATCH " + ", ".join(f"({name})" for name in names)
    assert Counter(rows(f"{again} {one} RETURN {columns}", graph)) == Counter(
        rows(f"{one} RETURN {columns}", graph)
    )


@settings(max_examples=60, deadline=None)
@given(graphs, st.lists(vertices, min_size=2, max_size=2, unique_by=lambda v: v[0]))
def test_optional_match_keeps_every_row(graph, ends):
    (a, label), (b, _) = ends
    left = f"({a}{':' + label if label else ''})"
    kept = rows(f"MATCH {left} OPTIONAL MATCH ({a})-[:T]->({b}) RETURN id({a}), {b} IS NULL", graph)
    inner = rows(f"MATCH {left}-[:T]->({b}) RETURN id({a})", graph)
    lonely = rows(f"MATCH {left} WHERE NOT ({a})-[:T]->() RETURN id({a})", graph)
    assert Counter(id for id, missing in kept if not missing) == Counter(id for (id,) in inner)
    assert Counter(id for id, missing in kept if missing) == Counter(id for (id,) in lonely)


@settings(max_examples=60, deadline=None)
@given(graphs, st.integers(0, 6), st.integers(0, 6))
def test_the_top_rows_are_the_first_of_all_sorted(graph, skip, limit):
    ordered = "MATCH (a)-[r]->(b) RETURN id(a), a.k, id(b) ORDER BY a.k DESC, id(b), type(r)"
    every = rows(ordered, graph)
    assert rows(f"{ordered} SKIP {skip} LIMIT {limit}", graph) == every[skip : skip + limit]


@settings(max_examples=40, deadline=None)
@given(graphs, st.sampled_from(TYPES))
def test_counts_pushed_down_are_counts_of_rows(graph, label):
    assert rows(f"MATCH ()-[r:{label}]->() RETURN count(r)", graph) == [
        (len(rows(f"MATCH ()-[r:{label}]->() RETURN r", graph)),)
    ]
    assert rows("MATCH (n:A) RETURN count(*)", graph) == [(len(rows("MATCH (n:A) RETURN n", graph)),)]
    degrees = rows(f"MATCH (n) RETURN COUNT {{ (n)-[:{label}]-() }}, size([(n)-[:{label}]-(m) | m])", graph)
    assert all(pushed == counted for pushed, counted in degrees)


# --------------------------------------------------------------------------------------------- stories


STORIES = [
    ("MATCH (p:Person) RETURN p.name ORDER BY p.name", [("Ada",), ("Bob",), ("Cat",)]),
    ("MATCH (p:Person) WHERE p.age > 30 RETURN p.name", [("Ada",)]),
    ("MATCH (p:Person) RETURN count(p.age) + count(*) AS c, avg(p.age)", [(5, 30.5)]),
    ("MATCH (p)-[:LIVES_IN]->(c) RETURN c.name, collect(p.name) AS who", [("Rome", ["Ada", "Bob"])]),
    ("MATCH (p:Person) WHERE NOT (p)-[:LIVES_IN]->() RETURN p.name", [("Cat",)]),
    ("MATCH (p:Person) WHERE EXISTS { (p)-[:KNOWS]->(q) WHERE q.age < 30 } RETURN p.name", [("Ada",)]),
    ("MATCH (p:Cat) RETURN p {.name, old: p.age, .*}", [({"name": "Cat", "old": None},)]),
    ("MATCH (a {name: 'Ada'}) RETURN [(a)-[r]->(b) | type(r) + b.name] AS out", [(["KNOWSBob", "LIVES_INRome"],)]),
    ("MATCH p = (a {name: 'Ada'})-[:KNOWS*2..3]->(b) RETURN [n IN nodes(p) | n.name] AS ns", [
        (["Ada", "Bob", "Cat"],), (["Ada", "Bob", "Cat", "Ada"],), (["Ada", "Bob", "Cat", "Cat"],),
    ]),
    ("MATCH (a {name: 'Ada'}) ((x)-[:KNOWS]->(y) WHERE x.age > y.age){1,2} (b) RETURN size(x), b.name", [(1, "Bob")]),
    ("UNWIND [3, 1, 2] AS x WITH x ORDER BY x DESC LIMIT 2 RETURN collect(x) AS xs", [([3, 2],)]),
    ("UNWIND [1, 1.0, null, null] AS x RETURN DISTINCT x", [(1,), (None,)]),
    ("RETURN reduce(s = 0, x IN range(1, 4) | s + x) AS s", [(10,)]),
    ("RETURN [x IN [1, null, 3] WHERE x > 1 | x * 2] AS xs, any(x IN [null] WHERE x) AS unknown", [([6], None)]),
    ("RETURN 1 AS x UNION RETURN 1 AS x UNION RETURN 2 AS x", [(1,), (2,)]),
    ("FOR x IN [1, 2, 3] LET y = x * x FILTER y > 1 RETURN x, y", [(2, 4), (3, 9)]),
    ("MATCH (c:City) RETURN COUNT { (c)<-[:LIVES_IN]-(p) WHERE p.age > 30 } AS n", [(1,)]),
    ("MATCH (a:Person), (b:Person {age: a.age - 11}) RETURN a.name, b.name", [("Ada", "Bob")]),
    ("MATCH (a)-[r]->(a) RETURN a.name, type(r)", [("Cat", "KNOWS")]),
    ("MATCH ()-[r:LIVES_IN]->() WITH r ORDER BY id(r) LIMIT 1 MATCH (a)-[r]-(b) RETURN a.name, b.name",
     [("Ada", "Rome"), ("Rome", "Ada")]),
    ("WITH 1 AS one RETURN CASE one WHEN 1 THEN 'a' ELSE 'b' END AS c, CASE WHEN null THEN 1 END AS d", [("a", None)]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), STORIES, ids=[text for text, _ in STORIES])
def test_stories(text, expected):
    assert rows(text) == expected


def test_parameters_come_from_python():
    assert rows("MATCH (n) WHERE id(n) IN $ids RETURN n.name", ids=("bob", "nobody", 3)) == [("Bob",)]
    with pytest.raises(ParameterMissing, match="least"):
        rows("RETURN $least")


def test_an_error_says_where_in_the_text_it_arose():
    with pytest.raises(QueryTypeError) as caught:
        rows("MATCH (p:Person)\nRETURN p.name - 1")
    assert (caught.value.line, caught.value.column) == (2, 8)


def test_an_end_that_is_gone_is_an_error_with_a_place():
    edge = next(iter(FRIENDS.edges()))
    with pytest.raises(EntityNotFound) as caught:
        rows("RETURN startNode($edge) AS s", Graph(), edge=edge)
    assert caught.value.line == 1


# ------------------------------------------------------------------------------------------- procedures


def _upto(context, source, most, least=1):
    return ((number, number * number) for number in range(least, most + 1))


NUMBERS = {
    "test.upto": Procedure("test.upto", ("most", "least"), ("number", "square"), _upto, optional=1),
    "test.nothing": Procedure("test.nothing", (), (), lambda context, source: ()),
}


def called(text, **params):
    return list(run(FRIENDS, text, params=params, procedures=NUMBERS, limits=Limits(seconds=2)))


def test_a_procedure_called_alone_gives_its_fields_as_columns():
    assert run(FRIENDS, "CALL test.upto(2)", procedures=NUMBERS).columns == ("number", "square")
    assert called("CALL test.upto(2)") == [(1, 1), (2, 4)]
    assert called("CALL test.upto(2) YIELD *") == [(1, 1), (2, 4)]
    assert called("CALL test.nothing()") == []


def test_arguments_left_out_come_from_parameters_of_their_names():
    assert called("CALL test.upto", most=2, least=2) == [(2, 4)]


def test_a_procedure_within_a_query_joins_its_rows():
    assert called(
        "UNWIND [1, 2] AS n CALL test.upto(n) YIELD number AS m, square WHERE m > 1 RETURN n, m, square"
    ) == [(2, 2, 4)]
    assert called("MATCH (c:City) CALL test.nothing() RETURN c.name") == [("Rome",)]


def test_a_limit_stops_a_procedure():
    assert called("CALL test.upto(1000000000) YIELD number RETURN number LIMIT 2") == [(1,), (2,)]


def test_an_unknown_procedure_is_an_error():
    with pytest.raises(ProcedureError, match="no procedure"):
        rows("CALL test.upto(1)")


# -------------------------------------------------------------------------------------- set semantics

reaching = st.tuples(
    st.sampled_from(("->", "<-")),
    st.sampled_from((None, *TYPES)),
    st.integers(0, 1),
    st.sampled_from((None, 1, 2, 3)),
)


@settings(max_examples=100, deadline=None)
@given(graphs, reaching)
def test_what_can_be_reached_is_where_some_trail_ends(graph, link):
    way, kind, low, high = link
    inner = f"[{':' + kind if kind else ''}*{low}..{'' if high is None else high}]"
    step = {"->": f"-{inner}->", "<-": f"<-{inner}-"}[way]
    every = set(rows(f"MATCH (a){step}(b) RETURN id(a), id(b)", graph))
    for text in (
        f"MATCH (a){step}(b) RETURN DISTINCT id(a), id(b)",
        f"MATCH (a), (b) WHERE (a){step}(b) RETURN id(a), id(b)",
        f"MATCH (a), (b) WHERE EXISTS {{ (a){step}(b) }} RETURN id(a), id(b)",
    ):
        found = rows(text, graph)
        assert len(found) == len(set(found))
        assert set(found) == every
    assert rows(f"MATCH (a){step}(b) RETURN count(DISTINCT b)", graph) == [(len({b for _, b in every}),)]


def test_reaching_takes_no_longer_than_the_graph_is_large():
    nodes = {f"n{at:03}": (("N",), {}) for at in range(120)}
    diamonds = [(f"n{at:03}", kind, f"n{at + 1:03}") for at in range(119) for kind in ("T", "U")]
    ladder = graph_of(nodes, diamonds)  # 2^119 trails from end to end
    few = Limits(steps=5_000)
    ends = "(a)-[*]->(b) WHERE id(a) = 'n000'"
    assert run(ladder, f"MATCH {ends} RETURN count(DISTINCT b)", limits=few).rows == ((119,),)
    assert run(ladder, f"MATCH {ends} AND id(b) = 'n119' RETURN DISTINCT a", limits=few)
    assert run(
        ladder,
        "MATCH (a) WHERE id(a) = 'n000' AND EXISTS { (a)-[*]->(b) WHERE id(b) = 'n119' } RETURN a",
        limits=few,
    )
    assert run(
        ladder,
        "MATCH (a), (b) WHERE id(a) = 'n000' AND id(b) = 'n119' AND NOT (b)-[*]->(a) RETURN a",
        limits=few,
    )


@pytest.mark.parametrize(
    ("text", "once"),
    [
        ("MATCH (a)-[*]->(b) RETURN DISTINCT b.name", True),
        ("MATCH (a)-[*]->(b) RETURN max(b.age), count(DISTINCT a)", True),
        ("MATCH (a)-[*]->(b) WITH b RETURN DISTINCT b", True),
        ("MATCH (a)-[*]->(b) RETURN a.name UNION RETURN 'x' AS `a.name`", True),
        ("MATCH (a)-[*]->(b) RETURN b", False),
        ("MATCH (a)-[*]->(b) RETURN count(b)", False),
        ("MATCH (a)-[r*]->(b) RETURN DISTINCT b", False),
        ("MATCH p = (a)-[*]->(b) RETURN DISTINCT b", False),
        ("MATCH (a)-[*]-(b) RETURN DISTINCT b", False),
        ("MATCH (a)-[*2..]->(b) RETURN DISTINCT b", False),
        ("MATCH (a)-[*]->(b)-->(c) RETURN DISTINCT c", False),
        ("MATCH (a)-[*]->(b) WITH b LIMIT 3 RETURN DISTINCT b", False),
        ("MATCH (a)-[*]->(b) RETURN a.name UNION ALL RETURN 'x' AS `a.name`", False),
    ],
)
def test_an_end_is_found_once_only_where_nobody_asks_how_often(text, once):
    operators = [name.strip() for name, _ in run(FRIENDS, "EXPLAIN " + text)]
    assert ("Reach" in operators, "Steps" in operators) == (once, not once)


def test_a_union_in_a_subquery_counts_each_row_once():
    assert rows("RETURN COUNT { RETURN 1 AS x UNION RETURN 1 AS x } AS n") == [(1,)]
    assert rows("RETURN COUNT { RETURN 1 AS x UNION ALL RETURN 1 AS x } AS n") == [(2,)]


def test_inside_a_link_of_many_steps_its_name_is_one_relationship():
    assert rows(
        "MATCH ({name: 'Ada'})-[r:KNOWS WHERE endNode(r).age < 30]->{1,2}(b) RETURN b.name, size(r)"
    ) == [("Bob", 1)]
    assert rows(
        "MATCH (a {name: 'Ada'})-[r* WHERE type(r) = 'LIVES_IN']->(b) RETURN b.name, r[0] IS NULL"
    ) == [("Rome", False)]


@pytest.mark.parametrize(
    "pattern", ["()-->(b {name: 'b'})", "()<--(a {name: 'a'})", "()--()--(a {name: 'a'})"]
)
def test_a_path_may_start_at_a_node_without_a_name(pattern):
    edit = Graph().evolver()
    for name in "abc":
        edit.add_node(id=name, name=name)
    edit.add_edge("a", "T", "b")
    edit.add_edge("b", "T", "c")
    (row,) = run(edit.persistent(), f"MATCH p = {pattern} RETURN nodes(p) AS nodes").rows
    assert all(node is not None for node in row[0])


MIXED = [
    None, True, False, 0, 1, -1, 2**53 + 1, 2.0**53, 0.0, 1.5, float("nan"), float("inf"), "", "a", "b", "é",
    b"a", b"", [], [1], [1, None], {}, {"k": 1}, datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC),
]  # fmt: skip
"""Values of every sort that comparisons tell apart"""
OF_ALL_SORTS = Graph().replaced(
    [
        Node(f"n{number}", ("N",), {"v": value})
        for number, value in enumerate(MIXED)
        if value == value and value not in (None, float("inf"))
    ]
    + [Node("none", ("N",), {})]
)


@pytest.mark.parametrize("operator", ["=", "<>", "<", "<=", ">", ">="])
@pytest.mark.parametrize("value", MIXED, ids=repr)
def test_a_scan_that_selects_gives_what_a_condition_behind_it_gives(operator, value):
    for condition in (f"n.v {operator} $v", f"$v {operator} n.v"):
        pushed = run(OF_ALL_SORTS, f"MATCH (n:N) WHERE {condition} RETURN id(n)", params={"v": value})
        behind = run(OF_ALL_SORTS, f"MATCH (n:N) WITH n FILTER {condition} RETURN id(n)", params={"v": value})
        one = run(OF_ALL_SORTS, f"MATCH (n:N) RETURN id(n), {condition} AS holds", params={"v": value})
        assert pushed.rows == behind.rows == tuple((id,) for id, holds in one.rows if holds is True)
