"""Drawings of runs: every step once, nothing overlaps, states are told, no text is obeyed."""

from datetime import UTC, datetime, timedelta
from itertools import combinations, count, pairwise
from random import Random
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itonami.graphstore import Graph, InvalidValue
from itonami.workflow.drawing import (
    run_dot,
    run_lines,
    run_mermaid,
    run_picture,
    run_svg,
    run_text,
    run_tree,
)
from itonami.workflow.drawing.palette import STATES
from itonami.workflow.drawing.picture import run_drawing
from itonami.workflow.drawing.tree import BREADTH, LIMIT
from itonami.workflow.drawing.words import duration_text

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '"]</text><script>alert(1)</script>\x00\x1b[31m\u202e%%{init}%%#quot;`\\N --> x;\nend'
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STATUSES = [
    "pending",
    "running",
    "waiting",
    "succeeded",
    "failed",
    "cancelled",
    "terminated",
    "timed_out",
    "skipped",
    "compensated",
]

Op = dict[str, Any]
"""A step to draw: kind, id, children, undo (COMPENSATE), flow (COMPENSATION), and its properties."""


def op(kind: str, id: str, *children: Op, undo: Op | None = None, flow: Op | None = None, **props: Any) -> Op:
    return {"kind": kind, "id": id, "children": children, "undo": undo, "flow": flow, "props": props}


def act(id: str, status: str = "succeeded", **rest: Any) -> Op:
    return op("Activity", id, status=status, activity=rest.pop("activity", id), **rest)


def run_of(root: Op, **header: Any) -> Graph:
    """The state graph of a run, as the engine leaves it."""
    evolver = Graph().evolver()
    numbers = count()

    def edge(source: str, label: str, target: str) -> None:
        evolver.add_edge(source, label, target, id=f"e{next(numbers)}")

    def add(step: Op, order: int, branch: int | None) -> str:
        props = {"status": "succeeded", "order": order} | step["props"]
        props |= {} if branch is None else {"branch": branch}
        id: str = evolver.add_node("Step", step["kind"], id=step["id"], properties=props)
        previous = None
        for place, child in enumerate(step["children"]):
            guards = len(props.get("guards", ()))
            chosen = (place if place < guards else -1) if step["kind"] == "Decision" else None
            below = add(child, place, chosen)
            edge(id, "CHILD", below)
            if step["kind"] == "Seq":
                edge(previous or id, "NEXT" if previous else "FIRST", below)
                previous = below
            if step["kind"] == "Saga":
                edge(id, "MAIN", below)
        for label, other in (("COMPENSATE", step["undo"]), ("COMPENSATION", step["flow"])):
            if other is not None:
                edge(id, label, add(other, 0, None))
        return id

    defaults = {"kind": "run", "workflow": "order", "version": "1", "status": "running", "started": NOON}
    evolver.add_node("@graph", "Run", id="@graph", properties=defaults | header)
    edge("@graph", "ROOT", add(root, 0, None))
    return evolver.persistent()


def random_tree(random: Random, names: list[str], steps: list[Op], depth: int, scoped: bool = True) -> Op:
    """A tree of steps of every kind; `steps` gathers them. Inside a compensation nothing is `scoped`."""
    kinds = ["Activity", "Seq", "Seq", "Parallel", "Decision", "Saga"]
    kind = random.choice(kinds[1 if not steps else 0 :] if depth and len(steps) < 40 else kinds[:1])
    step = op(kind, f"{len(steps)}{random.choice(names)}", status=random.choice(STATUSES))
    steps.append(step)
    if kind == "Activity":
        step["props"] |= {"activity": random.choice(names), "attempt": random.randint(1, 3)}
        if scoped and random.random() < 0.6:
            step["undo"] = random_tree(random, names, steps, depth, scoped=False)
        return step
    width = 1 if kind == "Saga" else random.choice((0, 1, 2, 3, 4, 4))
    step["children"] = tuple(random_tree(random, names, steps, depth - 1, scoped) for _ in range(width))
    if kind == "Decision":
        step["props"]["guards"] = random.choices(names, k=max(width - random.randint(0, 1), 0))
    if kind == "Saga" and random.random() < 0.6:
        step["flow"] = random_tree(random, names, steps, depth - 1, scoped=False)
    return step


