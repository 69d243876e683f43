"""Read-only is a property of the connection: no use case can get around it."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.errors import NotAllowed
from meshtui.kube.cluster import Cluster
from meshtui.kube.kubeconfig import Context
from meshtui.kube.objects import create_object, delete_object, patch_json
from meshtui.kube.resources import VIRTUAL_SERVICES


class Wire:
    """A transport that must not be used."""

    server = "https://example:6443"

    async def open(self, ask: Any, **more: Any) -> Any:
        raise AssertionError(f"{ask} was sent")


@pytest.fixture
def cluster() -> Cluster:
    wire: Any = Wire()
    found = Cluster(wire, Context("c", "c", "u", "default"), read_only=True)
    found.discovered["networking.istio.io"] = {"virtualservices": "v1"}
    return found


async def test_each_kind_of_write_is_refused_before_anything_is_sent(cluster: Cluster) -> None:
    place = (cluster, VIRTUAL_SERVICES, "default")
    with pytest.raises(NotAllowed, match="read-only"):
        await patch_json(*place, "reviews", [], resource_version="1")
    with pytest.raises(NotAllowed, match="read-only"):
        await create_object(*place, {"metadata": {"name": "x"}})
    with pytest.raises(NotAllowed, match="read-only"):
        await delete_object(*place, "reviews", resource_version="1")


async def test_an_event_is_a_write_too(cluster: Cluster) -> None:
    from meshtui.kube.events import record

    told = await record(cluster, {"metadata": {}}, action="A", reason="R", note="n")
    assert told is False


async def test_questions_and_dry_runs_go_through(cluster: Cluster) -> None:
    with pytest.raises(AssertionError, match="was sent"):
        await patch_json(
            cluster, VIRTUAL_SERVICES, "default", "r", [], resource_version="1", dry_run=True
        )
