"""One Envoy and its upstreams on loopback, for the findings about Envoy."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import envoy

TYPES = "type.googleapis.com/envoy"
ROUTER = {
    "name": "envoy.filters.http.router",
    "typed_config": {"@type": f"{TYPES}.extensions.filters.http.router.v3.Router"},
}

FAULT = "envoy.filters.http.fault"
_FAULT_KIND = {"@type": f"{TYPES}.extensions.filters.http.fault.v3.HTTPFault"}
FAULT_FILTER = {"name": FAULT, "typed_config": _FAULT_KIND}


def abort(**how: int) -> dict[str, Any]:
    """For a route: all of its requests are aborted, by `http_status` or `grpc_status`."""
    config = {**_FAULT_KIND, "abort": {**how, "percentage": {"numerator": 100}}}
    return {"typed_per_filter_config": {FAULT: config}}


class Received(NamedTuple):
    """One request as an upstream got it: the upstream's name, the path, headers in lower case."""

    by: str
    path: str
    headers: dict[str, str]


class Answer(NamedTuple):
    """What came back for one request: its status, headers in lower case, body."""

    status: int
    headers: dict[str, str]
    body: str


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str, headers: dict[str, str] | None = None) -> Answer:
    request = urllib.request.Request(url, headers=headers or {})
    try:
        reply = urllib.request.urlopen(request, timeout=10)
    except urllib.error.HTTPError as error:
        reply = error
    with reply:
        names = {name.lower(): value for name, value in reply.headers.items()}
        return Answer(reply.status, names, reply.read().decode())


