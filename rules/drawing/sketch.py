"""A rule taken apart for its picture: the role of each element, and where its conditions and effects are told.

    group 0        L and R        kept, changed, deleted, created
    group 1 ...    NACs, each followed by its own: what they add is forbidden, or lifts that; several have numbers

What speaks of one element stands at it, without its name; what speaks of several, or has no room on an arrow, goes into
one box `where`. Anonymous variables are shown only where such a text needs them. No layout may live here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from itonami.graphstore.layout import LABEL_ROOM
from itonami.graphstore.lettering import text_width
from itonami.graphstore.shapes import LINE_SIZE, PLAIN, Arrow, Box
from itonami.rules.drawing.looks import LOOKS, THIN, anonymous, bare, element_name, wrapped
from itonami.rules.lexer import name_text
from itonami.rules.pattern import Assignment, EdgePattern, Nac, NodePattern, Pattern
from itonami.rules.rule import Rule
from itonami.rules.term import Binary, Literal, Property, Term, term_variables

__all__ = ["BOX_LINES", "Sketch"]

BOX_LINES = 24
"""Lines of text in a box."""


class _Entry(NamedTuple):
    """A condition or an assignment: as its element's box says it, and as it reads elsewhere."""

    here: str
    elsewhere: str


class _Group(NamedTuple):
    """A NAC, or one of its own: the sign and the role of what it adds, and the groups around it, innermost first."""

    mark: str
    role: str
    nac: Nac
    around: tuple[int, ...]


_Key = tuple[int, str]
"""A variable in its group: 0 for L and R, k for what the k-th of the groups adds."""


