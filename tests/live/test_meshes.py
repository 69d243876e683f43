"""Each verb on meshes with several objects: the write reaches the traffic, or it is refused.

Counted by what the apps answer. It needs pods whose addresses can be reached from here, an ingress
gateway labelled `istio=ingressgateway`, and an image of an app that answers with a JSON object
of its `pod` and its `calls` (see `Apps`), whose name is in MESHTUI_LIVE_IMAGE.
"""

from __future__ import annotations

import json
import os
import secrets
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from tests.lab.harness import until
from tests.lab.operator import Operator, Ran
from tests.live.conftest import GROUP, VERSION
from tests.live.meshes import FAR, HERE, MESHES, VERSIONS, LiveMesh, Obj

PLURALS = {
    "Gateway": "gateways",
    "VirtualService": "virtualservices",
    "DestinationRule": "destinationrules",
    "ServiceEntry": "serviceentries",
}
N = 80
"""Requests a count: a version with a fifth of them is missed once in 10⁷ counts."""

Count = Counter[str]


def get(url: str, host: str = "") -> tuple[int, Any]:
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        error.read()
        return error.code, None


@dataclass(frozen=True, slots=True)
class Apps:
    """A client that calls `reviews`, whose v3 takes 0.7 s, in one of two namespaces."""

    here: str
    far: str
    domain: str
    addresses: dict[str, str]
    gateway: str

    def put(self, text: str) -> str:
        """With the real names in place of those that stand for them."""
        for version in VERSIONS:
            text = text.replace(f"ADDRESS-OF-{version}", self.addresses[version])
        return text.replace(HERE, self.here).replace(FAR, self.far).replace("DOMAIN", self.domain)

    def send(self, edge: bool = False, n: int = N) -> Count:
        """Who answered: a version, or a status."""
        with ThreadPoolExecutor(8) as pool:
            return Counter(pool.map(lambda _: self._one(edge), range(n)))

    def _one(self, edge: bool) -> str:
        if edge:
            status, found = get(f"http://{self.gateway}:8080/", f"{self.here}.test")
        else:
            status, outer = get(f"http://{self.addresses['client']}:9080/")
            if status != 200:
                return f"client {status}"
            found = outer["calls"][0]
            status = found.get("error", 200)
            if not isinstance(status, int):  # it sent no request: its resolver had a bad moment
                return self._one(edge)
        return str(found["pod"]).split("-")[1] if status == 200 else str(status)

    def received(self, version: str) -> int:
        """Requests that the version's own proxy has counted."""
        url = f"http://{self.addresses[version]}:15020/stats/prometheus"
        with urllib.request.urlopen(url, timeout=15) as answer:
            lines = answer.read().decode().splitlines()
        return sum(
            int(float(line.rsplit(" ", 1)[1]))
            for line in lines
            if line.startswith("istio_requests_total") and 'reporter="destination"' in line
        )


