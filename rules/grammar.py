"""A graph grammar: rules, start graphs and perhaps a program, from one JSON object.

    {name, rules: [rule], start: graph | {key: graph}, program?, semantics?}
    graph: {nodes: [{id, label | labels, attributes?}], edges: [{id?, src, label, tgt, attributes?}]}
    semantics: {injective, nac_injective, iso, subtypes, rhs_is_nac, check_creator_edges}

Rules are in the form of `form`, programs in that of `instruction`. A subtype is a node that has its supertypes' labels
too: `subtypes` {T: [direct supertypes]} is closed and written into every graph, so matching needs to know nothing of
types (Ehrig et al. 2006, chapter 13, by flattening). Whatever `graph` and `approach` say, a grammar means double
pushouts on multigraphs; `check_dangling` is what these do anyway. Unlike a `RuleSet`, a grammar may create without
using anything up. Exploring and running a grammar do not live here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from itonami.graphstore.codec import Value, normalise
from itonami.graphstore.errors import InvalidValue
from itonami.graphstore.graph import Edge, Graph, Node
from itonami.rules.errors import RuleError
from itonami.rules.form import labels_of, listed, typed
from itonami.rules.pattern import Injective
from itonami.rules.programs.creators import creator_edges_as_nacs, rhs_as_nac
from itonami.rules.programs.instruction import Instruction, program_of
from itonami.rules.rule import Rule

__all__ = ["Grammar", "graph_of"]

MAX_NAME_BYTES = 255
MAX_PRIORITY = 1 << 53
_ABSENT = object()


@dataclass(frozen=True)
class Grammar:
    """Rules by priority (higher first, then in their order), and start graphs by key, the first one first.

    `injective` and `nac_injective` say which matches count, and which embeddings of a NAC; `isomorphic`, whether
    states that differ in ids only are one (where a file does not say: if a rule creates nodes, for their ids tell how
    they came about). `supertypes` are those of each type, all of them; `meant` are the semantics the numbers of a
    file were made with, where those are not ours.
    """

    name: str
    rules: tuple[Rule, ...]
    starts: dict[str, Graph]
    injective: Injective = True
    nac_injective: Injective = True
    isomorphic: bool = False
    program: tuple[Instruction, ...] = ()
    supertypes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    meant: str | None = None

    @classmethod
    def load(cls, obj: Any) -> Grammar:
        """The grammar of a JSON object. Raises `RuleError` wherever it is none, and names the place."""
        if not isinstance(obj, dict):
            raise RuleError(f"a grammar is a JSON object, not {type(obj).__name__}")
        name = typed(obj, "name", str, "grammar", "")
        place = f"grammar {name[:MAX_NAME_BYTES]!r}"
        semantics = typed(obj, "semantics", dict, place, {})
        types = _closed(typed(semantics, "subtypes", dict, place, {}), place)
        rules = tuple(
            _guarded(_rule_of(_typed_rule(rule, types), place), semantics, place)
            for rule in listed(obj, "rules", place)
        )
        _check_names(rules, place)
        injective = _mode(semantics, "injective", place, True)
        creates = any(rule.create.nodes for rule in rules)
        isomorphic = typed(semantics, "iso", bool, place, creates)
        return cls(
            name,
            tuple(sorted(rules, key=lambda rule: -rule.priority)),
            {
                key: graph_of(
                    _typed_graph(graph, types), f"{place}, start {key!r}" if key else f"{place}, start"
                )
                for key, graph in _starts(obj, place).items()
            },
            injective,
            _mode(semantics, "nac_injective", place, injective),
            isomorphic,
            program_of(obj.get("program", []), [rule.name for rule in rules], "program"),
            {type_: frozenset(above) - {type_} for type_, above in types.items()},
            _meant(semantics, place),
        )

    def rule(self, name: str) -> Rule:
        """The rule of that name, else `RuleError`."""
        for rule in self.rules:
            if rule.name == name:
                return rule
        known = ", ".join(rule.name for rule in self.rules[:20])
        raise RuleError(f"no rule {name!r}", where=f"grammar {self.name!r}", fix=f"known: {known}")

    def start(self, key: str | None = None, n: int | None = None) -> Graph:
        """The start graph of a key; else, where there are several, that for N; else the first. `RuleError` if none."""
        return self.starts[self.start_key(key, n)] if self.starts else Graph()

    def start_key(self, key: str | None = None, n: int | None = None) -> str:
        """The key that `start` finds; `3` and `N=3` find each other. Where no key is a number, N chooses none."""
        numbered = {
            number: other for other in reversed(self.starts) if (number := _number(other)) is not None
        }
        if key is None and (n is None or not numbered):
            return next(iter(self.starts), "")
        wanted = str(n) if key is None else key
        if wanted in self.starts:
            return wanted
        if (number := _number(wanted)) in numbered:
            return numbered[number]
        known = ", ".join(other or "(unnamed)" for other in islice(self.starts, 20))
        raise RuleError(
            f"no start graph {wanted!r}",
            where=f"grammar {self.name!r}",
            fix=f"use one of: {known}" if known else "it has none",
        )

    def size(self, key: str | None = None, n: int | None = None) -> int | None:
        """N: as given, else what the key of the start graph says it is, else None."""
        return _number(self.start_key(key)) if n is None else n


def _number(key: str) -> int | None:
    """The N of a key such as `3` or `N=3`."""
    found = re.fullmatch(r"\s*(?:[Nn]\s*=\s*)?([0-9]{1,18})\s*", key)
    return None if found is None else int(found[1])


# -- graphs ------------------------------------------------------------------------------------------------------


def graph_of(obj: Any, where: str = "graph") -> Graph:
    """The graph of a JSON object; edges without an id are numbered. Raises `RuleError`. O(size)."""
    if not isinstance(obj, dict):
        raise RuleError(f"a graph is a JSON object, not {type(obj).__name__}", where=where)
    nodes: dict[str, Node] = {}
    edges: dict[str, Edge] = {}
    for item in listed(obj, "nodes", where):
        id = _name(typed(item, "id", str, where), "a node's id", where)
        if id in nodes:
            raise RuleError(f"{id!r} names two nodes", where=where, fix="rename one of them")
        labels = labels_of(item, where) or ()
        nodes[id] = Node(id, [_name(label, "a label", where) for label in labels], _attributes(item, where))
    for count, item in enumerate(listed(obj, "edges", where)):
        id = _name(typed(item, "id", str, where, f"#{count}"), "an edge's id", where)
        source, target = typed(item, "src", str, where), typed(item, "tgt", str, where)
        if id in edges or id in nodes:
            raise RuleError(f"{id!r} names two elements", where=where, fix="rename one of them")
        for end in (source, target):
            if end not in nodes:
                raise RuleError(f"edge {id!r} has no end {end!r}", where=where, fix=f"add node {end!r}")
        label = typed(item, "label", str, where)
        edges[id] = Edge(
            id, source, label and _name(label, "a label", where), target, _attributes(item, where)
        )
    return Graph().replaced([*nodes.values(), *edges.values()])


def _name(text: str, what: str, where: str) -> str:
    """An id or label, once the store would take it."""
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise RuleError(f"{what} holds a lone surrogate", where=where, fix="use well-formed Unicode")
    if not 0 < len(text.encode()) <= MAX_NAME_BYTES:
        raise RuleError(f"{what} must have 1 to {MAX_NAME_BYTES} bytes", where=where, fix="rename it")
    return text


def _attributes(item: dict[str, Any], where: str) -> dict[str, Value]:
    attributes: dict[str, Value] = typed(item, "attributes", dict, where, {})
    try:
        return {key: value for key, value in normalise(attributes).items() if value is not None}
    except InvalidValue as error:
        raise RuleError(f"an attribute is no value: {error.what}", where=where, fix=error.fix) from error


def _starts(obj: dict[str, Any], place: str) -> dict[str, Any]:
    """The start graphs by key; one without a key has the empty one."""
    start: dict[str, Any] = typed(obj, "start", dict, place, {"nodes": []})
    return {"": start} if isinstance(start.get("nodes"), list) or "edges" in start else start


# -- rules -------------------------------------------------------------------------------------------------------


def _rule_of(obj: Any, place: str) -> Rule:
    """The rule of a JSON object, remarks left out."""
    if abs(typed(obj, "priority", int, place, 0)) > MAX_PRIORITY:
        raise RuleError(f"a priority is beyond {MAX_PRIORITY}", where=place, fix="use a smaller one")
    try:
        return Rule.from_json({key: value for key, value in obj.items() if key not in _REMARKS})
    except InvalidValue as error:
        raise RuleError(error.what, where=error.where or place, fix=error.fix) from error


_REMARKS = frozenset(("note", "source", "comment", "description"))


def _check_names(rules: Iterable[Rule], place: str) -> None:
    seen: set[str] = set()
    for rule in rules:
        if rule.name in seen:
            raise RuleError(f"two rules are called {rule.name!r}", where=place, fix="rename one")
        seen.add(rule.name)


# -- semantics ---------------------------------------------------------------------------------------------------

_MODES: dict[Any, Injective] = {"all": True, "nodes": "nodes", "edges": "edges", None: False}


def _mode(semantics: dict[str, Any], key: str, place: str, absent: Injective) -> Injective:
    value = semantics.get(key, _ABSENT)
    if value is _ABSENT:
        return absent
    if isinstance(value, bool):
        return value
    if value is None or (isinstance(value, str) and value in _MODES):
        return _MODES[value]
    raise RuleError(f'{key!r} is none of null, "nodes" and "all"', where=f"{place}, semantics")


_GUARDS: dict[str, Callable[[Rule], Rule]] = {
    "check_creator_edges": creator_edges_as_nacs,
    "rhs_is_nac": rhs_as_nac,
}


def _guarded(rule: Rule, semantics: dict[str, Any], place: str) -> Rule:
    """The rule with the NACs that the semantics ask for: those of `rhs_is_nac` comprise the creator edges'."""
    asked = [key for key in _GUARDS if typed(semantics, key, bool, f"{place}, semantics", False)]
    return _GUARDS[asked[-1]](rule) if asked else rule


