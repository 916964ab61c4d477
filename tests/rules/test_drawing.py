"""Pictures and words of rules and derivations: everything is told once, nothing by colour alone, no text is obeyed."""

import os
import re
import subprocess
import sys
from collections import Counter
from hashlib import sha256
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_rules import graphs, rules

from itonami.graphstore import Graph, Head
from itonami.graphstore.notation import dot, mermaid
from itonami.graphstore.shapes import MUTED
from itonami.rules import Rule, RuleSet, apply, find, gluing, matches, rewrite
from itonami.rules.drawing.filmstrip import _strip, derivation_svg, rewrite_svg
from itonami.rules.drawing.focus import BOXES, WHOLE
from itonami.rules.drawing.looks import LOOKS, wrapped
from itonami.rules.drawing.narration import derivation_text, explain
from itonami.rules.drawing.picture import RULES, rule_picture, rule_svg, ruleset_svg
from itonami.rules.drawing.scene import Scene, scenes
from itonami.rules.drawing.sketch import BOX_LINES
from itonami.rules.pattern import Assignment, EdgePattern, Nac, NodePattern, Pattern, Relabel
from itonami.rules.term import Binary, Literal, Property

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '"]</text></title><script>alert(1)</script>\x00\x1b[31m\u202e&amp;`\\N --> x;\nend'
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

SEQ_NEXT = Rule.parse("""
rule seq_next priority 5
  event StepStarted
  match (s:Seq)-[:CHILD]->(a:Step)-[d:NEXT]->(b:Step {status: 'pending'}), (b)<-[o:OF {since: 1}]-()
  where s.status = 'running' and a.n < b.n
  not (b)-[:BLOCKED_BY]->()
  not (x:Step)-[:WAITS]->(b:Late) where x.status = 'running' and x.n > a.n
  set b.status = 'running', b.started = $time, b.n = b.n + 1, s.last = id(a)
  unset b.error
  label b +Active -Idle
  delete d
  create (s)-[:READY]->(b), (n:Token {n: 1})-[:AT]->(b)
""")


def drawn(text):
    """The root of a drawing, parsed; no element or attribute of it is active."""
    root = ElementTree.fromstring(text)
    assert {element.tag for element in root.iter()} <= {
        SVG + name for name in ("svg", "title", "desc", "style", "g", "rect", "path", "circle", "text")
    }
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on")]
    assert not OBEYED.search(text)
    return root


def plain(text):
    return text.replace("\u2009", " ")


def told(picture, role):
    """What a picture tells of each thing drawn in a role, in one line: `deleted: (a:Step)`."""
    lines = [part.tooltip.split("\n")[0] for part in (*picture.boxes, *picture.arrows)]
    return [line.removeprefix(f"{role}: ") for line in lines if line.startswith(f"{role}: ")]


# -- rules -----------------------------------------------------------------------------------------------------


def test_a_rule_shows_what_is_kept_changed_deleted_created_and_forbidden():
    picture = rule_picture(SEQ_NEXT)
    boxes = {plain(box.title): tuple(map(plain, box.lines)) for box in picture.boxes}
    assert boxes == {
        "s:Seq": ("status = 'running'", "last := id(a)"),
        "a:Step": (),
        "b:Step": (
            "+Active −Idle",
            "status: 'pending' → 'running'",
            "started := $time",
            "n := n + 1",
            "unset error",
            "not 2 :Late",
        ),
        "any": (),
        "+ n:Token": ("n := 1",),
        "not 1 any": (),
        "not 2 x:Step": ("status = 'running'",),
        "where": ("a.n < b.n", "not 2 x.n > a.n"),
    }
    labels = [plain(arrow.label) for arrow in picture.arrows]
    assert labels == [
        ":CHILD",
        "− d:NEXT",
        "o:OF {since = 1}",
        "+ :READY",
        "+ :AT",
        "not 1 :BLOCKED_BY",
        "not 2 :WAITS",
    ]
    assert (picture.title, picture.subtitle) == (
        "rule seq_next",
        "event StepStarted · priority 5 · parameters $time",
    )
    assert [entry.text for entry in picture.legend] == [
        LOOKS[role].meaning for role in LOOKS if role not in ("matched", "unless")
    ]


