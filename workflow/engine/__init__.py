"""The engine: a pure core that derives transitions, and a shell that commits them and carries out their effects."""

from itonami.workflow.engine.core import Derivation, RunState
from itonami.workflow.engine.errors import EngineClosed, NotDriven, RunEnded, RunExists
from itonami.workflow.engine.rebuild import rebuild
from itonami.workflow.engine.run import Run
from itonami.workflow.engine.shell import Engine

__all__ = [
    "Derivation",
    "Engine",
    "EngineClosed",
    "NotDriven",
    "Run",
    "RunEnded",
    "RunExists",
    "RunState",
    "rebuild",
]
