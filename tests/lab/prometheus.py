"""A real Prometheus that scrapes the lab's pods every second."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.harness import Api, until
from tests.unit.promtool import require

SERVICES = "/api/v1/namespaces/istio-system"
_FILTER = "istio_requests_total|istio_request_duration"


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running server. `process` is ours: it is stopped, paused and killed by its own id."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=1) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def until_scraped_for(self, seconds: int) -> None:
        """Wait until what the sidecars counted lies so far behind it too."""
        query = f"istio_requests_total offset {seconds}s"
        until(lambda: self.ask(query), 60 + seconds, f"{seconds} s of scrapes")

    def scraped_all(self, seconds: int, *, every: int) -> bool:
        """Whether no scrape of a target has failed or was left out in the last `seconds`."""
        tried, succeeded = f"count_over_time(up[{seconds}s])", f"sum_over_time(up[{seconds}s])"
        return not self.ask(f"{tried} < {seconds // every} or {succeeded} < {tried}")

    def ask(self, promql: str) -> list[Any]:
        query = urllib.parse.urlencode({"query": promql})
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{query}", timeout=20) as answer:
            return list(json.load(answer)["data"]["result"])

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def running(api: Api, clusters: Sequence[str] = ("lab",)) -> Iterator[Prometheus]:
    """Scrapes the pods there are now, at their own addresses, as annotations on pods make it.

    Of several `clusters` each has all of them.
    """
    require("prometheus")
    with tempfile.TemporaryDirectory(prefix="prom-") as directory:
        place, port = Path(directory), _free_port()
        (place / "prometheus.yml").write_text(json.dumps(_config(api, clusters)))
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={place}/prometheus.yml",
                f"--storage.tsdb.path={place}/data",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=error",
            ],
            env={"PATH": os.environ["PATH"]},
        )
        found = Prometheus(process, port)
        try:
            until(lambda: found.ready, 20, "Prometheus to be ready")
            yield found
        finally:
            process.kill()
            process.wait()


def _config(api: Api, clusters: Sequence[str]) -> dict[str, Any]:
    pods = api.call("GET", "/api/v1/pods")["items"]
    groups = [
        {
            "targets": [f"{pod['status']['podIP']}:15020"],
            "labels": {"pod": pod["metadata"]["name"], "cluster": cluster},
        }
        for pod in pods
        for cluster in clusters
    ]
    job = {
        "job_name": "kubernetes-pods",
        "metrics_path": "/stats/prometheus",
        "params": {"usedonly": [""], "filter": [_FILTER]},
        "static_configs": groups,
    }
    return {"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}


def install(api: Api, prometheus: Prometheus) -> None:
    """Put it into the cluster, as a service of Istio's own namespace."""
    meta = {"name": "prometheus", "namespace": "istio-system"}
    ports = [{"name": "http", "port": 9090, "targetPort": prometheus.port}]
    api.call("POST", f"{SERVICES}/services", {"metadata": meta, "spec": {"ports": ports}})
    subset = {
        "addresses": [{"ip": "127.0.0.1"}],
        "ports": [{"name": "http", "port": prometheus.port}],
    }
    api.call("POST", f"{SERVICES}/endpoints", {"metadata": meta, "subsets": [subset]})


def remove(api: Api) -> None:
    for kind in ("endpoints", "services"):
        api.call("DELETE", f"{SERVICES}/{kind}/prometheus")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