def _meant(semantics: dict[str, Any], place: str) -> str | None:
    """`SPO on simple graphs`, or whatever else is meant that is not DPO on multigraphs."""
    approach = typed(semantics, "approach", str, place, "DPO")
    graph = typed(semantics, "graph", str, place, "multi")
    return None if (approach, graph) == ("DPO", "multi") else f"{approach[:20]} on {graph[:20]} graphs"


# -- subtypes ----------------------------------------------------------------------------------------------------

_Types = dict[str, list[str]]


def _closed(direct: dict[str, Any], place: str) -> _Types:
    """Every type with itself and all its supertypes, sorted."""
    where = f"{place}, subtypes"
    closed: _Types = {}
    for type_ in direct:
        reached, waiting = {type_}, [type_]
        while waiting:
            for above in listed(direct, waiting.pop(), where, str):
                if above not in reached:
                    reached.add(above)
                    waiting.append(above)
        closed[type_] = sorted(reached)
    return closed


def _typed_graph(graph: Any, types: _Types) -> Any:
    """The graph with supertypes written out; what is no graph stays, for its reader to refuse."""
    if not types or not isinstance(graph, dict) or not isinstance(nodes := graph.get("nodes"), list):
        return graph
    return {**graph, "nodes": [_typed_node(node, types) for node in nodes]}


def _typed_node(node: Any, types: _Types) -> Any:
    if not isinstance(node, dict):
        return node
    labels = node.get("labels", [node.get("label")])
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        return node
    if types.keys().isdisjoint(labels):
        return node
    closed = {above for label in labels for above in types.get(label, [label])}
    return {**{key: value for key, value in node.items() if key != "label"}, "labels": sorted(closed)}


def _typed_rule(rule: dict[str, Any], types: _Types) -> dict[str, Any]:
    if not types:
        return rule
    sides: dict[str, Any] = {side: _typed_graph(rule[side], types) for side in "LKR" if side in rule}
    if isinstance(nacs := rule.get("nacs"), list):
        sides["nacs"] = [_typed_nac(nac, types) for nac in nacs]
    return {**rule, **sides}


def _typed_nac(nac: Any, types: _Types) -> Any:
    """A NAC and those in it."""
    closed = _typed_graph(nac, types)
    if isinstance(closed, dict) and isinstance(inner := closed.get("nacs"), list):
        closed["nacs"] = [_typed_graph(one, types) for one in inner]
    return closed