@given(rules())
@settings(max_examples=60, deadline=None)
def test_every_element_of_a_rule_is_drawn_exactly_once_in_its_role(rule):
    picture = rule_picture(rule)
    changed = {part.variable for part in (*rule.assignments, *rule.relabels)} - set(rule.create.variables)
    forbidden = [v for nac in rule.nacs for v in nac.pattern.variables if v not in rule.variables]
    lifting = [v for n in rule.nacs for k in n.nacs for v in k.pattern.variables if v.startswith("k")]
    assert {role: len(told(picture, role)) for role in LOOKS} == {
        "kept": len(rule.K) - len(changed),
        "matched": 0,
        "changed": len(changed),
        "deleted": len(rule.delete),
        "created": len(rule.create),
        "forbidden": len(forbidden),
        "unless": len(lifting),
    }
    notes = [box for box in picture.boxes if box.id == "where"]
    assert len(picture.boxes) + len(picture.arrows) - len(notes) == (
        len(rule.L) + len(rule.create) + len(forbidden) + len(lifting)
    )


@given(rules())
@settings(max_examples=60, deadline=None)
def test_the_description_of_a_drawing_is_the_rule(rule):
    text = drawn(rule_svg(rule)).findtext(f"{SVG}desc")
    assert Rule.parse(text) == rule


@given(rules())
@settings(max_examples=60, deadline=None)
def test_every_condition_and_assignment_stands_in_the_picture(rule):
    picture = rule_picture(rule)
    said = [part.tooltip for part in (*picture.boxes, *picture.arrows)]
    lines = [line for text in said for line in text.split("\n")[1:]]
    terms = {*rule.where, *(term for nac in rule.nacs for term in nac.terms)}
    wanted = sum(str(term).count("'v'") for term in (*terms, *(a.term for a in rule.assignments)))
    assert sum(line.count("'v'") for line in lines) >= wanted
    sets = [line for line in lines if re.search(r" := |: .* → |unset ", line)]
    assert len(sets) >= len(rule.assignments)


def named_rule(names):
    """A rule of every kind of part, with the given names."""
    a, b, c, key, label, value, name = names
    nodes = NodePattern(f"1{a}", (label,)), NodePattern(f"2{b}")
    edges = (
        EdgePattern(f"3{c}", nodes[0].variable, f"0{label}", nodes[1].variable),
        EdgePattern(f"4{c}", nodes[1].variable, None, nodes[1].variable),
    )
    fresh = NodePattern(f"5{a}", (label,))
    return Rule(
        name=name,
        L=Pattern(nodes, edges),
        delete=(edges[0].variable,),
        create=Pattern((fresh,), (EdgePattern(f"6{b}", fresh.variable, f"0{label}", nodes[0].variable),)),
        where=(
            Binary("=", Property(nodes[0].variable, key), Literal(value)),
            Binary("<>", Property(edges[1].variable, key), Literal(value)),
            Binary("<", Property(nodes[0].variable, key), Property(nodes[1].variable, key)),
        ),
        nacs=(
            Nac(Pattern((nodes[0], NodePattern(f"7{c}", (label,))), ()), ()),
            Nac(Pattern((NodePattern(nodes[1].variable, (label,)),))),
        ),
        assignments=(
            Assignment(nodes[0].variable, key, Literal(value)),
            Assignment(fresh.variable, key, Literal(value)),
        ),
        relabels=(Relabel(nodes[1].variable, (label,), (f"0{label}",)),),
        event=name,
    )


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@given(st.lists(st.one_of(names, st.just(HOSTILE), st.just("W" * 250)), min_size=7, max_size=7))
@settings(max_examples=60, deadline=None)
def test_names_of_any_kind_give_a_well_formed_drawing(chosen):
    rule = named_rule(chosen)
    drawn(rule_svg(rule))
    drawn(ruleset_svg(RuleSet([rule])))
    for text in (dot(rule_picture(rule)), mermaid(rule_picture(rule))):
        assert not OBEYED.search(text)


