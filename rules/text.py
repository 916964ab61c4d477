"""The text form of rules: reading and writing.

    rule seq_next
      event StepStarted
      match (s:Seq)-[:CHILD]->(a:Step)-[d:NEXT]->(b:Step {state: 'pending'})
      where a.state in ['succeeded', 'skipped']
      not (b)-[:BLOCKED_BY]->(c) unless (c)-[:WAIVED]->()
      set b.state = 'running', b.started = $time
      unset b.error
      label b +Active -Idle
      delete d
      create (s)-[:READY]->(b), (n:Token {n: 1})-[:AT]->(b)

Clauses come in any order; `where` after `not` belongs to that NAC, and so does `unless`, with a `where` of its own:
what `not` shows forbids the match unless it extends to what `unless` shows, to one of them if there are several.
`unless` is no reserved word. Line breaks mean nothing, `#` starts a comment,
and `external` and `priority N` may follow the name. The patterns are those of Cypher and GQL (ISO/IEC 39075:2024).
`Rule.parse(str(rule)) == rule`: the canonical text names every element. What makes a rule well-formed is said in
`laws`, not here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from itonami.rules.errors import RuleError
from itonami.rules.laws import FLATTEN, MAX_ELEMENTS, MAX_NACS, MAX_PRIORITY, SPLIT, TOO_DEEP
from itonami.rules.lexer import Token, Tokens, name_text
from itonami.rules.pattern import Assignment, EdgePattern, Nac, NodePattern, Pattern, Relabel
from itonami.rules.rule import Rule
from itonami.rules.term import Binary, Literal, Logic, Property, Term, read_term

__all__ = ["parse_rule", "parse_rules", "rule_text"]


def parse_rule(text: str) -> Rule:
    """The one rule of a text. Raises `RuleError` with line and column. O(length)."""
    tokens = Tokens(text)
    rule = _Reader(tokens).rule()
    if tokens.next.kind != "end":
        tokens.fail("one rule is expected, but here another starts", "use parse_rules for several")
    return rule


def parse_rules(text: str) -> tuple[Rule, ...]:
    """The rules of a text, in order, each of another name. Raises `RuleError` with line and column. O(length)."""
    tokens = Tokens(text)
    rules: dict[str, Rule] = {}
    while (start := tokens.next).kind != "end":
        rule = _Reader(tokens).rule()
        if rule.name in rules:
            tokens.fail(f"two rules of the text have the name {rule.name!r}", "rename one", start)
        rules[rule.name] = rule
    return tuple(rules.values())


@dataclass(slots=True)
class _Drawing:
    """A pattern as it is drawn: nodes with their labels, edges, and the inline `{key: term}` entries."""

    nodes: dict[str, list[str]] = field(default_factory=dict)
    edges: dict[str, EdgePattern] = field(default_factory=dict)
    entries: list[Assignment] = field(default_factory=list)
    decorated: dict[str, Token] = field(default_factory=dict)

    def pattern(self) -> Pattern:
        return Pattern(
            tuple(NodePattern(variable, tuple(labels)) for variable, labels in self.nodes.items()),
            tuple(self.edges.values()),
        )

    def conditions(self) -> list[Term]:
        return [Binary("=", Property(e.variable, e.key), e.term) for e in self.entries]


_Forbidden = tuple[_Drawing, list[Term]]  # what a `not` or an `unless` shows, and its `where`


class _Reader:
    """Reads one rule at the cursor."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._anonymous = 0
        self._nac_count = 0
        self._clause = tokens.next
        self._anonymous_at: dict[str, Token] = {}
        self._match, self._create = _Drawing(), _Drawing()
        self._where: list[Term] = []
        self._nacs: list[tuple[_Forbidden, list[_Forbidden]]] = []
        self._assignments: list[Assignment] = []
        self._relabels: list[Relabel] = []
        self._delete: list[str] = []
        self._scalars: dict[str, str | int | bool] = {}

    def rule(self) -> Rule:
        start = self._tokens.expect("rule", "at the start of a rule")
        self._scalars["name"] = self._tokens.name("the rule's name")
        while not self._tokens.is_at("rule") and self._tokens.next.kind != "end":
            token = self._clause = self._tokens.next
            clause = _CLAUSES.get(token.value) if token.kind == "word" else None
            if clause is None:
                self._tokens.fail(
                    f"a clause is expected, not {self._tokens.shown()}", "start with " + _CLAUSE_LIST
                )
            self._tokens.take()
            clause(self)
        return self._made(start)

    def _made(self, start: Token) -> Rule:
        left = self._match.pattern()
        place = self._tokens.place(start.offset)
        try:
            return Rule(
                L=left,
                create=self._created(left),
                delete=tuple(self._delete),
                where=tuple(self._match.conditions() + self._where),
                nacs=tuple(_nac(left, drawn, inner) for drawn, inner in self._nacs),
                assignments=tuple(self._create.entries + self._assignments),
                relabels=tuple(self._relabels),
                place=place,
                **self._scalars,  # type: ignore[arg-type]
            )
        except RuleError as error:
            if error.line is not None:
                raise
            about = error.subject or ""
            token = self._anonymous_at.get(about) or self._tokens.last(about, start)
            line, column = self._tokens.place(token.offset)
            raise RuleError(
                f"rule {self._scalars['name']!r}: {error.what}",
                fix=error.fix,
                line=line,
                column=column,
                subject=error.subject,
            ) from None

    def _created(self, left: Pattern) -> Pattern:
        """What the create clauses add: nodes of L that they draw again are ends only."""
        drawing = self._create
        for node in left.nodes:
            if node.variable in drawing.nodes:
                if node.variable in drawing.decorated:
                    self._tokens.fail(
                        f"{node.variable!r} is matched, so create cannot give it labels or properties",
                        "use set and label",
                        drawing.decorated[node.variable],
                    )
                del drawing.nodes[node.variable]
        return drawing.pattern()

    # -- clauses -------------------------------------------------------------------------------------------

    def _event_clause(self) -> None:
        self._once("event", self._tokens.name("the event's name"))

    def _external_clause(self) -> None:
        self._once("external", True)

    def _priority_clause(self) -> None:
        sign = -1 if self._tokens.took("-") else 1
        token, number = self._tokens.next, self._tokens.number()
        if not isinstance(number, int):
            self._tokens.fail(f"a priority is an integer of at most {MAX_PRIORITY}", at=token)
        self._once("priority", sign * number)

    def _once(self, key: str, value: str | int | bool) -> None:
        if key in self._scalars:
            self._tokens.fail(f"{key!r} is given twice", "keep one of the two", self._clause)
        self._scalars[key] = value

    def _match_clause(self) -> None:
        self._draw(self._match)

    def _create_clause(self) -> None:
        self._draw(self._create)

    def _not_clause(self) -> None:
        nac, inner = self._forbidden(), []
        while self._tokens.took("unless"):
            if self._tokens.is_at("not"):
                self._tokens.fail(TOO_DEEP, FLATTEN)
            inner.append(self._forbidden())
        self._nacs.append((nac, inner))

    def _forbidden(self) -> _Forbidden:
        drawing = _Drawing()
        self._nac_count += 1
        if self._nac_count > MAX_NACS:
            self._tokens.fail(f"the rule has more than {MAX_NACS} NACs", SPLIT)
        self._draw(drawing)
        return drawing, [read_term(self._tokens)] if self._tokens.took("where") else []

    def _where_clause(self) -> None:
        self._where.append(read_term(self._tokens))

    def _delete_clause(self) -> None:
        self._listed(lambda: self._delete.append(self._variable()))

    def _set_clause(self) -> None:
        self._listed(self._assignment)

    def _assignment(self) -> None:
        variable, key = self._place()
        self._tokens.expect("=", "after the property")
        self._assignments.append(Assignment(variable, key, read_term(self._tokens)))

    def _unset_clause(self) -> None:
        self._listed(lambda: self._assignments.append(Assignment(*self._place(), Literal(None))))

    def _label_clause(self) -> None:
        self._listed(self._relabel)

    def _relabel(self) -> None:
        variable = self._variable()
        signs: dict[str, list[str]] = {"+": [], "-": []}
        while self._tokens.is_at("+", "-"):
            signs[self._tokens.take().value].append(self._tokens.word("a label"))
        if not signs["+"] and not signs["-"]:
            self._tokens.fail("labels are expected", "write +Label or -Label")
        self._relabels.append(Relabel(variable, tuple(signs["+"]), tuple(signs["-"])))

    def _listed(self, item: Callable[[], None]) -> None:
        item()
        while self._tokens.took(","):
            item()

    def _place(self) -> tuple[str, str]:
        variable = self._variable()
        self._tokens.expect(".", "after the variable")
        return variable, self._tokens.word("a property key")

    def _variable(self) -> str:
        return self._tokens.name("a variable")

    # -- patterns ------------------------------------------------------------------------------------------

    def _draw(self, drawing: _Drawing) -> None:
        self._listed(lambda: self._path(drawing))

    def _path(self, drawing: _Drawing) -> None:
        source = self._node(drawing)
        while self._tokens.is_at("-", "<"):
            source = self._edge(drawing, source)

    def _node(self, drawing: _Drawing) -> str:
        start = self._tokens.expect("(", "to draw a node")
        if (
            len(drawing.nodes) + len(drawing.edges) > 2 * MAX_ELEMENTS
        ):  # nodes of L, and as many elements more
            self._tokens.fail(f"more than {2 * MAX_ELEMENTS} elements are drawn", SPLIT, start)
        variable = self._variable_or_new()
        labels = drawing.nodes.setdefault(variable, [])
        before = len(labels), len(drawing.entries)
        while self._tokens.took(":"):
            labels.append(self._tokens.word("a label"))
        self._entries(drawing, variable)
        if (len(labels), len(drawing.entries)) != before:
            drawing.decorated.setdefault(variable, start)
        self._tokens.expect(")", "to close the node")
        return variable

    def _edge(self, drawing: _Drawing, source: str) -> str:
        backward = self._tokens.took("<")
        self._tokens.expect("-", "to draw an edge")
        start, label, entries = self._tokens.next, None, len(drawing.entries)
        if self._tokens.took("["):
            variable = self._variable_or_new()
            if self._tokens.took(":"):
                label = self._tokens.word("a label")
            self._entries(drawing, variable)
            self._tokens.expect("]", "to close the edge")
        else:
            variable = self._new()
        self._tokens.expect("-", "to draw an edge")
        if not backward:
            self._tokens.expect(">", "to draw an edge")
        target = self._node(drawing)
        ends = (target, source) if backward else (source, target)
        edge = EdgePattern(variable, ends[0], label, ends[1])
        if drawing.edges.setdefault(variable, edge) != edge:
            self._tokens.fail(f"edge {variable!r} is drawn twice, differently", "rename one of them", start)
        if len(drawing.entries) > entries:
            drawing.decorated.setdefault(variable, start)
        return target

    def _entries(self, drawing: _Drawing, variable: str) -> None:
        if not self._tokens.took("{"):
            return
        while not self._tokens.is_at("}"):
            key = self._tokens.word("a property key")
            self._tokens.expect(":", "after the property key")
            drawing.entries.append(Assignment(variable, key, read_term(self._tokens)))
            if not self._tokens.took(","):
                break
        self._tokens.expect("}", "to close the properties")

    def _variable_or_new(self) -> str:
        if self._tokens.next.kind == "name" or (self._tokens.next.kind == "word"):
            return self._variable()
        return self._new()

    def _new(self) -> str:
        """A variable for an anonymous element, which no name in the text is."""
        while True:
            self._anonymous += 1
            variable = f"_{self._anonymous}"
            if not self._tokens.mentions(variable):
                self._anonymous_at[variable] = self._tokens.next
                return variable


