"""Admission: what Istio's validating webhook says of an object that its schema has let through."""

from __future__ import annotations

from meshtui.lab.api import status
from meshtui.lab.contract import Kind, Obj
from meshtui.lab.webhook.review import review

NAME = "validation.istio.io"


def admit(kind: Kind, obj: Obj) -> tuple[str, ...]:
    """The warnings for an object that passes; a denial as `ApiError`."""
    found = review(kind, obj)
    if found.refusal:
        revision = "rev." if found.revised else ""
        raise status.denied(f"{revision}{NAME}", found.refusal)
    return found.warnings
