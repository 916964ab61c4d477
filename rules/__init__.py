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

from itonami.rules.agenda import Agenda, Bind, Firing, Redirect, quiesce
from itonami.rules.causality import causes, causes_of, effects_of
from itonami.rules.derivation import Application, Derivation, derive, replayed
from itonami.rules.errors import NotIndependent, NotQuiescent, RewriteError, RuleError
from itonami.rules.footprint import Footprint
from itonami.rules.gluing import Dangling, Identification, gluing
from itonami.rules.grammar import Grammar
from itonami.rules.independence import Conflict, dependence, independent
from itonami.rules.match import Match, find, matches
from itonami.rules.pattern import Assignment, EdgePattern, Nac, NodePattern, Pattern, Relabel
from itonami.rules.rebase import Rebase, rebase
from itonami.rules.replay import replay
from itonami.rules.rewrite import Rewrite, apply, rewrite, undo
from itonami.rules.rule import Rule
from itonami.rules.ruleset import RuleSet
from itonami.rules.step import Step
from itonami.rules.term import Term, parse_term
from itonami.rules.text import parse_rules

__all__ = [
    "Agenda",
    "Application",
    "Assignment",
    "Bind",
    "Conflict",
    "Dangling",
    "Derivation",
    "EdgePattern",
    "Firing",
    "Footprint",
    "Grammar",
    "Identification",
    "Match",
    "Nac",
    "NodePattern",
    "NotIndependent",
    "NotQuiescent",
    "Pattern",
    "Rebase",
    "Redirect",
    "Relabel",
    "Rewrite",
    "RewriteError",
    "Rule",
    "RuleError",
    "RuleSet",
    "Step",
    "Term",
    "apply",
    "causes",
    "causes_of",
    "dependence",
    "derive",
    "effects_of",
    "find",
    "gluing",
    "independent",
    "matches",
    "parse_rules",
    "parse_term",
    "quiesce",
    "rebase",
    "replay",
    "replayed",
    "rewrite",
    "undo",
]
