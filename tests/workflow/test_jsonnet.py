"""Jsonnet: a whole language, kept in a child process that cannot outlast, outgrow or leave its folder."""

import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from itonami.workflow.definition import DefinitionError, load_definition
from itonami.workflow.definition.jsonnet import DEFAULT_LIMITS, Limits, evaluate_jsonnet

SHORT = Limits(wall_seconds=1.0, cpu_seconds=1, memory_bytes=256 * 2**20)


def _error(source, name="w.jsonnet", folder=None, limits=DEFAULT_LIMITS):
    with pytest.raises(DefinitionError) as caught:
        evaluate_jsonnet(source, name, folder, limits=limits)
    assert caught.value.fix
    return caught.value


def _children():
    """The processes whose parent this one is, zombies included (Linux)."""
    kids = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
        if int(fields[1]) == _self_pid():
            kids.add(int(stat.parent.name))
    return kids


def _self_pid():
    return int(Path("/proc/self").readlink().name)


def test_a_program_gives_json_text():
    assert evaluate_jsonnet("local x = 2; { a: x * 3, b: 'é😀' }", "w").split() == [
        "{", '"a":', "6,", '"b":', '"é😀"', "}",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "where", "what"),
    [
        ("{\n  a: 1,\n  b:\n}", "w.jsonnet:4:1", "no Jsonnet: "),
        ("{ a: x }", "w.jsonnet:1:6", "Unknown variable: x"),
        ("{ a: 1, a: 2 }", "w.jsonnet:1:9", "duplicate field: a"),
        ("{\n  a: error 'no luck' }", "w.jsonnet:2:6", "the program failed: no luck"),
        ("{ assert false : 'broken' }", "w.jsonnet:1:18", "broken"),
        ("{ a: std.extVar('HOME') }", "w.jsonnet:1:6", "undefined external variable"),
        ("function(x) x", "w.jsonnet", "parameter x not bound"),
        ("local f(x) = f(x + 1); f(0)", "w.jsonnet:1:14", "nested too deeply"),
        ("[" * 3000 + "]" * 3000, "w.jsonnet:1:501", "depth"),
        ("'\ud800'", "w.jsonnet", "surrogates not allowed"),
    ],
)
def test_an_error_of_the_program_is_told_with_its_line_and_column(source, where, what):
    err = _error(source)
    assert err.where == where
    assert what in err.what


@pytest.mark.parametrize(
    "source",
    [
        "local f(x) = f(x + 1) tailstrict; f(0)",
        "std.foldl(function(a, i) a + i, std.range(1, 1000000000), 0)",
        "local fib(n) = if n < 2 then n else fib(n - 1) + fib(n - 2); fib(60)",
    ],
)
def test_an_endless_program_is_ended_and_reaped(source):
    before, start = _children(), time.monotonic()
    assert re.search("took longer than 1 s|more memory", _error(source, limits=SHORT).what)
    assert time.monotonic() - start < 6
    assert _children() == before


@pytest.mark.parametrize(
    "source",
    [
        "local d(s, n) = if n == 0 then s else d(s + s, n - 1) tailstrict; d('xxxxxxxx', 40)",
        "std.length(std.makeArray(1e9, function(i) i))",
        "std.repeat('a', 1e10)",
    ],
)
def test_a_program_that_asks_for_all_memory_gets_an_error(source):
    before = _children()
    err = _error(source, limits=Limits(memory_bytes=256 * 2**20))
    assert "more memory than 256 MiB" in err.what
    assert err.where == "w.jsonnet"
    assert _children() == before


def test_a_value_past_the_output_bound_is_refused():
    limits = Limits(max_output_bytes=1000)
    assert "more than 1000 bytes" in _error("std.repeat('a', 2000)", limits=limits).what
    assert len(evaluate_jsonnet("std.repeat('a', 900)", "w", limits=limits)) < 1000


def test_processor_time_is_bounded_even_if_nobody_watches_the_clock():
    limits = Limits(wall_seconds=60, cpu_seconds=1)
    start = time.monotonic()
    assert "took longer" in _error("local f(x) = f(x + 1) tailstrict; f(0)", limits=limits).what
    assert time.monotonic() - start < 30


@pytest.fixture
def folder(tmp_path):
    inside = tmp_path / "definitions"
    (inside / "lib").mkdir(parents=True)
    (inside / "lib" / "retry.libsonnet").write_text(
        "{ maximum_attempts: 5, notes: importstr '../notes.txt' }"
    )
    (inside / "lib" / "broken.libsonnet").write_text("{\n  a: error 'deep' }")
    (inside / "notes.txt").write_text("hello")
    (tmp_path / "secret.txt").write_text("secret")
    (inside / "inner.txt").symlink_to("notes.txt")
    (inside / "leak.txt").symlink_to(tmp_path / "secret.txt")
    (inside / "out").symlink_to(tmp_path)
    return inside


