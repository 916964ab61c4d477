"""The openCypher TCK's expression scenarios, as tables of the value layer alone: no query is parsed.

A scenario takes part when its query is `[WITH e AS v, ...] RETURN e AS v, ...` over literals, calls, one operator and
fields, which the small reader below evaluates straight by `values` and `FUNCTIONS`; a graph is allowed when it is
single nodes that serve as named maps. The rest of the TCK belongs to the language.
"""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from itonami.query import values
from itonami.query.context import Context
from itonami.query.functions import FUNCTIONS
from itonami.query.values.domain import TEMPORAL

NEIGHBOURS = [folder / "shared" / "conformance" / "opencypher-tck" for folder in Path(__file__).parents]
FOLDER = next((folder / "features" / "expressions" for folder in NEIGHBOURS if folder.is_dir()), None)
CONTEXT = Context(now=datetime(2026, 11, 21, 7, 30, tzinfo=UTC))

OPERATORS = {
    "=": values.equals,
    "<>": values.unequal,
    "<": values.less,
    "<=": values.less_or_equal,
    ">": values.greater,
    ">=": values.greater_or_equal,
    "+": values.add,
    "-": values.subtract,
    "*": values.multiply,
    "/": values.divide,
    "IN": values.contained,
    "AND": values.and_,
    "OR": values.or_,
    "XOR": values.xor,
}
TOKEN = re.compile(
    r"\s*('(?:\\.|[^'\\])*'|(?:\d+\.\d+|\d+)(?:[eE][+-]?\d+)?|[A-Za-z_]\w*|<>|<=|>=|\.\.|[-+*/%^=<>()\[\]{},.:|$])"
)
DOTTED = ("date", "time", "localtime", "localdatetime", "datetime", "duration")
CONSTANTS = {"null": None, "true": True, "false": False}


class Unread(Exception):
    """The expression is beyond this reader."""


class Reader:
    """Evaluates one expression of the small language while reading it."""

    def __init__(self, text, names):
        self.tokens, at = [], 0
        while text[at:].strip():
            found = TOKEN.match(text, at)
            if found is None:
                raise Unread(text)
            self.tokens.append(found[1])
            at = found.end()
        self.names = names

    def peek(self):
        return self.tokens[0] if self.tokens else None

    def take(self, wanted=None):
        token = self.peek()
        if token is None or (wanted is not None and token != wanted):
            raise Unread(f"{token} where {wanted} is wanted")
        return self.tokens.pop(0)

    def whole(self):
        value = self.expression()
        if self.tokens:
            raise Unread(self.tokens)
        return value

    def expression(self):
        left = self.operand()
        if self.peek() not in OPERATORS:
            return left
        operator = OPERATORS[self.take()]
        result = operator(left, self.operand())
        if self.peek() in OPERATORS:
            raise Unread("precedence")
        return result

    def operand(self):
        if self.peek() == "NOT":
            self.take()
            return values.not_(self.operand())
        value = self.atom()
        while self.peek() in (".", "["):
            if self.take() == ".":
                value = values.property_of(value, self.take())
            else:
                value = values.index(value, self.expression())
                self.take("]")
        return value

    def series(self, close):
        found = []
        while self.peek() != close:
            found.append(self.expression())
            if self.peek() != close:
                self.take(",")
        self.take(close)
        return found

    def atom(self):
        token = self.take()
        if token == "-":
            return values.negate(self.atom())
        if token == "(":
            return self.series(")")[0]
        if token == "[":
            return self.series("]")
        if token == "{":
            return self.entries()
        if token[0] == "'":
            return re.sub(r"\\(.)", r"\1", token[1:-1])
        if token[0].isdigit():
            return float(token) if re.search("[.eE]", token) else int(token)
        return self.name(token)

    def entries(self):
        found = {}
        while self.peek() != "}":
            key = self.take()
            self.take(":")
            found[key] = self.expression()
            if self.peek() != "}":
                self.take(",")
        self.take("}")
        return found

    def name(self, token):
        if token in self.names:
            return self.names[token]
        if token.lower() in CONSTANTS:
            return CONSTANTS[token.lower()]
        while self.peek() == "." and token.lower() in (
            "date",
            "time",
            "localtime",
            "localdatetime",
            "datetime",
            "duration",
        ):
            token += self.take() + self.take()
        if token.lower() not in FUNCTIONS or self.peek() != "(":
            raise Unread(token)
        self.take("(")
        return FUNCTIONS[token.lower()](CONTEXT, self.series(")"))


