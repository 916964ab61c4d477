"""Time travel: a real store, read at any of its transactions, several of them in one query."""

import contextlib
from datetime import UTC, datetime, timedelta

import pytest

from itonami.graphstore import Store
from itonami.query import ArgumentError, EntityNotFound, QueryError, QueryTypeError, run
from itonami.query.engine.source import StoreSource


@pytest.fixture
def store(tmp_path):
    """Graph `order`: placed (TX 1), paid (TX 2), shipped (TX 3, the item gone); graph `stock` at TX 4."""
    with Store.open(tmp_path / "orders.itonami") as store:
        with store.transaction("order", event="placed") as graph:
            graph.add_node("Order", id="o", state="new", total=120)
            graph.add_node("Item", id="i", sku="A-1")
            graph.add_edge("o", "HAS", "i", id="h", quantity=2)
        with store.transaction("order", event="paid") as graph:
            graph.update("o", state="paid")
        with store.transaction("order", event="shipped") as graph:
            graph.update("o", state="shipped")
            graph.remove_node("i", detach=True)
            graph.add_node("Parcel", id="p")
            graph.add_edge("o", "SENT_AS", "p")
        with store.transaction("stock", event="counted") as graph:
            graph.add_node("Item", id="i", sku="A-1", left=7)
        store.tag("order", "before", 1)
        yield store


def rows(store, text, graph="order", at=None, **params):
    return list(run(store, text, graph=graph, at=at, params=params))


STATE = "MATCH (o:Order) RETURN o.state"


@pytest.mark.parametrize(
    ("point", "state"), [(1, "new"), ("TX 2", "paid"), ("HEAD~1", "paid"), ("TAG before", "new")]
)
def test_a_query_reads_the_graph_as_it_was(store, point, state):
    assert rows(store, STATE, at=point) == [(state,)]


@pytest.mark.parametrize(
    ("point", "state"),
    [
        ("", "shipped"),
        ("AS OF TX 1", "new"),
        ("AS OF TX $tx", "paid"),
        ("AS OF HEAD", "shipped"),
        ("AS OF HEAD~2", "new"),
        ("AS OF TAG before", "new"),
        ("AS OF 'TX 2'", "paid"),
        ("AS OF $tx", "paid"),
    ],
)
def test_the_query_itself_names_graph_and_point(store, point, state):
    params = {"tx": 2} if "$tx" in point else {}
    assert rows(store, f"USE graph('order') {point} {STATE}", graph=None, **params) == [(state,)]
    assert rows(store, f"USE run('order') {point} {STATE}", graph="stock", **params) == [(state,)]
    if point:
        assert rows(store, STATE.replace(" RETURN", f" {point} RETURN"), **params) == [(state,)]


def test_a_point_may_be_a_time(store):
    paid = store.version("order", 2).time
    assert rows(store, "MATCH (o:Order) AS OF $t RETURN o.state", t=paid) == [("paid",)]
    text = "MATCH (o:Order) AS OF datetime($t) RETURN o.state"
    assert rows(store, text, t=paid.isoformat()) == [("paid",)]
    with pytest.raises(EntityNotFound):
        rows(store, "MATCH (o) AS OF $t RETURN o", t=datetime(1999, 1, 1, tzinfo=UTC))
    later = datetime.now(UTC) + timedelta(days=1)
    assert rows(store, "MATCH (o:Order) AS OF $t RETURN o.state", t=later) == [("shipped",)]


def test_two_versions_meet_in_one_query(store):
    text = """MATCH (a:Order) AS OF TX $a MATCH (b:Order) AS OF TX $b
              WHERE id(a) = id(b) AND a.state <> b.state RETURN a.state, b.state, a = b"""
    assert rows(store, text, a=1, b=3) == [("new", "shipped", True)]
    assert rows(store, text, a=2, b=2) == []


def test_nodes_that_are_gone_are_found_by_what_is_not_there(store):
    text = """MATCH (n) AS OF TX 1 OPTIONAL MATCH (m) WHERE id(m) = id(n) WITH n, m WHERE m IS NULL RETURN id(n)"""
    assert rows(store, text) == [("i",)]


