"""A proxy's routes on the screen, beside Envoy's own time to serve them.

`python -m tests.bench.bench_routes [--services 1000] [--rounds 5] [--json]`: a real Envoy has a
virtual host for each of so many services, with three routes. Medians of milliseconds: from asking
until the answer is there, and from asking until the pane has laid out a screen of it.
"""

from __future__ import annotations

import gc
import json
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from meshtui.envoy.proxy import INLINE_ROUTES_PATH
from meshtui.envoy.virtual_hosts import parse_tables, routes_in
from meshtui.lab.pods.envoy import envoy_path
from meshtui.mesh.json_text import decode
from meshtui.mesh.model import Pod
from meshtui.operations.proxies.proxy_reads import ROUTES, ProxyReads
from meshtui.ui import garbage
from meshtui.ui.panes.proxies.table import table_of
from tests.bench import said

WIDTH, LINES, UP_S = 158, 40, 60.0


def virtual_host(number: int) -> dict[str, Any]:
    name, space = f"service-{number}", f"shop-{number // 100}"
    host = f"{name}.{space}.svc.cluster.local"
    parts = [
        {"name": f"outbound|9080|{version}|{host}", "weight": weight}
        for version, weight in (("v1", 80), ("v2", 15), ("v3", 5))
    ]
    header = {"name": "end-user", "string_match": {"exact": "jason"}}
    config = f"/apis/networking.istio.io/v1/namespaces/{space}/virtual-service/{name}"
    shared = {
        "metadata": {"filter_metadata": {"istio": {"config": config}}},
        "decorator": {"operation": f"{host}:9080/*"},
    }
    retry = {"retry_on": "connect-failure,refused-stream,unavailable", "num_retries": 2}
    routes = [
        {"match": {"prefix": "/", "headers": [header]}, "route": {"cluster": parts[2]["name"]}},
        {"match": {"prefix": "/api"}, "route": {"cluster": parts[0]["name"], "timeout": "3s"}},
        {"match": {"prefix": "/"}, "route": {"weighted_clusters": {"clusters": parts}}},
    ]
    for route in routes:
        route["route"]["retry_policy"] = retry
        route |= shared
    address = f"10.96.{number >> 8}.{number & 255}"
    domains = [host, f"{name}.{space}", f"{name}.{space}.svc", address]
    return {"name": f"{host}:9080", "domains": domains, "routes": routes}


def bootstrap(services: int, admin: int) -> dict[str, Any]:
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3"
        ".HttpConnectionManager",
        "stat_prefix": "bench",
        "http_filters": [
            {
                "name": "router",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
                },
            }
        ],
        "route_config": {
            "name": "9080",
            "validate_clusters": False,
            "virtual_hosts": [virtual_host(number) for number in range(services)],
        },
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    place = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
    return {
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": admin}}},
        "static_resources": {"listeners": [{"address": place, "filter_chains": [chain]}]},
    }


@contextmanager
def envoy(services: int) -> Iterator[str]:
    """The URL of its routes."""
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        admin = free.getsockname()[1]
        config = Path(folder, "envoy.json")
        config.write_text(json.dumps(bootstrap(services, admin)))
        free.close()
        words = [envoy_path(), "-c", str(config), "--disable-hot-restart", "-l", "error"]
        process = subprocess.Popen([*map(str, words), "--concurrency", "1"])
        try:
            url, until = f"http://127.0.0.1:{admin}{INLINE_ROUTES_PATH}", time.monotonic() + UP_S
            while True:
                try:
                    fetch(url)
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > until:
                        raise SystemExit("the Envoy does not come up") from None
                    time.sleep(0.05)
            yield url
        finally:
            process.kill()
            process.wait()


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return bytes(answer.read())


def shown(body: bytes, pod: Pod) -> int:
    """How many routes there are, once a screen of them is laid out."""
    tables = parse_tables(decode(body))
    hosts = [host for table in tables for host in table.hosts]
    routes = tuple(route for host in hosts for route in routes_in(host, host.routes))
    table = table_of(ProxyReads(ROUTES, pod, routes=routes)).fitted(WIDTH)
    for line in range(LINES):
        table.line(line)
    return len(routes)


def took_ms(work: Callable[[], object], rounds: int) -> float:
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        found.append(1000 * (time.perf_counter() - began))
    return statistics.median(found)


def figures(services: int, rounds: int) -> said.Figures:
    pod = Pod("default", "bench")
    gc.set_threshold(garbage.YOUNG, garbage.MIDDLE, garbage.NEVER)  # as the screen does
    with envoy(services) as url:
        routes = shown(fetch(url), pod)
        if routes != 3 * services:
            raise SystemExit(f"{routes} routes are shown, not {3 * services}")
        bare = took_ms(lambda: fetch(url), rounds)
        own = took_ms(lambda: shown(fetch(url), pod), rounds)
    return {"Envoy's own, ms": bare, "on the screen, ms": own, "ratio": own / bare}


if __name__ == "__main__":
    said.run(__doc__, figures, services=1000, rounds=5)
