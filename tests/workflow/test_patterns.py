"""Stories of the patterns, told by the pure core: what happens, in which order, and what is left."""

from datetime import timedelta

import pytest
from flows import act, dec, flow, par, saga, seq
from simulation import Plan, Simulation, program_of

from itonami.graphstore import HEADER
from itonami.workflow.engine import requests
from itonami.workflow.patterns import RULESET

FAIL = Plan(last="fail")
REASON = {"type": "Cancelled", "message": "because"}
BROKEN_GUARD = "1 / 0 == 1"


def simulated(strategy: dict, plans: dict[str, Plan] | None = None, **inputs: object) -> Simulation:
    return Simulation(program_of(flow(strategy, inputs=list(inputs))), plans or {}, inputs=inputs)


def done(simulation: Simulation, *steps: str) -> None:
    """The current attempts of these steps succeed, in this order."""
    for step in steps:
        attempt = simulation.state.step(step)["attempt"]
        simulation.do([requests.completed(step, attempt, {"by": step})])


def failed(simulation: Simulation, step: str, type: str = "Boom") -> None:
    attempt = simulation.state.step(step)["attempt"]
    simulation.do([requests.failed(step, attempt, {"type": type, "message": f"{step} did"})])


def cancel(simulation: Simulation) -> None:
    simulation.do([requests.cancel("cancelled", REASON, None)])


def test_every_rule_survives_its_text():
    from itonami.rules import RuleSet

    assert RuleSet.parse(str(RULESET)).address == RULESET.address


# -- seq -------------------------------------------------------------------------------------------------------


def test_a_seq_runs_one_after_the_other_and_skips_what_follows_a_failure():
    run = simulated(seq(act("a"), act("b"), act("c")))
    assert run.steps == {"seq": "running", "a": "running", "b": "pending", "c": "pending"}
    done(run, "a")
    failed(run, "b")
    assert run.steps == {"seq": "failed", "a": "succeeded", "b": "failed", "c": "skipped"}
    assert run.status == "failed"
    assert run.state.header["error"] == {"type": "Boom", "message": "b did"}


def test_a_step_that_is_skipped_skips_all_below_it():
    run = simulated(seq(act("a"), par(act("b"), saga(seq(act("c"), act("d"))), id="p")))
    failed(run, "a")
    assert {run.steps[id] for id in ("p", "b", "saga", "seq#2", "c", "d")} == {"skipped"}


def test_a_seq_that_is_cancelled_lets_its_step_end_and_starts_no_other():
    run = simulated(seq(act("a"), act("b"), act("c")))
    cancel(run)
    done(run, "a")
    assert run.steps == {"seq": "cancelled", "a": "succeeded", "b": "cancelled", "c": "cancelled"}
    assert run.status == "cancelled"


def test_a_cancel_that_comes_after_the_work_is_done_changes_nothing():
    run = simulated(seq(act("a"), act("b")))
    done(run, "a")
    cancel(run)
    done(run, "b")
    assert run.status == "succeeded"


# -- parallel --------------------------------------------------------------------------------------------------


def test_a_parallel_of_all_waits_for_the_last():
    run = simulated(par(act("a"), act("b"), act("c")))
    done(run, "c", "a")
    assert run.status == "running"
    done(run, "b")
    assert run.status == "succeeded"


def test_a_quorum_cancels_the_rest():
    run = simulated(par(act("a"), act("b"), act("c"), need=2))
    done(run, "c", "a")
    assert run.steps["b"] == "running"
    assert run.state.step("b")["cancel"] is True
    run.do([requests.stopped("b")])
    assert run.steps == {"parallel": "succeeded", "a": "succeeded", "b": "cancelled", "c": "succeeded"}
    assert "QuorumReached" in run.names


def test_any_needs_one_success_and_bears_all_failures_but_the_last():
    run = simulated(par(act("a"), act("b"), act("c"), need="any"))
    failed(run, "a")
    failed(run, "b")
    assert run.status == "running"
    done(run, "c")
    assert run.status == "succeeded"
    run = simulated(par(act("a"), act("b"), need="any"))
    failed(run, "a")
    failed(run, "b")
    assert run.status == "failed"


