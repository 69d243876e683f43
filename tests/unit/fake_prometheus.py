"""An HTTP server that answers meshtui's queries as told; nothing of PromQL is in it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

NOW = 1_700_000_000.0
"""The server's clock; it stands still."""

BOUNDS = ("1", "5", "10", "25", "+Inf")

Row = dict[str, Any]


@dataclass
class Fake:
    """What it says, by kind of query; `asked` is what it was asked, with the method."""

    url: str = ""
    requests: list[Row] = field(default_factory=list)
    durations: list[Row] = field(default_factory=list)
    clients: list[Row] = field(default_factory=list)
    calls: list[Row] = field(default_factory=list)
    hour: list[Row] = field(default_factory=list)
    """How long requests took in the hour before."""

    past_requests: list[Row] = field(default_factory=list)
    past_durations: list[Row] = field(default_factory=list)
    past_beside: list[Row] = field(default_factory=list)
    """What filters have denied over time."""

    age: float = 1.0
    interval: float = 15.0
    scraped_for: float = 3600.0
    down: int = 0
    denied: list[Row] = field(default_factory=list)
    """What the filters of workloads denied, and who counts nothing."""

    sent: list[Row] = field(default_factory=list)
    """What gateways sent on; a part of the query for the state."""

    warnings: list[str] = field(default_factory=list)
    delay: float = 0.0
    drip: bool = False
    status: int = 200
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    only: str = ""
    """Where set, `status` and `body` are the answer to this kind of query alone."""

    asked: list[tuple[str, str]] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    auth: list[str] = field(default_factory=list)
    orgs: list[str] = field(default_factory=list)
    """The tenants that were named."""

    @property
    def kinds(self) -> list[str]:
        return [kind for _, kind in self.asked]

    def answer(self, kind: str) -> tuple[int, str]:
        if (self.body is not None or self.status != 200) and self.only in ("", kind):
            return self.status, self.body or ""
        past = kind.startswith("past_")
        result = getattr(self, kind) if past else getattr(self, f"_{kind.replace(' ', '_')}")()
        shape = "matrix" if past or kind == "scrapes" else "vector"
        document = {"status": "success", "data": {"resultType": shape, "result": result}}
        return 200, json.dumps(document | {"warnings": self.warnings})

    def _newest(self) -> list[Row]:
        return [row(NOW - self.age, job="istio", instance="a:15020")] if self.age < 300 else []

    def _scrapes(self) -> list[Row]:
        count = int(min(self.scraped_for, 900) / self.interval) + 1
        times = [NOW - self.age - n * self.interval for n in reversed(range(count))]
        return [{"metric": {}, "values": [[t, "1"] for t in times]}]

    def _state(self) -> list[Row]:
        rows = [row(7, what="read"), row(NOW - self.age, what="scraped")]
        if self.scraped_for > 60:
            rows.append(row(NOW - self.age - 4 * self.interval, what="scraped before"))
        return rows + self.sent + ([row(self.down, what="down")] if self.down else [])

    def _beside(self) -> list[Row]:
        return self.denied

    def _requests(self) -> list[Row]:
        return self.requests

    def _durations(self) -> list[Row]:
        return self.durations

    def _newest_clients(self) -> list[Row]:
        named = [one | {"metric": one["metric"] | {"what": "clients"}} for one in self.clients]
        return self._newest() + named

    def _calls(self) -> list[Row]:
        return self.calls

    def _hour(self) -> list[Row]:
        return self.hour


def kind_of(query: str) -> str:
    if "connection_security_policy" in query:
        return "calls"
    if "[3600s] offset" in query:
        return "hour"
    starts = {
        "topk": "newest clients" if "source_workload" in query else "newest",
        "up{": "scrapes",
        "label_replace": "state",
        "label_join": "beside",
        "sum without": "durations" if "_bucket" in query else "requests",
    }
    return next(kind for start, kind in starts.items() if query.lstrip("(").startswith(start))


def series(values: dict[int, float | str], **labels: str) -> Row:
    """A row of a matrix: values by time."""
    return {"metric": labels, "values": [[at, str(value)] for at, value in values.items()]}


def row(value: float | str, **labels: str) -> Row:
    return {"metric": labels, "value": [NOW, str(value)]}


def requests_row(value: float | str, service: str = "reviews", **labels: str) -> Row:
    usual = {
        "reporter": "source",
        "destination_service_name": service,
        "destination_service_namespace": "default",
        "destination_version": "v1",
        "request_protocol": "http",
        "response_code": "200",
        "source_workload_namespace": "default",
    }
    return row(value, **{k: v for k, v in (usual | labels).items() if v})


def bucket_rows(counts: tuple[float, ...], service: str = "reviews", **labels: str) -> list[Row]:
    usual = {"response_code": "", "request_protocol": ""} | labels
    return [
        requests_row(count, service, **usual, le=bound)
        for bound, count in zip(BOUNDS, counts, strict=True)
    ]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: Fake

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {key: values[0] for key, values in parse_qs(body).items()}
        if "?" in self.path or not self.path.endswith(("/api/v1/query", "/api/v1/query_range")):
            self._send(404, "404 page not found")
            return
        kind = kind_of(form["query"])
        kind = f"past_{kind}" if self.path.endswith("_range") else kind
        self.fake.asked.append(("POST", kind))
        self.fake.forms.append(form)
        self.fake.auth.append(self.headers.get("Authorization", ""))
        self.fake.orgs.append(self.headers.get("X-Scope-OrgID", ""))
        time.sleep(self.fake.delay)
        self._send(*self.fake.answer(kind))

    def do_GET(self) -> None:
        self.fake.asked.append(("GET", self.path))
        self._send(200, "<html>log in</html>")

    def _send(self, status: int, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        for name, value in self.fake.headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            for piece in [bytes([b]) for b in data] if self.fake.drip else [data]:
                self.wfile.write(piece)
                self.wfile.flush()
                time.sleep(0.05 * self.fake.drip)
        except OSError:
            return

    def log_message(self, *_: Any) -> None:
        """A test has nothing to read here."""


@contextmanager
def serving() -> Iterator[Fake]:
    fake = Fake()
    handler = type("Handler", (_Handler,), {"fake": fake})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
