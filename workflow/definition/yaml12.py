"""YAML to JSON values: YAML 1.2 with the core schema, so that a definition means the same in both spellings.

The law: a document that the core schema (YAML 1.2.2, section 10.3) reads as JSON is read so, and any other
is refused with its line and column. So `no` and `2020-01-01` are texts, `010` is ten, keys are texts and
stand once, and no tag makes an object. Aliases and merge keys (`<<`) are expanded, within a bound: nine
levels of nine aliases each would otherwise be a billion values out of a few hundred bytes. No file may be
read here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.scanner import Scanner, ScannerError

from itonami.workflow.definition.errors import DefinitionError
from itonami.workflow.definition.values import JSON

__all__ = ["MAX_YAML_CHARS", "read_yaml"]

MAX_YAML_CHARS = 256 * 1024
"""The scanner is pure Python and reads about 120,000 characters a second; JSON has sixteen times this
bound."""

MAX_FLOW_DEPTH = 64
"""The scanner looks at every open `[` and `{` again at each one more: without a bound, 3,000 cost it 5 s."""

MAX_EXPANDED = 1_000_000

_TAG = "tag:yaml.org,2002:"
_SCALARS = ("str", "null", "bool", "int", "float", "timestamp", "value")
_SCALAR_TAGS = frozenset(_TAG + name for name in _SCALARS)

_CORE_SCHEMA: tuple[tuple[re.Pattern[str], Callable[[str], JSON]], ...] = (
    (re.compile(r"null|Null|NULL|~|"), lambda text: None),
    (re.compile(r"true|True|TRUE"), lambda text: True),
    (re.compile(r"false|False|FALSE"), lambda text: False),
    (re.compile(r"[-+]?[0-9]{1,4000}"), int),
    (re.compile(r"0o[0-7]{1,4000}"), lambda text: int(text[2:], 8)),
    (re.compile(r"0x[0-9a-fA-F]{1,4000}"), lambda text: int(text[2:], 16)),
    (re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"), lambda text: float(text.replace(".", ""))),
)
"""Plain scalars, by YAML 1.2.2, section 10.3.2; what none matches is text."""


def read_yaml(text: str, name: str) -> JSON:
    """The one document in `text` as a JSON value; `name` is the file that errors name.

    Raises `DefinitionError` with line and column. Costs about 8 us a character.
    """
    if len(text) > MAX_YAML_CHARS:
        raise DefinitionError(
            f"more than {MAX_YAML_CHARS} characters of YAML", where=name, fix="write it as JSON, or split it"
        )
    yaml = YAML(typ="safe", pure=True)
    yaml.Scanner = _Scanner
    yaml.composer.warn_double_anchors = False  # YAML 1.2.2, section 3.2.2.2: an anchor may be used again
    try:
        root = yaml.compose(text)
        if root is None:
            raise DefinitionError("the document is empty", where=name, fix="write {workflow: {...}}")
        return _Reader(name).read(root)[0]
    except YAMLError as err:
        raise _syntax_error(err, name) from err
    except RecursionError as err:
        raise DefinitionError("the document nests too deeply", where=name, fix="flatten it") from err


class _Scanner(Scanner):
    """The library's scanner, with a bound on open brackets."""

    def fetch_flow_collection_start(self, TokenClass: Any, to_push: str) -> None:
        if self.flow_level >= MAX_FLOW_DEPTH:
            raise ScannerError(
                None,
                None,
                f"more than {MAX_FLOW_DEPTH} open brackets",
                self.reader.get_mark(),
                "use indentation",
            )
        super().fetch_flow_collection_start(TokenClass, to_push)


@dataclass(slots=True)
class _Reader:
    """Turns composed nodes into values, each aliased node once, counting what its expansion would be."""

    name: str
    done: dict[int, tuple[JSON, int] | None] = field(default_factory=dict)  # by node; None: in the making

    def read(self, node: Node) -> tuple[JSON, int]:
        """The value of `node`, and the number of values in it once every alias is expanded."""
        key = id(node)
        if key in self.done:
            made = self.done[key]
            if made is None:
                raise self._error(node, "an anchor stands for something that holds it", "write it out")
            return made
        self.done[key] = None
        if isinstance(node, ScalarNode):
            made = self._scalar(node), 1
        elif isinstance(node, SequenceNode) and node.tag == _TAG + "seq":
            made = self._sequence(node)
        elif isinstance(node, MappingNode) and node.tag == _TAG + "map":
            made = self._mapping(node)
        else:
            raise self._error(node, f"the tag {node.tag!r} makes no JSON value", "leave the tag out")
        if made[1] > MAX_EXPANDED:
            raise self._error(node, f"its aliases expand to more than {MAX_EXPANDED} values", "write less")
        self.done[key] = made
        return made

    def _sequence(self, node: SequenceNode) -> tuple[JSON, int]:
        items = [self.read(item) for item in node.value]
        return [value for value, _ in items], 1 + sum(size for _, size in items)

    def _mapping(self, node: MappingNode) -> tuple[JSON, int]:
        own: dict[str, JSON] = {}
        merged: dict[str, JSON] = {}
        total = 1
        for key_node, value_node in node.value:
            value, size = self.read(value_node)
            total += size
            if key_node.tag == _TAG + "merge":
                for one in value if isinstance(value, list) else [value]:
                    if not isinstance(one, dict):
                        raise self._error(value_node, "'<<' merges mappings only", "name a mapping's anchor")
                    merged = one | merged  # the earlier one wins
                continue
            key, _ = self.read(key_node)
            if not isinstance(key, str):
                raise self._error(key_node, f"the key {key!r:.40} is no text", "quote it")
            if key in own:
                raise self._error(key_node, f"the key {key!r:.40} stands there twice", "remove one")
            own[key] = value
        return merged | own, total

    def _scalar(self, node: ScalarNode) -> JSON:
        if node.tag not in _SCALAR_TAGS:
            raise self._error(node, f"the tag {node.tag!r} makes no JSON value", "leave the tag out")
        text: str = node.value
        if node.tag == _TAG + "str":
            return _joined(text)
        value = next((make(text) for pattern, make in _CORE_SCHEMA if pattern.fullmatch(text)), text)
        if isinstance(value, float) and not float("-inf") < value < float("inf"):
            raise self._error(node, f"{text!r:.40} is no JSON number", "quote it, or write a finite one")
        return value

    def _error(self, node: Node, what: str, fix: str) -> DefinitionError:
        mark = node.start_mark
        return DefinitionError(what, where=f"{self.name}:{mark.line + 1}:{mark.column + 1}", fix=fix)


def _joined(text: str) -> str:
    """`text` with each escaped surrogate pair made one character, as JSON has it (RFC 8259, section 7)."""
    try:
        return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return text  # a lone surrogate: `values.json_copy` refuses it with its place


def _syntax_error(err: YAMLError, name: str) -> DefinitionError:
    if isinstance(err, MarkedYAMLError) and err.problem_mark is not None:
        where = f"{name}:{err.problem_mark.line + 1}:{err.problem_mark.column + 1}"
        what = " ".join(part for part in (err.context, err.problem) if part)
    else:
        where, what = name, str(err).splitlines()[0]
    return DefinitionError(f"no YAML: {what}", where=where, fix="mend the line")