def test_a_quorum_that_cannot_be_met_any_more_fails_fast():
    run = simulated(par(act("a"), act("b"), act("c"), need=2))
    failed(run, "a")
    assert "cancel" not in run.state.step("b")
    failed(run, "b")
    assert run.state.step("c")["cancel"] is True
    done(run, "c")
    assert run.status == "failed"


def test_collect_lets_the_others_end_and_keeps_the_first_error():
    run = simulated(par(act("a"), act("b"), act("c"), on_failure="collect"))
    failed(run, "b", "First")
    failed(run, "a", "Second")
    assert "cancel" not in run.state.step("c")
    done(run, "c")
    assert run.steps == {"parallel": "failed", "a": "failed", "b": "failed", "c": "succeeded"}
    assert run.state.header["error"]["type"] == "First"


def test_fail_fast_cancels_the_others_and_waits_for_them():
    run = simulated(par(act("a"), seq(act("b"), act("c")), act("d")))
    failed(run, "a")
    assert run.status == "running"
    run.do([requests.stopped("d")])
    done(run, "b")
    assert run.steps == {
        "parallel": "failed",
        "a": "failed",
        "seq": "cancelled",
        "b": "succeeded",
        "c": "cancelled",
        "d": "cancelled",
    }


def test_a_branch_that_fails_at_once_keeps_the_later_ones_from_starting():
    strategy = par(act("a", input_mapping={"x": "$.inputs.n"}), act("b"), act("c"))
    run = Simulation(program_of(flow(strategy, inputs=["n"])), inputs={})
    assert run.steps == {"parallel": "failed", "a": "failed", "b": "cancelled", "c": "cancelled"}
    assert "ActivityScheduled" not in run.names


def test_a_parallel_all_of_whose_branches_succeed_in_spite_of_a_cancel_has_succeeded():
    run = simulated(par(act("a"), act("b")))
    cancel(run)
    done(run, "a", "b")
    assert run.steps["parallel"] == "succeeded"
    assert run.status == "succeeded"


def test_a_cancelled_parallel_is_cancelled_when_a_branch_is():
    run = simulated(par(act("a"), act("b"), act("c"), need=2))
    cancel(run)
    done(run, "a")
    run.do([requests.stopped("b")])
    run.do([requests.stopped("c")])
    assert run.steps["parallel"] == "cancelled"


# -- decision --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "taken"), [(1, "small"), (5, "middle"), (50, "large")], ids=["first", "second", "default"]
)
def test_a_decision_takes_the_first_branch_whose_guard_holds(n, taken):
    run = simulated(
        dec(("inputs.n < 3", act("small")), ("inputs.n < 10", act("middle")), default=act("large")), n=n
    )
    assert run.steps == {
        "decision": "running",
        **{name: "running" if name == taken else "skipped" for name in ("small", "middle", "large")},
    }
    assert run.run() == "succeeded"


def test_a_decision_of_which_no_guard_holds_has_nothing_to_do():
    run = simulated(dec(("false", act("a"))))
    assert run.steps == {"decision": "succeeded", "a": "skipped"}
    assert run.status == "succeeded"


def test_a_guard_that_errs_fails_its_step_and_asks_no_other():
    run = simulated(dec((BROKEN_GUARD, act("a")), ("true", act("b"))))
    assert run.steps == {"decision": "failed", "a": "skipped", "b": "skipped"}
    assert run.state.header["error"]["type"] == "GuardError"


def test_the_choice_stands_in_the_event_and_is_made_once():
    run = simulated(seq(act("a"), dec(("steps.a.output.ok", act("b")), default=act("c"))))
    run.do([requests.completed("a", 1, {"ok": True})])
    (made,) = [event for made in run.made for event in made.events if event.name == "DecisionMade"]
    assert made.data == {"choice": 0}


# -- saga and compensation -------------------------------------------------------------------------------------


def undone_by(ref: str, **keys: object) -> dict:
    return act(ref, compensate=act(f"undo_{ref}", **keys))


def started(simulation: Simulation) -> list[str]:
    return [step for _, step in simulation.happened("ActivityScheduled")]