def _nac(outer: Pattern, forbidden: _Forbidden, nested: list[_Forbidden]) -> Nac:
    """The NAC of what is drawn; an edge of what is around it that it draws without a label has its label."""
    drawing, where = forbidden
    labels = {edge.variable: edge.label for edge in outer.edges}
    for variable, edge in drawing.edges.items():
        if edge.label is None and labels.get(variable) is not None:
            drawing.edges[variable] = EdgePattern(variable, edge.source, labels[variable], edge.target)
    pattern = drawing.pattern()
    within = outer.joined(pattern) if nested else outer
    inner = tuple(_nac(within, drawn, []) for drawn in nested)
    return Nac(pattern, tuple(drawing.conditions() + where), inner)


_CLAUSES: dict[str, Callable[[_Reader], None]] = {
    "event": _Reader._event_clause,
    "external": _Reader._external_clause,
    "priority": _Reader._priority_clause,
    "match": _Reader._match_clause,
    "where": _Reader._where_clause,
    "not": _Reader._not_clause,
    "set": _Reader._set_clause,
    "unset": _Reader._unset_clause,
    "label": _Reader._label_clause,
    "delete": _Reader._delete_clause,
    "create": _Reader._create_clause,
}
_CLAUSE_LIST = ", ".join(_CLAUSES)


