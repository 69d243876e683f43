"""Where in the cluster a Prometheus is likely to be."""

from __future__ import annotations

from collections.abc import Iterable

from meshtui.dataclass import dataclass
from meshtui.mesh.model import Mesh, Port, Service

NAMESPACES = ("istio-system", "monitoring", "observability", "prometheus")
"""Where it is looked for, the likeliest first: Istio's own sample, then the usual charts."""

_LABELS = ("app.kubernetes.io/name", "app", "k8s-app")
_OTHERS = (
    "alertmanager", "adapter", "agent", "blackbox", "exporter", "grafana", "kube-state", "kubelet",
    "operator", "pushgateway", "thanos", "webhook",
)  # fmt: skip
"""Parts of the names of what comes with a Prometheus and is none."""

_PORT_NAMES = ("http", "web", "http-web", "http-prometheus", "prometheus", "https", "https-web")
_PORT_NUMBERS = (9090, 80, 443)


@dataclass(frozen=True, slots=True)
class PrometheusAddress:
    """A service's port; `scheme` is http or https."""

    namespace: str
    name: str
    port: int
    scheme: str = "http"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}:{self.port}"


def places(mesh: Mesh) -> tuple[PrometheusAddress, ...]:
    """The services that look like a Prometheus, the likeliest first."""
    found = [
        (rank, place)
        for service in mesh.services
        if service.key.namespace in NAMESPACES and _looks_like_it(service)
        for rank, place in [(_rank(service), _place(service))]
        if place is not None
    ]
    return tuple(place for _, place in sorted(found, key=lambda entry: entry[0]))


def _looks_like_it(service: Service) -> bool:
    name = service.key.name
    if any(other in name for other in _OTHERS):
        return False
    return "prometheus" in name or any(
        service.labels.get(label) == "prometheus" for label in _LABELS
    )


def _rank(service: Service) -> tuple[int, bool, bool, str]:
    """A service with an address before its headless twin, which names single pods."""
    key = service.key
    headless = service.cluster_ip in ("", "None")
    return NAMESPACES.index(key.namespace), key.name != "prometheus", headless, key.name


def _place(service: Service) -> PrometheusAddress | None:
    port = _port(service.ports)
    if port is None:
        return None
    secure = port.name.startswith("https") or port.number == 443
    return PrometheusAddress(
        service.key.namespace, service.key.name, port.number, "https" if secure else "http"
    )


def _port(ports: Iterable[Port]) -> Port | None:
    ports = tuple(ports)
    by_name = [port for name in _PORT_NAMES for port in ports if port.name == name]
    by_number = [port for number in _PORT_NUMBERS for port in ports if port.number == number]
    return next(iter((*by_name, *by_number)), ports[0] if len(ports) == 1 else None)
