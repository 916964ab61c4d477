"""HTTP activities against a real server: what goes out, what comes back, and what may be tried again."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from itonami.graphstore.errors import InvalidValue
from itonami.workflow.activities import Activity, ActivityContext, ActivityError, http_activity, perform
from itonami.workflow.activities.endpoint import MAX_RESPONSE_BYTES
from itonami.workflow.definition.errors import DefinitionError

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Seen:
    """One request as the server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    client: tuple[str, int]


@dataclass
class Service:
    """A real server: notes each request, and answers as it was last told."""

    answer: Callable[[Seen], Answer] = lambda seen: (200, {}, b"")
    requests: list[Seen] = field(default_factory=list)
    url: str = ""

    def says(self, status: int, body: bytes = b"", media: str = "application/json", **headers: str) -> None:
        self.answer = lambda seen: (status, {"Content-Type": media, **headers}, body)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            seen = Seen(self.command, self.path, dict(self.headers.items()), body, self.client_address)
            service.requests.append(seen)
            status, headers, content = service.answer(seen)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(ConnectionError):  # a client may leave early
                self.wfile.write(b"" if self.command == "HEAD" else content)
                self.wfile.flush()

        do_GET = do_HEAD = do_DELETE = do_POST = do_PUT = do_PATCH = do

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_port}"
    yield service
    server.shutdown()
    server.server_close()
    thread.join()


async def sent(work: Activity, inputs: dict[str, Any], key: str | None = None, **options: Any) -> Any:
    try:
        return await perform(work, inputs, ActivityContext("run-1", "call", key=key), **options)
    finally:
        await work.aclose()


async def failed(work: Activity, inputs: dict[str, Any], **options: Any) -> ActivityError:
    with pytest.raises(ActivityError) as raised:
        await sent(work, inputs, **options)
    return raised.value


async def test_inputs_are_the_json_body_and_the_json_answer_is_the_output(service: Service) -> None:
    service.says(201, b'{"paid": true, "at": [1, 2.5, null]}', "application/problem+json; charset=utf-8")
    work = http_activity("pay", service.url + "/pay", headers={"X-Tenant": "acme"})
    assert await sent(work, {"amount": 7, "note": "é", "raw": b"\x00"}) == {
        "paid": True,
        "at": [1, 2.5, None],
    }
    (seen,) = service.requests
    assert (seen.method, seen.path) == ("POST", "/pay")
    assert json.loads(seen.body) == {"amount": 7, "note": "é", "raw": "AA=="}
    assert seen.headers["Content-Type"] == "application/json"
    assert seen.headers["X-Tenant"] == "acme"
    assert seen.headers["Idempotency-Key"] == "run-1/call"


async def test_the_key_is_one_ascii_line_whatever_the_ids_and_no_two_ids_share_it(service: Service) -> None:
    work = http_activity("pay", service.url)
    for key in ("bestellung/größe#2", "a\r\nX-Evil: 1", "a%0D", "a\r"):
        await sent(work, {}, key=key)
    keys = [seen.headers["Idempotency-Key"] for seen in service.requests]
    assert keys == ["bestellung/gr%C3%B6%C3%9Fe#2", "a%0D%0AX-Evil:%201", "a%250D", "a%0D"]
    assert not any("X-Evil" in seen.headers for seen in service.requests)


async def test_a_get_sends_inputs_as_query_and_those_the_url_names_only_there(service: Service) -> None:
    work = http_activity("find", service.url + "/shops/{shop}/items?sort=up", method="get")
    await sent(work, {"shop": "a/b c", "q": "x&y", "tags": ["r", 1, True], "none": None})
    (seen,) = service.requests
    assert (seen.method, seen.body) == ("GET", b"")
    assert seen.path == "/shops/a%2Fb%20c/items?sort=up&q=x%26y&tags=r&tags=1&tags=true"


@pytest.mark.parametrize("value", ["..", ".", "", None, ["a"], {"a": 1}])
async def test_an_input_cannot_leave_its_segment_of_the_url(service: Service, value: Any) -> None:
    work = http_activity("drop", service.url + "/orders/{id}", method="DELETE")
    error = await failed(work, {"id": value})
    assert (error.type, error.retryable) == ("InvalidInput", False)
    assert "'id'" in str(error)
    assert service.requests == []


async def test_an_input_the_url_needs_is_named_when_it_is_missing(service: Service) -> None:
    error = await failed(http_activity("put", service.url + "/orders/{id}", method="PUT"), {"di": 1})
    assert (error.type, str(error)) == (
        "InvalidInput",
        "activity 'put': the url needs the input 'id'; map 'id'",
    )


