"""What a Prometheus says of a synthetic mesh: `python -m tests.bench.prometheus_answers SERVICES`.

A server in a process of its own, which says its port and serves until its input ends. Nothing of
PromQL is in it: it knows the kinds of queries that there are. The numbers move with every answer,
and each version has as many buckets as Istio gives it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tests.bench.synthetic import namespace

VERSIONS = ("v1", "v2", "v3")
BOUNDS = (
    *("0.5", "1", "5", "10", "25", "50", "100", "250", "500", "1000", "2500", "5000", "10000"),
    *("30000", "60000", "300000", "600000", "1.8e+06", "3.6e+06", "+Inf"),
)
TURNS, SCRAPE_S = 3, 15.0
Row = dict[str, Any]


def labels_of(number: int, version: str) -> dict[str, str]:
    space, name = namespace(number), f"service-{number}"
    return {
        "destination_canonical_revision": version,
        "destination_service": f"{name}.{space}.svc.cluster.local",
        "destination_service_name": name,
        "destination_service_namespace": space,
        "destination_version": version,
        "destination_workload": f"{name}-{version}",
        "destination_workload_namespace": space,
        "reporter": "source",
        "source_workload_namespace": space,
    }


def row(at: float, value: float, **labels: str) -> Row:
    return {"metric": labels, "value": [at, str(value)]}


def requests(services: int, turn: int, at: float) -> list[Row]:
    """Five series of each version."""
    answers = (("200", "-"), ("404", "-"), ("500", "-"), ("503", "UF"), ("503", "UO"))
    return [
        row(at, 100 + (number + 7 * turn) % 50, **labels_of(number, version),
            request_protocol="http", response_code=code, grpc_response_status="",
            response_flags=flags)
        for number in range(services) for version in VERSIONS for code, flags in answers
    ]  # fmt: skip


def durations(services: int, turn: int, at: float) -> list[Row]:
    """Twenty series of each version."""
    return [
        row(at, min(20 * (place + 1) + turn, 400), **labels_of(number, version), le=bound)
        for number in range(services)
        for version in VERSIONS
        for place, bound in enumerate(BOUNDS)
    ]


def clients(services: int, at: float) -> list[Row]:
    rows = []
    for number in range(services):
        named = labels_of(number, "v1")
        caller = {"source_workload": f"service-{(number + 1) % services}-v1"}
        wanted = {k: v for k, v in named.items() if k.startswith("destination_service")}
        space = {"source_workload_namespace": named["source_workload_namespace"]}
        rows.append(row(at, 1, reporter="source", **wanted, **caller, **space))
    return rows


def body(shape: str, rows: list[Row]) -> bytes:
    document = {"status": "success", "data": {"resultType": shape, "result": rows}}
    return json.dumps(document, separators=(",", ":")).encode()


def kind_of(query: str) -> str:
    """What this build asks for, and older ones."""
    if query.startswith("topk"):
        return "newest clients" if "source_workload" in query else "newest"
    starts = {"up{": "scrapes", "count by": "clients", "label_replace": "state", "count(": "state"}
    found = next((kind for start, kind in starts.items() if query.startswith(start)), "")
    if found or not query.lstrip("(").startswith("sum "):
        return found
    return "durations" if "_bucket" in query else "requests"


@cache
def large(services: int, kind: str, turn: int) -> bytes:
    at = time.time()
    if kind == "clients":
        return body("vector", clients(services, at))
    return body("vector", {"requests": requests, "durations": durations}[kind](services, turn, at))


def answer(services: int, kind: str) -> bytes:
    now = time.time()
    scraped = now - now % SCRAPE_S
    if kind.startswith("newest"):
        rows = [row(now, scraped, job="istio", instance="10.0.0.1:15020")]
        named = clients(services, now) if kind == "newest clients" else []
        rows += [{**one, "metric": {**one["metric"], "what": "clients"}} for one in named]
        return body("vector", rows)
    if kind == "scrapes":
        times = [scraped - SCRAPE_S * n for n in reversed(range(60))]
        return body("matrix", [{"metric": {}, "values": [[at, "1"] for at in times]}])
    if kind == "state":
        rows = [row(now, services * 9, what="read"), row(now, scraped, what="scraped")]
        return body("vector", [*rows, row(now, scraped - 60, what="scraped before")])
    if not kind:
        return body("vector", [])
    return large(services, kind, int(now / SCRAPE_S) % TURNS)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    services = 0

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        data = answer(self.services, kind_of(form["query"][0]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


@contextmanager
def serving(services: int) -> Iterator[str]:
    """Its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.prometheus_answers", str(services)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert process.stdin and process.stdout
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


def main(services: int) -> None:
    for kind in ("requests", "durations"):
        for turn in range(TURNS):
            large(services, kind, turn)
    handler = type("Handler", (_Handler,), {"services": services})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
