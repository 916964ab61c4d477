"""A process that starts engines by fork and kills them: SIGKILL at random moments, then the books are compared.

Run as a script: `crash_zygote.py STORE KILLS SEED`. It prints one JSON report. Everything an engine process says goes
through a pipe, a line an event, so a moment is chosen by counting lines, and the kill follows at once or some
microseconds later. The zygote itself never has a store open while it forks.
"""

import asyncio
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from itonami.graphstore import Store
from itonami.workflow import Engine, activity
from itonami.workflow.engine import rebuild


def step(ref: str, **more: object) -> dict:
    return {"op": "activity", "activity_ref": ref, **more}


DEFINITION = {
    "workflow": {
        "id": "crashes",
        "name": "Crashes",
        "version": "1",
        "inputs": [],
        "outputs": [],
        "strategy": {
            "op": "saga",
            "main_flow": {
                "op": "seq",
                "strategies": [
                    step("work"),
                    {"op": "parallel", "branches": [step("work"), step("work"), step("flaky"), step("work")]},
                    step("flaky"),
                    {"op": "seq", "strategies": [step("work"), step("work")]},
                    {"op": "parallel", "branches": [step("work"), step("work")]},
                    step("last"),
                ],
            },
            "compensation": {"op": "seq", "strategies": [step("work"), step("work")]},
        },
    }
}


def engine_process(path: Path, run: str, out: int, seed: int) -> None:
    """Start or resume the run; say each start of an activity and each acknowledged event."""
    rng = random.Random(seed)

    def say(*words: object) -> None:
        os.write(out, (json.dumps(words) + "\n").encode())

    async def work(ctx) -> dict:
        say("start", ctx.step, ctx.key, ctx.attempt)
        for _ in range(rng.randrange(3)):
            await asyncio.sleep(0)
        return {"by": ctx.key}

    async def flaky(ctx) -> dict:
        say("start", ctx.step, ctx.key, ctx.attempt)
        if ctx.attempt == 1:
            raise OSError("the first attempt always fails")
        return {"by": ctx.key}

    async def last(ctx) -> dict:
        say("start", ctx.step, ctx.key, ctx.attempt)
        raise PermissionError("no")

    def acknowledged(version) -> None:
        for event in version.events:
            if event.name in ("ActivityCompleted", "ActivityFailed"):
                say("ack", event.match[0])

    async def main() -> None:
        quick = {"initial_interval": "1ms", "maximum_attempts": 2}
        activities = [
            activity(name="work", retry=quick)(work),
            activity(name="flaky", retry=quick)(flaky),
            activity(name="last", retry={"maximum_attempts": 1})(last),
        ]
        async with Engine.open(path, activities) as engine:
            engine.observers.append(acknowledged)
            if run in engine.store:
                (handle,) = await engine.resume(run)
            else:
                handle = await engine.start(DEFINITION, id=run)
            say("begun")
            await engine.ended(handle.id)
            say("end", handle.status)

    asyncio.run(main())


def session(path: Path, run: str, kill_after: int | None, pause_us: int, seed: int) -> list[list]:
    """One engine process, killed after that many lines (None: left to end). Returns what it said."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        try:
            engine_process(path, run, write, seed)
        finally:
            os._exit(0)
    os.close(write)
    said: list[list] = []
    with os.fdopen(read, "rb") as lines:
        for line in lines:
            said.append(json.loads(line))
            if kill_after is not None and len(said) == kill_after:
                until = time.perf_counter() + pause_us / 1e6
                while time.perf_counter() < until:
                    pass
                os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return said


def books(path: Path, run: str) -> tuple[set[str], dict[str, str], str]:
    """(steps that have ended, pending steps, status) as the store has them after a kill."""
    if not path.exists():
        return set(), {}, "absent"
    with Store.open(path, read_only=True) as store:
        if run not in store:
            return set(), {}, "absent"
        graph = store.at(run)
        nodes = list(graph.nodes("Activity"))
        ended = {node.id for node in nodes if node.data["status"] in ("succeeded", "failed")}
        pending = {node.id for node in nodes if node.data.get("state") == "pending"}
        return ended, {id: f"{run}/{id}/1" for id in pending}, graph.header["status"]


def one_run(path: Path, run: str, kills: int, rng: random.Random, report: dict) -> int:
    """A run killed up to `kills` times, then left to end. Returns how often it was killed."""
    acknowledged: set[str] = set()
    under_way: dict[str, str] = {}
    killed = 0
    while True:
        last = killed == kills
        kill_after = None if last else rng.randrange(1, 12)
        said = session(path, run, kill_after, rng.choice([0, 0, 50, 200, 800, 2_000]), rng.randrange(1 << 30))
        starts = {words[1]: words[2] for words in said if words[0] == "start"}
        for step_id in acknowledged & starts.keys():
            report["run_again"].append([run, step_id])
        acknowledged |= {words[1] for words in said if words[0] == "ack"}
        ended, pending, status = books(path, run)
        report["lost"] += [[run, step_id] for step_id in acknowledged - ended]
        begun = ["begun"] in said
        for step_id, key in under_way.items():
            if begun and starts.get(step_id, key) != key:
                report["other_key"].append([run, step_id])
            if last and step_id not in starts and step_id not in acknowledged:
                report["not_run"].append([run, step_id])
        under_way = pending
        if last or (said and said[-1][0] == "end"):
            report["ended"][run] = status
            return killed
        killed += 1


def main() -> None:
    path, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    rng = random.Random(seed)
    report: dict = {"kills": 0, "run_again": [], "lost": [], "other_key": [], "not_run": [], "ended": {}}
    number = 0
    while report["kills"] < kills:
        report["kills"] += one_run(path, f"run-{number}", min(5, kills - report["kills"]), rng, report)
        number += 1
    with Store.open(path, read_only=True) as store:
        report["verify"] = store.verify().damage
        report["rebuilt"] = all(rebuild(store, run).root == store.head(run).root for run in report["ended"])
    print(json.dumps(report))


if __name__ == "__main__":
    main()
