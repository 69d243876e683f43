"""OpenAPI documents: enough for kubectl to see that the server itself checks fields."""

from __future__ import annotations

from meshtui.lab.api.kinds import Catalogue, Resource, group_version
from meshtui.lab.api.schema import definition
from meshtui.lab.contract import Obj

_GVK = "x-kubernetes-group-version-kind"
_FREE: Obj = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_PARAMETERS = [
    {"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": True}}
    for name, kind in (
        ("dryRun", "string"),
        ("fieldManager", "string"),
        ("fieldValidation", "string"),
        ("force", "boolean"),
    )
]
_PATCHES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
)
"""Without strategic merge, though it is served: kubectl would look for its merge keys in schemas
that the lab does not have, and complain, before it falls back on its own."""


def _prefix(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


def index(catalogue: Catalogue) -> Obj:
    """`/openapi/v3`: where the document of each group version is."""
    paths = {
        _prefix(group, version): {"serverRelativeURL": f"/openapi/v3/{_prefix(group, version)}"}
        for group, versions in catalogue.groups.items()
        for version in versions
    }
    return {"paths": paths}


def document(catalogue: Catalogue, group: str, version: str) -> Obj:
    """`/openapi/v3/…`: paths and schemas of one group version."""
    resources = catalogue.in_version(group, version)
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.36.0"},
        "paths": {_path(r, version): _operations(r, version) for r in resources},
        "components": {"schemas": {_name(r, version): _schema(r, version) for r in resources}},
    }


def swagger(catalogue: Catalogue) -> Obj:
    """`/openapi/v2`: the schemas of every kind, no paths."""
    return {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "v1.36.0"},
        "paths": {},
        "definitions": {
            _name(r, version): _schema(r, version)
            for r in catalogue.resources
            for version in r.kind.versions
        },
    }


def _path(resource: Resource, version: str) -> str:
    kind = resource.kind
    namespace = "namespaces/{namespace}/" if kind.namespaced else ""
    return f"/{_prefix(kind.group, version)}/{namespace}{kind.plural}/{{name}}"


def _name(resource: Resource, version: str) -> str:
    group = resource.kind.group or "io.k8s.api.core"
    return f"{'.'.join(reversed(group.split('.')))}.{version}.{resource.kind.kind}"


def _gvk(resource: Resource, version: str) -> Obj:
    return {"group": resource.kind.group, "version": version, "kind": resource.kind.kind}


def _operations(resource: Resource, version: str) -> Obj:
    gvk = _gvk(resource, version)
    content = {m: {"schema": {"type": "object"}} for m in _PATCHES}
    return {
        "get": {"x-kubernetes-action": "get", _GVK: gvk},
        "put": {"x-kubernetes-action": "put", _GVK: gvk, "parameters": _PARAMETERS},
        "patch": {
            "x-kubernetes-action": "patch",
            _GVK: gvk,
            "parameters": _PARAMETERS,
            "requestBody": {"content": content, "required": True},
        },
    }


def _schema(resource: Resource, version: str) -> Obj:
    known = definition(resource.kind)
    schema: Obj = dict(known.schema if known else _FREE)
    properties = dict(schema.get("properties", {}))
    properties |= {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": _FREE}
    schema["properties"] = properties
    schema[_GVK] = [_gvk(resource, version)]
    schema["description"] = f"{resource.kind.kind} ({group_version(resource.kind.group, version)})"
    return schema
