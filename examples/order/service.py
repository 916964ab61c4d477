"""A small order service: validates orders and takes payments, each once a key.

`python service.py` runs it on port 8017, where `activities.py` looks for it, beside a fresh inventory of order 17.

A payment may be held up (`hold`), so that the demo can kill the engine while one is under way.
"""

import json
import sqlite3
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class OrderService(ThreadingHTTPServer):
    """Listens on a free port of this machine; counts the requests and the payments it has taken by key."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.requests: list[tuple[str, str]] = []
        self.payments: dict[str, float] = {}
        self.paying = threading.Event()
        self.release = threading.Event()
        self.release.set()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def hold(self) -> None:
        """From now on payments wait until they are released."""
        self.paying.clear()
        self.release.clear()


class _Handler(BaseHTTPRequestHandler):
    server: OrderService

    def do_POST(self) -> None:
        key = self.headers.get("Idempotency-Key", "")
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, key))
        if self.path == "/pay":
            self.server.payments.setdefault(key, body["amount"])
            self.server.paying.set()
            self.server.release.wait(60)
        answers = {
            "/validate": {"valid": True, "order": body.get("order_id")},
            "/pay": {"payment": f"PAY-{body['order_id']}", "charged": self.server.payments.get(key)},
            "/refund": {"refunded": body["order_id"]},
        }
        self._answer(answers[self.path])

    def _answer(self, value: object) -> None:
        data = json.dumps(value).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except ConnectionError:
            self.close_connection = True  # the caller was killed: nobody reads the answer

    def log_message(self, format: str, *args: object) -> None:
        pass


def make_inventory(path: str | Path) -> None:
    """An SQLite file with one order that can be reserved."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "CREATE TABLE IF NOT EXISTS inventory (order_id TEXT PRIMARY KEY, reserved INTEGER NOT NULL)"
        )
        database.execute("INSERT OR IGNORE INTO inventory VALUES ('17', 0)")


if __name__ == "__main__":
    make_inventory("inventory.sqlite")
    print(f"the order service is at {OrderService(8017).url}; Ctrl-C ends it", flush=True)
    threading.Event().wait()
