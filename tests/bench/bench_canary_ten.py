"""What canaries cost: ten in one process beside ten processes of the script that they replace.

`python -m tests.bench.bench_canary_ten [SECONDS]`: ten services in one lab, 10 requests/s to each;
both sides run for SECONDS (60) on a step that lasts longer, counts every 5 s against the script's
sleep and one query a minute. Printed: CPU seconds and the memory that is nobody else's (PSS), of
the process and all that it started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from meshtui.lab.process import RunningLab, spawn
from tests.bench.bench_canary_script import SCRIPT
from tests.lab import prometheus as server
from tests.lab.harness import ISTIO, Api
from tests.lab.traffic import Traffic

NAMES = [f"shop-{number}" for number in range(10)]
SERVICES = "/api/v1/namespaces/default/services"
TICK = os.sysconf("SC_CLK_TCK")


def make(api: Api) -> None:
    """Ten services on the pods of reviews, each with a rule of its own."""
    for name in NAMES:
        meta = {"name": name, "namespace": "default"}
        ports = [{"name": "http", "port": 9080, "targetPort": 9080}]
        spec = {"selector": {"app": "reviews"}, "ports": ports}
        api.call("POST", SERVICES, {"metadata": meta, "spec": spec})
        subsets = [{"name": v, "labels": {"version": v}} for v in ("v1", "v3")]
        routes = [
            {"destination": {"host": name, "subset": v}, "weight": w}
            for v, w in (("v1", 100), ("v3", 0))
        ]
        rule = {"name": "all", "retries": {"attempts": 0}, "route": routes}
        for plural, kind, spec in (
            ("destinationrules", "DestinationRule", {"host": name, "subsets": subsets}),
            ("virtualservices", "VirtualService", {"hosts": [name], "http": [rule]}),
        ):
            body = {"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": meta}
            api.call("POST", f"{ISTIO}/{plural}", {**body, "spec": spec})


def family(pid: int) -> list[int]:
    """The process and all that it started and that is still there."""
    found, children = [pid], Path(f"/proc/{pid}/task/{pid}/children")
    for child in children.read_text().split() if children.exists() else ():
        found += family(int(child))
    return found


def cpu_s(pids: Sequence[int]) -> float:
    """Of the processes and of their children that have ended."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        total += sum(map(int, fields[11:15]))
    return total / TICK


def pss_mb(pids: Sequence[int]) -> float:
    lines = (Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() for pid in pids)
    return sum(int(x.split()[1]) for text in lines for x in text if x.startswith("Pss:")) / 1024


def cost(processes: Sequence[subprocess.Popen[bytes]], seconds: float) -> tuple[float, float]:
    """CPU seconds while they run, and their memory at the end."""
    time.sleep(10)
    before = cpu_s([process.pid for process in processes])
    time.sleep(seconds)
    used = cpu_s([process.pid for process in processes]) - before
    memory = pss_mb([pid for process in processes for pid in family(process.pid)])
    for process in processes:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
    return used, memory


def main(seconds: str = "60") -> None:
    os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="ml-")
    with spawn(scenario="healthy", rps=0) as lab:
        make(Api(lab))
        lab.send(1, via="productpage", host="reviews:9080")
        with server.running(Api(lab)) as prometheus:
            streams = [Traffic(lab, name, 10) for name in NAMES]
            for stream in streams:
                stream.__enter__()
            try:
                _compare(lab, prometheus.url, float(seconds))
            finally:
                for stream in streams:
                    stream.__exit__(None, None, None)


def _compare(lab: RunningLab, url: str, seconds: float) -> None:
    home = Path(tempfile.mkdtemp(prefix="op-"))
    env = {
        **os.environ,
        "KUBECONFIG": str(lab.kubeconfig),
        "XDG_STATE_HOME": str(home),
        "PROMETHEUS": url,
        "SECONDS_A_STEP": "50",
    }
    plan = home / "plan.yaml"
    each = {"to": "v3", "steps": "10,50", "every": "30m", "interval": "5s"}
    plan.write_text(yaml.safe_dump([{"service": name, **each} for name in NAMES]))
    time.sleep(20)
    with (home / "out").open("w+b") as out:
        command = [sys.executable, "-m", "meshtui", "canary", "run", "--plan", str(plan), "--yes"]
        words = ["--prometheus", url]
        autopilot = subprocess.Popen(
            [*command, *words], env=env, stdout=out, stderr=out, start_new_session=True
        )
        one = cost([autopilot], seconds)
        out.seek(0)
        lines = out.read().decode().splitlines()
    watched = {line.split()[1] for line in lines if "(observing) · errors" in line}
    scripts = [
        subprocess.Popen(
            ["bash", "-c", SCRIPT.replace("reviews", name)],
            env=env, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for name in NAMES
    ]  # fmt: skip
    ten = cost(scripts, seconds)
    print(f"{len(watched)} of {len(NAMES)} canaries were judged; {seconds:g} s")
    for name, (used, memory) in (("ten in one process", one), ("ten scripts", ten)):
        print(f"{name:20} {used / seconds:6.1%} of a core  {memory:6.1f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