@pytest.mark.parametrize(
    ("body", "media", "output"),
    [
        (b"", "application/json", None),
        (b"null", "application/json", None),
        (b"caf\xe9", "text/plain; charset=latin-1", "café"),
        (b"caf\xe9", "text/plain; charset=no-such", "caf\ufffd"),
        (b"<ok/>", "application/xml", "<ok/>"),
    ],
)
async def test_an_answer_is_read_by_its_media_type(
    service: Service, body: bytes, media: str, output: Any
) -> None:
    service.says(200, body, media)
    assert await sent(http_activity("a", service.url), {}) == output


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b'{"a": NaN}', b'"\\ud800"'])
async def test_an_answer_that_claims_to_be_json_and_is_not_fails_for_good(
    service: Service, body: bytes
) -> None:
    service.says(200, body)
    error = await failed(http_activity("a", service.url), {})
    assert (error.type, error.retryable) == ("InvalidOutput", False)


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(400, False), (404, False), (408, True), (409, False), (429, True), (500, True), (503, True)],
)
async def test_4xx_fails_for_good_but_408_and_429_and_5xx_may_be_tried_again(
    service: Service, status: int, retryable: bool
) -> None:
    service.says(status, b"because", "text/plain")
    error = await failed(http_activity("a", service.url + "/x?token=secret"), {})
    assert (error.type, error.retryable) == (f"HTTP{status}", retryable)
    assert error.details == {"status": status, "body": "because"}
    assert f"POST {service.url}/x answered {status} " in str(error)
    assert "secret" not in str(error)


async def test_a_redirect_is_an_error_and_is_not_followed(service: Service) -> None:
    service.says(302, Location="http://127.0.0.1:9/elsewhere")
    error = await failed(http_activity("a", service.url), {})
    assert (error.type, error.retryable) == ("HTTP302", False)
    assert error.details["location"] == "http://127.0.0.1:9/elsewhere"
    assert len(service.requests) == 1


async def test_an_endless_answer_is_cut_off_at_the_limit(service: Service) -> None:
    service.says(200, b" " * MAX_RESPONSE_BYTES, "text/plain")
    assert len(await sent(http_activity("a", service.url), {})) == MAX_RESPONSE_BYTES
    service.says(200, b" " * (MAX_RESPONSE_BYTES + 1), "text/plain")
    error = await failed(http_activity("a", service.url), {})
    assert (error.type, error.retryable) == ("ResponseTooLarge", False)
    service.says(500, b"x" * (MAX_RESPONSE_BYTES + 1), "text/plain")
    assert len((await failed(http_activity("a", service.url), {})).details["body"]) == 4096


async def test_no_connection_may_be_tried_again() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.server_close()
    error = await failed(http_activity("a", f"http://u:secret@127.0.0.1:{server.server_port}"), {})
    assert (error.type, error.retryable) == ("ConnectError", True)
    assert "secret" not in str(error)


async def test_a_server_that_hangs_is_left_when_the_time_is_over(service: Service) -> None:
    over = threading.Event()

    def hang(seen: Seen) -> Answer:
        over.wait(30)
        return 200, {}, b""

    service.answer = hang
    error = await failed(http_activity("a", service.url, timeout="50ms"), {})
    over.set()
    assert (error.type, error.retryable) == ("Timeout", True)


async def test_attempts_share_connections_but_no_cookies(service: Service) -> None:
    service.says(200, b"{}", **{"Set-Cookie": "session=1; Path=/"})
    work = http_activity("a", service.url)
    for _ in range(3):
        await perform(work, {}, ActivityContext("r", "s"))
    await work.aclose()
    assert not any("Cookie" in seen.headers for seen in service.requests)
    assert len({seen.client for seen in service.requests}) == 1


def test_an_activity_serves_one_event_loop_after_another(service: Service) -> None:
    work = http_activity("a", service.url)
    for _ in range(3):
        asyncio.run(sent(work, {}))
    assert len(service.requests) == 3


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "example.org",
        "file:///etc/passwd",
        "http://{host}/",
        "http://a/{",
        "http://a/{}",
        "http:///x",
        "http://a:99999/",
        "http://a/b c",
    ],
)
def test_only_an_http_url_with_a_literal_host_is_called(url: str) -> None:
    with pytest.raises(InvalidValue, match="activity 'a': the url is not one to call"):
        http_activity("a", url)


@pytest.mark.parametrize("headers", [{"A": "b\r\nC: d"}, {"A b": "c"}, {"idempotency-key": "mine"}, {"A": 1}])
def test_headers_that_cannot_be_sent_are_refused(headers: Any) -> None:
    with pytest.raises(InvalidValue, match="the header"):
        http_activity("a", "http://example.org", headers=headers)


def test_an_unknown_method_and_a_bad_duration_are_refused() -> None:
    with pytest.raises(InvalidValue, match="'BREW' is no method"):
        http_activity("a", "http://example.org", method="BREW")
    with pytest.raises(DefinitionError, match="activity 'a'"):
        http_activity("a", "http://example.org", timeout="P1Y")