def test_what_lifts_a_prohibition_bears_its_number():
    rule = Rule.parse("""
    rule r match (a)-[d:X]->(b)
      not (a)-[:Y]->(c) unless (c:Free)-[:Z]->(e) unless (c)-[:V]->(a) where c.n > 1
      not (b)-[:Y]->()
      delete d
    """)
    picture = rule_picture(rule)
    boxes = {plain(box.title): tuple(map(plain, box.lines)) for box in picture.boxes}
    assert boxes == {
        "a": (),
        "b": (),
        "not 1 c": ("unless 1.1 :Free", "unless 1.2 n > 1"),
        "unless 1.1 e": (),
        "not 2 any": (),
    }
    labels = [plain(arrow.label) for arrow in picture.arrows]
    assert labels == ["− d:X", "not 1 :Y", "unless 1.1 :Z", "unless 1.2 :V", "not 2 :Y"]
    assert LOOKS["unless"].meaning in [entry.text for entry in picture.legend]


def test_what_is_too_long_for_an_arrow_is_noted_with_the_name_of_the_edge():
    rule = Rule.parse(f"rule r match (a)-[_1:X]->(b) where _1.text = '{'long ' * 20}' set _1.n = _1.n + 1")
    (arrow,) = rule_picture(rule).arrows
    assert arrow.label == "_1:X"
    note = next(box for box in rule_picture(rule).boxes if box.id == "where")
    assert "_1.text" in note.lines[0]
    assert note.lines[-1] == "_1.n := _1.n + 1"


def test_a_condition_that_nothing_can_meet_is_told():
    (note,) = (box for box in rule_picture(Rule.parse("rule r match (a) not (a)")).boxes if box.id == "where")
    assert note.lines == ("not\u2009true",)


def test_an_empty_rule_is_an_empty_drawing():
    drawn(rule_svg(Rule("r", Pattern())))
    drawn(ruleset_svg(RuleSet([])))


def test_a_box_of_many_conditions_shows_the_first_and_counts_the_rest():
    where = tuple(Binary("=", Property("n", f"k{k}"), Literal(k)) for k in range(BOX_LINES + 9))
    (box,) = rule_picture(Rule("r", Pattern((NodePattern("n", ("L",)),)), where=where)).boxes
    assert box.lines[-1] == "… 9 more"
    assert f"k{BOX_LINES + 8} = {BOX_LINES + 8}" in box.tooltip


def test_a_rule_set_shows_its_first_rules_and_says_how_many_it_has():
    ruleset = RuleSet([Rule.parse(f"rule r{k} match (a)-[d:X]->(b) delete d") for k in range(RULES + 2)])
    root = drawn(ruleset_svg(ruleset))
    assert f"the first {RULES} of {RULES + 2} rules are drawn" in root.findtext(f"{SVG}title")
    assert [t.text for t in root.iter(f"{SVG}text")].count("−\u2009d:X") == RULES
    assert "rules are drawn" not in ruleset_svg(RuleSet([SEQ_NEXT]))


def test_a_drawing_is_a_function_of_the_rule_and_the_graph():
    code = "from test_drawing import fingerprint; print(fingerprint())"
    path = os.pathsep.join([os.path.dirname(__file__), *sys.path])
    run = [sys.executable, "-c", code]
    env = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": path}
    assert (
        subprocess.run(run, env=env, capture_output=True, check=True, text=True).stdout.strip()
        == fingerprint()
    )


def fingerprint():
    parts = rule_svg(SEQ_NEXT), derivation_svg(story()), derivation_text(story())
    return sha256("".join(parts).encode()).hexdigest()


# -- looks -----------------------------------------------------------------------------------------------------


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("role", LOOKS)
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_has_contrast_on_its_fill(role, mode):
    tone = LOOKS[role].tone
    for ink in (tone.ink, *[MUTED] * LOOKS[role].dashed):
        assert contrast(getattr(ink, mode), getattr(tone.fill, mode)) >= 4.5


