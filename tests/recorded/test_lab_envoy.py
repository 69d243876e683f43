"""A real Envoy takes what the lab makes of the recorded meshes, and refuses what one refused."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meshtui.lab.pods.envoy import envoy_path
from tests.recorded.cases import load
from tests.recorded.lab_meshes import Sent, lab_names, sent
from tests.recorded.test_lab_api_routes import CASES as API_CASES
from tests.recorded.test_lab_api_routes import of_the_lab
from tests.recorded.test_lab_api_routes import sent as sent_to

Obj = dict[str, Any]
_MANAGER = (
    "type.googleapis.com/envoy.extensions.filters.network."
    "http_connection_manager.v3.HttpConnectionManager"
)
_ROUTER = {
    "name": "envoy.filters.http.router",
    "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
}
STORED = [name for name in lab_names() if not load(name).refused]
REFUSED = [name for name in STORED if "envoy_refused" in load(name).recorded]


def _asked(tmp_path: Path, resources: Obj) -> tuple[int, str]:
    """Whether an Envoy would start with these, and what it says."""
    bootstrap = tmp_path / "bootstrap.json"
    node = {"id": "sidecar~127.0.0.1~x.y~y", "cluster": "x.y"}
    bootstrap.write_text(json.dumps({"node": node, "static_resources": resources}))
    command = [envoy_path(), "--mode", "validate", "-c", str(bootstrap), "-l", "error"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    return ran.returncode, ran.stdout + ran.stderr


def _tables(made: Sent) -> list[Obj]:
    return [{k: v for k, v in table.items() if k != "@type"} for table in made.tables.values()]


def _listening(number: int, table: Obj) -> Obj:
    """A listener whose only purpose is a route table."""
    manager = {"@type": _MANAGER, "stat_prefix": "x", "http_filters": [_ROUTER]}
    filters = [
        {
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {**manager, "route_config": table},
        }
    ]
    return _at(number, {"name": f"table-{number}", "filter_chains": [{"filters": filters}]})


def _at(number: int, listener: Obj) -> Obj:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": 10000 + number}}
    return {**listener, "address": address, "bind_to_port": False}


def _plain(resource: Obj, name: str) -> Obj:
    return {**{k: v for k, v in resource.items() if k != "@type"}, "name": name}


def _everything() -> Iterator[tuple[str, Sent]]:
    for name in STORED:
        if name not in REFUSED:
            client, gateway = sent(load(name))
            yield f"{name} client", client
            yield f"{name} gateway", gateway
    for name in API_CASES:
        case = of_the_lab(load(name, "gateway-api"))
        for who in case.recorded["proxies"]:
            yield f"{name} {who}", sent_to(case, who)


def test_an_envoy_takes_all_routes_and_clusters(tmp_path: Path) -> None:
    listeners: list[Obj] = []
    clusters: dict[str, Obj] = {}
    for name, made in _everything():
        listeners += [_listening(len(listeners) + n, t) for n, t in enumerate(_tables(made))]
        for found in made.clusters.values():
            key = json.dumps({k: v for k, v in found.items() if k != "metadata"}, sort_keys=True)
            clusters.setdefault(key, _plain(found, f"{name} {found['name']}"))
    resources = {"listeners": listeners, "clusters": list(clusters.values())}
    code, said = _asked(tmp_path, resources)
    assert code == 0, said[-2000:]


def test_an_envoy_takes_the_listeners_of_connections(tmp_path: Path) -> None:
    listeners = []
    for name, made in _everything():
        if "gate" in name or "tcp" in name or "tls" in name:
            for found in made.listeners.values():
                listeners.append(_at(len(listeners), _plain(found, f"{name} {found['name']}")))
    xds = {"name": "xds", "type": "STATIC", "load_assignment": {"cluster_name": "xds"}}
    code, said = _asked(tmp_path, {"listeners": listeners, "clusters": [xds]})
    assert code == 0, said[-2000:]


@pytest.mark.parametrize("name", REFUSED)
def test_an_envoy_refuses_what_one_refused(name: str, tmp_path: Path) -> None:
    case = load(name)
    client, _ = sent(case)
    told = case.recorded["envoy_refused"].split(" (the whole route configuration")[0]
    listeners = [_listening(n, table) for n, table in enumerate(_tables(client))]
    code, said = _asked(tmp_path, {"listeners": listeners})
    assert code != 0
    assert _words(told) in _words(said)


def test_an_envoy_refuses_a_redirect_without_a_code(tmp_path: Path) -> None:
    case = load("go-authority")
    rule = {"redirect": {"uri": "/b", "redirectCode": 305}}
    odd = [
        {**obj, "spec": {**obj["spec"], "http": [rule]}} if obj["kind"] == "VirtualService" else obj
        for obj in case.objects
    ]
    client, _ = sent(replace(case, objects=tuple(odd)))
    listeners = [_listening(n, table) for n, table in enumerate(_tables(client))]
    assert _asked(tmp_path, {"listeners": listeners})[0] != 0


def _words(text: str) -> str:
    return " ".join(text.split())