def upstream(
    status: int = 200, after_s: float = 0.0, name: str = "", seen: list[Received] | None = None
) -> int:
    """Start a server that answers all with `status`, after so many seconds; return its port.

    What it got is added to `seen`, under its `name`.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            if seen is not None:
                headers = {key.lower(): value for key, value in self.headers.items()}
                seen.append(Received(name, self.path, headers))
            time.sleep(after_s)
            self.send_response(status)
            self.send_header("content-length", "2")
            self.end_headers()
            with contextlib.suppress(OSError):  # who asked may be gone
                self.wfile.write(b"ok")

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while received := self.request.recv(100):
            self.request.sendall(received)


def echo() -> int:
    """The port of a server that sends back what comes, on as many connections as there are."""
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Echo)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return int(server.server_address[1])


def address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def cluster(name: str, *ports: int, **more: Any) -> dict[str, Any]:
    endpoints = [{"endpoint": {"address": address(port)}} for port in ports]
    assignment = {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]}
    return {"name": name, "type": "STATIC", "load_assignment": assignment, **more}


def route(prefix: str, to: str, **more: Any) -> dict[str, Any]:
    return {"name": prefix, "match": {"prefix": prefix}, "route": {"cluster": to}, **more}


class Envoy:
    """An Envoy with one listener, whose routes and listeners come from files it watches."""

    def __init__(
        self,
        clusters: list[dict[str, Any]],
        routes: list[dict[str, Any]],
        log_format: dict[str, Any] | None = None,
        filters: list[dict[str, Any]] | None = None,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self.admin_port, self.port = free_port(), free_port()
        self._log_format = log_format or {}
        self._filters = filters or []
        self.serve_routes("1", routes)
        self.serve_listener("1", {})
        (self.folder / "envoy.json").write_text(json.dumps(self.bootstrap(clusters)))

    def bootstrap(self, clusters: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "node": {"id": "finding", "cluster": "finding"},
            "admin": {"address": address(self.admin_port)},
            "static_resources": {"clusters": clusters},
            "dynamic_resources": {"lds_config": self.source("listeners")},
        }

    def source(self, name: str) -> dict[str, Any]:
        path = str(self.folder / f"{name}.json")
        return {"path_config_source": {"path": path}, "resource_api_version": "V3"}

    def write(self, name: str, version: str, *resources: dict[str, Any]) -> None:
        """Offer resources in a file of this name, all at once."""
        new = self.folder / f"{name}.new"
        new.write_text(json.dumps({"version_info": version, "resources": resources}))
        new.rename(self.folder / f"{name}.json")

    def serve_routes(self, version: str, routes: list[dict[str, Any]]) -> None:
        """Offer a route configuration of one virtual host to the running Envoy."""
        hosts = [{"name": "all", "domains": ["*"], "routes": routes}]
        kind = f"{TYPES}.config.route.v3.RouteConfiguration"
        self.write("routes", version, {"@type": kind, "name": "routes", "virtual_hosts": hosts})

    def serve_listener(self, version: str, more: dict[str, Any]) -> None:
        """Offer the listener with `more` in its HTTP connection manager."""
        log = {
            "@type": f"{TYPES}.extensions.access_loggers.file.v3.FileAccessLog",
            "path": str(self.folder / "access.log"),
            **({"log_format": self._log_format} if self._log_format else {}),
        }
        manager = {
            "@type": f"{TYPES}.extensions.filters.network"
            ".http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "finding",
            "rds": {"route_config_name": "routes", "config_source": self.source("routes")},
            "access_log": [{"name": "file", "typed_config": log}],
            "http_filters": [*self._filters, ROUTER],
            **more,
        }
        chain = {"filters": [{"name": "manager", "typed_config": manager}]}
        kind = f"{TYPES}.config.listener.v3.Listener"
        listener = {"@type": kind, "name": "listener", "address": address(self.port)}
        self.write("listeners", version, {**listener, "filter_chains": [chain]})

    def __enter__(self) -> Envoy:
        binary = next(
            path
            for path in Path(envoy.__file__).parent.rglob("envoy*")
            if path.is_file() and os.access(path, os.X_OK)
        )
        options = [
            "--concurrency",
            "1",
            "--disable-hot-restart",
            "--file-flush-interval-msec",
            "50",
        ]
        with (self.folder / "stderr").open("w") as errors:
            command = [str(binary), "-c", str(self.folder / "envoy.json"), *options, "-l", "error"]
            self._process = subprocess.Popen(command, stderr=errors)
        until(self._serves)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()

    def _serves(self) -> bool:
        if self._process.poll() is not None:
            raise SystemExit((self.folder / "stderr").read_text())
        try:
            return self.admin("/ready").status == 200 and self.get("/").status > 0
        except OSError:
            return False

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        return get(f"http://127.0.0.1:{self.port}{path}", headers)

    def admin(self, path: str) -> Answer:
        return get(f"http://127.0.0.1:{self.admin_port}{path}")

    def stat(self, name: str) -> int:
        """The value of one counter or gauge, by Envoy's own name for it."""
        lines = self.admin("/stats?filter=^" + name.replace(".", "%5C.") + "$").body
        return int(lines.rpartition(": ")[2] or 0)

    def log(self, lines: int) -> list[str]:
        """The access log, once it has so many lines."""
        path = self.folder / "access.log"
        until(lambda: path.exists() and len(path.read_text().splitlines()) >= lines)
        return path.read_text().splitlines()


class DynamicEnvoy(Envoy):
    """Its clusters come from a file that it watches, too."""

    def bootstrap(self, clusters: list[dict[str, Any]]) -> dict[str, Any]:
        self.offer("1", *clusters)
        whole = super().bootstrap([])
        whole["dynamic_resources"]["cds_config"] = self.source("clusters")
        return whole

    def offer(self, version: str, *clusters: dict[str, Any]) -> None:
        """Offer these clusters to the running Envoy, and no other."""
        kind = f"{TYPES}.config.cluster.v3.Cluster"
        self.write("clusters", version, *({"@type": kind, **one} for one in clusters))


def until(condition: Any, seconds: float = 60) -> None:
    """Wait for a condition; give up with a message of its own."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("what the finding waits for did not come")
        time.sleep(0.05)


def verdict(seen: Any, expected: Any) -> None:
    """End the script: 0 while the surprise is still there, 1 once it is gone."""
    print("still there" if seen == expected else f"changed: was {expected!r}")
    raise SystemExit(seen != expected)