def cells(line):
    return [
        cell.strip().replace("\0", "|") for cell in line.replace("\\|", "\0").strip().strip("|").split("|")
    ]


def scenarios():
    """(name, set-up, query, expected header and rows or the error's type and detail) of every scenario."""
    for file in sorted(FOLDER.rglob("*.feature")):
        if file.parent.name in ("literals", "precedence"):  # of the language, not of values
            continue
        for block in re.split(r"\n\s*Scenario", file.read_text())[1:]:
            setup = re.search(r'having executed:\s*"""\n(.*?)"""', block, re.S)
            query = re.search(r'executing query:\s*"""\n(.*?)"""', block, re.S)
            body, _, examples = block.partition("Examples:")
            rows = [cells(line) for line in body.splitlines() if line.strip().startswith("|")]
            error = re.search(r"a (\w+) should be raised at runtime: (\w+)", body)
            if query is None or "parameters are" in block or (not rows and error is None):
                continue
            name = file.stem + " " + re.search(r"\[\d+\]", block)[0]
            lines = [cells(line) for line in examples.splitlines() if line.strip().startswith("|")]
            for number, line in enumerate(lines[1:] or [[]]):
                fill = dict(zip(lines[0], line, strict=True)) if line else {}

                def put(text, fill=fill):
                    return re.sub(r"<(\w+)>", lambda found: fill.get(found[1], found[0]), text)

                want = (
                    error.groups()
                    if error
                    else ([put(c) for c in rows[0]], [list(map(put, r)) for r in rows[1:]])
                )
                yield f"{name} {number}", put(setup[1]) if setup else "", put(query[1]), want


def items(text):
    """The top-level comma-separated parts of `e AS v, ...`."""
    depth, parts = 0, [""]
    for piece in re.findall(r"'(?:\\.|[^'\\])*'|.", text, re.S):
        depth += (piece in "([{") - (piece in ")]}") if len(piece) == 1 else 0
        if piece == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    return [re.fullmatch(r"(.*?)(?:\s+AS\s+(\w+))?\s*", part.strip(), re.S).groups() for part in parts]


def nodes(setup, query):
    """The maps that stand for nodes, by the variable they are matched as, and the query without its MATCH."""
    made = dict(re.findall(r"CREATE \(:(\w+) (\{.*\})\)\n", setup))
    matched = re.search(r"MATCH (\(\w+:\s*\w+\)(?:,\s*\(\w+:\s*\w+\))*)\s*\n", query)
    if not setup or matched is None:
        return {}, query
    names = re.findall(r"\((\w+):\s*(\w+)\)", matched[1])
    if any(label not in made for _, label in names) or len(made) != len(names):
        raise Unread(query)
    return {name: Reader(made[label], {}).whole() for name, label in names}, query.replace(matched[0], "")


def answer(setup, query):
    names, query = nodes(setup, query)
    found = re.fullmatch(r"\s*(?:WITH\s(.*?))?\bRETURN\s(.*)", query, re.S)
    if found is None or re.search(
        r"\b(UNWIND|MATCH|ORDER|WHERE|CASE|EXISTS)\b|\bRETURN\b.*\bRETURN\b", query, re.S
    ):
        raise Unread(query)
    for expression, name in items(found[1]) if found[1] else ():
        names[name] = Reader(expression, names).whole()
    return [Reader(expression, names).whole() for expression, _ in items(found[2])]


def plain(value):
    """A value as the TCK prints it: temporal values as text."""
    if isinstance(value, TEMPORAL):
        return str(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    return {key: plain(item) for key, item in value.items()} if isinstance(value, dict) else value


SCENARIOS = [] if FOLDER is None else list(scenarios())


@pytest.mark.skipif(not SCENARIOS, reason="the openCypher TCK is not beside this checkout")
def test_every_scenario_of_expressions_the_reader_understands_answers_as_the_tck_says():
    answered, wrong = 0, []
    for name, setup, query, want in SCENARIOS:
        try:
            got = [plain(value) for value in answer(setup, query)]
        except Unread:
            continue
        except Exception as error:
            got = (getattr(error, "kind", type(error).__name__), getattr(error, "detail", str(error)))
        answered += 1
        if isinstance(want[0], list):
            want = [Reader(cell, {}).whole() for cell in want[1][0]] if want[1] else []
        if values.group_key(list(got)) != values.group_key(list(want)):
            wrong.append((name, query.split(), want, got))
    assert not wrong, "\n".join(map(str, wrong))
    assert answered > 600