@st.composite
def runs(draw: st.DrawFn) -> tuple[Graph, list[Op]]:
    """A run over a random tree, and all its steps. The tree comes from a seed: drawn trees stay too small."""
    names = draw(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=6))
    steps: list[Op] = []
    root = random_tree(Random(draw(st.integers(0, 2**32))), names, steps, draw(st.integers(0, 4)))
    return run_of(root, status=draw(st.sampled_from(STATUSES))), steps


ORDER = op(
    "Seq",
    "main",
    act("validate", started=NOON, ended=NOON + timedelta(milliseconds=120)),
    op("Decision", "risk", act("review"), act("approve", "skipped"), guards=["total > 1000"], choice=0),
    op(
        "Saga",
        "fulfil",
        op(
            "Seq",
            "fulfil-main",
            act("charge", "compensated", attempt=2, undo=act("refund")),
            op(
                "Parallel",
                "prepare",
                act("pick"),
                act("pack", "failed", error={"type": "E", "message": "torn"}),
            ),
            act("ship", "pending"),
            status="failed",
        ),
        status="failed",
        flow=act("notify"),
    ),
    status="failed",
)


@given(runs())
def test_every_step_is_drawn_exactly_once(run):
    graph, steps = run
    picture = run_picture(graph)
    drawn = [box.id for box in picture.boxes] + [frame.id for frame in picture.frames]
    assert len(drawn) == len(set(drawn))
    for step in steps:
        silent = step["kind"] == "Seq" and step["children"]
        assert drawn.count(step["id"]) == (0 if silent else 1)


@settings(max_examples=150)
@given(runs())
def test_no_two_boxes_overlap_and_all_stand_inside_the_drawing(run):
    picture, placement = run_drawing(run_tree(run[0]))
    rects = [placement.boxes[box.id] for box in picture.boxes]
    assert not any(a.overlaps(b) for a, b in combinations(rects, 2))
    for rect in (*rects, *placement.frames.values()):
        assert -0.01 <= rect.x <= rect.right <= placement.width + 0.01
        assert -0.01 <= rect.y <= rect.bottom <= placement.height + 0.01


@given(runs())
def test_frames_enclose_their_boxes_and_no_others(run):
    picture, placement = run_drawing(run_tree(run[0]))
    parents = {frame.id: frame.parent for frame in picture.frames}
    for box in picture.boxes:
        around, frame = set(), box.frame
        while frame is not None:
            around.add(frame)
            frame = parents[frame]
        for id, rect in placement.frames.items():
            assert rect.overlaps(placement.boxes[box.id]) == (id in around)


@given(runs())
def test_every_arrow_joins_its_boxes_and_crosses_no_other(run):
    picture, placement = run_drawing(run_tree(run[0]))
    for arrow, route in zip(picture.arrows, placement.routes, strict=True):
        for point, id in ((route.points[0], arrow.source), (route.points[-1], arrow.target)):
            rect = placement.boxes[id]
            assert rect.x - 0.1 <= point.x <= rect.right + 0.1
            assert rect.y - 0.1 <= point.y <= rect.bottom + 0.1
        for a, b in pairwise(route.points):
            assert a.x == pytest.approx(b.x) or a.y == pytest.approx(b.y)
            for id, r in placement.boxes.items():
                through = min(a.x, b.x) < r.right - 0.1 and max(a.x, b.x) > r.x + 0.1
                through = through and min(a.y, b.y) < r.bottom - 0.1 and max(a.y, b.y) > r.y + 0.1
                assert not through or id in (arrow.source, arrow.target)


@given(runs())
def test_equal_runs_give_equal_drawings_and_well_formed_ones(run):
    graph, steps = run
    again = Graph().replaced(reversed(list(graph.items())))
    for draw in (run_svg, run_mermaid, run_dot, run_text):
        assert draw(graph) == draw(again)
    ElementTree.fromstring(run_svg(graph))
    silent = steps[0]["kind"] == "Seq" and steps[0]["children"]
    assert len(run_text(graph).splitlines()) == 1 + len(steps) - (1 if silent else 0)


