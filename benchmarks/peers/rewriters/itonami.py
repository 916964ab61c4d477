"""Itonami's rules: what `execute`, `explore`, `find`, `apply`, `unapply` and `quiesce` make of the tasks.

The token and the join are looked for as anyone would: the token in the whole graph, a branch by its id, since that is
what an outcome names. The rules are compiled while the tasks are set up.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

from benchmarks.peers.rewriters import Act, Rewriter
from itonami.graphstore import Edge, Graph, Head, Node
from itonami.graphstore.codec import encode_shared
from itonami.graphstore.records import Event
from itonami.rules import Grammar, RuleSet, apply, explore, find, parse_rules, quiesce
from itonami.rules.programs.execution import execute
from itonami.rules.programs.instruction import program_of
from itonami.rules.rewrite import unapply

__all__ = ["Itonami", "open_peer"]

RULES = RuleSet.parse("""
rule pass external
  match (t:Token)-[x:AT]->(p:Process)-[:NEXT]->(q:Process)
  delete x
  create (t)-[:AT]->(q)
rule next external
  match (s:Sequence)-[x:OPEN]->(a:Step)-[:NEXT]->(b:Step)
  delete x
  set a.status = 'succeeded', a.output = $output, b.status = 'running'
  create (s)-[:OPEN]->(b)
rule complete external
  match (j:Join)-[x:OPEN]->(b:Branch)
  delete x
  set b.status = 'succeeded'
rule join
  match (j:Join {status: 'waiting'})
  not (j)-[:OPEN]->()
  set j.status = 'succeeded'
""")

MUTEX = """
rule new match (p:Process)-[n:next]->(q:Process) delete n create (p)-[:next]->(:Process)-[:next]->(q)
rule mount match (p:Process) create (:Resource)-[:token]->(p)
rule request
  match (p:Process), (r:Resource)
  not (r)-[:held_by]->(p)
  not (p)-[:request]->(:Resource)
  create (p)-[:request]->(r)
rule take match (r:Resource)-[t:token]->(p:Process)-[q:request]->(r) delete t, q create (r)-[:held_by]->(p)
rule release
  match (r:Resource)-[h:held_by]->(p:Process)
  not (p)-[:request]->(:Resource)
  delete h
  create (r)-[:release]->(p)
rule give
  match (r:Resource)-[x:release]->(p:Process)-[:next]->(q:Process)
  delete x
  create (r)-[:token]->(q)
"""
MUTEX_PROGRAM = [
    ["new", "N-2"],
    ["mount", 1],
    ["request", "N"],
    {"repeat": "N", "body": [["take", 1], ["release", 1], ["give", 1]]},
]

GENERATION = """
rule {name}
  match (a:A)-[x:{old}]->(b:B)-[y:{old}]->(c:C)-[z:{old}]->(a)
  delete x, y, z
  create (a)-[:{new}]->(ab:A:B)-[:{new}]->(b)-[:{new}]->(bc:B:C)-[:{new}]->(c)-[:{new}]->(ca:A:C)-[:{new}]->(a),
    (ab)-[:{new}]->(ca)-[:{new}]->(bc)-[:{new}]->(ab)
"""
SIERPINSKI = GENERATION.format(name="even", old="E0", new="E1") + GENERATION.format(
    name="odd", old="E1", new="E0"
)
SIERPINSKI_PROGRAM = [{"repeat": "N", "body": [["even", "*"], ["odd", "*"]]}]

TAKE = """
rule {side}
  match (t:Table)-[:philosophers]->(p:Philosopher)-[:plate]->(l:Plate)-[:{side}]->(f:Fork), (t)-[x:forks]->(f)
  delete x
  create (p)-[:{side}]->(f)
"""
RELEASE = """
rule release
  match (t:Table)-[:philosophers]->(p:Philosopher)-[:plate]->(l:Plate)-[:left]->(f:Fork),
    (l)-[:right]->(g:Fork), (p)-[x:left]->(f), (p)-[y:right]->(g)
  delete x, y
  create (t)-[:forks]->(f), (t)-[:forks]->(g)
