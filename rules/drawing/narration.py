"""A derivation in words: a line for each step, and a sentence for one.

    1  seq_next   a='step1' b='step2'   -(a)-[d:NEXT]->(b)   +(s)-[:READY]->(b)   b.status 'pending' -> 'running'

The signs are those of the text form of rules. Elements go by their variables, and by their ids where they have none.
Nothing that a terminal would obey is left in a line. No markup may live here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from itonami.graphstore.delta import Change
from itonami.graphstore.element import Edge, Node
from itonami.graphstore.lettering import printable
from itonami.rules.drawing.looks import anonymous, element_name, literal_text
from itonami.rules.drawing.scene import Scene
from itonami.rules.lexer import name_text

__all__ = ["derivation_text", "explain"]

MATCH_WIDTH = 60
"""The widest match that the column of matches is aligned to."""

PROPERTIES = 4
"""Properties of a deleted or created element that are told."""


def derivation_text(story: Iterable[Scene]) -> str:
    """One line a step: number, rule, match, and what was deleted, created and changed. O(changes log n) a step."""
    rows = [(scene.name, _match(scene, "=", " "), "   ".join(_signed(scene))) for scene in story]
    number = len(str(len(rows)))
    name = max((len(name) for name, _, _ in rows), default=0)
    match = min(max((len(match) for _, match, _ in rows), default=0), MATCH_WIDTH)
    lines = (
        f"{place:>{number}}  {rule:<{name}}   {matched:<{match}}   {changes}"
        for place, (rule, matched, changes) in enumerate(rows, 1)
    )
    return "\n".join(printable(line.rstrip()) for line in lines)


def explain(scene: Scene) -> str:
    """The rewrite in a sentence: where it fired and what it did."""
    match = _match(scene, " = ", ", ")
    deeds = [*_deeds(scene)]
    did = f"{', '.join(deeds[:-1])} and {deeds[-1]}" if len(deeds) > 1 else (deeds or ["changed nothing"])[0]
    event = f" ({scene.rule.event})" if scene.rule and scene.rule.event != scene.rule.name else ""
    place = f" at {match}" if match else ""
    return printable(f"{scene.name}{event} fired{place}: it {did}.")


def _match(scene: Scene, equals: str, comma: str) -> str:
    """The named nodes of the match."""
    matched = set(scene.matched.values())
    named = ((v, id) for id, v in scene.node_names.items() if id in matched and not anonymous(v))
    return comma.join(f"{name_text(variable)}{equals}{literal_text(id)}" for variable, id in named)


def _signed(scene: Scene) -> Iterator[str]:
    """What changed, in the signs of a rule."""
    delta = scene.delta
    for sign, nodes, edges in (
        ("-", delta.removed_nodes, delta.removed_edges),
        ("+", delta.added_nodes, delta.added_edges),
    ):
        yield from (f"{sign}{_node(scene, node)}" for node in nodes)
        yield from (f"{sign}{_edge(scene, edge)}" for edge in edges)
    for name, change in _changes(scene):
        signed = [f"+{name_text(label)}" for label in change.labels_added]
        signed += [f"-{name_text(label)}" for label in change.labels_removed]
        yield from [f"{name} {' '.join(signed)}"] * bool(signed)
        for key, before, after in _values(change):
            yield f"{name}.{key} {before} -> {after}"


def _deeds(scene: Scene) -> Iterator[str]:
    """What changed, in verbs."""
    delta = scene.delta
    for verb, nodes, edges in (
        ("deleted", delta.removed_nodes, delta.removed_edges),
        ("created", delta.added_nodes, delta.added_edges),
    ):
        names = [_node(scene, node) for node in nodes] + [_edge(scene, edge) for edge in edges]
        if names:
            yield f"{verb} {', '.join(names)}"
    for name, change in _changes(scene):
        if change.labels_added:
            yield f"labelled {name} {', '.join(map(name_text, change.labels_added))}"
        if change.labels_removed:
            yield f"took the label {', '.join(map(name_text, change.labels_removed))} from {name}"
        for key, before, after in _values(change):
            if after == "null":
                yield f"unset {name}.{key}, which was {before}"
            else:
                yield f"set {name}.{key}{'' if before == 'null' else f' from {before}'} to {after}"


def _changes(scene: Scene) -> Iterator[tuple[str, Change]]:
    """What was set in place, nodes first, each with its name."""
    for names, changes in (
        (scene.node_names, scene.delta.set_nodes),
        (scene.edge_names, scene.delta.set_edges),
    ):
        yield from ((_name(names, change.id), change) for change in changes)


def _values(change: Change) -> Iterator[tuple[str, str, str]]:
    """Key, value before and value after; null where there is none."""
    for key in sorted(change.before.keys() | change.after.keys()):
        yield (
            name_text(key),
            literal_text(change.before.get(key)),
            literal_text(change.after.get(key)),
        )


def _name(names: Mapping[str, str], id: str) -> str:
    """An element's variable, else its id as a literal."""
    variable = names.get(id)
    return literal_text(id) if variable is None or anonymous(variable) else name_text(variable)


def _node(scene: Scene, node: Node) -> str:
    labels = element_name("", sorted(node.labels))
    return f"({_name(scene.node_names, node.id)}{labels}{_properties(node)})"


def _edge(scene: Scene, edge: Edge) -> str:
    variable = scene.edge_names.get(edge.id, "")
    label = element_name("" if anonymous(variable) else variable, [edge.label])
    source, target = (_name(scene.node_names, end) for end in (edge.source, edge.target))
    return f"({source})-[{label}{_properties(edge)}]->({target})"


def _properties(element: Node | Edge) -> str:
    """The first properties as an inline map."""
    pairs = [f"{name_text(key)}: {literal_text(element.data[key])}" for key in sorted(element.data)]
    more = ["…"] * (len(pairs) > PROPERTIES)
    return f" {{{', '.join([*pairs[:PROPERTIES], *more])}}}" if pairs else ""