def test_a_bound_node_is_followed_in_the_version_of_each_match(store):
    text = """MATCH (o:Order) AS OF TX 1 MATCH (o)-[:HAS]->(i) AS OF TX 1 MATCH (o)-[:SENT_AS]->(p)
              RETURN o.state, i.sku, id(p)"""
    assert rows(store, text) == [("new", "A-1", "p")]
    assert rows(store, "MATCH (o:Order) AS OF TX 1 MATCH (o)-[:HAS]->(i) RETURN i") == []


def test_labels_inside_a_match_are_those_of_its_version_and_values_those_bound(store):
    with store.transaction("order", event="archived") as graph:
        graph.relabel("o", add=["Archived"])
    text = "MATCH (o:Order) AS OF TX 1 MATCH (o:Archived) RETURN o.state, o:Archived"
    assert rows(store, text) == [("new", False)]


def test_a_node_that_another_version_lacks_matches_nothing_there(store):
    assert rows(store, "MATCH (i:Item) AS OF TX 1 MATCH (i) RETURN i") == []
    assert rows(store, "MATCH (i:Item) AS OF TX 1 OPTIONAL MATCH (i)-[r]-() RETURN i.sku, r") == [
        ("A-1", None)
    ]


def test_ends_of_a_relationship_are_those_of_its_version(store):
    text = "MATCH ()-[h:HAS]->() AS OF TX 1 RETURN startNode(h).state, endNode(h).sku"
    assert rows(store, text) == [("new", "A-1")]
    through = "MATCH ()-[h:HAS]->() AS OF TX 1 WITH h AS r ORDER BY id(r) RETURN startNode(r).state"
    assert rows(store, through) == [("new",)]
    grouped = "MATCH ()-[h:HAS]->() AS OF TX 1 WITH h, count(*) AS c RETURN endNode(h).sku, c"
    assert rows(store, grouped) == [("A-1", 1)]


def test_conditions_and_paths_look_into_the_version_of_their_match(store):
    text = "MATCH (o:Order) AS OF TX 1 WHERE (o)-[:HAS]->() AND NOT (o)-[:SENT_AS]->() RETURN o.state"
    assert rows(store, text) == [("new",)]
    path = "MATCH p = (o:Order)-[*1..2]->(x) AS OF TX 1 RETURN [n IN nodes(p) | coalesce(n.sku, n.state)]"
    assert rows(store, path) == [(["new", "A-1"],)]


def test_a_point_may_change_from_row_to_row(store):
    text = "UNWIND [1, 2, 3] AS tx MATCH (o:Order) AS OF TX tx RETURN tx, o.state"
    assert rows(store, text) == [(1, "new"), (2, "paid"), (3, "shipped")]
    changes = """UNWIND range(2, 3) AS tx MATCH (a) AS OF TX (tx - 1) MATCH (b) AS OF TX tx
                 WHERE id(a) = id(b) AND a.state <> b.state RETURN tx, a.state, b.state"""
    assert rows(store, changes) == [(2, "new", "paid"), (3, "paid", "shipped")]


def test_two_graphs_meet_in_one_query(store):
    union = """USE graph('order') AS OF TX 1 MATCH (i:Item) RETURN i.sku, i.left
               UNION USE graph('stock') MATCH (i:Item) RETURN i.sku, i.left"""
    assert rows(store, union, graph=None) == [("A-1", None), ("A-1", 7)]
    inner = """MATCH (i:Item) AS OF TX 1
               WHERE EXISTS { USE graph('stock') MATCH (s:Item) WHERE s.sku = i.sku AND s.left > 5 } RETURN i.sku"""
    assert rows(store, inner) == [("A-1",)]


def test_as_of_in_a_used_graph_is_a_point_of_that_graph(store):
    text = "USE graph('order') MATCH (o:Order) AS OF HEAD~1 RETURN o.state"
    assert rows(store, text, graph="stock") == [("paid",)]


def test_aggregates_of_no_rows_keep_the_graph_in_use(store):
    text = "USE graph('order') MATCH (x:Nobody) WITH count(*) AS none MATCH (o:Order) RETURN none, o.state"
    assert rows(store, text, graph=None) == [(0, "shipped")]
    assert rows(store, "USE graph('order') MATCH (o:Order) RETURN count(*)", graph="stock") == [(1,)]


