"""Drawings of property graphs, in four notations: SVG, DOT, Mermaid and GraphML.

A node is a box that shows its labels, id and first properties, coloured by its labels; an edge is an arrow
with its label; the header node `@graph` is the caption. `graph_picture` makes the picture, `layered_svg`
lays any picture out (`layout`) and draws it (`svg`). The same graph gives the same bytes. Large graphs are
drawn in part, breadth first, and the drawing says so. Nothing about workflows may live here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from itonami.graphstore.graph import HEADER, Edge, Graph, Node
from itonami.graphstore.layout import layered
from itonami.graphstore.lettering import printable, value_text
from itonami.graphstore.notation import dot, mermaid
from itonami.graphstore.shapes import PLAIN, Arrow, Box, Colour, Picture, Tone
from itonami.graphstore.svg import svg

__all__ = [
    "Picture",
    "graph_dot",
    "graph_graphml",
    "graph_mermaid",
    "graph_picture",
    "graph_svg",
    "layered_svg",
]

LIMIT = 400
"""Boxes a drawing has at most; it has at most twice as many arrows."""

PROPERTY_LINES = 4
VALUE_LENGTH = 60
TOOLTIP_LINES = 30

_INKS = (
    ("#e9f1fd", "#4a82d0", "#1f3f70", "#182740", "#5f93db", "#cfe1fb"),
    ("#e9f6ee", "#3f9d69", "#1d5136", "#15291f", "#54b07d", "#cbeeda"),
    ("#fdf1e3", "#cc8a35", "#6b4413", "#2f2415", "#d79d50", "#f8e2c3"),
    ("#f2ecfc", "#8565cc", "#452d7d", "#251d3a", "#9c80dc", "#e3d7fa"),
    ("#fcebf0", "#cc5d80", "#702542", "#331923", "#d97897", "#fad3de"),
    ("#e5f5f6", "#3597a0", "#185158", "#12292c", "#4fb0b8", "#c8ecee"),
    ("#f6f4df", "#9d9430", "#545017", "#292713", "#b3aa4b", "#efebc4"),
    ("#eef0f4", "#74829a", "#374153", "#20262f", "#8996ac", "#dde3ec"),
)
_TONES = tuple(
    Tone(f"label{i}", Colour(fill, dark_fill), Colour(line, dark_line), Colour(ink, dark_ink))
    for i, (fill, line, ink, dark_fill, dark_line, dark_ink) in enumerate(_INKS)
)


def layered_svg(picture: Picture, limit: int = LIMIT) -> str:
    """The picture in layers (Sugiyama, Tagawa & Toda 1981), its first `limit` boxes. Frames are not drawn."""
    part = replace(picture.first(limit), frames=())
    return svg(part, layered(part))


def graph_svg(graph: Graph) -> str:
    """The graph as SVG."""
    return layered_svg(graph_picture(graph))


def graph_dot(graph: Graph) -> str:
    """The graph in Graphviz DOT."""
    return dot(graph_picture(graph))


def graph_mermaid(graph: Graph) -> str:
    """The graph as a Mermaid flowchart."""
    return mermaid(graph_picture(graph))


def graph_picture(graph: Graph, limit: int = LIMIT) -> Picture:
    """The picture of a graph: the first `limit` nodes breadth first from the least id, and their edges."""
    nodes = list(islice(_breadth_first(graph), limit))
    tones = _tones(nodes)
    shown = {node.id for node in nodes}
    edges = [edge for node in nodes for edge in sorted(graph.out(node.id), key=_label_and_target)]
    edges = [edge for edge in edges if edge.target in shown]
    header = graph.header
    total = len(graph) - (HEADER in graph)
    drawn = edges[: 2 * limit]
    part = f"the first {len(nodes):,} of {total:,} nodes and {len(drawn):,} of their edges are drawn"
    return Picture(
        boxes=tuple(_box(node, tones) for node in nodes),
        arrows=tuple(_arrow(edge) for edge in drawn),
        title=value_text(header.get("name", header.get("kind", ""))) if header else "",
        subtitle=" · ".join(_property_lines(header, len(header))) if header else "",
        note=part if len(nodes) < total or len(drawn) < len(edges) else "",
    )


def _breadth_first(graph: Graph) -> Iterator[Node]:
    """Every node but the header, each part of the graph in turn, whichever way its edges point."""
    seen = {HEADER}
    for start in graph.nodes():
        waiting = deque([start.id] if start.id not in seen else [])
        seen.add(start.id)
        while waiting:
            id = waiting.popleft()
            yield graph.node(id)
            targets = sorted(edge.target for edge in graph.out(id))
            sources = sorted(edge.source for edge in graph.into(id))
            fresh = [other for other in dict.fromkeys([*targets, *sources]) if other not in seen]
            seen.update(fresh)
            waiting.extend(fresh)


def _label_and_target(edge: Edge) -> tuple[str, str, str]:
    return edge.label, edge.target, edge.id


def _tones(nodes: list[Node]) -> dict[frozenset[str], Tone]:
    """One tone for each set of labels, in order of the labels."""
    kinds = sorted({node.labels for node in nodes if node.labels}, key=sorted)
    return {labels: _TONES[i % len(_TONES)] for i, labels in enumerate(kinds)}


def _box(node: Node, tones: dict[frozenset[str], Tone]) -> Box:
    name = " ".join(f":{label}" for label in sorted(node.labels))
    lines = _property_lines(node.data, PROPERTY_LINES)
    return Box(
        id=node.id,
        title=name or node.id,
        lines=(node.id, *lines) if name else tuple(lines),
        tone=tones.get(node.labels, PLAIN),
        tooltip="\n".join([f"{node.id} {name}".rstrip(), *_property_lines(node.data, TOOLTIP_LINES)]),
    )


def _arrow(edge: Edge) -> Arrow:
    tooltip = "\n".join([edge.label, *_property_lines(edge.data, TOOLTIP_LINES)])
    return Arrow(edge.source, edge.target, edge.label, tooltip=tooltip)


def _property_lines(data: Mapping[str, Any], limit: int) -> list[str]:
    lines = [f"{key}: {value_text(data[key])}" for key in sorted(data)[:limit]]
    short = [line if len(line) <= VALUE_LENGTH else line[: VALUE_LENGTH - 1] + "…" for line in lines]
    return [*short, f"… {len(data) - limit} more"] if len(data) > limit else short


# -- GraphML -------------------------------------------------------------------------------------------------


def graph_graphml(graph: Graph) -> str:
    """The whole graph in GraphML (Brandes et al. 2002), for yEd, Gephi, Neo4j and others. Scalars keep their
    type, other values are JSON. `labels` and `label` hold the labels; a property of that name gets a dot."""
    import networkx

    result = networkx.MultiDiGraph()
    for node in graph.nodes():
        labels = "".join(f":{label}" for label in sorted(node.labels))
        result.add_node(printable(node.id), labels=printable(labels), **_scalars(node.data, "labels"))
    for edge in graph.edges():
        ends = printable(edge.source), printable(edge.target)
        result.add_edge(
            *ends, key=printable(edge.id), label=printable(edge.label), **_scalars(edge.data, "label")
        )
    return "\n".join(networkx.generate_graphml(result, named_key_ids=False)) + "\n"


def _scalars(data: Mapping[str, Any], taken: str) -> dict[str, Any]:
    return {
        f".{key}" if key == taken else printable(key): value
        if isinstance(value, bool | float) or _is_long(value)
        else printable(value_text(value), multiline=True)
        for key, value in sorted(data.items())
    }


def _is_long(value: Any) -> bool:
    return isinstance(value, int) and -(2**63) <= value < 2**63