class Sketch:
    """A rule taken apart: the role of every element drawn, what stands in its box, and what needs a note."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._groups = _groups(rule)
        self.roles = _roles(rule, self._groups)
        self._before = _before(rule)
        self._entries: dict[_Key, list[_Entry]] = {}
        self._notes: list[str] = []
        self._named: set[str] = set()
        self._conditions()
        self._effects()
        for number, group in enumerate(self._groups, 1):
            self._nac(number, group)

    # -- taking apart --------------------------------------------------------------------------------------

    def _conditions(self) -> None:
        """The conditions of L, but for those told with an assignment."""
        told = set(self._before.values())
        for term in self._rule.where:
            if term not in told:
                self._place(term)

    def _effects(self) -> None:
        """Labels, then properties: `key: before → after` where L asks for one value, else `key := after`."""
        for relabel in self._rule.relabels:
            signed = [f"+{name_text(label)}" for label in relabel.added]
            signed += [f"−{name_text(label)}" for label in relabel.removed]
            self._enter((0, relabel.variable), _Entry(" ".join(signed), ""))
        for assignment in self._rule.assignments:
            self._enter((0, assignment.variable), self._assigned(assignment))

    def _assigned(self, assignment: Assignment) -> _Entry:
        variable, key, term = assignment.variable, assignment.key, assignment.term
        name, place, value = name_text(key), Property(variable, key), bare(term, variable)
        self._named |= term_variables(value)
        before = self._before.get((variable, key))
        if before is not None:
            return _Entry(f"{name}: {before.right} → {value}", f"{place}: {before.right} → {term}")
        if term == Literal(None):
            return _Entry(f"unset {name}", f"unset {place}")
        return _Entry(f"{name} := {value}", f"{place} := {term}")

    def _nac(self, number: int, group: _Group) -> None:
        mark, _, nac, _ = group
        for node in nac.pattern.nodes:
            home = self._home(number, node.variable)
            if home[0] != number and node.labels:
                self._enter(home, _Entry(f"{mark}{element_name('', node.labels)}", ""))
        for term in nac.where:
            self._place(term, number, mark)
        adds = any((number, variable) in self.roles for variable in nac.pattern.variables)
        if not adds and not nac.where and not any(node.labels for node in nac.pattern.nodes):
            self._notes.append(f"{mark}true")

    def _place(self, term: Term, number: int = 0, mark: str = "") -> None:
        """Enter a condition at the element that it speaks of, or note it if it speaks of several."""
        variables = term_variables(term)
        if len(variables) != 1:
            self._notes.append(f"{mark}{term}")
            self._named |= variables
            return
        (variable,) = variables
        home, text = self._home(number, variable), bare(term, variable)
        self._named |= term_variables(text)
        self._enter(home, _Entry(f"{mark if home[0] != number else ''}{text}", f"{mark}{term}"))

    def _enter(self, key: _Key, entry: _Entry) -> None:
        self._entries.setdefault(key, []).append(entry)

    def _home(self, number: int, variable: str) -> _Key:
        """The group that a variable is of, seen from one."""
        around = self._groups[number - 1].around if number else ()
        return next(
            home for home in ((number, variable), *((n, variable) for n in around)) if home in self.roles
        )

    def _mark(self, key: _Key) -> str:
        return self._groups[key[0] - 1].mark if key[0] else LOOKS[self.roles[key]].mark

    # -- drawing -------------------------------------------------------------------------------------------

    def boxes(self) -> Iterator[Box]:
        """L, what is created, and what each NAC adds."""
        for number, node in self._nodes():
            key = (number, node.variable)
            look = LOOKS[self.roles[key]]
            name = element_name(self._name(node.variable), node.labels)
            texts = [entry.here for entry in self._entries.get(key, ())]
            yield Box(
                id=_id(key),
                title=f"{self._mark(key)}{name or 'any'}",
                lines=_lines(texts),
                tone=look.tone,
                faded=look.dashed,
                tooltip="\n".join(
                    [f"{self.roles[key]}: ({element_name(node.variable, node.labels)})", *texts]
                ),
            )

    def arrows(self) -> Iterator[Arrow]:
        """The edges of the same; what has no room on an arrow is noted."""
        for number, edge in self._edges():
            key = (number, edge.variable)
            look, entries, mark = LOOKS[self.roles[key]], self._entries.get(key, []), self._mark(key)
            label = mark + self._edge_label(edge, entries)
            if entries and text_width(label, LINE_SIZE) > LABEL_ROOM:
                self._notes += [entry.elsewhere for entry in entries]
                self._named.add(edge.variable)
                label = mark + self._edge_label(edge, [])
            whole = f"{self.roles[key]}: [{element_name(edge.variable, _labels(edge))}]"
            yield Arrow(
                _id(self._home(number, edge.source)),
                _id(self._home(number, edge.target)),
                label,
                colour=look.line,
                dashed=look.dashed,
                tooltip="\n".join([whole, *(entry.here for entry in entries)]),
            )

    def note(self) -> Iterator[Box]:
        """The box of what speaks of several elements, or of none."""
        if self._notes:
            yield Box(
                "where", "where", _lines(self._notes), PLAIN, tooltip="\n".join(["where", *self._notes])
            )

    def _edge_label(self, edge: EdgePattern, entries: list[_Entry]) -> str:
        name = element_name(self._name(edge.variable), _labels(edge)) or "any"
        return f"{name} {{{', '.join(entry.here for entry in entries)}}}" if entries else name

    def _name(self, variable: str) -> str:
        return "" if anonymous(variable) and variable not in self._named else variable

    def _nodes(self) -> Iterator[tuple[int, NodePattern]]:
        for number, pattern in self._patterns():
            yield from ((number, node) for node in pattern.nodes if (number, node.variable) in self.roles)

    def _edges(self) -> Iterator[tuple[int, EdgePattern]]:
        for number, pattern in self._patterns():
            yield from ((number, edge) for edge in pattern.edges if (number, edge.variable) in self.roles)

    def _patterns(self) -> Iterator[tuple[int, Pattern]]:
        yield from ((0, self._rule.L), (0, self._rule.create))
        yield from enumerate((group.nac.pattern for group in self._groups), 1)


def _groups(rule: Rule) -> list[_Group]:
    """The NACs, each followed by its own. Where there are several they have numbers: `not 2`, `unless 2.1`."""
    groups: list[_Group] = []
    for number, nac in enumerate(rule.nacs, 1):
        outer = [str(number)] * (len(rule.nacs) > 1)
        groups.append(_Group(_mark("forbidden", outer), "forbidden", nac, (0,)))
        around = (len(groups), 0)
        for place, inner in enumerate(nac.nacs, 1):
            mark = _mark("unless", [*outer, *[str(place)] * (len(nac.nacs) > 1)])
            groups.append(_Group(mark, "unless", inner, around))
    return groups


def _mark(role: str, numbers: list[str]) -> str:
    mark = LOOKS[role].mark
    return f"{mark}{'.'.join(numbers)}{THIN}" if numbers else mark


def _roles(rule: Rule, groups: list[_Group]) -> dict[_Key, str]:
    """The role of every element that is drawn."""
    changed = {a.variable for a in rule.assignments} | {r.variable for r in rule.relabels}
    roles = {(0, v): "changed" if v in changed else "kept" for v in rule.K.variables}
    roles |= {(0, v): "deleted" for v in rule.delete}
    known = {0: set(rule.L.variables)}
    for number, (_, role, nac, around) in enumerate(groups, 1):
        known[number] = set(nac.pattern.variables).difference(*(known[outer] for outer in around))
        roles |= {(number, v): role for v in nac.pattern.variables if v in known[number]}
    return roles | {(0, v): "created" for v in rule.create.variables}


def _id(key: _Key) -> str:
    return f"{key[0]} {key[1]}"


def _labels(edge: EdgePattern) -> tuple[str, ...]:
    return () if edge.label is None else (edge.label,)


def _before(rule: Rule) -> dict[tuple[str, str], Binary]:
    """Of each property that the rule sets, the first condition `v.key = literal` on it."""
    written = {(assignment.variable, assignment.key) for assignment in rule.assignments}
    found: dict[tuple[str, str], Binary] = {}
    for term in rule.where:
        match term:
            case Binary("=", Property(variable, key), Literal()) if (variable, key) in written:
                found.setdefault((variable, key), term)
    return found


def _lines(texts: list[str]) -> tuple[str, ...]:
    """Texts wrapped for a box, with a bound on their number."""
    lines = [line for text in texts for line in wrapped(text)]
    left = len(lines) - BOX_LINES
    return (*lines[:BOX_LINES], f"… {left} more") if left > 0 else tuple(lines)