# -- writing ---------------------------------------------------------------------------------------------------


def rule_text(rule: Rule) -> str:
    """The canonical text of a rule."""
    head = f"rule {name_text(rule.name)}"
    head += " external" if rule.external else ""
    head += f" priority {rule.priority}" if rule.priority else ""
    lines = [head]
    if rule.event != rule.name:
        lines.append(f"event {name_text(rule.event)}")
    if rule.L:
        lines.append(f"match {_drawn(rule.L)}")
    lines += _where_text(rule.where)
    for nac in rule.nacs:
        lines.append(" ".join([f"not {_drawn(nac.pattern)}", *_where_text(nac.where), *_unless_text(nac)]))
    lines += [_assignment_text(assignment) for assignment in rule.assignments]
    lines += [_relabel_text(relabel) for relabel in rule.relabels]
    if rule.delete:
        lines.append(f"delete {', '.join(map(name_text, rule.delete))}")
    if rule.create:
        lines.append(f"create {_drawn(rule.create)}")
    return "\n  ".join(lines)


def _where_text(terms: tuple[Term, ...]) -> list[str]:
    if not terms:
        return []
    return [f"where {terms[0] if len(terms) == 1 else Logic('and', terms)}"]


def _unless_text(nac: Nac) -> list[str]:
    shown = ((f"unless {_drawn(inner.pattern)}", *_where_text(inner.where)) for inner in nac.nacs)
    return [text for texts in shown for text in texts]


