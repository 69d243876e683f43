"""From Enter to the accepted patch, beside `kubectl apply` of the same rule.

`python -m tests.bench.bench_change [--services 100] [--rounds 7] [--line 200,5] [--json]`: on a lab
that serves a synthetic mesh. What is measured of the screen begins with the key that decides and
ends when the API server has answered the write: the journal, what the proxies refused so far, and
the patch; kubectl begins with its process. Medians of milliseconds; they alternate. Over a `--line`
with round trips of so many milliseconds, that loses so many of a hundred connections, the median
is given in round trips, too.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from meshtui.changes.change import Shift, Target
from meshtui.mesh.model import ServiceKey
from meshtui.operations.live import LiveCockpit
from meshtui.operations.options import Options
from meshtui.operations.types import ProgressStep
from tests.bench import said
from tests.bench.bad_line import through
from tests.bench.count_commands import lab
from tests.bench.synthetic import objects

SERVICE = ServiceKey("shop-0", "service-7")
STARTED_S = 60.0
READS_S = 2.0
"""As long as somebody looks at what is going to be written; meanwhile the proxies are asked."""


def rule(first: int) -> str:
    """As a file that somebody edited."""
    made = next(
        one.body for one in objects(8)
        if one.body.get("kind") == "VirtualService" and one.body["metadata"]["name"] == SERVICE.name
    )  # fmt: skip
    document: dict[str, Any] = json.loads(json.dumps(made))
    document["apiVersion"] = "networking.istio.io/v1"
    parts = document["spec"]["http"][-1]["route"]
    for part, weight in zip(parts, (first, 100 - first, 0), strict=True):
        part["weight"] = weight
    return json.dumps(document)


def applied_ms(kubeconfig: Path, first: int) -> float:
    began = time.perf_counter()
    words = ["kubectl", "--kubeconfig", str(kubeconfig), "apply", "--server-side"]
    words += ["--force-conflicts", "-f", "-"]
    subprocess.run(words, input=rule(first), text=True, check=True, capture_output=True)
    return 1000 * (time.perf_counter() - began)


async def entered_ms(cockpit: LiveCockpit, first: int) -> float:
    plan = await cockpit.plan(Shift({"v1": first, "v2": 100 - first, "v3": 0}), Target(SERVICE))
    await asyncio.sleep(READS_S)
    accepted: list[float] = []

    def report(step: ProgressStep) -> None:
        if step.text not in ("journal", "write") and not accepted:
            accepted.append(time.perf_counter())

    began = time.perf_counter()
    outcome = await cockpit.apply(plan, report)
    if not outcome.applied:
        raise SystemExit(f"the change was not made: {outcome.sentence}")
    return 1000 * ((accepted[0] if accepted else time.perf_counter()) - began)


async def compared(kubeconfig: Path, rounds: int) -> tuple[list[float], list[float]]:
    options = Options(kubeconfig=str(kubeconfig), wait_s=0.1, prometheus="http://127.0.0.1:9")
    cockpit = LiveCockpit(options)
    await cockpit.connect()
    own, theirs = [], []
    try:
        async with asyncio.timeout(STARTED_S):
            async for snapshot in cockpit.snapshots():
                if snapshot.mesh.knows("pods"):
                    break
        for number in range(rounds):
            own.append(await entered_ms(cockpit, 50 + number % 40))
            theirs.append(await asyncio.to_thread(applied_ms, kubeconfig, 10 + number % 30))
    finally:
        await cockpit.close()
    return own, theirs


def figures(services: int, rounds: int, line: str) -> said.Figures:
    with ExitStack() as stack:
        kubeconfig = stack.enter_context(lab(services))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        os.environ["XDG_STATE_HOME"] = str(folder)
        trip_ms, _, lost = line.partition(",")
        if line:
            bad = through(kubeconfig, folder, float(trip_ms) / 2000, float(lost or 0) / 100)
            kubeconfig = stack.enter_context(bad)
        own, theirs = asyncio.run(compared(kubeconfig, rounds))
    here, there = statistics.median(own), statistics.median(theirs)
    found = {"Enter, ms": here, "kubectl apply, ms": there, "ratio": here / there}
    return found | ({"round trips": here / float(trip_ms)} if line else {})


if __name__ == "__main__":
    said.run(__doc__, figures, services=100, rounds=7, line="")