def test_one_query_sees_one_moment(store):
    seen = []

    def meanwhile(context, source):
        with store.transaction("stock", event="sold") as graph:
            graph.update("i", left=6)
        seen.append(True)
        yield (1,)

    from itonami.query import Procedure

    procedures = {"test.sell": Procedure("test.sell", (), ("done",), meanwhile)}
    text = "CALL test.sell() YIELD done MATCH (i:Item) RETURN i.left"
    assert list(run(store, text, graph="stock", procedures=procedures)) == [(7,)]
    assert list(run(store, "MATCH (i:Item) RETURN i.left", graph="stock")) == [(6,)]
    assert seen


def test_what_is_not_there_is_an_error_with_its_place(store):
    for text, params in [
        ("MATCH (o) RETURN o", {"graph": None}),
        ("USE graph('nothing') MATCH (o) RETURN o", {}),
        ("MATCH (o) AS OF TAG never RETURN o", {}),
        ("MATCH (o) AS OF TX 0 RETURN o", {}),
    ]:
        with pytest.raises(EntityNotFound):
            rows(store, text, **params)
    with pytest.raises(EntityNotFound) as caught:
        rows(store, "USE graph('nothing') MATCH (o) RETURN o")
    assert caught.value.line == 1
    with pytest.raises(ArgumentError):
        rows(store, "MATCH (o) AS OF 'yesterday' RETURN o")
    with pytest.raises(QueryTypeError):
        rows(store, "MATCH (o) AS OF $x RETURN o", x=1.5)
    with pytest.raises(QueryTypeError):
        rows(store, "USE graph($x) MATCH (o) RETURN o", x=1)


def test_a_plan_at_a_point_is_shown(store):
    explained = run(store, "EXPLAIN USE run('order') AS OF TX 1 MATCH (o:Order) RETURN o")
    assert [name for name, _ in explained] == ["Use", "Match"]
    profiled = run(store, "PROFILE USE run('order') AS OF TX 1 MATCH (o:Order) RETURN o")
    assert [name.strip() for name, *_ in profiled] == ["Use", "Match", "Scan"]


@pytest.mark.parametrize("point", ["HEAD~1", "TX 999999", "datetime('2090-01-01T00:00:00Z')", "'HEAD~1'"])
def test_all_moments_of_a_query_are_told_from_the_transaction_it_began_after(tmp_path, point):
    """Somebody commits between two looks of one query: the second look does not see it."""
    with Store.open(tmp_path / "s") as store:
        for v in range(3):
            store.transact("g", lambda graph, v=v: put(graph, v), event="put")
        source = StoreSource(store, "g")
        before = source.graph(None, store_point(point)).node("a")["v"]
        store.transact("g", lambda graph: put(graph, 99), event="put")
        assert source.graph(None, store_point(point)).node("a")["v"] == before


def put(graph, v):
    if "a" in {node.id for node in graph.nodes()}:
        graph.update("a", v=v)
    else:
        graph.add_node("A", id="a", v=v)


def store_point(text):
    return datetime(2090, 1, 1, tzinfo=UTC) if text.startswith("datetime") else text.strip("'")


def test_a_relationship_of_another_version_is_found_only_between_the_nodes_it_was_between(tmp_path):
    with Store.open(tmp_path / "s") as store:
        with store.transaction("g", event="one") as graph:
            for id in "abcd":
                graph.add_node(id=id)
            graph.add_edge("a", "T", "b", id="e1")
            graph.add_edge("b", "T", "c", id="e2")
        with store.transaction("g", event="two") as graph:
            graph.remove_edge("e1")
            graph.remove_edge("e2")
            graph.add_edge("d", "T", "b", id="e2")
        for text in (
            "MATCH ()-[r]->() AS OF TX 1 MATCH (a)-[r]->(b) RETURN id(a), id(b)",
            "MATCH (a)-[rs:T*2]->(b) AS OF TX 1 MATCH (c)-[rs*2]->(d) RETURN id(c), id(d)",
            "MATCH (a)-[rs:T*2]->(b) AS OF TX 1 MATCH p = (c)-[rs*2]->(d) RETURN p",
        ):
            assert run(store, text, graph="g").rows == ()


