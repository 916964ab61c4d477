"""The pure core driven by made-up outcomes: no asyncio, no store, so that thousands of runs are cheap.

A plan says what comes of each activity; a list of numbers says in which order things happen. Every transition is
checked as it is made: the agenda left nothing over, and the events alone lead to the same graph.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, cycle

from flows import act, dec, flow, par, saga, seq
from hypothesis import strategies as st

from itonami.graphstore import Head
from itonami.rules import quiesce, replay
from itonami.workflow.definition import parse_definition
from itonami.workflow.engine import RunState, requests
from itonami.workflow.engine.core import Derivation
from itonami.workflow.engine.effects import ENDED
from itonami.workflow.engine.program import Program
from itonami.workflow.engine.requests import Request
from itonami.workflow.patterns import RULESET

START = datetime(2030, 1, 1, tzinfo=UTC)
STEPS_AT_MOST = 2_000


@dataclass(frozen=True)
class Plan:
    """What an activity does: `fails` attempts that may be retried, then `last`; `obeys` a signal to stop."""

    fails: int = 0
    last: str = "succeed"
    obeys: bool = True


def program_of(definition: dict) -> Program:
    return Program(parse_definition(definition), RULESET)


@dataclass
class Simulation:
    """One run of a program, and what it has come to."""

    program: Program
    plans: dict[str, Plan] = field(default_factory=dict)
    checked: bool = True
    inputs: dict = field(default_factory=lambda: {"n": 2})

    def __post_init__(self) -> None:
        self.now = START
        self.made: list[Derivation] = []
        self.heard: list[tuple[Sequence[Request], datetime]] = []
        self.state = RunState("run", self.program, 0, self.program.graph, self.program.head())
        self._mirror = Head.of(self.program.graph)
        self.do([requests.start(self.inputs, None, None)])

    def do(self, wanted: Sequence[Request]) -> Derivation:
        """One transition."""
        self.now += timedelta(seconds=1)
        self.heard.append((wanted, self.now))
        made = self.state.derive(wanted, self.now)
        self.made.append(made)
        if self.checked:
            self._check(made)
        return made

    def _check(self, made: Derivation) -> None:
        left = next(quiesce(self.state.head, RULESET, None, self.program.bind(self.now)), None)
        assert left is None, f"the agenda left {left[0].name} over"
        replay(self._mirror, RULESET, [(e.rule, e.match, e.data or {}) for e in made.events if e.rule])
        assert self._mirror.delta().to_list() == made.delta.to_list()
        self._mirror.settle()

    @property
    def status(self) -> str:
        return self.state.status

    @property
    def steps(self) -> dict[str, str]:
        return {node.id: node["status"] for node in self.state.graph.nodes("Step")}

    @property
    def names(self) -> list[str]:
        return [event.name for made in self.made for event in made.events]

    def happened(self, *names: str) -> list[tuple[str, str]]:
        """(event, first matched node) of the events of these names."""
        return [(e.name, e.match[0]) for made in self.made for e in made.events if e.name in names]

    def enabled(self) -> list[list[Request]]:
        """What the world may do next, in order of step."""
        found = []
        for node in self.state.head.nodes("Activity"):
            wanted = self._next(node.id, node.data)
            if wanted is not None:
                found.append([wanted])
        return found

    def _next(self, step: str, data: dict) -> Request | None:
        attempt, plan = data.get("attempt"), self.plans.get(step, Plan())
        state = data.get("state")
        if state == "backoff":
            return requests.due(step, attempt)
        if state == "parked":
            return requests.resumed(step, {})
        if state != "pending":
            return None
        if "cancel" in data and plan.obeys:
            return requests.stopped(step)
        if attempt <= plan.fails:
            return requests.retried(step, attempt, _error("Flaky", step), self.now)
        if attempt == plan.fails + 1 and plan.last != "succeed":
            return requests.failed(
                step, attempt, _error({"fail": "Boom", "time out": "Timeout"}[plan.last], step)
            )
        return requests.completed(step, attempt, {"from": step, step: attempt})

    def run(self, order: Iterable[int] = (), meanwhile: dict[int, list[Request]] | None = None) -> str:
        """Let things happen, as `order` picks them, until the run has ended; `meanwhile` comes at its turn."""
        picks = chain(order, cycle([0]))
        for turn in range(STEPS_AT_MOST):
            if meanwhile and turn in meanwhile and self.status not in ENDED:
                self.do(meanwhile[turn])
            choices = self.enabled()
            if self.status in ENDED:
                return self.status
            assert choices, f"nothing can happen any more, and the run is {self.status}: {self.steps}"
            self.do(choices[next(picks) % len(choices)])
        raise AssertionError("the run does not end")


def _error(type: str, step: str) -> dict:
    return {"type": type, "message": f"{step} did", "retryable": type == "Flaky"}


# -- random definitions ----------------------------------------------------------------------------------------

GUARDS = ["true", "false", "inputs.n > 1", "1 / 0 == 1"]
BAD_MAPPING = {"x": "$.inputs.absent"}
DEPTH = 4


class Choices:
    """Bytes as decisions: a tree made of them is drawn at once, and shrinks as bytes do. When they are spent, 0."""

    def __init__(self, numbers: bytes) -> None:
        self._numbers = iter(numbers)

    def among(self, *options: object) -> object:
        return options[next(self._numbers, 0) % len(options)]


def tree(choices: Choices, depth: int, *, wild: bool) -> dict:
    """An operator tree of at most that depth. A tame one holds nothing that can fail, or end early."""
    kind = choices.among("activity", "activity", "seq", "parallel", "parallel", "decision", "saga", "saga")
    if depth == 1 or kind == "activity":
        return _activity(choices, wild=wild)
    parts = [tree(choices, depth - 1, wild=wild) for _ in range(choices.among(1, 2, 3))]
    if kind == "seq":
        return seq(*parts)
    if kind == "parallel":
        need = min(choices.among(1, 2), len(parts)) if wild and choices.among(0, 1) else "all"
        return par(*parts, need=need, on_failure=choices.among("fail_fast", "collect"))
    if kind == "decision":
        guards = GUARDS if wild else GUARDS[:3]
        default = choices.among(None, parts[0]) if len(parts) > 1 else None
        return dec(*((choices.among(*guards), part) for part in parts[bool(default) :]), default=default)
    return saga(parts[0], choices.among(None, *parts[1:2]))


def _activity(choices: Choices, *, wild: bool) -> dict:
    mapping = choices.among(None, None, None, None, BAD_MAPPING) if wild else None
    undo = choices.among(None, act("u"), seq(act("u"), act("u")), dec((GUARDS[3 if wild else 0], act("u"))))
    return act(
        "a", **({"input_mapping": mapping} if mapping else {}), **({"compensate": undo} if undo else {})
    )


def plans(choices: Choices, program: Program, *, wild: bool) -> dict[str, Plan]:
    """Plans for all activities of a program."""
    ends = ("succeed", "succeed", "fail", "time out") if wild else ("succeed",)
    return {
        id: Plan(choices.among(0, 0, 1, 2), choices.among(*ends), choices.among(True, False))
        for id in sorted(program.tasks)
    }


def told(tale: bytes, *, wild: bool = True) -> tuple[Program, dict[str, Plan]]:
    """The program and the plans that some bytes stand for."""
    choices = Choices(tale)
    program = program_of(flow(tree(choices, DEPTH, wild=wild), inputs=["n", "absent"]))
    return program, plans(choices, program, wild=wild)


tales = st.binary(min_size=80, max_size=80)
"""What there is to do, and what comes of it."""

orders = st.binary(min_size=40, max_size=40)
"""Which of the things that may happen does, turn by turn."""
