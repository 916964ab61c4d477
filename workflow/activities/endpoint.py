"""An HTTP endpoint over httpx: the request of an attempt, and what the response means.

The machine behind `http`, which states the contract. There is one client, and so one pool of connections, for
each event loop that sends (an httpx client belongs to the loop that opened it). Time limits are `attempt`'s,
but for the one on opening a connection.

How often and when to try again may not be decided here, only whether it could help.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import quote
from weakref import WeakKeyDictionary

import httpx

from itonami.graphstore.errors import InvalidValue
from itonami.workflow.activities.border import plain
from itonami.workflow.activities.context import ActivityContext
from itonami.workflow.activities.errors import ActivityError
from itonami.workflow.definition.values import JSON

__all__ = ["MAX_RESPONSE_BYTES", "Endpoint"]

CONNECT_TIMEOUT_S = 10.0
"""Seconds to open a connection; the rest of the attempt is bounded by its own timeout only."""

MAX_RESPONSE_BYTES = 8 * 1024 * 1024
"""The longest body read, after decompression; a longer one fails the attempt for good."""

MAX_ERROR_BYTES = 4 * 1024
"""How much of the body of a failing response is kept in the error's details."""

MAX_PORT = 65_535
IN_QUERY = frozenset({"GET", "HEAD", "DELETE"})
METHODS = IN_QUERY | {"POST", "PUT", "PATCH"}
RETRIED = frozenset({408, 429})

KEY_HEADER = "Idempotency-Key"
_KEY_SAFE = "!#$&'()*+,/:;=?@[]~"
_URL = re.compile(r"https?://[^/?#{}\s\\]+(?P<rest>[/?][^\s#\\]*)?", re.IGNORECASE)
_HOLE = re.compile(r"\{([A-Za-z_]\w*)\}")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_LINE = re.compile(r"[\t\x20-\x7e]*")


def _method(method: str, where: str) -> str:
    if method.upper() not in METHODS:
        raise InvalidValue(
            f"{method!r} is no method for an activity",
            where=where,
            fix=f"use one of {', '.join(sorted(METHODS))}",
        )
    return method.upper()


def _template(url: str, where: str) -> str:
    shape = _URL.fullmatch(url)
    flaw = shape is None or re.search(r"[{}]", _HOLE.sub("", shape["rest"] or "")) is not None
    try:
        flaw = flaw or (httpx.URL(_HOLE.sub("x", url)).port or 0) > MAX_PORT
    except httpx.InvalidURL:
        flaw = True
    if flaw:
        raise InvalidValue(
            "the url is not one to call",
            where=where,
            fix="write http:// or https://, a literal host, and inputs as {name} in path or query only",
        )
    return url


def _headers(headers: Mapping[str, str], where: str) -> dict[str, str]:
    for key, value in headers.items():
        if not isinstance(value, str) or not _TOKEN.fullmatch(key) or not _LINE.fullmatch(value):
            raise InvalidValue(f"the header {key!r} cannot be sent", where=where, fix="use one line of ASCII")
        if key.lower() == KEY_HEADER.lower():
            raise InvalidValue(f"the header {KEY_HEADER} is the engine's", where=where, fix="leave it out")
    return dict(headers)


@cache
def _tls() -> ssl.SSLContext:
    """One context for all: reading the certificates takes some 60 ms."""
    return httpx.create_ssl_context()


