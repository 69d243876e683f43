"""The Gateway API on the lab: the loop of a change, seen in the proxies and at the applications."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from meshtui.lab.process import RunningLab
from tests.lab.harness import Mesh, served, statuses, until, within_three_sigma
from tests.lab.operator import Operator

Obj = dict[str, Any]
API = "gateway.networking.k8s.io/v1"
ROUTES = f"/apis/{API}/namespaces/default"
SERVICES = "/api/v1/namespaces/default/services"
SIDECAR, GATEWAY = "productpage-v1", "istio-ingressgateway"
ENOUGH, CONNECTIONS = 3000, 600


@pytest.fixture
def operator(lab: RunningLab, tmp_path: Path) -> Operator:
    return Operator(lab.kubeconfig, tmp_path)


class Made:
    """Objects of a test, which go with it."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self._paths: list[str] = []

    def create(self, collection: str, obj: Obj) -> str:
        self.mesh.api.call("POST", collection, obj)
        path = f"{collection}/{obj['metadata']['name']}"
        self._paths.append(path)
        return path

    def services(self, name: str, port: int, protocol: str) -> None:
        """A Service for all versions of `reviews`, and one for each of two."""
        for suffix, version in (("", {}), ("-v1", {"version": "v1"}), ("-v2", {"version": "v2"})):
            ports = [{"name": protocol, "port": port, "targetPort": 9080}]
            spec = {"selector": {"app": "reviews", **version}, "ports": ports}
            self.create(
                SERVICES,
                {
                    "apiVersion": "v1",
                    "kind": "Service",
                    "metadata": {"name": name + suffix},
                    "spec": spec,
                },
            )

    def route(self, kind: str, name: str, *backends: Obj, **spec: Any) -> str:
        parents = [{"group": "", "kind": "Service", "name": name}]
        rules = [{"backendRefs": list(backends)}]
        obj = {
            "apiVersion": API,
            "kind": kind,
            "metadata": {"name": name},
            "spec": {"parentRefs": parents, "rules": rules, **spec},
        }
        return self.create(f"{ROUTES}/{kind.lower()}s", obj)

    def spec(self, path: str) -> Obj:
        found: Obj = self.mesh.api.call("GET", path)["spec"]
        return found

    def remove(self) -> None:
        """Until the proxies have them no more: the next test may make others of the same names."""
        for path in reversed(self._paths):
            self.mesh.api.call("DELETE", path)
        for name in (path.rpartition("/")[2] for path in self._paths if SERVICES in path):
            text = f'"{name}.default.svc.cluster.local:'
            until(lambda text=text: text not in self.mesh.routes(), what=f"{name} to be gone")


@pytest.fixture
def made(mesh: Mesh) -> Iterator[Made]:
    found = Made(mesh)
    yield found
    found.remove()


def backend(name: str, weight: int, port: int = 9080) -> Obj:
    return {"name": name, "port": port, "weight": weight}


def has_share(count: Callable[[], Counter[str]], who: str, share: float) -> bool:
    """One of 370 rightful counts lies outside of three sigma: a second one may speak for it."""
    for _ in range(2):
        found = count()
        if within_three_sigma(found[who], found.total(), share):
            return True
    return False


def test_an_http_route_is_shifted_served_and_put_back(
    made: Made, operator: Operator, lab: RunningLab
) -> None:
    made.services("shelf", 9080, "http")
    path = made.route("HTTPRoute", "shelf", backend("shelf-v1", 100), backend("shelf-v2", 0))
    made.mesh.until_routed("default.shelf.0")
    before = made.spec(path)
    told = operator.change("shift", "shelf", "shelf-v1=90", "shelf-v2=10")
    assert told["applied"] is told["verified"] is True
    assert told["proxies"]["checked"] == told["proxies"]["in_sync"] > 0

    def requests() -> Counter[str]:
        lab.reset()
        found = served(made.mesh.send(ENOUGH, host="shelf:9080"))
        until(lambda: found <= counted(lab), what="counted by the applications")
        return found

    assert has_share(requests, "reviews-v2", 0.1)
    assert operator.change("undo")["verified"] is True
    assert made.spec(path) == before
    assert served(made.mesh.send(200, host="shelf:9080")) == {"reviews-v1": 200}


@pytest.mark.parametrize("by", ["python3", "curl", "wget"])
@pytest.mark.parametrize("ruled", [True, False], ids=["HTTPRoute", "no rule"])
def test_a_load_is_what_the_applications_counted(
    made: Made, operator: Operator, lab: RunningLab, ruled: bool, by: str
) -> None:
    if not shutil.which(by):
        pytest.skip(f"no {by} here")
    made.services("shelf", 9080, "http")
    if ruled:
        made.route("HTTPRoute", "shelf", backend("shelf-v1", 50), backend("shelf-v2", 50))
        made.mesh.until_routed("default.shelf.0")
    else:
        made.mesh.until_routed("shelf.default.svc.cluster.local:9080")
    lab.reset()
    ran = operator.run(
        *("load", "shelf", "--from", SIDECAR, "--rps", "20", "--for", "2s"),
        *("--by", by, "--yes", "-o", "json"),
    )
    assert ran.status == 0, ran.err
    found = ran.json
    assert found["codes"] == {"200": found["requests"]} and found["requests"] > 20
    at_the_applications = counted(lab)
    assert at_the_applications.total() == found["requests"], ran.err + logged(made)
    versions = {"reviews-v1", "reviews-v2"} | (set() if ruled else {"reviews-v3"})
    assert set(+at_the_applications) == versions
    asked = operator.run("request", "shelf", "--from", SIDECAR, "-o", "json", "--wait", "20s")
    assert asked.status == 0, asked.err
    assert counted(lab).total() == found["requests"] + 1
    assert asked.json["agrees"] is not False


