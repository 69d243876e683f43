"""istiod's own account of its proxies: what it sent to each, and what each has acknowledged.

The answer to `/debug/syncz` (pilot/pkg/xds/debug.go). An older istiod gives the nonces alone, a
newer one the time and the refusal of each type as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.pod_status import stamp
from meshtui.mesh.read import Json

SYNCED, STALE, NOT_SENT, ERROR = "SYNCED", "STALE", "NOT_SENT", "ERROR"
"""As `istioctl proxy-status` names them."""

TYPES = ("CDS", "LDS", "EDS", "RDS", "ECDS")
_URLS = {
    "type.googleapis.com/envoy.config.cluster.v3.Cluster": "CDS",
    "type.googleapis.com/envoy.config.listener.v3.Listener": "LDS",
    "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment": "EDS",
    "type.googleapis.com/envoy.config.route.v3.RouteConfiguration": "RDS",
    "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig": "ECDS",
}
_NONCES = {
    "CDS": "cluster",
    "LDS": "listener",
    "EDS": "endpoint",
    "RDS": "route",
    "ECDS": "extensionconfig",
}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UNIX_EPOCH_YEAR = "1970"


@dataclass(frozen=True, slots=True)
class TypeSync:
    """One xDS type of a proxy. `sent` and `acked` are versions of istiod's pushes, empty where
    there is none; `sent_at` and `acked_at` are seconds since the epoch, None where they are not
    known. `error` is why the proxy refused what was sent last, as it said it.
    """

    type: str
    state: str
    sent: str = ""
    acked: str = ""
    sent_at: float | None = None
    acked_at: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class ProxySync:
    """One client of an istiod. `kind` is istiod's: sidecar, router, waypoint or ztunnel.

    `refusals_known`: the istiod is one that says what was refused.
    """

    namespace: str
    name: str
    kind: str = ""
    cluster: str = ""
    istio_version: str = ""
    istiod: str = ""
    types: tuple[TypeSync, ...] = ()
    refusals_known: bool = False

    def of(self, name: str) -> TypeSync | None:
        """One type; None where the proxy has not asked for it."""
        return next((one for one in self.types if one.type == name), None)

    @property
    def newest(self) -> float:
        """When it was sent something last, 0 where that is not known."""
        return max((one.sent_at or 0.0 for one in self.types), default=0.0)


def parse_syncz(found: Any, istiod: str = "") -> tuple[ProxySync, ...]:
    """The clients of one istiod; what is no client is passed over."""
    entries = found if isinstance(found, list) else []
    return tuple(
        client
        for entry in entries
        if isinstance(entry, dict) and (client := _client(entry, istiod)) is not None
    )


def _client(entry: Json, istiod: str) -> ProxySync | None:
    """A node is `NAME.NAMESPACE`. A client without a type asked for nothing: a tool, no proxy."""
    name, dot, namespace = read.text(entry, "proxy").rpartition(".")
    resources = read.obj(entry, "resources")
    types = tuple(_of_resources(resources) if resources else _of_nonces(entry))
    if not dot or not name:
        return None
    return ProxySync(
        namespace,
        name,
        kind=read.text(entry, "proxy_type"),
        cluster=read.text(entry, "cluster_id"),
        istio_version=read.text(entry, "istio_version"),
        istiod=istiod,
        types=tuple(sorted(types, key=_order)),
        refusals_known=bool(resources),
    )


def _order(one: TypeSync) -> tuple[int, str]:
    return (TYPES.index(one.type) if one.type in TYPES else len(TYPES), one.type)


def _of_resources(resources: Json) -> Iterator[TypeSync]:
    for url in resources:
        one = read.obj(resources, url)
        if one:
            at = read.text(one, "sentTime")
            yield _type(
                _short(url),
                read.text(one, "sent"),
                read.text(one, "acked"),
                None if at < _UNIX_EPOCH_YEAR else stamp(at),
                read.text(one, "lastError"),
            )


def _of_nonces(entry: Json) -> Iterator[TypeSync]:
    for name, prefix in _NONCES.items():
        sent, acked = (read.text(entry, f"{prefix}_{word}") for word in ("sent", "acked"))
        if sent or acked:
            yield _type(name, sent, acked, None, "")


def _type(name: str, sent: str, acked: str, sent_at: float | None, error: str) -> TypeSync:
    same = sent == acked
    state = ERROR if error else NOT_SENT if not sent else SYNCED if same else STALE
    at = _pushed(sent) if sent_at is None else sent_at
    acked_at = at if same and sent else _pushed(acked)
    return TypeSync(name, state, _version(sent), _version(acked), at, acked_at, error)


def _short(url: str) -> str:
    """What istiod calls a type; of one that is not known the last part of its name."""
    return _URLS.get(url) or url.rpartition(".")[2] or url


def _version(nonce: str) -> str:
    """A nonce is the version of the push and a UUID: `2026-11-27T23:28:09Z/30` and `a877767e-…`."""
    found = list(_UUID.finditer(nonce))
    return nonce[: found[-1].start()] if found and found[-1].end() == len(nonce) else nonce


def _pushed(nonce: str) -> float | None:
    """When the push of a nonce began; None where it does not say so."""
    return stamp(nonce.partition("/")[0])


def newest_of(clients: Iterable[ProxySync]) -> dict[tuple[str, str], ProxySync]:
    """By place. One that went to another istiod is for a while known to both: the newer counts."""
    found: dict[tuple[str, str], ProxySync] = {}
    for one in clients:
        known = found.get((one.namespace, one.name))
        if known is None or one.newest > known.newest:
            found[one.namespace, one.name] = one
    return found
