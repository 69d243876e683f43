"""A mesh under test: its objects through the API server, its traffic through real Envoys."""

from __future__ import annotations

import http.client
import itertools
import json
import ssl
import time
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import yaml

from meshtui.lab.client import Answer
from meshtui.lab.process import RunningLab

ISTIO = "/apis/networking.istio.io/v1/namespaces/default"
PODS, SERVICES = (f"/api/v1/namespaces/default/{kind}" for kind in ("pods", "services"))
Obj = dict[str, Any]


def until(condition: Callable[[], Any], seconds: float = 60.0, what: str = "") -> Any:
    """Wait until the condition gives something; the answer is what it gave."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what or condition}")
        time.sleep(0.01)
    return found


class Api:
    """The lab's Kubernetes API, as its admin."""

    def __init__(self, lab: RunningLab) -> None:
        config = yaml.safe_load(lab.kubeconfig.read_text())
        self._server = urlsplit(config["clusters"][0]["cluster"]["server"])
        self._token = config["users"][0]["user"]["token"]

    def call(self, method: str, path: str, body: Any = None, kind: str = "json") -> Any:
        connection = http.client.HTTPSConnection(
            self._server.netloc, context=ssl._create_unverified_context(), timeout=20
        )
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": f"application/{kind}",
        }
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        assert response.status < 300, f"{method} {path}: {response.status} {text}"
        return json.loads(text) if text.startswith("{") else text

    def replace_spec(self, path: str, spec: Obj) -> None:
        patch = [{"op": "replace", "path": "/spec", "value": spec}]
        self.call("PATCH", path, patch, "json-patch+json")

    def pods(self, app: str) -> list[Obj]:
        path = f"/api/v1/namespaces/default/pods?labelSelector=app%3D{app}"
        return list(self.call("GET", path)["items"])

    def log(self, pod: str, container: str = "istio-proxy") -> list[str]:
        path = f"/api/v1/namespaces/default/pods/{pod}/log?container={container}"
        return str(self.call("GET", path)).splitlines()


