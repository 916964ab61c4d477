"""Definition files: three formats, one object; and whatever else stands at a path is a typed error."""

import contextlib
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from itonami.workflow.definition import DefinitionError, load_definition, loads
from itonami.workflow.definition.load import MAX_FILE_BYTES, read_json
from itonami.workflow.definition.yaml12 import MAX_YAML_CHARS, read_yaml

SMALL = {"workflow": {"id": "w", "strategy": {"op": "activity", "activity_ref": "a"}}}

AS_JSON = json.dumps(SMALL)
AS_YAML = "workflow:\n  id: w\n  strategy: {op: activity, activity_ref: a}\n"
AS_JSONNET = (
    "local act(ref) = { op: 'activity', activity_ref: ref };\n{ workflow: { id: 'w', strategy: act('a') } }\n"
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("w.json", AS_JSON),
        ("w.JSON", "\ufeff" + AS_JSON),
        ("w.yaml", AS_YAML),
        ("w.yml", AS_JSON),
        ("w.kotoba", AS_JSONNET),
        ("w.jsonnet", AS_JSONNET),
        ("w.libsonnet", AS_JSON),
    ],
)
def test_every_suffix_gives_the_same_definition(tmp_path, name, text):
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    definition = load_definition(file)
    assert definition.source == SMALL
    assert load_definition(str(file)).address == definition.address


@pytest.mark.parametrize(("format", "text"), [("json", AS_JSON), ("yaml", AS_YAML), ("jsonnet", AS_JSONNET)])
def test_a_text_gives_what_the_file_gives(format, text):
    assert loads(text, format).source == SMALL


def _error(text, format, name="w"):
    with pytest.raises(DefinitionError) as caught:
        loads(text, format, name)
    assert caught.value.fix
    return caught.value


def test_a_wrong_definition_is_told_with_its_file_and_its_place():
    err = _error(AS_JSON.replace("activity_ref", "activity"), "json", "order.json")
    assert err.where == "order.json: $.workflow.strategy"
    assert str(err).startswith("order.json: $.workflow.strategy: unknown key 'activity'; did you mean")


def test_an_unknown_format_lists_the_known_ones():
    assert "json, yaml, jsonnet" in _error("", "toml").fix


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ('{\n  "a": 1,\n}', "w:3:1", "no JSON"),
        ("", "w:1:1", "no JSON"),
        ('{"a": 1} x', "w:1:10", "Extra data"),
        ('{"a": {"b": 1, "b": 2}}', "w", "'b' stands twice"),
        ('{"a": NaN}', "w", "NaN is no JSON number"),
        ('{"a": -Infinity}', "w", "-Infinity is no JSON number"),
        ('{"a": 1e999}', "w", "1e999 is too large"),
        ('{"a": ' + "1" * 5000 + "}", "w", "too many digits"),
        ("[" * 100_000, "w", "nests too deeply"),
        ('{"a": "\t"}', "w:1:8", "control character"),
    ],
)
def test_what_is_no_json_is_refused(text, where, what):
    err = _error(text, "json")
    assert err.where == where
    assert what in err.what


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: no\nb: 2020-01-01\nc: 1_000\nd: 1:30\ne: '5'\n",
         {"a": "no", "b": "2020-01-01", "c": "1_000", "d": "1:30", "e": "5"}),
        ("a: 010\nb: 0o17\nc: 0x1f\nd: .5\ne: 1e3\nf: ~\ng:\n",
         {"a": 10, "b": 15, "c": 31, "d": 0.5, "e": 1000.0, "f": None, "g": None}),
        ("a: !!str 5\nb: !!int 5\nc: TRUE\nd: False\n", {"a": "5", "b": 5, "c": True, "d": False}),
        ("%YAML 1.1\n---\na: yes\n", {"a": "yes"}),
        ("a: &x {k: 1}\nb: *x\nc: {<<: *x, k: 2}\nd: {<<: [*x, {m: 3, k: 4}]}\n",
         {"a": {"k": 1}, "b": {"k": 1}, "c": {"k": 2}, "d": {"k": 1, "m": 3}}),
        ("a: &x [1]\nb: &x [2]\nc: *x\n", {"a": [1], "b": [2], "c": [2]}),
        ("a: |\n  two\n  lines\n", {"a": "two\nlines\n"}),
    ],
)  # fmt: skip
def test_yaml_is_that_of_the_core_schema_1_2(text, value):
    assert read_yaml(text, "w") == value


