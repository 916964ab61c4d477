"""The back end of the query language: compiled expressions, a planner by counts, operators as generators, limits."""

from itonami.query.engine.limits import Limits
from itonami.query.engine.procedures import Procedure, Procedures
from itonami.query.engine.program import Program, prepare
from itonami.query.engine.source import Source, StoreSource, ValueSource

__all__ = ["Limits", "Procedure", "Procedures", "Program", "Source", "StoreSource", "ValueSource", "prepare"]
