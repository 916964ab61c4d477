"""Exchange with networkx: the other way of `Graph.to_networkx`.

A graph written by `to_networkx` comes back equal, root and all. Any other networkx graph is read as people
mean it: attributes become properties, an undirected edge becomes one directed edge, and names become text.
"""

from __future__ import annotations

from typing import Any

from itonami.graphstore.errors import InvalidValue
from itonami.graphstore.graph import Graph

__all__ = ["from_networkx"]

_NODE_FORM = {"labels", "properties"}
_EDGE_FORM = {"label", "properties"}


def from_networkx(source: Any) -> Graph:
    """The graph of a networkx graph; see `Graph.from_networkx`. Raises `InvalidValue`."""
    evolver = Graph().evolver()
    names: dict[Any, str] = {}
    for name, attributes in source.nodes(data=True):
        names[name] = str(name)
        if set(attributes) == _NODE_FORM:
            evolver.add_node(*attributes["labels"], id=names[name], properties=attributes["properties"])
        else:
            evolver.add_node(id=names[name], properties=_texted(attributes))
    if len(set(names.values())) < len(names):
        raise InvalidValue("two nodes have the same name as text", fix="relabel the nodes with text")
    for number, (start, end, key, attributes) in enumerate(_edges(source)):
        if set(attributes) == _EDGE_FORM:
            label, properties = attributes["label"], attributes["properties"]
        else:
            label, properties = "EDGE", _texted(attributes)
        edge_id = key if isinstance(key, str) else f"e{number}"
        evolver.add_edge(names[start], label, names[end], id=edge_id, properties=properties)
    return evolver.persistent()


def _edges(source: Any) -> Any:
    if source.is_multigraph():
        return source.edges(keys=True, data=True)
    return ((start, end, None, attributes) for start, end, attributes in source.edges(data=True))


def _texted(attributes: dict[Any, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in attributes.items()}
