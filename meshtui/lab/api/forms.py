"""The forms a client can ask an answer in: the objects, their metadata alone, or a table."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from meshtui.lab.api import status, views
from meshtui.lab.api.columns import columns_of
from meshtui.lab.api.kinds import Resource
from meshtui.lab.api.request import Target
from meshtui.lab.contract import Obj

JSON = "application/json"
_ACCEPTED = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")
_ANY = frozenset({JSON, "application/*", "*/*"})
_META_VERSIONS = ("v1", "v1beta1")
_FORMS = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")


@dataclass(frozen=True, slots=True)
class Form:
    """`name` is empty for the objects as they are; `version` is that of meta.k8s.io."""

    name: str = ""
    version: str = "v1"

    @property
    def api_version(self) -> str:
        return f"meta.k8s.io/{self.version}"


def negotiate(accept: str) -> Form:
    """The first form of an Accept header that the server has; 406 if there is none."""
    for choice in (accept or JSON).split(","):
        media, *parameters = (p.strip() for p in choice.split(";"))
        wanted = dict(p.split("=", 1) for p in parameters if "=" in p)
        if media not in _ANY:
            continue
        if "as" not in wanted:
            return Form()
        if wanted["as"] in _FORMS and wanted.get("v", "v1") in _META_VERSIONS:
            return Form(wanted["as"], wanted.get("v", "v1"))
    raise status.not_acceptable(_ACCEPTED)


def encode(value: Any) -> bytes:
    return (
        json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")
        + b"\n"
    )


def one(target: Target, form: Form, obj: Obj) -> Obj:
    """A single stored object in the form asked for."""
    if form.name == "Table":
        return _table(target, form, [obj], {"resourceVersion": _revision(obj)})
    if form.name:
        return _metadata_only(obj, form)
    return views.served(target.resource, target.version, obj)


def many(target: Target, form: Form, items: list[Obj], meta: Obj) -> Obj:
    """A list of stored objects in the form asked for."""
    if form.name == "Table":
        return _table(target, form, items, {k: v for k, v in meta.items() if v != ""})
    if form.name:
        return {
            "kind": "PartialObjectMetadataList",
            "apiVersion": form.api_version,
            "metadata": meta,
            "items": [_metadata_only(o, form) for o in items],
        }
    return {
        "kind": f"{target.kind.kind}List",
        "apiVersion": target.api_version,
        "metadata": meta,
        "items": list(_items(target.resource, target.version, items)),
    }


def event(target: Target, form: Form, obj: Obj, with_columns: bool) -> Obj:
    """The object of a watch event; a table names its columns only the first time."""
    shown = one(target, form, obj)
    if form.name == "Table" and not with_columns:
        shown["columnDefinitions"] = None
    return shown


def _items(resource: Resource, version: str, items: list[Obj]) -> Iterable[Obj]:
    for obj in items:
        shown = views.served(resource, version, obj)
        if not resource.custom:
            del shown["apiVersion"], shown["kind"]
        yield shown


def _metadata_only(obj: Obj, form: Form) -> Obj:
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": form.api_version,
        "metadata": obj["metadata"],
    }


def _revision(obj: Obj) -> str:
    return str(obj["metadata"].get("resourceVersion", ""))


def _table(target: Target, form: Form, items: list[Obj], meta: Obj) -> Obj:
    columns = columns_of(target.stored)
    included = target.query.get("includeObject") or "Metadata"
    return {
        "kind": "Table",
        "apiVersion": form.api_version,
        "metadata": meta,
        "columnDefinitions": [c.to_json() for c in columns],
        "rows": [
            {"cells": [c.cell(o) for c in columns]} | _included(target, form, o, included)
            for o in items
        ],
    }


def _included(target: Target, form: Form, obj: Obj, included: str) -> Obj:
    if included == "None":
        return {}
    if included == "Object":
        return {"object": views.served(target.resource, target.version, obj)}
    return {"object": _metadata_only(obj, form)}
