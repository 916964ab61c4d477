"""A run drawn as a person would draw it, top to bottom.

    activity: a box in the colour of its state        seq: mere succession        start, end: small circles
    decision: a diamond, its guards on the arrows     parallel: a fork bar and a join bar
    saga: a dashed frame; what undoes its steps, and its compensation flow, in lanes beside

What ran is solid, what did not is pale and dashed; arrows of compensation are dashed. Each kind of step is
one function from step to `Block`; the table `_DRAWN` says which. Geometry lives in `blocks`, colours in
`palette`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from statistics import median

from itonami.graphstore.graph import HEADER, Graph
from itonami.graphstore.lettering import elided, text_width
from itonami.graphstore.notation import dot, mermaid
from itonami.graphstore.shapes import (
    LINE_SIZE,
    Arrow,
    Box,
    Frame,
    LegendEntry,
    Picture,
    Placement,
    Point,
    Rect,
    Route,
)
from itonami.graphstore.svg import svg
from itonami.workflow.drawing.blocks import Block, Joint, beside, boxed, hung, joined, settled, stacked
from itonami.workflow.drawing.palette import COMPENSATION, FLOW, STATES, look
from itonami.workflow.drawing.tree import MORE, RunTree, Step, part_id, run_tree
from itonami.workflow.drawing.words import caption, details, title, tooltip, words

__all__ = ["run_dot", "run_drawing", "run_mermaid", "run_picture", "run_svg"]

BRANCH_GAP = 34.0
GUARD_GAP = 56.0
GUARD_ROOM = 170.0
OVERHANG = 34.0
PAD, BAND = 20.0, 26.0
LANE_GAP, LANE_PAD = 22.0, 14.0


def run_picture(graph: Graph) -> Picture:
    """The picture of a run: its boxes, arrows and frames, without places. Raises `InvalidValue`."""
    return run_drawing(run_tree(graph))[0]


def run_svg(graph: Graph) -> str:
    """The run as SVG. Raises `InvalidValue` where the graph is no run."""
    return svg(*run_drawing(run_tree(graph)))


def run_mermaid(graph: Graph) -> str:
    """The run as a Mermaid flowchart. Raises `InvalidValue` where the graph is no run."""
    return mermaid(run_picture(graph))


def run_dot(graph: Graph) -> str:
    """The run in Graphviz DOT. Raises `InvalidValue` where the graph is no run."""
    return dot(run_picture(graph))


def run_drawing(run: RunTree) -> tuple[Picture, Placement]:
    """The picture of a run and where everything stands. O(steps * depth)."""
    began = run.status not in ("pending", "queued")
    start = boxed(Box(_START, tone=FLOW, shape="start", tooltip="start"), began, began)
    state = look(run.status)
    finish = Box(_END, tone=state.tone, shape="end", icon=state.icon, tooltip=words(run.status))
    ahead = Box(_END, tone=FLOW, shape="end", faded=True, tooltip="end")
    reached = run.status == "succeeded"
    end = boxed(finish if run.over else ahead, reached, reached)
    block = settled(stacked([start, _block(run.root), end], _flow), _undoing)
    heading, subtitle = caption(run)
    part = f"{run.shown:,} of {run.total:,} steps are drawn"
    picture = Picture(
        boxes=tuple(box for box, _ in block.boxes),
        arrows=tuple(arrow for arrow, _ in block.arrows),
        frames=tuple(frame for frame, _ in block.frames),
        title=heading,
        subtitle=subtitle,
        note=part if run.shown < run.total else "",
        tone=state.tone,
        legend=_legend(run.root),
    )
    placement = Placement(
        width=block.width,
        height=block.height,
        boxes={box.id: rect for box, rect in block.boxes},
        routes=tuple(route for _, route in block.arrows),
        frames={frame.id: rect for frame, rect in block.frames},
    )
    return picture, placement


_START, _END = part_id(HEADER, "start"), part_id(HEADER, "end")


def _legend(root: Step) -> tuple[LegendEntry, ...]:
    """The states that occur, in the order of the palette, and the kinds of line."""
    steps = [step for step in root.walk() if step.kind in ("Activity", "Step", "Decision")]
    states = {step.appearance for step in steps}
    entries = [
        LegendEntry(words(state), look(state).tone, look(state).icon, look(state).pale)
        for state in STATES
        if state in states
    ]
    if any(step.compensate or step.compensation for step in root.walk()):
        entries.append(LegendEntry("compensation", COMPENSATION, dashed=True))
    return tuple(entries)


# -- arrows --------------------------------------------------------------------------------------------------


def _flow(source: str, target: str, into: Block) -> Arrow:
    return Arrow(source, target, faded=not into.ran)


def _undoing(source: str, target: str, into: Block) -> Arrow:
    return Arrow(
        source, target, colour=COMPENSATION.line, faded=not into.ran, dashed=True, tooltip="compensation"
    )


# -- steps ---------------------------------------------------------------------------------------------------


def _block(step: Step) -> Block:
    """The step's piece of the drawing, with what undoes it hanging at it."""
    block = _DRAWN.get(step.kind, _seq if step.children else _activity)(step)
    return hung(block, settled(_block(step.compensate), _undoing)) if step.compensate else block


