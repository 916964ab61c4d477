"""The result of a query: columns and rows, and the forms people want them in.

    result = run(store, "MATCH (s:Step)-[r]->(t) RETURN s, r, t", graph="order-17")
    for s, r, t in result: ...
    result.to_dicts()      result.to_networkx()      result.to_pandas()      result.to_json()

Rows hold values of the query: graphstore's nodes and edges, `Path`, the classes of `temporal`, lists, dicts, scalars.
Everything is there already; each form is made when asked for, O(size). Tables are for people: long values are cut
there, and nothing in them drives a terminal. All other forms are whole.

Nothing here runs a query.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any

from itonami.graphstore.graph import Edge, Node
from itonami.graphstore.lettering import printable
from itonami.query.cypher.errors import SemanticError
from itonami.query.path import Path
from itonami.query.values import Value, from_store, to_text
from itonami.query.values.domain import TEMPORAL
from itonami.query.values.notation import cut, shown

if TYPE_CHECKING:
    import networkx
    from rich.table import Table

__all__ = ["Result", "cell"]

SHOWN_ROWS = 100
"""So many rows a printed result and an HTML table show"""
SHOWN_CHARACTERS = 200
"""So much of a value a cell of a table shows"""


@dataclass(frozen=True, slots=True)
class Result:
    """Columns by name and rows as tuples; `plan` is the text of the plan, of an EXPLAIN or PROFILE."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    plan: str | None = field(default=None, compare=False)

    def __iter__(self) -> Iterator[tuple[Value, ...]]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __bool__(self) -> bool:
        return bool(self.rows)

    def to_dicts(self) -> list[dict[str, Value]]:
        """A dict for each row."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def to_networkx(self) -> networkx.MultiDiGraph:
        """The union of all nodes, edges and paths found, also inside lists and maps, as `Graph.to_networkx` writes
        them. The ends of an edge that were not found themselves are there without labels and properties."""
        import networkx

        found = networkx.MultiDiGraph()
        for element in _elements(list(self.rows)):
            properties = dict(element.data)
            if isinstance(element, Node):
                found.add_node(element.id, labels=sorted(element.labels), properties=properties)
                continue
            for end in (element.source, element.target):
                if end not in found:
                    found.add_node(end, labels=[], properties={})
            found.add_edge(
                element.source, element.target, key=element.id, label=element.label, properties=properties
            )
        return found

    def to_pandas(self) -> Any:
        """A pandas DataFrame. Raises `SemanticError` when pandas is not installed."""
        try:
            pandas = import_module("pandas")
        except ModuleNotFoundError as error:
            raise SemanticError(
                "to_pandas needs pandas, which is not installed", fix="pip install pandas"
            ) from error
        return pandas.DataFrame.from_records(list(self.rows), columns=list(self.columns))

    def to_json(self) -> dict[str, Any]:
        """`{"columns": [...], "rows": [[...]]}` of plain JSON values: nodes as {id, labels, properties}, edges as {id,
        label, source, target, properties}, paths as {nodes, relationships}; temporal values, bytes (hexadecimal), NaN
        and infinities as text."""
        return {
            "columns": list(self.columns),
            "rows": [[_plain(value) for value in row] for row in self.rows],
        }

    def table(self, title: str | None = None) -> Table:
        """A table for rich's `print`."""
        from rich.table import Table
        from rich.text import Text

        made = Table(title=title)
        for column in self.columns:
            made.add_column(Text(cell(column)))
        for row in self.rows:
            made.add_row(*(Text(cell(value)) for value in row))
        return made

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(cell(column))}</th>" for column in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell(value))}</td>" for value in row) + "</tr>"
            for row in self.rows[:SHOWN_ROWS]
        )
        more = len(self.rows) - SHOWN_ROWS
        rest = f"<p>and {more:,} more rows</p>" if more > 0 else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}"

    def __str__(self) -> str:
        if self.plan is not None:
            return self.plan
        lines = [
            "  ".join(map(cell, self.columns)),
            *("  ".join(map(cell, row)) for row in self.rows[:SHOWN_ROWS]),
        ]
        more = len(self.rows) - SHOWN_ROWS
        return "\n".join([*lines, *([f"... and {more:,} more rows"] if more > 0 else [])])


def cell(value: Value) -> str:
    """A value in a table: on one line, texts and temporal values without quotes, nodes and relationships with their
    ids, and cut where it is long. Of several elements each shows some of its properties. O(size)."""
    if isinstance(value, (str, *TEMPORAL)):
        text = str(value)
    elif len(text := shown(value)) > SHOWN_CHARACTERS and (elements := sum(1 for _ in _elements(value))) > 1:
        text = shown(value, properties=SHOWN_CHARACTERS // (2 * elements))
    return printable(cut(text, SHOWN_CHARACTERS))


def _elements(value: object) -> Iterator[Node | Edge]:
    """Every node and edge in a value."""
    if isinstance(value, Node | Edge):
        yield value
    elif isinstance(value, Path):
        yield from value.nodes
        yield from value.relationships
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _elements(item)
    elif isinstance(value, dict):
        yield from _elements(list(value.values()))


def _plain(value: Value) -> Any:
    if isinstance(value, Node):
        return {"id": value.id, "labels": sorted(value.labels), "properties": _plain(from_store(value.data))}
    if isinstance(value, Edge):
        properties = _plain(from_store(value.data))
        ends = {"source": value.source, "target": value.target}
        return {"id": value.id, "label": value.label, **ends, "properties": properties}
    if isinstance(value, Path):
        return {"nodes": _plain(list(value.nodes)), "relationships": _plain(list(value.relationships))}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, TEMPORAL) or (isinstance(value, float) and not math.isfinite(value)):
        return to_text(value)
    return value
