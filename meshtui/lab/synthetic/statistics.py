"""The statistics of one proxy of a synthetic mesh, as its sidecar shows them on port 15020."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from meshtui.lab.synthetic.objects import VERSIONS, namespace
from meshtui.lab.synthetic.traffic import FANOUT, Service, Traffic, buckets

_DOMAIN = "svc.cluster.local"
_REQUESTS, _DURATIONS = "istio_requests_total", "istio_request_duration_milliseconds"
CALLS = VERSIONS[0]
"""The version whose pods call other services."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """One pod's: the service's number, the version, and which of how many pods."""

    number: int
    version: str
    copy: int
    copies: int

    def part(self, count: float) -> int:
        """What this pod counted of what all pods of the version did."""
        whole = int(count)
        return whole // self.copies + (self.copy < whole % self.copies)


def statistics(traffic: Traffic, proxy: Proxy, at: float) -> str:
    """In Prometheus' text format."""
    lines = list(_inbound(traffic, proxy, at))
    if proxy.version == CALLS:
        first = proxy.number * FANOUT + 1
        for number in range(first, min(first + FANOUT, len(traffic.services))):
            lines += _outbound(traffic, proxy, number, at)
    types = (f"# TYPE {_REQUESTS} counter", f"# TYPE {_DURATIONS} histogram")
    return "\n".join((*types, *lines, ""))


def _inbound(traffic: Traffic, proxy: Proxy, at: float) -> Iterator[str]:
    service = traffic.advance(proxy.number, at)
    for (version, code), count in service.counted.items():
        if version == proxy.version:
            yield from _series(traffic, service, proxy, "destination", version, code, count)


def _outbound(traffic: Traffic, proxy: Proxy, number: int, at: float) -> Iterator[str]:
    service = traffic.advance(number, at)
    for (version, code), count in service.counted.items():
        yield from _series(traffic, service, proxy, "source", version, code, count)


def _series(
    traffic: Traffic,
    service: Service,
    proxy: Proxy,
    reporter: str,
    version: str,
    code: str,
    count: float,
) -> Iterator[str]:
    counted = proxy.part(count)
    labels = _labels(service, reporter, version, code)
    yield f"{_REQUESTS}{{{labels}}} {counted}"
    latency_s = traffic.behaviour(service.number, version).latency_s
    for bound, below in buckets(counted, latency_s):
        yield f'{_DURATIONS}_bucket{{{labels},le="{bound:g}"}} {below}'
    yield f'{_DURATIONS}_bucket{{{labels},le="+Inf"}} {counted}'
    yield f"{_DURATIONS}_sum{{{labels}}} {counted * latency_s * 1000:g}"
    yield f"{_DURATIONS}_count{{{labels}}} {counted}"


def _labels(service: Service, reporter: str, version: str, code: str) -> str:
    name, space = f"service-{service.number}", namespace(service.number)
    labels = {
        "reporter": reporter,
        **_peer("source", service.caller, CALLS),
        **_peer("destination", service.number, version),
        "destination_service": f"{name}.{space}.{_DOMAIN}",
        "destination_service_name": name,
        "destination_service_namespace": space,
        "request_protocol": "http",
        "response_code": code,
        "grpc_response_status": "",
        "response_flags": "-",
        "connection_security_policy": "unknown" if reporter == "source" else "mutual_tls",
        "source_cluster": "Kubernetes",
        "destination_cluster": "Kubernetes",
    }
    return ",".join(f'{key}="{value}"' for key, value in labels.items())


def _peer(side: str, number: int | None, version: str) -> dict[str, str]:
    """Whoever calls from outside the mesh is not known to it."""
    if number is None:
        facts = dict.fromkeys(
            ("workload", "workload_namespace", "app", "version", "canonical_service",
             "canonical_revision", "principal"), "unknown",
        )  # fmt: skip
    else:
        name, space = f"service-{number}", namespace(number)
        facts = {
            "workload": f"{name}-{version}",
            "workload_namespace": space,
            "app": name,
            "version": version,
            "canonical_service": name,
            "canonical_revision": version,
            "principal": f"spiffe://cluster.local/ns/{space}/sa/default",
        }
    return {f"{side}_{fact}": value for fact, value in facts.items()}