"""
PHILOSOPHERS = TAKE.format(side="left") + TAKE.format(side="right") + RELEASE


class Itonami(Rewriter):
    """The rules on heads."""

    def ring(self, nodes: int) -> tuple[Act, Callable[[], int]]:
        head, rule = Head(_ring(nodes)), RULES["pass"]

        def act() -> None:
            match = find(rule, head)
            assert match is not None
            apply(head, rule, match, found=True)

        return act, lambda: int(next(head.out("token", "AT")).target[1:])

    def events(self, steps: int) -> tuple[Act, Callable[[], int]]:
        head, rule, done = Head(_sequence(steps)), RULES["next"], count()

        def act() -> bytes:
            match = find(rule, head, {"s": "s"})
            assert match is not None
            params = {"output": {"ok": True, "n": next(done)}}
            apply(head, rule, match, params, found=True)
            return encode_shared(Event(rule.event, params, rule.name, match.ids).to_list(), {})

        return act, lambda: sum(node.data.get("status") == "succeeded" for node in head.nodes("Step"))

    def undoing(self, rewrites: int) -> tuple[Act, Callable[[], bool]]:
        start = Graph().replaced(_ring(10))
        head, rule, steps = Head.of(start), RULES["pass"], []
        for _ in range(rewrites):
            match = find(rule, head)
            assert match is not None
            steps.append(apply(head, rule, match, found=True))
        return lambda: unapply(head, steps.pop()), lambda: not head.delta() and _graph(head) == start

    def fan_in(self, branches: int) -> tuple[Act, Callable[[], bool]]:
        head, rule = Head(_join(branches)), RULES["complete"]
        numbers = count()

        def act() -> None:
            match = find(rule, head, {"b": f"b{next(numbers):06}"})
            assert match is not None
            for _ in quiesce(head, RULES, apply(head, rule, match, found=True)):
                pass

        return act, lambda: bool(head.node("join")["status"] == "succeeded")

    def mutex(self, processes: int) -> tuple[int, int, int]:
        ring = [Node("p", ["Process"]), Node("q", ["Process"])]
        return _run(
            MUTEX, MUTEX_PROGRAM, [*ring, Edge("a", "p", "next", "q"), Edge("b", "q", "next", "p")], processes
        )

    def sierpinski(self, generations: int) -> tuple[int, int, int]:
        corners = [Node(label.lower(), [label]) for label in "ABC"]
        sides = [Edge(f"{one}-{other}", one, "E0", other) for one, other in ("ab", "bc", "ca")]
        return _run(SIERPINSKI, SIERPINSKI_PROGRAM, [*corners, *sides], generations // 2)

    def philosophers(self, count: int) -> tuple[int, int]:
        space = explore(parse_rules(PHILOSOPHERS), isomorphic=False, start=Graph().replaced(_table(count)))
        return len(space.states), len(space.transitions)


def _run(text: str, program: list[object], start: Iterable[Node | Edge], size: int) -> tuple[int, int, int]:
    rules = tuple(parse_rules(text))
    grammar = Grammar("benchmark", rules, {}, program=program_of(program, [rule.name for rule in rules], ""))
    done = execute(grammar, Graph().replaced(start), size)
    return done.rewrites, len(done.head), len(done.head.edge_by_id)


def _graph(head: Head) -> Graph:
    return Graph().replaced([*head.nodes(), *head.edges()])


# -- start graphs ----------------------------------------------------------------------------------------------


def _ring(nodes: int) -> list[Node | Edge]:
    names = [f"p{number:06}" for number in range(nodes)]
    items: list[Node | Edge] = [Node(name, ["Process"]) for name in names]
    items += [Edge(f"n{k:06}", name, "NEXT", names[(k + 1) % nodes]) for k, name in enumerate(names)]
    return [*items, Node("token", ["Token"]), Edge("at", "token", "AT", names[0])]


def _sequence(steps: int) -> list[Node | Edge]:
    items: list[Node | Edge] = [Node(f"a{k:06}", ["Step"], {"status": "pending"}) for k in range(steps + 1)]
    items += [Edge(f"n{k:06}", f"a{k:06}", "NEXT", f"a{k + 1:06}") for k in range(steps)]
    return [*items, Node("s", ["Sequence"]), Edge("open", "s", "OPEN", "a000000")]


def _join(branches: int) -> list[Node | Edge]:
    items: list[Node | Edge] = [Node("join", ["Join"], {"status": "waiting"})]
    items += [Node(f"b{k:06}", ["Branch"], {"status": "running"}) for k in range(branches)]
    return [*items, *(Edge(f"o{k:06}", "join", "OPEN", f"b{k:06}") for k in range(branches))]


def _table(count: int) -> list[Node | Edge]:
    items: list[Node | Edge] = [Node("t", ["Table"])]
    for k in range(count):
        items += [Node(f"p{k}", ["Philosopher"]), Node(f"l{k}", ["Plate"]), Node(f"f{k}", ["Fork"])]
        ends = [("t", "philosophers", f"p{k}"), ("t", "plates", f"l{k}"), ("t", "forks", f"f{k}")]
        ends += [
            (f"p{k}", "plate", f"l{k}"),
            (f"l{k}", "left", f"f{k}"),
            (f"l{k}", "right", f"f{(k + 1) % count}"),
        ]
        items += [Edge(f"{source}-{label}-{target}", source, label, target) for source, label, target in ends]
    return items


@asynccontextmanager
async def open_peer(directory: Path) -> AsyncIterator[Itonami]:
    """The rules; there is nothing to open."""
    yield Itonami()
