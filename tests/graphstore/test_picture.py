"""Drawings of property graphs: laws of the layout, and that no text can break a notation."""

import io
import re
from dataclasses import replace
from itertools import combinations, pairwise
from xml.etree import ElementTree

import networkx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import graphs

from itonami.graphstore import Graph
from itonami.graphstore.layout import layered
from itonami.graphstore.lettering import elided, printable, text_width
from itonami.graphstore.picture import (
    LIMIT,
    graph_dot,
    graph_graphml,
    graph_mermaid,
    graph_picture,
    graph_svg,
    layered_svg,
)
from itonami.graphstore.shapes import Arrow, Box, Frame, Picture

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "\"]</text></svg><script>alert('&amp;')</script>\x00\x1b[31m\u202e%%{init}%%#quot;`\\N --> x;\nend"

pictures = st.builds(
    lambda count, ends, direction, labelled: Picture(
        tuple(Box(f"b{i}", f"box {i}", ("line",) * (i % 4)) for i in range(count)),
        tuple(
            Arrow(f"b{a % count}", f"b{b % count}", f"label {i}" if labelled else "")
            for i, (a, b) in enumerate(ends)
        ),
        direction=direction,
    ),
    st.integers(1, 14),
    st.lists(st.tuples(st.integers(0, 13), st.integers(0, 13)), max_size=24),
    st.sampled_from(["down", "right"]),
    st.booleans(),
)


def chain(length: int, branches: int = 0) -> Graph:
    evolver = Graph().evolver()
    for i in range(length):
        evolver.add_node("N", id=f"n{i:05}")
    for i in range(1, length):
        evolver.add_edge(f"n{i - 1:05}", "NEXT", f"n{i:05}", id=f"e{i:05}")
    for i in range(branches):
        evolver.add_edge(f"n{i:05}", "JUMP", f"n{length - 1 - i:05}", id=f"j{i:05}")
    return evolver.persistent()


@given(pictures)
def test_boxes_never_overlap_and_stand_inside_the_drawing(picture):
    placement = layered(picture)
    rects = [placement.boxes[box.id] for box in picture.boxes]
    assert not any(a.overlaps(b) for a, b in combinations(rects, 2))
    assert all(r.x >= -0.01 and r.y >= -0.01 for r in rects)
    assert all(r.right <= placement.width + 0.01 and r.bottom <= placement.height + 0.01 for r in rects)


@given(pictures)
def test_every_arrow_leaves_its_source_and_ends_at_its_target(picture):
    placement = layered(picture)
    for arrow, route in zip(picture.arrows, placement.routes, strict=True):
        for point, id in ((route.points[0], arrow.source), (route.points[-1], arrow.target)):
            r = placement.boxes[id]
            assert r.x - 0.1 <= point.x <= r.right + 0.1
            assert r.y - 0.1 <= point.y <= r.bottom + 0.1
            on_side = min(abs(point.x - r.x), abs(point.x - r.right))
            assert min(on_side, abs(point.y - r.y), abs(point.y - r.bottom)) < 0.1


@given(pictures, st.sampled_from(["down", "right"]))
def test_the_last_segment_of_an_arrow_is_long_enough_to_point(picture, direction):
    for route in layered(replace(picture, direction=direction)).routes:
        tail, tip = route.points[-2:]
        assert abs(tip.x - tail.x) + abs(tip.y - tail.y) > 0.01


@given(pictures)
def test_labels_stand_clear_of_each_other_and_of_boxes(picture):
    placement = layered(picture)
    spots = [route.label for route in placement.routes if route.label]
    assert all(abs(a.x - b.x) > 8 or abs(a.y - b.y) > 8 for a, b in combinations(spots, 2))
    for spot in spots:
        assert not any(r.x < spot.x < r.right and r.y < spot.y < r.bottom for r in placement.boxes.values())


@given(st.lists(st.integers(1, 5), min_size=2, max_size=12), st.sampled_from(["down", "right"]))
def test_a_chain_is_straight_and_points_one_way(sizes, direction):
    boxes = tuple(Box(f"b{i}", "x" * size * 4) for i, size in enumerate(sizes))
    arrows = tuple(Arrow(a.id, b.id) for a, b in pairwise(boxes))
    placement = layered(Picture(boxes, arrows, direction=direction))
    centres = [placement.boxes[box.id].centre for box in boxes]
    across, along = (0, 1) if direction == "down" else (1, 0)
    assert max(c[across] for c in centres) - min(c[across] for c in centres) < 0.01
    assert all(a[along] < b[along] for a, b in pairwise(centres))


def test_a_tree_is_drawn_without_crossings():
    boxes = tuple(Box(f"{i}", f"{i}") for i in range(31))
    placement = layered(Picture(boxes, tuple(Arrow(f"{(i - 1) // 2}", f"{i}") for i in range(1, 31))))
    for level in range(1, 5):
        row = range(2**level - 1, 2 ** (level + 1) - 1)
        ordered = sorted(row, key=lambda i: placement.boxes[f"{i}"].x)
        parents = [placement.boxes[f"{(i - 1) // 2}"].x for i in ordered]
        assert parents == sorted(parents)


@given(graphs)
def test_equal_graphs_give_equal_drawings_in_every_notation(graph):
    again = Graph().replaced(reversed(list(graph.items())))
    assert again == graph
    for draw in (graph_svg, graph_dot, graph_mermaid, graph_graphml):
        assert draw(graph) == draw(again)


@given(graphs)
def test_every_node_is_drawn_once_whatever_its_values(graph):
    picture = graph_picture(graph)
    assert sorted(box.id for box in picture.boxes) == [node.id for node in graph.nodes()]
    assert len(picture.arrows) == sum(1 for _ in graph.edges())
    ElementTree.fromstring(graph_svg(graph))


