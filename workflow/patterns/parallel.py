"""The parallel: branches at once, joined when none is open, or when enough have succeeded.

    (p:Parallel)-[:OPEN]->(branch)     one edge for each branch that has not ended: the join is an empty bucket
    (p)-[:NEED]->(p)                   with a quorum: one edge for each success still needed
    (p)-[:SPARE]->(p)                  with a quorum: one edge for each failure that can be borne

What others count over is an edge, so a completion costs the same among ten branches and a hundred thousand. A failed
branch halts the others (`fail_fast`) or lets them end (`collect`). When none is open: enough successes win over a
failure, a failure over a branch that was cancelled (`missed`). Starting comes last, so that a branch which fails at
once keeps the later ones from it. Only rules may live here.
"""

from itonami.rules import parse_rules

__all__ = ["RULES"]

RULES = parse_rules("""
rule branch_succeeded
  event BranchSucceeded
  match (p:Parallel)-[o:OPEN]->(c:Step)
  where p.quorum is null and c.status = 'succeeded'
  delete o

rule branch_counted
  event BranchSucceeded
  match (p:Parallel)-[o:OPEN]->(c:Step), (p)-[n:NEED]->(p)
  where p.quorum = true and c.status = 'succeeded'
  delete o, n

rule branch_surplus
  event BranchSucceeded
  match (p:Parallel)-[o:OPEN]->(c:Step)
  where p.quorum = true and c.status = 'succeeded'
  not (p)-[:NEED]->(p)
  delete o

rule branch_spared
  event BranchFailed
  match (p:Parallel)-[o:OPEN]->(c:Step), (p)-[n:SPARE]->(p)
  where c.status in ['failed', 'timed_out']
  delete o, n

rule branch_failed
  event BranchFailed
  match (p:Parallel)-[o:OPEN]->(c:Step)
  where p.failed is null and c.status in ['failed', 'timed_out']
  not (p)-[:SPARE]->(p)
  delete o
  set p.failed = true, p.error = c.error

rule branch_failed_too
  event BranchFailed
  match (p:Parallel)-[o:OPEN]->(c:Step)
  where p.failed = true and c.status in ['failed', 'timed_out']
  not (p)-[:SPARE]->(p)
  delete o

rule branch_cancelled
  event BranchCancelled
  match (p:Parallel)-[o:OPEN]->(c:Step)
  where p.status = 'running' and c.status = 'cancelled'
  delete o
  set p.missed = true

rule quorum_reached
  event QuorumReached
  match (p:Parallel)
  where p.status = 'running' and p.quorum = true and p.halt is null
  not (p)-[:NEED]->(p)
  set p.halt = 'enough'

rule parallel_halted
  event BranchesHalted
  match (p:Parallel)
  where p.status = 'running' and p.failed = true and p.on_failure = 'fail_fast' and p.halt is null
  set p.halt = 'failed'

rule branch_not_started
  event BranchCancelled
  match (p:Parallel)-[:OPEN]->(c:Step)
  where (p.halt is not null or p.cancel = true) and c.status = 'pending'
  set c.status = 'cancelled'

rule branch_halted
  event StepCancelRequested
  match (p:Parallel)-[:OPEN]->(c:Step)
  where p.halt is not null and c.status in ['running', 'waiting'] and c.cancel is null
  set c.cancel = true

rule parallel_succeeded
  event StepSucceeded
  match (p:Parallel)
  where p.status = 'running' and (p.halt = 'enough' or (p.quorum is null and p.failed is null and p.missed is null))
  not (p)-[:OPEN]->()
  set p.status = 'succeeded'

rule parallel_failed
  event StepFailed
  match (p:Parallel)
  where p.status = 'running' and p.failed = true
  not (p)-[:OPEN]->()
  set p.status = 'failed'

rule parallel_cancelled
  event StepCancelled
  match (p:Parallel)
  where p.status = 'running' and p.missed = true and p.failed is null and p.halt is null
  not (p)-[:OPEN]->()
  set p.status = 'cancelled'

rule branch_started
  event BranchStarted
  match (p:Parallel)-[:OPEN]->(c:Step)
  where p.status = 'running' and p.cancel is null and p.halt is null and c.status = 'pending'
  set c.status = 'running'
""")