def test_roles_differ_in_more_than_colour():
    signs = [
        (look.mark, look.dashed) for role, look in LOOKS.items() if role not in ("kept", "matched", "changed")
    ]
    assert len(set(signs)) == len(signs)
    assert all(mark for mark, _ in signs)


@given(st.text(max_size=300))
def test_wrapped_text_loses_no_word(text):
    assert "".join(wrapped(text)).replace("\u00a0", "").replace(" ", "") == "".join(
        wrapped(text.replace("\u00a0", ""))
    ).replace("\u00a0", "").replace(" ", "")


# -- rewrites and derivations ----------------------------------------------------------------------------------

STEPS = RuleSet.parse("""
rule start external match (s:Seq)-[f:FIRST]->(b:Step {status: 'pending'}) set b.status = 'running', b.by = $by delete f
rule done match (b:Step {status: 'running'})
  set b.status = 'done' unset b.by label b +Done
rule next match (a:Done)-[n:NEXT]->(b:Step) where b.status = 'pending'
  delete n create (a)-[:AFTER {since: 3}]->(b), (t:Token {n: 1})-[:OF]->(b)
rule spend match (t:Token)-[o:OF]->(b) delete t, o set b.spent = true
""")


def sequence(count=3, branches=0):
    evolver = Graph().evolver()
    evolver.add_node("Seq", id="main", name="main")
    for k in range(1, count + 1):
        evolver.add_node("Step", id=f"step{k}", status="pending", n=k)
        evolver.add_edge(
            f"step{k - 1}" if k > 1 else "main", "NEXT" if k > 1 else "FIRST", f"step{k}", id=f"e{k}"
        )
    for k in range(branches):
        evolver.add_node("Leaf", id=f"leaf{k}")
        evolver.add_edge("main", "LEAF", f"leaf{k}", id=f"l{k}")
    return evolver.persistent()


def firings(graph, names=("start", "done", "next", "spend")):
    """What a derivation records: rule, match and parameters, step by step."""
    head = Head.of(graph)
    for name in names:
        rule, params = STEPS[name], {"by": "ann"} if name == "start" else {}
        match = find(rule, head, params=params)
        apply(head, rule, match, params)
        yield rule, match, params


def story(graph=None, **kept):
    graph = graph or sequence(**kept)
    return list(scenes(graph, firings(graph)))


def test_a_derivation_is_told_in_a_line_a_step():
    lines = derivation_text(story()).split("\n")
    (token,) = (node.id for node in story()[2].after.nodes("Token"))
    created = {"AFTER": "+(a)-[:AFTER {since: 3}]->(b)", "OF": "+(t)-[:OF]->(b)"}
    edges = [created[edge.label] for edge in story()[2].delta.added_edges]  # in order of their ids
    running = "b.status 'pending' -> 'running'"
    assert [re.split(r" {2,}", line) for line in lines] == [
        ["1", "start", "s='main' b='step1'", "-(s)-[f:FIRST]->(b)", "b.by null -> 'ann'", running],
        ["2", "done", "b='step1'", "b +Done", "b.by 'ann' -> null", "b.status 'running' -> 'done'"],
        ["3", "next", "a='step1' b='step2'", "-(a)-[n:NEXT]->(b)", "+(t:Token {n: 1})", *edges],
        [
            "4",
            "spend",
            f"t='{token}' b='step2'",
            "-(t:Token {n: 1})",
            "-(t)-[o:OF]->(b)",
            "b.spent null -> true",
        ],
    ]
    assert {line.index(sign) for line, sign in zip(lines, ("-(s", "b +D", "-(a", "-(t"), strict=True)} == {
        lines[0].index("-(")
    }


def test_a_rewrite_is_explained_in_a_sentence():
    start, done, *_ = story()
    assert explain(start) == (
        "start fired at s = 'main', b = 'step1': it deleted (s)-[f:FIRST]->(b), set b.by to 'ann' "
        "and set b.status from 'pending' to 'running'."
    )
    assert explain(done) == (
        "done fired at b = 'step1': it labelled b Done, unset b.by, which was 'ann' "
        "and set b.status from 'running' to 'done'."
    )


