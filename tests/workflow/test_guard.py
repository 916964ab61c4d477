"""Guards: CEL over the scope, and that no text and no data can do worse than a typed error."""

import contextlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itonami.workflow.definition import DefinitionError, GuardError, compile_guard

SCOPE = {
    "inputs": {"amount": 120, "rate": 1.0, "vip": True, "none": None, "tags": ["a", "b"], "name": "Ann"},
    "steps": {"check": {"status": "succeeded", "output": {"score": 5}, "error": None}},
    "item": {"n": 1},
    "error": None,
}


@pytest.mark.parametrize(
    ("guard", "holds"),
    [
        ("inputs.amount > 100", True),
        ("inputs.amount > 100.5", True),
        ("inputs.rate == 1", True),
        ("inputs.vip && steps.check.output.score < 5", False),
        ('steps["check"].status == "succeeded"', True),
        ("'a' in inputs.tags", True),
        ("inputs.tags.exists(t, t == 'z')", False),
        ("has(inputs.missing) && inputs.missing > 1", False),
        ("inputs.missing || true", True),
        ("inputs.none == null && error == null", True),
        ("inputs.name.matches('^A.n$')", True),
        ("item.n == 1 ? true : false", True),
        ("size(inputs.tags) == 2 // a comment", True),
        ("type(inputs.amount) == int", True),
        ("timestamp('2020-01-01T00:00:00Z') < timestamp('2021-01-01T00:00:00Z')", True),
        (" && ".join(["inputs.amount == 120"] * 300), True),
    ],
)
def test_a_guard_is_cel_over_the_scope(guard, holds):
    assert compile_guard(guard).evaluate(SCOPE) is holds


@pytest.mark.parametrize(
    ("guard", "what"),
    [
        ("inputs.missing > 1", "no key 'missing'"),
        ("steps.later.output == 1", "no key 'later'"),
        ("inputs.tags[7] == 'a'", "out of bounds"),
        ("inputs.amount + 1.5 > 2.0", "No such overload"),
        ("inputs.name > 3", "No such overload"),
        ("1 / 0 == 1", "division by zero"),
        ("9223372036854775807 + inputs.amount > 0", "overflow"),
        ("inputs.amount", "no boolean but integer"),
        ("inputs.none", "no boolean but null"),
        ("inputs.amount ? true : false", "No such overload"),
        ("int(inputs.name) == 1", ""),
    ],
)
def test_a_guard_that_errs_or_gives_no_boolean_is_a_guard_error_at_its_place(guard, what):
    with pytest.raises(GuardError) as caught:
        compile_guard(guard, "$.here").evaluate(SCOPE)
    assert caught.value.where == "$.here"
    assert what in caught.value.what
    assert caught.value.fix


@pytest.mark.parametrize(
    ("guard", "what"),
    [
        ("", "column 1"),
        ("inputs.amount >", "line 1, column 16"),
        ("inputs.amount ==\n  == 2", "line 2, column 3"),
        ("inputs.a @ 3", "column 10"),
        ("inputs.name == 'open", "column 16"),
        (r"inputs.name == '\q'", "column 16"),
        ("input.amount > 1", "unknown 'input'"),
        ("amount > 1", "unknown 'amount'"),
        ("now() > 1", "unknown 'now'"),
        ("inputs.name.startWith('A')", "unknown 'startWith'"),
        ("true\x00", "column 5"),
        ("(" * 60 + "true" + ")" * 60, "nests too deeply"),
        ("1" + "+1" * 600 + " > 0", "nests too deeply"),
        ("inputs" + ".a" * 600, "nests too deeply"),
        ("false ? true : " * 60 + "true", "nests too deeply"),
        ("true && " * 2000 + "true", "more than 10000 characters"),
        ("true" + " " * 2**20, "more than 10000 characters"),
        ("[1].all(x, [1].all(y, [1].all(z, true)))", "nests more than 2"),
        ("[1]" + ".map(x, x)" * 5 + " == []", "more than 4"),
        ("['a'].map(x, x" + " + x" * 17 + ") == []", "sums too much"),
    ],
)
def test_a_bad_guard_is_refused_when_compiled(guard, what):
    with pytest.raises(DefinitionError) as caught:
        compile_guard(guard, "$.here")
    assert caught.value.where == "$.here"
    assert what in caught.value.what
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("guard", "steps", "inputs"),
    [
        ("true", set(), set()),
        ("inputs.a.b > 1 && inputs['c d'] == 2", set(), {"a", "c d"}),
        ("steps.x.output.k == 1 || steps['y#2'].status == 'failed'", {"x", "y#2"}, set()),
        ("has(steps.x.output)", {"x"}, set()),
        ("item.steps.z == 'steps.w'", set(), set()),
        ("item.steps == 1 && steps . x . status == 'a'", {"x"}, set()),
        ("steps.exists(k, steps[k].status == 'failed')", None, set()),
        ("size(steps) > 1", None, set()),
        ("steps.size() > 1", None, set()),
        ("steps[inputs.which].status == 'a'", None, {"which"}),
        (r"steps['\u0078'].status == 'a'", None, set()),
        ("[1].all(steps, steps == 1)", None, set()),
        ("{'a': steps} == {}", None, set()),
    ],
)
def test_a_guard_knows_what_it_reads_or_that_it_cannot_know(guard, steps, inputs):
    compiled = compile_guard(guard)
    assert compiled.references == steps
    assert compiled.inputs == inputs


