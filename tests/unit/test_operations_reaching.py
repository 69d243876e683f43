"""Which proxies doctor asks, and how it tells by which way they answered."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.errors import MeshtuiError, NotAllowed
from meshtui.kube.failures import Unauthenticated
from meshtui.mesh.model import Mesh, Pod
from meshtui.operations.proxies.access import MOST, Reached, access_lines, reach, sample_pods
from tests.unit.fake_cluster import FakeCluster


def pod(namespace: str, name: str = "p", **fields: object) -> Pod:
    usual = {"phase": "Running", "ready": True, "proxy_container": "istio-proxy"}
    return Pod(namespace, name, **(usual | fields))  # type: ignore[arg-type]


def asked(*pods: Pod) -> list[tuple[str, str]]:
    return [(p.namespace, p.name) for p in sample_pods(Mesh(pods=pods), "shop")]


def test_one_running_proxy_of_each_namespace_is_asked_that_of_the_context_first() -> None:
    pods = (
        pod("bank"),
        pod("shop", "b"),
        pod("shop", "a"),
        pod("plain", proxy_container=""),
        pod("old", deleting=True),
        pod("new", phase="Pending"),
    )
    assert asked(*pods) == [("shop", "a"), ("bank", "p")]


def test_a_ready_pod_is_asked_before_one_that_is_not() -> None:
    assert asked(pod("shop", "a", ready=False), pod("shop", "b")) == [("shop", "b")]


def test_many_namespaces_are_not_all_asked() -> None:
    assert len(asked(*(pod(f"n{number}") for number in range(30)))) == MOST


def test_namespaces_with_one_way_share_a_line() -> None:
    lines = access_lines(
        [
            Reached("a", "port-forward"),
            Reached("b", "exec"),
            Reached("c", "port-forward"),
            Reached("d", why="it is down"),
        ]
    )
    assert lines == (
        (True, "a, c: asked by port-forward"),
        (True, "b: asked by exec of pilot-agent: port-forward is not allowed"),
        (False, "d: cannot be asked: it is down"),
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NotAllowed("no right"), "neither port-forward nor exec is allowed"),
        (Unauthenticated("the log-in has run out"), "the log-in has run out"),
    ],
)
async def test_who_is_not_known_is_not_told_to_have_no_rights(
    error: MeshtuiError, said: str
) -> None:
    class Refusing(FakeCluster):
        async def port_forward(self, *words: Any, **more: Any) -> Any:
            raise error

        upgrade = port_forward

    (found,) = await reach(Refusing(), Mesh(pods=(pod("shop"),)))
    assert found.transport == "" and found.why.startswith(said)
