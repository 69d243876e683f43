"""Schemas of the built-in kinds: the types of the fields that the lab itself reads.

A real server decodes these kinds into Go structs, so that a list where a map belongs never gets in.
Fields not named here are kept as they come.
"""

from __future__ import annotations

from meshtui.lab.contract import Obj


def _object(*required: str, **properties: Obj) -> Obj:
    schema: Obj = {"type": "object", "nullable": True, "properties": properties}
    return schema | {"required": list(required)} if required else schema


def _list(items: Obj) -> Obj:
    return {"type": "array", "nullable": True, "items": items | {"nullable": False}}


def _map(values: Obj) -> Obj:
    return {"type": "object", "nullable": True, "additionalProperties": values}


TEXT: Obj = {"type": "string", "nullable": True}
NUMBER: Obj = {"type": "integer", "nullable": True}
FLAG: Obj = {"type": "boolean", "nullable": True}
TEXTS = _map(TEXT)
_ANY = _object()

METADATA = _object(
    name=TEXT,
    generateName=TEXT,
    namespace=TEXT,
    uid=TEXT,
    resourceVersion=TEXT,
    labels=TEXTS,
    annotations=TEXTS,
    finalizers=_list(TEXT),
    ownerReferences=_list(_object("uid", "name", "kind", uid=TEXT, name=TEXT, kind=TEXT)),
)
"""What every object's metadata has to be, custom or not."""

_PORT = _object(name=TEXT, containerPort=NUMBER, port=NUMBER, nodePort=NUMBER, protocol=TEXT)
_CONTAINERS = _list(
    _object("name", name=TEXT, image=TEXT, restartPolicy=TEXT, ports=_list(_PORT)),
)
_POD_SPEC = _object(
    containers=_CONTAINERS, initContainers=_CONTAINERS, nodeName=TEXT, serviceAccountName=TEXT
)
_STATE = _object(waiting=_object(reason=TEXT), terminated=_object(reason=TEXT), running=_ANY)
_CONTAINER_STATUSES = _list(
    _object("name", name=TEXT, ready=FLAG, restartCount=NUMBER, state=_STATE)
)
_WORKLOAD = _object(
    spec=_object(
        replicas=NUMBER,
        selector=_object(matchLabels=TEXTS),
        template=_object(metadata=METADATA, spec=_POD_SPEC),
    ),
    status=_object(
        replicas=NUMBER, readyReplicas=NUMBER, updatedReplicas=NUMBER, availableReplicas=NUMBER
    ),
)
_TARGET = _object(kind=TEXT, name=TEXT, namespace=TEXT)
_ENDPOINT = _object(
    "addresses", addresses=_list(TEXT), conditions=_object(ready=FLAG), targetRef=_TARGET
)
_ADDRESSES = _list(_object("ip", ip=TEXT, targetRef=_TARGET))

SCHEMAS: dict[str, Obj] = {
    "namespaces": _object(spec=_ANY, status=_object(phase=TEXT)),
    "nodes": _object(spec=_ANY, status=_ANY),
    "pods": _object(
        spec=_POD_SPEC,
        status=_object(
            phase=TEXT,
            podIP=TEXT,
            reason=TEXT,
            containerStatuses=_CONTAINER_STATUSES,
            initContainerStatuses=_CONTAINER_STATUSES,
        ),
    ),
    "services": _object(
        spec=_object(
            type=TEXT,
            clusterIP=TEXT,
            selector=TEXTS,
            ports=_list(_PORT | {"required": ["port"]}),
        ),
        status=_object(loadBalancer=_object(ingress=_list(_object(ip=TEXT, hostname=TEXT)))),
    ),
    "endpoints": _object(
        subsets=_list(
            _object(addresses=_ADDRESSES, ports=_list(_PORT | {"required": ["port"]})),
        )
    ),
    "endpointslices": _object(addressType=TEXT, ports=_list(_PORT), endpoints=_list(_ENDPOINT)),
    "configmaps": _object(data=TEXTS),
    "serviceaccounts": _object(),
    "deployments": _WORKLOAD,
    "replicasets": _WORKLOAD,
    "leases": _object(
        spec=_object(holderIdentity=TEXT, leaseDurationSeconds=NUMBER, leaseTransitions=NUMBER)
    ),
    "events": _object(
        involvedObject=_object(kind=TEXT, name=TEXT, namespace=TEXT, uid=TEXT),
        source=_object(component=TEXT),
        series=_object(lastObservedTime=TEXT),
        count=NUMBER,
        type=TEXT,
        reason=TEXT,
        message=TEXT,
    ),
}
