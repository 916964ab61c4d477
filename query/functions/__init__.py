"""The functions of the language: `FUNCTIONS` by lower-case name, and `AGGREGATES`."""

from itonami.query.functions import lists, mathematics, scalars, strings, temporals
from itonami.query.functions.aggregates import AGGREGATES, Aggregate
from itonami.query.functions.signature import Function

__all__ = ["AGGREGATES", "FUNCTIONS", "Aggregate", "Function"]

FUNCTIONS: dict[str, Function] = {
    **scalars.FUNCTIONS,
    **lists.FUNCTIONS,
    **strings.FUNCTIONS,
    **mathematics.FUNCTIONS,
    **temporals.FUNCTIONS,
}
"""Every function, by its name in lower case (names are not case-sensitive)."""
