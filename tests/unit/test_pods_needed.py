"""The rows of one service from the pods it rests on are those from all pods of the mesh."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from meshtui.changes.blast import blast_radius
from meshtui.changes.breaker_ops import bypassed, passed_by
from meshtui.changes.build import build_change
from meshtui.changes.change import ClearMirror, Promote, Request, SetMirror, Shift, Target
from meshtui.changes.checks import ambient_findings, fault_findings, mirror_findings, shared_hosts
from meshtui.changes.consequences import consequences
from meshtui.changes.ejecting import ejecting_none
from meshtui.changes.harm import harm
from meshtui.changes.stranding import sent_to, stranding
from meshtui.cli.documents.services import services_json
from meshtui.errors import MeshtuiError
from meshtui.kube.rule_texts import KINDS, RuleTexts
from meshtui.kube.snapshot import place
from meshtui.mesh.json_text import Piece
from meshtui.mesh.model import Mesh, Pod, Service
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.pods_needed import is_caller, is_settled, mesh_about, pods_needed
from meshtui.mesh.resolution.names import labels_in
from meshtui.mesh.signals import Sample
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.view import service_views
from meshtui.operations.change.plan import with_callers
from meshtui.operations.change.written_objects import mesh_after
from tests.recorded.cases import all_names, load
from tests.unit.objects import Obj, meta

SPACES = ("edge", "one", "other", "three")
SERVICES = ("cart", "pay")
MORE = ("cart", "cart-2", "pay", "web", "we")
EDGE = ("shop.example.com", "*.example.com", "*", "cart.example.com")
VERSIONS = ("v1", "v2")


def about(mesh: Mesh, service: Service) -> Mesh:
    """The mesh with only those of its rules that may concern the service, by their text."""
    rules = (mesh.virtual_services, mesh.destination_rules)
    texts = RuleTexts(
        {
            kind.key: [Piece(json.dumps(one.raw).encode()) for one in several]
            for kind, several in zip(KINDS, rules, strict=True)
        }
    )

    def naming(names: Iterable[str]) -> Mesh:
        kept = [{place(raw) for raw in raws} for raws in texts.naming(names).values()]
        routes, policies = (
            tuple(one for one in several if (one.ref.namespace, one.ref.name) in places)
            for several, places in zip(rules, kept, strict=True)
        )
        return replace(mesh, virtual_services=routes, destination_rules=policies)

    found, same = mesh_about(naming, str(service.key), "")
    assert same == service
    return found


def narrowed(mesh: Mesh, service: Service) -> tuple[Mesh, frozenset[str]] | None:
    """The mesh with only what is read of it for one service; None where all of it is."""
    mesh = about(mesh, service)
    needed = pods_needed(replace(mesh, pods=()), service)
    if needed is None:
        return None
    seen: set[str] = set()

    def is_read(pod: Pod) -> bool:
        if is_caller(pod) and pod.namespace not in seen:
            seen.add(pod.namespace)
            return True
        everywhere = ((pod.namespace, labels) for labels in needed.gateways)
        return any(
            namespace == pod.namespace and labels_in(labels, pod.labels)
            for namespace, labels in (*needed.selected, *everywhere)
        )

    part = replace(mesh, pods=tuple(filter(is_read, mesh.pods)))
    return (part, needed.hosts) if is_settled(part, service) else None


def shown(mesh: Mesh, service: Service, sample: Sample | None) -> Any:
    return services_json(0.0, sample, service_views(mesh, sample, Thresholds(), of=[service]))


def samples(mesh: Mesh, service: Service) -> Iterator[Sample | None]:
    yield None
    workloads = frozenset((pod.namespace, pod.workload) for pod in mesh.pods)
    for callers in (workloads, frozenset(sorted(workloads)[:1])):
        yield Sample(0.0, "test", 15.0, clients={service.key: callers})


def findings(
    mesh: Mesh, request: Request, service: Service, sample: Sample | None, hosts: frozenset[str]
) -> Any:
    """What a plan says that does not come from the server; None where it takes more to say it."""
    target = with_callers(mesh, Target(service.key), sample)
    try:
        change = build_change(mesh, request, target)
    except MeshtuiError:
        return None
    if not sent_to(change, mesh) <= hosts:
        return None
    after = mesh_after(mesh, change)
    return (
        (change.patch, change.words, change.target, change.rule, change.before, change.after),
        stranding(mesh, change),
        consequences(mesh, after, change),
        harm(mesh, change, sample, Thresholds()),
        fault_findings(mesh, change),
        mirror_findings(mesh, change, sample, Thresholds()),
        shared_hosts(mesh, change),
        ejecting_none(mesh, after, change),
        ambient_findings(mesh, change),
        passed_by(mesh, change),
        bypassed(
            after, change, (sample.clients.get(service.key) if sample else None) or frozenset()
        ),
        blast_radius(change, None),
    )


REQUESTS = (Promote("v2"), Shift({"v1": 50}), SetMirror("v2", 100.0, None), ClearMirror(""))


def compared(mesh: Mesh, *, plans: bool = True) -> tuple[int, int]:
    """How many services were read by a part of the pods, and how many there are."""
    read = 0
    for service in mesh.services:
        part = narrowed(mesh, service)
        if part is None:
            continue
        read += 1
        (few, hosts) = part
        for sample in samples(mesh, service) if plans else (None,):
            assert shown(few, service, sample) == shown(mesh, service, sample), service.key
            for request in REQUESTS if plans else ():
                planned = findings(few, request, service, sample, hosts)
                if planned is not None:
                    assert planned == findings(mesh, request, service, sample, hosts)
    return read, len(mesh.services)


def test_every_recorded_case_is_shown_alike() -> None:
    found = [compared(load(name).mesh, plans=at % 25 == 0) for at, name in enumerate(all_names())]
    assert sum(read for read, _ in found) > len(found) / 4


def test_random_meshes_are_shown_alike() -> None:
    found = [compared(any_mesh(random.Random(seed))) for seed in range(60)]
    read, services = (sum(part) for part in zip(*found, strict=True))
    assert services / 4 < read < services


def test_random_meshes_with_rules_of_many_hosts_are_shown_alike() -> None:
    found = [compared(any_mesh(random.Random(seed), MORE, 8)) for seed in range(60)]
    read, services = (sum(part) for part in zip(*found, strict=True))
    assert services / 4 < read < services


def test_of_many_rules_only_those_are_taken_that_may_concern_a_service() -> None:
    left_out = 0
    for seed in range(20):
        mesh = any_mesh(random.Random(seed), MORE, 8)
        for service in mesh.services:
            left_out += len(mesh.virtual_services) - len(about(mesh, service).virtual_services)
    assert left_out > 30


def any_mesh(
    chance: random.Random, services: tuple[str, ...] = SERVICES, most_rules: int = 3
) -> Mesh:
    """Some services in some namespaces, with rules that tell callers apart in every other mesh."""
    rare = chance.choice((0.0, 0.1))
    spaces = chance.sample(SPACES, chance.randint(1, 4))
    items: dict[str, list[Obj]] = {"services": [], "pods": [], "gateways": []}
    for space in spaces:
        for name in chance.sample(services, chance.randint(0, len(services))):
            items["services"].append(_service(name, space, f"10.0.0.{len(items['services']) + 1}"))
            items["pods"] += _pods(name, space, chance)
        items["pods"] += _pods("job", space, chance)[: chance.randint(0, 2)]
    items["pods"] += _gateway_pods(chance)
    if chance.random() < 0.5:
        selector = {"istio": chance.choice(("ingressgateway", "other"))}
        servers = [{"port": {"number": 80, "protocol": "HTTP", "name": "http"}, "hosts": ["*"]}]
        spec = {"selector": selector, "servers": servers}
        items["gateways"] = [{"metadata": meta("gw", "edge"), "spec": spec}]
    items["virtualservices"] = [
        _rules(n, spaces, services, chance, rare) for n in range(chance.randint(0, most_rules))
    ]
    items["destinationrules"] = [
        _policy(n, spaces, services, chance, rare) for n in range(chance.randint(0, most_rules))
    ]
    return parse_mesh(items)


def _service(name: str, space: str, address: str) -> Obj:
    port = {"name": "http", "port": 80, "targetPort": 8080}
    return {
        "metadata": meta(name, space),
        "spec": {"selector": {"app": name}, "ports": [port], "clusterIP": address},
    }


def _pods(name: str, space: str, chance: random.Random) -> list[Obj]:
    return [
        _pod(f"{name}-{version}-{n}", space, chance, app=name, version=version)
        for version in VERSIONS
        for n in range(chance.randint(0, 2))
    ]


def _pod(name: str, space: str, chance: random.Random, **labels: str) -> Obj:
    containers = [{"name": "app"}, *([{"name": "istio-proxy"}] if chance.random() < 0.8 else [])]
    phase = chance.choice(("Running", "Running", "Running", "Succeeded", "Pending"))
    ready = [{"type": "Ready", "status": str(chance.random() < 0.8)}]
    return {
        "metadata": meta(name, space, labels=labels),
        "spec": {"containers": containers},
        "status": {"phase": phase, "podIP": "10.1.0.1", "conditions": ready},
    }


def _gateway_pods(chance: random.Random) -> list[Obj]:
    space = chance.choice(SPACES)
    return [
        {
            "metadata": meta(f"gw-{n}", space, labels={"istio": "ingressgateway"}),
            "spec": {"containers": [{"name": "istio-proxy"}]},
            "status": {"phase": "Running", "podIP": "10.2.0.1"},
        }
        for n in range(chance.randint(0, 2))
    ]


def _host(
    spaces: list[str], services: tuple[str, ...], chance: random.Random, rare: float = 0.0
) -> str:
    if chance.random() < rare:
        return "*.svc.cluster.local"
    name, space = chance.choice(services), chance.choice(spaces)
    if services is SERVICES or chance.random() < 0.8:
        return f"{name}.{space}.svc.cluster.local"
    return chance.choice((name, name.upper(), "10.0.0.1", "10.0.0.2"))


def _rules(
    number: int,
    spaces: list[str],
    services: tuple[str, ...],
    chance: random.Random,
    rare: float,
) -> Obj:
    http = []
    for last in chance.choice(((True,), (False, True))):
        routes = [
            {
                "destination": {"host": _host(spaces, services, chance), "subset": version},
                "weight": 50,
            }
            for version in chance.sample(VERSIONS, 2)
        ]
        match: Obj = {}
        if chance.random() < (rare if last else 0.7):
            match["uri"] = {"prefix": "/a"}
        if chance.random() < rare:
            match["sourceLabels"] = {"app": chance.choice(SERVICES)}
        if chance.random() < rare:
            match["sourceNamespace"] = chance.choice(spaces)
        if chance.random() < (rare if last else 0.2):
            match["gateways"] = [chance.choice(("mesh", "edge/gw"))]
        http.append({"route": routes, **({"match": [match]} if match else {})})
    spec: Obj = {"hosts": [_host(spaces, services, chance, rare)], "http": http}
    if chance.random() < 0.2:
        spec["gateways"] = chance.choice((["edge/gw"], ["edge/gw", "mesh"]))
    if services is not SERVICES and chance.random() < 0.2:
        spec |= {"gateways": ["edge/gw"], "hosts": chance.sample(EDGE, chance.randint(1, 2))}
    if chance.random() < rare:
        spec["exportTo"] = [chance.choice((".", "other"))]
    return {"metadata": meta(f"vs-{number}", chance.choice(spaces)), "spec": spec}


def _policy(
    number: int,
    spaces: list[str],
    services: tuple[str, ...],
    chance: random.Random,
    rare: float,
) -> Obj:
    host = _host(spaces, services, chance, rare)
    home = (
        host.split(".")[1]
        if chance.random() > 3 * rare and ".svc." in host and host[0] != "*"
        else chance.choice(spaces)
    )
    subsets = [{"name": version, "labels": {"version": version}} for version in VERSIONS]
    spec: Obj = {"host": host, "subsets": chance.sample(subsets, chance.randint(1, 2))}
    if chance.random() < rare:
        spec["exportTo"] = [chance.choice((".", "other"))]
    return {"metadata": meta(f"dr-{number}", home), "spec": spec}
