"""Limits: hostile queries end, soon, with an error that names the limit; honest ones never notice."""

import time
import tracemalloc

import pytest

from itonami.graphstore import Graph, Node
from itonami.query import ArgumentError, Limits, run
from itonami.query import LimitExceeded as Exceeded
from itonami.query.engine.limits import Meter, weight


def complete(size):
    """Every node linked to every other."""
    evolver = Graph().evolver()
    for number in range(size):
        evolver.add_node("N", id=f"n{number:03}", k=number)
    for a in range(size):
        for b in range(size):
            if a != b:
                evolver.add_edge(f"n{a:03}", "T", f"n{b:03}")
    return evolver.persistent()


DENSE = complete(12)

HOSTILE = [
    ("MATCH (a), (b), (c), (d), (e), (f), (g), (h), (i) RETURN count(*)", "seconds"),
    ("MATCH (a)-[*]->(b) RETURN count(*)", "seconds"),
    ("MATCH ((a)-[:T]->(b))+ RETURN count(*)", "seconds"),
    ("UNWIND range(1, 1000000000) AS x UNWIND range(1, 1000000000) AS y RETURN count(*)", "seconds"),
    ("UNWIND range(1, 1000000000) AS x RETURN max(x)", "seconds"),
    ("RETURN [x IN range(1, 900000) | [y IN range(1, 900000) | x * y]] AS xs", "values"),
    (
        "MATCH (a) WHERE all(x IN range(1, 9000) WHERE any(y IN range(1, 9001) WHERE y > x)) RETURN a",
        "seconds",
    ),
    ("UNWIND range(1, 1000000000) AS x RETURN x", "rows"),
    ("UNWIND range(1, 1000000000) AS x RETURN collect(x)", "values"),
    ("UNWIND range(1, 1000000000) AS x RETURN DISTINCT x", "rows"),
    ("UNWIND range(1, 1000000000) AS x WITH DISTINCT x RETURN count(*)", "values"),
    ("UNWIND range(1, 1000000000) AS x WITH x ORDER BY -x RETURN count(*)", "values"),
    ("UNWIND range(1, 1000000000) AS x RETURN x % 100000000, count(*)", "values"),
    ("UNWIND range(1, 1000000000) AS x RETURN count(DISTINCT x)", "values"),
    (
        "UNWIND range(1, 1000) AS x UNWIND range(1, 1000) AS y RETURN collect([x, y, range(1, 1000)])",
        "values",
    ),
    ("RETURN reduce(s = 'x', i IN range(1, 100) | s + s) AS s", "values"),
    ("RETURN reduce(s = [1], i IN range(1, 100) | s + s) AS s", "values"),
    ("RETURN range(1, 1000000000) AS xs", "1,000,000"),
    ("MATCH (a) RETURN [p = (a)-[*]->() | nodes(p)] AS xs", "values"),
]


@pytest.mark.parametrize(("text", "limit"), HOSTILE, ids=[text for text, _ in HOSTILE])
def test_hostile_queries_end_within_their_limits(text, limit):
    start = time.monotonic()
    with pytest.raises(Exceeded) as caught:
        run(DENSE, text, limits=Limits(seconds=1.0, rows=5_000, values=25_000))
    assert time.monotonic() - start < 4
    assert limit in str(caught.value)


def test_an_error_says_how_to_raise_the_limit():
    with pytest.raises(Exceeded, match=r"more than 10 rows; .* Limits\(rows="):
        run(DENSE, "MATCH (a), (b) RETURN a", limits=Limits(rows=10))
    with pytest.raises(Exceeded, match=r"more than 10 steps; .* Limits\(steps="):
        run(DENSE, "MATCH (a), (b) RETURN a", limits=Limits(steps=10))


def test_what_is_no_longer_held_is_no_longer_counted():
    text = "UNWIND range(1, 200) AS x RETURN sum(size([y IN range(1, 300) | y])) AS s"
    assert run(DENSE, text, limits=Limits(values=1_000)).rows == ((60_000,),)
    each = "UNWIND range(1, 50) AS x RETURN max(COUNT { UNWIND range(1, 60) AS y WITH DISTINCT y RETURN y }) AS m"
    assert run(DENSE, each, limits=Limits(values=200)).rows == ((60,),)


def test_a_top_holds_little_more_than_it_gives():
    text = "UNWIND range(1, 20000) AS x RETURN x ORDER BY x DESC LIMIT 3"
    assert run(DENSE, text, limits=Limits(values=8_000)).rows == ((20_000,), (19_999,), (19_998,))


