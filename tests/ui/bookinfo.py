"""Bookinfo as a cluster would describe it, and samples that fit its weights."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from meshtui.mesh.calls import Call, Calls
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import UNKNOWN, Responder, Sample, Signals, VersionKey
from meshtui.mesh.view import service_views

Obj = dict[str, Any]
NAMESPACE = "bookinfo"

VERSIONS: Mapping[str, tuple[str, ...]] = {
    "details": ("v1",),
    "productpage": ("v1",),
    "ratings": ("v1",),
    "reviews": ("v1", "v2", "v3"),
}


def meta(name: str, **extra: Any) -> Obj:
    return {
        "name": name,
        "namespace": NAMESPACE,
        "uid": f"uid-{name}",
        "resourceVersion": "100",
        **extra,
    }


def service(name: str) -> Obj:
    return {
        "metadata": meta(name, labels={"app": name}),
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 9080}]},
    }


def pod(app: str, version: str, number: int = 1, *, ready: bool = True) -> Obj:
    replica_set = f"{app}-{version}-5f6d8c7b9"
    return {
        "metadata": meta(
            f"{replica_set}-{'abcdefgh'[number]}x2k{number}",
            labels={"app": app, "version": version, "pod-template-hash": "5f6d8c7b9"},
            ownerReferences=[{"kind": "ReplicaSet", "name": replica_set}],
        ),
        "spec": {"containers": [{"name": app}, {"name": "istio-proxy"}]},
        "status": {
            "phase": "Running",
            "podIP": f"10.1.0.{number}",
            "conditions": [{"type": "Ready", "status": str(ready)}],
        },
    }


def gateway_pod() -> Obj:
    labels = {"app": "ingressgateway", "istio": "ingressgateway"}
    return {
        "metadata": meta("ingressgateway-7d4c9f5b8-q8n2z", labels=labels),
        "spec": {"containers": [{"name": "istio-proxy"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }


def reviews_rules(weights: Mapping[str, int]) -> Obj:
    def to(subset: str, weight: int) -> Obj:
        return {"destination": {"host": "reviews", "subset": subset}, "weight": weight}

    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": meta("reviews"),
        "spec": {
            "hosts": ["reviews"],
            "http": [
                {
                    "name": "jason",
                    "match": [{"headers": {"end-user": {"exact": "jason"}}}],
                    "route": [{"destination": {"host": "reviews", "subset": "v2"}}],
                    "retries": {"attempts": 3, "perTryTimeout": "2s", "retryOn": "5xx"},
                },
                {"route": [to(v, w) for v, w in weights.items()], "timeout": "10s"},
            ],
        },
    }


def subsets(host: str, versions: Iterable[str]) -> Obj:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": meta(host),
        "spec": {
            "host": host,
            "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 100}}},
            "subsets": [{"name": v, "labels": {"version": v}} for v in versions],
        },
    }


def objects(weights: Mapping[str, int] | None = None) -> dict[str, list[Obj]]:
    """Everything in the namespace, by plural resource name."""
    pods = [pod(app, v) for app, versions in VERSIONS.items() for v in versions]
    return {
        "services": [service(name) for name in VERSIONS],
        "pods": [*pods, pod("reviews", "v1", 2), gateway_pod()],
        "virtualservices": [reviews_rules(weights or {"v1": 80, "v2": 0, "v3": 20})],
        "destinationrules": [subsets("reviews", VERSIONS["reviews"])],
    }


ERRORS: dict[str, float] = {"v3": 0.12}
"""reviews v3 is the faulty one."""


COUNTED_S = 160.0
"""Seconds of requests that are counted: enough to be certain that more than a tenth of v3 fail."""


def measured(rps: float, ratio: float, base_ms: float, window_s: float) -> Signals:
    requests = rps * window_s
    failed = requests * ratio
    return Signals(
        requests=requests,
        rps=rps,
        error_ratio=ratio if requests else None,
        p50_ms=base_ms if requests else None,
        p95_ms=base_ms * 3 if requests else None,
        p99_ms=base_ms * 8 if requests else None,
        codes={"200": requests - failed, **({"503": failed} if failed else {})},
        flags={"UF": failed / 3} if failed else {},
    )


def sample(
    mesh: Mesh, time: float, *, rps: float = 40.0, noise: random.Random | None = None
) -> Sample:
    """What would be measured: each version gets its weight's part, v3 of reviews is bad."""
    window = COUNTED_S
    caller: dict[VersionKey, Signals] = {}
    totals: dict[ServiceKey, Signals] = {}
    for view in service_views(mesh, None):
        wobble = rps * (1 + (noise.uniform(-0.1, 0.1) if noise else 0.0))
        abort = view.rule.fault.abort_percent / 100 if view.rule and view.rule.fault else 0.0
        if abort:
            caller[VersionKey(view.key, UNKNOWN)] = Signals(
                requests=wobble * abort * window, rps=wobble * abort, error_ratio=1.0,
                codes={"503": 1}, flags={"FI": wobble * abort * window},
            )  # fmt: skip
        bad = abort
        for version in view.versions:
            part = 1.0 if version.percent is None else version.percent / 100
            ratio = ERRORS.get(version.version, 0.0) if len(view.versions) > 1 else 0.0
            base = 6.0 if ratio == 0 else 48.0
            got = wobble * part * (1 - abort)
            caller[VersionKey(view.key, version.version)] = measured(got, ratio, base, window)
            bad += part * ratio * (1 - abort)
        totals[view.key] = measured(wobble, min(bad, 1.0), 7.0, window)
    return Sample(time, "sidecars", 10.0, caller, caller, totals, totals, read=7)


CALLERS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "details": ((NAMESPACE, "productpage-v1"),),
    "productpage": ((NAMESPACE, "ingressgateway"),),
    "ratings": ((NAMESPACE, "reviews-v2"), (NAMESPACE, "reviews-v3")),
    "reviews": ((NAMESPACE, "productpage-v1"),),
}


def calls(sample: Sample) -> Calls:
    """The sample's requests by their callers, who share them alike."""
    found = []
    for key, signals in sample.caller.items():
        callers = CALLERS.get(key.service.name, ())
        for caller in callers if signals.requests else ():
            part = 1 / len(callers)
            mine = replace(signals, requests=signals.requests * part, rps=signals.rps * part)
            found.append(Call(caller, Responder(key.service, key.version), mine, ("http",), 1.0))
    return Calls(sample.time, sample.source, sample.window_s, tuple(found))


def mesh_of(raw: Mapping[str, Iterable[Obj]]) -> Mesh:
    return parse_mesh(raw)
