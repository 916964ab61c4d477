"""Hostile and random queries: each ends in a result or a `QueryError`, in time; the store stays as it was.

Hostile ones run in a process of their own with little memory, so that one which kills it is told by name. Random ones
are sentences of a grammar over a graph of all types of values: about every second gets past the checker, and runs.

    pytest tests/query/test_fuzz.py --soak      ten minutes of sentences, each told by its seed

Reference: G. Dewar's "grammar-based fuzzing" as in C. Holler et al., Fuzzing with Code Fragments, USENIX Security 2012.
"""

import faulthandler
import hashlib
import multiprocessing
import re
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from itonami.graphstore import Store
from itonami.query import Limits, QueryError, run
from itonami.query.functions import AGGREGATES, FUNCTIONS
from itonami.query.temporal import Duration

LIMITS = Limits(seconds=0.5, rows=20_000, values=200_000)
SLACK_S = 5.0  # compiling has no limit of its own: the longest texts take two seconds
"""What one step may take, and a slow machine, beyond `LIMITS.seconds` of processor time"""
MEMORY = 2 << 30
"""Bytes of address space that a hostile query may make its process grow by"""
INT_MAX = (1 << 63) - 1

PARAMS = {
    "null": None,
    "yes": True,
    "zero": 0,
    "one": 1,
    "least": -INT_MAX - 1,
    "most": INT_MAX,
    "half": 0.5,
    "nan": float("nan"),
    "infinite": float("inf"),
    "text": "text",
    "empty": "",
    "odd": "\0é\U0001f600e\u0301\u202e'\"\\%",
    "bytes": b"\xff\x00",
    "moment": datetime(2024, 2, 29, 23, 59, 59, 999_999, UTC),
    "day": datetime(2000, 12, 31, tzinfo=UTC).date(),
    "span": Duration(months=-1, nanos=1),
    "list": [3, None, 1.5, "a", [True, float("nan")]],
    "nothing": [],
    "map": {"k": 1, "deep": {"k": [None, {"k": "v"}]}, "": 0},
}
UNSTORED = ("day", "span", "nan", "infinite", "list")


def fill(store):
    """Versions of a small dense graph with values of every type, loops and parallel edges."""
    storable = [PARAMS[name] for name in PARAMS if name not in UNSTORED] + [10**400, [1, [None, {"k": 1.5}]]]
    with store.transaction("g", event="made") as evolver:
        for number in range(8):
            labels = ("A", "B", "C")[: number % 4]
            evolver.add_node(*labels, id=f"n{number}", k=storable[number], j=storable[-number], n=number)
        for number in range(24):
            ends = f"n{number % 8}", f"n{number * 3 % 8}"
            evolver.add_edge(
                ends[0], "TU"[number % 2], ends[1], id=f"e{number}", k=storable[number % len(storable)]
            )
    for number in range(5):
        with store.transaction("g", event="changed") as evolver:
            evolver.update(f"n{number}", n=-number, v=f"version {number}")


# -- hostile queries -------------------------------------------------------------------------------------------


def nested(depth, before, inside, after):
    return before * depth + inside + after * depth


