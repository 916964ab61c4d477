"""The demo: an order runs, its engine is killed half-way, it resumes, and answers for its past.

Everything is real: an HTTP service, an SQLite file, an LMDB store, and the `itonami` command in processes of its own,
one of which dies by SIGKILL while a payment is under way. What is shown is what the commands print; what is claimed
is checked, and the demo ends with 1 where it does not hold.
"""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

from service import OrderService, make_inventory

HERE = Path(__file__).parent
ORDER = {"orderId": "17", "customerId": "C-4", "amount": 129.5}
MISSING = {"orderId": "404", "customerId": "C-4", "amount": 80}


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="itonami-demo-"))
    service = OrderService()
    inventory = folder / "inventory.sqlite"
    make_inventory(inventory)
    itonami = Itonami(folder / "state.itonami", service.url, inventory)
    killed_and_resumed(itonami, service)
    questioned(itonami)
    compensated(itonami, service, inventory)
    title("Is the store sound? Every record, every root, every index entry is looked at")
    itonami("verify")
    left_behind(itonami, folder)


def killed_and_resumed(itonami: "Itonami", service: OrderService) -> None:
    title("An order is placed; its engine is killed while the payment is under way")
    service.hold()
    engine = itonami.begin("run", HERE / "order.kotoba", "--input", json.dumps(ORDER), "--id", "order-17")
    for line in engine.stderr:
        print(line, end="", flush=True)
        if line.startswith("  ok reserve_inventory"):
            break
    check("the payment is under way", service.paying.wait(30))
    engine.kill()
    check(f"engine process {engine.pid} died by SIGKILL", engine.wait() == -9)
    service.release.set()
    before = list(service.requests)

    title("Another process asks the store what is known of the order")
    itonami("show", "order-17")

    title("Resume: what was acknowledged is not run again; the payment is, with the same key")
    itonami("resume", "order-17")
    again = service.requests[len(before) :]
    paid = [request for request in before if request[0] == "/pay"]
    check(f"the service saw {again[0][0]} again with key {again[0][1]}, and nothing else", again == paid)
    check(f"it took one payment: {list(service.payments.values())}", len(service.payments) == 1)


def questioned(itonami: "Itonami") -> None:
    title("The log: what happened, by which rule, at which nodes, with what")
    itonami("log", "order-17")
    reserved = next(
        row["tx"]
        for row in itonami.document("log", "order-17")
        if (row["event"], row["match"][0]) == ("ActivityCompleted", "reserve_inventory")
    )
    title(f"The order as it was at transaction {reserved}, and what has changed since")
    itonami("show", "order-17", "--at", reserved)
    itonami("diff", "order-17", reserved, "HEAD")

    title("Replay: the run rebuilt from its events alone, by the rules it was started with")
    itonami("replay", "order-17")


def compensated(itonami: "Itonami", service: OrderService, inventory: Path) -> None:
    title("A second order is not in the inventory: it fails, and what was done is undone")
    itonami("run", HERE / "order.kotoba", "--input", json.dumps(MISSING), "--id", "order-404", expect=1)
    refunds = [key for path, key in service.requests if path == "/refund"]
    check("its payment was returned", refunds == ["order-404/cancel_payment/1"])
    with sqlite3.connect(inventory) as database:
        reserved = dict(database.execute("SELECT order_id, reserved FROM inventory"))
    check("the first order's goods are still reserved", reserved == {"17": 1})

    title("Its log says why it failed")
    itonami("log", "order-404")


def left_behind(itonami: "Itonami", folder: Path) -> None:
    title("To look further")
    for run in ("order-17", "order-404"):
        picture = folder / f"{run}.svg"
        picture.write_text(itonami.output("show", run, "--format", "svg"))
        print(f"{run} as a picture, for a browser:  {picture.as_uri()}")
    program = Path(sys.executable).with_name("itonami")
    command = program if program.exists() else f"{sys.executable} -m itonami.workflow.cli"
    print(f"the store, for the command:  {command} --store {folder / 'state.itonami'} ps", flush=True)


class Itonami:
    """The command, run as a user runs it."""

    def __init__(self, store: Path, service: str, inventory: Path) -> None:
        self._command = [sys.executable, "-m", "itonami.workflow.cli", "--store", str(store)]
        self._environment = {**os.environ, "ORDER_SERVICE": service, "ORDER_DATABASE": str(inventory)}

    def __call__(self, command: str, *rest: object, expect: int = 0) -> None:
        """Run it, its output shown."""
        arguments = self._announced(command, rest)
        code = subprocess.run(arguments, env=self._environment, check=False).returncode
        if code != expect:
            sys.exit(f"itonami {command} ended with {code}, {expect} was due")

    def begin(self, command: str, *rest: object) -> subprocess.Popen:
        """Start it, its progress left to be read."""
        arguments = self._announced(command, rest, " &")
        return subprocess.Popen(arguments, env=self._environment, stderr=subprocess.PIPE, text=True)

    def output(self, command: str, *rest: object) -> str:
        """Run it silently: what it printed."""
        arguments = self._arguments(command, rest)
        return subprocess.run(
            arguments, env=self._environment, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    def document(self, command: str, *rest: object) -> list | dict:
        """Run it silently: its document."""
        return json.loads(self.output(command, *rest, "--json"))

    def _announced(self, command: str, rest: tuple[object, ...], end: str = "") -> list[str]:
        print(f"$ itonami {command} {' '.join(map(short, rest))}".rstrip() + end, flush=True)
        return self._arguments(command, rest)

    def _arguments(self, command: str, rest: tuple[object, ...]) -> list[str]:
        activities = ["--activities", str(HERE / "activities.py")] if command in ("run", "resume") else []
        return [*self._command, command, *map(str, rest), *activities]


def short(word: object) -> str:
    text = str(word)
    if os.sep in text:
        return Path(text).name
    return f"'{text}'" if "{" in text else text


def title(text: str) -> None:
    print(f"\n== {text}\n", flush=True)


def check(claim: str, holds: bool) -> None:
    if not holds:
        sys.exit(f"this does not hold: {claim}")
    print(f"-- {claim}", flush=True)


if __name__ == "__main__":
    main()
