"""Double-pushout graph rewriting: rules as data, matched, glued, fired and replayed.

        l       r
    L <---- K ----> R        rule: what is looked for, what stays, what is there afterwards
    |m      |       |n
    v       v       v
    G <---- D ----> H        a rewrite: both squares are pushouts

Ehrig, Ehrig, Prange and Taentzer, Fundamentals of Algebraic Graph Transformation, Springer 2006; relabelling after
Habel and Plump, ICGT 2002; the agenda after Miranker, TREAT, AAAI 1987.

    rule = Rule.parse("rule next match (a)-[d:DONE]->(b) delete d create (b)-[:READY]->(a)")
    for match in matches(rule, graph):
        if gluing(rule, match, graph) is None:
            later = rewrite(graph, rule, match).graph
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from itonami.rules.agenda import Agenda, Bind, Firing, Redirect, quiesce
from itonami.rules.causality import causes, causes_of, effects_of
from itonami.rules.derivation import Application, Derivation, derive, replayed
from itonami.rules.errors import NotIndependent, NotQuiescent, RewriteError, RuleError
from itonami.rules.footprint import Footprint
from itonami.rules.gluing import Dangling, Identification, gluing
from itonami.rules.grammar import Grammar
from itonami.rules.independence import Conflict, dependence, independent
from itonami.rules.match import Match, find, finder, matches
from itonami.rules.pattern import Assignment, EdgePattern, Injective, Nac, NodePattern, Pattern, Relabel
from itonami.rules.rebase import Rebase, rebase
from itonami.rules.replay import replay
from itonami.rules.rewrite import Rewrite, apply, rewrite, unapply, undo
from itonami.rules.rule import Rule
from itonami.rules.ruleset import RuleSet
from itonami.rules.step import Step
from itonami.rules.term import Term, parse_term
from itonami.rules.text import parse_rules

if TYPE_CHECKING:
    from itonami.rules.analysis import (
        Canonizer,
        Confluence,
        CriticalPair,
        Joining,
        Progress,
        StateSpace,
        TooManyOverlaps,
        TooRegular,
        Trace,
        Transition,
        Verdict,
        always_eventually,
        confluence,
        critical_pairs,
        eventually,
        explore,
        isomorphism,
        never,
        node_types,
        pair_matrix,
        reachable,
        satisfying,
    )
    from itonami.rules.drawing import derivation_svg, derivation_text, rewrite_svg, rule_svg
    from itonami.rules.programs.cases import cases_of
    from itonami.rules.programs.execution import Execution, execute

__all__ = [
    "Agenda",
    "Application",
    "Assignment",
    "Bind",
    "Canonizer",
    "Conflict",
    "Confluence",
    "CriticalPair",
    "Dangling",
    "Derivation",
    "EdgePattern",
    "Execution",
    "Firing",
    "Footprint",
    "Grammar",
    "Identification",
    "Injective",
    "Joining",
    "Match",
    "Nac",
    "NodePattern",
    "NotIndependent",
    "NotQuiescent",
    "Pattern",
    "Progress",
    "Rebase",
    "Redirect",
    "Relabel",
    "Rewrite",
    "RewriteError",
    "Rule",
    "RuleError",
    "RuleSet",
    "StateSpace",
    "Step",
    "Term",
    "TooManyOverlaps",
    "TooRegular",
    "Trace",
    "Transition",
    "Verdict",
    "always_eventually",
    "apply",
    "cases_of",
    "causes",
    "causes_of",
    "confluence",
    "critical_pairs",
    "dependence",
    "derivation_svg",
    "derivation_text",
    "derive",
    "effects_of",
    "eventually",
    "execute",
    "explore",
    "find",
    "finder",
    "gluing",
    "independent",
    "isomorphism",
    "matches",
    "never",
    "node_types",
    "pair_matrix",
    "parse_rules",
    "parse_term",
    "quiesce",
    "reachable",
    "rebase",
    "replay",
    "replayed",
    "rewrite",
    "rewrite_svg",
    "rule_svg",
    "satisfying",
    "unapply",
    "undo",
]

_LATER = (
    "itonami.rules.analysis",
    "itonami.rules.drawing",
    "itonami.rules.programs.execution",
    "itonami.rules.programs.cases",
)
"""What only some programs need is imported when it is asked for."""


def __getattr__(name: str) -> Any:
    if name in __all__:
        for module in map(import_module, _LATER):
            if name in module.__all__:
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
