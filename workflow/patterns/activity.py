"""The activity: one piece of work outside the graph, tried until it succeeds or may not be tried again.

    running --schedule--> pending --completed--> succeeded
                            |  ^-------due-------backoff
                            |-----failed, timed out, cancelled
                            `-----failed inside a compensation--> parked (waiting for `resume`)

`status` is the step's state as everybody sees it, `state` that of its effect: `pending` is found through the index
after a crash. An outcome counts only for the attempt that is current. `input` is what the mapping gave; where there is
no mapping it is null and the run's inputs are meant. Only rules may live here.
"""

from itonami.rules import parse_rules

__all__ = ["RULES"]

RULES = parse_rules("""
rule activity_scheduled
  event ActivityScheduled
  match (a:Activity)
  where a.status = 'running' and a.state is null and a.cancel is null
  set a.state = 'pending', a.attempt = 1, a.input = $input, a.started = $time

rule activity_rejected external
  event ActivityFailed
  match (a:Activity)
  where a.status = 'running' and a.state is null and a.shielded is null
  set a.status = 'failed', a.error = $error, a.ended = $time

rule activity_rejected_shielded external
  event ActivityParked
  match (a:Activity), (r:Run)
  where a.status = 'running' and a.state is null and a.shielded = true and r.status in ['running', 'parked']
  set a.status = 'waiting', a.state = 'parked', a.attempt = 0, a.error = $error,
      r.status = 'parked', r.parked = $error

rule activity_completed external
  event ActivityCompleted
  match (a:Activity)
  where a.state = 'pending' and a.attempt = $attempt
  set a.status = 'succeeded', a.output = $output, a.ended = $time
  unset a.state, a.error

rule activity_failed external
  event ActivityFailed
  match (a:Activity)
  where a.state = 'pending' and a.attempt = $attempt and a.shielded is null
  set a.status = 'failed', a.error = $error, a.ended = $time
  unset a.state

rule activity_timed_out external
  event ActivityTimedOut
  match (a:Activity)
  where a.state = 'pending' and a.attempt = $attempt and a.shielded is null
  set a.status = 'timed_out', a.error = $error, a.ended = $time
  unset a.state

rule activity_retried external
  event ActivityRetryScheduled
  match (a:Activity)
  where a.state = 'pending' and a.attempt = $attempt
  set a.state = 'backoff', a.status = 'waiting', a.error = $error, a.due = $due

rule activity_due external
  event TimerFired
  match (a:Activity)
  where a.state = 'backoff' and a.attempt = $attempt
  set a.state = 'pending', a.status = 'running', a.attempt = a.attempt + 1
  unset a.due

rule activity_parked external
  event ActivityParked
  match (a:Activity), (r:Run)
  where a.state = 'pending' and a.attempt = $attempt and a.shielded = true and r.status in ['running', 'parked']
  set a.status = 'waiting', a.state = 'parked', a.error = $error, r.status = 'parked', r.parked = $error

rule activity_resumed external
  event ActivityResumed
  match (a:Activity), (r:Run)
  where a.state = 'parked' and r.status in ['parked', 'running']
  set a.status = 'running', a.state = 'pending', a.attempt = a.attempt + 1, a.input = $input, r.status = 'running'
  unset r.parked

rule activity_still_parked
  event RunParked
  match (a:Activity), (r:Run)
  where a.state = 'parked' and r.status = 'running'
  set r.status = 'parked', r.parked = a.error

rule activity_cancelled external
  event ActivityCancelled
  match (a:Activity)
  where a.state = 'pending' and a.cancel = true
  set a.status = 'cancelled', a.ended = $time
  unset a.state

rule activity_not_retried
  event ActivityCancelled
  match (a:Activity)
  where a.state = 'backoff' and a.cancel = true
  set a.status = 'cancelled', a.ended = $time
  unset a.state, a.due

rule activity_not_resumed
  event ActivityCancelled
  match (a:Activity), (r:Run)
  where a.state = 'parked' and a.cancel = true and r.status in ['parked', 'running']
  set a.status = 'cancelled', a.ended = $time, r.status = 'running'
  unset a.state, r.parked

rule activity_not_scheduled
  event ActivityCancelled
  match (a:Activity)
  where a.status = 'running' and a.state is null and a.cancel = true
  set a.status = 'cancelled'
""")
