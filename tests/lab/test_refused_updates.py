"""What a real Envoy says of updates that it has refused, and what is read of it."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshtui.envoy.listeners import ProxyListener, parse_listeners
from meshtui.envoy.proxy import count_rejected
from meshtui.lab.pods.envoy import envoy_path
from tests.lab.harness import until

Obj = dict[str, Any]
TYPE = "type.googleapis.com/envoy"
KINDS = {
    "cds": f"{TYPE}.config.cluster.v3.Cluster",
    "rds": f"{TYPE}.config.route.v3.RouteConfiguration",
    "lds": f"{TYPE}.config.listener.v3.Listener",
}
CLUSTER: Obj = {"name": "good", "type": "STATIC"}
HOST: Obj = {"name": "v", "domains": ["*"], "routes": []}
UNKNOWN: Obj = {
    "name": "nope",
    "typed_config": {"@type": "type.googleapis.com/google.protobuf.Struct"},
}


class Served:
    """An Envoy that reads its clusters, routes and listeners from files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, kind: str, *resources: Obj) -> None:
        """Puts a file in place as a whole: only a rename is noticed."""
        text = json.dumps({"resources": [{"@type": KINDS[kind], **one} for one in resources]})
        made = self.folder / f"{kind}.new"
        made.write_text(text)
        made.replace(self.folder / f"{kind}.json")

    def source(self, kind: str) -> Obj:
        return {"path_config_source": {"path": str(self.folder / f"{kind}.json")}}

    def listener(self, name: str, *filters: Obj) -> Obj:
        address = {"pipe": {"path": str(self.folder / name)}}
        return {"name": name, "address": address, "filter_chains": [{"filters": [*filters]}]}

    def http(self) -> Obj:
        manager = f"{TYPE}.extensions.filters.network.http_connection_manager.v3"
        router = {"@type": f"{TYPE}.extensions.filters.http.router.v3.Router"}
        config = {
            "@type": f"{manager}.HttpConnectionManager",
            "stat_prefix": "x",
            "rds": {"route_config_name": "r", "config_source": self.source("rds")},
            "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
        }
        return {"name": "http", "typed_config": config}

    def get(self, path: str) -> str:
        connection = http.client.HTTPConnection("envoy", timeout=20)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self.folder / "admin"))
        connection.request("GET", path)
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    def rejected(self) -> int:
        return count_rejected(self.get("/stats?usedonly&filter=update_rejected$"))

    def ready(self) -> bool:
        try:
            return self.get("/ready").startswith("LIVE")
        except OSError:
            return False


@pytest.fixture
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("e"))
    served.write("cds", CLUSTER)
    served.write("rds", {"name": "r", "virtual_hosts": [HOST]})
    served.write("lds", served.listener("old", served.http()))
    bootstrap = {
        "node": {"id": "x", "cluster": "x"},
        "admin": {"address": {"pipe": {"path": str(served.folder / "admin")}}},
        "dynamic_resources": {
            "cds_config": served.source("cds"),
            "lds_config": served.source("lds"),
        },
    }
    config = served.folder / "bootstrap.json"
    config.write_text(json.dumps(bootstrap))
    options = ["--concurrency", "1", "--disable-hot-restart", "-l", "off"]
    process = subprocess.Popen([envoy_path(), "-c", str(config), *options])
    try:
        until(served.ready, 60, "the Envoy")
        yield served
    finally:
        process.kill()
        process.wait()


def listeners(envoy: Served) -> dict[str, ProxyListener]:
    dump = json.loads(envoy.get("/config_dump?resource=dynamic_listeners"))
    found = parse_listeners(dump)
    assert len({one.name for one in found}) == len(found)
    return {one.name: one for one in found}


def test_a_refused_listener_has_the_proxys_words_and_others_are_only_counted(envoy: Served) -> None:
    assert listeners(envoy)["old"].refused == ""
    limits = {"minimum_ring_size": 9_000_000, "maximum_ring_size": 1}
    envoy.write(
        "cds", CLUSTER, {**CLUSTER, "lb_policy": "RING_HASH", "ring_hash_lb_config": limits}
    )
    until(lambda: envoy.rejected() == 1, 60, "the refused clusters")
    envoy.write("rds", {"name": "r", "virtual_hosts": [{**HOST, "domains": ["*", "*"]}]})
    until(lambda: envoy.rejected() == 2, 60, "the refused routes")
    envoy.write("lds", envoy.listener("old", UNKNOWN), envoy.listener("new", UNKNOWN))
    until(lambda: envoy.rejected() == 3, 60, "the refused listeners")
    found = listeners(envoy)
    assert sorted(found) == ["new", "old"]
    assert all("implementation for 'nope'" in one.refused for one in found.values())
    assert (found["old"].routes, found["new"].routes) == (("r",), ())
    for kind in ("dynamic_active_clusters", "dynamic_warming_clusters", "dynamic_route_configs"):
        assert "error_state" not in envoy.get(f"/config_dump?resource={kind}")
