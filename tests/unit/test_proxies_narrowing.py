"""istioctl's filters of `meshtui proxy`, and a pod by what a person calls it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshtui.envoy.dump import routes_of
from meshtui.errors import NotFound, Usage
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.operations.proxies.narrowing import KINDS, Narrowing, narrowed, refuse_unfit
from meshtui.operations.proxies.proxy_reads import VIEWS, ProxyReads
from meshtui.operations.proxies.views import chosen_pod, find_pod
from tests.ui.fake import FakeCockpit

ALL = Narrowing()


async def reading(view: str) -> ProxyReads:
    cockpit = FakeCockpit()
    pod = next(pod for pod in cockpit.mesh.pods if pod.app == "productpage")
    return await cockpit.proxies.read(view, pod, None)


def size(found: ProxyReads) -> int:
    return sum(map(len, (found.routes, found.clusters, found.endpoints, found.listeners)))


@pytest.mark.parametrize("view", VIEWS)
async def test_without_a_filter_all_is_shown(view: str) -> None:
    found = await reading(view)
    assert narrowed(found, ALL) is found and size(found) > 0


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(
    "by",
    [
        Narrowing(fqdn="no such host"),
        Narrowing(port=1),
        Narrowing(name="no such name"),
        Narrowing(subset="v77"),
    ],
)
async def test_what_nothing_has_leaves_nothing(view: str, by: Narrowing) -> None:
    found = narrowed(await reading(view), by)
    assert (view == "listeners" and by.subset) or (size(found), found.special) == (0, ())


@pytest.mark.parametrize("view", ["routes", "clusters", "endpoints"])
async def test_a_subset_leaves_what_leads_to_it(view: str) -> None:
    found = await reading(view)
    left = narrowed(found, Narrowing(subset="v3", fqdn="REVIEWS", port=9080, direction="outbound"))
    assert 0 < size(left) < size(found)
    assert all(route.destinations for route in left.routes)
    assert {one.configured.limits.name.subset for one in left.clusters} <= {"v3"}
    assert {one.endpoint.cluster.subset for one in left.endpoints} <= {"v3"}
    assert size(narrowed(left, Narrowing(direction="inbound"))) == 0


async def test_a_route_table_and_a_cluster_by_their_names() -> None:
    routes = await reading("routes")
    name = routes.routes[0].config
    assert {one.config for one in narrowed(routes, Narrowing(name=name)).routes} == {name}
    clusters = await reading("clusters")
    raw = clusters.clusters[0].configured.limits.name.raw
    assert size(narrowed(clusters, Narrowing(name=raw))) == 1


async def test_an_endpoint_has_its_own_port_and_that_of_its_service() -> None:
    found = await reading("endpoints")
    first = found.endpoints[0]
    moved = replace(first, endpoint=replace(first.endpoint, port=8443))
    one = replace(found, endpoints=(moved,))
    for port in (8443, first.endpoint.cluster.port):
        assert size(narrowed(one, Narrowing(port=port))) == 1
    assert size(narrowed(one, Narrowing(port=1))) == 0


def test_a_refused_route_table_is_shown_by_its_name_too() -> None:
    pod = FakeCockpit().mesh.pods[0]
    found = ProxyReads("routes", pod, refused={"9080": "no", "80": "no"})
    assert dict(narrowed(found, Narrowing(name="80")).refused) == {"80": "no"}


@pytest.mark.parametrize(
    ("by", "view", "words"),
    [
        (Narrowing(port=80), "dump", "takes no --port"),
        (Narrowing(fqdn="x"), "diff", "takes no --fqdn"),
        (Narrowing(subset="v1"), "listeners", "has no subset"),
    ],
)
def test_a_filter_that_a_view_cannot_have_is_a_wrong_word(
    by: Narrowing, view: str, words: str
) -> None:
    with pytest.raises(Usage, match=words):
        refuse_unfit(by, view)


def test_every_view_takes_the_others() -> None:
    for view in KINDS:
        refuse_unfit(Narrowing("x", 1, "", "inbound", "y"), view)
        refuse_unfit(ALL, view)


# A pod by its name


@pytest.fixture
def mesh() -> Mesh:
    return FakeCockpit().mesh


def named(mesh: Mesh, *names: str) -> Mesh:
    """One pod of each name in bookinfo, each of a workload of its own."""
    pod = next(pod for pod in mesh.pods if pod.app == "details")
    return replace(mesh, pods=tuple(replace(pod, name=n, workload=f"w-{n}") for n in names))


def test_the_beginning_of_one_pod_is_enough(mesh: Mesh) -> None:
    found = named(mesh, "web-v1-5f6d-abcde", "web-v2-77aa-fghij")
    assert find_pod(found, "web-v2", "bookinfo").name == "web-v2-77aa-fghij"
    assert find_pod(found, "web-v1-5f", "").name == "web-v1-5f6d-abcde"
    assert find_pod(found, "pod/web-v1-5f6d-abcde", "bookinfo").name == "web-v1-5f6d-abcde"
    assert find_pod(found, "deploy/w-web-v2-77aa-fghij", "bookinfo").name == "web-v2-77aa-fghij"


def test_the_beginning_of_several_names_them(mesh: Mesh) -> None:
    found = named(mesh, *(f"web-{number}" for number in range(7)))
    with pytest.raises(Usage) as raised:
        find_pod(found, "web", "bookinfo")
    assert str(raised.value) == (
        "web is the beginning of 7 workloads: "
        "name one: w-web-0, w-web-1, w-web-2, w-web-3, w-web-4 or 2 more"
    )


def test_a_service_leads_to_any_of_its_workloads_and_names_the_others(mesh: Mesh) -> None:
    old = next(one for one in mesh.services if one.key.name == "reviews")
    shop = replace(old, key=ServiceKey(old.key.namespace, "shop"))
    pods = tuple(pod for pod in mesh.pods if pod.app == "reviews")
    several = replace(mesh, services=(shop,), pods=pods)
    chosen, which = chosen_pod(several, "shop", "bookinfo")
    assert chosen.serving and chosen.version == "v1"
    assert which == (
        f"service shop has 3 workloads: this is the proxy of {chosen.name}; "
        "name reviews-v2, reviews-v3 for another"
    )
    away = tuple(replace(pod, ready=False) if pod.version == "v1" else pod for pod in pods)
    assert find_pod(replace(several, pods=away), "shop", "bookinfo").version == "v2"
    assert chosen_pod(several, "reviews-v3", "bookinfo")[1] == ""
    one = replace(several, pods=tuple(pod for pod in pods if pod.version == "v2"))
    assert find_pod(one, "shop", "bookinfo").version == "v2"
    assert find_pod(one, "shop.bookinfo", "").version == "v2"
    assert chosen_pod(one, "shop", "bookinfo")[1] == ""


def test_a_service_comes_before_a_beginning_that_its_versions_share(mesh: Mesh) -> None:
    assert find_pod(mesh, "reviews", "bookinfo").app == "reviews"
    with pytest.raises(Usage, match="review is the beginning of 3 workloads"):
        find_pod(mesh, "review", "bookinfo")


def test_a_whole_name_and_a_workload_come_before_a_beginning(mesh: Mesh) -> None:
    found = named(mesh, "web", "web-1", "web-2")
    assert find_pod(found, "web", "bookinfo").name == "web"
    pods = tuple(replace(one, workload="web") for one in found.pods[1:])
    assert find_pod(replace(found, pods=pods), "web", "bookinfo").name == "web-1"


def test_the_beginning_of_a_pod_elsewhere_is_not_found(mesh: Mesh) -> None:
    with pytest.raises(NotFound, match="with a proxy in namespace other: `meshtui pods -A`"):
        find_pod(named(mesh, "web-1"), "web", "other")


async def test_a_waypoints_routes_are_found_by_the_host_of_their_table() -> None:
    """Their virtual hosts are all called `inbound|http|9080`, and take every name."""
    found = await reading("routes")
    table = "inbound-vip|9080|http|shelf.default.svc.cluster.local"
    answers = {"match": {"prefix": "/"}, "direct_response": {}}
    (own,) = routes_of(table, "inbound|http|9080", ("*",), [answers])
    found = replace(found, routes=(*found.routes, own))
    assert narrowed(found, Narrowing(fqdn="shelf.default")).routes == (own,)
