"""Mappings: JSON with paths in it, which picks a step's input out of what the run knows so far.

A mapping is any JSON value. A text in it that starts with `$` is a JSONPath query (RFC 9535) over the
*scope*, an object with `inputs`, `steps` (`steps.ID.status`, `.output`, `.error`), `item` and `error`; `$$`
at the start stands for a literal `$`. A singular query (RFC 9535, section 2.3.5.1) gives the value it
finds, any other the list of values. A query that finds nothing is an error, never a silent null.

The law: a singular query is answered by walking its names and indices, with exactly the library's answer
(`tests/workflow/test_mapping.py` holds the two together). Pure; nothing about steps or engines may live here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from itonami.workflow.definition.errors import DefinitionError, MappingError
from itonami.workflow.definition.values import JSON, child, nearest
from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathError, JSONPathQuery
from jsonpath_rfc9535.segments import JSONPathRecursiveDescentSegment
from jsonpath_rfc9535.selectors import FilterSelector, IndexSelector, NameSelector

__all__ = ["SCOPE_NAMES", "CompiledMapping", "compile_mapping"]

SCOPE_NAMES = ("inputs", "steps", "item", "error")
"""The names at the top of a scope: what a mapping and a guard can read."""

MAX_PATH_CHARS = 2_000
MAX_DESCENTS = 3  # each `..` multiplies the work by the size of the data
MAX_MATCHES = 1_000_000
MAX_DEPTH = 100

_ENVIRONMENT = JSONPathEnvironment()
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
    scope has. Costs about 50 us a path, once a distinct path.

    >>> compile_mapping({"id": "$.inputs.orderId", "price": "$$5"}).evaluate({"inputs": {"orderId": 7}})
    {'id': 7, 'price': '$5'}
    """
    paths: list[_Path] = []
    evaluate = _compile(obj, where, paths, 0)
    return CompiledMapping(
        references=_union(path.steps for path in paths),
        inputs=_union(path.inputs for path in paths),
        _evaluate=evaluate,
    )


@dataclass(frozen=True, slots=True)
class _Path:
    """One query: its keys when it is singular, and which names below `steps` and `inputs` it reads."""

    text: str
    query: JSONPathQuery
    keys: tuple[str | int, ...] | None
    steps: frozenset[str] | None
    inputs: frozenset[str] | None

    def find(self, scope: Mapping[str, JSON], where: str) -> JSON:
        return self._walk(self.keys, scope, where) if self.keys is not None else self._search(scope, where)

    def _walk(self, keys: tuple[str | int, ...], scope: Mapping[str, JSON], where: str) -> JSON:
        value: JSON = scope
        for depth, key in enumerate(keys):
            if isinstance(value, dict) and isinstance(key, str):
                if key in value:
                    value = value[key]
                    continue
            elif isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value):
                value = value[key]
                continue
            raise self._nothing(where, value, keys[:depth], key)
        return value

    def _search(self, scope: Mapping[str, JSON], where: str) -> list[JSON]:
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

    def _nothing(
        self, where: str, value: JSON, reached: tuple[str | int, ...], key: str | int
    ) -> MappingError:
        place = "$"
        for step in reached:
            place = child(place, step)
        if isinstance(value, dict) and isinstance(key, str):
            fix = nearest(key, (name for name in value if isinstance(name, str)), "it is empty")
            fix = f"at {place}: {fix}"
        else:
            fix = f"at {place} there is {_shape_of(value)}"
        return MappingError(f"the path {self.text!r} finds nothing", where=where, fix=fix)


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
    if path.query.segments:
        name = _sole_name(path.query, 0)
        if name is not None and name not in SCOPE_NAMES:
            raise DefinitionError(
                f"the path {text!r} starts at an unknown name", where=where, fix=nearest(name, SCOPE_NAMES)
            )
    return path


@lru_cache(maxsize=4096)
def _parse_path(text: str) -> _Path:
    fix = "write a JSONPath such as '$.inputs.name', or '$$' for a text that starts with '$'"
    if len(text) > MAX_PATH_CHARS:
        raise DefinitionError(f"the path has more than {MAX_PATH_CHARS} characters", fix="shorten it")
    if text.count("..") > MAX_DESCENTS:
        raise DefinitionError(f"the path {text!r} has more than {MAX_DESCENTS} '..'", fix="name the way down")
    try:
        query = _ENVIRONMENT.compile(text)
    except JSONPathError as err:
        raise DefinitionError(f"{text!r} is no JSONPath: {err}", fix=fix) from err
    except RecursionError as err:
        raise DefinitionError("the path nests too deeply", fix="write a simpler path") from err
    keys = tuple(_key(query, i) for i in range(len(query.segments))) if query.singular_query() else None
    return _Path(
        text=text,
        query=query,
        keys=keys,
        steps=_names_below("steps", query),
        inputs=_names_below("inputs", query),
    )


def _key(query: JSONPathQuery, i: int) -> str | int:
    selector = query.segments[i].selectors[0]
    if isinstance(selector, NameSelector):
        return selector.name
    assert isinstance(selector, IndexSelector)  # a singular query has no other selector
    return selector.index


def _names_below(root: str, query: JSONPathQuery) -> frozenset[str] | None:
    """The names directly below `$.root` that the query reads; None when the text does not tell."""
    for segment in query.segments:
        for selector in segment.selectors:
            # `$` in a filter is a second query over the scope (or a text, which we do not tell apart)
            if isinstance(selector, FilterSelector) and "$" in str(selector):
                return None
    first = _sole_name(query, 0)
    if first is None:
        return None
    if first != root:
        return frozenset()
    second = _sole_name(query, 1)
    return None if second is None else frozenset((second,))


def _sole_name(query: JSONPathQuery, i: int) -> str | None:
    """The name that the segment number `i` selects, if it is there and selects one name and nothing else."""
    if i >= len(query.segments) or isinstance(query.segments[i], JSONPathRecursiveDescentSegment):
        return None
    selectors = query.segments[i].selectors
    return selectors[0].name if len(selectors) == 1 and isinstance(selectors[0], NameSelector) else None


def _union(sets: Iterable[frozenset[str] | None]) -> frozenset[str] | None:
    union: frozenset[str] = frozenset()
    for one in sets:
        if one is None:
            return None
        union |= one
    return union


def _shape_of(value: JSON) -> str:
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "an object" if isinstance(value, dict) else f"no object or list but {value!r:.40}"
