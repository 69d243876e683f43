"""Routes of the Gateway API on a live cluster: a shift is verified, measured and undone.

At a Gateway, at a Service, and for connections; counted by what the apps answer. It needs what
`test_meshes.py` needs, the Gateway API, and a controller for Gateways of class `istio`.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from tests.lab.harness import until, within_three_sigma
from tests.lab.operator import Operator
from tests.live.test_meshes import get, workload

Obj = dict[str, Any]
GROUP = "gateway.networking.k8s.io"
GATE_LABEL = f"{GROUP}/gateway-name"
PLURALS = {"HTTPRoute": "httproutes", "TCPRoute": "tcproutes"}
REQUESTS = 3000
VERSIONS = ("v1", "v2")
PORTS = {"reviews": "http", "raw": "tcp"}
"""What is spoken on the port of each Service; behind both are the same pods."""


@dataclass(frozen=True, slots=True)
class Place:
    """A namespace with a client of each Service, and a Gateway."""

    name: str
    callers: dict[str, str]
    gateway: str

    def send(self, through: str, n: int = REQUESTS) -> Counter[str]:
        """Which version answered: through the Gateway, or as the client of a Service."""
        with ThreadPoolExecutor(8) as pool:
            return Counter(pool.map(lambda _: self._one(through), range(n)))

    def _one(self, through: str) -> str:
        if through == "gate":
            status, found = get(f"http://{self.gateway}/", "reviews.test")
            return str(found["pod"]).split("-")[1] if status == 200 else str(status)
        while True:
            status, outer = get(f"http://{self.callers[through]}:9080/")
            if status != 200:
                return f"client {status}"
            found = outer["calls"][0]
            if "pod" in found:
                return str(found["pod"]).split("-")[1]
            if isinstance(found["error"], int):  # else its resolver had a bad moment
                return str(found["error"])


def route(kind: str, name: str, parent: Obj, service: str, **spec: Any) -> Obj:
    backends = [
        {"name": f"{service}-{version}", "port": 9080, "weight": weight}
        for version, weight in zip(VERSIONS, (90, 10), strict=True)
    ]
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"parentRefs": [parent], "rules": [{"backendRefs": backends}], **spec},
    }


def to_service(name: str) -> Obj:
    return {"group": "", "kind": "Service", "name": name}


ROUTES = {
    "reviews": route("HTTPRoute", "reviews", to_service("reviews"), "reviews"),
    "raw": route("TCPRoute", "raw", to_service("raw"), "raw"),
    "gate": route("HTTPRoute", "edge", {"name": "gate"}, "reviews", hostnames=["reviews.test"]),
}
"""By what goes by it: the client of a Service, or what comes through the Gateway."""


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    image = os.environ.get("MESHTUI_LIVE_IMAGE")
    if not image:
        pytest.skip("MESHTUI_LIVE_IMAGE names no image of the app")
    config.load_kube_config()
    core, apps, custom = client.CoreV1Api(), client.AppsV1Api(), client.CustomObjectsApi()
    name = f"meshtui-routes-{secrets.token_hex(3)}"
    try:
        meta = {"name": name, "labels": {"istio-injection": "enabled"}}
        core.create_namespace({"metadata": meta})
        for service, port in PORTS.items():
            for version in ("", *VERSIONS):
                labels = {"app": "reviews"} | ({"version": version} if version else {})
                spec = {"selector": labels, "ports": [{"name": port, "port": 9080}]}
                named = {"name": f"{service}-{version}".rstrip("-")}
                core.create_namespaced_service(name, {"metadata": named, "spec": spec})
            calls = f"http://{service}.{name}:9080/"
            body = workload(f"to-{service}", f"to-{service}", "v1", image, APP_CALLS=calls)
            apps.create_namespaced_deployment(name, body)
        for version in VERSIONS:
            body = workload(f"reviews-{version}", "reviews", version, image)
            apps.create_namespaced_deployment(name, body)
        listeners = [{"name": "http", "port": 80, "protocol": "HTTP"}]
        gate = {"gatewayClassName": "istio", "listeners": listeners}
        made = {"apiVersion": f"{GROUP}/v1", "kind": "Gateway", "metadata": {"name": "gate"}}
        create = custom.create_namespaced_custom_object
        create(GROUP, "v1", name, "gateways", {**made, "spec": gate})
        for one in ROUTES.values():
            create(GROUP, "v1", name, PLURALS[one["kind"]], one)
        yield reachable(core, name)
    finally:
        core.delete_namespace(name)


def reachable(core: client.CoreV1Api, name: str) -> Place:
    def pods() -> dict[str, Any]:
        items = core.list_namespaced_pod(name).items
        return {
            pod.metadata.labels.get(GATE_LABEL) or pod.metadata.labels.get("app", ""): pod
            for pod in items
            if any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions or ())
        }

    wanted = {"gate", "reviews", *(f"to-{service}" for service in PORTS)}
    until(lambda: wanted <= pods().keys(), 120, "the pods of the mesh")
    found = pods()
    callers = {service: found[f"to-{service}"].status.pod_ip for service in PORTS}
    there = Place(name, callers, found["gate"].status.pod_ip)
    for through in ROUTES:
        until(lambda one=through: "v1" in there.send(one, 3), 60, f"an answer through {through}")
    return there


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(Path(os.environ["KUBECONFIG"]), tmp_path)


@pytest.mark.parametrize("through", list(ROUTES))
def test_a_shift_is_verified_measured_and_undone(
    through: str, place: Place, operator: Operator
) -> None:
    one = ROUTES[through]
    service = "raw" if through == "raw" else "reviews"
    asked = service if through != "gate" else f"{service}-v1"
    rule = f"{one['kind']}/{place.name}/{one['metadata']['name']}/0"
    words = ("-n", place.name, "-o", "json", "--yes", "--force")
    ran = operator.run("shift", asked, f"{service}-v2=30", "--rule", rule, *words)
    assert ran.status == 0, ran.err
    assert ran.json["verified"] is True and ran.json["proxies"]["in_sync"] > 0
    counted = place.send(through)
    assert counted.keys() == set(VERSIONS), counted
    assert within_three_sigma(counted["v2"], REQUESTS, 0.3), counted
    undone = operator.run("undo", ran.json["change"], *words)
    assert undone.status == 0, undone.err
    stored = client.CustomObjectsApi().get_namespaced_custom_object(
        GROUP, "v1", place.name, PLURALS[one["kind"]], one["metadata"]["name"]
    )
    weights = [part["weight"] for part in stored["spec"]["rules"][0]["backendRefs"]]
    assert weights == [90, 10]
