"""Laws of the patterns: whatever the tree, the outcomes and their order, a run ends, and its steps agree on how."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulation import Simulation, orders, tales, told

from itonami.graphstore import HEADER, Graph
from itonami.workflow.engine import requests
from itonami.workflow.engine.effects import ENDED

DONE = {"succeeded", "compensated"}
LOST = {"failed", "timed_out"}
OVER = DONE | LOST | {"cancelled", "skipped", "terminated"}
REASON = {"type": "Cancelled", "message": "because"}


def children(graph: Graph, step: str) -> list[str]:
    found = [graph.node(edge.target) for edge in graph.out(step, "CHILD")]
    return [node["status"] for node in sorted(found, key=lambda node: node["order"])]


def flow_steps(graph: Graph, root: str) -> list[str]:
    """The steps of a flow, those of its compensations left out."""
    return [root, *(id for edge in graph.out(root, "CHILD") for id in flow_steps(graph, edge.target))]


def check_seq(graph: Graph, step: str, status: str) -> None:
    below = children(graph, step)
    done = next((n for n, one in enumerate(below) if one not in DONE), len(below))
    if status in DONE:
        assert done == len(below)
    elif status in LOST:
        assert below[done] == status
        assert set(below[done + 1 :]) <= {"skipped"}
    elif status == "cancelled":
        assert set(below[done:]) == {"cancelled"}


def check_parallel(graph: Graph, step: str, status: str) -> None:
    below = children(graph, step)
    node = graph.node(step)
    need = len(list(graph.out(step, "NEED")))
    if status in DONE:
        assert need == 0
        if "quorum" not in node.data:
            assert set(below) <= DONE
    elif status == "failed":
        assert set(below) & LOST
        assert node.data["failed"] is True
    if status in DONE | LOST:
        assert not list(graph.out(step, "OPEN"))


def check_decision(graph: Graph, step: str, status: str) -> None:
    below, node = children(graph, step), graph.node(step)
    taken = [one for one in below if one != "skipped"]
    if status in DONE:
        assert taken in ([], ["succeeded"], ["compensated"])
        assert bool(taken) == (node["choice"] != -2)
    elif status in LOST:
        assert taken == ([status] if "choice" in node.data else [])


def check_saga(graph: Graph, step: str, status: str) -> None:
    (main,) = children(graph, step)
    if status in DONE:
        assert main in DONE
    elif status in LOST | {"cancelled"}:
        assert main == status


CHECKS = {"Seq": check_seq, "Parallel": check_parallel, "Decision": check_decision, "Saga": check_saga}


def check_ended(simulation: Simulation) -> None:
    """What holds of every run that has ended."""
    graph, status = simulation.state.graph, simulation.status
    assert status in ENDED
    (root,) = [edge.target for edge in graph.out(HEADER, "ROOT")]
    steps = simulation.steps
    assert {steps[id] for id in flow_steps(graph, root)} <= OVER
    assert not {"running", "waiting"} & set(steps.values())
    if status == "succeeded":
        assert steps[root] in DONE
    for node in graph.nodes("Step"):
        for label in node.labels & CHECKS.keys():
            CHECKS[label](graph, node.id, node["status"])
        if "Activity" in node.labels:
            assert not {"state", "due"} & node.data.keys(), f"{node.id} still asks for something"
    assert simulation.names[-1].startswith("Run") or status == "terminated"


def check_undone(simulation: Simulation) -> None:
    """What was done inside a scope that failed or was cancelled was undone, in reverse order."""
    graph, steps = simulation.state.graph, simulation.steps
    stacks: dict[str, list[str]] = {}
    for made in simulation.made:
        for event in made.events:
            if event.rule == "compensation_registered":
                stacks.setdefault(event.match[1], []).append(event.match[0])
            elif event.rule in ("compensation_succeeded", "compensation_failed", "inner_saga_compensated"):
                scope, step = event.match[:2]
                assert stacks[scope].pop() == step, "compensation runs in reverse order of completion"
    undone = {id for id in stacks if graph.node(id).data.get("phase") == "undone"}
    assert not any(stacks[scope] for scope in undone)
    if simulation.status in ("failed", "cancelled", "timed_out"):
        assert not stacks.get(HEADER)
        for scope in stacks:
            assert scope in undone or not stacks[scope] or steps[scope] in DONE


@settings(max_examples=250)
@given(tales, orders)
def test_every_run_comes_to_an_end_and_its_steps_agree_on_it(tale, order):
    simulation = Simulation(*told(tale))
    simulation.run(order)
    check_ended(simulation)
    check_undone(simulation)


@settings(max_examples=250)
@given(tales, orders, st.integers(0, 12), st.sampled_from(["cancelled", "timed_out"]))
def test_a_cancelled_run_ends_cancelled_unless_its_work_was_done(tale, order, turn, outcome):
    simulation = Simulation(*told(tale))
    simulation.run(order, {turn: [requests.cancel(outcome, REASON, None)]})
    check_ended(simulation)
    check_undone(simulation)
    asked = "RunCancelRequested" in simulation.names
    assert simulation.status in ({outcome, "succeeded"} if asked else {"succeeded", "failed"})
    if asked and simulation.status == "succeeded":
        assert "StepCompensated" not in simulation.names or simulation.happened("StepStarted")


@given(tales, orders, st.integers(0, 12))
def test_a_terminated_run_ends_at_once_and_undoes_nothing(tale, order, turn):
    simulation = Simulation(*told(tale))
    simulation.run(order, {turn: requests.terminate({"type": "Terminated", "message": "enough"})})
    if simulation.status == "terminated":
        last = simulation.made[-1]
        assert last.events[-1].name == "RunTerminated"
        assert not {"CompensationStarted", "StepStarted"} & {event.name for event in last.events}
    check_ended(simulation)


@given(tales, orders, orders)
def test_the_order_of_outcomes_does_not_decide_how_a_run_ends(tale, one, other):
    first, second = (Simulation(*told(tale), checked=False) for _ in range(2))
    assert first.run(one) == second.run(other)


@given(tales, orders, orders)
def test_where_nothing_fails_the_order_of_outcomes_decides_nothing(tale, one, other):
    first, second = (Simulation(*told(tale, wild=False), checked=False) for _ in range(2))
    assert first.run(one) == second.run(other) == "succeeded"
    assert first.steps == second.steps
    seen = [
        {node.id: node.data.get("output") for node in each.state.graph.nodes("Activity")}
        for each in (first, second)
    ]
    assert seen[0] == seen[1]


@given(tales, orders)
def test_an_outcome_that_comes_twice_is_ignored_the_second_time(tale, order):
    simulation = Simulation(*told(tale))
    while (choices := simulation.enabled()) and simulation.status not in ENDED:
        wanted = choices[order[0] % len(choices)] if order else choices[0]
        order = order[1:]
        simulation.do(wanted)
        if wanted[0].rules[0] in ("activity_completed", "activity_retried", "activity_due"):
            root = simulation.state.graph.root
            made = simulation.do(wanted)
            assert [event.name for event in made.events] == ["OutcomeIgnored"]
            assert not made.delta
            assert made.after.root == root


@pytest.mark.soak
@settings(max_examples=5_000)
@given(tales, orders, st.integers(0, 30))
def test_soak_any_run_cancelled_at_any_time_ends(tale, order, turn):
    simulation = Simulation(*told(tale))
    simulation.run(order, {turn: [requests.cancel("cancelled", REASON, None)]})
    check_ended(simulation)
    check_undone(simulation)
