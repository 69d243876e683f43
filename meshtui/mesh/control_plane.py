"""Services that are not what a mesh is for: istiod's, and the API server's."""

from __future__ import annotations

from collections.abc import Iterable

from meshtui.mesh.judging import SICK
from meshtui.mesh.model import Service
from meshtui.mesh.view import ServiceView

API_SERVER = ("default", "kubernetes")
_ISTIOD = ({"app": "istiod"}, {"istio": "pilot"})


def is_api_server(service: Service) -> bool:
    return (service.key.namespace, service.key.name) == API_SERVER and not service.selector


def is_istiod(service: Service) -> bool:
    """By its pods' labels, whatever its revision is called."""
    return any(labels.items() <= service.selector.items() for labels in _ISTIOD)


def folded_away(view: ServiceView, namespace: str = "") -> bool:
    """Whether a list of services leaves it out: nobody sends it requests that a proxy counts.

    `namespace` is the only one that is listed, empty for all: who asks for istiod's own sees it.
    What is sick is never left out.
    """
    states = (view.state, *(row.state for row in view.versions))
    if any(state in SICK for state in states):
        return False
    if is_istiod(view.service):
        return namespace != view.key.namespace
    return is_api_server(view.service)


def shown(views: Iterable[ServiceView], namespace: str = "") -> tuple[ServiceView, ...]:
    """Those of a namespace, or of all, that a list has."""
    return tuple(
        view
        for view in views
        if namespace in ("", view.key.namespace) and not folded_away(view, namespace)
    )
