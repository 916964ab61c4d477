"""What a graph holds, as a hash that owes nothing to the store's own: of plain dicts, and of a graph read back."""

import hashlib
from typing import Any

from itonami.graphstore import Graph

Nodes = dict[str, tuple[list[str], dict[str, Any]]]
Edges = dict[str, tuple[str, str, str, dict[str, Any]]]


def contents(nodes: Nodes, edges: Edges) -> str:
    """The hash of contents in plain form: id -> labels, properties; id -> source, label, target, properties."""
    plain = [
        sorted((id, sorted(labels), _plain(data)) for id, (labels, data) in nodes.items()),
        sorted(
            (id, source, label, target, _plain(data)) for id, (source, label, target, data) in edges.items()
        ),
    ]
    return hashlib.sha256(repr(plain).encode()).hexdigest()


def contents_of(graph: Graph) -> str:
    """The same of a graph."""
    return contents(
        {node.id: (list(node.labels), dict(node.data)) for node in graph.nodes()},
        {edge.id: (edge.source, edge.label, edge.target, dict(edge.data)) for edge in graph.edges()},
    )


def _plain(data: dict[str, Any]) -> list[tuple[str, Any]]:
    """Properties in order; long bytes by their hash."""
    return sorted(
        (key, hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else value)
        for key, value in data.items()
    )
