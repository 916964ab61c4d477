"""How values are shown to people: in the language's own notation.

    [1, 'it\\'s', {k: null}]      (:Person {name: 'Ada'})      [:KNOWS {since: 1840}]      <(:A)-[:T]->(:B)>

Temporal values are shown as their text, infinities and NaN as words, bytes as GQL's X'00FF'. This is the notation of
the result tables of the openCypher TCK.

Nothing may live here that reads it back; that is the parser's.
"""

from __future__ import annotations

import re

from itonami.graphstore.graph import Edge, Node
from itonami.query.path import Path
from itonami.query.values.domain import TEMPORAL, Value, from_store
from itonami.query.values.text import to_text

__all__ = ["literal"]

_NAME = re.compile(r"[^\W\d]\w*")
_ESCAPES = str.maketrans(
    {"\\": r"\\", "'": r"\'", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\b": r"\b", "\f": r"\f"}
)


def _quoted(text: str) -> str:
    return "'" + text.translate(_ESCAPES) + "'"


def _name(name: str) -> str:
    return name if _NAME.fullmatch(name) else "`" + name.replace("`", "``") + "`"


def _map(entries: dict[str, Value]) -> str:
    return "{" + ", ".join(f"{_name(key)}: {literal(value)}" for key, value in entries.items()) + "}"


def _node(node: Node) -> str:
    labels = "".join(":" + _name(label) for label in sorted(node.labels))
    properties = _map(from_store(node.data)) if node.data else ""
    return f"({labels}{' ' if labels and properties else ''}{properties})"


def _edge(edge: Edge) -> str:
    return f"[:{_name(edge.label)}{' ' + _map(from_store(edge.data)) if edge.data else ''}]"


def _path(path: Path) -> str:
    steps = zip(path.relationships, path.nodes[1:], strict=True)
    shown = [_node(path.nodes[0])]
    for step, (edge, node) in enumerate(steps):
        tail, head = ("-", "->") if path.forward(step) else ("<-", "-")
        shown.append(f"{tail}{_edge(edge)}{head}{_node(node)}")
    return "<" + "".join(shown) + ">"


def literal(value: Value) -> str:
    """The value as one line of text. O(size)."""
    if value is None:
        return "null"
    if type(value) is str or isinstance(value, TEMPORAL):
        return _quoted(str(value))
    if isinstance(value, int | float):
        return to_text(value)
    if type(value) is bytes:
        return f"X'{value.hex().upper()}'"
    if type(value) is list:
        return "[" + ", ".join(map(literal, value)) + "]"
    if type(value) is dict:
        return _map(value)
    return _node(value) if type(value) is Node else _edge(value) if type(value) is Edge else _path(value)
