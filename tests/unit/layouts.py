"""Meshes of any labels and rules, and what Istio's proxies count in them.

The telemetry follows the injector and Istio's statistics, not the product: the canonical revision
is the first of three labels or `latest`, the version is the label `version` or unknown, and what
chose no endpoint names no workload.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import Sample
from meshtui.metrics.aggregate import Ledger
from meshtui.metrics.counter_reading import Reading, SeriesCache, read
from meshtui.metrics.prometheus_queries import REQUEST_LABELS
from meshtui.metrics.prometheus_reading import Flaws, requests_of
from meshtui.metrics.prometheus_result import QueryResult
from meshtui.metrics.prometheus_series import KnownSeries
from tests.unit.objects import Obj, meta, service

SOURCES = ("sidecars", "prometheus")
WINDOW_S = 10.0


@dataclass(frozen=True)
class Load:
    """A workload: a Deployment's pods with labels of their own beside `app`."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    pods: int = 1
    app: str = "reviews"
    namespace: str = "default"
    template: str = "5f6d"
    ready: bool = True
    ready_since: str = ""

    @property
    def all_labels(self) -> dict[str, str]:
        """With those of the ReplicaSet and of the injector."""
        return {
            "app": self.app,
            "pod-template-hash": self.template,
            "service.istio.io/canonical-name": self.app,
            "service.istio.io/canonical-revision": self.revision,
            **self.labels,
        }

    @property
    def revision(self) -> str:
        names = ("app.kubernetes.io/version", "version")
        return next((self.labels[name] for name in names if self.labels.get(name)), "latest")

    def objects(self, number: int) -> list[Obj]:
        return [
            {
                "metadata": meta(
                    f"{self.name}-{self.template}-{n}",
                    self.namespace,
                    labels=self.all_labels,
                    ownerReferences=[
                        {"kind": "ReplicaSet", "name": f"{self.name}-{self.template}"}
                    ],
                ),
                "spec": {"containers": [{"name": "app"}, {"name": "istio-proxy"}]},
                "status": {
                    "phase": "Running",
                    "podIP": f"10.0.{number}.{n + 1}",
                    "conditions": [
                        {
                            "type": "Ready",
                            "status": str(self.ready),
                            **(
                                {"lastTransitionTime": self.ready_since} if self.ready_since else {}
                            ),
                        }
                    ],
                },
            }
            for n in range(self.pods)
        ]


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
        host = self.service
        if "." not in host:
            host = f"{self.service}.{self.namespace}.svc.cluster.local"
        return {
            "reporter": "source",
            "source_workload": "client",
            "source_workload_namespace": "default",
            "destination_service": host,
            "destination_service_name": self.service,
            "destination_service_namespace": self.namespace,
            "request_protocol": "http",
            "response_code": self.code,
            "response_flags": self.flags,
            **({} if self.untold else self._answered()),
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


def mesh_of(
    loads: Iterable[Load],
    routes: Iterable[Obj] = (),
    rules: Iterable[Obj] = (),
    services: Iterable[Obj] = (),
    entries: Iterable[Obj] = (),
) -> Mesh:
    """The service `reviews` with these pods and rules, and a client."""
    everyone = [*loads, Load("client", app="client")]
    http = list(routes)
    virtual = [
        {"metadata": meta("reviews"), "spec": {"hosts": ["reviews"], "http": [{"route": http}]}}
    ]
    return parse_mesh(
        {
            "services": [service("reviews"), *services],
            "pods": [pod for n, load in enumerate(everyone) for pod in load.objects(n)],
            "virtualservices": virtual if http else [],
            "destinationrules": list(rules),
            "serviceentries": list(entries),
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
