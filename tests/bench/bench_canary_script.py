"""A canary that turns bad: the autopilot beside the script that it replaces.

`python -m tests.bench.bench_canary_script [SECONDS] [ERRORS]`: in one lab with a real Prometheus
and 50 requests/s of users. The script is the well-known one: for each weight `kubectl patch`,
`sleep SECONDS` (300), ask Prometheus for the error rate of the last minute, go back where it is
over 1 %. The autopilot has the same ladder and SECONDS a step. Five seconds after the 25 % step is
served the canary begins to answer ERRORS (20 %) of its requests with 500. Printed: the time from
then until the canary answers no more requests, and how many requests of users failed meanwhile.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from meshtui.lab.process import RunningLab, spawn
from tests.lab import prometheus as server
from tests.lab.harness import ISTIO, Api, Mesh, Obj, to
from tests.lab.operator import Operator
from tests.lab.traffic import Traffic

VS = f"{ISTIO}/virtualservices/reviews"
RPS = 50
FAULT_AFTER_S = 5.0
START: Obj = {"name": "all", "retries": {"attempts": 0}, "route": [to("v1", 100), to("v3", 0)]}
SCRIPT = r"""
query() { curl -sG "$PROMETHEUS/api/v1/query" --data-urlencode "query=$1" |
  jq -r '.data.result[0].value[1] // "0"'; }
shift_to() { kubectl patch virtualservice reviews --type json -p \
  "[{\"op\":\"replace\",\"path\":\"/spec/http/0/route/0/weight\",\"value\":$((100 - $1))},
    {\"op\":\"replace\",\"path\":\"/spec/http/0/route/1/weight\",\"value\":$1}]" >/dev/null; }
ALL='istio_requests_total{reporter="source",destination_service_name="reviews",destination_version="v3"'
for weight in 25 50 75 100; do
  shift_to $weight
  sleep "$SECONDS_A_STEP"
  errors=$(query "sum(rate($ALL,response_code=~\"5..\"}[1m])) / sum(rate($ALL}[1m]))")
  if awk "BEGIN { exit !($errors > 0.01) }"; then shift_to 0; exit 6; fi
done
"""


def measured(
    mesh: Mesh, errors: str, begin: Callable[[], subprocess.Popen[str]]
) -> tuple[float, int, int]:
    """Seconds from the fault until stable has all, failed requests, the driver's exit status."""
    mesh.lab.set("reviews-v3", errors="0", latency="0")
    mesh.write_rules(START)
    mesh.until_routed("all")
    with Traffic(mesh.lab, "reviews", RPS) as traffic:
        process = begin()
        while mesh.api.call("GET", VS)["spec"]["http"][0]["route"][1]["weight"] != 25:
            time.sleep(0.1)
        time.sleep(FAULT_AFTER_S)
        before = len(traffic.answers)
        mesh.lab.set("reviews-v3", errors=errors)
        fault, last = time.monotonic(), time.monotonic()
        seen = before
        while process.poll() is None or time.monotonic() < last + 3:
            time.sleep(0.1)
            new, seen = traffic.answers[seen:], len(traffic.answers)
            if any(answer.served_by == "reviews-v3" for answer in new):
                last = time.monotonic()
    failed = sum(answer.status >= 500 for answer in traffic.answers[before:])
    return last - fault, failed, process.returncode


def main(seconds: str = "300", errors: str = "20%") -> None:
    os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="ml-")
    with spawn(scenario="healthy", rps=0) as lab:
        lab.send(1, via="productpage", host="reviews:9080")
        with server.running(Api(lab)) as prometheus:
            time.sleep(20)
            _compare(lab, prometheus.url, seconds, errors)


def _compare(lab: RunningLab, url: str, seconds: str, errors: str) -> None:
    mesh, home = Mesh(lab), Path(tempfile.mkdtemp(prefix="op-"))
    operator = Operator(lab.kubeconfig, home)
    words = ("--steps", "25,50,75,100", "--every", f"{seconds}s", "--yes", "--prometheus", url)

    def autopilot() -> subprocess.Popen[str]:
        return operator.start("canary", "run", "reviews", "--to", "v3", *words)

    def script() -> subprocess.Popen[str]:
        env = {**operator.env, "PROMETHEUS": url, "SECONDS_A_STEP": seconds}
        return subprocess.Popen(["bash", "-c", SCRIPT], env=env, text=True)

    rows = {
        "autopilot": measured(mesh, errors, autopilot),
        "script": measured(mesh, errors, script),
    }
    print(f"{errors} errors at 25 % of {RPS} requests/s, {seconds} s a step")
    for name, (took, failed, status) in rows.items():
        print(f"{name:10} {took:7.1f} s  {failed:6} failed requests  exit status {status}")
    ratios = [rows["script"][at] / max(rows["autopilot"][at], 0.1) for at in (0, 1)]
    print(f"the script takes {ratios[0]:.0f} times as long and fails {ratios[1]:.0f} times as many")


if __name__ == "__main__":
    main(*sys.argv[1:])