def logged(made: Made) -> str:
    """What the pods' proxies logged of the last requests, to see whose they were."""
    pods = [pod["metadata"]["name"] for pod in made.mesh.api.pods("reviews")]
    return "\n".join(line for pod in pods for line in (pod, *made.mesh.api.log(pod)[-40:]))


def tcp_route(made: Made) -> str:
    first, second = backend("wire-v1", 80, 9090), backend("wire-v2", 20, 9090)
    return made.route("TCPRoute", "wire", first, second)


def tcp_rule(made: Made) -> str:
    route = [
        {"destination": {"host": f"wire-{version}"}, "weight": weight}
        for version, weight in (("v1", 80), ("v2", 20))
    ]
    obj = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "wire"},
        "spec": {"hosts": ["wire"], "tcp": [{"route": route}]},
    }
    return made.create("/apis/networking.istio.io/v1/namespaces/default/virtualservices", obj)


@pytest.mark.parametrize("weighted", [tcp_route, tcp_rule])
def test_weights_of_connections_are_shifted_served_and_put_back(
    weighted: Callable[[Made], str], made: Made, operator: Operator, lab: RunningLab
) -> None:
    """A request to a connection: what the applications count are connections."""
    made.services("wire", 9090, "tcp")
    path = weighted(made)
    listeners = "/config_dump?resource=dynamic_listeners"
    until(lambda: '"weight": 80' in lab.admin(SIDECAR, listeners))
    before = made.spec(path)

    def connections() -> Counter[str]:
        lab.reset()
        opened = opened_to(lab)
        closing = {"Connection": "close"}
        answers = made.mesh.send(CONNECTIONS, host="wire:9090", port=9090, headers=closing)
        found = served(answers)
        until(lambda: found <= counted(lab), what="counted by the applications")
        assert opened_to(lab) - opened == {
            name.replace("reviews", "wire"): count for name, count in found.items()
        }
        return found

    assert has_share(connections, "reviews-v2", 0.2)
    told = operator.change("shift", "wire", "wire-v1=50", "wire-v2=50")
    assert told["verified"] is True and told["proxies"]["in_sync"] > 0
    assert has_share(connections, "reviews-v2", 0.5)
    assert operator.change("undo")["verified"] is True
    assert made.spec(path) == before


def counted(lab: RunningLab) -> Counter[str]:
    return Counter({name: one["requests"] for name, one in lab.counts().items()})


def opened_to(lab: RunningLab) -> Counter[str]:
    """How many connections the caller's proxy has opened to each Service that has a share."""
    lines = lab.admin(SIDECAR, "/stats?filter=wire-v[12].*upstream_cx_total$").splitlines()
    found = (line.rpartition(": ") for line in lines)
    return Counter({name.split("|")[3].split(".")[0]: int(count) for name, _, count in found})


def test_a_route_at_a_gateway_answers_500_for_the_share_of_what_is_not_there(
    made: Made, operator: Operator, lab: RunningLab
) -> None:
    made.services("shelf", 9080, "http")
    everybody = {"namespaces": {"from": "All"}}
    listener = {"name": "web", "port": 80, "protocol": "HTTP", "hostname": "shelf.test"}
    service = f"{GATEWAY}.istio-system.svc.cluster.local"
    gateway = {
        "apiVersion": API,
        "kind": "Gateway",
        "metadata": {"name": "door"},
        "spec": {
            "gatewayClassName": "istio",
            "addresses": [{"type": "Hostname", "value": service}],
            "listeners": [listener | {"allowedRoutes": everybody}],
        },
    }
    door = made.create(f"/apis/{API}/namespaces/istio-system/gateways", gateway)
    path = made.route(
        "HTTPRoute",
        "shelf",
        backend("shelf-v1", 50),
        backend("nosuch", 50),
        parentRefs=[{"name": "door", "namespace": "istio-system"}],
    )
    made.mesh.until_routed("default.shelf.0", GATEWAY)
    answers = made.mesh.send(400, via="gateway", host="shelf.test")
    assert set(statuses(answers)) == {200, 500}

    def reasons(of: str) -> Obj:
        status = made.mesh.api.call("GET", of)["status"]
        (entry,) = status.get("parents") or [status]
        return {one["type"]: one["reason"] for one in entry["conditions"]}

    unresolved = {"Accepted": "Accepted", "ResolvedRefs": "BackendNotFound"}
    until(lambda: reasons(path) == unresolved)
    until(lambda: reasons(door)["Programmed"] == "Programmed")
    whole = {"op": "replace", "path": "/spec/rules/0/backendRefs/1/name", "value": "shelf-v2"}
    made.mesh.api.call("PATCH", path, [whole], "json-patch+json")
    until(lambda: "shelf-v2" in made.mesh.routes(GATEWAY))
    told = operator.change("shift", "shelf-v1", "shelf-v1=90", "shelf-v2=10")
    assert told["verified"] is True

    def requests() -> Counter[str]:
        return served(made.mesh.send(ENOUGH, via="gateway", host="shelf.test"))

    assert has_share(requests, "reviews-v2", 0.1)
