"""Meshes of any labels and rules, and what Istio's proxies count in them.

The telemetry follows the injector and Istio's statistics, not the product: the canonical revision
is the first of three labels or `latest`, the version is the label `version` or unknown, and what
chose no endpoint names no workload.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import UNKNOWN, Sample
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView, service_views
from meshtui.metrics.aggregate import Ledger
from meshtui.metrics.counter_reading import Reading, SeriesCache, read
from meshtui.metrics.prometheus_queries import REQUEST_LABELS
from meshtui.metrics.prometheus_reading import Flaws, requests_of
from meshtui.metrics.prometheus_result import QueryResult
from meshtui.metrics.prometheus_series import KnownSeries
from tests.unit.objects import Obj, meta, service

SOURCES = ("sidecars", "prometheus")
WINDOW_S = 10.0

Row = tuple[str, float | None, int, int | None, int | None]
"""Label, percent, pods, requests and errors in percent; None: not known."""

DEPLOYMENT, ROLLOUT, STATEFUL_SET, MACHINE = "Deployment", "Rollout", "StatefulSet", "WorkloadEntry"
POD = "Pod"


@dataclass(frozen=True)
class Load:
    """A workload: the pods of one `kind` with labels of their own beside `app`.

    A WorkloadEntry is one, and so is a pod of no controller.
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    pods: int = 1
    app: str = "reviews"
    namespace: str = "default"
    template: str = "5f6d"
    ready: bool = True
    ready_since: str = ""
    kind: str = DEPLOYMENT

    @property
    def all_labels(self) -> dict[str, str]:
        """With those of its controller and of the injector."""
        by_controller = {
            DEPLOYMENT: {"pod-template-hash": self.template},
            ROLLOUT: {"rollouts-pod-template-hash": self.template},
        }
        injected = {
            "service.istio.io/canonical-name": self.app,
            "service.istio.io/canonical-revision": self.revision,
        }
        return {
            "app": self.app,
            **by_controller.get(self.kind, {}),
            **(injected if self.kind != MACHINE else {}),
            **self.labels,
        }

    @property
    def revision(self) -> str:
        names = (
            "service.istio.io/canonical-revision",
            "app.kubernetes.io/version",
            "version",
        )
        return next((self.labels[name] for name in names if self.labels.get(name)), "latest")

    def objects(self, number: int) -> list[Obj]:
        """Its pods, with addresses by the workload's number."""
        most = {MACHINE: 0, POD: min(self.pods, 1)}.get(self.kind, self.pods)
        return [self._pod(number, n) for n in range(most)]

    def machine(self, number: int) -> Obj:
        return {
            "metadata": meta(self.name, self.namespace),
            "spec": {"address": f"10.0.{number}.1", "labels": self.all_labels},
        }

    def _pod(self, number: int, n: int) -> Obj:
        owner = {"kind": "ReplicaSet", "name": f"{self.name}-{self.template}"}
        name = f"{owner['name']}-{n}"
        if self.kind in (STATEFUL_SET, POD):
            owner = {"kind": self.kind, "name": self.name}
            name = f"{self.name}-{n}" if self.kind == STATEFUL_SET else self.name
        since = {"lastTransitionTime": self.ready_since} if self.ready_since else {}
        return {
            "metadata": meta(
                name,
                self.namespace,
                labels=self.all_labels,
                ownerReferences=[owner] if self.kind != POD else [],
            ),
            "spec": {"containers": [{"name": "app"}, {"name": "istio-proxy"}]},
            "status": {
                "phase": "Running",
                "podIP": f"10.0.{number}.{n + 1}",
                "conditions": [{"type": "Ready", "status": str(self.ready), **since}],
            },
        }


@dataclass(frozen=True)
class Sent:
    """Requests of the caller that a proxy counted under one set of labels.

    `load` None: no endpoint was chosen. `failed`: an endpoint that never answered; its version is
    not known then. `untold`: the labels of who answered are taken away.
    """

    load: Load | None
    count: int
    service: str = "reviews"
    namespace: str = "default"
    code: str = "200"
    flags: str = "-"
    failed: bool = False
    untold: bool = False

    @property
    def labels(self) -> dict[str, str]:
        return {
            "reporter": "source",
            "source_workload": "client",
            "source_workload_namespace": "default",
            **self._asked(),
            "request_protocol": "http",
            "response_code": self.code,
            "response_flags": self.flags,
            **({} if self.untold else self._answered()),
        }

    def _asked(self) -> dict[str, str]:
        """What found no cluster is known by the request's Host header alone."""
        host, name, namespace = self.service, self.service, self.namespace
        if "NC" in self.flags.split(","):
            host = name = f"{self.service}:9080"
            namespace = "unknown"
        elif "." not in host:
            host = f"{self.service}.{self.namespace}.svc.cluster.local"
        return {
            "destination_service": host,
            "destination_service_name": name,
            "destination_service_namespace": namespace,
        }

    def _answered(self) -> dict[str, str]:
        keys = ("workload", "workload_namespace", "canonical_revision", "version")
        if self.load is None:
            return {f"destination_{key}": "unknown" for key in keys}
        labels = self.load.all_labels
        version = "unknown" if self.failed else labels.get("version", "unknown")
        values = (self.load.name, self.load.namespace, self.load.revision, version)
        return {f"destination_{key}": value for key, value in zip(keys, values, strict=True)}


