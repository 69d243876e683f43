"""A gateway's own numbers: what it sends on, as it sees the answers."""

from __future__ import annotations

from meshtui.diagnosis.explain.number_text import rate
from meshtui.diagnosis.explain.scope import VersionScope, listed
from meshtui.diagnosis.explain.steps import Step
from meshtui.mesh.model import Mesh, Service
from meshtui.mesh.routing import pods_of
from meshtui.mesh.view import ServiceView

COUNTED = "what comes in from outside is counted at the services behind it"
"""Of a gateway's past; of the present the table has what it sends on."""

_LEFT_OUT = "what it turns away itself, with no route for it, is not among them"


def is_gateway(mesh: Mesh, service: Service) -> bool:
    return any(pod.gateway for pod in pods_of(mesh, service))


AT_GATEWAY = (Step("exposure", "its doors"), Step("logs", "what it answers"))
"""What to look at where a gateway is in question."""


def edge(scope: VersionScope) -> str:
    """What the numbers of a gateway are of, and what they leave out; empty for the others."""
    if not is_gateway(scope.mesh, scope.view.service):
        return ""
    behind = sorted(scope.below, key=lambda view: (-_rps(view), view.key))
    names = listed(_named(scope, view) for view in behind)
    whom = f": {names}" if names else ""
    return (
        "This is a gateway: its numbers are requests that it sends on to services of the mesh"
        f"{whom}; {_LEFT_OUT}."
    )


def _rps(view: ServiceView) -> float:
    return view.caller.rps if view.caller else 0.0


def _named(scope: VersionScope, view: ServiceView) -> str:
    name = view.key.name if view.key.namespace == scope.namespace else str(view.key)
    if view.caller is None:
        return name
    return (
        f"{name} ({rate(view.caller.rps)} of all its callers)"
        if _rps(view)
        else f"{name} (none now)"
    )
