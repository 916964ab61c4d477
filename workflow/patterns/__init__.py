"""The operators, each a rule set of its own over one state graph, and how a definition becomes that graph.

All patterns speak through `status` of `Step` nodes: a parent sets its child `running`, a child's end is what its parent
matches. So each pattern is understood, and proved, alone; definitions nest them.
"""

from itonami.rules import RuleSet
from itonami.workflow.patterns import activity, decision, parallel, run, saga, seq
from itonami.workflow.patterns.compile import compile_definition

__all__ = ["RULESET", "compile_definition"]

RULESET = RuleSet((*run.RULES, *activity.RULES, *seq.RULES, *parallel.RULES, *decision.RULES, *saga.RULES))
"""Every rule that may change a run. A run pins its address and goes on with the set it started with."""
