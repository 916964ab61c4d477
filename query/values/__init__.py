"""Values of queries and the operators on them, as pure functions; null is None, unknown is None."""

from itonami.query.path import Path
from itonami.query.values.access import index, property_of, slice_of
from itonami.query.values.arithmetic import add, divide, modulo, multiply, negate, posit, power, subtract
from itonami.query.values.domain import Truth, Value, from_store, spoken_type, type_name
from itonami.query.values.equality import (
    contained,
    equals,
    greater,
    greater_or_equal,
    less,
    less_or_equal,
    unequal,
)
from itonami.query.values.notation import literal, shown
from itonami.query.values.ordering import group_key, sort_key
from itonami.query.values.text import contains, ends_with, matches, starts_with, to_text
from itonami.query.values.truth import and_, not_, or_, truth, xor

__all__ = [
    "Path",
    "Truth",
    "Value",
    "add",
    "and_",
    "contained",
    "contains",
    "divide",
    "ends_with",
    "equals",
    "from_store",
    "greater",
    "greater_or_equal",
    "group_key",
    "index",
    "less",
    "less_or_equal",
    "literal",
    "matches",
    "modulo",
    "multiply",
    "negate",
    "not_",
    "or_",
    "posit",
    "power",
    "property_of",
    "shown",
    "slice_of",
    "sort_key",
    "spoken_type",
    "starts_with",
    "subtract",
    "to_text",
    "truth",
    "type_name",
    "unequal",
    "xor",
]
