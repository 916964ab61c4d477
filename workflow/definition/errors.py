"""The errors of definitions, split by whose they are: the author's, the caller's, or the run's data.

The law: every one says what is wrong, at which place of which document (`$.workflow.strategy...`,
`$.inputs.amount`), and what mends it, in the three fields of `ItonamiError` and one sentence. Places are
written as Normalized Paths are (RFC 9535, section 2.7), with the shorter `.name` where a name allows it.
No error of another package may live here.
"""

from __future__ import annotations

from itonami.graphstore.errors import ItonamiError

__all__ = ["DefinitionError", "GuardError", "InputError", "MappingError"]


class DefinitionError(ItonamiError, ValueError):
    """The definition, or the file that holds it, is not one. The author's to mend."""


class InputError(ItonamiError, ValueError):
    """A run was given inputs that its definition does not allow. The caller's to mend."""


class MappingError(ItonamiError):
    """A mapping met data in which its path finds nothing. It fails its step."""


class GuardError(ItonamiError):
    """A guard could not be evaluated, or its result is no boolean. It fails its step."""