def _box(step: Step) -> Box:
    state = look(step.appearance)
    return Box(step.id, title(step), (), state.tone, faded=state.pale, icon=state.icon, tooltip=tooltip(step))


def _activity(step: Step) -> Block:
    name = (step.activity,) if step.activity and step.activity != step.id else ()
    lines = (*name, " · ".join(details(step)))
    return boxed(replace(_box(step), lines=lines), step.ran, step.passed)


def _seq(step: Step) -> Block:
    if not step.children:
        point = Box(step.id, tone=FLOW, shape="point", faded=not step.ran, tooltip=tooltip(step))
        return boxed(point, step.ran, step.passed)
    block = stacked([_block(child) for child in step.children], _flow)
    return replace(block, ran=step.ran, passed=step.passed)


def _branches(step: Step) -> list[Block]:
    return [settled(_block(child), _undoing) for child in step.children]


def _parallel(step: Step) -> Block:
    """Bars as wide as the branches they fork and join."""
    bar = Box(step.id, title(step), tone=FLOW, shape="bar", faded=not step.ran, tooltip=tooltip(step))
    branches = beside(_branches(step), y=bar.size[1] + BRANCH_GAP)
    axes = [branch.axis for branch in branches] or [0.0]
    wide = max(axes[-1] - axes[0] + 2 * OVERHANG, bar.size[0])
    left, axis = (axes[0] + axes[-1] - wide) / 2, median(axes)
    fork = replace(boxed(bar, step.ran, step.passed, wide).moved(left, 0), axis=axis)
    bottom = max((branch.bottom for branch in branches), default=fork.bottom)
    again = replace(bar, id=part_id(step.id, "join"), title="", faded=not step.passed)
    join = boxed(again, step.passed, step.passed, wide).moved(left, bottom + BRANCH_GAP)
    arrows: list[Joint] = []
    for branch in branches:
        x = branch.axis
        arrows.append((_flow(bar.id, branch.first, branch), _straight(x, fork.leave, branch.enter)))
        on = Arrow(branch.last, again.id, faded=not branch.passed)
        arrows.append((on, _straight(x, branch.leave, join.enter)))
    if not branches:
        arrows.append((_flow(bar.id, again.id, join), _straight(axis, fork.leave, join.enter)))
    return joined([fork, *branches, join], arrows)


def _decision(step: Step) -> Block:
    """A diamond over its branches, which meet again in a point."""
    box = replace(_box(step), shape="diamond", icon=None)
    drawn = [_wide_enough(*pair) for pair in zip(_branches(step), step.children, strict=True)]
    branches = beside(drawn, y=box.size[1] + GUARD_GAP)
    axes = [branch.axis for branch in branches] or [0.0]
    axis = median(axes)
    diamond = boxed(box, step.ran, step.passed).moved(axis - box.size[0] / 2, 0)
    bottom = max((branch.bottom for branch in branches), default=diamond.bottom)
    point = Box(part_id(step.id, "end"), tone=FLOW, shape="point", faded=not step.passed)
    merge = boxed(point, step.passed, step.passed).moved(axis - point.size[0] / 2, bottom + BRANCH_GAP)
    arrows: list[Joint] = []
    for branch, child in zip(branches, step.children, strict=True):
        guard = child.guard or ""
        arrow = Arrow(step.id, branch.first, guard, faded=not branch.ran, tooltip=guard)
        arrows.append((arrow, _to_branch(diamond.rect(step.id), branch)))
        on = Arrow(branch.last, point.id, faded=not branch.passed, head=False)
        arrows.append((on, _to_merge(branch, merge.rect(point.id).centre)))
    if not branches:
        on = Arrow(step.id, point.id, faded=not step.passed, head=False)
        arrows.append((on, _straight(axis, diamond.leave, merge.enter)))
    return joined([diamond, *branches, merge], arrows)