def subset(name: str, **labels: str) -> Obj:
    return {"name": name, "labels": {key.replace("__", "-"): v for key, v in labels.items()}}


def rule(host: str, *subsets: Obj, namespace: str = "default", **spec: Any) -> Obj:
    found = [s if s["labels"] else {"name": s["name"]} for s in subsets]
    return {
        "metadata": meta(f"{host}-{namespace}", namespace),
        "spec": {"host": host, "subsets": found, **spec},
    }


def to(host: str, subset_name: str = "", weight: int | None = None) -> Obj:
    destination = {"host": host} | ({"subset": subset_name} if subset_name else {})
    return {"destination": destination} | ({} if weight is None else {"weight": weight})


def headless(found: Obj) -> Obj:
    return {**found, "spec": {**found["spec"], "clusterIP": "None"}}


def mesh_of(
    loads: Iterable[Load],
    routes: Iterable[Obj] = (),
    rules: Iterable[Obj] = (),
    services: Iterable[Obj] = (),
    entries: Iterable[Obj] = (),
    own: Obj | None = None,
    before: Iterable[Obj] = (),
    mirrors: Iterable[Obj] = (),
) -> Mesh:
    """The service `reviews` (or `own`) with these pods and rules, and a client.

    `before` are rules before the one that has the routes and the mirrors.
    """
    everyone = [*loads, Load("client", app="client")]
    http = list(routes)
    last = {"route": http, "mirrors": list(mirrors)}
    spec = {"hosts": ["reviews"], "http": [*before, last]}
    virtual = [{"metadata": meta("reviews"), "spec": spec}]
    return parse_mesh(
        {
            "services": [own or service("reviews"), *services],
            "pods": [pod for n, load in enumerate(everyone) for pod in load.objects(n)],
            "virtualservices": virtual if http else [],
            "destinationrules": list(rules),
            "serviceentries": list(entries),
            "workloadentries": [
                load.machine(n) for n, load in enumerate(everyone) if load.kind == MACHINE
            ],
        }
    )


def sample_of(sent: Iterable[Sent], source: str) -> Sample:
    """What a source makes of the requests; counters before them were 0."""
    ledger = Ledger()
    ledger.add(_reading(list(sent), source), WINDOW_S)
    views = ledger.views()
    return Sample(
        time=1000.0,
        source=source,
        window_s=WINDOW_S,
        caller=views.caller,
        server=views.server,
        caller_totals=views.caller_totals,
        server_totals=views.server_totals,
        called=views.called,
        served=views.served,
        clients={ServiceKey("default", "reviews"): frozenset({("default", "client")})},
    )


def _reading(sent: list[Sent], source: str) -> Reading:
    if source == "sidecars":
        lines = []
        for s in sent:
            labels = ",".join(f'{key}="{value}"' for key, value in s.labels.items())
            lines.append(f"istio_requests_total{{{labels}}} {s.count}\n")
        return read("".join(lines), SeriesCache())
    answer = QueryResult(
        [
            {
                "metric": {k: v for k, v in s.labels.items() if k in REQUEST_LABELS},
                "value": [1000.0, str(s.count)],
            }
            for s in sent
        ]
    )
    return Reading(requests_of(KnownSeries().rows(answer), Flaws()), {})


@dataclass(frozen=True)
class Layout:
    """What a mesh has, what its caller counted, and the rows that are right.

    `unknown`: why a row has no numbers. `others`: requests to somebody else, which are in no row.
    """

    name: str
    mesh: Mesh
    sent: Sequence[Sent]
    rows: Sequence[Row]
    unknown: dict[str, str] = field(default_factory=dict)
    others: Sequence[Sent] = ()


def seen(mesh: Mesh, sent: Iterable[Sent], source: str) -> ServiceView:
    views = service_views(mesh, sample_of(sent, source))
    return next(view for view in views if str(view.key) == "reviews.default")


def assert_rows(layout: Layout, source: str) -> None:
    view = seen(layout.mesh, [*layout.sent, *layout.others], source)
    assert sorted(map(_row, view.versions), key=str) == sorted(layout.rows, key=str)
    known = {row.label: row.unknown_because for row in view.versions if row.unknown_because}
    assert known == layout.unknown
    assert _requests(view) == sum(sent.count for sent in layout.sent)
    reached = sum(row.reached or 0.0 for row in view.versions if row.version != UNKNOWN)
    for row in view.versions:
        if row.caller is not None:
            assert row.caller.rps == pytest.approx(row.caller.requests / WINDOW_S)
        if row.share is not None:
            assert row.share == pytest.approx((row.reached or 0.0) / reached)


def _row(row: VersionView) -> Row:
    requests = round(row.caller.requests) if row.caller else None
    ratio = row.caller.error_ratio if row.caller else None
    errors = None if ratio is None else round(100 * ratio)
    return row.label, row.percent, row.pods, requests, errors


def _requests(view: ServiceView) -> int:
    rows = sum(row.caller.requests for row in view.versions if row.caller)
    assert view.caller is not None
    assert rows == view.caller.requests
    return round(rows)
