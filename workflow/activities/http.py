"""HTTP activities: one request an attempt.

    POST, PUT, PATCH         the inputs are the JSON body GET, HEAD, DELETE        the inputs that the URL
    does not name are query parameters, but nulls (RFC 9110, 9.3:
                             a body of these has no meaning)
    {name} in the URL        the input, percent-encoded (RFC 6570, simple expansion)
    Idempotency-Key          the same over all attempts of a step (draft-ietf-httpapi-idempotency-key-header)

    2xx                      output: null if empty, the value if JSON, else the text
    3xx                      fails: redirects are not followed, so that an answer cannot choose the next host
    4xx                      fails for good, but 408 and 429
    408, 429, 5xx            fails, may be tried again, like broken connections and timeouts

An attempt shares nothing with another but the connection pool: cookies are not kept. The scheme and the host
are the author's; inputs fill path and query only, and cannot leave the path segment they stand in.

What does all this is `endpoint`; it loads httpx, so only the first activity does.
"""

from __future__ import annotations

from collections.abc import Mapping

from itonami.workflow.activities.activity import Activity, Retry, settings

__all__ = ["http_activity"]

DEFAULT_TIMEOUT = "30s"
"""Of an attempt for which neither the step nor the activity says how long."""


def http_activity(
    name: str,
    url: str,
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    timeout: str | int | None = None,
    retry: Retry = None,
) -> Activity:
    """An activity that sends its inputs to `url` and returns the answer.

    `timeout` is a duration (default 30 s), `retry` a policy. Raises `InvalidValue` or `DefinitionError` for
    what cannot be sent. Errors of an attempt have the type `HTTP404` for a status, or the name of the fault
    of the connection (`ConnectError`, `ReadError`, ...); `details` hold status and the beginning of the body.
    """
    from itonami.workflow.activities.endpoint import Endpoint

    where = f"activity {name!r}"
    endpoint = Endpoint.to(where, method, url, headers or {})
    limits = settings(where, DEFAULT_TIMEOUT if timeout is None else timeout, retry)
    return Activity(name, endpoint.send, kind="http", close=endpoint.aclose, **limits)