def test_compensation_runs_in_reverse_order_of_completion_not_of_the_definition():
    run = simulated(seq(par(undone_by("a"), undone_by("b"), undone_by("c")), act("d")))
    done(run, "b", "c", "a")
    failed(run, "d")
    run.run()
    assert started(run)[-3:] == ["undo_a", "undo_c", "undo_b"]
    assert {run.steps[id] for id in "abc"} == {"compensated"}
    assert run.status == "failed"


def test_a_saga_runs_its_steps_compensations_and_then_its_flow():
    run = simulated(saga(seq(undone_by("a"), undone_by("b"), act("c")), seq(act("tidy"), act("tell"))))
    done(run, "a", "b")
    failed(run, "c")
    run.run()
    assert started(run) == ["a", "b", "c", "undo_b", "undo_a", "tidy", "tell"]
    assert run.steps["saga"] == "failed"


def test_an_inner_saga_that_succeeded_is_undone_as_one_step_when_the_outer_one_fails():
    inner = saga(seq(undone_by("a"), undone_by("b")), act("inner_flow"), id="inner")
    run = simulated(saga(seq(undone_by("x"), inner, undone_by("y"), act("z")), act("outer_flow"), id="outer"))
    done(run, "x", "a", "b", "y")
    failed(run, "z")
    run.run()
    assert started(run)[5:] == ["undo_y", "undo_b", "undo_a", "inner_flow", "undo_x", "outer_flow"]
    assert run.steps["inner"] == "compensated"


def test_an_inner_saga_that_failed_is_undone_once_and_before_the_outer_one():
    inner = saga(seq(undone_by("a"), act("b")), act("inner_flow"), id="inner")
    run = simulated(saga(seq(undone_by("x"), inner), act("outer_flow"), id="outer"))
    done(run, "x", "a")
    failed(run, "b")
    run.run()
    assert started(run)[3:] == ["undo_a", "inner_flow", "undo_x", "outer_flow"]


def test_a_saga_that_failed_where_failures_are_borne_lets_the_run_succeed():
    run = simulated(par(saga(seq(undone_by("a"), act("b"))), act("c"), need="any"))
    done(run, "a")
    failed(run, "b")
    done(run, "undo_a")
    assert run.steps["saga"] == "failed"
    done(run, "c")
    assert run.status == "succeeded"


def test_what_succeeded_in_a_branch_beside_the_failure_is_undone_too():
    run = simulated(par(undone_by("a"), act("b")))
    failed(run, "b")
    done(run, "a")  # it was asked to stop, and had done its work
    assert started(run)[-1] == "undo_a"
    run.run()
    assert run.steps["a"] == "compensated"


def test_a_run_that_succeeds_undoes_nothing():
    run = simulated(saga(seq(undone_by("a"), undone_by("b")), act("flow")))
    assert run.run() == "succeeded"
    assert started(run) == ["a", "b"]
    assert run.steps["flow"] == run.steps["undo_a"] == "pending"


def test_a_failed_compensation_does_not_keep_the_others_from_running():
    broken = dec((BROKEN_GUARD, act("never")), id="broken")
    run = simulated(seq(undone_by("a"), act("b", compensate=broken), act("c")))
    done(run, "a", "b")
    failed(run, "c")
    run.run()
    assert run.happened("CompensationFailed") == [("CompensationFailed", HEADER)]
    assert run.steps["b"] == "succeeded"
    assert run.steps["a"] == "compensated"


def test_a_compensation_flow_that_fails_says_so():
    run = simulated(saga(act("a"), dec((BROKEN_GUARD, act("never")))))
    failed(run, "a")
    assert run.happened("CompensationFailed") == [("CompensationFailed", "saga")]
    assert run.status == "failed"


def test_a_compensation_sees_the_error_it_undoes():
    tell = act("tell", input_mapping={"why": "$.error.message", "kind": "$.error.type"})
    run = simulated(
        saga(seq(act("a", compensate=act("undo", input_mapping={"why": "$.error.message"})), act("b")), tell)
    )
    done(run, "a")
    failed(run, "b")
    assert run.state.step("undo")["input"] == {"why": "b did"}
    done(run, "undo")
    assert run.state.step("tell")["input"] == {"why": "b did", "kind": "Boom"}


