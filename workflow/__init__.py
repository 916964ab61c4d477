"""Workflows: definitions run by rules over versioned graphs.

    async with Engine.open("state.itonami", activities=[validate, pay]) as engine:
        run = await engine.start("order.kotoba", {"orderId": "17"})
        print(await run.result())
"""

from itonami.workflow.activities import (
    ActivityContext,
    ActivityError,
    activity,
    http_activity,
    load_activities,
    sql_activity,
)
from itonami.workflow.definition import DefinitionError, InputError, RetryPolicy, load_definition
from itonami.workflow.engine import Engine, EngineClosed, Run, RunEnded, RunExists

__all__ = [
    "ActivityContext",
    "ActivityError",
    "DefinitionError",
    "Engine",
    "EngineClosed",
    "InputError",
    "RetryPolicy",
    "Run",
    "RunEnded",
    "RunExists",
    "activity",
    "http_activity",
    "load_activities",
    "load_definition",
    "sql_activity",
]