def _assignment_text(assignment: Assignment) -> str:
    place = str(Property(assignment.variable, assignment.key))
    if assignment.term == Literal(None):
        return f"unset {place}"
    return f"set {place} = {assignment.term}"


def _relabel_text(relabel: Relabel) -> str:
    signed = [f"+{_label_text(label)}" for label in relabel.added]
    signed += [f"-{_label_text(label)}" for label in relabel.removed]
    return f"label {name_text(relabel.variable)} {' '.join(signed)}"


def _label_text(label: str) -> str:
    return name_text(label)


def _drawn(pattern: Pattern) -> str:
    """A pattern as paths; where those would change the order of its nodes, the nodes are drawn first."""
    labels = {node.variable: node.labels for node in pattern.nodes}
    seen: list[str] = []

    def node(variable: str) -> str:
        if variable in seen:
            return f"({name_text(variable)})"
        seen.append(variable)
        return f"({name_text(variable)}{''.join(':' + _label_text(label) for label in labels.get(variable, ()))})"

    def paths() -> list[str]:
        result: list[str] = []
        last = None
        for edge in pattern.edges:
            label = "" if edge.label is None else f":{_label_text(edge.label)}"
            arrow = f"-[{name_text(edge.variable)}{label}]->"
            if edge.source == last:
                result[-1] += arrow + node(edge.target)
            else:
                source = node(edge.source)
                result.append(source + arrow + node(edge.target))
            last = edge.target
        return result

    drawn = paths()
    drawn += [node(variable) for variable in labels if variable not in seen]
    if [variable for variable in seen if variable in labels] != list(labels):
        seen.clear()
        drawn = [node(variable) for variable in labels] + paths()
    return ", ".join(drawn)
