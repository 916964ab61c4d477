"""The demo: an order runs, its engine is killed half-way, it resumes, and answers for its past.

Everything is real: an HTTP service, an SQLite file, an LMDB store, and the `itonami` command in processes of its own, one
of which dies by SIGKILL while a payment is under way. What is shown is what the commands print.
"""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

from service import OrderService

HERE = Path(__file__).parent
ORDER = {"orderId": "17", "customerId": "C-4", "amount": 129.5}
MISSING = {"orderId": "404", "customerId": "C-4", "amount": 80}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="itonami-demo-") as folder:
        service = OrderService()
        inventory = Path(folder) / "inventory.sqlite"
        _make_inventory(inventory)
        itonami = Itonami(Path(folder) / "state.itonami", service.url, inventory)
        first = _killed_and_resumed(itonami, service)
        _questioned(itonami, first)
        _compensated(itonami, inventory)
        title("verify: every record, every root, every index entry")
        itonami("verify")


def _killed_and_resumed(itonami: "Itonami", service: OrderService) -> dict:
    title("order-17 starts; its engine is killed with SIGKILL while the payment is under way")
    service.hold()
    process = itonami.begin("run", HERE / "order.kotoba", "--input", json.dumps(ORDER), "--id", "order-17")
    if not service.paying.wait(30):
        sys.exit("the payment was never asked for")
    itonami.wait_for("order-17", "reserve_inventory", "succeeded")
    process.kill()
    print(f"engine process {process.pid} killed; exit status {process.wait()}")
    service.release.set()
    before = len(service.requests)

    title("what the store says of it now")
    itonami("show", "order-17")

    title("resume: what was acknowledged is not run again, what was under way is, with the same key")
    itonami("resume", "order-17")
    for path, key in service.requests[before:]:
        print(f"the service saw {path} again with key {key}")
    print(f"payments taken: {service.payments}")
    return itonami.json("show", "order-17")


def _questioned(itonami: "Itonami", run: dict) -> None:
    title("the event log: what happened, by which rule, on which nodes, with what")
    itonami("log", "order-17")
    paid = next(
        row["tx"]
        for row in itonami.json("log", "order-17")
        if row["event"] == "ActivityCompleted" and row["match"][0] == "reserve_inventory"
    )
    title(f"the state at transaction {paid}, and what has changed since")
    itonami("show", "order-17", "--at", str(paid))
    itonami("diff", "order-17", str(paid), "HEAD")
    title("replay: the run rebuilt from its events alone, by its own rules")
    itonami("replay", "order-17")
    assert run["status"] == "succeeded", run


def _compensated(itonami: "Itonami", inventory: Path) -> None:
    title("order-404 is not in the inventory: reserve_inventory fails, compensation runs")
    itonami("run", HERE / "order.kotoba", "--input", json.dumps(MISSING), "--id", "order-404", expect=1)
    itonami("show", "order-404")
    why = [row for row in itonami.json("log", "order-404") if row["event"] in ("ActivityFailed", "RunFailed")]
    for row in why:
        print(f"TX {row['tx']} {row['event']}: {(row['params'] or {}).get('error', {}).get('message', '')}")
    with sqlite3.connect(inventory) as database:
        print("inventory:", dict(database.execute("SELECT order_id, reserved FROM inventory")))


class Itonami:
    """The command, run as a user runs it."""

    def __init__(self, store: Path, service: str, inventory: Path) -> None:
        self._command = [sys.executable, "-m", "itonami.workflow.cli", "--store", str(store)]
        self._environment = {**os.environ, "ORDER_SERVICE": service, "ORDER_DATABASE": str(inventory)}

    def _arguments(self, command: str, *rest: object) -> list[str]:
        activities = ["--activities", str(HERE / "activities.py")] if command in ("run", "resume") else []
        return [*self._command, command, *map(str, rest), *activities]

    def __call__(self, command: str, *rest: object, expect: int = 0) -> None:
        print(f"$ itonami {command} {' '.join(_short(word) for word in rest)}", flush=True)
        code = subprocess.run(self._arguments(command, *rest), env=self._environment).returncode
        if code != expect:
            sys.exit(f"itonami {command} ended with {code}, {expect} was due")

    def json(self, command: str, *rest: object) -> list | dict:
        arguments = [*self._arguments(command, *rest), "--json"]
        return json.loads(subprocess.run(arguments, env=self._environment, check=True, capture_output=True).stdout)

    def begin(self, command: str, *rest: object) -> subprocess.Popen:
        print(f"$ itonami {command} {' '.join(_short(word) for word in rest)} &", flush=True)
        return subprocess.Popen(self._arguments(command, *rest), env=self._environment)

    def wait_for(self, run: str, step: str, status: str) -> None:
        """Wait until the store says so: `log --follow` wakes at each new event."""
        arguments = [*self._arguments("log", run, "--follow"), "--json"]
        with subprocess.Popen(arguments, env=self._environment, stdout=subprocess.PIPE) as follow:
            for line in follow.stdout:
                row = json.loads(line)
                if row["event"] == "ActivityCompleted" and row["match"][0] == step and status == "succeeded":
                    follow.kill()
                    return


def _make_inventory(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE inventory (order_id TEXT PRIMARY KEY, reserved INTEGER NOT NULL)")
        database.execute("INSERT INTO inventory VALUES ('17', 0)")


def _short(word: object) -> str:
    text = str(word)
    if os.sep in text:
        return Path(text).name
    return f"'{text}'" if "{" in text else text


def title(text: str) -> None:
    print(f"\n== {text}", flush=True)


if __name__ == "__main__":
    main()