def test_expressions_as_deep_as_the_parser_lets_through_run():
    depth = 60
    assert run(DENSE, "RETURN " + "(" * depth + "1" + " + 1)" * depth + " AS x").rows == ((depth + 1,),)
    assert run(DENSE, "RETURN " + "NOT " * 50 + "true AS x").rows == ((True,),)
    nested = "MATCH (a) WHERE id(a) = 'n000' AND EXISTS { " * 6 + "MATCH (a)" + " }" * 6
    assert run(DENSE, "MATCH (a) WHERE EXISTS { " + nested + " } RETURN count(a)").rows == ((1,),)


def test_a_chain_of_clauses_runs_or_says_that_it_is_too_long():
    assert run(DENSE, "MATCH (a:N {k: 1}) " + "MATCH (a) " * 50 + "RETURN a.k").rows == ((1,),)
    with pytest.raises(Exceeded, match="too many clauses"):
        run(DENSE, "MATCH (a) " * 1_500 + "RETURN count(*)")


def test_an_operator_that_is_stopped_early_lets_go_of_what_it_held():
    inner = "EXISTS { UNWIND range(1, 9) AS y WITH DISTINCT y LIMIT 5 RETURN y }"
    text = f"UNWIND range(1, 500) AS x RETURN sum(CASE WHEN {inner} THEN 1 END) AS s"
    assert run(DENSE, text, limits=Limits(values=100)).rows == ((500,),)


def test_limits_are_positive_numbers():
    for wrong in (0, -1, True, "many", float("nan")):
        with pytest.raises(ArgumentError):
            Limits(rows=wrong)


def test_the_clock_is_asked_every_thousand_steps():
    moments = iter(range(1_000))
    meter = Meter(Limits(seconds=2.5), clock=lambda: next(moments))
    with pytest.raises(Exceeded, match="longer than 2\\.5 s"):
        for _ in range(10_000):
            meter.step()
    assert meter.steps == 3_000


def test_a_value_weighs_its_parts():
    assert [weight(value, 100) for value in (None, 7, "short", "x" * 80, [1, [2]], {"a": [1, 2]})] == [
        1,
        1,
        1,
        11,
        4,
        4,
    ]


@pytest.mark.parametrize("condition", ["$big CONTAINS $needle", "$big =~ '(a*)*b'", "toUpper($big) = 'x'"])
def test_the_clock_is_looked_at_while_long_texts_are_gone_through(condition):
    query = f"UNWIND range(1, 1000000) AS i WITH i WHERE {condition} RETURN count(*)"
    params = {"big": "a" * 4_000_000, "needle": "a" * 100 + "b"}
    began = time.monotonic()
    with pytest.raises(Exceeded):
        run(Graph(), query, params=params, limits=Limits(seconds=0.5))
    assert time.monotonic() - began < 5


N = 20_000
HELD = {
    "groups": f"UNWIND range(1, {N}) AS x WITH x, count(*) AS c RETURN sum(c)",
    "groups of three keys": f"""UNWIND range(1, {N}) AS x
        WITH x, x + 1.5 AS y, toString(x) AS z, count(*) AS c, sum(x) AS s, avg(x) AS a RETURN sum(c)""",
    "groups that keep": f"""UNWIND range(1, {N}) AS x
        WITH x, stDev(x) AS d, count(DISTINCT x) AS c, collect(x) AS l RETURN sum(c)""",
    "a list": f"UNWIND range(1, {N}) AS x RETURN size(collect(DISTINCT x))",
    "a list of maps": f"UNWIND range(1, {N}) AS x RETURN size(collect({{a: x, b: [x]}}))",
    "an order": f"UNWIND range(1, {N}) AS x WITH x ORDER BY x * 7 % 1000 RETURN count(x)",
    "an order by three keys": f"""UNWIND range(1, {N}) AS x WITH x, x + 1 AS y, toString(x) AS z
        ORDER BY x * 7 % 1000, y, z RETURN count(x)""",
    "an order by lists": f"UNWIND range(1, {N}) AS x WITH x ORDER BY [x, x + 1, x + 2] RETURN count(x)",
    "the first of an order": f"UNWIND range(1, {N}) AS x WITH x ORDER BY -x LIMIT {N // 2} RETURN count(x)",
    "what is distinct": f"UNWIND range(1, {N}) AS x WITH DISTINCT x * 3 AS x, toString(x) AS y RETURN count(x)",
    "a union": f"UNWIND range(1, {N}) AS x RETURN x UNION UNWIND range(1, {N}) AS x RETURN x + 5 AS x",
    "the rows": f"UNWIND range(1, {N}) AS x RETURN x, toString(x), [x, x]",
    "a comprehension": f"RETURN size([x IN range(1, {N}) | {{a: x}}])",
}
"""What a query may hold very many of"""