@dataclass(frozen=True, eq=False)
class Endpoint:
    """Where an activity's requests go, and one client for each event loop that sends them."""

    where: str
    method: str
    url: str
    headers: dict[str, str]
    clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = field(
        default_factory=WeakKeyDictionary, repr=False
    )

    @classmethod
    def to(cls, where: str, method: str, url: str, headers: Mapping[str, str]) -> Endpoint:
        """An endpoint that can be called. Raises `InvalidValue`; connects to nothing."""
        return cls(where, _method(method, where), _template(url, where), _headers(headers, where))

    async def send(self, inputs: Mapping[str, JSON], ctx: ActivityContext) -> JSON:
        """One request. Raises `ActivityError`."""
        client = self._client()
        try:
            request = self._request(client, inputs, ctx.key)
            response = await client.send(request, stream=True)
            try:
                return await self._output(response)
            finally:
                await response.aclose()
        except httpx.InvalidURL as error:
            raise self._invalid(f"the inputs make no url ({error})") from error
        except httpx.HTTPError as error:
            raise self._broken(error) from error

    def _client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        client = self.clients.get(loop)
        if client is None:
            no_cookies = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
            client = self.clients[loop] = httpx.AsyncClient(
                verify=_tls(), cookies=no_cookies, timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S)
            )
        return client

    async def aclose(self) -> None:
        """Close the running loop's connections; those of a loop that ended went with it."""
        client = self.clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    def _request(self, client: httpx.AsyncClient, inputs: Mapping[str, JSON], key: str) -> httpx.Request:
        filled = httpx.URL(_HOLE.sub(lambda hole: self._filling(inputs, hole[1]), self.url))
        headers = {**self.headers, KEY_HEADER: quote(key, safe=_KEY_SAFE)}
        if self.method in IN_QUERY:
            named = set(_HOLE.findall(self.url))
            rest = {name: value for name, value in inputs.items() if name not in named and value is not None}
            query = {name: self._query(name, value) for name, value in rest.items()}
            return client.build_request(
                self.method, filled.copy_merge_params(query) if query else filled, headers=headers
            )
        body = json.dumps(plain(inputs), allow_nan=False).encode()
        typed = httpx.Headers({"Content-Type": "application/json"})
        typed.update(headers)
        return client.build_request(self.method, filled, headers=typed, content=body)

    def _filling(self, inputs: Mapping[str, JSON], name: str) -> str:
        if name not in inputs:
            raise self._invalid(f"the url needs the input {name!r}", fix=f"map {name!r}")
        text = self._scalar(name, inputs[name])
        if text in ("", ".", ".."):
            raise self._invalid(f"the input {name!r} is {text!r}, which would name another resource")
        return quote(text, safe="")

    def _query(self, name: str, value: JSON) -> str | list[str]:
        if isinstance(value, list | tuple):
            return [self._scalar(name, item) for item in value]
        return self._scalar(name, value)

    def _scalar(self, name: str, value: object) -> str:
        match plain(value):
            case bool() as truth:
                return "true" if truth else "false"
            case str() | int() | float() as scalar:
                return str(scalar)
        raise self._invalid(f"the input {name!r} is a {type(value).__name__}, which a url cannot hold")

    def _invalid(self, what: str, fix: str = "pass text, a number or a boolean") -> ActivityError:
        return ActivityError(what, type="InvalidInput", retryable=False, where=self.where, fix=fix)

    async def _output(self, response: httpx.Response) -> JSON:
        if not response.is_success:
            raise self._refused(response, await _head(response, MAX_ERROR_BYTES))
        body = await _head(response, MAX_RESPONSE_BYTES + 1)
        if len(body) > MAX_RESPONSE_BYTES:
            raise self._unusable(
                f"the response is longer than {MAX_RESPONSE_BYTES} bytes", "ResponseTooLarge"
            )
        if not body:
            return None
        media = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if media != "application/json" and not media.endswith("+json"):
            return _text(response, body)
        try:
            output: JSON = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self._unusable(f"the response is not JSON ({error})", "InvalidOutput") from error
        return output

    def _unusable(self, what: str, type_: str) -> ActivityError:
        return ActivityError(what, type=type_, retryable=False, where=self.where)

    def _refused(self, response: httpx.Response, head: bytes) -> ActivityError:
        status = response.status_code
        details = {"status": status, "body": _text(response, head)}
        if "Location" in response.headers:
            details["location"] = response.headers["Location"]
        return ActivityError(
            f"{self.method} {_shown(response.url)} answered {status} {response.reason_phrase}".rstrip(),
            type=f"HTTP{status}",
            retryable=status >= 500 or status in RETRIED,
            details=details,
            where=self.where,
            fix="point the url at the final place; redirects are not followed" if status < 400 else None,
        )

    def _broken(self, error: httpx.HTTPError) -> ActivityError:
        return ActivityError(
            f"{self.method} {_shown(error.request.url)} failed ({error or type(error).__name__})",
            type=type(error).__name__,
            retryable=isinstance(error, httpx.TransportError)
            and not isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError),
            where=self.where,
        )


def _shown(url: httpx.URL) -> str:
    """The URL without user, password and query: these may be secrets."""
    return f"{url.scheme}://{url.netloc.decode()}{url.path}"


async def _head(response: httpx.Response, limit: int) -> bytes:
    """The first `limit` bytes of the body."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) >= limit:
            break
    return bytes(body[:limit])


def _text(response: httpx.Response, body: bytes) -> str:
    return body.decode(response.encoding or "utf-8", errors="replace")
