"""One object before the webhook: refused in its words, or let in with warnings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from meshtui.lab.contract import Kind, Obj
from meshtui.lab.control.world import ISTIO, MALFORMED
from meshtui.lab.webhook.destinationrule import destination_rule
from meshtui.lab.webhook.findings import Findings
from meshtui.lab.webhook.gateway import gateway
from meshtui.lab.webhook.sidecar import sidecar
from meshtui.lab.webhook.virtualservice import virtual_service

_REVISION = "istio.io/rev"
_CHECKS: Mapping[str, Callable[[str, Mapping[str, Any]], Findings]] = {
    "virtualservices": virtual_service,
    "destinationrules": destination_rule,
    "gateways": gateway,
    "sidecars": sidecar,
}


@dataclass(frozen=True, slots=True)
class Review:
    """`refusal` is empty where the object is let in; `revised` is what belongs to a revision."""

    refusal: str = ""
    warnings: tuple[str, ...] = ()
    revised: bool = False


def review(kind: Kind, obj: Obj) -> Review:
    """What the webhook says of an object that its schema has let through."""
    check = _CHECKS.get(kind.plural) if kind.group == ISTIO else None
    if check is None:
        return Review()
    meta = obj["metadata"]
    revised = bool((meta.get("labels") or {}).get(_REVISION))
    try:
        found = check(str(meta.get("namespace") or ""), obj.get("spec") or {})
    except MALFORMED as error:
        return Review(f"error decoding configuration: {error}", revised=revised)
    warnings = tuple(dict.fromkeys(found.warnings))
    refusal = f"configuration is invalid: {found.refusal}" if found.errors else ""
    return Review(refusal, warnings, revised)