MANY = 100_000
ALL = ", ".join(f"(v{number})" for number in range(12))
HOSTILE = {
    "cross product": f"MATCH {ALL} RETURN count(*)",
    "cross product held": f"MATCH {ALL} RETURN collect(v0)",
    "cross product sorted": f"MATCH {ALL} RETURN v0 ORDER BY v1.k, v2.k",
    "cross product of labels": "MATCH (a:A), (b:B), (c:C), (d:A), (e:B), (f), (g), (h), (i) WHERE a.n > 99 RETURN 1",
    "cross product of optionals": "MATCH (a) "
    + "OPTIONAL MATCH (a)--(b) WITH a AS a " * 40
    + "RETURN count(*)",
    "cross product by UNWIND": "".join(f"UNWIND range(1, 99) AS x{n} " for n in range(30))
    + "RETURN count(*)",
    "cartesian subquery": f"MATCH (a) WHERE EXISTS {{ MATCH {ALL} WHERE v0.n = 99 }} RETURN a",
    "counted subquery": f"RETURN COUNT {{ MATCH {ALL} }} AS n",
    "all trails": "MATCH (a)-[*]-(b) RETURN count(*)",
    "all trails as paths": "MATCH p = (a)-[*]->() RETURN collect(p)",
    "trails of trails": "MATCH (a)-[*]-(b)-[*]-(c) RETURN a",
    "trails that must not match": "MATCH p = (a)-[*]-(b) WHERE a.n = 99 + length(p) RETURN p",
    "quantified trails": "MATCH ((a)-[:T]-(b))+ ((c)-[:U]-(d))* RETURN count(*)",
    "quantified nothing": "MATCH ((a)){1,} RETURN a",
    "huge least length": "MATCH (a)-[*9999999..]->(b) RETURN a",
    "huge length": f"MATCH (a)-[*{INT_MAX}..{INT_MAX}]->(b) RETURN a",
    "pattern comprehension": "MATCH (a) RETURN [p = (a)-[*]-() | [q = (a)-[*]-() | length(q)]] AS xs",
    "huge range": f"RETURN range(0, {INT_MAX}) AS xs",
    "huge range down": f"UNWIND range({INT_MAX}, -{INT_MAX}, -1) AS x RETURN count(x)",
    "range without step": "RETURN range(0, 10, 0) AS xs",
    "range within range": "RETURN [x IN range(1, 999999) | range(1, 999999)] AS xs",
    "range of ranges": "UNWIND [x IN range(1, 9999) | range(1, x)] AS xs UNWIND xs AS x RETURN sum(x)",
    "comprehensions": nested(12, "[x IN range(1, 99) | ", "x", "]").join(("RETURN ", " AS xs")),
    "quantifiers": nested(12, "all(x IN range(1, 99) WHERE ", "x > 0", ")").join(("RETURN ", " AS xs")),
    "reduces": nested(12, "reduce(s = 0, x IN range(1, 99) | s + ", "x", ")").join(("RETURN ", " AS xs")),
    "list doubled": "RETURN reduce(s = [1], i IN range(1, 64) | s + s) AS s",
    "list doubled in itself": "RETURN reduce(s = [1], i IN range(1, 64) | [s, s]) AS s",
    "list deepened": "RETURN reduce(s = [1], i IN range(1, 100000) | [s]) AS s",
    "list deepened and compared": "WITH reduce(s = [1], i IN range(1, 100000) | [s]) AS s RETURN s = s, s < s",
    "list deepened and grouped": "WITH reduce(s = [1], i IN range(1, 100000) | [s]) AS s RETURN DISTINCT s",
    "list deepened and sorted": "UNWIND [1, 2] AS x WITH reduce(s = [x], i IN range(1, 99999) | [s]) AS s "
    "RETURN s ORDER BY s",
    "list deepened and written": "RETURN toString(reduce(s = [1], i IN range(1, 100000) | [s])) AS s",
    "list deepened and typed": "RETURN valueType(reduce(s = [1], i IN range(1, 100000) | [s])) AS s",
    "list deepened and held": "WITH reduce(s = [1], i IN range(1, 100000) | [s]) AS s RETURN collect(s)",
    "list deepened and searched": "WITH reduce(s = [1], i IN range(1, 100000) | [s]) AS s RETURN s IN [s]",
    "list deepened and joined": "WITH reduce(s = [1], i IN range(1, 100000) | [s]) AS s MATCH (a {k: s}) RETURN a",
    "list doubled and compared": "WITH reduce(s = [1], i IN range(1, 17) | [s, s]) AS s "
    "UNWIND range(1, 999) AS x RETURN count(s = s)",
    "map deepened": "RETURN reduce(m = {}, i IN range(1, 100000) | {m: m}) AS m",
    "map doubled": "RETURN reduce(m = {}, i IN range(1, 64) | {a: m, b: m}) AS m",
    "map doubled and compared": "WITH reduce(m = {}, i IN range(1, 40) | {a: m, b: m}) AS m RETURN m = m",
    "text doubled": "RETURN reduce(s = 'x', i IN range(1, 64) | s + s) AS s",
    "text replaced": "RETURN reduce(s = 'xx', i IN range(1, 64) | replace(s, 'x', s)) AS s",
    "text replaced at nothing": "RETURN reduce(s = 'xx', i IN range(1, 64) | replace(s, '', s)) AS s",
    "text split at nothing": "RETURN split(reduce(s = 'x', i IN range(1, 22) | s + s), '') AS s",
    "text in lists": "RETURN [x IN range(1, 99999) | reduce(s = 'x', i IN range(1, 20) | s + s)] AS s",
    "text joined in rows": "UNWIND range(1, 9999) AS x RETURN collect(reduce(s = 'x', i IN range(1, 20) | s + s))",
    "text normalized": "RETURN normalize(reduce(s = '\\ufdfa', i IN range(1, 22) | s + s), 'NFKD') AS s",
    "text made upper": "RETURN toUpper(reduce(s = '\\u0390', i IN range(1, 23) | s + s)) AS s",
    "text to number": "RETURN toInteger(reduce(s = '9', i IN range(1, 22) | s + s)) AS s",
    "text to float": "RETURN toFloat(reduce(s = '9', i IN range(1, 22) | s + s)) AS s",
    "text to date": "RETURN date(reduce(s = '9', i IN range(1, 22) | s + s)) AS s",
    "text to duration": "RETURN duration('P' + reduce(s = '9', i IN range(1, 22) | s + s) + 'Y') AS s",
    "text trimmed": "WITH reduce(s = ' ', i IN range(1, 22) | s + s) AS s UNWIND range(1, 99) AS x RETURN trim(s)",
    "regular expression": "RETURN reduce(s = 'a', i IN range(1, 20) | s + s) + '!' =~ '(a+)+' AS s",
    "regular expression of choices": "RETURN reduce(s = 'a', i IN range(1, 20) | s + s) =~ '(a|aa|a?)*b' AS s",
    "regular expression back again": "RETURN 'aaaa' =~ '(a*)\\\\1+' AS s",
    "regular expression repeated": "RETURN 'a' =~ '((((a{1,99}){1,99}){1,99}){1,99})' AS s",
    "regular expression deep": "RETURN 'a' =~ reduce(s = 'a', i IN range(1, 9999) | '(' + s + ')') AS s",
    "regular expression long": "RETURN 'a' =~ reduce(s = 'a?', i IN range(1, 20) | s + s) AS s",
    "regular expressions": "UNWIND range(1, 99999) AS x RETURN count('a' =~ ('(a|b){' + x % 900 + '}' + x))",
    "power": "RETURN 9223372036854775807 ^ 9223372036854775807 AS x",
    "shifted": "RETURN 9223372036854775807 * 9223372036854775807 AS x",
    "sum": "UNWIND range(1, 9) AS x RETURN sum(9223372036854775807)",
    "sorted": "UNWIND range(1, 9999999) AS x RETURN x ORDER BY rand()",
    "sorted by lists": "UNWIND range(1, 9999) AS x RETURN x ORDER BY range(x, 9999)",
    "collected": "UNWIND range(1, 9999999) AS x RETURN collect([x, x])",
    "collected again": "UNWIND range(1, 999) AS x WITH collect(x) AS xs UNWIND xs AS x "
    "WITH xs, collect(xs) AS ys RETURN [y IN ys | [z IN ys | [w IN ys | w]]] AS zs",
    "grouped": "UNWIND range(1, 9999999) AS x RETURN x, count(*)",
    "distinct": "UNWIND range(1, 9999999) AS x RETURN count(DISTINCT [x])",
    "percentile": "UNWIND range(1, 9999999) AS x RETURN percentileCont(x, 0.5)",
    "union": " UNION ".join(["UNWIND range(1, 9999) AS x RETURN x"] * 99),
    "union of matches": " UNION ALL ".join([f"MATCH {ALL} RETURN 1 AS x"] * 9),
    "versions": "UNWIND range(1, 9999999) AS t MATCH (n) AS OF TX t % 5 + 1 RETURN count(n)",
    "parentheses": nested(MANY, "(", "1", ")").join(("RETURN ", " AS x")),
    "parentheses as patterns": "RETURN " + nested(MANY, "(a)-->(", "b", ")"),
    "parentheses open": "RETURN " + "(" * MANY,
    "parentheses closed": "RETURN " + ")" * MANY,
    "lists": "RETURN " + nested(MANY, "[", "1", "]") + " AS x",
    "a megabyte of lists": "RETURN [" + "[]," * 350_000 + "[]] AS x",
    "maps": "RETURN " + nested(MANY, "{k: ", "1", "}") + " AS x",
    "braces": "RETURN " + nested(MANY, "EXISTS { MATCH (a) WHERE ", "true", "}") + " AS x",
    "cases": "RETURN " + nested(MANY, "CASE WHEN true THEN ", "1", " END") + " AS x",
    "not": "RETURN " + "NOT " * MANY + "true AS x",
    "minus": "RETURN " + "- " * MANY + "1 AS x",
    "plus": "RETURN " + "1 + " * 60_000 + "1 AS x",
    "and": "RETURN " + "true AND " * 25_000 + "true AS x",
    "compared": "RETURN " + "1 < " * 60_000 + "1 AS x",
    "properties": "MATCH (a) RETURN a" + ".k" * MANY + " AS x",
    "subscripts": "WITH [1] AS a RETURN a" + "[0]" * 60_000 + " AS x",
    "powers": "RETURN " + "2 ^ " * 60_000 + "2 AS x",
    "labels": "MATCH (a" + ":A" * MANY + ") RETURN a",
    "labels negated": "MATCH (a:" + "!" * MANY + "A) RETURN a",
    "label alternatives": "MATCH (a:" + "A|" * MANY + "A) RETURN a",
    "hops": "MATCH (a)" + "--()" * 40_000 + " RETURN a",
    "hops that fit": "MATCH (a)" + "--()" * 20 + " RETURN count(a)",
    "patterns": "MATCH " + "(a)--(b)," * 25_000 + "(c) RETURN a",
    "patterns that fit": "MATCH " + ",".join(f"(a{n})--(a{n + 1})" for n in range(300)) + " RETURN count(*)",
    "clauses": "MATCH (a) " * 25_000 + "RETURN a",
    "clauses that fit": "WITH 1 AS x " * 20_000 + "RETURN x",
    "unions": "RETURN 1 AS x UNION " * 12_000 + "RETURN 1 AS x",
    "columns": "RETURN " + ", ".join(f"1 AS c{n}" for n in range(20_000)),
    "whens": "RETURN CASE 1 " + "WHEN 2 THEN 3 " * 15_000 + "END AS x",
    "keys": "RETURN {" + ", ".join(f"k{n}: {n}" for n in range(15_000)) + "} AS x",
    "digits": "RETURN " + "9" * 200_000 + " AS x",
    "digits of a fraction": "RETURN 0." + "9" * 200_000 + "e999999999 AS x",
    "hexadecimal digits": "RETURN 0x" + "f" * 200_000 + " AS x",
    "a long string": "RETURN '" + "x" * 250_000 + "' AS x",
    "a string that never ends": "RETURN '" + "\\" * 200_001,
    "escapes": "RETURN '" + "\\u0041" * 40_000 + "' AS x",
    "comments": "/*" * 120_000 + " RETURN 1 AS x",
    "comments that end": "/**/" * 60_000 + "RETURN 1 AS x",
    "spaces": " " * 250_000 + "RETURN 1 AS x",
    "back quotes": "RETURN `" + "``" * MANY + "` AS x",
    "a megabyte": "x" * (1 << 20),
    "brackets that do not fit": "RETURN ([{" * 9_999,
    "NUL": "RETURN '\0' AS `\0`",
    "NUL outside": "\0RETURN 1 AS x",
    "lone surrogate": "RETURN '\ud800' AS x",
    "lone surrogate escaped": "RETURN '\\ud800' AS x",
    "lone surrogate as name": "RETURN 1 AS `\ud800`",
    "beyond Unicode": "RETURN '\\U99999999' AS x",
    "another script": "MATCH (人:図 {鍵: '値'}) RETURN 人.鍵 AS `\u202e\U0001f600`",
    "no text at all": "",
    "years": "RETURN date({year: 999999999}) + duration({years: 999999999999}) AS x",
    "years of text": "RETURN date('+999999999-12-31') AS x",
    "durations": "RETURN duration({seconds: 9223372036854775807, days: 1}) * 9223372036854775807 AS x",
    "a duration of nothing": "RETURN duration({days: 1}) / 0.0 AS x",
    "a zone": "RETURN datetime('2024-01-01T00:00[../../../../etc/passwd]') AS x",
    "rounded": "RETURN round(1.5, 9223372036854775807) AS x",
    "rounded far": "RETURN round(1.5e300, 400) AS x",
    "skipped": "MATCH (a) RETURN a SKIP 9223372036854775807 LIMIT 9223372036854775807",
}


