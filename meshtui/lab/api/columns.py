"""What `kubectl get` shows of each kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from meshtui.lab.api.ages import age_of
from meshtui.lab.api.schema import definition
from meshtui.lab.contract import Kind, Obj

_NAME_HELP = (
    "Name must be unique within a namespace. Is required when creating resources, although some "
    "resources may allow a client to request the generation of an appropriate name automatically. "
    "Name is primarily intended for creation idempotence and configuration definition. Cannot be "
    "updated. More info: "
    "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names"
)
_AGE_HELP = (
    "CreationTimestamp is a timestamp representing the server time when this object was created. "
    "It is not guaranteed to be set in happens-before order across separate operations. Clients "
    "may not set this value. It is represented in RFC3339 form and is in UTC. Populated by the "
    "system. Read-only. Null for lists. More info: "
    "https://git.k8s.io/community/contributors/devel/api-conventions.md#metadata"
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `wide` ones are shown by `-o wide` only."""

    name: str
    cell: Callable[[Obj], Any]
    type: str = "string"
    format: str = ""
    description: str = ""
    wide: bool = False

    def to_json(self) -> Obj:
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.description,
            "priority": int(self.wide),
        }


def at(obj: Any, path: str) -> Any:
    """The value at a dotted path, None where there is none."""
    for step in path.strip(".").split("."):
        obj = obj.get(step) if isinstance(obj, dict) else None
    return obj


def _age(obj: Obj) -> str:
    return age_of(obj["metadata"].get("creationTimestamp"))


def _joined(values: Iterable[Any]) -> str:
    return ",".join(str(v) for v in values) or "<none>"


def _pairs(mapping: Obj | None) -> str:
    return _joined(f"{k}={v}" for k, v in sorted((mapping or {}).items()))


NAME = Column("Name", lambda o: o["metadata"]["name"], format="name", description=_NAME_HELP)
AGE = Column("Age", _age, description=_AGE_HELP)


def _field(name: str, path: str, default: Any = "", **kwargs: Any) -> Column:
    def cell(obj: Obj) -> Any:
        value = at(obj, path)
        return default if value is None else value

    return Column(name, cell, **kwargs)


def _number(name: str, path: str) -> Column:
    return _field(name, path, 0, type="integer")


def _sidecars(pod: Obj) -> set[str]:
    """The init containers that run as long as the pod does."""
    init = at(pod, "spec.initContainers") or ()
    return {c["name"] for c in init if c.get("restartPolicy") == "Always"}


def _container_statuses(pod: Obj) -> list[Obj]:
    sidecars = _sidecars(pod)
    init = at(pod, "status.initContainerStatuses") or []
    own = at(pod, "status.containerStatuses") or []
    return own + [s for s in init if s["name"] in sidecars]


def _pod_ready(pod: Obj) -> str:
    total = len(at(pod, "spec.containers") or ()) + len(_sidecars(pod))
    return f"{sum(bool(s.get('ready')) for s in _container_statuses(pod))}/{total}"


def _pod_status(pod: Obj) -> str:
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for container in _container_statuses(pod):
        state = container.get("state") or {}
        for name in ("waiting", "terminated"):
            reason = (state.get(name) or {}).get("reason")
            if reason:
                return str(reason)
    return str(at(pod, "status.reason") or at(pod, "status.phase") or "Unknown")


def _pod_restarts(pod: Obj) -> str:
    return str(sum(s.get("restartCount", 0) for s in _container_statuses(pod)))


def _service_ports(service: Obj) -> str:
    shown = []
    for port in at(service, "spec.ports") or ():
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        shown.append(f"{port['port']}{node}/{port.get('protocol', 'TCP')}")
    return _joined(shown)


def _external(service: Obj) -> str:
    ingress = at(service, "status.loadBalancer.ingress") or ()
    addresses = [i.get("ip") or i.get("hostname", "") for i in ingress]
    if at(service, "spec.type") == "LoadBalancer" and not addresses:
        return "<pending>"
    return _joined(addresses)


def _endpoint_addresses(endpoints: Obj) -> str:
    return _joined(
        f"{address['ip']}:{port['port']}"
        for subset in endpoints.get("subsets") or ()
        for address in subset.get("addresses") or ()
        for port in subset.get("ports") or ()
    )


def _slice_ports(item: Obj) -> str:
    return _joined(p.get("port", "*") for p in item.get("ports") or ())


def _slice_addresses(item: Obj) -> str:
    return _joined(a for e in item.get("endpoints") or () for a in e.get("addresses") or ())


