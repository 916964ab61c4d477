"""A rule: a span of patterns with conditions, as data.

        l       r            L   what must be there (`match`, `where`, and no `not`)
    L <---- K ----> R        K   what stays: L without what is deleted
                             R   what is there afterwards: K with what is created, relabelled and set

Double-pushout rules over typed attributed multigraphs (Ehrig, Ehrig, Prange and Taentzer, Fundamentals of
Algebraic Graph Transformation, 2006, chapters 3 and 8) with negative application conditions (section 7.1) and
relabelling (Habel and Plump, Relabelling in Graph Transformation, ICGT 2002). L, K and R share their variables, so
l and r are inclusions. A rule is immutable and has an address. No matching and no rewriting may live here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from itonami.graphstore import codec
from itonami.rules.laws import check
from itonami.rules.pattern import NOTHING, Assignment, Nac, NodePattern, Pattern, Relabel
from itonami.rules.term import Term, conjuncts, term_parameters

if TYPE_CHECKING:
    from itonami.rules.program import Program

__all__ = ["Rule"]


@dataclass(frozen=True, eq=False)
class Rule:
    """One rule. Raises `RuleError`, naming the law, when the parts make no rule.

    `event` is its name in the log (default: its own), a higher `priority` fires first, and an `external` rule is
    fired only on request, never by the agenda. Equal rules have equal addresses. `place` is the line and column of
    the text it was read from, for messages; it is no part of the rule.
    """

    name: str
    L: Pattern
    delete: tuple[str, ...] = ()
    create: Pattern = NOTHING
    where: tuple[Term, ...] = ()
    nacs: tuple[Nac, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    relabels: tuple[Relabel, ...] = ()
    event: str = ""
    priority: int = 0
    external: bool = False
    place: tuple[int, int] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        deleted = set(self.delete)
        order = tuple(variable for variable in self.L.variables if variable in deleted)
        unknown = tuple(variable for variable in self.delete if variable not in order)
        object.__setattr__(self, "delete", order + unknown)
        object.__setattr__(self, "where", _flat(self.where))
        object.__setattr__(self, "nacs", tuple(_plain(nac, self.L) for nac in self.nacs))
        object.__setattr__(self, "event", self.event or self.name)
        check(self)

    # -- the span ------------------------------------------------------------------------------------------

    @cached_property
    def K(self) -> Pattern:
        """The interface: L without what is deleted."""
        deleted = set(self.delete)
        return Pattern(
            tuple(node for node in self.L.nodes if node.variable not in deleted),
            tuple(edge for edge in self.L.edges if edge.variable not in deleted),
        )

    @cached_property
    def R(self) -> Pattern:
        """The right-hand side: K, relabelled, with what is created."""
        relabels = {relabel.variable: relabel for relabel in self.relabels}
        kept = tuple(
            NodePattern(
                node.variable,
                tuple((set(node.labels) - set(relabel.removed)) | set(relabel.added)),
            )
            if (relabel := relabels.get(node.variable))
            else node
            for node in self.K.nodes
        )
        return Pattern(kept + self.create.nodes, self.K.edges + self.create.edges)

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """The variables of L in the order of a match's ids: nodes, then edges."""
        return self.L.variables

    @cached_property
    def guard_parameters(self) -> frozenset[str]:
        """The parameters that its conditions mention."""
        terms = (*self.where, *(term for nac in self.nacs for term in nac.terms))
        return frozenset().union(*map(term_parameters, terms))

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """All parameters, sorted."""
        used = (term_parameters(assignment.term) for assignment in self.assignments)
        return tuple(sorted(self.guard_parameters.union(*used)))

    @cached_property
    def counters(self) -> tuple[tuple[str, str], ...]:
        """The (variable, key) pairs it increments: `set x.n = x.n + 1`. Their values enter created ids."""
        from itonami.rules.laws import counters

        return counters(self)

    @cached_property
    def conditions(self) -> tuple[Term, ...]:
        """`where`, and that the counters count: a rule whose ids hang on a counter fires only where it increases."""
        from itonami.rules.laws import increases

        return (*self.where, *increases(self))

    @cached_property
    def counter_places(self) -> tuple[tuple[int, str], ...]:
        """The counters, each variable by its position in a match's ids."""
        return tuple((self.variables.index(variable), key) for variable, key in self.counters)

    @cached_property
    def created(self) -> int:
        """How many elements it creates."""
        return len(self.create)

    def inverse(self) -> Rule:
        """The rule of the span R <- K -> L; see `inverse`."""
        return self._inverse

    @cached_property
    def _inverse(self) -> Rule:
        from itonami.rules.inverse import inverse

        return inverse(self)

    # -- forms ---------------------------------------------------------------------------------------------

    @cached_property
    def program(self) -> Program:
        """The compiled rule."""
        from itonami.rules.program import Program

        return Program(self)

    @cached_property
    def address(self) -> bytes:
        """BLAKE3 of the canonical bytes of `to_json()`, 32 bytes."""
        return codec.address(codec.encode(self.to_json()))

    @classmethod
    def parse(cls, text: str) -> Rule:
        """The one rule of a text. Raises `RuleError` with line and column."""
        from itonami.rules.text import parse_rule

        return parse_rule(text)

    def __str__(self) -> str:
        from itonami.rules.text import rule_text

        return rule_text(self)

    @classmethod
    def from_json(cls, obj: Any) -> Rule:
        """The rule of a JSON object; see `form`. Raises `RuleError`."""
        from itonami.rules.form import rule_of

        return rule_of(obj)

    def to_json(self) -> dict[str, Any]:
        """The rule as JSON; `Rule.from_json` gives an equal rule back."""
        from itonami.rules.form import form_of

        return form_of(self)

    def _repr_svg_(self) -> str:
        from itonami.rules.drawing.picture import rule_svg

        return rule_svg(self)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Rule) and self.address == other.address)

    def __hash__(self) -> int:
        return hash(self.address)


def _plain(nac: Nac, left: Pattern, nested: bool = False) -> Nac:
    """The NAC with the ends of its edges listed, and of labels only what is not asked for around it already: by L,
    and for a NAC of a NAC by that. Deeper nesting stays as it is, for the laws to refuse."""
    asked = {node.variable: set(node.labels) for node in left.nodes}
    inner = nac.nacs
    if inner and not nested:
        within = left.joined(nac.pattern)
        inner = tuple(_plain(own, within, nested=True) for own in inner)
    nodes = {node.variable: set(node.labels) - asked.get(node.variable, set()) for node in nac.pattern.nodes}
    for edge in nac.pattern.edges:
        for end in (edge.source, edge.target):
            if end in asked:
                nodes.setdefault(end, set())
    if len(nodes) < len(nac.pattern.nodes):
        return nac  # a variable names two nodes: the laws will say so
    listed = tuple(NodePattern(variable, tuple(labels)) for variable, labels in nodes.items())
    return Nac(Pattern(listed, nac.pattern.edges), _flat(nac.where), inner)


def _flat(terms: tuple[Term, ...]) -> tuple[Term, ...]:
    """The conjuncts of the conjuncts, and so on."""
    while any(len(conjuncts(term)) > 1 for term in terms):
        terms = tuple(part for term in terms for part in conjuncts(term))
    return tuple(terms)
