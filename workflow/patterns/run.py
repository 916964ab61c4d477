"""The run: how it starts, and the five ways in which it ends.

    pending --start--> running --root succeeded--------------------------------> succeeded
                          |-----root failed / cancelled--> unwinding (scope) --> failed, cancelled, timed_out
                          |-----terminate--------------------------------------> terminated
                          |-----a compensation out of retries--> parked --resume--> running

The run is the graph's header node `@graph` and the outermost scope of compensation. Only rules may live here.
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

rule run_succeeded
  event RunSucceeded
  match (r:Run)-[:ROOT]->(c:Step)
  where r.status = 'running' and r.phase is null and c.status = 'succeeded'
  set r.status = 'succeeded', r.result = $result, r.ended = $time
  unset r.due

rule run_result_failed external
  event RunFailed
  match (r:Run)-[:ROOT]->(c:Step)
  where r.status = 'running' and r.phase is null and c.status = 'succeeded'
  set r.status = 'failed', r.error = $error, r.ended = $time
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

rule run_failed
  event RunFailed
  match (r:Run)
  where r.status = 'running' and r.phase = 'undone' and r.outcome = 'failed'
  set r.status = 'failed', r.ended = $time

rule run_cancelled
  event RunCancelled
  match (r:Run)
  where r.status = 'running' and r.phase = 'undone' and r.outcome = 'cancelled'
  set r.status = 'cancelled', r.ended = $time

rule run_timed_out
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
  unset r.due

rule run_deadline_passed external
  event TimerFired
  match (r:Run)
  where r.status = 'running' and r.requested is not null and r.due is not null
  unset r.due

rule run_parked external
  event RunParked
  match (r:Run)
  where r.status = 'running'
  set r.status = 'parked', r.error = $error

rule run_resumed external
  event RunResumed
  match (r:Run)
  where r.status = 'parked'
  set r.status = 'running'

rule step_terminated external
  event StepTerminated
  match (a:Step)
  where a.status in ['running', 'waiting']
  set a.status = 'terminated'
  unset a.state, a.due

rule step_cancel_requested
  event StepCancelRequested
  match (p:Step)-[:CHILD]->(c:Step)
  where p.cancel = true and c.status in ['running', 'waiting'] and c.cancel is null
  set c.cancel = true
""")
