"""The scope of compensation: what was done inside is undone in reverse order when it fails or is cancelled.

A scope (the run, or a saga) holds a stack. A step that has something to undo is pushed when it succeeds:

    (scope)-[:TOP]->(last done)-[:UNDO]->(done before)-[:UNDO]-> ... ->(bottom:Bottom)

Pushing comes before all else (`priority 1`), so the stack is whole when unwinding begins. Unwinding (`phase = 'undo'`)
pops it, running each step's `compensate`; at the bottom comes the saga's compensation flow; then the scope ends as its
`outcome` says. A saga that succeeded is itself such a step of the scope around it. Steps inside a compensation are
shielded: no cancel reaches them, and out of retries they park. Only rules may live here.
"""

from itonami.rules import parse_rules

__all__ = ["RULES"]

RULES = parse_rules("""
rule saga_started
  event StepStarted
  match (s:Saga)-[:MAIN]->(m:Step)
  where s.status = 'running' and s.cancel is null and m.status = 'pending'
  set m.status = 'running'

rule saga_not_begun
  event StepCancelled
  match (s:Saga)-[:MAIN]->(m:Step)
  where s.status = 'running' and s.cancel = true and m.status = 'pending'
  set s.status = 'cancelled'

rule saga_succeeded
  event StepSucceeded
  match (s:Saga)-[:MAIN]->(m:Step)
  where s.status = 'running' and m.status = 'succeeded'
  set s.status = 'succeeded'

rule saga_unwound
  event UnwindingStarted
  match (s:Saga)-[:MAIN]->(m:Step)
  where s.status = 'running' and s.phase is null and m.status in ['failed', 'timed_out', 'cancelled']
  set s.phase = 'undo', s.outcome = m.status, s.error = m.error

rule saga_ended
  event StepEnded
  match (s:Saga)
  where s.status = 'running' and s.phase = 'undone'
  set s.status = s.outcome

rule compensation_registered priority 1
  event CompensationRegistered
  match (a:Step)-[k:SCOPE]->(s:Scope)-[t:TOP]->(x)
  where a.status = 'succeeded'
  delete k, t
  create (s)-[:TOP]->(a), (a)-[:UNDO]->(x)

rule compensation_started
  event CompensationStarted
  match (s:Scope)-[:TOP]->(a:Step)-[:COMPENSATE]->(u:Step)
  where s.phase = 'undo' and u.status = 'pending'
  set u.status = 'running'

rule compensation_succeeded
  event StepCompensated
  match (s:Scope)-[t:TOP]->(a:Step)-[n:UNDO]->(x), (a)-[:COMPENSATE]->(u:Step)
  where s.phase = 'undo' and u.status = 'succeeded'
  delete t, n
  create (s)-[:TOP]->(x)
  set a.status = 'compensated'

rule compensation_failed
  event CompensationFailed
  match (s:Scope)-[t:TOP]->(a:Step)-[n:UNDO]->(x), (a)-[:COMPENSATE]->(u:Step)
  where s.phase = 'undo' and u.status in ['failed', 'timed_out', 'cancelled']
  delete t, n
  create (s)-[:TOP]->(x)

rule inner_saga_unwound
  event UnwindingStarted
  match (s:Scope)-[:TOP]->(a:Saga)
  where s.phase = 'undo' and a.status = 'succeeded' and a.phase is null
  set a.phase = 'undo', a.error = s.error

rule inner_saga_compensated
  event StepCompensated
  match (s:Scope)-[t:TOP]->(a:Saga)-[n:UNDO]->(x)
  where s.phase = 'undo' and a.status = 'succeeded' and a.phase = 'undone'
  delete t, n
  create (s)-[:TOP]->(x)
  set a.status = 'compensated'

rule flow_started
  event CompensationStarted
  match (s:Saga)-[:TOP]->(b:Bottom), (s)-[:COMPENSATION]->(c:Step)
  where s.phase = 'undo' and c.status = 'pending'
  set c.status = 'running'

rule flow_succeeded
  event CompensationEnded
  match (s:Saga)-[:COMPENSATION]->(c:Step)
  where s.phase = 'undo' and c.status = 'succeeded'
  set s.phase = 'undone'

rule flow_failed
  event CompensationFailed
  match (s:Saga)-[:COMPENSATION]->(c:Step)
  where s.phase = 'undo' and c.status in ['failed', 'timed_out', 'cancelled']
  set s.phase = 'undone'

rule unwinding_ended
  event UnwindingEnded
  match (s:Scope)-[:TOP]->(b:Bottom)
  where s.phase = 'undo'
  not (s)-[:COMPENSATION]->()
  set s.phase = 'undone'
""")