@pytest.mark.parametrize(
    "text",
    [
        "MATCH (n) AS OF datetime({year: 99999}) RETURN n",
        "CALL itonami.log(datetime({year: -5}))",
        "CALL itonami.runs({store: 1})",
        "WITH $x AS n RETURN COUNT { (n)-->() } AS c",
        "CALL itonami.log(-2)",
    ],
)
def test_what_no_store_takes_is_a_query_error_or_nothing(tmp_path, text):
    with Store.open(tmp_path / "s") as store:
        with store.transaction("g", event="one") as graph:
            graph.add_node(id="a")
        with contextlib.suppress(QueryError):
            assert run(store, text, graph="g", params={"x": 1}).rows == ()


CARRIED = {
    "by its name": "WITH x",
    "by another name": "WITH x AS y WITH y AS x",
    "in a list": "WITH collect(x) AS l UNWIND l AS x",
    "in a list's place": "WITH [x] AS l WITH l[0] AS x",
    "in a map": "WITH {it: x} AS m LET x = m.it",
    "through an expression": "WITH coalesce(null, x) AS x",
    "through a FOR": "WITH collect(x) AS l FOR x IN l",
    "as a parameter": None,
}
"""How an element gets from one MATCH to another"""


def _carried(store, how, find, text):
    """Rows of `text`, in which x is what `find` matches, carried there."""
    if CARRIED[how] is None:
        ((x,),) = rows(store, f"{find} RETURN x")
        return rows(store, f"WITH $x AS x {text}", x=x)
    return rows(store, f"{find} {CARRIED[how]} {text}")


@pytest.mark.parametrize("how", CARRIED)
def test_a_node_of_another_version_is_looked_for_however_it_comes(store, how):
    new = "MATCH (x:Order) AS OF TX 1"
    assert _carried(store, how, new, "MATCH (x)-[r]->(y) RETURN type(r), id(y)") == [("SENT_AS", "p")]
    assert _carried(store, how, new, "MATCH (x)-[*0..0]->(y) RETURN y.state, x.state") == [("shipped", "new")]
    assert _carried(store, how, new, "MATCH (x {state: 'shipped'}) RETURN id(x)") == [("o",)]
    gone = "MATCH (x:Item) AS OF TX 1"
    assert _carried(store, how, gone, "MATCH (x) RETURN id(x)") == []
    assert _carried(store, how, gone, "MATCH p = (x)-[*0..2]-() RETURN p") == []
    assert _carried(store, how, gone, "OPTIONAL MATCH (x)--(y) RETURN id(x), y") == [("i", None)]
    assert _carried(store, how, gone, "RETURN EXISTS { (x)--() }, COUNT { (x)--() }") == [(False, 0)]
    assert _carried(store, how, gone, "RETURN [(x)--(y) | id(y)], any(z IN [x] WHERE (z)--())") == [
        ([], False)
    ]


@pytest.mark.parametrize("how", CARRIED)
def test_a_relationship_of_another_version_is_looked_for_however_it_comes(store, how):
    gone = "MATCH ()-[x]->() AS OF TX 1"
    assert _carried(store, how, gone, "MATCH (a)-[x]->(b) RETURN id(a), id(b)") == []
    assert _carried(store, how, gone, "MATCH (a)-[x]-(b) AS OF TX 2 RETURN id(a), id(b) ORDER BY id(a)") == [
        ("i", "o"),
        ("o", "i"),
    ]
    assert _carried(store, how, gone, "WITH [x] AS l MATCH (a)-[l*]->(b) RETURN id(a)") == []


def test_inside_a_match_a_relationship_is_that_of_its_version_as_a_node_is(store):
    with store.transaction("stock", event="linked") as graph:
        graph.add_edge("i", "NEXT", "i", id="e", w=1)
    with store.transaction("stock", event="weighed") as graph:
        graph.update("e", w=2)
    bound = "MATCH ()-[r:NEXT]->() AS OF HEAD~1"
    for how in ("", "WITH collect(r) AS l UNWIND l AS r"):
        assert rows(store, f"{bound} {how} MATCH ()-[r {{w: 2}}]->() RETURN r.w", "stock") == [(1,)]
        assert rows(store, f"{bound} {how} MATCH ()-[r {{w: 1}}]->() RETURN r.w", "stock") == []
        assert rows(
            store, f"{bound} {how} MATCH p = ()-[r]->() RETURN [x IN relationships(p) | x.w]", "stock"
        ) == [([2],)]
        assert rows(store, f"{bound} {how} MATCH ()-[r]->() WHERE r.w = 1 RETURN r.w", "stock") == [(1,)]
