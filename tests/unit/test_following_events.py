"""Event by event, a mesh comes to the same as if all of it were read anew."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from functools import cached_property
from typing import Any

import pytest

from meshtui.lab.synthetic.objects import objects
from meshtui.mesh.measured_views import MeasuredViews
from meshtui.mesh.model import Mesh
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.parsed import ParsedObjects
from meshtui.mesh.resolution import world
from meshtui.mesh.resolution.idle_routes import without_effect
from meshtui.mesh.resolution.listeners import open_listeners
from meshtui.mesh.signals import Responder, Sample, Signals
from meshtui.mesh.structure import Structure
from meshtui.mesh.successor import INDEXES, difference, hand_on
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.view import ServiceView, measured, structure
from tests.recorded import composed, composed_more
from tests.recorded.cases import PLURALS, load
from tests.unit.objects import Obj

LIMITS = Thresholds()
KINDS = {**PLURALS, "Deployment": "deployments"}
SPACES = ("or-a", "or-b", "or-c")
EVENTS = 14
HOSTS = [f"{host}.svc.cluster.local" for host in ("rev.or-a", "det.or-a", "pay.or-b", "rev.or-b")]


class Cluster:
    """The objects of a random mesh, and what may happen to them; a changed one is another one."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        made = composed.Composed(self.dice)
        if seed % 3:
            made = (composed if seed % 2 else composed_more).compose(seed)
        self.kinds: dict[str, dict[tuple[str, str], Obj]] = {name: {} for name in KINDS.values()}
        self.gone: list[tuple[str, Obj]] = []
        self.partial: dict[str, frozenset[str]] = {}
        for obj in (*load("all-method").base, *made.objects, *made.younger):
            if plural := KINDS.get(obj["kind"]):
                self.put(plural, copy.deepcopy(obj))
        for _ in range(self.dice.randint(3, 9)):
            self.put("pods", self.pod())
        for _ in range(0 if seed % 3 else self.dice.randint(2, 6)):
            self.put("virtualservices", self.virtual_service())
        for name in ("rev", "det", "shop"):
            self.put("deployments", self.deployment(name))

    def put(self, plural: str, obj: Obj) -> None:
        obj["metadata"].setdefault("namespace", "default")
        obj["metadata"]["resourceVersion"] = str(self.dice.random())
        self.kinds[plural][obj["metadata"]["namespace"], obj["metadata"]["name"]] = obj

    def pod(self) -> Obj:
        dice = self.dice
        app, version = dice.choice(["rev", "det", "pay", "client", "gate"]), dice.choice("123")
        labels = {"app": app, "version": f"v{version}", "role": dice.choice(["primary", "canary"])}
        if app == "gate":
            labels["istio"] = "ingressgateway"
        owner = [{"kind": "ReplicaSet", "name": f"{app}-aa"}] if dice.random() < 0.7 else []
        proxy = [{"name": "istio-proxy"}] if dice.random() < 0.8 else []
        more = [] if app == "gate" and proxy else [{"name": "app"}]
        return {
            "metadata": {
                "name": f"{app}-{dice.randint(1, 99):02}",
                "namespace": dice.choice(SPACES),
                "labels": labels,
                "ownerReferences": owner,
            },
            "spec": {"containers": [*more, *proxy], "nodeName": dice.choice(["n1", "n2"])},
            "status": {
                "phase": "Running",
                "podIP": f"10.1.0.{dice.randint(1, 250)}",
                "conditions": [{"type": "Ready", "status": dice.choice(["True", "False"])}],
            },
        }

    def virtual_service(self) -> Obj:
        """One of the ordinary kind, whose reach is bounded."""
        dice = self.dice
        targets = [
            {"destination": {"host": host, **dice.choice([{}, {"subset": "v1"}])}, "weight": 50}
            for host in dice.sample(HOSTS, dice.choice([1, 2]))
        ]
        rule: Obj = {"route": targets}
        if dice.random() < 0.3:
            rule["match"] = [dice.choice([{"port": 9080}, {"sourceNamespace": "or-b"}])]
        if dice.random() < 0.2:
            rule["match"] = [{"sourceLabels": {"app": "client"}}]
        if dice.random() < 0.2:
            rule["mirror"] = {"host": dice.choice(HOSTS)}
        hosts = dice.sample([*HOSTS, "ghost.test"], dice.choice([1, 1, 2]))
        return {
            "metadata": {"name": f"vs-{dice.randint(1, 6)}", "namespace": dice.choice(SPACES)},
            "spec": {"hosts": hosts, "http": [rule, {"route": targets[:1]}]},
        }

    def destination_rule(self) -> Obj:
        """Most are bounded: some are wildcards, or for some callers only."""
        dice = self.dice
        subsets = [
            {"name": f"v{n}", "labels": {"version": f"v{n}"}}
            for n in dice.sample([1, 2, 3], dice.choice([0, 1, 2, 3]))
        ]
        spec: Obj = {"host": dice.choice([*HOSTS, "rev", "ghost.test"]), "subsets": subsets}
        if dice.random() < 0.3:
            spec["trafficPolicy"] = dice.choice(
                [
                    {"connectionPool": {"tcp": {"maxConnections": dice.randint(1, 9)}}},
                    {"loadBalancer": {"simple": "PASSTHROUGH"}},
                    {"loadBalancer": {"consistentHash": {"httpHeaderName": "x"}}},
                ]
            )
        if dice.random() < 0.15:
            spec["exportTo"] = dice.choice([["."], ["or-b"], ["*"]])
        if dice.random() < 0.05:
            spec["workloadSelector"] = {"matchLabels": {"app": "client"}}
        if dice.random() < 0.05:
            spec["host"] = "*.or-a.svc.cluster.local"
        meta = {"name": f"dr-{dice.randint(1, 5)}", "namespace": dice.choice(SPACES)}
        return {"metadata": meta, "spec": spec}

    def service(self) -> Obj:
        """Most are bounded: some select gateways, or are other names."""
        dice = self.dice
        port = {
            "name": dice.choice(["http", "tcp", "grpc-a", "x"]),
            "port": dice.choice([80, 9080]),
        }
        spec: Obj = {
            "selector": {"app": dice.choice(["rev", "rev", "det", "pay", "gate"])},
            "ports": [port, {"name": "http-more", "port": 7000}][: dice.choice([1, 2])],
            "clusterIP": dice.choice(["10.9.0.1", "10.9.0.2", "None"]),
        }
        meta: Obj = {"name": dice.choice(["rev", "det", "pay", "duo"])}
        meta |= {"namespace": dice.choice(SPACES), "labels": {"turn": str(dice.randint(1, 99))}}
        if dice.random() < 0.1:
            meta["annotations"] = {"networking.istio.io/exportTo": dice.choice([".", "or-b", "~"])}
        if dice.random() < 0.05:
            spec |= {"type": "ExternalName", "externalName": dice.choice(HOSTS)}
        return {"metadata": meta, "spec": spec}

    def policy_written(self) -> str:
        obj = self.destination_rule()
        self.put("destinationrules", obj)
        return f"{obj['metadata']['name']} for {obj['spec']['host']}"

    def service_written(self) -> str:
        obj = self.service()
        self.put("services", obj)
        return f"{obj['metadata']['name']} in {obj['metadata']['namespace']}"

    def written(self) -> str:
        obj = self.virtual_service()
        self.put("virtualservices", obj)
        return str(obj["metadata"]["name"])

    def deployment(self, name: str) -> Obj:
        many = self.dice.randint(1, 3)
        status = {"replicas": 3, "updatedReplicas": many, "readyReplicas": many}
        return {
            "metadata": {"name": name, "namespace": "or-a"},
            "spec": {"replicas": 3},
            "status": {**status, "availableReplicas": many},
        }

    def event(self) -> str:
        """Most events are of pods."""
        often = [self.pod_state] * 3
        seldom = [self.labels, self.scaled, self.rolls, self.taken_away, self.comes_back]
        rules = [self.edited, self.written, self.policy_written, self.service_written]
        happens = self.dice.choice([*often, *seldom, *rules, self.read_in_part])
        return f"{happens.__name__} {happens()}"

    def changed(self, plural: str) -> Obj | None:
        objects = self.kinds[plural]
        if not objects:
            return None
        obj = copy.deepcopy(objects[self.dice.choice(sorted(objects))])
        self.put(plural, obj)
        return obj

    def pod_state(self) -> str:
        obj = self.changed("pods")
        if obj is None:
            return ""
        dice, status = self.dice, obj.setdefault("status", {})
        match dice.randint(0, 4):
            case 0:
                status["conditions"] = [{"type": "Ready", "status": dice.choice(["True", "False"])}]
            case 1:
                status["phase"] = dice.choice(["Running", "Succeeded", "Failed", "Pending"])
            case 2:
                obj["metadata"]["deletionTimestamp"] = "2026-08-30T10:00:00Z"
            case 3:
                status["containerStatuses"] = [
                    {"name": "app", "restartCount": dice.randint(0, 9),
                     "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
                ]  # fmt: skip
            case _:
                status["podIP"] = f"10.1.0.{dice.randint(1, 250)}"
        return str(obj["metadata"]["name"])

    def labels(self) -> str:
        obj = self.changed("pods")
        if obj is None:
            return ""
        value = self.dice.choice(["rev", "det", "v1", "v2", "canary"])
        obj["metadata"].setdefault("labels", {})[self.dice.choice(["app", "version", "role"])] = (
            value
        )
        return str(obj["metadata"]["name"])

    def scaled(self) -> str:
        obj = self.pod()
        self.put("pods", obj)
        return str(obj["metadata"]["name"])

    def rolls(self) -> str:
        name = self.dice.choice(["rev", "det", "shop"])
        self.put("deployments", self.deployment(name))
        return name

    def taken_away(self) -> str:
        plural = self.dice.choice(["pods", "pods", *sorted(self.kinds)])
        if not self.kinds[plural]:
            return ""
        obj = self.kinds[plural].pop(self.dice.choice(sorted(self.kinds[plural])))
        self.gone.append((plural, obj))
        return f"{plural} {obj['metadata']['name']}"

    def comes_back(self) -> str:
        if not self.gone:
            return ""
        plural, obj = self.gone.pop(self.dice.randrange(len(self.gone)))
        self.put(plural, copy.deepcopy(obj))
        return f"{plural} {obj['metadata']['name']}"

    def edited(self) -> str:
        dice = self.dice
        others = ["destinationrules", "services", "sidecars"]
        plural = dice.choice(["virtualservices", "virtualservices", "virtualservices", *others])
        obj = self.changed(plural)
        if obj is None:
            return ""
        spec = obj["spec"]
        for rule in spec.get("http", ()):
            for entry in rule.get("route", ()):
                entry["weight"] = dice.randint(0, 100)
        if plural == "virtualservices" and dice.random() < 0.3:
            spec["hosts"] = dice.sample(["rev", "det", "pay.or-b.svc.cluster.local", "duo"], 2)
        if plural == "virtualservices" and dice.random() < 0.2:
            spec["exportTo"] = dice.choice([["*"], ["."], ["or-b"]])
        if plural == "services" and dice.random() < 0.5:
            spec["selector"] = {"app": dice.choice(["rev", "det", "pay"])}
        if plural == "destinationrules" and spec.get("subsets") and dice.random() < 0.5:
            spec["subsets"] = spec["subsets"][1:]
        return f"{plural} {obj['metadata']['name']}"

    def read_in_part(self) -> str:
        plural = self.dice.choice(["pods", "destinationrules", "sidecars"])
        if self.partial.pop(plural, None) is None:
            self.partial[plural] = frozenset({"or-a"})
        return plural

    @property
    def objects(self) -> dict[str, list[Obj]]:
        return {plural: list(found.values()) for plural, found in self.kinds.items()}


def everything(value: Any) -> Any:
    """All that is in it, fields that are not compared among them; in words that can be compared."""
    if isinstance(value, Mesh):
        return "mesh"
    if is_dataclass(value) and not isinstance(value, type):
        unsaid = ("latest", "joins", "raw", "make", "join")
        return {
            f.name: everything(getattr(value, f.name))
            for f in fields(value)
            if f.name not in unsaid
        }
    if isinstance(value, dict):
        return {key: everything(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [everything(one) for one in value]
    return value


def answers(mesh: Mesh) -> Iterator[Any]:
    """What every caller gets for every host, and from which endpoints."""
    whole = world(mesh)
    yield [(everything(group.client), everything(group.pods)) for group in whole.callers]
    for group in whole.callers:
        view = whole.view(group.client)
        for host in whole.shared.registry.hosts:
            for port in host.ports:
                answer = view.resolve(host.name, port.number)
                yield answer.rest, answer.chains, answer.overruled, answer.unread
                yield {name: everything(reach) for name, reach in answer.reaches.items()}


def sample_of(views: tuple[ServiceView, ...], dice: random.Random, at: float) -> Sample:
    called = {
        Responder(view.key, row.version, view.key.namespace, dice.choice(["rev", "det", ""])): (
            Signals(dice.randint(0, 99), 1.0, dice.choice([0.0, 0.0, 0.5, 1.0]), 3.0, 9.0, 10.0)
        )
        for view in views
        for row in view.versions
    }
    workloads = sorted({w for view in views for route in view.routes for w in route.callers})
    clients = {
        view.key: frozenset(dice.sample(workloads, min(2, len(workloads))))
        for view in views
        if dice.random() < 0.5
    }
    return Sample(at, "test", 10.0, called=called, served=called, clients=clients)


@pytest.mark.parametrize("chunk", range(4))
def test_what_is_followed_is_what_is_read_anew(chunk: int) -> None:
    spared = sum(follow(seed) for seed in range(chunk * 4, chunk * 4 + 4))
    assert spared > EVENTS / 2


def follow(seed: int) -> int:
    """How many times not all services were made anew."""
    cluster, parsed, followed = Cluster(seed), ParsedObjects(), Structure()
    shown, sample = MeasuredViews(), None
    happened: list[str] = []
    spared = 0
    for step in range(EVENTS):
        happened += [cluster.event() for _ in range(cluster.dice.choice([0, 1, 1, 1, 3]))]
        said = f"seed {seed}: {happened}"
        mesh = parse_mesh(cluster.objects, partial=dict(cluster.partial), before=parsed)
        views = followed.follow(mesh)
        spared += followed.made < len(views)
        again = parse_mesh(cluster.objects, partial=dict(cluster.partial))
        assert mesh == again, said
        for name in INDEXES:
            assert getattr(mesh, name) == getattr(again, name), f"{name}, {said}"
        anew = structure(again)
        assert everything(views) == everything(anew), said
        assert list(answers(mesh)) == list(answers(again)), said
        if step % 3 == 0:
            sample = sample_of(views, cluster.dice, 1000.0 + 100 * step)
        now = shown.of(views, sample, LIMITS)
        for view, other in zip(now, measured(anew, sample, LIMITS), strict=True):
            assert counted(view) == counted(other), f"{view.key}, {said}"
    return spared


def counted(view: ServiceView) -> Any:
    """Without the states, which have a past."""
    since: dict[str, Any] = {"state_since": 0.0, "failed_at": 0.0}
    past: dict[str, Any] = {"state": "", "server_state": "", "slow": "", "server_slow": "", **since}
    rows = [everything(replace(row, **past)) for row in view.versions]
    whole = replace(view, versions=(), state="", server_state="", slow="", **since)
    return everything(whole), rows


def test_every_index_of_a_mesh_is_handed_on() -> None:
    own = {name for name, value in vars(Mesh).items() if isinstance(value, cached_property)}
    assert own == INDEXES.keys()


def test_what_is_worked_out_of_routes_is_handed_on_while_they_are_the_same() -> None:
    case = load("g-no-match-host", "gateway-api")
    before = case.mesh
    without_effect(before)
    pods = replace(before, pods=before.pods[:-1])
    hand_on(before, pods, difference(before, pods))
    assert without_effect(pods) is without_effect(before)
    assert open_listeners(pods) is open_listeners(before)
    routes = replace(before, http_routes=before.http_routes[:-1])
    hand_on(before, routes, difference(before, routes))
    assert len(without_effect(routes)["rev-v1.gw-a.svc.cluster.local"]) == 2
    shut = replace(before, api_gateways=())
    hand_on(before, shut, difference(before, shut))
    assert open_listeners(shut) == ()


def test_an_event_of_a_pod_costs_what_its_services_cost() -> None:
    cluster, parsed, followed = Cluster(1), ParsedObjects(), Structure()
    before = followed.follow(parse_mesh(cluster.objects, before=parsed))
    assert followed.made == len(before)
    for place, pod in cluster.kinds["pods"].items():
        if pod["metadata"]["labels"].get("app") == "pay":
            other = copy.deepcopy(pod)
            other["status"] = {"phase": "Running", "podIP": "10.1.0.251"}
            cluster.kinds["pods"][place] = other
    after = followed.follow(parse_mesh(cluster.objects, before=parsed))
    new = {view.key.name for view, old in zip(after, before, strict=True) if view is not old}
    assert "pay" in new and followed.made == len(new) < len(before)


@pytest.mark.parametrize("plural", ["destinationrules", "services", "virtualservices"])
def test_an_event_of_a_rule_costs_what_its_services_cost(plural: str) -> None:
    kinds = large_mesh(20)
    parsed, followed = ParsedObjects(), Structure()
    before = followed.follow(parse_mesh(kinds, before=parsed))
    assert followed.made == len(before) == 20
    changed = copy.deepcopy(kinds[plural][7])
    changed["metadata"]["labels"] = {"turn": "2"}
    changed["spec"]["trafficPolicy"] = {"connectionPool": {"tcp": {"maxConnections": 3}}}
    kinds[plural][7] = changed
    pods = kinds["pods"]
    pods[0] = {**pods[0], "status": {**pods[0]["status"], "conditions": []}}
    mesh = parse_mesh(kinds, before=parsed)
    after = followed.follow(mesh)
    new = {view.key.name for view, old in zip(after, before, strict=True) if view is not old}
    assert new == {"service-0", mesh.services[7].key.name} and followed.made == 2
    assert everything(after) == everything(structure(parse_mesh(kinds)))


def large_mesh(services: int) -> dict[str, list[Any]]:
    kinds: dict[str, list[Any]] = {}
    for made in objects(services):
        body = {**made.body, **({"status": made.status} if made.status else {})}
        kinds.setdefault(made.path.rpartition("/")[2], []).append(body)
    for found in kinds.values():
        found.sort(key=lambda raw: (raw["metadata"].get("namespace", ""), raw["metadata"]["name"]))
    return kinds
