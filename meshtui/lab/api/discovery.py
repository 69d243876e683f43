"""What is served here, in the two ways clients ask."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

from meshtui.lab.api.kinds import REVIEWS, Catalogue, Resource, group_version
from meshtui.lab.contract import Kind, Obj

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
_CUSTOM_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
_STATUS_VERBS = ("get", "patch", "update")
VERSION: Obj = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.0",
    "gitCommit": "",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "go1.27.3",
    "compiler": "gc",
    "platform": "linux/amd64",
}


def aggregated_version(accept: str) -> str | None:
    """The version of aggregated discovery the client prefers, None for the plain kind."""
    for choice in accept.split(","):
        parameters = {p.strip() for p in choice.split(";")}
        if "as=APIGroupDiscoveryList" in parameters:
            return next((v for v in ("v2", "v2beta1") if f"v={v}" in parameters), None)
        if choice.strip() in ("application/json", "*/*"):
            return None
    return None


def api_versions(address: str) -> Obj:
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def group(catalogue: Catalogue, name: str) -> Obj:
    return {"kind": "APIGroup", "apiVersion": "v1"} | _group(catalogue, name)


def group_list(catalogue: Catalogue) -> Obj:
    groups = [_group(catalogue, name) for name in catalogue.groups if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def _group(catalogue: Catalogue, name: str) -> Obj:
    versions = [
        {"groupVersion": group_version(name, v), "version": v} for v in catalogue.groups[name]
    ]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def resource_list(catalogue: Catalogue, name: str, version: str) -> Obj:
    resources = [
        entry
        for r in catalogue.in_version(name, version)
        for entry in _resource_entries(r, version)
    ]
    resources += [
        {
            "name": k.plural,
            "singularName": k.singular,
            "namespaced": False,
            "kind": k.kind,
            "verbs": ["create"],
        }
        for k in _reviews(name, version)
    ]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version(name, version),
        "resources": resources,
    }


def _resource_entries(resource: Resource, version: str) -> Iterable[Obj]:
    kind = resource.kind
    entry: Obj = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(_verbs(resource)),
    }
    yield entry | _names(resource) | {"storageVersionHash": _storage_hash(resource.stored)}
    for subresource, verbs in _subresources(resource):
        yield {
            "name": f"{kind.plural}/{subresource}",
            "singularName": "",
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": list(verbs),
        }


def _names(resource: Resource) -> Obj:
    names: Obj = {}
    if resource.kind.short_names:
        names["shortNames"] = list(resource.kind.short_names)
    if resource.categories:
        names["categories"] = list(resource.categories)
    return names


def _verbs(resource: Resource) -> tuple[str, ...]:
    return _CUSTOM_VERBS if resource.custom else _VERBS


def _subresources(resource: Resource) -> Iterable[tuple[str, tuple[str, ...]]]:
    yield from resource.subresources
    if resource.status:
        yield "status", _STATUS_VERBS


def _reviews(name: str, version: str) -> list[Kind]:
    return [k for k in REVIEWS if k.group == name and version in k.versions]


def _storage_hash(kind: Kind) -> str:
    """As a real server makes it: clients compare it to learn that the storage changed."""
    text = f"{kind.group}/{kind.preferred}/{kind.kind}"
    return base64.b64encode(hashlib.sha256(text.encode()).digest()[:8]).decode()


def aggregated(catalogue: Catalogue, core: bool, version: str) -> Obj:
    """All groups with all their resources in one answer; `core` for `/api`."""
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": [
            {
                "metadata": {"name": name} if name else {},
                "versions": [_aggregated_version(catalogue, name, v) for v in versions],
            }
            for name, versions in catalogue.groups.items()
            if (name == "") == core
        ],
    }


def _aggregated_version(catalogue: Catalogue, name: str, version: str) -> Obj:
    resources = [_aggregated_resource(r, version) for r in catalogue.in_version(name, version)]
    resources += [
        {
            "resource": k.plural,
            "responseKind": {"group": name, "version": version, "kind": k.kind},
            "scope": "Cluster",
            "singularResource": k.singular,
            "verbs": ["create"],
        }
        for k in _reviews(name, version)
    ]
    ordered = sorted(resources, key=lambda r: str(r["resource"]))
    return {"version": version, "resources": ordered, "freshness": "Current"}


def _aggregated_resource(resource: Resource, version: str) -> Obj:
    kind = resource.kind
    response_kind = {"group": kind.group, "version": version, "kind": kind.kind}
    entry: Obj = {
        "resource": kind.plural,
        "responseKind": response_kind,
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": list(_verbs(resource)),
    }
    entry |= _names(resource)
    subresources = [
        {"subresource": s, "responseKind": response_kind, "verbs": list(verbs)}
        for s, verbs in _subresources(resource)
    ]
    return entry | {"subresources": subresources} if subresources else entry
