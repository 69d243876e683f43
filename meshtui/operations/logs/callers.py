"""The logs that tell of one service: its own proxies', and of its callers' the lines about it.

What never reached a pod (no route, no endpoint, an open circuit breaker, an injected abort) stands
in the caller's log alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice

from meshtui.envoy.accesslog import AccessRecord, parse_line
from meshtui.envoy.clusternames import parse_cluster_name
from meshtui.mesh.access_logging import LogFormat
from meshtui.mesh.model import Mesh, Pod, Service
from meshtui.mesh.routing import pods_of
from meshtui.mesh.signals import Sample
from meshtui.operations.change.verify import MOST_PROXIES, client_proxies
from meshtui.operations.types import LogEntry

Pods = Callable[[], Iterable[Pod]]
Formats = Callable[[Iterable[Pod]], tuple[LogFormat, ...]]


class WithCallers:
    """The pods of a service and those that call it, who stand there by their own names.

    `formats` are those of the mesh's own that some pods' proxies write in.
    """

    def __init__(
        self, service: Service, own: Pods, callers: Pods, formats: Formats = lambda _: ()
    ) -> None:
        self._service = service
        self._own = own
        self._callers = callers
        self._find_formats = formats
        self._formats: tuple[LogFormat, ...] = ()
        self._others: frozenset[tuple[str, str]] = frozenset()

    def pods(self) -> list[Pod]:
        own = list(self._own())
        names = {(pod.namespace, pod.name) for pod in own}
        others = [pod for pod in self._callers() if (pod.namespace, pod.name) not in names]
        self._others = frozenset((pod.namespace, pod.name) for pod in others)
        self._formats = self._find_formats((*own, *others))
        return [*own, *map(_as_caller, others)]

    def keep(self, entry: LogEntry) -> LogEntry | None:
        """Of a caller's log only what is about the service, or, nameless, about any."""
        if entry.own or (entry.namespace, entry.pod) not in self._others:
            return entry
        record = parse_line(entry.text, self._formats)
        if record is None or record.inbound:
            return None
        if not (record.upstream_cluster or record.authority):
            return replace(entry, nameless=True)
        return entry if is_about_record(record, self._service) else None


def _as_caller(pod: Pod) -> Pod:
    """By its own name; what its programs write is not about the service."""
    return replace(pod, version=pod.app or pod.workload, containers=())


def callers_of(mesh: Mesh, service: Service, sample: Sample | None) -> tuple[Pod, ...]:
    """As telemetry names them; where it names none, every proxy that may call."""
    own = pods_of(mesh, service)
    return tuple(p for p in client_proxies(mesh, service.key, None, sample).pods if p not in own)


def of_workloads(mesh: Mesh, known: Iterable[Pod]) -> tuple[Pod, ...]:
    """The pods that stand now where those stood; no more than are asked at all."""
    workloads = {(pod.namespace, pod.workload) for pod in known}
    found = (p for p in mesh.pods if p.sidecar and (p.namespace, p.workload) in workloads)
    return tuple(islice(found, MOST_PROXIES))


def is_about_record(record: AccessRecord, service: Service) -> bool:
    """Is this a request to the service, as its caller's proxy saw it?"""
    if record.inbound:
        return False
    host = parse_cluster_name(record.upstream_cluster).host
    if host:
        return host == service.host
    asked = record.authority.partition(":")[0].lower()
    name, namespace = service.key.name, service.key.namespace
    return asked in (name, f"{name}.{namespace}", f"{name}.{namespace}.svc", service.host)
