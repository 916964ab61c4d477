"""Which activity a name means: registered in Python, loaded from a file, or declared by a definition."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from itonami.graphstore.errors import InvalidValue, ItonamiError
from itonami.workflow.activities import (
    ActivitiesNotLoaded,
    Activity,
    ActivityContext,
    Registry,
    UnknownActivity,
    activity,
    http_activity,
    load_activities,
    perform,
    sql_activity,
    validate_declared,
)
from itonami.workflow.definition.errors import DefinitionError
from itonami.workflow.definition.retry import RetryPolicy


def ship(order: str) -> str:
    return order


@activity
def charge(amount: int) -> int:
    return amount


PAY = http_activity("pay", "http://127.0.0.1:9/pay")
HTTP: dict[str, Any] = {"type": "http", "url": "http://127.0.0.1:9/pay"}
SQL: dict[str, Any] = {"type": "sql", "url": "sqlite://", "statement": "SELECT :n AS n"}


def test_activities_functions_lists_and_modules_are_registered_by_name() -> None:
    module = ModuleType("shop")
    vars(module).update(a=charge, nested={"x": [PAY, (PAY,)]}, ship=ship, number=7)
    assert Registry(module).names() == ("charge", "pay")
    registry = Registry([ship, [charge, (PAY,)], module, Registry([charge]), (item for item in [PAY])])
    assert registry.names() == ("charge", "pay", "ship")
    assert registry.get("pay") is PAY
    assert registry.get("ship").call is ship
    assert "ship" in registry
    assert "sail" not in registry
    assert len(registry) == len(list(registry)) == 3


def test_one_name_for_two_things_is_an_error_and_the_same_thing_twice_is_not() -> None:
    Registry([charge, charge, ship, ship])
    with pytest.raises(InvalidValue, match="two different activities are called 'ship'"):
        Registry([ship, Activity("ship", charge)])


@pytest.mark.parametrize("item", [7, "charge", {"charge": charge}, None, lambda: None, len])
def test_what_is_no_activity_is_refused(item: object) -> None:
    with pytest.raises(InvalidValue):
        Registry([item])


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(LookupError) as raised:
        Registry([charge, ship]).get("chrage")
    assert isinstance(raised.value, UnknownActivity)
    assert str(raised.value) == (
        "no activity is called 'chrage'; "
        "did you mean 'charge'? (activities=[...] and --activities register them)"
    )


async def test_a_definition_declares_what_nobody_registered() -> None:
    base = Registry([charge])
    declared = {"pay": HTTP, "read": SQL, "charge": {**HTTP, "method": "GET"}}
    layered = base.add_declared(declared)
    assert (base.names(), layered.names()) == (("charge",), ("charge", "pay", "read"))
    assert layered.get("charge").call is charge
    assert (layered.get("pay").kind, layered.get("read").kind) == ("http", "sql")
    output = await perform(layered.get("read"), {"n": 7}, ActivityContext("r", "s"))
    assert output == {"rows": [{"n": 7}], "row_count": 1}
    await base.aclose()


async def test_the_same_declaration_is_the_same_activity_and_the_base_closes_it() -> None:
    closed = threading.Event()
    base = Registry()
    first, second = base.add_declared({"pay": HTTP}), base.add_declared({"pay": dict(reversed(HTTP.items()))})
    assert first.get("pay") is second.get("pay")
    other = base.add_declared({"pay": {**HTTP, "method": "PUT"}})
    assert other.get("pay") is not first.get("pay")

    async def close() -> None:
        closed.set()

    await Registry([Activity("a", ship, close=close), base]).aclose()
    assert closed.is_set()
    await base.aclose()


def test_a_declaration_says_all_that_python_can() -> None:
    declared = {
        **HTTP,
        "method": "GET",
        "headers": {"A": "b"},
        "timeout": "5s",
        "retry_policy": {"maximum_attempts": 1},
    }
    work = Registry().add_declared({"pay": declared}).get("pay")
    assert (work.timeout_ms, work.retry) == (5000, RetryPolicy(maximum_attempts=1))
    validate_declared(declared, "$.workflow.activities.pay")
    validate_declared({**SQL, "expect_rows": 0}, "$.workflow.activities.read")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("http", "an activity of type None cannot be declared"),
        ({"url": "http://a"}, "an activity of type None cannot be declared"),
        ({"type": "python"}, "an activity of type 'python' cannot be declared"),
        ({"type": []}, r"an activity of type \[\] cannot be declared"),
        ({"type": "http"}, "the key 'url' is missing"),
        ({**HTTP, "mehtod": "GET"}, "did you mean 'method'"),
        ({**HTTP, "statement": "SELECT 1"}, "unknown key 'statement'"),
        ({**HTTP, "method": 1}, r"\$\.x\.method"),
        ({**HTTP, "method": "BREW"}, "'BREW' is no method"),
        ({**HTTP, "headers": {"A": 1}}, "the header 'A' cannot be sent"),
        ({**HTTP, "url": "ftp://a"}, "the url is not one to call"),
        ({**HTTP, "timeout": "soon"}, r"\$\.x\.timeout"),
        ({**HTTP, "retry_policy": {"maximum_attempts": 0}}, r"\$\.x\.retry_policy\.maximum_attempts"),
        ({"type": "sql", "url": "sqlite://"}, "the key 'statement' is missing"),
        ({**SQL, "expect_rows": "1"}, r"\$\.x\.expect_rows"),
        ({**SQL, "expect_rows": True}, r"\$\.x\.expect_rows"),
        ({**SQL, "expect_rows": -1}, "expect_rows is -1"),
        ({**SQL, "statement": "SELECT '"}, "never closed"),
    ],
)
def test_a_wrong_declaration_is_refused_with_its_place(wrong: Any, said: str) -> None:
    with pytest.raises(DefinitionError, match=said) as raised:
        validate_declared(wrong, "$.x")
    assert str(raised.value).startswith("$.x")
    with pytest.raises(DefinitionError):
        Registry().add_declared({"x": wrong})


def test_a_file_gives_its_activities_and_those_in_its_lists_but_not_its_helpers(tmp_path: Path) -> None:
    (tmp_path / "shop_helpers_of_a_test.py").write_text("RATE = 3\n")
    file = tmp_path / "shop.py"
    file.write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from itonami.workflow.activities import activity, http_activity, sql_activity\n"
        "import shop_helpers_of_a_test as helpers\n"
        "@dataclass\n"
        "class Order:\n"
        "    id: str\n"
        "def helper(): ...\n"
        "@activity\n"
        "def charge(amount): return helpers.RATE * amount\n"
        "CALLS = [http_activity('pay', 'http://127.0.0.1:9'), [charge]]\n"
        "BY_NAME = {'read': (sql_activity('read', 'sqlite://', 'SELECT 1'),)}\n"
    )
    path = list(sys.path)
    registry = load_activities(file)
    assert registry.names() == ("charge", "pay", "read")
    assert registry.get("charge").call(2) == 6
    assert sys.path == path
    assert not (tmp_path / "__pycache__" / "shop.cpython-311.pyc").exists()


@pytest.mark.parametrize(
    ("source", "line", "said"),
    [
        ("x = 1\ndef f(:\n", 2, "SyntaxError: "),
        ("\n\nimport no_such_module_of_a_test\n", 3, "No module named"),
        ("def f():\n    raise KeyError('a\\nb')\n\nf()\n", 2, "KeyError: "),
        ("import sys\nsys.exit(3)\n", 2, "SystemExit: 3"),
        (
            "from itonami.workflow.activities import activity\n@activity(timeout='soon')\ndef f(): ...\n",
            2,
            "'soon'",
        ),
    ],
)
def test_what_goes_wrong_in_a_file_is_one_sentence_with_file_and_line(
    tmp_path: Path, source: str, line: int, said: str
) -> None:
    file = tmp_path / "shop.py"
    file.write_text(source)
    modules = set(sys.modules)
    with pytest.raises(ActivitiesNotLoaded) as raised:
        load_activities(file)
    assert isinstance(raised.value, ItonamiError)
    assert str(raised.value).startswith(f"{file}:{line}: the activities cannot be loaded, ")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not {name for name in set(sys.modules) - modules if name.startswith("itonami_activities")}


def test_an_error_in_a_file_it_imports_names_both_the_line_and_the_cause(tmp_path: Path) -> None:
    (tmp_path / "broken_helper_of_a_test.py").write_text("x = (\n")
    file = tmp_path / "shop.py"
    file.write_text("\nimport broken_helper_of_a_test\n")
    with pytest.raises(ActivitiesNotLoaded, match=r"broken_helper_of_a_test\.py:1: .*SyntaxError"):
        load_activities(file)


def test_no_file_and_two_activities_of_one_name_are_named(tmp_path: Path) -> None:
    with pytest.raises(ActivitiesNotLoaded, match=r"none\.py: the file cannot be read \(No such file"):
        load_activities(tmp_path / "none.py")
    with pytest.raises(ActivitiesNotLoaded, match="cannot be read"):
        load_activities(tmp_path)
    file = tmp_path / "twice.py"
    file.write_text(
        "from itonami.workflow.activities import http_activity\n"
        "A = http_activity('pay', 'http://a')\nB = http_activity('pay', 'http://b')\n"
    )
    with pytest.raises(ActivitiesNotLoaded, match=r"twice\.py: two different activities are called 'pay'"):
        load_activities(file)


def test_loading_a_file_again_reads_it_again(tmp_path: Path) -> None:
    file = tmp_path / "shop.py"
    template = "from itonami.workflow.activities import activity\n@activity\ndef {}(): ...\n"
    for name in ("one", "two"):
        file.write_text(template.format(name))
        assert load_activities(file).names() == (name,)


def test_a_sql_and_an_http_activity_made_twice_are_two() -> None:
    with pytest.raises(InvalidValue, match="two different"):
        Registry([sql_activity("x", "sqlite://", "SELECT 1"), http_activity("x", "http://a")])


def test_client_libraries_are_loaded_by_the_first_activity_that_needs_them_and_not_before() -> None:
    program = """if True:
        import sys
        from itonami.workflow.activities import http_activity, sql_activity
        loaded = lambda: sorted({'httpx', 'sqlalchemy'} & set(sys.modules))
        print(loaded())
        http_activity('a', 'http://a')
        print(loaded())
        sql_activity('b', 'sqlite://', 'SELECT 1')
        print(loaded())
    """
    said = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert said.splitlines() == ["[]", "['httpx']", "['httpx', 'sqlalchemy']"]
