"""Reading a whole mesh once: pages, rights, kinds that are not there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_mesh import REVIEWS_PATH, listing, script_mesh
from hostile import Reply, Request, answer, hostile_cluster, ok, raw, status

from meshtui.errors import NotAllowed, Unreachable
from meshtui.kube.access import MOST_NAMESPACES, allowed
from meshtui.kube.early import EARLY
from meshtui.kube.events import record
from meshtui.kube.failures import Expired
from meshtui.kube.objects import get_object, list_all
from meshtui.kube.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    ENVOY_FILTERS,
    HTTP_ROUTES,
    ISTIO_GROUP,
    MESH_RESOURCES,
    NAMESPACES,
    PODS,
    SERVICES,
    SIDECARS,
    VIRTUAL_SERVICES,
    forget_kinds,
    served,
)
from meshtui.kube.snapshot import place, read_objects
from meshtui.mesh.parse import parse_mesh

SVC = SERVICES.path()


def names(items: tuple[Any, ...]) -> list[str]:
    return [place(item)[1] for item in items]


def test_paths_are_where_the_api_server_has_them() -> None:
    assert SERVICES.path() == "/api/v1/services"
    assert PODS.path("shop", "p") == "/api/v1/namespaces/shop/pods/p"
    assert DEPLOYMENTS.path("shop") == "/apis/apps/v1/namespaces/shop/deployments"
    assert VIRTUAL_SERVICES.path("a/../b", "c?d").endswith("/a%2F..%2Fb/virtualservices/c%3Fd")
    assert NAMESPACES.path("ignored") == "/api/v1/namespaces"


async def test_pages_are_joined(tmp_path: Path) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        first = {**listing("a", "b"), "metadata": {"resourceVersion": "7", "continue": "more="}}
        hostile.on(SVC, ok(first), ok(listing("c", version="7")))
        items, version = await list_all(cluster, SERVICES, selector="app=x")
        assert (names(items), version) == (["a", "b", "c"], "7")
        one, two = hostile.asked(SVC)
        assert one.params == {"limit": "500", "labelSelector": "app=x"}
        assert two.params == {"limit": "500", "labelSelector": "app=x", "continue": "more="}


async def test_a_list_forgotten_half_way_is_read_anew_once(tmp_path: Path) -> None:
    half = ok({**listing("old"), "metadata": {"continue": "token"}})
    gone = status(410, "The provided continue parameter is too old", "Expired")
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        hostile.on(SVC, half, gone, ok(listing("new")))
        assert names((await list_all(cluster, SERVICES))[0]) == ["new"]
        hostile.on(SVC, half, gone, half, gone)
        with pytest.raises(Expired):
            await list_all(cluster, SERVICES)


@pytest.mark.parametrize(
    "page",
    [
        ok([]),
        ok("text"),
        ok({"items": "many"}),
        ok({"items": [], "metadata": {"continue": "the same for ever"}}),
    ],
)
async def test_what_is_not_a_list_is_unreachable(tmp_path: Path, page: Reply) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        hostile.on(SVC, page)
        with pytest.raises(Unreachable, match="not a Kubernetes object"):
            await list_all(cluster, SERVICES)


async def test_a_large_list_with_odd_items_is_read(tmp_path: Path) -> None:
    many = listing(*(f"s{number}" for number in range(20_000)))
    many["items"] += [None, "x", {}, {"metadata": None}, {"metadata": {"name": "\x1b[2J"}}]
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        hostile.on(SVC, ok(many))
        items, _ = await list_all(cluster, SERVICES)
        assert len(items) == 20_003


async def test_an_object_that_is_none_is_unreachable(tmp_path: Path) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        hostile.on(SERVICES.path("shop", "s"), ok({"kind": "Service"}))
        with pytest.raises(Unreachable):
            await get_object(cluster, SERVICES, "shop", "s")


async def test_the_newest_version_served_is_used_and_asked_for_once(tmp_path: Path) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        old = [{"name": "virtualservices"}, {"name": "envoyfilters"}]
        hostile.on("/apis/networking.istio.io/v1beta1", ok({"resources": old[:1]}))
        hostile.on("/apis/networking.istio.io/v1alpha3", ok({"resources": old}))
        for _ in range(2):
            assert (await served(cluster, VIRTUAL_SERVICES)).version == "v1beta1"
            assert (await served(cluster, ENVOY_FILTERS)).version == "v1alpha3"
        assert len(hostile.requests) == 3


async def test_all_kinds_are_read_at_once(tmp_path: Path) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        script_mesh(hostile)
        hostile.on(SVC, ok(listing("b", "a")))
        found = await read_objects(cluster)
        assert set(found.items) == {resource.key for resource in MESH_RESOURCES}
        assert names(found.items["services"]) == ["a", "b"]
        assert found.items["services"][0]["kind"] == "Service"
        assert (found.istio, found.problems, found.namespaces) == (True, (), None)


async def test_a_route_of_the_gateway_api_that_is_not_served_is_not_there(tmp_path: Path) -> None:
    """Who has no right to it is answered 403 by a server that does not have it."""
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        script_mesh(hostile)
        hostile.on(f"/apis/{HTTP_ROUTES.group}/v1", status(404, "no"))
        hostile.on(HTTP_ROUTES.path(), status(403, "no"))
        assert "httproutes" not in (await read_objects(cluster)).partial
        forget_kinds(cluster, HTTP_ROUTES.group)
        hostile.on(NAMESPACES.path(), status(403, "no"))
        hostile.on(REVIEWS_PATH, reviews())
        served_kinds = {"resources": [{"name": HTTP_ROUTES.plural}]}
        hostile.on(f"/apis/{HTTP_ROUTES.group}/v1", ok(served_kinds))
        assert (await read_objects(cluster)).partial["httproutes"] == frozenset()


async def test_where_the_usual_version_is_served_nobody_asks_which_is(tmp_path: Path) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        script_mesh(hostile)
        await read_objects(cluster)
        assert not hostile.asked(f"/apis/{ISTIO_GROUP}/v1")
        assert (await served(cluster, VIRTUAL_SERVICES)).version == "v1"
        assert not hostile.asked(f"/apis/{ISTIO_GROUP}/v1")


async def test_the_kinds_of_a_group_are_asked_for_once(tmp_path: Path) -> None:
    """By a cluster that serves older versions only."""
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        kinds = [{"name": r.plural} for r in MESH_RESOURCES if r.group == ISTIO_GROUP]
        hostile.on(f"/apis/{ISTIO_GROUP}/v1beta1", ok({"resources": kinds}))
        old = replace(VIRTUAL_SERVICES, version="v1beta1")
        hostile.on(old.path(), ok(listing("reviews")))
        found = await read_objects(cluster)
        assert names(found.items["virtualservices"]) == ["reviews"]
        assert found.istio
        assert len(hostile.asked(f"/apis/{ISTIO_GROUP}/v1")) == 1
        assert len(hostile.asked(f"/apis/{HTTP_ROUTES.group}/v1")) == 1


class Pages:
    """In place of a cluster: the pages of one list, and how many were asked for."""

    def __init__(self, *pages: Any) -> None:
        self.pages = pages
        self.asked = 0

    async def get(self, *_: Any, **__: Any) -> Any:
        self.asked += 1
        return self.pages[self.asked - 1]


async def test_the_next_page_is_asked_for_while_one_is_worked_on() -> None:
    pages = Pages(listing("a", "b", **{"continue": "more"}), listing("c"))
    cluster: Any = pages
    items, _ = await list_all(cluster, PODS, made_of=lambda raw: (place(raw)[1], pages.asked))
    assert items == (("a", 2), ("b", 2), ("c", 2))


async def test_pods_and_deployments_are_parsed_as_they_come(tmp_path: Path) -> None:
    """And what is known of them is what their trimmed dictionaries say."""
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        script_mesh(hostile)
        hostile.on(PODS.path(), ok(listing("b", "a")))
        hostile.on(DEPLOYMENTS.path(), ok(listing("d", "")))
        early, whole = await read_objects(cluster, early=EARLY), await read_objects(cluster)
        assert [one.value.name for one in early.items["pods"]] == ["a", "b"]
        assert parse_mesh(early.items) == parse_mesh(whole.items)
        assert parse_mesh(early.items).problems == (
            "deployments: an object without a name was left out",
        )


async def test_a_cluster_without_istio_is_read(tmp_path: Path) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        for resource in MESH_RESOURCES[:3]:
            hostile.on(resource.path(), ok(listing("x")))
        found = await read_objects(cluster)
        assert (found.istio, found.problems) == (False, ())
        assert names(found.items["services"]) == ["x"]


def reviews(*allowed_in: str) -> Reply:
    async def reply(request: Request, writer: Any) -> bool:
        asked = request.json["spec"]["resourceAttributes"].get("namespace", "")
        return await ok({"status": {"allowed": asked in allowed_in}}, 201)(request, writer)

    return reply


async def test_without_rights_on_the_cluster_the_readable_namespaces_are_read(
    tmp_path: Path,
) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        script_mesh(hostile)
        hostile.on(SVC, status(403, "cannot list at the cluster scope"))
        hostile.on(REVIEWS_PATH, reviews("bank", "shop"))
        hostile.on(
            NAMESPACES.path(), ok({"items": [{"metadata": {"name": n}} for n in ("bank", "zoo")]})
        )
        hostile.on(SERVICES.path("shop"), ok(listing("s")))
        hostile.on(SERVICES.path("bank"), ok(listing("b", namespace="bank")))
        found = await read_objects(cluster)
        assert names(found.items["services"]) == ["b", "s"]
        assert found.namespaces == ("bank", "shop")
        (problem,) = found.problems
        assert "services: read only in shop, bank; " in problem
        assert "cannot list at the cluster scope" in problem


async def test_namespaces_left_out_are_counted(tmp_path: Path) -> None:
    many = [{"metadata": {"name": f"n{number}"}} for number in range(MOST_NAMESPACES + 10)]
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        script_mesh(hostile)
        hostile.on(SVC, status(403, "no"))
        hostile.on(REVIEWS_PATH, reviews("shop"))
        hostile.on(NAMESPACES.path(), ok({"items": many}))
        hostile.on(SERVICES.path("shop"), ok(listing("s")))
        found = await read_objects(cluster)
        assert "11 namespaces were not looked at: name yours with -n" in found.problems
        assert len(hostile.asked(REVIEWS_PATH)) == MOST_NAMESPACES


async def test_a_kind_that_may_not_be_read_is_a_problem_and_not_the_end(tmp_path: Path) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        script_mesh(hostile)
        hostile.on(PODS.path(), status(403, 'User "me" cannot list resource "pods"'))
        hostile.on(NAMESPACES.path(), status(403, "no"))
        hostile.on(REVIEWS_PATH, reviews())
        found = await read_objects(cluster)
        assert found.items["pods"] == ()
        assert 'pods: GET /api/v1/pods: User "me" cannot list' in found.problems[0]
        assert found.namespaces is None


async def test_named_namespaces_that_may_not_be_read_are_told(tmp_path: Path) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        script_mesh(hostile, ("shop", "vault"))
        hostile.on(SERVICES.path("shop"), ok(listing("s")))
        hostile.on(SERVICES.path("vault"), status(403, "not in vault"))
        found = await read_objects(cluster, ("shop", "vault", "shop"))
        assert names(found.items["services"]) == ["s"]
        assert found.namespaces == ("shop", "vault")
        assert len(found.problems) == 1
        assert "not in vault" in found.problems[0]


@pytest.mark.parametrize("namespaces", [None, ("shop",)])
async def test_where_nothing_may_be_read_the_first_refusal_is_raised(
    tmp_path: Path, namespaces: tuple[str, ...] | None
) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        for resource in MESH_RESOURCES:
            hostile.on(resource.path(namespaces and "shop"), status(403, f"no {resource.plural}"))
        hostile.on(NAMESPACES.path(), status(403, "no"))
        hostile.on(REVIEWS_PATH, reviews())
        with pytest.raises(NotAllowed, match="no services"):
            await read_objects(cluster, namespaces)


@pytest.mark.parametrize(
    "reply", [status(401, "Unauthorized"), raw(b""), answer(200, b"<html>"), status(503, "down")]
)
async def test_half_a_mesh_is_not_passed_off_as_a_whole_one(tmp_path: Path, reply: Reply) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        script_mesh(hostile)
        hostile.on(PODS.path(), reply)
        with pytest.raises((Unreachable, NotAllowed)):
            await read_objects(cluster)


async def test_a_server_that_answers_no_reviews_says_no(tmp_path: Path) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        for reply in (status(403, "no"), ok({"status": None}, 201), ok([], 201)):
            hostile.on(REVIEWS_PATH, reply)
            assert not await allowed(cluster, "list", PODS, None)


async def test_an_event_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    regarding = {"kind": "VirtualService", "metadata": {"name": "r", "namespace": "shop"}}
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        path = "/apis/events.k8s.io/v1/namespaces/shop/events"
        for reply in (status(403, "no"), raw(b"", reset=True), answer(200, b"<html>")):
            hostile.on(path, reply)
            assert not await record(cluster, regarding, action="A", reason="R", note="n")


async def test_only_the_control_planes_config_maps_are_asked_for(tmp_path: Path) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        script_mesh(hostile)
        await read_objects(cluster)
        (asked,) = [r for r in hostile.requests if r.path.endswith("/configmaps")]
        assert asked.params["labelSelector"].startswith("istio.io/rev,")


async def test_kinds_that_are_only_asked_for_are_unknown_where_they_may_not_be_read(
    tmp_path: Path,
) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        script_mesh(hostile)
        hostile.on(REVIEWS_PATH, reviews())
        hostile.on(NAMESPACES.path(), ok({"items": []}))
        for resource in (SIDECARS, CONFIG_MAPS):
            hostile.on(resource.path(), status(403, "forbidden"))
        found = await read_objects(cluster)
        assert found.problems == ()
        assert {"sidecars", "configmaps"} <= set(found.partial)


async def test_a_gateway_api_of_other_versions_is_said_once_and_unknown(tmp_path: Path) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        script_mesh(hostile)
        group = "/apis/gateway.networking.k8s.io"
        for version in ("v1", "v1beta1", "v1alpha3", "v1alpha2"):
            hostile.on(f"{group}/{version}", status(404, "not found"))
        for resource in MESH_RESOURCES:
            if resource.group == "gateway.networking.k8s.io":
                hostile.on(resource.path(), status(404, "not found"))
        hostile.on(group, ok({"versions": [{"version": "v2"}, {"version": "v3alpha1"}]}))
        found = await read_objects(cluster)
        assert found.problems == (
            "gateway.networking.k8s.io is served as v2, v3alpha1, which is not read: its routes "
            "are unknown",
        )
        assert {"httproutes", "tcproutes", "backendtlspolicies"} <= found.partial.keys()


async def test_without_a_gateway_api_nothing_is_said(tmp_path: Path) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        script_mesh(hostile)
        for resource in MESH_RESOURCES:
            if resource.group == "gateway.networking.k8s.io":
                hostile.on(resource.path(), status(404, "not found"))
        found = await read_objects(cluster)
        assert found.problems == () and "httproutes" not in found.partial