def test_a_succession_is_a_straight_line():
    graph = run_of(op("Seq", "main", *(act("x" * (i + 1)) for i in range(6))))
    _, placement = run_drawing(run_tree(graph))
    assert {rect.centre.x for rect in placement.boxes.values()} == {placement.width / 2}


def test_what_ran_is_solid_and_what_did_not_is_pale():
    picture = run_picture(run_of(ORDER, status="failed"))
    faded = {box.id: box.faded for box in picture.boxes}
    assert not faded["review"]
    assert not faded["charge"]
    assert not faded["pack"]
    assert faded["approve"]
    assert faded["ship"]
    arrows = {(arrow.source, arrow.target): arrow for arrow in picture.arrows}
    assert not arrows["risk", "review"].faded
    assert arrows["risk", "approve"].faded
    assert arrows["risk", "review"].label == "total > 1000"
    assert arrows["risk", "approve"].label == "otherwise"
    assert arrows["charge", "refund"].dashed
    assert not arrows["charge", "refund"].faded


@pytest.mark.parametrize("status", STATUSES)
def test_every_state_has_its_own_colour_sign_and_word(status):
    graph = run_of(act("step", status))
    look = STATES[status]
    (box,) = (box for box in run_picture(graph).boxes if box.id == "step")
    assert (box.tone, box.icon, box.faded) == (look.tone, look.icon, look.pale)
    assert f'stroke="{look.tone.line.light}"' in run_svg(graph)
    assert f"{look.glyph} step" in run_text(graph)
    assert status.replace("_", " ") in run_text(graph)
    assert len({state.glyph for state in map(STATES.get, STATUSES)}) == len(STATUSES)
    assert len({state.tone.line for state in map(STATES.get, STATUSES)}) == len(STATUSES)


@pytest.mark.parametrize("look", STATES.values(), ids=STATES)
def test_text_on_a_box_has_a_contrast_of_four_and_a_half(look):
    def luminance(colour: str) -> float:
        parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for fill, ink in zip(look.tone.fill, look.tone.ink, strict=True):
        low, high = sorted((luminance(fill), luminance(ink)))
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_a_saga_is_a_frame_with_its_compensations_in_a_lane_beside():
    picture, placement = run_drawing(run_tree(run_of(ORDER, status="failed")))
    saga, lane = picture.frames
    assert (saga.id, saga.style, lane.style, lane.parent) == ("fulfil", "frame", "lane", "fulfil")
    inside = {box.id for box in picture.boxes if box.frame == lane.id}
    assert {"refund", "notify"} <= inside
    assert placement.boxes["refund"].x > placement.boxes["charge"].right
    assert placement.boxes["refund"].centre.y == placement.boxes["charge"].centre.y


def test_what_undoes_a_step_stands_beside_it_even_over_a_wide_parallel():
    wide = op("Parallel", "wide", *(act(f"branch-{i}") for i in range(6)))
    graph = run_of(op("Seq", "main", act("plan", undo=act("unplan")), wide))
    _, placement = run_drawing(run_tree(graph))
    plan, unplan = placement.boxes["plan"], placement.boxes["unplan"]
    assert plan.centre.y == unplan.centre.y
    assert 0 < unplan.x - plan.right < 100


def test_the_terminal_tree_tells_the_story_of_the_run():
    ended = NOON + timedelta(seconds=290)
    error = {"type": "E", "message": "torn"}
    assert run_text(run_of(ORDER, status="failed", ended=ended, error=error)) == (
        "order 1  failed · 4 min 50 s · started 2026-03-01 12:00:00 UTC · E: torn\n"
        "├─ ✓ validate  succeeded · 120 ms\n"
        "├─ ✓ risk  decision · succeeded\n"
        "│  ├─ ✓ review  when total > 1000 · succeeded\n"
        "│  └─ – approve  otherwise · skipped\n"
        "└─ ✗ fulfil  saga · failed\n"
        "   ├─ ✗ fulfil-main  seq · failed\n"
        "   │  ├─ ↶ charge  compensated · attempt 2\n"
        "   │  │  └─ ✓ refund  compensates · succeeded\n"
        "   │  ├─ ✓ prepare  parallel · succeeded\n"
        "   │  │  ├─ ✓ pick  succeeded\n"
        "   │  │  └─ ✗ pack  failed · E: torn\n"
        "   │  └─ – ship  not run\n"
        "   └─ ✓ notify  compensation · succeeded\n"
    )