def _straight(x: float, start: float, end: float) -> Route:
    return Route((Point(x, start), Point(x, end)))


def _wide_enough(branch: Block, child: Step) -> Block:
    """The branch with room for its guard above it."""
    half = text_width(elided(child.guard or "", GUARD_ROOM, LINE_SIZE), LINE_SIZE) / 2 + 6
    left, right = min(branch.x, branch.axis - half), max(branch.right, branch.axis + half)
    return replace(branch, x=left, width=right - left)


def _to_branch(diamond: Rect, branch: Block) -> Route:
    """Out of the nearest corner, along, and straight down into the branch, the guard on the way."""
    centre, x = diamond.centre, branch.axis
    if abs(x - centre.x) < 1:
        way = [Point(x, diamond.bottom)]
    elif diamond.x - 12 < x < diamond.right + 12:
        bend = diamond.bottom + 12
        way = [Point(centre.x, diamond.bottom), Point(centre.x, bend), Point(x, bend)]
    else:
        way = [Point(diamond.x if x < centre.x else diamond.right, centre.y), Point(x, centre.y)]
    label = Point(x, diamond.bottom + GUARD_GAP / 2)
    return Route((*way, Point(x, branch.enter)), label=label, label_room=GUARD_ROOM)


def _to_merge(branch: Block, merge: Point) -> Route:
    x = branch.axis
    down = Point(x, branch.leave)
    return Route((down, merge) if abs(x - merge.x) < 1 else (down, Point(x, merge.y), merge))


def _saga(step: Step) -> Block:
    """A dashed frame around the main flow, with the lane of compensations beside it."""
    main = stacked([_block(child) for child in step.children], _flow) if step.children else _seq(step)
    lane = Frame(part_id(step.id, "lane"), "compensation", COMPENSATION, "lane", parent=step.id)
    hanging = tuple((source, piece.within(lane.id)) for source, piece in main.hanging)
    body = settled(replace(main, hanging=hanging), _undoing, column=True)
    columns = [body]
    if step.compensation:
        event = Box(
            part_id(step.id, "undo"), tone=COMPENSATION, shape="event", icon="undo", tooltip="compensation"
        )
        flow = settled(_block(step.compensation), _undoing)
        begun = boxed(replace(event, faded=not flow.ran), flow.ran, flow.ran)
        flow = stacked([begun, flow], _undoing).within(lane.id)
        columns.append(flow.moved(body.right + (LANE_GAP if hanging else 2 * LANE_GAP), 0))
    whole = joined(columns, leave_by=body)
    inner = PAD
    if len(columns) > 1 or hanging:
        left = main.right + (LANE_GAP if not hanging else LANE_PAD)
        bounds = Rect(left, -BAND, whole.right + LANE_PAD - left, whole.height + BAND + LANE_PAD)
        whole = replace(
            whole, frames=(*whole.frames, (lane, bounds)), width=bounds.right, height=bounds.bottom
        )
        inner = PAD + BAND
    state = look(step.appearance)
    name = " · ".join(["saga", title(step), *details(step)])
    frame = Frame(step.id, name, state.tone, tooltip=tooltip(step))
    return _framed(whole, frame, inner)


def _framed(block: Block, frame: Frame, above: float) -> Block:
    """The block inside a frame that has a band for its title; flow enters and leaves through the frame."""
    inside = block.within(frame.id).moved(PAD, BAND + above)
    bounds = Rect(0, 0, inside.right + PAD, inside.bottom + PAD)
    return replace(
        inside,
        x=0,
        y=0,
        width=max(bounds.width, text_width(frame.title, LINE_SIZE, True) + 2 * PAD),
        height=bounds.height,
        frames=((frame, bounds), *inside.frames),
    )


def _more(step: Step) -> Block:
    """What is left out, as one dashed box that counts the states it stands for."""
    box = Box(step.id, title(step), tuple(details(step)), FLOW, faded=True, tooltip=tooltip(step))
    return boxed(box, step.ran, step.passed)


_DRAWN: dict[str, Callable[[Step], Block]] = {
    "Activity": _activity,
    "Seq": _seq,
    "Parallel": _parallel,
    "Decision": _decision,
    "Saga": _saga,
    MORE: _more,
}
