"""What a rule set can do at all: critical pairs, confluence, state spaces, and properties over them.

    overlap     patterns glued in every way        exploration  breadth-first search of the states
    model       values that make conditions true   ground       states as numbers, rules as markings
    situation   an overlap with both rules on it   canonical    graphs up to isomorphism
    critical    how one rule disables another      statespace   the result, its paths and pictures
    joining     whether that can be made up for    checker      never, eventually, always eventually

Nothing here fires a rule on a live graph.
"""

from itonami.rules.analysis.canonical import Canonizer, TooRegular, isomorphism
from itonami.rules.analysis.checker import (
    Trace,
    Verdict,
    always_eventually,
    eventually,
    never,
    reachable,
    satisfying,
)
from itonami.rules.analysis.critical import CriticalPair, critical_pairs, pair_matrix
from itonami.rules.analysis.exploration import Progress, explore
from itonami.rules.analysis.joining import Confluence, Joining, confluence
from itonami.rules.analysis.overlap import TooManyOverlaps, node_types
from itonami.rules.analysis.statespace import StateSpace, Transition

__all__ = [
    "Canonizer",
    "Confluence",
    "CriticalPair",
    "Joining",
    "Progress",
    "StateSpace",
    "TooManyOverlaps",
    "TooRegular",
    "Trace",
    "Transition",
    "Verdict",
    "always_eventually",
    "confluence",
    "critical_pairs",
    "eventually",
    "explore",
    "isomorphism",
    "never",
    "node_types",
    "pair_matrix",
    "reachable",
    "satisfying",
]