def test_data_nested_past_the_bound_is_a_guard_error():
    deep = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(GuardError, match="nested deeper"):
        compile_guard("inputs.a == 1").evaluate({"inputs": {"a": deep}})


AT_THE_BOUND = """
import threading
from itonami.workflow.definition import DefinitionError, GuardError, compile_guard
shapes = [lambda n: "(" * n + "1" + ")" * n + " == 1", lambda n: "[" * n + "]" * n + " == []",
          lambda n: "{1:" * n + "1" + "}" * n + " == {}", lambda n: "int(" * n + "1" + ")" * n + " == 1",
          lambda n: "false ? true : " * n + "true", lambda n: "true ? " * n + "true" + " : false" * n,
          lambda n: "1" + " + 1" * n + " > 0", lambda n: "inputs" + ".a" * n, lambda n: "inputs" + "[0]" * n,
          lambda n: "inputs" + ".size()" * n, lambda n: "true" + " == true" * n, lambda n: "!" * n + "true",
          lambda n: "1 > " + "-" * n + "1", lambda n: "(1 + " * n + "1" + ")" * n + " > 0",
          lambda n: "((" * n + "1" + " + 1)" * n + " + 1" * n + ")" * n + " > 0",
          lambda n: "(" * 40 + "1" + " + 1" * n + ")" * 40 + " > 0"]
deep = 1
for _ in range(250): deep = [deep]
passed = 0
def run():
    global passed
    for shape in shapes:
        for n in [*range(1, 60), *range(60, 560, 50), 3000]:
            try:
                compile_guard(shape(n)).evaluate({"inputs": {"a": deep}})
                passed += 1
            except (DefinitionError, GuardError):
                passed += 1
threading.stack_size(512 * 1024)
thread = threading.Thread(target=run)
thread.start()
thread.join()
print(passed, len(shapes) * 70)
"""


def test_guards_up_to_every_bound_fit_a_thread_of_512_kib():
    done = subprocess.run([sys.executable, "-c", AT_THE_BOUND], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    passed, tried = done.stdout.split()
    assert passed == tried


FRAGMENTS = st.sampled_from(
    [
        "inputs",
        "steps",
        ".a",
        "['a']",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "1",
        "2.5",
        "'x'",
        '"""',
        "r'",
        "\\",
        "&&",
        "+",
        "==",
        "?",
        ":",
        ",",
        "!",
        "-",
        "//",
        "\n",
        ".map(",
        "x",
        "null",
        "has(",
        "é",
        "\x00",
    ]
)


@given(st.lists(FRAGMENTS, max_size=30).map("".join) | st.text(max_size=40))
def test_no_text_makes_anything_but_a_boolean_or_a_typed_error(text):
    with contextlib.suppress(DefinitionError, GuardError):
        assert compile_guard(text).evaluate(SCOPE) in (True, False)
