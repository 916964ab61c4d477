"""A match, compiled: from a pattern graph and a version to a chain of operators.

    refind what was bound -> enter, walk, across ... -> paths -> conditions that are left

Each condition stands behind the first move after which its names are bound. A chain is made for a version when it is
first matched there, since the order of moves depends on its counts, and lives as long as the run. Everything that
does not depend on the order is compiled once, with the query.

Only the joining of moves may live here: what they do is in `moves` and `steps`, their order in `planning`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy

from itonami.query.cypher.ast import Binary, Comparison, Expression
from itonami.query.cypher.printed import condition_text, together
from itonami.query.engine.moves import (
    Others,
    across,
    by_id,
    by_ids,
    by_label,
    by_value,
    ends,
    filtered,
    refind,
    trail,
    walk,
)
from itonami.query.engine.pattern import Condition, Link, PatternGraph, searches
from itonami.query.engine.planning import Across, Ends, Enter, Move, Walk, ordered
from itonami.query.engine.runtime import Condition as Holds
from itonami.query.engine.runtime import Evaluate, Runtime, Stage
from itonami.query.engine.scope import Nameless, Scope
from itonami.query.engine.selection import Selection, selection
from itonami.query.engine.steps import Inner, reach, retrace, rounds, steps
from itonami.query.engine.version import Version

__all__ = ["Matching"]

Compile = Callable[[Expression, Scope], Evaluate]


class Matching:
    """One pattern graph, ready to be planned on any version. `known` are vertices bound when it starts; `asked`:
    somebody asks how often a match comes."""

    def __init__(
        self,
        graph: PatternGraph,
        evaluate: Compile,
        condition: Compile,
        known: frozenset[str] = frozenset(),
        *,
        asked: bool = True,
    ) -> None:
        self.graph = graph
        self.asked = asked
        self.known = known | graph.given - graph.links.keys()
        self.slot_of = graph.scope.names
        self._holds: dict[int, Holds] = {
            id(part): condition(part.expression, graph.scope if part.inline else self._outer(part))
            for part in graph.conditions
        }
        self._each: dict[str, list[Holds]] = {
            link.name: [condition(part.expression, graph.scope) for part in link.each]
            for link in graph.links.values()
        }
        self._values: dict[int, Evaluate] = {
            id(part): evaluate(part, graph.scope) for part in self._operands(graph)
        }
        self._selected = {id(part): self._selection(part, evaluate) for part in graph.conditions}
        self._texts = {id(part): condition_text(part.expression) for part in graph.conditions}
        self._inner: dict[tuple[str, bool], Matching] = {}
        for link in graph.links.values():
            if link.round is not None:
                made = Matching(link.round.graph, evaluate, condition, frozenset((link.round.first,)))
                self._inner[link.name, True] = made
                self._inner[link.name, False] = made._known_at(link.round.last)

    def _known_at(self, vertex: str) -> Matching:
        """The same where another vertex is bound when it starts; nothing is compiled again."""
        other = copy(self)
        other.known = frozenset((vertex,)) | self.graph.given - self.graph.links.keys()
        return other

    def _outer(self, part: Condition) -> Scope:
        """The scope of WHERE: vertices found again keep the version they were bound in."""
        names = {**self.graph.scope.names, **self.graph.outside.names}
        return Scope(names, self.graph.scope.graph, self.graph.outside.known)

    def _selection(self, part: Condition, evaluate: Compile) -> Selection | None:
        """A condition on one property of one vertex, unless it was evaluated before."""
        if len(part.needs) != 1 or self.graph.scope.known:
            return None
        (vertex,) = part.needs
        return selection(part.expression, vertex, lambda node: evaluate(node, self.graph.scope))

    @staticmethod
    def _operands(graph: PatternGraph) -> Iterator[Expression]:
        """What may turn out to say where to enter: both sides of comparisons, if they look into no graph themselves."""
        for part in graph.conditions:
            if isinstance(part.expression, Comparison):
                yield from (side for side in part.expression.operands if not searches(side))
            elif isinstance(part.expression, Binary) and part.expression.operator == "IN":
                yield from (side for side in (part.expression.right,) if not searches(side))

    def stages(self, runtime: Runtime, version: Version) -> Sequence[Stage]:
        """The chain on a version, made once a run."""
        found = runtime.chains.get((self, version))
        if found is None:
            found = runtime.chains[self, version] = _Chain(self, version).build()
        return found

    def shown(self, runtime: Runtime, slot: int) -> Sequence[Stage]:
        """The chain to show: that of the version every row has in a slot, else the first that was run."""
        if slot in runtime.fixed:
            return self.stages(runtime, runtime.fixed[slot])
        return next((chain for (owner, _), chain in runtime.chains.items() if owner is self), ())

    def told(self, conditions: Iterable[Condition]) -> str:
        """What a plan shows of conditions."""
        return together(self._texts[id(part)] for part in conditions)

    def stages_of_round(self, link: Link, forward: bool) -> Inner:
        """One round of a quantified path, from either end."""
        assert link.round is not None
        matching, graph = self._inner[link.name, forward], link.round.graph
        first, last = (link.round.first, link.round.last)
        start, end = (first, last) if forward else (last, first)
        return Inner(
            matching.stages,
            graph.vertices[start],
            graph.vertices[end],
            tuple((inner.slot, inner.length is not None) for inner in graph.links.values()),
            link.round.lists,
        )


class _Chain:
    """The operators of one plan, joined."""

    def __init__(self, matching: Matching, version: Version) -> None:
        self.matching = matching
        self.graph = matching.graph
        self.slots = matching.graph.vertices
        self.at = matching.graph.scope.graph
        self.version = version
        self.stages: list[Stage] = []
        self.bound: set[str] = set()
        self.waiting = list(matching.graph.conditions)
        self.others = Others()
        self.met: list[Link] = []

    def build(self) -> Sequence[Stage]:
        graph = self.graph
        for name in sorted(graph.given):
            if name in graph.vertices:
                before = graph.refound.get(name, self.slots[name])
                self._add("Bound", f"({name})", refind(self.slots[name], self.at, before))
        self._bind(*self.matching.known)
        for move in ordered(graph, self.matching.known, self.version):
            self._move(move)
        for path in graph.trails:
            links = [(graph.links[name].slot, graph.links[name].length is not None) for name in path.links]
            self._add("Path", path.name, trail(path.slot, self.slots[path.start], links, self.at))
            self._bind(path.name)
        assert not self.waiting
        return tuple(self.stages)

    def _add(self, name: str, detail: str, run: Callable[..., Iterator[list[object]]]) -> None:
        self.stages.append(Stage(name, detail, run))

    def _bind(self, *names: str) -> None:
        """Ask what can be asked now."""
        self.bound.update(names)
        due = [part for part in self.waiting if part.needs <= self.bound]
        if due:
            self.waiting = [part for part in self.waiting if part not in due]
            holds = [self.matching._holds[id(part)] for part in due]
            self._add("Filter", self.matching.told(due), filtered(holds))

    def _move(self, move: Move) -> None:
        match move:
            case Enter():
                self._enter(move)
            case Ends(link):
                self._ends(link)
            case Walk(link, forward):
                start, end = (link.left, link.right) if forward else (link.right, link.left)
                self._link(link, forward, start, end, bound=False)
            case Across(link):
                self._link(link, True, link.left, link.right, bound=True)

    def _enter(self, move: Enter) -> None:
        slot, shown = self.slots[move.vertex], _shown(move.vertex)
        value = self.matching._values
        if move.ids is not None:
            make, name = (by_ids, "ByIds") if move.many else (by_id, "ById")
            self._add(name, f"({shown})", make(slot, self.at, value[id(move.ids)]))
        elif move.key is not None and move.value is not None:
            run = by_value(slot, self.at, move.label, move.key, value[id(move.value)])
            self._add("ByValue", f"({shown}{_label(move.label)}).{move.key}", run)
        else:
            count = self.version.count(move.label)
            asked, selections = self._selections(move.vertex)
            detail = f"({shown}{_label(move.label)}), {_many(count, 'node')}"
            if asked:
                detail += f", {self.matching.told(asked)}"
            self._add("Scan", detail, by_label(slot, self.at, move.label, selections))
            self.waiting = [part for part in self.waiting if part not in asked]
        if move.used is not None:
            self.waiting = [part for part in self.waiting if part is not move.used]
        self._bind(move.vertex)

    def _selections(self, vertex: str) -> tuple[list[Condition], list[Selection]]:
        """The conditions of which a bucket can be sifted while it is gone through."""
        found = [(part, self.matching._selected.get(id(part))) for part in self.waiting]
        mine = [(part, made) for part, made in found if made is not None and part.needs == {vertex}]
        return [part for part, _ in mine], [made for _, made in mine]

    def _ends(self, link: Link) -> None:
        before = self.graph.refound.get(link.name)
        bound = (link.left in self.bound, link.right in self.bound)
        run = ends(
            link, self.slots[link.left], self.slots[link.right], bound, self.at, self._others(link), before
        )
        self._add("Ends", _arrow(link, link.left, link.right), run)
        self._met(link)
        self._bind(link.name, link.left, link.right)

    def _others(self, link: Link) -> Others:
        """Those of the relationships bound before that this link could meet again."""
        rivals = [
            other
            for other in self.met
            if other.types is None or link.types is None or set(other.types) & set(link.types)
        ]
        return Others(
            tuple(other.slot for other in rivals if other.length is None),
            tuple(other.slot for other in rivals if other.length is not None),
        )

    def _met(self, link: Link) -> None:
        self.met.append(link)

    def _link(self, link: Link, forward: bool, start: str, end: str, bound: bool) -> None:
        others, at = self._others(link), self.at
        first, last = self.slots[start], self.slots[end]
        detail = _arrow(link, start, end)
        names = [link.name, end]
        if link.round is not None:
            inner = self.matching.stages_of_round(link, forward)
            self._add("Rounds", detail, rounds(link, forward, first, last, bound, at, others, inner))
            names += link.round.graph.named
        elif link.given:
            self._add("Retrace", detail, retrace(link, forward, first, last, bound, at, others))
        elif link.length is not None:
            assert link.one is not None
            one, each = self.matching.slot_of[link.one].slot, self.matching._each[link.name]
            if self._only_reached(link):
                self._add("Reach", detail, reach(link, forward, first, last, bound, at, one, each))
                self._bind(*names)
                return
            self._add("Steps", detail, steps(link, forward, first, last, bound, at, others, one, each))
        elif bound:
            self._add("Across", detail, across(link, first, last, at, others))
        else:
            target = last if self._asked(link, end) else None
            self._add("Walk", detail, walk(link, forward, first, target, at, others))
        self._met(link)
        self._bind(*names)

    def _only_reached(self, link: Link) -> bool:
        """Whether all that is asked of a link of variable length is where it leads. A shortest walk against its own
        edges may not be a trail, so the direction must be given."""
        assert link.length is not None
        named = not isinstance(link.name, Nameless) or any(
            link.name in part.needs for part in self.graph.conditions
        )
        alone = all(
            other is link
            or (other.types is not None and link.types is not None and not set(other.types) & set(link.types))
            for other in self.graph.links.values()
        )
        return (
            not (self.matching.asked or named or self.graph.trails)
            and alone
            and link.direction != "-"
            and link.length.low <= 1
        )

    def _asked(self, link: Link, vertex: str) -> bool:
        """Whether anybody asks which node a vertex is: a name, a condition, another link or a path."""
        graph = self.graph
        return (
            vertex in graph.named
            or vertex in graph.given
            or vertex in self.matching.known
            or any(vertex in part.needs for part in graph.conditions)
            or any(vertex in (other.left, other.right) for other in graph.links.values() if other is not link)
            or any(vertex == trail.start for trail in graph.trails)
        )


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def _shown(name: str) -> str:
    return "" if isinstance(name, Nameless) else name


def _label(label: str | None) -> str:
    return "" if label is None else f":{label}"


def _arrow(link: Link, start: str, end: str) -> str:
    """A link as it is walked."""
    types = "" if link.types is None else ":" + "|".join(link.types)
    length = ""
    if link.length is not None:
        length = f"*{link.length.low}..{'' if link.length.high is None else link.length.high}"
    tail, head = ("<-", "-") if (link.direction == "<-") == (start == link.left) else ("-", "->")
    if link.direction == "-":
        tail, head = "-", "-"
    return f"({_shown(start)}){tail}[{_shown(link.name)}{types}{length}]{head}({_shown(end)})"