def attempt(path, text):
    """Run a query on a store in this process: what it ended in, and the seconds of the processor it took."""
    begin = time.process_time()
    with Store.open(path) as store:
        try:
            ending = f"{len(run(store, text, graph='g', params=PARAMS, limits=LIMITS).rows)} rows"
        except QueryError as error:
            ending = f"{type(error).__name__}: {str(error)[:200]}"
    return ending, time.process_time() - begin


def straiten():
    """Leave this process little memory, and let it say where it died."""
    faulthandler.enable()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "state.itonami"
    with Store.open(path) as store:
        fill(store)
    return path


class Apart:
    """A process of its own that runs queries; a new one when it died."""

    def __init__(self):
        self.pool = None

    def attempt(self, path, text):
        if self.pool is None:
            self.pool = ProcessPoolExecutor(1, multiprocessing.get_context("fork"), straiten)
        future = self.pool.submit(attempt, path, text)
        try:
            return future.result(timeout=60)
        except BaseException:
            self.end()
            raise

    def end(self):
        if self.pool is not None:
            for process in self.pool._processes.values():
                process.kill()
            self.pool.shutdown()
            self.pool = None


@pytest.fixture(scope="module")
def apart():
    apart = Apart()
    yield apart
    apart.end()


def contents(path):
    return {file.name: hashlib.sha256(file.read_bytes()).digest() for file in path.glob("data*")}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_query_ends_in_time_and_changes_nothing(text, place, apart):
    before = contents(place)
    assert before
    ending, seconds = apart.attempt(place, text)
    assert seconds < LIMITS.seconds + SLACK_S, ending
    assert contents(place) == before


