"""How each state looks: its colours on light and dark, its pictogram, its glyph and style on a terminal.

One table for every notation; the states are those of `docs` and of the engine. Colours keep a contrast of at
least 4.5 : 1 between text and fill (WCAG 2.2, 1.4.3), and every state has a sign of its own, so that nothing
is told by colour alone (1.4.1). Nothing about steps or layout may live here.
"""

from __future__ import annotations

from dataclasses import dataclass

from itonami.graphstore.shapes import Colour, Tone

__all__ = ["COMPENSATION", "FLOW", "STATES", "Look", "look"]


@dataclass(frozen=True, slots=True)
class Look:
    """One state: `icon` is a pictogram of `graphstore.svg`, `glyph` one terminal cell, `style` a rich style.
    `pale` states are drawn dashed: nothing ran."""

    tone: Tone
    icon: str
    glyph: str
    style: str
    pale: bool = False


def _tone(name: str, fill: str, line: str, ink: str, dark_fill: str, dark_line: str, dark_ink: str) -> Tone:
    return Tone(name, Colour(fill, dark_fill), Colour(line, dark_line), Colour(ink, dark_ink))


_NAVY = _tone("queued", "#eef1f8", "#5a6fa8", "#2c3c6b", "#1b2135", "#7f93cb", "#d5def5")
_GREEN = _tone("succeeded", "#e7f6ed", "#279a5c", "#14512f", "#11291d", "#3fb877", "#c4eed6")
_RED = _tone("failed", "#fdecec", "#d64545", "#7d1d1d", "#351719", "#ee6b6b", "#fbd5d5")
_BLUE = _tone("running", "#e6f0fe", "#2b72d9", "#173f80", "#14243f", "#5b9bf3", "#cfe2fc")
_AMBER = _tone("waiting", "#fff5dd", "#cf9417", "#6b4708", "#2f2510", "#e3b04b", "#f8e4b6")
_WHITE = _tone("pending", "#ffffff", "#aab4c1", "#5b6675", "#161b23", "#566273", "#9ba7b7")
_PALE = _tone("skipped", "#f8fafc", "#b9c2ce", "#657083", "#151a21", "#4a5566", "#8f9bac")
_SLATE = _tone("cancelled", "#eef1f5", "#77849a", "#3d4a5d", "#1e252f", "#8a98ad", "#cfd8e4")
_PLUM = _tone("terminated", "#f8eaf1", "#ad3a6d", "#6c1c40", "#311725", "#d76a9a", "#f7cfe0")
_RUST = _tone("timed_out", "#fff0e5", "#d9692a", "#74300b", "#331d10", "#f08d52", "#fbd9c4")
_VIOLET = _tone("compensated", "#f1ecfd", "#7a58d4", "#3b2187", "#221b3a", "#a087ea", "#e0d7fb")
_GOLD = _tone("parked", "#fdf3e0", "#b8751a", "#623b06", "#2d210f", "#d99a45", "#f5dcb4")
_CRIMSON = _tone("crashed", "#fbe4e4", "#a82323", "#681111", "#361212", "#e05555", "#f8caca")

STATES: dict[str, Look] = {
    "pending": Look(_WHITE, "dots", "○", "dim", pale=True),
    "queued": Look(_NAVY, "dots", "○", "blue", pale=True),
    "running": Look(_BLUE, "play", "▶", "bold blue"),
    "waiting": Look(_AMBER, "pause", "◔", "yellow"),
    "succeeded": Look(_GREEN, "check", "✓", "green"),
    "failed": Look(_RED, "cross", "✗", "bold red"),
    "timed_out": Look(_RUST, "clock", "◷", "red"),
    "cancelled": Look(_SLATE, "ban", "⊘", "bright_black"),
    "terminated": Look(_PLUM, "stop", "■", "magenta"),
    "compensated": Look(_VIOLET, "undo", "↶", "magenta"),
    "not_run": Look(_PALE, "dash", "–", "dim", pale=True),
    "skipped": Look(_PALE, "dash", "–", "dim", pale=True),
    "dropped": Look(_PALE, "dash", "–", "dim", pale=True),
    "parked": Look(_GOLD, "pause", "◫", "bold yellow"),
    "crashed": Look(_CRIMSON, "cross", "‼", "bold red"),
}
"""States of steps and runs, in the order a legend lists them; `not_run` is what is pending for ever."""

FLOW = Tone("flow", Colour("#ffffff", "#12161d"), Colour("#4a5565", "#a4b0c0"), Colour("#1f2733", "#e8ecf2"))
"""Start, bars and frames: what is neither a state nor a step."""

COMPENSATION = Tone(
    "compensation", Colour("#f7f4fe", "#1a1629"), Colour("#7a58d4", "#a087ea"), Colour("#4a2fa0", "#cabdf5")
)
"""Lanes and arrows of compensations."""

_UNKNOWN = Look(_WHITE, "dots", "?", "dim", pale=True)


def look(state: str) -> Look:
    """How a state looks; one nobody knows looks pending, with a question mark on terminals."""
    return STATES.get(state, _UNKNOWN)