def _template(obj: Obj, what: str) -> str:
    containers = at(obj, "spec.template.spec.containers") or ()
    return _joined(c.get(what, "") for c in containers)


def _event_age(event: Obj) -> str:
    return age_of(
        at(event, "series.lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or event["metadata"].get("creationTimestamp")
    )


def _event_object(event: Obj) -> str:
    about = event.get("involvedObject") or {}
    return f"{about.get('kind', '').lower()}/{about.get('name', '')}"


_SELECTOR = Column("Selector", lambda o: _pairs(at(o, "spec.selector.matchLabels")), wide=True)
_CONTAINERS = Column("Containers", lambda o: _template(o, "name"), wide=True)
_IMAGES = Column("Images", lambda o: _template(o, "image"), wide=True)
_HIDDEN = "<none>"

_BUILT_IN: dict[str, tuple[Column, ...]] = {
    "namespaces": (NAME, _field("Status", "status.phase", "Active"), AGE),
    "services": (
        NAME,
        _field("Type", "spec.type", "ClusterIP"),
        _field("Cluster-IP", "spec.clusterIP", _HIDDEN),
        Column("External-IP", _external),
        Column("Port(s)", _service_ports),
        AGE,
        Column("Selector", lambda o: _pairs(at(o, "spec.selector")), wide=True),
    ),
    "pods": (
        NAME,
        Column("Ready", _pod_ready),
        Column("Status", _pod_status),
        Column("Restarts", _pod_restarts),
        AGE,
        _field("IP", "status.podIP", _HIDDEN, wide=True),
        _field("Node", "spec.nodeName", _HIDDEN, wide=True),
        _field("Nominated Node", "status.nominatedNodeName", _HIDDEN, wide=True),
        Column("Readiness Gates", lambda _: _HIDDEN, wide=True),
    ),
    "endpoints": (NAME, Column("Endpoints", _endpoint_addresses), AGE),
    "endpointslices": (
        NAME,
        _field("AddressType", "addressType"),
        Column("Ports", _slice_ports),
        Column("Endpoints", _slice_addresses),
        AGE,
    ),
    "configmaps": (NAME, Column("Data", lambda o: len(o.get("data") or ()), "integer"), AGE),
    "events": (
        Column("Last Seen", _event_age),
        _field("Type", "type"),
        _field("Reason", "reason"),
        Column("Object", _event_object),
        _field("Message", "message"),
        _field("Source", "reportingComponent", wide=True),
        _field("Count", "count", 1, type="integer", wide=True),
        Column("Name", NAME.cell, format="name", wide=True),
    ),
    "deployments": (
        NAME,
        Column(
            "Ready",
            lambda o: f"{at(o, 'status.readyReplicas') or 0}/{at(o, 'spec.replicas') or 0}",
        ),
        _number("Up-to-date", "status.updatedReplicas"),
        _number("Available", "status.availableReplicas"),
        AGE,
        _CONTAINERS,
        _IMAGES,
        _SELECTOR,
    ),
    "replicasets": (
        NAME,
        _number("Desired", "spec.replicas"),
        _number("Current", "status.replicas"),
        _number("Ready", "status.readyReplicas"),
        AGE,
        _CONTAINERS,
        _IMAGES,
        _SELECTOR,
    ),
    "leases": (NAME, _field("Holder", "spec.holderIdentity"), AGE),
}


def _as_text(value: Any) -> Any:
    """Lists and maps are shown as JSON."""
    return json.dumps(value, separators=(",", ":")) if isinstance(value, (dict, list)) else value


def _defined(column: Obj) -> Column:
    if column["type"] == "date":
        path = column["jsonPath"]
        return Column(
            column["name"],
            lambda o: age_of(at(o, path)),
            "date",
            description=column.get("description", ""),
        )
    return Column(
        column["name"],
        lambda o: _as_text(at(o, column["jsonPath"])),
        column["type"],
        description=column.get("description", ""),
        wide=bool(column.get("priority")),
    )


@cache
def columns_of(kind: Kind) -> tuple[Column, ...]:
    """The columns of a kind: the definition's for a custom one, else as kubectl is used to."""
    known = definition(kind)
    if known is None:
        return _BUILT_IN.get(kind.plural, (NAME, AGE))
    defined = tuple(map(_defined, known.columns))
    age = Column("Age", AGE.cell, "date", description=AGE.description)
    return (NAME, *(defined or (age,)))