class Mesh:
    """Changes rules, waits until productpage's proxy has them, and sends requests through it."""

    _numbers = itertools.count(1)

    def __init__(self, lab: RunningLab) -> None:
        self.lab = lab
        self.api = Api(lab)
        self._saved: dict[str, Obj] = {}
        self._made: list[str] = []
        self._labels: dict[str, Obj] = {}

    def route(self, *rules: Obj) -> str:
        """Give `reviews` these rules; returns, with a word of its own, when they are in force."""
        marker = f"test-{next(self._numbers)}"
        self.write_rules(*(rule | {"name": marker} for rule in rules))
        self.until_routed(marker)
        return marker

    def write_rules(self, *rules: Obj, service: str = "reviews") -> None:
        """Write a service's rules as they are, and wait for nothing."""
        spec = {"hosts": [service], "http": list(rules)}
        self._replace(f"{ISTIO}/virtualservices/{service}", spec)

    def until_routed(self, text: str, workload: str = "productpage-v1") -> None:
        until(lambda: f'"{text}"' in self.routes(workload), what=f"a route named {text}")

    def routes(self, workload: str = "productpage-v1") -> str:
        return self.lab.admin(workload, "/config_dump?resource=dynamic_route_configs")

    def clusters(self, workload: str = "productpage-v1") -> dict[str, Obj]:
        """The clusters of the config dump, by name."""
        path = "/config_dump?resource=dynamic_active_clusters"
        found = json.loads(self.lab.admin(workload, path))["configs"]
        return {entry["cluster"]["name"]: entry["cluster"] for entry in found}

    def destination_rule(self, policy: Obj | None = None, subsets: list[Obj] | None = None) -> None:
        """Replace what the DestinationRule of `reviews` says."""
        usual = [{"name": v, "labels": {"version": v}} for v in ("v1", "v2", "v3")]
        spec: Obj = {"host": "reviews", "subsets": subsets or usual}
        spec |= {"trafficPolicy": policy} if policy else {}
        self.replace_destination_rule(spec)

    def replace_destination_rule(self, spec: Obj) -> None:
        self._replace(f"{ISTIO}/destinationrules/reviews", spec)

    def create(self, plural: str, obj: Obj) -> None:
        self.api.call("POST", f"{ISTIO}/{plural}", {"apiVersion": "networking.istio.io/v1"} | obj)
        self._made.append(f"{ISTIO}/{plural}/{obj['metadata']['name']}")

    def create_service(self, name: str, selector: Obj) -> None:
        """A Service of port 9080 beside those that are there."""
        spec = {"selector": selector, "ports": [{"name": "http", "port": 9080}]}
        self.api.call("POST", SERVICES, {"metadata": {"name": name}, "spec": spec})
        self._made.append(f"{SERVICES}/{name}")

    def relabel(self, pod: str, labels: Obj) -> None:
        """Change labels of a running pod; None takes one away."""
        path = f"{PODS}/{pod}"
        if path not in self._labels:
            before = self.api.call("GET", path)["metadata"]["labels"]
            self._labels[path] = {name: before.get(name) for name in labels}
        patch = {"metadata": {"labels": labels}}
        self.api.call("PATCH", path, patch, "merge-patch+json")

    def send(self, count: int, path: str = "/", **options: Any) -> list[Answer]:
        """Requests from productpage's pod to `reviews`."""
        chosen = {"via": "productpage", "host": "reviews:9080", **options}
        return self.lab.send(count, path, **chosen)

    def log_lines(self, text: str, count: int = 1, app: str = "productpage") -> list[str]:
        """The access-log lines that hold a text, as soon as there are so many."""
        pod = self.api.pods(app)[0]["metadata"]["name"]

        def found() -> list[str]:
            lines = [line for line in self.api.log(pod) if text in line]
            return lines if len(lines) >= count else []

        return list(until(found, what=f"{count} lines with {text}"))

    def restore(self) -> None:
        """Put everything back as it was."""
        for path in self._made:
            self.api.call("DELETE", path)
        for path, labels in self._labels.items():
            patch = {"metadata": {"labels": labels}}
            self.api.call("PATCH", path, patch, "merge-patch+json")
        for path, spec in self._saved.items():
            self.api.replace_spec(path, spec)
        for version in ("v1", "v2", "v3"):
            self.lab.set(f"reviews-{version}", errors="0", latency="0")
        if self._labels:
            until(self._has_endpoints, what="an endpoint for each version again")
        for kept in (self._made, self._saved, self._labels):
            kept.clear()
        self.lab.reset()

    def _has_endpoints(self) -> bool:
        """Whether each version of reviews has its pod again, as its caller's proxy knows it."""
        listed = json.loads(self.lab.admin("productpage-v1", "/clusters?format=json"))
        found = {
            one["name"]: len(one.get("host_statuses", ())) for one in listed["cluster_statuses"]
        }
        host = "reviews.default.svc.cluster.local"
        return all(found.get(f"outbound|9080|{v}|{host}") == 1 for v in ("v1", "v2", "v3"))

    def _replace(self, path: str, spec: Obj) -> None:
        if path not in self._saved:
            self._saved[path] = self.api.call("GET", path)["spec"]
        self.api.replace_spec(path, spec)


def to(subset: str, weight: int | None = None) -> Obj:
    """A destination of `reviews`."""
    entry: Obj = {"destination": {"host": "reviews", "subset": subset}}
    return entry if weight is None else entry | {"weight": weight}


def served(answers: list[Answer]) -> Counter[str]:
    return Counter(answer.served_by for answer in answers)


def statuses(answers: list[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


def flags(line: str) -> str:
    """The response flags of an access-log line."""
    return line.split('" ', 1)[1].split(" ")[1]


def within_three_sigma(found: int, total: int, share: float) -> bool:
    sigma = (total * share * (1 - share)) ** 0.5
    return abs(found - total * share) <= 3 * sigma
