"""Writes the effect of a rule on a head: the two pushout squares as four kinds of edits.

    L <---- K ----> R        values first, from the match as it was;
    |       |       |        then what is in L but not in K goes, edges before nodes;
    v       v       v        then K is relabelled and set;
    G <---- D ----> H        then what is in R but not in K comes, nodes before edges

Nothing is checked: that the match holds and gluing allows it is the caller's to know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from itonami.graphstore.codec import Value
from itonami.graphstore.graph import Edge, Node
from itonami.graphstore.head import Head
from itonami.rules.emit import Source, ids_of, places_of
from itonami.rules.pattern import Relabel
from itonami.rules.step import Step
from itonami.rules.term import Literal, term_variables

if TYPE_CHECKING:
    from itonami.rules.rule import Rule

__all__ = ["Fire", "Ids", "effect"]

Ids = tuple[str, ...]
Fire = Callable[[Head, Mapping[str, Value], Ids, Ids], Step]
"""fire(head, params, ids, created ids): what changed"""


def effect(rule: Rule) -> Fire:
    """The function that applies the rule at ids it is given. O(size of the rule) a call."""
    return _Effect(rule).made()


class _Effect:
    """Writes one rule's effect. Ids are `i3` and `x3`; elements `n3` and `e3` are fetched where they are read."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._source = Source(places_of(rule.L))
        self._ids = {
            v: ("i" if place[0] == "n" else "x") + place[1:] for v, place in self._source.places.items()
        }
        nodes, edges = len(rule.L.nodes), len(rule.L.edges)
        created = {node.variable: f"i{nodes + k}" for k, node in enumerate(rule.create.nodes)}
        created |= {edge.variable: f"x{edges + k}" for k, edge in enumerate(rule.create.edges)}
        self._created = created
        self._ids |= created
        self._source.ids = self._ids
        self._values: dict[str, dict[str, str | None]] = {}

    def made(self) -> Fire:
        source, rule = self._source, self._rule
        with source.block("def fire(head, params, ids, new):"):
            source.line("nodes = head.node_by_id; edges = head.edge_by_id")
            if rule.variables:
                source.line(f"{ids_of(rule.L, edges='x{}')} = ids")
            if self._created:
                source.line(f"({', '.join(self._created.values())},) = new")
            self._write_values()
            parts = (*self._deletions(), *self._changes(), *self._creations())
            tuples = (f"({', '.join(part)},)" if part else "()" for part in parts)
            source.line(f"return {source.constant(Step)}({', '.join(tuples)})")
        fire: Fire = source.made("fire")
        return fire

    def _write_values(self) -> None:
        """Evaluate every assigned term on the match as it is."""
        source = self._source
        for variable in sorted(frozenset().union(*(term_variables(a.term) for a in self._rule.assignments))):
            if variable not in self._created:
                table = "nodes" if self._rule.L.node(variable) else "edges"
                source.line(f"{source.places[variable]} = {table}[{self._ids[variable]}]")
        for assignment in self._rule.assignments:
            name = None
            if assignment.term != Literal(None):
                name = source.fresh("v")
                source.line(f"{name} = {source.value(assignment.term)}")
            self._values.setdefault(assignment.variable, {})[assignment.key] = name

    # -- L without K ---------------------------------------------------------------------------------------

    def _deletions(self) -> tuple[list[str], list[str]]:
        nodes = [n.variable for n in self._rule.L.nodes if n.variable in self._rule.delete]
        edges = [e.variable for e in self._rule.L.edges if e.variable in self._rule.delete]
        gone = []
        for kind, variables in (("edge", edges), ("node", nodes)):
            names = []
            for variable in variables:
                names.append(self._source.fresh("gone"))
                self._source.line(f"{names[-1]} = {kind}s[{self._ids[variable]}]")
                self._source.line(f"head.drop_{kind}({self._ids[variable]})")
            gone.append(names)
        return gone[1], gone[0]

    # -- K ---------------------------------------------------------------------------------------------------

    def _changes(self) -> tuple[list[str], list[str]]:
        relabels = {relabel.variable: relabel for relabel in self._rule.relabels}
        nodes, edges = [], []
        for node in self._rule.K.nodes:
            values, relabel = self._values.get(node.variable, {}), relabels.get(node.variable)
            if values or relabel:
                nodes.append(self._change_node(node.variable, values, relabel))
        for edge in self._rule.K.edges:
            if values := self._values.get(edge.variable, {}):
                edges.append(self._change_edge(edge.variable, values))
        return nodes, edges

    def _change_node(self, variable: str, values: dict[str, str | None], relabel: Relabel | None) -> str:
        source, id = self._source, self._ids[variable]
        labels: tuple[str, ...] = ()
        old = source.fresh("old")
        source.line(f"{old} = nodes[{id}]")
        expression = f"{old}.labels"
        if relabel:
            labels = (*relabel.added, *relabel.removed)
            removed, added = (source.constant(frozenset(part)) for part in (relabel.removed, relabel.added))
            expression = f"({old}.labels - {removed}) | {added}"
        data = self._data(f"{{**{old}.data}}" if values else f"{old}.data", values)
        source.line(f"head.put_node({source.constant(Node)}({id}, {expression}, {data}))")
        return f"({id}, {source.constant(tuple(values))}, {source.constant(labels)})"

    def _change_edge(self, variable: str, values: dict[str, str | None]) -> str:
        source, id, old = self._source, self._ids[variable], self._source.fresh("old")
        source.line(f"{old} = edges[{id}]")
        data = self._data(f"{{**{old}.data}}", values)
        ends = f"{old}.source, {old}.label, {old}.target"
        source.line(f"head.put_edge({source.constant(Edge)}({id}, {ends}, {data}))")
        return f"({id}, {source.constant(tuple(values))}, ())"

    def _data(self, start: str, values: dict[str, str | None]) -> str:
        """Write the properties: those at the start, with the values set; what is null goes."""
        source, data = self._source, self._source.fresh("data")
        source.line(f"{data} = {start}")
        for key, value in values.items():
            name = source.constant(key)
            if value is None:
                source.line(f"{data}.pop({name}, None)")
            else:
                source.line(f"if {value} is None: {data}.pop({name}, None)")
                source.line(f"else: {data}[{name}] = {value}")
        return data

    # -- R without K ---------------------------------------------------------------------------------------

    def _creations(self) -> tuple[list[str], list[str]]:
        source, nodes, edges = self._source, [], []
        for node in self._rule.create.nodes:
            data = self._data("{}", self._values.get(node.variable, {}))
            labels = source.constant(frozenset(node.labels))
            nodes.append(source.fresh("made"))
            source.line(
                f"{nodes[-1]} = {source.constant(Node)}({self._ids[node.variable]}, {labels}, {data})"
            )
            source.line(f"head.put_node({nodes[-1]})")
        for edge in self._rule.create.edges:
            data = self._data("{}", self._values.get(edge.variable, {}))
            ends = f"{self._ids[edge.source]}, {source.constant(edge.label)}, {self._ids[edge.target]}"
            edges.append(source.fresh("made"))
            source.line(f"{edges[-1]} = {source.constant(Edge)}({self._ids[edge.variable]}, {ends}, {data})")
            source.line(f"head.put_edge({edges[-1]})")
        return nodes, edges