@given(graphs)
def test_graphml_is_read_back_by_networkx(graph):
    read = networkx.read_graphml(io.BytesIO(graph_graphml(graph).encode()), force_multigraph=True)
    assert set(read.nodes) == {printable(node.id) for node in graph.nodes()}
    assert read.number_of_edges() == sum(1 for _ in graph.edges())


def test_graphml_keeps_scalars_and_writes_the_rest_as_json():
    evolver = Graph().evolver()
    evolver.add_node("A", "B", id="n", count=3, share=0.5, on=True, tags=["x", "y"], labels="mine", big=2**70)
    read = networkx.read_graphml(io.BytesIO(graph_graphml(evolver.persistent()).encode()))
    assert read.nodes["n"] == {
        "labels": ":A:B",
        "count": 3,
        "share": 0.5,
        "on": True,
        "tags": '["x", "y"]',
        ".labels": "mine",
        "big": str(2**70),
    }


def test_hostile_text_is_only_ever_text():
    evolver = Graph().evolver()
    evolver.add_node(HOSTILE, id=HOSTILE, properties={HOSTILE: HOSTILE})
    evolver.add_node("@graph", id="@graph", name=HOSTILE)
    evolver.add_edge(HOSTILE, HOSTILE, HOSTILE, id="e")
    graph = evolver.persistent()
    drawn = ElementTree.fromstring(graph_svg(graph))
    assert {element.tag for element in drawn.iter()} <= {
        f"{SVG}{name}" for name in ("svg", "g", "title", "style", "rect", "path", "circle", "text")
    }
    assert not any(
        name.startswith("on") or "href" in name for element in drawn.iter() for name in element.attrib
    )
    assert "<script" not in graph_svg(graph)
    for text in (graph_svg(graph), graph_dot(graph), graph_mermaid(graph)):
        assert not set("\x00\x1b\u202e") & set(text)


def test_mermaid_labels_hold_no_character_with_a_meaning():
    evolver = Graph().evolver()
    evolver.add_node(HOSTILE, id=HOSTILE, properties={HOSTILE: HOSTILE})
    evolver.add_edge(HOSTILE, HOSTILE, HOSTILE, id="e")
    for line in graph_mermaid(evolver.persistent()).splitlines()[1:]:
        for label in re.findall(r'"([^"]*)"', line):
            assert not set("<>{}[]%`;&#") & set(re.sub(r"<br/>|#\d+;", "", label))
        skeleton = re.sub(r'"[^"]*"', "T", line).strip()
        assert re.fullmatch(
            r"n0\(T\):::label0|n0 -->\|T\| n0|classDef [\w #:,]+|linkStyle 0 stroke:#\w+", skeleton
        )


def test_dot_strings_are_closed_where_they_should_be():
    evolver = Graph().evolver()
    evolver.add_node("L", id='quote " slash \\ end\\', text='\\"')
    body = graph_dot(evolver.persistent())
    strings = re.findall(r'"(?:[^"\\]|\\.)*"', body)
    assert '"' not in re.sub(r'"(?:[^"\\]|\\.)*"', "", body)
    assert any('quote \\" slash \\\\ end\\\\' in string for string in strings)


def test_the_header_is_the_caption_and_no_box():
    evolver = Graph().evolver()
    evolver.add_node("@graph", id="@graph", kind="order", status="paid")
    evolver.add_node("Order", id="o")
    evolver.add_edge("@graph", "ROOT", "o")
    picture = graph_picture(evolver.persistent())
    assert [box.id for box in picture.boxes] == ["o"]
    assert (picture.title, picture.subtitle) == ("order", "kind: order · status: paid")
    assert picture.arrows == ()


@pytest.mark.parametrize("graph", [chain(3_000, branches=1_500), chain(401)])
def test_a_large_graph_is_drawn_in_part_and_says_so(graph):
    drawn = graph_svg(graph)
    assert "the first 400 of" in drawn
    assert drawn.count('rx="8"') == LIMIT
    assert len(drawn) < 2_000_000


def test_long_arrows_spend_a_bounded_number_of_dummies():
    boxes = tuple(Box(f"b{i}", "b") for i in range(400))
    steps = tuple(Arrow(a.id, b.id, "next") for a, b in pairwise(boxes))
    jumps = tuple(Arrow(f"b{i}", f"b{399 - i}", "jump") for i in range(200))
    placement = layered(Picture(boxes, steps + jumps))
    assert sum(len(route.points) for route in placement.routes) < 20_000


@settings(max_examples=30)
@given(pictures)
def test_the_picture_is_well_formed_and_names_every_box_in_a_tooltip(picture):
    drawn = ElementTree.fromstring(layered_svg(picture))
    titles = [title.text for title in drawn.iter(f"{SVG}title")]
    assert all(titles.count(box.title) == 1 for box in picture.boxes)


def test_frames_are_left_to_layouts_that_know_them():
    picture = Picture((Box("a", "a", frame="f"),), frames=(Frame("f", "group"),))
    assert "group" not in layered_svg(picture)


def test_a_notebook_shows_a_graph_as_svg():
    assert chain(3)._repr_svg_().startswith("<svg xmlns=")


def test_an_empty_graph_is_an_empty_drawing():
    ElementTree.fromstring(graph_svg(Graph()))
    assert graph_dot(Graph()).startswith("digraph {")


@given(st.text(max_size=80), st.floats(20, 400))
def test_elided_text_fits_and_is_a_prefix(text, width):
    cut = elided(text, width, 13)
    assert text_width(cut, 13) <= width + 13
    assert cut == printable(text) or printable(text).startswith(cut.removesuffix("…"))
