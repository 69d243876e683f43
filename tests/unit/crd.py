"""Istio's CRD schemas, as the lab's API server holds objects against them."""

from __future__ import annotations

import copy
from typing import Any

from meshtui.lab.api import schema
from meshtui.lab.contract import Kind

GROUP = "networking.istio.io"
KINDS = {
    "VirtualService": Kind(GROUP, ("v1",), "virtualservices", "virtualservice", "VirtualService"),
    "DestinationRule": Kind(
        GROUP, ("v1",), "destinationrules", "destinationrule", "DestinationRule"
    ),
}


def complaints(raw: dict[str, Any]) -> list[str]:
    """What the API server would say against the object: broken rules, then unknown fields."""
    kind, left = KINDS[raw["kind"]], copy.deepcopy(raw)
    broken = [f"{cause.field}: {cause.message}" for cause in schema.validate(kind, left)]
    return broken + [f"{path}: unknown field" for path in schema.prune(kind, left)]


def pruned(raw: dict[str, Any], kind: str) -> dict[str, Any]:
    """The object as the API server would store it: without fields that the schema lacks."""
    stored = {"apiVersion": f"{GROUP}/v1", "kind": kind, **copy.deepcopy(raw)}
    schema.prune(KINDS[kind], stored)
    return stored
