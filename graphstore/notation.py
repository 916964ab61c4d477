"""A picture in the text notations that others lay out: Graphviz DOT and Mermaid flowcharts.

DOT follows the grammar of graphviz.org/doc/info/lang.html (quoted strings; `\\` and `"` escaped, `&` as an
entity). Mermaid follows mermaid.js.org/syntax/flowchart.html: labels are quoted and every character with a
meaning there becomes an entity code. Names are numbers (`n0`, `g0`), so no user's text is ever syntax.
Both write boxes, frames, arrows and colours of the light palette. No layout may live here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from itonami.graphstore.lettering import printable
from itonami.graphstore.shapes import Arrow, Box, Frame, Picture, Tone

__all__ = ["dot", "mermaid"]

LABEL_LENGTH = 80
FADED = "#b9c2ce"


def _short(text: str) -> str:
    line = printable(text)
    return line if len(line) <= LABEL_LENGTH else line[: LABEL_LENGTH - 1] + "…"


def _rows(box: Box) -> list[str]:
    return [_short(row) for row in (box.title, *box.lines) if row]


def _caption(picture: Picture) -> list[str]:
    return [_short(row) for row in (picture.title, picture.subtitle, picture.note) if row]


def _inside(frames: Sequence[Frame], parent: str | None) -> list[Frame]:
    return [frame for frame in frames if frame.parent == parent]


# -- DOT -----------------------------------------------------------------------------------------------------

_DOT_SHAPES = {
    "box": 'shape=box style="STYLE,rounded"',
    "diamond": 'shape=diamond style="STYLE"',
    "start": 'shape=circle width=0.2 fixedsize=true style="STYLE"',
    "end": 'shape=doublecircle width=0.2 fixedsize=true style="STYLE"',
    "event": 'shape=circle width=0.25 fixedsize=true style="STYLE"',
    "bar": 'shape=box width=1.6 height=0.08 style="STYLE"',
    "point": "shape=point width=0.08",
}
_SOLID_SHAPES = frozenset({"start", "end", "bar", "point"})
_ICON_SHAPES = frozenset({"start", "end", "event", "point"})


def dot(picture: Picture) -> str:
    """The picture as a DOT digraph."""
    names = {box.id: f"n{i}" for i, box in enumerate(picture.boxes)}
    rank = "TB" if picture.direction == "down" else "LR"
    lines = [
        "digraph {",
        f'  graph [rankdir={rank} fontname="Helvetica" labelloc=t labeljust=l]',
        f"  graph [label={_quoted(_caption(picture))}]",
        '  node [fontname="Helvetica" fontsize=11]',
        '  edge [fontname="Helvetica" fontsize=9 arrowsize=0.7]',
        *_dot_region(picture, names, None, "  "),
        *(f"  {_dot_arrow(arrow, names)}" for arrow in picture.arrows),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _quoted(rows: Sequence[str]) -> str:
    table = {"\\": "\\\\", '"': '\\"', "&": "&amp;"}
    return '"' + "\\n".join("".join(table.get(c, c) for c in row) for row in rows) + '"'


def _dot_region(picture: Picture, names: dict[str, str], frame: str | None, indent: str) -> Iterator[str]:
    for box in picture.boxes:
        if box.frame == frame:
            yield f"{indent}{names[box.id]} [{_dot_box(box)}]"
    for inner in _inside(picture.frames, frame):
        number = picture.frames.index(inner)
        yield f"{indent}subgraph cluster_{number} {{"
        style = "filled" if inner.style == "lane" else "dashed"
        look = f'style="{style},rounded" color="{inner.tone.line.light}" fillcolor="{inner.tone.fill.light}"'
        yield f"{indent}  label={_quoted([_short(inner.title)])} fontsize=10 {look}"
        yield from _dot_region(picture, names, inner.id, indent + "  ")
        yield f"{indent}}}"


def _colours(tone: Tone, solid: bool, faded: bool) -> tuple[str, str, str]:
    """Fill, outline and text: solid shapes are filled with the colour of their outline."""
    if not solid:
        return tone.fill.light, tone.line.light, tone.ink.light
    line = FADED if faded else tone.line.light
    return line, line, "#ffffff"


def _dot_box(box: Box) -> str:
    tone = box.tone
    solid = box.shape in _SOLID_SHAPES
    fill, line, ink = _colours(tone, solid, box.faded)
    shape = _DOT_SHAPES[box.shape].replace("STYLE", "filled,dashed" if box.faded and not solid else "filled")
    label = _quoted([] if box.shape in _ICON_SHAPES else _rows(box))
    tooltip = _quoted([_short(box.tooltip or box.title or box.id)])
    return f'label={label} tooltip={tooltip} {shape} color="{line}" fillcolor="{fill}" fontcolor="{ink}"'


def _dot_arrow(arrow: Arrow, names: dict[str, str]) -> str:
    colour = FADED if arrow.faded else arrow.colour.light
    style = "dashed" if arrow.dashed or arrow.faded else "solid"
    head = "" if arrow.head else " arrowhead=none"
    label = f" label={_quoted([_short(arrow.label)])}" if arrow.label else ""
    return f'{names[arrow.source]} -> {names[arrow.target]} [color="{colour}" style={style}{head}{label}]'


# -- Mermaid -------------------------------------------------------------------------------------------------

_MERMAID_SHAPES = {
    "box": ("(", ")"),
    "diamond": ("{", "}"),
    "start": ("((", "))"),
    "end": ("(((", ")))"),
    "event": ("((", "))"),
    "bar": ("[", "]"),
    "point": ("((", "))"),
}
_MERMAID_LINKS = {(False, True): "-->", (False, False): "---", (True, True): "-.->", (True, False): "-.-"}
_PLAIN = frozenset(" -.,!?()/='")
_LIST_MARK = re.compile(r"\s*(\d+[.)]|[-+*])\s")


def mermaid(picture: Picture) -> str:
    """The picture as a Mermaid flowchart."""
    names = {box.id: f"n{i}" for i, box in enumerate(picture.boxes)}
    caption = _caption(picture)
    lines = [
        *(["---", f"title: {_yaml(' · '.join(caption))}", "---"] if caption else ()),
        f"flowchart {'TD' if picture.direction == 'down' else 'LR'}",
        *_mermaid_region(picture, names, None, "  "),
        *(f"  {_mermaid_arrow(arrow, names)}" for arrow in picture.arrows),
        *_mermaid_classes(picture),
        *_mermaid_links(picture.arrows),
    ]
    return "\n".join(lines) + "\n"


def _yaml(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _entities(text: str) -> str:
    """Letters, digits and harmless marks as they are, everything else in ASCII by its code; a row that would
    be read as a Markdown list has no harmless marks."""
    plain = frozenset(" ") if _LIST_MARK.match(text) else _PLAIN
    return "".join(c if c.isalnum() or c in plain or ord(c) > 127 else f"#{ord(c)};" for c in text)


def _label(rows: Sequence[str]) -> str:
    return '"' + ("<br/>".join(map(_entities, rows)) or " ") + '"'


def _class(box: Box) -> tuple[str, Tone, bool, bool]:
    """The name of a box's class, and what it depends on: tone, solid, faded."""
    solid = box.shape in _SOLID_SHAPES
    name = f"{box.tone.name}{'_solid' if solid else ''}{'_pale' if box.faded else ''}"
    return name, box.tone, solid, box.faded


