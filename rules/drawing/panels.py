"""Pictures side by side: each in a frame of its own, in rows, as one picture.

    Picture, Placement  *n  --tiled-->  Picture, Placement

Small multiples (Tufte, Envisioning Information, 1990): panels of one size and one layout let the eye see what differs.
Ids of boxes get their panel's number, so that panels may show the same thing. Geometry only: what the panels show is
the matter of `drawing` and `filmstrip`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

from itonami.graphstore.lettering import elided, text_width
from itonami.graphstore.shapes import LINE_SIZE, Frame, Picture, Placement, Rect

__all__ = ["Panel", "tiled"]

PAD, BAND, GAP = 22.0, 30.0, 22.0
TITLE_ROOM = 420.0


@dataclass(frozen=True, slots=True)
class Panel:
    """A placed picture under a title. Its own caption, legend and frames are not drawn."""

    title: str
    picture: Picture
    placement: Placement

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of its frame."""
        title = text_width(elided(self.title, TITLE_ROOM, LINE_SIZE, True), LINE_SIZE, True) + 34
        return max(self.placement.width + 2 * PAD, title), self.placement.height + PAD + BAND


def tiled(panels: Sequence[Panel], columns: int | None = None, **caption: Any) -> tuple[Picture, Placement]:
    """The panels in rows of `columns`, or in rows of about a page's shape; `caption` are fields of `Picture`."""
    places, width, height = _rows([panel.size for panel in panels], columns)
    boxes, arrows, frames = [], [], []
    rects: dict[str, Rect] = {}
    outlines: dict[str, Rect] = {}
    routes = []
    for number, (panel, frame) in enumerate(zip(panels, places, strict=True)):
        name = f"{number} "
        frames.append(Frame(name, panel.title))
        outlines[name] = frame
        dx, dy = frame.x + (frame.width - panel.placement.width) / 2, frame.y + BAND
        for box in panel.picture.boxes:
            boxes.append(replace(box, id=name + box.id, frame=name))
            rects[name + box.id] = panel.placement.boxes[box.id].moved(dx, dy)
        for arrow, route in zip(panel.picture.arrows, panel.placement.routes, strict=True):
            arrows.append(replace(arrow, source=name + arrow.source, target=name + arrow.target))
            routes.append(route.moved(dx, dy))
    picture = Picture(tuple(boxes), tuple(arrows), tuple(frames), **caption)
    return picture, Placement(width, height, rects, tuple(routes), outlines)


def _rows(sizes: Sequence[tuple[float, float]], columns: int | None) -> tuple[list[Rect], float, float]:
    """Frames in rows, as high as their row is, and the width and height of all."""
    if not sizes:
        return [], 0.0, 0.0
    page = max(max(w for w, _ in sizes), sqrt(1.6 * sum((w + GAP) * (h + GAP) for w, h in sizes)))
    rows: list[list[tuple[float, float]]] = [[]]
    for size in sizes:
        used = sum(w + GAP for w, _ in rows[-1])
        full = len(rows[-1]) == columns if columns else used + size[0] > page
        if rows[-1] and full:
            rows.append([])
        rows[-1].append(size)
    places, y = [], 0.0
    for row in rows:
        x, high = 0.0, max(h for _, h in row)
        for w, _ in row:
            places.append(Rect(x, y, w, high))
            x += w + GAP
        y += high + GAP
    return places, max(place.right for place in places), y - GAP
