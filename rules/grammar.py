"""A graph grammar: rules and start graphs, from one JSON object.

    {name, rules: [rule], start: graph | {key: graph}, semantics?: {injective?, subtypes?}, program?}
    graph: {nodes: [{id, label | labels, attributes?}], edges: [{id?, src, label, tgt, attributes?}]}

Rules are in the form of `form`. A subtype is a node that has its supertypes' labels too: `subtypes` {T: [direct
supertypes]} is closed and written into every graph, so matching needs to know nothing of types (Ehrig et al. 2006,
chapter 13, by flattening). Unlike a `RuleSet`, a grammar may create without using anything up. Exploring and running
a grammar do not live here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from itonami.graphstore.codec import normalise
from itonami.graphstore.graph import Edge, Graph, Node
from itonami.rules.errors import RuleError
from itonami.rules.form import labels_of, listed, typed
from itonami.rules.rule import Rule

__all__ = ["Grammar", "graph_of"]


@dataclass(frozen=True)
class Grammar:
    """Rules by priority (higher first, then in their order), and start graphs by key, the first one first.

    `injective` says which matches count; `program` is the object's own, as it stands."""

    name: str
    rules: tuple[Rule, ...]
    starts: dict[str, Graph]
    injective: bool = True
    program: list[Any] = field(default_factory=list)

    @classmethod
    def load(cls, obj: Any) -> Grammar:
        """The grammar of a JSON object. Raises `RuleError`, also where a graph is none."""
        if not isinstance(obj, dict):
            raise RuleError(f"a grammar is a JSON object, not {type(obj).__name__}")
        name = typed(obj, "name", str, "grammar", "")
        place = f"grammar {name!r}"
        semantics = typed(obj, "semantics", dict, place, {})
        types = _closed(typed(semantics, "subtypes", dict, place, {}))
        start = typed(obj, "start", dict, place, {"nodes": []})
        starts = {"": start} if "nodes" in start else start
        rules = [Rule.from_json(_typed_rule(rule, types)) for rule in listed(obj, "rules", place)]
        return cls(
            name,
            tuple(sorted(rules, key=lambda rule: -rule.priority)),
            {
                key: graph_of(_typed_graph(graph, types), f"{place}, start {key!r}")
                for key, graph in starts.items()
            },
            semantics.get("injective", "all") is not None,
            typed(obj, "program", list, place, []),
        )

    def rule(self, name: str) -> Rule:
        """The rule of that name, else `RuleError`."""
        for rule in self.rules:
            if rule.name == name:
                return rule
        raise RuleError(f"no rule {name!r}", where=f"grammar {self.name!r}")

    def start(self, key: str | None = None) -> Graph:
        """The start graph of that key, or the first."""
        if key is None:
            return next(iter(self.starts.values()), Graph())
        if key not in self.starts:
            raise RuleError(f"no start graph {key!r}", where=f"grammar {self.name!r}")
        return self.starts[key]


def graph_of(obj: Any, where: str = "graph") -> Graph:
    """The graph of a JSON object; edges without an id are numbered. Raises `RuleError`."""
    if not isinstance(obj, dict):
        raise RuleError(f"a graph is a JSON object, not {type(obj).__name__}", where=where)
    nodes: dict[str, Node] = {}
    edges: dict[str, Edge] = {}
    for item in listed(obj, "nodes", where):
        id = typed(item, "id", str, where)
        if id in nodes:
            raise RuleError(f"{id!r} names two nodes", where=where, fix="rename one of them")
        nodes[id] = Node(
            id, labels_of(item, where) or (), normalise(typed(item, "attributes", dict, where, {}))
        )
    for count, item in enumerate(listed(obj, "edges", where)):
        id = typed(item, "id", str, where, f"#{count}")
        source, target = typed(item, "src", str, where), typed(item, "tgt", str, where)
        if id in edges or id in nodes:
            raise RuleError(f"{id!r} names two elements", where=where, fix="rename one of them")
        for end in (source, target):
            if end not in nodes:
                raise RuleError(f"edge {id!r} has no end {end!r}", where=where, fix=f"add node {end!r}")
        data = normalise(typed(item, "attributes", dict, where, {}))
        edges[id] = Edge(id, source, typed(item, "label", str, where), target, data)
    return Graph().replaced([*nodes.values(), *edges.values()])


# -- subtypes --------------------------------------------------------------------------------------------------

_Types = dict[str, list[str]]


def _closed(direct: dict[str, Any]) -> _Types:
    """Every type with itself and all its supertypes, sorted."""
    closed: _Types = {}
    for type_ in direct:
        reached, waiting = {type_}, [type_]
        while waiting:
            for above in listed(direct, waiting.pop(), "subtypes", str):
                if above not in reached:
                    reached.add(above)
                    waiting.append(above)
        closed[type_] = sorted(reached)
    return closed


def _typed_graph(graph: Any, types: _Types) -> Any:
    if not types or not isinstance(graph, dict):
        return graph
    nodes = [
        {**{key: value for key, value in node.items() if key != "label"}, "labels": types[node["label"]]}
        if isinstance(node, dict) and node.get("label") in types
        else node
        for node in graph.get("nodes", [])
    ]
    return {**graph, "nodes": nodes}


def _typed_rule(rule: dict[str, Any], types: _Types) -> dict[str, Any]:
    if not types:
        return rule
    sides = {side: _typed_graph(rule[side], types) for side in "LKR" if side in rule}
    return {**rule, **sides, "nacs": [_typed_graph(nac, types) for nac in rule.get("nacs", [])]}
