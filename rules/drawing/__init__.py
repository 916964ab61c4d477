"""Pictures and words for rules, rewrites and derivations.

    picture     one rule, or a set of them       scene       a graph before and after a rewrite
    sketch      what of a rule stands where      focus       what of large graphs is drawn
    looks       signs, tones and legends         filmstrip   rewrites and derivations
    panels      pictures side by side            narration   the same in words

The same rule or derivation gives the same bytes. Nothing of matching may live here.
"""

from itonami.rules.drawing.filmstrip import derivation_svg, rewrite_svg
from itonami.rules.drawing.narration import derivation_text, explain
from itonami.rules.drawing.picture import rule_picture, rule_svg, ruleset_svg
from itonami.rules.drawing.scene import Scene, scenes

__all__ = [
    "Scene",
    "derivation_svg",
    "derivation_text",
    "explain",
    "rewrite_svg",
    "rule_picture",
    "rule_svg",
    "ruleset_svg",
    "scenes",
]
