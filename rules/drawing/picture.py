"""A rule as one picture: what it keeps, changes, deletes, creates and forbids, all in one graph.

    L <---- K ----> R        K  plain, and `:=` where a property is set        L - K  red, dashed, −
    |                        R - K  green, +
    v
    N ----> N'               N - L  orange, dashed, `not`        N' - N  teal, dashed, `unless`

The integrated notation of GROOVE (Rensink, AGTIVE 2003) and of Henshin (Arendt, Biermann, Jurack, Krause and Taentzer,
MODELS 2010). What stands where is `sketch`'s matter. The same rule gives the same bytes. Nothing of graphs and matches
may live here.
"""

from __future__ import annotations

from collections.abc import Iterator

from itonami.graphstore.layout import layered
from itonami.graphstore.picture import layered_svg
from itonami.graphstore.shapes import Picture
from itonami.graphstore.svg import svg
from itonami.rules.drawing.looks import described, legend
from itonami.rules.drawing.panels import Panel, tiled
from itonami.rules.drawing.sketch import Sketch
from itonami.rules.lexer import name_text
from itonami.rules.rule import Rule
from itonami.rules.ruleset import RuleSet

__all__ = ["rule_picture", "rule_svg", "ruleset_svg"]

RULES = 40
"""Rules of a set that are drawn."""


def rule_svg(rule: Rule) -> str:
    """The rule as SVG; its text is the description for those who do not see it."""
    return described(layered_svg(rule_picture(rule)), str(rule))


def rule_picture(rule: Rule) -> Picture:
    """The picture of a rule. `graphstore.notation` makes DOT and Mermaid of it. O(rule)."""
    sketch = Sketch(rule)
    arrows = tuple(sketch.arrows())
    boxes = (*sketch.boxes(), *sketch.note())
    return Picture(
        boxes,
        arrows,
        title=f"rule {rule.name}",
        subtitle=" · ".join(_facts(rule)),
        legend=legend(sketch.roles.values()),
        direction="right",
    )


def ruleset_svg(ruleset: RuleSet) -> str:
    """The first rules of a set, each in a frame of its own."""
    shown = ruleset.rules[:RULES]
    pictures = [rule_picture(rule) for rule in shown]
    titles = [" · ".join([rule.name, *_facts(rule)]) for rule in shown]
    panels = [
        Panel(title, picture, layered(picture)) for title, picture in zip(titles, pictures, strict=True)
    ]
    roles = {role for rule in shown for role in Sketch(rule).roles.values()}
    left = f"the first {len(shown)} of {len(ruleset)} rules are drawn" if len(shown) < len(ruleset) else ""
    count = f"{len(ruleset)} rule{'s' * (len(ruleset) != 1)}"
    return svg(*tiled(panels, title=count, note=left, legend=legend(roles)))


def _facts(rule: Rule) -> Iterator[str]:
    """What a caption says of a rule besides its name."""
    if rule.event != rule.name:
        yield f"event {rule.event}"
    if rule.priority:
        yield f"priority {rule.priority}"
    if rule.external:
        yield "external"
    if rule.parameters:
        yield f"parameters {', '.join(f'${name_text(name)}' for name in rule.parameters)}"
