"""The run: how it starts, and the five ways in which it ends.

    pending --start--> running --root succeeded--------------------------------> succeeded
                          |-----root failed / cancelled--> unwinding (scope) --> failed, cancelled, timed_out
                          |-----terminate--------------------------------------> terminated
                          |-----a compensation out of retries--> parked --resume--> running
                          `-----it cannot come to rest---------> parked, halted: nothing is begun any more

The run is the graph's header node `@graph` and the outermost scope of compensation. What ends it fires last
(`priority -1`), so nothing follows an end but `OutcomeIgnored`. What a step that ended had not begun is cancelled with
it, else skipped. Only rules may live here.
"""

from itonami.rules import parse_rules

__all__ = ["RULES"]

RULES = parse_rules("""
rule run_started external
  event RunStarted
  match (r:Run)-[:ROOT]->(c:Step)
  where r.status = 'pending' and c.status = 'pending'
  set r.kind = 'run', r.status = 'running', r.inputs = $inputs, r.attributes = $attributes,
      r.started = $time, r.due = $due, c.status = 'running'

rule run_succeeded priority -1
  event RunSucceeded
  match (r:Run)-[:ROOT]->(c:Step)
  where r.status = 'running' and r.phase is null and c.status = 'succeeded'
  set r.status = 'succeeded', r.result = $result, r.ended = $time
  unset r.due

rule run_result_failed external
  event ResultFailed
  match (r:Run)-[:ROOT]->(c:Step)
  where r.status = 'running' and r.phase is null and c.status = 'succeeded'
  set r.phase = 'undo', r.outcome = 'failed', r.error = $error
  unset r.due

rule run_unwound
  event UnwindingStarted
  match (r:Run)-[:ROOT]->(c:Step)
  where r.status = 'running' and r.phase is null and r.requested is null and c.status in ['failed', 'timed_out']
  set r.phase = 'undo', r.outcome = 'failed', r.error = c.error
  unset r.due

rule run_unwound_on_request
  event UnwindingStarted
  match (r:Run)-[:ROOT]->(c:Step)
  where r.status = 'running' and r.phase is null and r.requested is not null
    and c.status in ['failed', 'timed_out', 'cancelled']
  set r.phase = 'undo', r.outcome = r.requested, r.error = r.reason
  unset r.due

rule run_failed priority -1
  event RunFailed
  match (r:Run)
  where r.status = 'running' and r.phase = 'undone' and r.outcome = 'failed'
  set r.status = 'failed', r.ended = $time

rule run_cancelled priority -1
  event RunCancelled
  match (r:Run)
  where r.status = 'running' and r.phase = 'undone' and r.outcome = 'cancelled'
  set r.status = 'cancelled', r.ended = $time

rule run_timed_out priority -1
  event RunTimedOut
  match (r:Run)
  where r.status = 'running' and r.phase = 'undone' and r.outcome = 'timed_out'
  set r.status = 'timed_out', r.ended = $time

rule run_cancel_requested external
  event RunCancelRequested
  match (r:Run)-[:ROOT]->(c:Step)
  where r.status = 'running' and r.phase is null and r.requested is null
  set r.requested = $outcome, r.reason = $reason, r.due = $due, c.cancel = true

rule run_terminated external
  event RunTerminated
  match (r:Run)
  where r.status in ['running', 'parked']
  set r.status = 'terminated', r.error = $reason, r.ended = $time
  unset r.due, r.parked, r.halted

rule run_deadline_passed external
  event TimerFired
  match (r:Run)
  where r.status = 'running' and r.requested is not null and r.due is not null
  unset r.due

rule run_parked external
  event RunParked
  match (r:Run)
  where r.status = 'running'
  set r.status = 'parked', r.parked = $error, r.halted = true

rule run_resumed external
  event RunResumed
  match (r:Run)
  where r.status = 'parked'
  set r.status = 'running'
  unset r.parked, r.halted

rule step_terminated external
  event StepTerminated
  match (a:Step)
  where a.status in ['running', 'waiting']
  set a.status = 'terminated', a.ended = $time
  unset a.state, a.due

rule step_cancelled
  event StepCancelled
  match (p:Step)-[:CHILD]->(c:Step)
  where p.status = 'cancelled' and c.status = 'pending'
  set c.status = 'cancelled'

rule step_skipped
  event StepSkipped
  match (p:Step)-[:CHILD]->(c:Step)
  where p.status in ['failed', 'timed_out', 'terminated', 'skipped'] and c.status = 'pending'
  set c.status = 'skipped'

rule step_cancel_requested
  event StepCancelRequested
  match (p:Step)-[:CHILD]->(c:Step)
  where p.cancel = true and c.status in ['running', 'waiting'] and c.cancel is null
  set c.cancel = true
""")