def workload(name: str, app: str, version: str, image: str, **env: str) -> Obj:
    labels = {"app": app, "version": version}
    container = {
        "name": "app",
        "image": image,
        "env": [{"name": key, "value": value} for key, value in env.items()],
        "ports": [{"containerPort": 9080}],
    }
    return {
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


@pytest.fixture(scope="module")
def apps(contexts: frozenset[str]) -> Iterator[Apps]:
    image = os.environ.get("MESHTUI_LIVE_IMAGE")
    if not image:
        pytest.skip("MESHTUI_LIVE_IMAGE names no image of the app")
    config.load_kube_config()
    core, deployments = client.CoreV1Api(), client.AppsV1Api()
    here, far = (f"meshtui-{side}-{secrets.token_hex(3)}" for side in ("here", "far"))
    try:
        for name in (here, far):
            labels = {"istio-injection": "enabled"}
            core.create_namespace({"metadata": {"name": name, "labels": labels}})
        for app in ("client", "reviews"):
            spec = {"selector": {"app": app}, "ports": [{"name": "http", "port": 9080}]}
            core.create_namespaced_service(here, {"metadata": {"name": app}, "spec": spec})
        made = [workload("client-v1", "client", "v1", image, APP_CALLS="http://reviews:9080/")]
        for version in VERSIONS:
            delay = "700" if version == "v3" else "0"
            name = f"reviews-{version}"
            made.append(workload(name, "reviews", version, image, APP_DELAY_MS=delay))
        for body in made:
            deployments.create_namespaced_deployment(here, body)
        yield reachable(core, here, far)
    finally:
        for name in (here, far):
            core.delete_namespace(name)


def reachable(core: client.CoreV1Api, here: str, far: str) -> Apps:
    def pods() -> list[Any]:
        found: list[Any] = core.list_namespaced_pod(here).items
        return found

    def ready() -> bool:
        found = pods()
        conditions = [c for pod in found for c in pod.status.conditions or ()]
        return (
            len(found) == 4
            and sum(c.type == "Ready" and c.status == "True" for c in conditions) == 4
        )

    until(ready, 120, "the pods of the mesh")
    addresses = {
        "client" if pod.metadata.labels["app"] == "client" else pod.metadata.labels["version"]: (
            pod.status.pod_ip
        )
        for pod in pods()
    }
    (gateway,) = core.list_pod_for_all_namespaces(label_selector="istio=ingressgateway").items[:1]
    domain = os.environ.get("MESHTUI_LIVE_DOMAIN", "cluster.local")
    found = Apps(here, far, domain, addresses, gateway.status.pod_ip)
    try:
        until(lambda: "v1" in found.send(n=3), 60, "an answer through the mesh")
    except OSError as error:
        pytest.skip(f"the pods' addresses cannot be reached from here: {error}")
    return found


@dataclass(frozen=True, slots=True)
class Objects:
    """The Istio objects of both namespaces."""

    apps: Apps
    custom: client.CustomObjectsApi

    def write(self, mesh: LiveMesh) -> None:
        """One after the other: the age of an object counts in seconds."""
        self.clear()
        last = 0.0
        for given in json.loads(self.apps.put(json.dumps(mesh.objects))):
            kind, where = given["kind"], given["metadata"]["namespace"]
            if kind == "VirtualService":
                time.sleep(max(0.0, last + 1.1 - time.monotonic()))
                last = time.monotonic()
            self.custom.create_namespaced_custom_object(GROUP, VERSION, where, PLURALS[kind], given)

    def clear(self) -> None:
        for name in (self.apps.here, self.apps.far):
            for plural in PLURALS.values():
                self.custom.delete_collection_namespaced_custom_object(GROUP, VERSION, name, plural)

    def read(self) -> dict[tuple[str, str, str], Obj]:
        return {
            (name, plural, item["metadata"]["name"]): item["spec"]
            for name in (self.apps.here, self.apps.far)
            for plural in PLURALS.values()
            for item in self.custom.list_namespaced_custom_object(GROUP, VERSION, name, plural)[
                "items"
            ]
        }


@pytest.fixture(scope="module")
def objects(apps: Apps) -> Iterator[Objects]:
    found = Objects(apps, client.CustomObjectsApi())
    yield found
    found.clear()


@pytest.fixture(params=list(MESHES), scope="module")
def mesh(request: pytest.FixtureRequest, objects: Objects) -> LiveMesh:
    found = MESHES[request.param]
    objects.write(found)
    split = {"v1", "v2", "v3"}
    until(lambda: objects.apps.send(found.edge).keys() == split, 60, "the mesh's own weights")
    return found


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Operator:
    return Operator(Path(os.environ["KUBECONFIG"]), tmp_path_factory.mktemp("operator"))


Effect = Callable[[Apps, bool, Any], None]


def answered_by(*names: str) -> Effect:
    def seen(apps: Apps, edge: bool, _: Any) -> None:
        assert apps.send(edge).keys() == set(names)

    return seen


def only_stable(apps: Apps, edge: bool, answer: Any) -> None:
    assert apps.send(edge).keys() == {answer["stable"]}


def all_copied_to_v2(apps: Apps, edge: bool, _: Any) -> None:
    before = apps.received("v2")
    sent = apps.send(edge)
    until(lambda: apps.received("v2") >= before + sent.total(), 20, "the copies")


VERBS: dict[str, tuple[tuple[str, ...], Effect]] = {
    "shift": (("v1=0", "v2=100"), answered_by("v2")),
    "promote": (("v2",), answered_by("v2")),
    "rollback": ((), only_stable),
    "mirror": (("--to", "v2"), all_copied_to_v2),
    "fault": (("--abort", "418"), answered_by("418")),
    "timeout": (("300ms", "--retries", "0"), answered_by("v1", "v2", "504")),
}


def run(operator: Operator, apps: Apps, *words: str) -> Ran:
    return operator.run(*words, "-n", apps.here, "-o", "json", "--yes", "--force")


@pytest.mark.parametrize("verb", list(VERBS))
def test_a_verb_reaches_the_traffic_or_writes_nothing(
    verb: str, mesh: LiveMesh, objects: Objects, operator: Operator
) -> None:
    apps, before = objects.apps, objects.read()
    words, effect = VERBS[verb]
    rule = ("--rule", mesh.rule) if mesh.rule else ()
    ran = run(operator, apps, verb, "reviews", *words, *rule)
    if verb in mesh.refused:
        assert ran.status in {1, 2}, ran.err
        assert mesh.refused[verb] in ran.err
        assert objects.read() == before
        return
    assert ran.status == 0, ran.err
    answer = ran.json
    assert (answer["applied"], answer["verified"]) == (True, True), answer
    effect(apps, mesh.edge, answer)
    undone = run(operator, apps, "undo", answer["change"])
    assert undone.status == 0, undone.err
    assert objects.read() == before
    split = {"v1", "v2", "v3"}
    assert apps.send(mesh.edge).keys() == split