BOMB = "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("a: [1,\nb: 2", "w:2:5", "no YAML"),
        ("a: 1\na: 2", "w:2:1", "'a' stands there twice"),
        ("a: {x: 1, x: 2}", "w:1:11", "'x' stands there twice"),
        ("a: *x", "w:1:4", "undefined alias"),
        ("a: &x [*x]", "w:1:4", "holds it"),
        ("a: !!python/object:os.system x", "w:1:4", "makes no JSON value"),
        ("a: !!binary aGk=", "w:1:4", "makes no JSON value"),
        ("a: !!set {x}", "w:1:4", "makes no JSON value"),
        ("1: a", "w:1:1", "the key 1 is no text"),
        ("? [a]\n: b", "w:1:3", "is no text"),
        ("a: .inf", "w:1:4", "'.inf' is no JSON number"),
        ("a: .NaN", "w:1:4", "'.NaN' is no JSON number"),
        ("a: 1e999", "w:1:4", "'1e999' is no JSON number"),
        ("a: {<<: [1]}", "w:1:9", "merges mappings only"),
        ("", "w", "is empty"),
        ("a: 1\n---\nb: 2", "w:2:1", "another document"),
        ("a: \x01", "w", "not allowed"),
        ("[" * 3000, "w:1:65", "more than 64 open brackets"),
        ("".join(" " * i + "a:\n" for i in range(650)), "w", "nests too deeply"),
        (BOMB, "w:7:4", "expand to more than 1000000"),
        ("a: " + "x" * MAX_YAML_CHARS, "w", "characters of YAML"),
    ],
)
def test_yaml_that_is_no_json_is_refused_with_line_and_column(text, where, what):
    err = _error(text, "yaml")
    assert err.where == where
    assert what in err.what


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_what_json_writes_both_readers_read_alike(value):
    text = json.dumps(value)
    assert read_json(text, "w") == value
    if "\x7f" not in text and len(text) < 100:  # YAML knows no bare DEL, and no flow keys of 1,024 characters
        assert read_yaml(text, "w") == value


@given(st.text(alphabet="ab:- \n[]{}&*!#|>'\"?,0.<~%", max_size=40))
def test_no_text_makes_anything_but_json_or_a_typed_error(text):
    for read in (read_yaml, read_json):
        with contextlib.suppress(DefinitionError):
            json.dumps(read(text, "w"))


def test_the_yaml_a_library_writes_is_read_back(tmp_path):
    file = tmp_path / "w.yaml"
    with file.open("w") as out:
        YAML(typ="safe", pure=True).dump(SMALL, out)
    assert load_definition(file).source == SMALL


def _load_error(path):
    with pytest.raises(DefinitionError) as caught:
        load_definition(path)
    assert str(path) == caught.value.where
    return caught.value.what


def test_a_path_that_holds_no_definition_is_a_typed_error(tmp_path):
    assert "No such file" in _load_error(tmp_path / "missing.json")
    (tmp_path / "folder.json").mkdir()
    assert "no file" in _load_error(tmp_path / "folder.json")
    os.mkfifo(tmp_path / "pipe.json")
    assert "no file" in _load_error(tmp_path / "pipe.json")
    (tmp_path / "loop.json").symlink_to("loop.json")
    assert "cannot be read" in _load_error(tmp_path / "loop.json")
    (tmp_path / "latin.json").write_bytes(b'{"a": "\xe9"}')
    assert "byte 7 is no UTF-8" in _load_error(tmp_path / "latin.json")
    (tmp_path / "big.json").write_bytes(b" " * (MAX_FILE_BYTES + 1))
    assert "more than 4194304 bytes" in _load_error(tmp_path / "big.json")
    assert "no format is known for the suffix '.txt'" in _load_error(tmp_path / "w.txt")
    assert "no format is known for the suffix ''" in _load_error(tmp_path / "w")
    assert "cannot be read" in _load_error("a\0b.json")