def _mermaid_region(picture: Picture, names: dict[str, str], frame: str | None, indent: str) -> Iterator[str]:
    for box in picture.boxes:
        if box.frame == frame:
            left, right = _MERMAID_SHAPES[box.shape]
            label = _label([] if box.shape in _ICON_SHAPES else _rows(box))
            yield f"{indent}{names[box.id]}{left}{label}{right}:::{_class(box)[0]}"
    for inner in _inside(picture.frames, frame):
        number = picture.frames.index(inner)
        yield f"{indent}subgraph g{number} [{_label([_short(inner.title)])}]"
        yield from _mermaid_region(picture, names, inner.id, indent + "  ")
        yield f"{indent}end"


def _mermaid_arrow(arrow: Arrow, names: dict[str, str]) -> str:
    link = _MERMAID_LINKS[arrow.dashed or arrow.faded, arrow.head]
    label = f"|{_label([_short(arrow.label)])}|" if arrow.label else ""
    return f"{names[arrow.source]} {link}{label} {names[arrow.target]}"


def _mermaid_classes(picture: Picture) -> Iterator[str]:
    looks = {look[0]: look for look in map(_class, picture.boxes)}
    for name in sorted(looks):
        _, tone, solid, faded = looks[name]
        fill, line, ink = _colours(tone, solid, faded)
        dash = ",stroke-dasharray:4 3" if faded and not solid else ""
        yield f"  classDef {name} fill:{fill},stroke:{line},color:{ink}{dash}"
    for number, frame in enumerate(picture.frames):
        fill = frame.tone.fill.light if frame.style == "lane" else "none"
        dash = "" if frame.style == "lane" else ",stroke-dasharray:6 4"
        tone = frame.tone
        yield f"  style g{number} fill:{fill},stroke:{tone.line.light},color:{tone.ink.light}{dash}"


def _mermaid_links(arrows: Sequence[Arrow]) -> Iterator[str]:
    numbered = sorted((FADED if a.faded else a.colour.light, i) for i, a in enumerate(arrows))
    for colour, group in groupby(numbered, key=lambda item: item[0]):
        yield f"  linkStyle {','.join(str(i) for _, i in group)} stroke:{colour}"
