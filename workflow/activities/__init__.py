"""Activities: the work that a workflow has done in the world, and the border it crosses on the way.

    activity    the named piece of work, `@activity`    context     what one attempt knows of itself
    http, sql   work that is only described             attempt     one attempt: call, time limit, guard
    endpoint    ... over httpx                          border      what may cross
    query       ... over SQLAlchemy                     errors      how an attempt fails
    statement   parameters in SQL                       registry    which activity a name means
    loading     `--activities FILE.py`                  declared    a definition's own `activities`

Activities run at least once and may do anything; a run's state changes exactly once, elsewhere. So nothing in
this package knows graphs, rules or events, and the engine knows of it `Registry`, `perform` and `describe`
only.
"""

from itonami.workflow.activities.activity import Activity, activity
from itonami.workflow.activities.attempt import perform
from itonami.workflow.activities.border import checked, plain
from itonami.workflow.activities.context import ActivityContext
from itonami.workflow.activities.declared import validate_declared
from itonami.workflow.activities.errors import ActivitiesNotLoaded, ActivityError, UnknownActivity, describe
from itonami.workflow.activities.http import http_activity
from itonami.workflow.activities.loading import load_activities
from itonami.workflow.activities.registry import Registry
from itonami.workflow.activities.sql import sql_activity

__all__ = [
    "ActivitiesNotLoaded",
    "Activity",
    "ActivityContext",
    "ActivityError",
    "Registry",
    "UnknownActivity",
    "activity",
    "checked",
    "describe",
    "http_activity",
    "load_activities",
    "perform",
    "plain",
    "sql_activity",
    "validate_declared",
]
