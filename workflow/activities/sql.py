"""SQL activities: one statement, one transaction, an attempt.

    SELECT, ... RETURNING        output {"rows": [{column: value}], "row_count": n}
    anything else                output {"row_count": n}

`expect_rows` is an optimistic check: a count that differs rolls the transaction back and fails the step for
good (the conditional update of Kung and Robinson, "On optimistic methods for concurrency control", 1981).
Faults are split as in PEP 249: operational ones (locked, no connection, deadlock) may be tried again; wrong
statements, broken constraints and bad data may not. An attempt that is cancelled before its commit is rolled
back.

Lists and objects are bound as JSON text, which every database can take apart. Values that JSON lacks come
back as `border.plain` says: decimals and UUIDs as text, bytes as base64, instants as ISO 8601.

The password of a URL is in no message. What does all this is `query`; it loads SQLAlchemy, so only the first
activity does.
"""

from __future__ import annotations

from itonami.workflow.activities.activity import Activity, Retry, settings

__all__ = ["sql_activity"]


def sql_activity(
    name: str,
    url: str,
    statement: str,
    *,
    expect_rows: int | None = None,
    timeout: str | int | None = None,
    retry: Retry = None,
) -> Activity:
    """An activity that runs `statement` in the database at `url` (SQLAlchemy's form, a blocking driver).

    Parameters are `:name`, or `$1`, `$2` in the order of the inputs. `expect_rows` is the number of rows that
    must be returned or changed. The connection is made at the first use. Raises `InvalidValue` or
    `DefinitionError` for what cannot be run; an attempt's errors have the type UnexpectedRows, or the
    driver's (`IntegrityError`, ...).
    """
    from itonami.workflow.activities.query import Query

    where = f"activity {name!r}"
    query = Query.of(where, url, statement, expect_rows)
    return Activity(name, query.run, kind="sql", close=query.aclose, **settings(where, timeout, retry))