def test_steps_under_way_say_since_when_or_what_they_wait_for():
    running = act("a", "running", started=NOON, state="pending", attempt=1)
    waiting = act("b", "waiting", started=NOON, state="backoff", attempt=2)
    text = run_text(run_of(op("Seq", "main", running, waiting)))
    assert "▶ a  running · since 12:00:00" in text
    assert "◔ b  waiting to retry · attempt 2" in text


@pytest.mark.parametrize("draw", [run_svg, run_mermaid, run_dot, run_text])
def test_hostile_names_are_only_ever_text(draw):
    guard = op("Decision", f"{HOSTILE}d", act(HOSTILE, error={"type": HOSTILE}), guards=[HOSTILE])
    drawn = draw(run_of(op("Saga", f"{HOSTILE}s", guard), workflow=HOSTILE, error=HOSTILE, status="failed"))
    assert not set("\x00\x1b\u202e") & set(drawn)
    if draw is run_svg:
        tags = {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(drawn).iter()}
        assert tags <= {"svg", "g", "title", "style", "rect", "path", "circle", "text"}


def test_names_like_those_of_parts_stay_apart():
    names = [f"{id}/{part}" for id in ("p", "d") for part in ("join", "end", "more", "undo", "lane")]
    inner = op("Parallel", "p", *map(act, names))
    picture, placement = run_drawing(run_tree(run_of(op("Decision", "d", inner, act("@graph/end")))))
    assert len(placement.boxes) == len(picture.boxes)


def test_a_wide_fan_out_shows_what_needs_attention_and_counts_the_rest():
    jobs = [act(f"job-{i:04}", "failed" if i in (700, 900) else "succeeded") for i in range(1_000)]
    graph = run_of(op("Parallel", "each", *jobs))
    drawn = [box for box in run_picture(graph).boxes if box.id.startswith("job-")]
    assert len(drawn) == BREADTH
    assert {"job-0700", "job-0900"} <= {box.id for box in drawn}
    assert f"{1_000 - BREADTH} more  {1_000 - BREADTH} succeeded" in run_text(graph)
    assert f"{BREADTH + 1} of 1,001 steps are drawn" in run_svg(graph)


def test_a_large_run_is_drawn_in_part_and_says_so():
    graph = run_of(op("Seq", "main", *(act(f"step-{i}") for i in range(3_000))))
    drawn = run_svg(graph)
    assert "400 of 3,001 steps are drawn" in drawn
    assert len(run_picture(graph).boxes) <= LIMIT + 3
    assert len(drawn) < 600_000


def test_a_deep_run_is_drawn_in_part():
    root = act("leaf")
    for depth in range(200):
        root = op("Seq", f"seq-{depth}", root)
    assert "1 more" in run_svg(run_of(root))


def test_edges_that_lead_back_are_not_followed():
    evolver = run_of(op("Seq", "main", op("Seq", "inner", act("a")))).evolver()
    evolver.add_edge("inner", "CHILD", "main")
    evolver.add_edge("inner", "CHILD", "inner")
    evolver.add_edge("a", "COMPENSATE", "a")
    assert [box.id for box in run_picture(evolver.persistent()).boxes].count("a") == 1


def test_a_graph_without_a_root_step_is_no_run():
    with pytest.raises(InvalidValue, match="no workflow run; draw it with graph_svg"):
        run_svg(Graph())


def test_lines_give_the_command_line_what_it_colours():
    line = list(run_lines(run_tree(run_of(act("a", "failed")))))[1]
    assert (line.tree, line.glyph, line.name, line.detail, line.style) == (
        "└─ ",
        "✗",
        "a",
        "failed",
        "bold red",
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.84, "840 ms"),
        (0.9999, "1.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min"),
        (200, "3 min 20 s"),
        (3_600, "1 h"),
        (7_500, "2 h 5 min"),
        (273_600, "3 d 4 h"),
        (-1, "0 ms"),
    ],
)
def test_durations_read_as_people_say_them(seconds, text):
    assert duration_text(seconds) == text