# -- random sentences ------------------------------------------------------------------------------------------

CALLS = tuple(
    f"{name}({', '.join(['<e>'] * arity)})"
    for name, function in FUNCTIONS.items()
    for arity in range(function.min_args, min(3, 3 if function.max_args is None else function.max_args) + 1)
)
UNTYPED = (*(f"${name}" for name in PARAMS), *("<name>",) * 12, *("<name>.<key>",) * 12)
LITERALS = (
    *("null", "true", "0", "1", "-1", "2.5", "1e308", "'a'", "''", "'2024-02-29'", "[]", "{}", str(INT_MAX)),
    *("date('2024-02-29')", "time('23:59:59.999999999+14:00')", "datetime()", "duration('P1M-1DT1.5S')"),
    *("localtime('00:00')", "localdatetime('-0001-01-01T00')", "datetime('2024-03-31T02:30[Europe/Berlin]')"),
)
OPERATORS = ("=", "<>", "<", "<=", ">", ">=", "STARTS WITH", "ENDS WITH", "CONTAINS", "=~", "IN")
TRUTHS = (
    *(f"<e> {operator} <e>" for operator in OPERATORS),
    *("<e> < <e> <= <e>", "<t> AND <t>", "<t> OR <t>", "<t> XOR <t>", "NOT <t>", "<e> IS NULL", "<e> IN <l>"),
    *(f"{word}(x IN <l> WHERE <t x>)" for word in ("all", "any", "none", "single")),
    *("EXISTS { <path> }", "EXISTS { MATCH <path> WHERE <t i j> RETURN <e i j> AS w }", "<name>:A|!B"),
)
NUMBERS = (
    *(f"<n> {operator} <n>" for operator in "+-*/%^"),
    *("-<n>", "COUNT { MATCH <path> WHERE <t i j> }", "COUNT { UNWIND <l> AS w RETURN DISTINCT <e w> AS v }"),
)
LISTS = (
    *(
        "[x IN <l> WHERE <t x> | <e x>]",
        "[x IN <l> | <e x>]",
        "[<path> | <e i j>]",
        "[o = <path> | length(o)]",
    ),
    *("<l>[<n>..<n>]", "<l>[..<n>]", "[<e>, <e>]", "<l> + <e>", "[x IN [<e>] | x {.*, k: <e>, .j}]"),
    "range(<small>, <small>, <small>)",
)
COMPOUNDS = (
    *(
        "(<e>)",
        "<e>.<key>",
        "<e>[<e>]",
        "{k: <e>, j: <e>}",
        "<e> + <e>",
        "<e> - <e>",
        "<n> * <e>",
        "<e> / <n>",
    ),
    *("CASE <e> WHEN <e> THEN <e> ELSE <e> END", "CASE WHEN <t> THEN <e> END", "<t>", "<n>", "<l>"),
    "reduce(s = <e>, x IN <l> | <e s x>)",
)
EXPRESSIONS = {
    "e": (COMPOUNDS, COMPOUNDS, CALLS, UNTYPED, LITERALS),
    "t": (TRUTHS, TRUTHS, TRUTHS, UNTYPED),
    "n": (NUMBERS, CALLS, UNTYPED),
    "l": (LISTS, LISTS, CALLS, UNTYPED),
}
AGGREGATED = (
    *(
        f"{name}({distinct}<e>{', 0.5' * name.startswith('percentile')})"
        for name in AGGREGATES
        for distinct in ("", "DISTINCT ")
    ),
    "count(*)",
    "[<e>, collect(<e>)]",
    "sum(<e>) + count(*)",
)
GRAMMAR = {
    "item": ("<e>",) * 4 + AGGREGATED[:: len(AGGREGATED) // 8] + ("<aggregate>",),
    "aggregate": AGGREGATED,
    "key": ("k", "j", "n", "v", "deep", "year", "day", "epochMillis", "months", "`no such`"),
    "small": ("$zero", "$one", "-1", "0", "1", "2", "3", "7", "<n>"),
    "point": ("TX 3", "HEAD~2", "TX <small>", "<e>", "TAG 'none'"),
    "type": ("", ":T", ":U", ":T|U", ":Z"),
    "length": ("", "", "", "*", "*2", "*1..2", "*0..1", "*..3", "*3..1"),
    "map": ("", "", "", " {k: <e>}", " {n: 1}"),
    "inside": ("", "i", "j"),
    "path": ("(<inside>)-[<type><length>]->(<inside><map>)", "(<inside>)<-[<type>]-(<inside>)--(<inside>)"),
    "where": ("", "", " WHERE <t>"),
    "order": ("", "", " ORDER BY x", " ORDER BY <e>", " ORDER BY <e> DESC, <e>"),
    "page": ("",) * 4 + (" LIMIT <few>", " SKIP <few>", " SKIP 1 LIMIT <few>", " OFFSET <few>"),
    "few": ("1", "2", "$one", "$most", "$text", "2 + 3"),
    "distinct": ("", "", "DISTINCT "),
    "start": ("",) * 6 + ("EXPLAIN ", "PROFILE ", "USE graph('g') AS OF <point> ", "USE events('g') "),
    "call": ("log(<small>)", "history('n1')", "blame(<e>)", "log(<small>, <small>)", "log()"),
    "end": ("",) * 6
    + (" UNION RETURN <e> AS x, <e> AS y", " UNION ALL RETURN <e> AS x, <e> AS y", " NEXT RETURN x, y"),
}
NODES, LINKS, PATHS, VALUES = "abc", "rst", "pq", "xyz"
HOLE = re.compile(r"<([a-z]\w*)((?: \w+)*)>")


class Writer:
    """Writes one sentence. `choose` takes one of a sequence; all that is not random is here."""

    def __init__(self, choose, size):
        self.choose = choose
        self.names = []
        self.size = size

    def query(self):
        start = self.fill(self.choose(GRAMMAR["start"]))
        clauses = [self.choose(CLAUSES)(self) for _ in range(self.choose((0, 1, 1, 2, 2, 3, 4)))]
        last = f"RETURN {self.fill('<distinct><item> AS x, <item> AS y<order><page><end>')}"
        return start + " ".join((*clauses, last))

    def fill(self, form):
        """A form, its holes filled: `<e x>` is an expression in which x is bound."""
        return HOLE.sub(lambda hole: self._filled(hole[1], hole[2].split()), form)

    def _filled(self, what, bound):
        if what == "name":
            return self.choose(self.names) if self.names else "$map"
        if what not in EXPRESSIONS:
            return self.fill(self.choose(GRAMMAR[what]))
        outer, self.names = self.names, [*self.names, *bound * 2]
        self.size -= 1
        forms = UNTYPED if self.size < 0 else self.choose(EXPRESSIONS[what])
        text = self.fill(self.choose(forms))
        self.names = outer
        return text

    def bind(self, name):
        if name not in self.names:
            self.names.append(name)
        return name

    def match(self):
        new = []

        def one(names, again=False):
            free = [name for name in names if again or (name not in new and name not in self.names)]
            new.append(self.choose((*free, "")))
            return new[-1]

        paths = []
        for _ in range(self.choose((1, 1, 1, 2))):
            text = f"({one(NODES, again=True)}{self.choose(('', ':A', ':A&!B', ':%'))}{self.fill('<map>')})"
            for _ in range(self.choose((0, 1, 1, 2))):
                left, right = self.choose((("-", "->"), ("<-", "-"), ("-", "-")))
                link = f"[{one(LINKS)}{self.fill('<type><length><map>')}]"
                text += f"{left}{link}{right}({one(NODES, again=True)}{self.fill('<map>')})"
            if not self.choose((1,) * 5 + (0,)):
                text += self.choose((" ((h)-[k:T]->(g)){1,2} ()", " (()-->(m) WHERE m.n > 0)+ ()"))
            free = [name for name in PATHS if name not in self.names and name not in new]
            if free and self.choose((False, False, True)):
                new.append(free[0])
                text = f"{free[0]} = {text}"
            paths.append(text)
        for name in filter(None, new):
            self.bind(name)
        point = self.choose(("",) * 7 + (" AS OF <point>",))
        word = self.choose(("MATCH", "MATCH", "OPTIONAL MATCH"))
        return f"{word} {', '.join(paths)}{self.fill(point + '<where>')}"

    def unwind(self):
        source = self.fill("<l>")
        form = self.choose(("UNWIND {0} AS {1}", "FOR {1} IN {0}", "LET {1} = {0}"))
        free = [name for name in VALUES if name not in self.names]
        return form.format(source, self.bind(self.choose(free))) if free else self.filter()

    def project(self):
        kept = [name for name in self.names if self.choose((True, True, False))]
        name = self.choose([name for name in "xyzuvw" if name not in self.names])
        items = [*(other for other in kept if other != name), f"{self.fill('<item>')} AS {name}"]
        if self.choose((True, False, False)):
            self.bind(name)
            return (
                f"WITH *, {items[-1]}{self.fill('<where>')}" if len(self.names) > 1 else f"WITH {items[-1]}"
            )
        text = f"WITH {self.fill('<distinct>')}{', '.join(items)}"
        self.names = [*(other for other in kept if other != name), name]
        return text + self.fill("<order><page><where>")

    def filter(self):
        return self.fill("FILTER <t>")

    def call(self):
        name = f"tx{len(self.names)}"
        text = self.fill(f"CALL itonami.<call> YIELD tx AS {name}")
        self.bind(name)
        return text


CLAUSES = (Writer.match,) * 4 + (Writer.unwind,) * 3 + (Writer.project,) * 2 + (Writer.filter, Writer.call)


def attempted(store, text):
    """What a sentence ended in, within its limits; anything but a `QueryError` comes out."""
    begin = time.process_time()
    try:
        result = run(store, text, graph="g", params=PARAMS, limits=LIMITS)
        str(result), repr(result.rows)
        ending = "rows"
    except QueryError as error:
        str(error)
        ending = error.kind
    seconds = time.process_time() - begin
    assert seconds < LIMITS.seconds + SLACK_S, f"{seconds:.1f} s: {text}"
    return ending


@pytest.fixture(scope="module")
def graphs(place):
    with Store.open(place) as store:
        last = store.last_tx
        yield store
        assert store.last_tx == last


@settings(max_examples=600, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_random_query_ends_in_rows_or_in_a_query_error(graphs, data):
    writer = Writer(lambda options: data.draw(st.sampled_from(options)), data.draw(st.integers(2, 20)))
    attempted(graphs, writer.query())


def soaked(store, seconds, first=0):
    """Sentences until the time is up; how they ended."""
    endings = {}
    until = time.monotonic() + seconds
    seeds = count(first)
    while time.monotonic() < until:
        seed = next(seeds)
        random = Random(seed)
        text = Writer(random.choice, random.randrange(2, 30)).query()
        try:
            ending = attempted(store, text)
        except Exception as error:
            raise AssertionError(f"sentence {seed}: {text}") from error
        endings[ending] = endings.get(ending, 0) + 1
    return endings


def test_random_queries_are_no_mere_syntax_errors(graphs):
    endings = soaked(graphs, seconds=3)
    assert endings["rows"] > sum(endings.values()) / 20, endings


@pytest.mark.soak
def test_ten_minutes_of_random_queries(graphs):
    print(soaked(graphs, seconds=600, first=1_000_000))