def test_the_compensation_of_an_inner_saga_sees_the_error_of_the_outer_one():
    inner = saga(act("a"), act("tell", input_mapping={"why": "$.error.message"}), id="inner")
    run = simulated(saga(seq(inner, act("b"))))
    done(run, "a")
    failed(run, "b")
    assert run.state.step("tell")["input"] == {"why": "b did"}


def test_a_compensation_after_a_cancel_sees_why():
    run = simulated(saga(seq(act("a"), act("b")), act("tell", input_mapping={"why": "$.error.message"})))
    cancel(run)
    run.do([requests.stopped("a")])
    assert run.state.step("tell")["input"] == {"why": "because"}
    assert run.run() == "cancelled"


def test_the_compensation_of_a_branch_that_another_one_halted_sees_an_error_too():
    inner = saga(act("a"), act("tell", input_mapping={"why": "$.error.type"}), id="inner")
    run = simulated(par(inner, act("b")))
    failed(run, "b")
    run.do([requests.stopped("a")])
    assert run.state.step("tell")["input"] == {"why": "Cancelled"}
    assert run.run() == "failed"


def test_a_result_that_cannot_be_made_fails_the_run_and_undoes_it():
    definition = flow(undone_by("a"), outputs=[{"name": "n", "type": "integer"}])
    run = Simulation(program_of(definition))
    run.do([requests.completed("a", 1, {"n": "no number"})])
    run.run()
    assert run.status == "failed"
    assert run.steps["a"] == "compensated"
    assert run.state.header["error"]["type"] == "MappingError"
    assert run.names[-1] == "RunFailed"


# -- shielding and parking -------------------------------------------------------------------------------------


def test_a_cancel_does_not_reach_a_compensation():
    run = simulated(saga(act("a"), act("tidy")))
    failed(run, "a")
    cancel(run)
    assert "cancel" not in run.state.step("tidy")
    run.run()
    assert run.status == "cancelled"  # the saga was undone; the run then ended as it was asked to
    run = simulated(seq(undone_by("a"), act("b")))
    done(run, "a")
    failed(run, "b")
    cancel(run)
    assert run.made[-1].events[0].name == "OutcomeIgnored"
    assert run.run() == "failed"


def test_a_compensation_out_of_retries_parks_the_run_and_resume_tries_it_again():
    run = simulated(seq(undone_by("a"), act("b")))
    done(run, "a")
    failed(run, "b")
    failed(run, "undo_a", "Down")
    assert run.status == "parked"
    assert run.steps["undo_a"] == "waiting"
    assert run.state.header["parked"]["type"] == "Down"
    assert run.state.header["error"]["type"] == "Boom"
    run.do([requests.resumed("undo_a", {})])
    assert run.status == "running"
    assert run.state.step("undo_a")["attempt"] == 2
    assert "parked" not in run.state.header
    done(run, "undo_a")
    assert run.status == "failed"


def test_a_run_stays_parked_while_one_compensation_is():
    run = simulated(saga(act("a"), par(act("u"), act("v"))))
    failed(run, "a")
    failed(run, "u")
    failed(run, "v")
    run.do([requests.resumed("u", {})])
    assert run.status == "parked"
    run.do([requests.resumed("v", {})])
    assert run.status == "running"
    done(run, "v", "u")
    assert run.status == "failed"


def test_a_parked_compensation_that_is_not_needed_any_more_is_given_up():
    run = simulated(saga(act("a"), par(act("u"), act("v"), need="any")))
    failed(run, "a")
    failed(run, "u")
    assert run.status == "parked"
    done(run, "v")
    assert run.status == "failed"
    assert run.steps["u"] == "cancelled"


def test_a_compensation_whose_input_cannot_be_mapped_parks():
    undo = act("undo", input_mapping={"x": "$.steps.b.output.id"})
    run = simulated(seq(act("a", compensate=undo), act("b")))
    done(run, "a")
    failed(run, "b")
    assert run.status == "parked"
    run.do([requests.resumed("undo", {"x": 1})])
    assert run.state.step("undo")["attempt"] == 1
    assert run.run() == "failed"


# -- activities and the run ------------------------------------------------------------------------------------