def test_a_program_imports_from_its_own_folder_and_below(folder):
    text = evaluate_jsonnet("(import 'lib/retry.libsonnet') { inner: importstr 'inner.txt' }", "w", folder)
    assert text.split() == [
        "{", '"inner":', '"hello",', '"maximum_attempts":', "5,", '"notes":', '"hello"', "}",
    ]  # fmt: skip


@pytest.mark.parametrize("keyword", ["import", "importstr", "importbin"])
@pytest.mark.parametrize(
    "target",
    [
        "../secret.txt",
        "lib/../../secret.txt",
        "/etc/passwd",
        "leak.txt",
        "out/secret.txt",
        "{folder}/../secret.txt",
    ],
)
def test_an_import_that_leaves_the_folder_is_refused_by_name(folder, keyword, target):
    target = target.format(folder=folder)
    err = _error(f"{keyword} '{target}'", folder=folder)
    assert f'couldn\'t open import "{target}"' in err.what
    assert "leaves the definition's folder" in err.what
    assert err.where == "w.jsonnet:1:1"
    assert "secret" not in err.what.replace(target, "")


@pytest.mark.parametrize("target", ["missing.libsonnet", "lib", "."])
def test_an_import_of_no_file_is_refused_by_name(folder, target):
    err = _error(f"import '{target}'", folder=folder)
    assert f'"{target}": there is no such file' in err.what


def test_an_absolute_path_into_the_folder_is_refused_too(folder):
    assert "absolute path" in _error(f"importstr '{folder}/notes.txt'", folder=folder).what


def test_a_text_without_a_folder_imports_nothing():
    assert "imports nothing" in _error("import 'a.libsonnet'").what


def test_an_error_in_an_import_names_the_file_relative_to_the_folder(folder):
    err = _error("import 'lib/broken.libsonnet'", folder=folder)
    assert err.where == "lib/broken.libsonnet:2:6"
    assert str(folder) not in str(err)


def test_an_import_past_the_size_bound_is_refused(folder):
    (folder / "big.txt").write_text("x" * 2000)
    limits = Limits(max_import_bytes=1000)
    assert "more than 1000 bytes" in _error("importstr 'big.txt'", folder=folder, limits=limits).what


def test_an_import_that_is_no_utf_8_gets_replacement_characters(folder):
    (folder / "latin.txt").write_bytes(b"caf\xe9")
    assert evaluate_jsonnet("importstr 'latin.txt'", "w", folder) == '"caf\ufffd"\n'


def test_a_definition_in_a_symlinked_folder_imports_beside_itself(folder, tmp_path):
    (folder / "w.jsonnet").write_text(
        "local lib = import 'lib/retry.libsonnet';"
        "{ workflow: { id: 'w', strategy: { op: 'activity', activity_ref: 'a',"
        " retry_policy: { maximum_attempts: lib.maximum_attempts } } } }"
    )
    (tmp_path / "alias").symlink_to(folder)
    assert load_definition(tmp_path / "alias" / "w.jsonnet").strategy.retry_policy.maximum_attempts == 5


def test_the_environment_of_the_caller_cannot_change_the_child(folder, monkeypatch, tmp_path):
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "json.py"))
    monkeypatch.chdir(tmp_path)
    assert evaluate_jsonnet("1", "w") == "1\n"


def test_what_a_program_traces_goes_nowhere(capfd):
    evaluate_jsonnet("std.trace('noise', 1)", "w")
    assert capfd.readouterr() == ("", "")


def test_threads_may_evaluate_at_once():
    answers = {}
    threads = [
        threading.Thread(target=lambda i=i: answers.update({i: evaluate_jsonnet(f"{i} * 2", "w")}))
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {i: f"{i * 2}\n" for i in range(4)}


def test_an_interrupt_ends_the_child_before_it_is_passed_on():
    program = (
        "import os, signal, threading\n"
        "from itonami.workflow.definition.jsonnet import Limits, evaluate_jsonnet\n"
        "threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()\n"
        "try:\n"
        "    limits = Limits(wall_seconds=60, cpu_seconds=60)\n"
        "    evaluate_jsonnet('local f(x) = f(x + 1) tailstrict; f(0)', 'w', limits=limits)\n"
        "except KeyboardInterrupt:\n"
        "    try:\n"
        "        os.waitpid(-1, os.WNOHANG)\n"
        "    except ChildProcessError:\n"
        "        print('no child is left')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout == "no child is left\n", done.stderr
