"""Workflows: definitions run by rules over versioned graphs.

    async with Engine.open("state.itonami", activities=[validate, pay]) as engine:
        run = await engine.start("order.kotoba", {"orderId": "17"})
        print(await run.result())

Names are imported when they are first used (PEP 562), so that `itonami ps` does not load what it does not need.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_HOME = {
    **dict.fromkeys(("DefinitionError", "InputError", "RetryPolicy", "load_definition"), "definition"),
    **dict.fromkeys(("Engine", "EngineClosed", "Run", "RunEnded", "RunExists"), "engine"),
}
"""The package of each name; `activities` has the others."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME.get(name, 'activities')}"), name)
    return value
