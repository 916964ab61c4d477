"""How values are written for people: in the language's own notation, with or without the ids a store lives by.

    literal     [1, 'it\\'s', {k: null}]    (:Person {name: 'Ada'})      [:KNOWS {since: 1840}]    <(:A)-[:T]->(:B)>
    shown       [1, 'it\\'s', {k: null}]    (ada:Person {name: 'Ada'})   [k1:KNOWS {since: 1840}]  <(a:A)-[e:T]->(b:B)>

`literal` is the notation of the result tables of the openCypher TCK, which knows no ids; `shown` is what results
print. An id of more than letters, digits and `_@.#/-` stands in backquotes. Temporal values are written as their
text, infinities and NaN as words, bytes as GQL's X'00FF'.

Nothing may live here that reads it back; that is the parser's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from itonami.graphstore.graph import Edge, Node
from itonami.query.path import Path
from itonami.query.values.domain import TEMPORAL, Value, from_store
from itonami.query.values.text import to_text

__all__ = ["cut", "literal", "shown", "spelled"]

_NAME = re.compile(r"[^\W\d]\w*")
_ID = re.compile(r"[\w@.#/-]+")
_ESCAPES = str.maketrans(
    {"\\": r"\\", "'": r"\'", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\b": r"\b", "\f": r"\f"}
)


def literal(value: Value) -> str:
    """The value as one line of text, as the language writes it. O(size)."""
    return _Notation(ids=False).text(value)


def shown(value: Value, properties: int | None = None) -> str:
    """The value as one line of text, nodes and relationships with their ids, and of the properties of each so many
    characters, if that is said. O(size)."""
    return _Notation(ids=True, properties=properties).text(value)


@dataclass(frozen=True, slots=True)
class _Notation:
    """How values are written: whether with ids, and with how much of the properties of an element."""

    ids: bool
    properties: int | None = None

    def text(self, value: Value) -> str:
        if value is None:
            return "null"
        if type(value) is str or isinstance(value, TEMPORAL):
            return _quoted(str(value))
        if isinstance(value, int | float):
            return to_text(value)
        if type(value) is bytes:
            return f"X'{value.hex().upper()}'"
        if type(value) is list:
            return "[" + ", ".join(map(self.text, value)) + "]"
        if type(value) is dict:
            return "{" + ", ".join(f"{spelled(key)}: {self.text(item)}" for key, item in value.items()) + "}"
        if type(value) is Node:
            return self._node(value)
        return self._edge(value) if type(value) is Edge else self._path(value)

    def _node(self, node: Node) -> str:
        head = self._id(node) + "".join(":" + spelled(label) for label in sorted(node.labels))
        return f"({' '.join(filter(None, (head, self._data(node))))})"

    def _edge(self, edge: Edge) -> str:
        return f"[{' '.join(filter(None, (f'{self._id(edge)}:{spelled(edge.label)}', self._data(edge))))}]"

    def _id(self, element: Node | Edge) -> str:
        return spelled(element.id, _ID) if self.ids else ""

    def _data(self, element: Node | Edge) -> str:
        if not element.data:
            return ""
        text = self.text(from_store(element.data))
        return text if self.properties is None else cut(text, self.properties, "…}")

    def _path(self, path: Path) -> str:
        steps = zip(path.relationships, path.nodes[1:], strict=True)
        written = [self._node(path.nodes[0])]
        for step, (edge, node) in enumerate(steps):
            tail, head = ("-", "->") if path.forward(step) else ("<-", "-")
            written.append(f"{tail}{self._edge(edge)}{head}{self._node(node)}")
        return "<" + "".join(written) + ">"


def cut(text: str, width: int, end: str = "…") -> str:
    """The text, if it is no longer than that; else what of it fits before an end that tells."""
    return text if len(text) <= width else text[: max(0, width - len(end))] + end


def _quoted(text: str) -> str:
    return "'" + text.translate(_ESCAPES) + "'"


def spelled(name: str, plain: re.Pattern[str] = _NAME) -> str:
    """A name as a query spells it: in back quotes, unless it is plain."""
    return name if plain.fullmatch(name) else "`" + name.replace("`", "``") + "`"
