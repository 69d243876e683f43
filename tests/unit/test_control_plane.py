"""Lists of services leave istiod's and the API server's out, unless something is wrong there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshtui.mesh.control_plane import shown
from meshtui.mesh.judging import FAILING
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.view import ServiceView, service_views
from tests.unit.objects import pod, service

API: dict[str, object] = {
    "metadata": {"name": "kubernetes", "namespace": "default"},
    "spec": {"ports": [{"name": "https", "port": 443}]},
}


def views(*, sick: str = "") -> tuple[ServiceView, ...]:
    mesh = parse_mesh(
        {
            "services": [
                API,
                service("reviews"),
                service("kubernetes", "shop"),
                service("istiod", "istio-system", app="istiod", istio="pilot"),
                service("istiod-canary", "istio-system", app="istiod"),
                service("ingress", "istio-system"),
            ],
            "pods": [pod("reviews", "v1"), pod("istiod", "v1", namespace="istio-system")],
        }
    )
    return tuple(
        replace(view, state=FAILING) if view.key.name == sick else view
        for view in service_views(mesh, None)
    )


def names(found: tuple[ServiceView, ...]) -> list[str]:
    return sorted(str(view.key) for view in found)


@pytest.mark.parametrize(
    ("namespace", "listed"),
    [
        ("", ["ingress.istio-system", "kubernetes.shop", "reviews.default"]),
        ("default", ["reviews.default"]),
        ("istio-system",
         ["ingress.istio-system", "istiod-canary.istio-system", "istiod.istio-system"]),
    ],
)  # fmt: skip
def test_only_what_a_mesh_is_for_is_listed(namespace: str, listed: list[str]) -> None:
    """A service is not left out for its name: one called kubernetes may be anybody's."""
    assert names(shown(views(), namespace)) == listed


def test_what_is_sick_is_never_left_out() -> None:
    assert "istiod.istio-system" in names(shown(views(sick="istiod")))
