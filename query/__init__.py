"""The read side: openCypher and GQL over any graph at any transaction.

    run(store, "USE run('order-17') AS OF TX 42 MATCH (s:Step {status: 'failed'}) RETURN s")
    blame(store, "order-17", "charge", "status")        who made it so, by which rule, because of what

Queries only read; state changes by rules.
"""

from itonami.query.blame import blame
from itonami.query.causes import causes
from itonami.query.cypher.errors import (
    ArgumentError,
    EntityNotFound,
    LimitExceeded,
    NotInLanguage,
    ParameterMissing,
    ProcedureError,
    QueryArithmeticError,
    QueryError,
    QuerySyntaxError,
    QueryTypeError,
    ReadOnlyQuery,
    SemanticError,
)
from itonami.query.diff import diff, parted, partings
from itonami.query.engine import Limits, Procedure
from itonami.query.events import events
from itonami.query.history import history
from itonami.query.log import log
from itonami.query.path import Path
from itonami.query.result import Result
from itonami.query.run import run
from itonami.query.runs import runs

__all__ = [
    "ArgumentError",
    "EntityNotFound",
    "LimitExceeded",
    "Limits",
    "NotInLanguage",
    "ParameterMissing",
    "Path",
    "Procedure",
    "ProcedureError",
    "QueryArithmeticError",
    "QueryError",
    "QuerySyntaxError",
    "QueryTypeError",
    "ReadOnlyQuery",
    "Result",
    "SemanticError",
    "blame",
    "causes",
    "diff",
    "events",
    "history",
    "log",
    "parted",
    "partings",
    "run",
    "runs",
]
