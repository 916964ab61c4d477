"""A placed picture as one self-contained SVG document.

SVG 1.1 (W3C, 2011) with presentation attributes only, so that any renderer shows the light palette; a style
sheet adds the dark one where the reader prefers it. The canvas is painted, so the drawing is legible on any
page. No scripts, fonts, markers or ids: many drawings can stand in one notebook. Every text passes
`printable` and is escaped; tooltips are `<title>` elements. Where things stand is the layout's matter, not
this module's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import hypot
from xml.sax.saxutils import escape

from itonami.graphstore.lettering import elided, printable, text_width
from itonami.graphstore.shapes import (
    CANVAS,
    ICON_ROOM,
    INK,
    LINE,
    LINE_SIZE,
    LINE_STEP,
    MUTED,
    PAD_X,
    PAD_Y,
    TEXT_ROOM,
    TITLE_SIZE,
    TITLE_STEP,
    Arrow,
    Box,
    Colour,
    Frame,
    LegendEntry,
    Picture,
    Placement,
    Point,
    Rect,
    Route,
)

__all__ = ["svg"]

MARGIN = 24.0
CAPTION_SIZE = 17.0
MIN_WIDTH = 300.0
HEAD = 7.0
CORNER = 9.0
TOOLTIP = 2_000
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
FADED_LINE = Colour("#b9c2ce", "#4a5566")
HAIRLINE = Colour("#e3e8ee", "#262e3a")
FADED_INK = Colour("#717d8f", "#8794a8")

_STROKED = 'fill="none" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round"'
ICONS = {
    "check": ("stroke", "M-3.6 .3-1.2 2.7 3.7-2.6"),
    "cross": ("stroke", "M-2.7-2.7 2.7 2.7M2.7-2.7-2.7 2.7"),
    "play": ("fill", "M-2.1-3.6 3.8 0-2.1 3.6Z"),
    "pause": ("stroke", "M-1.8-2.8V2.8M1.8-2.8V2.8"),
    "clock": ("stroke", "M0-3.7V.3L2.5 1.9"),
    "dash": ("stroke", "M-3 0H3"),
    "dots": ("stroke", "M-3.3 0h.01M0 0h.01M3.3 0h.01"),
    "stop": ("fill", "M-2.6-2.6H2.6V2.6H-2.6Z"),
    "ban": ("stroke", "M-2.7 2.7 2.7-2.7"),
    "undo": ("stroke", "M-3.2-.9H1A2.2 2.2 0 0 1 1 3.5H-1.2M-1-3.1-3.2-.9-1 1.3"),
    "retry": ("stroke", "M3 1.4A3.3 3.3 0 1 1 2.6-2.1M3-3.9V-1.7H.8"),
}
"""Pictograms around the origin, 8 px wide: how they are painted, and the path."""


def svg(picture: Picture, placement: Placement) -> str:
    """The document. The placement's boxes, frames and routes are those of the picture. O(size)."""
    sheet = _Sheet()
    legend = _legend_rows(picture.legend, max(placement.width, MIN_WIDTH))
    top = MARGIN + _caption_height(picture)
    body = top + placement.height
    width = max(placement.width, MIN_WIDTH, *(row[-1][1] for row in legend)) + 2 * MARGIN
    height = body + (16 + 22 * len(legend) if legend else 0) + MARGIN
    sheet.add(f'<rect width="{_n(width)}" height="{_n(height)}" rx="10" {sheet.paint(CANVAS, HAIRLINE)}/>')
    _caption(sheet, picture, width - 2 * MARGIN)
    left = (width - placement.width) / 2
    sheet.add(f'<g transform="translate({_xy(left, top)})">')
    _drawing(sheet, picture, placement)
    sheet.add("</g>")
    _legend(sheet, legend, body + 16 + 11)
    size = f'width="{_n(width)}" height="{_n(height)}" viewBox="0 0 {_n(width)} {_n(height)}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="itonami" role="img" {size} font-family="{FONT}" '
        f'style="max-width:100%;height:auto">{_tooltip(_alternative(picture))}{sheet.style()}'
        f"{''.join(sheet.parts)}</svg>"
    )