def test_a_mapping_that_finds_nothing_fails_its_step_before_it_is_scheduled():
    run = simulated(seq(act("a"), act("b", input_mapping={"x": "$.steps.a.output.absent"})))
    done(run, "a")
    assert run.steps["b"] == "failed"
    assert run.state.step("b")["error"]["type"] == "MappingError"
    assert "attempt" not in run.state.step("b")


def test_only_the_outcome_of_the_current_attempt_counts():
    run = simulated(act("a"))
    run.do([requests.retried("a", 1, REASON, run.now + timedelta(seconds=1))])
    for late in (requests.completed("a", 1, {}), requests.failed("a", 1, REASON), requests.due("a", 7)):
        made = run.do([late])
        assert [event.name for event in made.events] == ["OutcomeIgnored"]
        assert not made.delta
    run.do([requests.due("a", 1)])
    run.do([requests.completed("a", 1, {"late": True})])
    assert run.status == "running"
    run.do([requests.completed("a", 2, {"late": False})])
    assert run.state.step("a")["output"] == {"late": False}


def test_a_final_timeout_is_a_step_of_its_own_kind():
    run = simulated(seq(act("a"), act("b")), {"a": Plan(last="time out")})
    run.run()
    assert run.steps == {"seq": "timed_out", "a": "timed_out", "b": "skipped"}
    assert run.status == "failed"


@pytest.mark.parametrize("state", ["pending", "backoff", "never scheduled"])
def test_a_cancel_meets_an_activity_in_any_state(state):
    run = simulated(seq(act("a"), act("b")))
    if state == "backoff":
        run.do([requests.retried("a", 1, REASON, run.now)])
    if state == "never scheduled":
        run.do([requests.cancel("cancelled", REASON, None)])
        assert run.steps["b"] == "pending"
        done(run, "a")
    else:
        cancel(run)
    if state == "pending":
        run.do([requests.stopped("a")])
    assert run.steps["b"] == "cancelled"
    assert run.status == "cancelled"


def test_after_the_deadline_of_a_cancel_nothing_is_waited_for():
    run = simulated(par(act("a"), act("b"), saga(act("c"), act("tidy"))))
    run.do([requests.cancel("cancelled", REASON, run.now)])
    run.do(requests.abandon())
    assert {run.steps[id] for id in "abc"} == {"cancelled"}
    assert run.steps["tidy"] == "running"
    done(run, "tidy")
    assert run.status == "cancelled"


def test_a_terminate_ends_every_active_step_with_the_run():
    run = simulated(seq(undone_by("x"), par(act("a"), act("b")), act("c")))
    done(run, "x")
    run.do([requests.retried("b", 1, REASON, run.now)])
    made = run.do(requests.terminate(REASON))
    assert run.status == "terminated"
    assert {run.steps[id] for id in ("seq", "parallel", "a", "b")} == {"terminated"}
    assert (run.steps["x"], run.steps["undo_x"], run.steps["c"]) == ("succeeded", "pending", "skipped")
    assert made.events[-1].name == "RunTerminated"
    assert run.enabled() == []


def test_the_event_that_ends_a_run_is_the_last_of_its_transaction():
    run = simulated(saga(undone_by("a")))
    done(run, "a")
    assert [event.name for event in run.made[-1].events] == [
        "ActivityCompleted",
        "CompensationRegistered",
        "StepSucceeded",
        "CompensationRegistered",
        "RunSucceeded",
    ]


def test_names_of_steps_cannot_collide_with_the_graphs_own():
    run = simulated(seq(saga(act("a"), id="s"), act("b", id="s/bottom")))
    assert run.run() == "succeeded"


def test_a_definition_nested_fifty_deep_runs():
    strategy = act("a")
    for level in range(49):
        strategy = [seq, par, saga][level % 3](strategy)
    run = simulated(strategy)
    assert run.run() == "succeeded"
    assert len(run.steps) == 50


def test_a_thousand_branches_are_one_join():
    run = simulated(par(*(act("a") for _ in range(1_000))))
    run.checked = False
    steps = sorted(id for id in run.steps if id != "parallel")
    done(run, *reversed(steps[1:]))
    assert run.status == "running"
    last = run.do([requests.completed(steps[0], 1, {})])
    assert run.status == "succeeded"
    assert len(last.delta) < 10, "a completion touches what it concerns, however many branches there are"
