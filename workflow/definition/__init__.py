"""Workflow definitions: what an author writes, checked and in one form.

    load_definition(path) -> Definition       JSON, YAML and Jsonnet files (`load`, `yaml12`, `jsonnet`)
    parse_definition(obj) -> Definition       the checks (`parse`), giving the tree of operators (`model`)
    check_inputs(definition, inputs)          what a run starts with (`inputs`)
    compile_mapping, compile_guard            what a step reads (`mapping`) and decides by (`guard`)
    parse_duration, parse_retry               times (`duration`: ISO 8601) and retries (`retry`)

Everything but `load` and `jsonnet` is pure. The keys of a definition stand in `docs/`. How a definition
runs may not live here.
"""

from itonami.workflow.definition.duration import format_duration, parse_duration
from itonami.workflow.definition.errors import DefinitionError, GuardError, InputError, MappingError
from itonami.workflow.definition.guard import CompiledGuard, compile_guard
from itonami.workflow.definition.inputs import check_inputs
from itonami.workflow.definition.load import load_definition, loads
from itonami.workflow.definition.mapping import CompiledMapping, compile_mapping
from itonami.workflow.definition.model import (
    MISSING,
    Activity,
    Decision,
    Definition,
    Input,
    Missing,
    Op,
    Output,
    Parallel,
    Saga,
    Seq,
    children,
)
from itonami.workflow.definition.parse import parse_definition
from itonami.workflow.definition.retry import RetryPolicy, parse_retry
from itonami.workflow.definition.values import JSON

__all__ = [
    "JSON",
    "MISSING",
    "Activity",
    "CompiledGuard",
    "CompiledMapping",
    "Decision",
    "Definition",
    "DefinitionError",
    "GuardError",
    "Input",
    "InputError",
    "MappingError",
    "Missing",
    "Op",
    "Output",
    "Parallel",
    "RetryPolicy",
    "Saga",
    "Seq",
    "check_inputs",
    "children",
    "compile_guard",
    "compile_mapping",
    "format_duration",
    "load_definition",
    "loads",
    "parse_definition",
    "parse_duration",
    "parse_retry",
]
