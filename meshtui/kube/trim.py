"""What is kept of an object in memory: pods are most of a cluster, and most of a pod is unused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from meshtui.kube.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    DESTINATION_RULES,
    NAMESPACES,
    PODS,
    SERVICES,
    VIRTUAL_SERVICES,
    Resource,
)
from meshtui.mesh import read
from meshtui.mesh.model import Json

METADATA = (
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "labels",
    "annotations",
    "ownerReferences",
)
POD_SPEC = ("nodeName", "serviceAccountName")
POD_STATUS = ("phase", "reason", "podIP", "podIPs")
CONDITION = ("type", "status", "reason")
CONTAINER_STATUS = ("name", "ready", "restartCount", "state", "lastState")
CONTAINER = ("name", "image", "ports", "restartPolicy")
SERVICE_SPEC = (
    "ports",
    "selector",
    "clusterIP",
    "clusterIPs",
    "type",
    "externalName",
    "publishNotReadyAddresses",
)
DEPLOYMENT_SPEC = ("replicas", "paused")
ARGS = "args"
"""Of a container's arguments only the domain is kept that its proxy is started with."""

_DOMAIN = "--domain"
_SETTINGS = ("mesh", "values")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def trim(resource: Resource, raw: Json) -> Json:
    """`raw` with its kind told (a list leaves it out) and without what meshtui never looks at.

    Istio's objects are kept whole but for which fields each manager wrote: changes are planned on
    them, and the names of the managers tell who else writes them. Metadata of a wrong type is left
    out: nobody after this has to look twice.
    """
    kind = {"apiVersion": resource.api_version, "kind": resource.kind}
    named = {**raw, **kind, "metadata": sound_metadata(raw.get("metadata"))}
    trimmed = _TRIMS.get(resource.key)
    return trimmed(named) if trimmed else named


def sound_metadata(meta: Any) -> Json:
    """`meta` with what has the type that Kubernetes gives it."""
    if not isinstance(meta, Mapping):
        return {}
    found = dict(meta)
    for key in found.keys() & _METADATA_TYPES.keys():
        whole = _METADATA_TYPES[key](found[key])
        if whole is None:
            del found[key]
        else:
            found[key] = whole
    return found


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: Any) -> Mapping[str, str] | None:
    if not isinstance(value, Mapping):
        return None
    if all(isinstance(text, str) for text in value.values()):
        return value
    return {key: text for key, text in value.items() if isinstance(text, str)}


def _objects(value: Any) -> list[Json] | None:
    if not isinstance(value, list):
        return None
    return [item for item in value if isinstance(item, Mapping)]


_METADATA_TYPES: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(
        ("name", "generateName", "namespace", "uid", "resourceVersion", "creationTimestamp"), _text
    ),
    "deletionTimestamp": _text,
    **dict.fromkeys(("labels", "annotations"), _texts),
    **dict.fromkeys(("ownerReferences", "managedFields"), _objects),
}


def _rules(raw: Json) -> Json:
    """Which fields a manager wrote is half of an object, and nobody looks at it."""
    meta = read.obj(raw, "metadata")
    if "managedFields" not in meta:
        return raw
    managers = [
        {key: value for key, value in entry.items() if key != "fieldsV1"}
        for entry in read.objects(meta, "managedFields")
    ]
    return {**raw, "metadata": {**meta, "managedFields": managers}}


def _namespace(raw: Json) -> Json:
    return {**raw, "metadata": _metadata(raw)}


def _service(raw: Json) -> Json:
    return {**_named(raw), "spec": _picked(read.obj(raw, "spec"), *SERVICE_SPEC)}


def _deployment(raw: Json) -> Json:
    spec = _picked(read.obj(raw, "spec"), *DEPLOYMENT_SPEC)
    return {**_named(raw), "spec": spec, "status": raw.get("status")}


def _pod(raw: Json) -> Json:
    spec, status = read.obj(raw, "spec"), read.obj(raw, "status")
    return {
        **_named(raw),
        "spec": {
            **_picked(spec, *POD_SPEC),
            **{
                key: [_container(c) for c in read.objects(spec, key)]
                for key in ("containers", "initContainers")
                if key in spec
            },
        },
        "status": {
            **_picked(status, *POD_STATUS),
            "conditions": [_picked(c, *CONDITION) for c in read.objects(status, "conditions")],
            **{
                key: [_picked(c, *CONTAINER_STATUS) for c in read.objects(status, key)]
                for key in ("containerStatuses", "initContainerStatuses")
                if key in status
            },
        },
    }


def _container(raw: Json) -> Json:
    retained = _picked(raw, *CONTAINER)
    args = read.texts(raw, ARGS)
    if _DOMAIN in args:
        retained[ARGS] = args[args.index(_DOMAIN) :][:2]
    return retained


def _config_map(raw: Json) -> Json:
    """The injector's templates are large; what they are filled with is not."""
    return {**raw, "metadata": _metadata(raw), "data": _picked(read.obj(raw, "data"), *_SETTINGS)}


def _named(raw: Json) -> Json:
    return {"apiVersion": raw["apiVersion"], "kind": raw["kind"], "metadata": _metadata(raw)}


def _metadata(raw: Json) -> Json:
    retained = _picked(read.obj(raw, "metadata"), *METADATA)
    annotations = read.obj(retained, "annotations")
    if _LAST_APPLIED in annotations:
        retained["annotations"] = {k: v for k, v in annotations.items() if k != _LAST_APPLIED}
    return retained


def _picked(raw: Json, *keys: str) -> dict[str, Any]:
    return {key: raw[key] for key in keys if key in raw}


_TRIMS: Mapping[str, Callable[[Json], Json]] = {
    VIRTUAL_SERVICES.plural: _rules,
    DESTINATION_RULES.plural: _rules,
    SERVICES.plural: _service,
    PODS.plural: _pod,
    DEPLOYMENTS.plural: _deployment,
    CONFIG_MAPS.plural: _config_map,
    NAMESPACES.plural: _namespace,
}