class _Sheet:
    """The elements so far, and the colours they use."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._rules: dict[str, str] = {}

    def add(self, part: str) -> None:
        self.parts.append(part)

    def paint(self, fill: Colour | None = None, line: Colour | None = None) -> str:
        """Attributes for a fill and a stroke: the light colours, and classes that the dark ones hang on."""
        classes, attributes = [], []
        for name, colour in (("fill", fill), ("stroke", line)):
            if colour is None:
                continue
            mark = f"{name[0]}{colour.light[1:]}{colour.dark[1:]}"
            self._rules[mark] = f".itonami .{mark}{{{name}:{colour.dark}}}"
            classes.append(mark)
            attributes.append(f'{name}="{colour.light}"')
        return f'class="{" ".join(classes)}" {" ".join(attributes)}'

    def text(
        self,
        at: Point,
        text: str,
        size: float,
        colour: Colour,
        anchor: str = "start",
        weight: int = 400,
        halo: bool = False,
    ) -> None:
        """One line of text with its baseline at a point; `halo` keeps it legible on a line."""
        around = self.paint(colour, CANVAS if halo else None)
        rest = ' stroke-width="5" stroke-linejoin="round" paint-order="stroke"' if halo else ""
        rest += f' text-anchor="{anchor}"' if anchor != "start" else ""
        rest += f' font-weight="{weight}"' if weight != 400 else ""
        where = f'x="{_n(at.x)}" y="{_n(at.y)}" font-size="{_n(size)}"'
        self.add(f"<text {where} {around}{rest}>{_escaped(text)}</text>")

    def icon(self, at: Point, name: str, disc: Colour, faded: bool = False, radius: float = 8.0) -> None:
        """A disc with a pictogram; hollow when faded."""
        fill, ink = (CANVAS, disc) if faded else (disc, CANVAS)
        kind, path = ICONS[name]
        how = f"{self.paint(line=ink)} {_STROKED}" if kind == "stroke" else self.paint(ink)
        circle = f'<circle r="{_n(radius)}" {self.paint(fill, disc)} stroke-width="1.3"/>'
        self.add(f'<g transform="translate({_xy(*at)})">{circle}<path d="{path}" {how}/></g>')

    def style(self) -> str:
        """The dark palette, for readers who prefer it."""
        rules = "".join(self._rules[mark] for mark in sorted(self._rules))
        return f"<style>@media (prefers-color-scheme:dark){{{rules}}}</style>"


def _n(number: float) -> str:
    text = f"{number:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def _xy(x: float, y: float) -> str:
    return f"{_n(x)} {_n(y)}"


def _escaped(text: str) -> str:
    return escape(printable(text, multiline=True), {'"': "&quot;"})


def _tooltip(text: str) -> str:
    return f"<title>{_escaped(text[:TOOLTIP])}</title>" if text else ""


def _alternative(picture: Picture) -> str:
    words = (picture.title, picture.subtitle, picture.note)
    return " · ".join(word for word in words if word) or f"a drawing of {len(picture.boxes)} boxes"


# -- caption and legend --------------------------------------------------------------------------------------


def _caption_height(picture: Picture) -> float:
    lines = 24.0 * bool(picture.title) + 18.0 * bool(picture.subtitle) + 18.0 * bool(picture.note)
    return lines + 12 if lines else 0.0


def _caption(sheet: _Sheet, picture: Picture, room: float) -> None:
    y = MARGIN - 6
    if picture.title:
        y += 22
        sheet.text(
            Point(MARGIN, y), elided(picture.title, room, CAPTION_SIZE, True), CAPTION_SIZE, INK, weight=650
        )
    for text, colour in ((picture.subtitle, picture.tone.ink), (picture.note, MUTED)):
        if text:
            y += 19
            sheet.text(Point(MARGIN, y), elided(text, room, 12.0), 12.0, colour)


def _legend_rows(entries: Sequence[LegendEntry], room: float) -> list[list[tuple[LegendEntry, float]]]:
    """Entries in rows, each with the x where it ends."""
    rows: list[list[tuple[LegendEntry, float]]] = []
    for entry in entries:
        wide = 24 + text_width(entry.text, LINE_SIZE) + 16
        start = rows[-1][-1][1] if rows else room
        if start + wide > room:
            rows.append([])
            start = 0.0
        rows[-1].append((entry, start + wide))
    return rows


def _legend(sheet: _Sheet, rows: list[list[tuple[LegendEntry, float]]], y: float) -> None:
    for row in rows:
        x = MARGIN
        for entry, end in row:
            if entry.icon:
                sheet.icon(Point(x + 8, y), entry.icon, entry.tone.line, entry.faded, 6.5)
            else:
                dash = ' stroke-dasharray="4 3"' if entry.dashed else ""
                line = FADED_LINE if entry.faded else entry.tone.line
                look = f'fill="none" {sheet.paint(line=line)} stroke-width="1.6"{dash}'
                sheet.add(f'<path d="M{_xy(x, y)}h18" {look}/>')
            sheet.text(Point(x + 23, y + 4), entry.text, LINE_SIZE, MUTED)
            x = MARGIN + end
        y += 22


# -- the drawing ---------------------------------------------------------------------------------------------


def _drawing(sheet: _Sheet, picture: Picture, placement: Placement) -> None:
    """Frames under arrows under boxes under labels; pale arrows under solid ones."""
    for frame in picture.frames:
        _frame(sheet, frame, placement.frames[frame.id])
    routed = sorted(zip(picture.arrows, placement.routes, strict=True), key=lambda pair: not pair[0].faded)
    for arrow, route in routed:
        _arrow(sheet, arrow, route)
    for frame in picture.frames:
        _frame_title(sheet, frame, placement.frames[frame.id])
    for box in picture.boxes:
        rect = placement.boxes[box.id]
        sheet.add(f"<g>{_tooltip(box.tooltip or box.title)}")
        _SHAPES[box.shape](sheet, box, rect)
        sheet.add("</g>")
    for arrow, route in routed:
        if arrow.label and route.label:
            text = elided(arrow.label, route.label_room, LINE_SIZE)
            colour = MUTED if not arrow.faded else FADED_INK
            at = Point(route.label.x, route.label.y + 4)
            sheet.add(f"<g>{_tooltip(arrow.tooltip or arrow.label)}")
            sheet.text(at, text, LINE_SIZE, colour, "middle", halo=True)
            sheet.add("</g>")


def _frame(sheet: _Sheet, frame: Frame, rect: Rect) -> None:
    look = sheet.paint(frame.tone.fill)
    if frame.style == "frame":
        look = f'{sheet.paint(CANVAS, frame.tone.line)} stroke-dasharray="6 4"'
    sheet.add(f'<g>{_tooltip(frame.tooltip or frame.title)}<rect {_rect(rect)} rx="12" {look}/></g>')


def _frame_title(sheet: _Sheet, frame: Frame, rect: Rect) -> None:
    title = elided(frame.title, rect.width - 28, LINE_SIZE, True)
    at, halo = Point(rect.x + 14, rect.y + 19), frame.style == "frame"
    sheet.text(at, title, LINE_SIZE, frame.tone.ink, weight=600, halo=halo)


def _rect(rect: Rect) -> str:
    return f'x="{_n(rect.x)}" y="{_n(rect.y)}" width="{_n(rect.width)}" height="{_n(rect.height)}"'


def _dash(box: Box) -> str:
    return ' stroke-dasharray="4 3"' if box.faded else ""


def _draw_box(sheet: _Sheet, box: Box, rect: Rect) -> None:
    look = sheet.paint(box.tone.fill, box.tone.line)
    sheet.add(f'<rect {_rect(rect)} rx="8" {look} stroke-width="1.3"{_dash(box)}/>')
    x, y = rect.x + PAD_X, rect.y + PAD_Y
    if box.icon:
        sheet.icon(Point(x + 8, rect.centre.y), box.icon, box.tone.line, box.faded)
        x += ICON_ROOM
    sheet.text(
        Point(x, y + 12.5),
        elided(box.title, TEXT_ROOM, TITLE_SIZE, True),
        TITLE_SIZE,
        box.tone.ink,
        weight=600,
    )
    for row, line in enumerate(box.lines):
        at = Point(x, y + TITLE_STEP + LINE_STEP * row + 11)
        sheet.text(
            at, elided(line, TEXT_ROOM, LINE_SIZE), LINE_SIZE, box.tone.ink if not box.faded else MUTED
        )


def _draw_diamond(sheet: _Sheet, box: Box, rect: Rect) -> None:
    c = rect.centre
    corners = ((c.x, rect.y), (rect.right, c.y), (c.x, rect.bottom), (rect.x, c.y))
    path = f"M{'L'.join(_xy(x, y) for x, y in corners)}Z"
    look = sheet.paint(box.tone.fill, box.tone.line)
    sheet.add(f'<path d="{path}" {look} stroke-width="1.3" stroke-linejoin="round"{_dash(box)}/>')
    title = elided(box.title, TEXT_ROOM / 2, TITLE_SIZE - 1, True)
    sheet.text(Point(c.x, c.y + 4), title, TITLE_SIZE - 1, box.tone.ink, "middle", 600)


def _draw_disc(sheet: _Sheet, box: Box, rect: Rect) -> None:
    """Start is a full disc, end a ring around its icon, an event a disc with its icon."""
    c = rect.centre
    if box.shape == "start":
        sheet.add(f'<circle cx="{_n(c.x)}" cy="{_n(c.y)}" r="7" {sheet.paint(box.tone.line)}/>')
        return
    if box.shape == "end":
        look = sheet.paint(CANVAS, box.tone.line)
        sheet.add(f'<circle cx="{_n(c.x)}" cy="{_n(c.y)}" r="10.5" {look} stroke-width="1.3"{_dash(box)}/>')
    if box.icon:
        sheet.icon(c, box.icon, box.tone.line, box.faded, 7.5 if box.shape == "end" else 9.0)
    else:
        colour = FADED_LINE if box.faded else box.tone.line
        sheet.add(f'<circle cx="{_n(c.x)}" cy="{_n(c.y)}" r="6" {sheet.paint(colour)}/>')


def _draw_bar(sheet: _Sheet, box: Box, rect: Rect) -> None:
    sheet.add(f'<rect {_rect(rect)} rx="3" {sheet.paint(FADED_LINE if box.faded else box.tone.line)}/>')
    if box.title:
        title = elided(box.title, rect.width / 2 - 14, LINE_SIZE, True)
        sheet.text(Point(rect.x, rect.y - 6), title, LINE_SIZE, MUTED, weight=600)


def _draw_point(sheet: _Sheet, box: Box, rect: Rect) -> None:
    c = rect.centre
    sheet.add(
        f'<circle cx="{_n(c.x)}" cy="{_n(c.y)}" r="3" {sheet.paint(FADED_LINE if box.faded else LINE)}/>'
    )


_SHAPES: dict[str, Callable[[_Sheet, Box, Rect], None]] = {
    "box": _draw_box,
    "diamond": _draw_diamond,
    "start": _draw_disc,
    "end": _draw_disc,
    "event": _draw_disc,
    "bar": _draw_bar,
    "point": _draw_point,
}


# -- arrows --------------------------------------------------------------------------------------------------


def _arrow(sheet: _Sheet, arrow: Arrow, route: Route) -> None:
    points = list(route.points)
    before, tip = points[-2:]
    dx, dy = _direction(before, tip, route.bend)
    head = ""
    colour = FADED_LINE if arrow.faded else arrow.colour
    if arrow.head:
        x, y = tip.x - dx * HEAD, tip.y - dy * HEAD
        w = HEAD * 0.52
        left, right = (x - dy * w, y + dx * w), (x + dy * w, y - dx * w)
        corners = "L".join(_xy(a, b) for a, b in (tip, left, right))
        head = f'<path d="M{corners}Z" {sheet.paint(colour)}/>'
        points[-1] = Point(tip.x - dx * (HEAD - 1), tip.y - dy * (HEAD - 1))
    dash = ' stroke-dasharray="5 4"' if arrow.dashed or arrow.faded else ""
    path = _PATHS[route.bend](points)
    line = f'<path d="{path}" fill="none" {sheet.paint(line=colour)} stroke-width="1.5"{dash}/>'
    sheet.add(f"<g>{_tooltip(arrow.tooltip or arrow.label)}{line}{head}</g>")


def _direction(before: Point, tip: Point, bend: str) -> tuple[float, float]:
    dx, dy = tip.x - before.x, tip.y - before.y
    if bend == "down" and dy:
        return 0.0, dy / abs(dy)
    if bend == "across" and dx:
        return dx / abs(dx), 0.0
    length = hypot(dx, dy) or 1.0
    return dx / length, dy / length


def _cornered(points: Sequence[Point]) -> str:
    """A polyline with rounded corners."""
    path = [f"M{_xy(*points[0])}"]
    for a, b, c in zip(points, points[1:], points[2:], strict=False):
        before, after = hypot(b.x - a.x, b.y - a.y), hypot(c.x - b.x, c.y - b.y)
        radius = min(CORNER, before / 2, after / 2)
        if not radius:
            continue
        start = Point(b.x + (a.x - b.x) * radius / before, b.y + (a.y - b.y) * radius / before)
        end = Point(b.x + (c.x - b.x) * radius / after, b.y + (c.y - b.y) * radius / after)
        path.append(f"L{_xy(*start)}Q{_xy(*b)} {_xy(*end)}")
    path.append(f"L{_xy(*points[-1])}")
    return "".join(path)


def _curved(points: Sequence[Point], flat: bool) -> str:
    """Cubic curves that leave and enter every point along one axis."""
    path = [f"M{_xy(*points[0])}"]
    for a, b in pairwise(points):
        if a.x == b.x or a.y == b.y:
            path.append(f"L{_xy(*b)}")
            continue
        middle = Point((a.x + b.x) / 2, (a.y + b.y) / 2)
        first, second = ((middle.x, a.y), (middle.x, b.y)) if flat else ((a.x, middle.y), (b.x, middle.y))
        path.append(f"C{_xy(*first)} {_xy(*second)} {_xy(*b)}")
    return "".join(path)


_PATHS: dict[str, Callable[[Sequence[Point]], str]] = {
    "corner": _cornered,
    "down": lambda points: _curved(points, flat=False),
    "across": lambda points: _curved(points, flat=True),
}
