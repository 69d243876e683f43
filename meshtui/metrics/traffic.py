"""Which requests a counter of Istio counts: its labels, brought down to those that matter here."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from meshtui.mesh.codes import failed_label
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.pod import NO_REVISION
from meshtui.mesh.signals import UNKNOWN, UNTOLD, Responder

REQUESTS = "istio_requests_total"
BUCKETS = "istio_request_duration_milliseconds_bucket"

SOURCE, DESTINATION, WAYPOINT = "source", "destination", "waypoint"
REPORTERS = (SOURCE, DESTINATION, WAYPOINT)

_CUT_OFF = frozenset({"UT", "UPE", "UC", "UR", "LR", "SI", "UMSDR"})
_REFUSED = frozenset({"UAEX", "RL", "NR", "FI"})
"""External authorization, rate limits, no route, injected aborts. Envoy's RBAC and JWT filters set
no flag: what they refuse looks to telemetry as an answer of the service; see `metrics.denied`."""

WHO = ("destination_workload", "destination_canonical_revision", "destination_version")
_ABSENT = frozenset({"", UNKNOWN, "-"})
_NOT_A_SERVICE = ("PassthroughCluster", "BlackHoleCluster", "InboundPassthroughCluster")


class Answered(NamedTuple):
    """How requests ended.

    `failed`: an HTTP 5xx, no response at all (code 0), or a gRPC status other than OK.
    `cut_off`: an answer that began well and was never finished. The caller's hanging up (DC, DR) is
    none: so ends every WebSocket, and every stream that is read as long as it is wanted.
    `refused`: a 4xx that a proxy gave in place of the service.
    `grpc` is empty of what is no gRPC; `flags` are one by one.
    """

    failed: bool
    cut_off: bool
    refused: bool
    grpc: str
    flags: tuple[str, ...]


@lru_cache(maxsize=4096)
def _answered(code: str, grpc: str, flags: str, protocol: str) -> Answered:
    """Remembered: few ways are common to all the counters of a mesh."""
    several, status = tuple(flags.split(",")), grpc if protocol == "grpc" else ""
    return Answered(
        failed=failed_label(code) or status not in ("", "0"),
        cut_off=code[:1] == "2" and not _CUT_OFF.isdisjoint(several),
        refused=code[:1] == "4" and not _REFUSED.isdisjoint(several),
        grpc=status,
        flags=several,
    )


class Traffic(NamedTuple):
    """The requests one counter counts.

    Empty text stands for what Istio does not know; `version` alone is then "unknown". A tuple and
    not a dataclass: it is the key of every reading, and is hashed and compared all the time.
    """

    reporter: str
    namespace: str
    service: str
    version: str
    code: str
    grpc: str
    flags: str
    protocol: str
    client_namespace: str
    client: str
    workload_namespace: str = ""
    workload: str = ""
    revision: str = ""
    security: str = ""
    """How the connection was secured, which only the servers know."""

    @property
    def target(self) -> Responder:
        """Who answered; of what reached no pod also the flags, which say why."""
        flags = self.flags if self.version == UNKNOWN and not self.workload else ""
        service = ServiceKey(self.namespace, self.service)
        return Responder(
            service, self.version, self.workload_namespace, self.workload, self.revision, flags
        )

    @property
    def service_key(self) -> ServiceKey:
        return ServiceKey(self.namespace, self.service)

    @property
    def answered(self) -> Answered:
        return _answered(self.code, self.grpc, self.flags, self.protocol)


def traffic_of(labels: Mapping[str, str]) -> Traffic | None:
    """What a series counts, or None where that is no service of the cluster."""
    client_namespace = _known(labels, "source_workload_namespace")
    service = _service(labels, client_namespace)
    if service is None:
        return None
    return Traffic(
        reporter=labels.get("reporter", ""),
        namespace=service[0],
        service=service[1],
        version=version_of(labels),
        code=_known(labels, "response_code"),
        grpc=_known(labels, "grpc_response_status"),
        flags=_known(labels, "response_flags"),
        protocol=_known(labels, "request_protocol"),
        client_namespace=client_namespace,
        client=_known(labels, "source_workload"),
        workload_namespace=_known(labels, "destination_workload_namespace"),
        workload=_known(labels, "destination_workload"),
        revision=_known(labels, "destination_canonical_revision"),
        security=_known(labels, "connection_security_policy"),
    )


def answer_of(labels: Mapping[str, str]) -> Traffic:
    """How a caller's requests were answered, whichever service they went to."""
    return Traffic(
        reporter=SOURCE,
        namespace="",
        service="",
        version=UNKNOWN,
        code=_known(labels, "response_code"),
        grpc=_known(labels, "grpc_response_status"),
        flags=_known(labels, "response_flags"),
        protocol=_known(labels, "request_protocol"),
        client_namespace=_known(labels, "source_workload_namespace"),
        client=_known(labels, "source_workload"),
    )


def responder_of(labels: Mapping[str, str], service: ServiceKey) -> Responder:
    """Who of a service answered, by as much as these labels say of it."""
    return Responder(
        service,
        version_of(labels),
        _known(labels, "destination_workload_namespace"),
        _known(labels, "destination_workload"),
        _known(labels, "destination_canonical_revision"),
    )


def version_of(labels: Mapping[str, str]) -> str:
    """The version that answered, or was asked and never did.

    Of an endpoint that never answered Istio's filter knows no version, but the canonical revision,
    which is the version wherever there is one; `latest` stands for none. Pods without a version
    are known by their workload.
    """
    version = _known(labels, "destination_version")
    if version:
        return version
    revision = _known(labels, "destination_canonical_revision")
    if revision and revision != NO_REVISION:
        return revision
    workload = _known(labels, "destination_workload")
    return workload or (UNKNOWN if any(map(labels.get, WHO)) else UNTOLD)


def _known(labels: Mapping[str, str], name: str) -> str:
    """Interned, as the same few names stand in thousands of series."""
    value = labels.get(name, "")
    return "" if value in _ABSENT else sys.intern(value)


def _service(labels: Mapping[str, str], client_namespace: str) -> tuple[str, str] | None:
    """Namespace and name of the service asked for.

    What found no cluster has no metadata, hence no namespace; the host that was asked for still
    says which service was meant.
    """
    name = _known(labels, "destination_service_name")
    namespace = _known(labels, "destination_service_namespace")
    if name.startswith(_NOT_A_SERVICE):
        return None
    if name and namespace:
        return namespace, name
    host = _known(labels, "destination_service") or name
    return _service_of_host(host, client_namespace)


def _service_of_host(host: str, client_namespace: str) -> tuple[str, str] | None:
    """`reviews`, `reviews.default` and `reviews.default.svc…`, with or without a port."""
    parts = host.partition(":")[0].split(".")
    if not all(parts) or host.startswith(_NOT_A_SERVICE):
        return None
    if len(parts) == 1:
        return (client_namespace, parts[0]) if client_namespace else None
    if len(parts) == 2 or parts[2] == "svc":
        return parts[1], parts[0]
    return None