def test_a_scene_is_the_same_from_a_rewrite_and_from_a_firing():
    graph = sequence()
    (fired,) = firings(graph, ["start"])
    rule, match, params = fired
    done = rewrite(graph, rule, match, params)
    (scene,) = scenes(graph, [fired])
    other = Scene.of_rewrite(done, match)
    assert (scene.before, scene.after) == (other.before, other.after) == (graph, done.graph)
    assert (scene.matched, scene.comatch) == (other.matched, other.comatch)
    assert explain(scene) == explain(other) == explain(Scene.of(rule, match.ids, graph, done.graph))


def test_what_an_edge_and_a_node_of_one_id_are_called_is_not_confused():
    evolver = Graph().evolver()
    for id in "xy":
        evolver.add_node("L", id=id)
    evolver.add_edge("x", "X", "y", id="x")
    rule = Rule.parse("rule r match (a)-[d:X]->(b) delete d")
    graph = evolver.persistent()
    (match,) = matches(rule, graph)
    scene = Scene.of_rewrite(rewrite(graph, rule, match), match)
    assert explain(scene) == "r fired at a = 'x', b = 'y': it deleted (a)-[d:X]->(b)."


def panels(done, match):
    return _strip([Scene.of_rewrite(done, match)], ["before", "after"], columns=2)


@st.composite
def rewrites(draw):
    """A rule and a rewrite by it, where it applies anywhere."""
    rule, graph = draw(rules()), draw(graphs())
    found = (m for m in matches(rule, graph) if gluing(rule, m, graph) is None)
    match = next(found, None)
    return (match, rewrite(graph, rule, match)) if match is not None else None


@given(rewrites())
@settings(max_examples=80, deadline=None)
def test_before_shows_what_goes_and_after_what_came(found):
    if found is None:
        return
    match, done = found
    drawn(rewrite_svg(done, match))
    picture, _ = panels(done, match)
    delta = done.delta
    for role, elements in (
        ("deleted", (*delta.removed_nodes, *delta.removed_edges)),
        ("created", (*delta.added_nodes, *delta.added_edges)),
        ("changed", (*delta.set_nodes, *delta.set_edges)),
    ):
        ids = Counter(line.split(" ")[0] for line in told(picture, role))
        assert ids == Counter(element.id for element in elements)
    for box in picture.boxes:
        assert box.id.startswith("0") or not box.tooltip.startswith("deleted")
        assert box.id.startswith("1") or not box.tooltip.startswith(("created", "changed"))


@given(rewrites())
@settings(max_examples=40, deadline=None)
def test_what_stays_stands_still_from_panel_to_panel(found):
    if found is None:
        return
    match, done = found
    picture, placement = panels(done, match)
    places = {id: (rect.x, rect.y) for id, rect in placement.boxes.items()}
    moves = {
        (round(places[f"1 {id[2:]}"][0] - x, 6), round(places[f"1 {id[2:]}"][1] - y, 6))
        for id, (x, y) in places.items()
        if id.startswith("0 ") and f"1 {id[2:]}" in places
    }
    assert len(moves) <= 1
    for box in picture.boxes:
        width, height = box.size
        assert placement.boxes[box.id].width >= width
        assert placement.boxes[box.id].height >= height


@given(rewrites())
@settings(max_examples=40, deadline=None)
def test_every_change_is_told_once_in_words(found):
    if found is None:
        return
    match, done = found
    line = derivation_text([Scene.of_rewrite(done, match)])
    delta = done.delta
    gone, came = delta.removed_nodes + delta.removed_edges, delta.added_nodes + delta.added_edges
    assert len(re.findall(r" -\(", line)) == len(gone)
    assert len(re.findall(r" \+\(", line)) == len(came)
    keys = [c.before.keys() | c.after.keys() for c in (*delta.set_nodes, *delta.set_edges)]
    assert line.count(" -> ") == sum(map(len, keys))


