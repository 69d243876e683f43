"""How long an analysis takes. Prints figures: `python tests/bench/bench_analysis.py`."""

from __future__ import annotations

import time
from typing import Any

from meshtui.diagnosis.analysis import CHECKS, analyze
from meshtui.mesh.model import Mesh
from meshtui.mesh.parse import parse_mesh
from tests.unit.objects import destination_rule, meta, pod, route, service, virtual_service

SERVICES = 1_000
VERSIONS = ("v1", "v2", "v3")
RULES = 2_000

Obj = dict[str, Any]


def wide() -> dict[str, list[Obj]]:
    """Services with three versions of two pods each, a rule for testers and one for the rest."""
    names = [f"s{number}" for number in range(SERVICES)]
    return {
        "services": [service(name) for name in names],
        "pods": [pod(name, v, number=i) for name in names for v in VERSIONS for i in (1, 2)],
        "destinationrules": [destination_rule(name, VERSIONS) for name in names],
        "virtualservices": [virtual_service(name, *rules(name)) for name in names],
    }


def rules(name: str) -> tuple[Obj, Obj]:
    testers = [{"headers": {"end-user": {"exact": "jason"}}}]
    split = [route(version, 33, name) for version in VERSIONS]
    return {"match": testers, "route": [route("v3", host=name)]}, {"route": split}


def deep() -> dict[str, list[Obj]]:
    """One VirtualService at a gateway with thousands of paths."""
    paths = [
        {"match": [{"uri": {"prefix": f"/api/{number}/"}}], "route": [route("v1")]}
        for number in range(RULES)
    ]
    door = {"port": {"number": 80, "protocol": "HTTP"}, "hosts": ["*"]}
    return {
        "services": [service("reviews")],
        "pods": [pod("reviews", "v1")],
        "destinationrules": [destination_rule("reviews", ["v1"])],
        "gateways": [{"metadata": meta("door"), "spec": {"servers": [door]}}],
        "virtualservices": [virtual_service("shop", *paths, hosts=["*"], gateways=["door"])],
    }


def measure(name: str, objects: dict[str, list[Obj]]) -> None:
    times = []
    for _ in range(5):
        mesh = parse_mesh(objects)
        start = time.perf_counter()
        found = analyze(mesh)
        times.append(time.perf_counter() - start)
    print(f"{name}: {1000 * min(times):.0f} ms, {len(found)} findings")
    for took, check in sorted(((_time(mesh, c), c.__name__) for c in CHECKS), reverse=True)[:5]:
        print(f"  {check}: {1000 * took:.1f} ms")


def _time(mesh: Mesh, check: Any) -> float:
    start = time.perf_counter()
    list(check(mesh))
    return time.perf_counter() - start


if __name__ == "__main__":
    measure(f"{SERVICES} services, {len(VERSIONS)} versions", wide())
    measure(f"one VirtualService, {RULES} rules", deep())