@pytest.mark.parametrize("what", HELD)
def test_a_value_that_is_counted_stands_for_less_than_a_hundred_bytes(what, monkeypatch):
    peak = 0
    hold, make = Meter.hold, Meter.make

    def watched(count):
        def counting(meter, values):
            nonlocal peak
            count(meter, values)
            peak = max(peak, meter.held + meter.made)

        return counting

    monkeypatch.setattr(Meter, "hold", watched(hold))
    monkeypatch.setattr(Meter, "make", watched(make))
    run(Graph(), HELD[what])
    tracemalloc.start()
    try:
        run(Graph(), HELD[what])
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most / peak < 100


@pytest.mark.parametrize("what", HELD)
def test_whatever_is_held_ends_at_the_limit_of_values(what):
    with pytest.raises(Exceeded, match="values"):
        run(Graph(), HELD[what], limits=Limits(values=N - 1))


def test_the_time_of_compiling_counts():
    text = "RETURN " + ", ".join(f"{n} AS c{n}" for n in range(12_000))
    with pytest.raises(Exceeded, match=r"longer than 0\.01 s"):
        run(DENSE, text, limits=Limits(seconds=0.01))


def _nested(start, step, end, depth):
    text = start
    for level in range(depth):
        text = step.replace("@", text).replace("#", str(level))
    return end.replace("@", text)


NESTS = {
    "a comparison": ("1", "COUNT { MATCH (n) WHERE n.k = @ }", "MATCH (a) RETURN @ AS x"),
    "both sides": ("1", "COUNT { MATCH (n) WHERE @ = 1 }", "MATCH (a) RETURN @ AS x"),
    "an inline map": ("true", "EXISTS { (n {x: @}) }", "RETURN @ AS x"),
    "IN": ("1", "COUNT { MATCH (n) WHERE n.k IN [@] }", "RETURN @ AS x"),
    "OPTIONAL MATCH": ("1", "COUNT { OPTIONAL MATCH (n) WHERE @ = n.k RETURN n }", "RETURN @ AS x"),
    "rounds": ("1", "COUNT { ((a#)-->(b#) WHERE @ = 1){1,1} }", "RETURN @ AS x"),
    "range": ("1", "COUNT { UNWIND range(1, @) AS x RETURN x }", "RETURN @ AS x"),
    "a chain": ("1", "CASE WHEN 0 < @ < 2 THEN 1 END", "RETURN @ AS x"),
    "a comprehension": ("1", "size([(a)-->(b) WHERE a.k = @ | b])", "MATCH (a) RETURN @ AS x"),
}
"""Something in itself, by what it stands in"""


@pytest.mark.parametrize("what", NESTS)
def test_compiling_and_running_take_no_longer_than_the_text_does(what):
    deepest = None
    for depth in range(1, 40):
        began = time.process_time()
        try:
            run(Graph(), _nested(*NESTS[what], depth))
        except Exceeded:
            break
        deepest = depth
        assert time.process_time() - began < 1.0
    assert deepest >= 10


@pytest.mark.parametrize("condition", ["n.v = $p", "$p <= n.v", "n.v < $text"])
def test_scans_that_compare_what_is_long_are_counted(condition):
    long = list(range(20_000))
    graph = Graph().replaced([Node(f"n{k}", ("N",), {"v": long, "t": "x" * 10}) for k in range(300)])
    params = {"p": long, "text": "x" * 100_000}
    if "text" in condition:
        graph = Graph().replaced([Node(f"n{k}", ("N",), {"v": "x" * 100_000}) for k in range(300)])
    with pytest.raises(Exceeded, match="steps"):
        run(
            graph,
            f"MATCH (n:N) WHERE {condition} RETURN count(*)",
            params=params,
            limits=Limits(steps=100_000),
        )


def test_a_path_counts_for_what_is_on_it():
    chain = "MATCH p = (a {k: 0})-[*11..11]->() RETURN count(p), collect(p)"
    with pytest.raises(Exceeded, match="values"):
        run(DENSE, chain, limits=Limits(values=20_000))
