"""Mappings: JSON with paths in it, which picks a step's input out of what the run knows so far.

A mapping is any JSON value. A text in it that starts with `$` is a JSONPath query (RFC 9535) over the
*scope*, an object with `inputs`, `steps` (`steps.ID.status`, `.output`, `.error`), `item` and `error`; `$$`
at the start stands for a literal `$`. A singular query (RFC 9535, section 2.3.5.1) gives the value it
finds, any other the list of values. A query that finds nothing is an error, never a silent null.

The law: a singular query is answered by walking its names and indices, with exactly the library's answer
(`tests/workflow/test_mapping.py` holds the two together). Pure; nothing about steps or engines may live here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathError, JSONPathQuery
from jsonpath_rfc9535.segments import JSONPathRecursiveDescentSegment
from jsonpath_rfc9535.selectors import FilterSelector, IndexSelector, NameSelector

from itonami.workflow.definition.errors import DefinitionError, MappingError
from itonami.workflow.definition.values import JSON, child, nearest

__all__ = ["SCOPE_NAMES", "CompiledMapping", "compile_mapping"]

SCOPE_NAMES = ("inputs", "steps", "item", "error")
"""The names at the top of a scope: what a mapping and a guard can read."""

MAX_PATH_CHARS = 2_000
MAX_DESCENTS = 3  # each `..` multiplies the work by the size of the data
MAX_MATCHES = 1_000_000
MAX_DEPTH = 100

_ENVIRONMENT = JSONPathEnvironment()
_PLAIN_PATH = re.compile(r"\$(?:\.[A-Za-z_][A-Za-z0-9_]*)*")  # member-name-shorthand, in ASCII
_Evaluate = Callable[[Mapping[str, JSON]], JSON]


@dataclass(frozen=True, slots=True)
class CompiledMapping:
    """A mapping, ready to be evaluated many times.

    `references` are the ids of the steps it reads and `inputs` the names of the inputs it reads; None: it
    cannot be told from the text, so possibly all.
    """

    references: frozenset[str] | None
    inputs: frozenset[str] | None
    _evaluate: _Evaluate

    def evaluate(self, scope: Mapping[str, JSON]) -> JSON:
        """The mapped value. Containers of the mapping are fresh, values found in the scope are shared with
        it.

        Raises `MappingError` naming the path, and its place in the mapping, when a path finds nothing.
        """
        return self._evaluate(scope)


def compile_mapping(obj: JSON, where: str = "$") -> CompiledMapping:
    """Compile the mapping `obj`, a JSON value that stands at the place `where` of its document.

    Raises `DefinitionError` for a text that starts with `$` and is no JSONPath, or that starts at a name no
    scope has. A path of names costs 2 us, any other about 100 us, once a distinct path.

    >>> compile_mapping({"id": "$.inputs.orderId", "price": "$$5"}).evaluate({"inputs": {"orderId": 7}})
    {'id': 7, 'price': '$5'}
    """
    paths: list[_Path] = []
    evaluate = _compile(obj, where, paths, 0)
    return CompiledMapping(
        references=_names_below("steps", paths),
        inputs=_names_below("inputs", paths),
        _evaluate=evaluate,
    )


@dataclass(frozen=True, slots=True)
class _Singular:
    """A query that finds at most one value: the names and indices on the way to it."""

    text: str
    keys: tuple[str | int, ...]

    @property
    def head(self) -> tuple[str | int, ...]:
        return self.keys[:2]

    def find(self, scope: Mapping[str, JSON], where: str) -> JSON:
        value: JSON = scope
        for depth, key in enumerate(self.keys):
            if isinstance(value, dict) and isinstance(key, str):
                if key in value:
                    value = value[key]
                    continue
            elif isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value):
                value = value[key]
                continue
            raise self._nothing(where, value, depth)
        return value

    def _nothing(self, where: str, value: JSON, depth: int) -> MappingError:
        place, key = "$", self.keys[depth]
        for step in self.keys[:depth]:
            place = child(place, step)
        if isinstance(value, dict) and isinstance(key, str):
            there = nearest(key, (name for name in value if isinstance(name, str)), "it is empty")
        else:
            there = f"there is {_shape_of(value)}"
        return MappingError(f"the path {self.text!r} finds nothing", where=where, fix=f"at {place}: {there}")


@dataclass(frozen=True, slots=True)
class _Search:
    """A query that finds any number of values, left to the library; `head` is as much of a way as it has."""

    text: str
    query: JSONPathQuery
    head: tuple[str | int, ...]

    def find(self, scope: Mapping[str, JSON], where: str) -> list[JSON]:
        try:
            found = [node.value for node in islice(self.query.finditer(dict(scope)), MAX_MATCHES + 1)]
        except (JSONPathError, RecursionError) as err:
            raise MappingError(
                f"the path {self.text!r} failed: {err}", where=where, fix="write a simpler path"
            ) from err
        if not found:
            raise MappingError(
                f"the path {self.text!r} finds nothing",
                where=where,
                fix="mind which steps have ended by then",
            )
        if len(found) > MAX_MATCHES:
            raise MappingError(
                f"the path {self.text!r} finds more than {MAX_MATCHES} values", where=where, fix="narrow it"
            )
        return found


_Path = _Singular | _Search


def _compile(obj: JSON, where: str, paths: list[_Path], depth: int) -> _Evaluate:
    if depth > MAX_DEPTH:
        raise DefinitionError(
            f"the mapping nests deeper than {MAX_DEPTH} levels", where=where, fix="flatten it"
        )
    if isinstance(obj, str) and obj.startswith("$"):
        if obj.startswith("$$"):
            return _constant(obj[1:])
        path = _path(obj, where)
        paths.append(path)
        return lambda scope: path.find(scope, where)
    if isinstance(obj, dict):
        items = [(key, _compile(one, child(where, key), paths, depth + 1)) for key, one in obj.items()]
        return lambda scope: {key: evaluate(scope) for key, evaluate in items}
    if isinstance(obj, list):
        row = [_compile(one, child(where, i), paths, depth + 1) for i, one in enumerate(obj)]
        return lambda scope: [evaluate(scope) for evaluate in row]
    return _constant(obj)


def _constant(value: JSON) -> _Evaluate:
    return lambda scope: value


def _path(text: str, where: str) -> _Path:
    try:
        path = _parse_path(text)
    except DefinitionError as err:
        raise DefinitionError(err.what, where=where, fix=err.fix) from err
    if path.head and path.head[0] not in SCOPE_NAMES:
        raise DefinitionError(
            f"the path {text!r} starts at an unknown name",
            where=where,
            fix=nearest(str(path.head[0]), SCOPE_NAMES),
        )
    return path


@lru_cache(maxsize=4096)
def _parse_path(text: str) -> _Path:
    if len(text) > MAX_PATH_CHARS:
        raise DefinitionError(f"the path has more than {MAX_PATH_CHARS} characters", fix="shorten it")
    if _PLAIN_PATH.fullmatch(text):
        return _Singular(text, tuple(text.split(".")[1:]))
    if text.count("..") > MAX_DESCENTS:
        raise DefinitionError(f"the path {text!r} has more than {MAX_DESCENTS} '..'", fix="name the way down")
    try:
        query = _ENVIRONMENT.compile(text)
    except JSONPathError as err:
        fix = "write a JSONPath such as '$.inputs.name', or '$$' for a text that starts with '$'"
        raise DefinitionError(f"{text!r} is no JSONPath: {err}", fix=fix) from err
    except RecursionError as err:
        raise DefinitionError("the path nests too deeply", fix="write a simpler path") from err
    keys = _leading_keys(query)
    if query.singular_query():
        return _Singular(text, keys)
    return _Search(text, query, () if _filters_by_scope(query) else keys[:2])


def _leading_keys(query: JSONPathQuery) -> tuple[str | int, ...]:
    """The names and indices that the query starts with; all of it, when it is singular."""
    keys: list[str | int] = []
    for segment in query.segments:
        first, *others = segment.selectors
        if others or isinstance(segment, JSONPathRecursiveDescentSegment):
            break
        if isinstance(first, NameSelector):
            keys.append(first.name)
        elif isinstance(first, IndexSelector):
            keys.append(first.index)
        else:
            break
    return tuple(keys)


def _filters_by_scope(query: JSONPathQuery) -> bool:
    """Whether a filter may hold a second query over the scope: a `$`, or a text that looks like one."""
    selectors = (selector for segment in query.segments for selector in segment.selectors)
    return any(isinstance(one, FilterSelector) and "$" in str(one) for one in selectors)


def _names_below(root: str, paths: Iterable[_Path]) -> frozenset[str] | None:
    """The names directly below `$.root` that the paths read; None when their texts do not tell."""
    names: set[str] = set()
    for path in paths:
        if path.head and path.head[0] != root:
            continue
        if len(path.head) < 2 or not isinstance(path.head[1], str):
            return None
        names.add(path.head[1])
    return frozenset(names)


def _shape_of(value: JSON) -> str:
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "an object" if isinstance(value, dict) else f"no object or list but {value!r:.40}"
