"""The sequence: one child after the other; it ends as the child that ends it does.

    (s:Seq)-[:FIRST]->(a)-[:NEXT]->(b)-[:NEXT]->(c)        and CHILD from s to each

Only rules may live here.
"""

from itonami.rules import parse_rules

__all__ = ["RULES"]

RULES = parse_rules("""
rule seq_first
  event StepStarted
  match (s:Seq)-[:FIRST]->(c:Step)
  where s.status = 'running' and s.cancel is null and c.status = 'pending'
  set c.status = 'running'

rule seq_next
  event StepStarted
  match (s:Seq)-[:CHILD]->(a:Step)-[:NEXT]->(b:Step)
  where s.status = 'running' and s.cancel is null and a.status = 'succeeded' and b.status = 'pending'
  set b.status = 'running'

rule seq_succeeded
  event StepSucceeded
  match (s:Seq)-[:CHILD]->(a:Step)
  where s.status = 'running' and a.status = 'succeeded'
  not (a)-[:NEXT]->()
  set s.status = 'succeeded'

rule seq_ended
  event StepEnded
  match (s:Seq)-[:CHILD]->(a:Step)
  where s.status = 'running' and a.status in ['failed', 'timed_out', 'cancelled']
  set s.status = a.status, s.error = a.error

rule seq_stopped
  event StepCancelled
  match (s:Seq)-[:CHILD]->(a:Step)-[:NEXT]->(b:Step)
  where s.status = 'running' and s.cancel = true and a.status = 'succeeded' and b.status = 'pending'
  set s.status = 'cancelled'

rule seq_not_begun
  event StepCancelled
  match (s:Seq)-[:FIRST]->(c:Step)
  where s.status = 'running' and s.cancel = true and c.status = 'pending'
  set s.status = 'cancelled'
""")