def test_of_a_large_graph_only_the_touched_part_is_drawn_and_the_rest_is_counted():
    def picture(graph):
        (match,) = matches(STEPS["start"], graph)
        return rewrite_svg(rewrite(graph, match.rule, match, {"by": "x"}), match)

    graph = sequence(branches=3_000)
    text = picture(graph)
    left = int(re.search(r"left out: ([\d,]+) other nodes", text)[1].replace(",", ""))
    found = (re.match(r"\w+: (main|step\d|leaf\d+) ", t.text) for t in drawn(text).iter(f"{SVG}title"))
    nodes = {match[1] for match in found if match}
    assert left + len(nodes) == len(graph)
    assert {"main", "step1"} < nodes
    assert len(nodes) < WHOLE
    assert "left out" not in picture(sequence())


def test_steps_that_touch_many_nodes_are_drawn_in_part():
    evolver = Graph().evolver()
    for k in range(300):
        evolver.add_node("L", id=f"n{k}")
    before = evolver.persistent()
    for k in range(300):
        evolver.update(f"n{k}", x=k)
    text = derivation_svg([Scene(before, evolver.persistent())])
    assert f"left out: {300 - BOXES} other nodes" in text


def test_a_derivation_has_a_panel_for_each_graph_on_the_way():
    root = drawn(derivation_svg(story()))
    texts = [text.text for text in root.iter(f"{SVG}text")]
    titles = [
        "0 start · next: start",
        "1 start · next: done",
        "2 done · next: next",
        "3 next · next: spend",
        "4 spend",
    ]
    assert [text for text in texts if text in titles] == titles
    assert "the first 2 steps" in derivation_svg(story(), steps=2)
    assert root.findtext(f"{SVG}desc") == derivation_text(story())


def test_what_came_and_goes_at_once_bears_both_signs():
    texts = [text.text for text in drawn(derivation_svg(story())).iter(f"{SVG}text")]
    assert "+\u2009−\u2009t:Token" in texts


def test_a_derivation_of_no_steps_is_an_empty_drawing():
    drawn(derivation_svg([]))
    assert derivation_text([]) == ""


@given(st.lists(st.one_of(names, st.just(HOSTILE)), min_size=4, max_size=4))
@settings(max_examples=30, deadline=None)
def test_graphs_of_any_names_and_values_are_drawn_and_told_safely(chosen):
    id, label, key, value = chosen
    evolver = Graph().evolver()
    evolver.add_node(label, id=f"1{id}", properties={key: value})
    evolver.add_node(label, id=f"2{id}", properties={key: {key: [value]}})
    evolver.add_edge(f"1{id}", label, f"2{id}", id=id, properties={key: value})
    graph = evolver.persistent()
    rule = Rule(
        name=value,
        L=Pattern((NodePattern(id), NodePattern(f"0{id}")), (EdgePattern(f"1{id}", id, label, f"0{id}"),)),
        delete=(f"1{id}",),
        assignments=(Assignment(id, key, Literal(f"{value}!")),),
        relabels=(Relabel(id, (f"new{label}",), (label,)),),
    )
    match = next(iter(matches(rule, graph)))
    done = rewrite(graph, rule, match)
    scene = Scene.of_rewrite(done, match)
    drawn(rewrite_svg(done, match))
    for text in (explain(scene), derivation_text([scene])):
        assert not OBEYED.search(text)
        assert "\n" not in text


def test_a_notebook_shows_rules_rule_sets_and_rewrites():
    graph = sequence()
    (match,) = matches(STEPS["start"], graph)
    done = rewrite(graph, match.rule, match, {"by": "x"})
    for thing, text in (
        (SEQ_NEXT, rule_svg(SEQ_NEXT)),
        (STEPS, ruleset_svg(STEPS)),
        (done, rewrite_svg(done, match)),
    ):
        assert thing._repr_svg_() == text
    assert tuple(sorted(told(panels(done, None)[0], "deleted"))) == ("e1 :FIRST",)
