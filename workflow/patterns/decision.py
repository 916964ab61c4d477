"""The decision: the first branch whose guard holds, else the default, else nothing.

The guards are evaluated once, by the binder; the choice is a parameter and stands in the event, so replay calls no
guard. `choice` and `branch` number the branches from 0; the default is -1, and -2 says that none applied. Only
rules may live here.
"""

from itonami.rules import parse_rules

__all__ = ["RULES"]

RULES = parse_rules("""
rule decision_made
  event DecisionMade
  match (d:Decision)
  where d.status = 'running' and d.choice is null and d.cancel is null
  set d.choice = $choice

rule decision_erred external
  event DecisionFailed
  match (d:Decision)
  where d.status = 'running' and d.choice is null
  set d.status = 'failed', d.error = $error

rule decision_taken
  event StepStarted
  match (d:Decision)-[:CHILD]->(c:Step)
  where d.status = 'running' and d.cancel is null and c.status = 'pending' and c.branch = d.choice
  set c.status = 'running'

rule decision_skipped
  event StepSkipped
  match (d:Decision)-[:CHILD]->(c:Step)
  where d.status = 'running' and c.status = 'pending' and c.branch <> d.choice
  set c.status = 'skipped'

rule decision_passed
  event StepSucceeded
  match (d:Decision)
  where d.status = 'running' and d.choice = -2
  set d.status = 'succeeded'

rule decision_ended
  event StepEnded
  match (d:Decision)-[:CHILD]->(c:Step)
  where d.status = 'running' and c.status in ['succeeded', 'failed', 'timed_out', 'cancelled']
  set d.status = c.status, d.error = c.error

rule decision_not_taken
  event StepCancelled
  match (d:Decision)-[:CHILD]->(c:Step)
  where d.status = 'running' and d.cancel = true and c.status = 'pending' and c.branch = d.choice
  set c.status = 'cancelled'

rule decision_not_made
  event StepCancelled
  match (d:Decision)
  where d.status = 'running' and d.choice is null and d.cancel = true
  set d.status = 'cancelled'
""")
