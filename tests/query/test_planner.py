"""The planner: where a match starts, how it goes on, what EXPLAIN and PROFILE say of it."""

import pytest

from itonami.graphstore import Graph
from itonami.query import run


def village(people=30, kings=2):
    evolver = Graph().evolver()
    for number in range(people):
        evolver.add_node("Person", *(["King"] if number < kings else []), id=f"p{number:02}", age=number)
    evolver.add_node("Castle", id="castle")
    for number in range(people):
        evolver.add_edge(f"p{number:02}", "KNOWS", f"p{(number + 1) % people:02}")
    for number in range(kings):
        evolver.add_edge(f"p{number:02}", "OWNS", "castle")
    return evolver.persistent()


VILLAGE = village()


def operators(text, graph=VILLAGE, **params):
    return [name.strip() for name, _ in run(graph, "EXPLAIN " + text, params=params)]


def details(text, **params):
    return [detail for _, detail in run(VILLAGE, "EXPLAIN " + text, params=params)]


def profiled(text):
    """operator -> (rows, steps)"""
    return {name.strip(): (rows, steps) for name, _, rows, steps in run(VILLAGE, "PROFILE " + text)}


def test_a_match_starts_at_the_rarest_label():
    assert "(c:Castle), 1 node" in details("MATCH (p:Person)-[:OWNS]->(c:Castle) RETURN p")
    assert "(p:King), 2 nodes" in details("MATCH (p:Person:King)-[:KNOWS]->(q:Person) RETURN q")
    assert "(q:King), 2 nodes" in details("MATCH (p:Person)-[:KNOWS]->(q) WHERE q:King RETURN p")


def test_a_match_starts_at_an_id_before_any_label():
    for condition in ("id(p) = 'p07'", "'p07' = id(p)", "elementId(p) = $id", "id(p) IN ['p07']"):
        found = operators(f"MATCH (c:Castle), (p:Person) WHERE {condition} RETURN p", id="p07")
        assert found.index("ById" if "=" in condition else "ByIds") < found.index("Scan")


def test_a_look_up_by_id_derives_no_index():
    graph = village()
    assert run(graph, "MATCH (p)-[:KNOWS]->(q) WHERE id(p) = 'p07' RETURN q.age").rows == ((8,),)
    assert graph._lookup is None


def test_a_bound_vertex_is_where_the_next_match_starts():
    assert operators("MATCH (c:Castle) MATCH (p:Person)-[:OWNS]->(c) RETURN p") == [
        "Match", "Scan", "Match", "Bound", "Walk", "Filter",
    ]  # fmt: skip


def test_rare_types_are_walked_before_frequent_ones():
    found = details("MATCH (q)<-[:KNOWS]-(p:King)-[:OWNS]->(c) RETURN q, c")
    assert found.index("(p)-[:OWNS]->(c)") < found.index("(p)-[:KNOWS]->(q)")


def test_a_cycle_is_closed_between_bound_ends():
    assert operators("MATCH (a:King)-[:KNOWS]->(b)-[:KNOWS]->(a) RETURN a")[1:] == ["Scan", "Walk", "Across"]


def test_conditions_are_asked_as_early_as_their_names_are_bound():
    text = "MATCH (p:King)-[:KNOWS]->(q)-[:KNOWS]->(r) WHERE p.age = 0 AND r.age > q.age AND $yes RETURN r"
    assert operators(text, yes=True)[1:] == ["Filter", "Scan", "Walk", "Walk", "Filter"]
    assert "(p:King), 2 nodes, p.age = 0" in details(text, yes=True)


def test_a_value_that_changes_from_row_to_row_is_looked_up_in_an_index():
    text = "MATCH (a:King) MATCH (b:Person {age: a.age + 1}) RETURN b.age"
    assert "ByValue" in operators(text)
    assert run(VILLAGE, text).rows == ((1,), (2,))
    assert profiled(text)["ByValue"] == (2, 30 + 2 + 2)  # the index, the rows, what is found
    assert "ByValue" not in operators("MATCH (b:Person {age: 3}) RETURN b")


def test_existence_stops_at_the_first():
    assert profiled("MATCH (c:Castle) WHERE (c)<-[:OWNS]-() RETURN c")["Filter"][0] == 1
    hub = Graph().evolver()
    hub.add_node("Hub", id="hub")
    for number in range(2_000):
        hub.add_node(id=f"n{number}")
        hub.add_edge("hub", "T", f"n{number}")
    counted = run(hub.persistent(), "PROFILE MATCH (h:Hub) WHERE EXISTS { (h)-->(x) } RETURN h")
    assert sum(steps for _, _, _, steps in counted) < 20


def test_a_limit_stops_the_match():
    assert profiled("MATCH (p:Person)-[:KNOWS]->(q) RETURN q LIMIT 3")["Scan"] == (3, 3)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("MATCH (n) RETURN count(*)", 31),
        ("MATCH (n:Person) RETURN count(n) AS c", 30),
        ("MATCH ()-[r:OWNS]->() RETURN count(r)", 2),
        ("MATCH ()<-[r:OWNS|KNOWS]-() RETURN count(*)", 32),
        ("MATCH (n:Nobody) RETURN count(n)", 0),
    ],
)
def test_counts_of_whole_buckets_are_not_matched(text, count):
    assert run(VILLAGE, text).rows == ((count,),)
    assert {"CountNodes", "CountEdges"} & set(operators(text))


@pytest.mark.parametrize(
    "text",
    [
        "MATCH (n:Person {age: 1}) RETURN count(n)",
        "MATCH (n:Person) RETURN count(DISTINCT n)",
        "MATCH (n:Person) RETURN count(n.age)",
        "MATCH ()-[r:OWNS]-() RETURN count(r)",
        "MATCH (n)-[r:OWNS]->(n) RETURN count(r)",
    ],
)
def test_other_counts_are(text):
    assert "Match" in operators(text)


def test_explain_runs_nothing_and_shows_a_plan():
    result = run(VILLAGE, "EXPLAIN MATCH (k:King)-[:KNOWS]->(q) RETURN q.age / 0 AS boom ORDER BY boom")
    assert result.columns == ("operator", "detail")
    assert str(result).splitlines() == [
        "operator  detail",
        "Match",
        "  Scan    (k:King), 2 nodes",
        "  Walk    (k)-[:KNOWS]->(q)",
        "Project   boom",
        "Sort      1 key",
    ]


def test_profile_counts_rows_and_steps():
    result = run(VILLAGE, "PROFILE MATCH (k:King)-[:KNOWS]->(q) WHERE q.age > 1 RETURN q.age")
    assert result.columns == ("operator", "detail", "rows", "steps")
    assert {name.strip(): (rows, steps) for name, _, rows, steps in result} == {
        "Match": (1, 0), "Scan": (2, 2), "Walk": (2, 2), "Filter": (1, 0), "Project": (1, 1),
    }  # fmt: skip
    assert "rows" in str(result)


def test_a_union_shows_its_parts():
    assert operators("RETURN 1 AS x UNION RETURN 2 AS x") == ["Project", "Union", "Project"]
