"""What real Envoys route, read through port-forwards, against the VirtualServices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import pytest

from meshtui.envoy.accesslog import AccessRecord, parse_line
from meshtui.envoy.clusters import parse_configured
from meshtui.envoy.compare import OLD, Verdict, compare_host, host_of
from meshtui.envoy.dump import parse_routes
from meshtui.envoy.endpoints import ProxyEndpoint, parse_endpoints
from meshtui.envoy.listeners import parse_listeners
from meshtui.envoy.proxy import (
    ask,
    clusters_path,
    endpoints_path,
    listeners_path,
    read_hosts,
    rejected_updates,
    routes_path,
    sidecar_route_names,
)
from meshtui.envoy.routes import ProxyRoute
from meshtui.errors import NotFound
from meshtui.kube.cluster import Cluster
from meshtui.mesh.model import Pod
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.resolution import client_of, world
from meshtui.mesh.touched import ruled_hosts
from meshtui.operations.change.listener_checks import worst_of
from tests.lab.harness import ISTIO, Mesh, Obj, to

HOST = "reviews.default.svc.cluster.local"


@pytest.fixture
async def cluster(mesh: Mesh) -> AsyncIterator[Cluster]:
    connected = await Cluster.connect(kubeconfig=str(mesh.lab.kubeconfig))
    yield connected
    await connected.close()


async def pod_of(cluster: Cluster, app: str) -> Pod:
    items = (await cluster.get("/api/v1/pods"))["items"]
    return next(pod for pod in parse_mesh({"pods": items}).pods if pod.app == app and pod.ready)


@pytest.fixture
async def client(cluster: Cluster) -> Pod:
    return await pod_of(cluster, "productpage")


async def asked(cluster: Cluster, name: str = "reviews", **spec: Any) -> Obj:
    """A VirtualService as it is stored, or as it would be with another spec."""
    stored: Obj = await cluster.get(f"{ISTIO}/virtualservices/{name}")
    return stored | {"spec": stored["spec"] | spec}


KINDS = {
    "services": "/api/v1/services",
    "pods": "/api/v1/pods",
    "destinationrules": f"{ISTIO}/destinationrules",
    "gateways": f"{ISTIO}/gateways",
}


async def verdict(cluster: Cluster, pod: Pod, service: Obj, index: int = 0) -> Verdict | None:
    """What the proxy makes of a rule; None where the rule is not for it."""
    raw: Any = {plural: (await cluster.get(path))["items"] for plural, path in KINDS.items()}
    mesh = parse_mesh(raw | {"virtualservices": [service]})
    (item,) = mesh.virtual_services
    place = (("default", item.ref.name, "http", index),)
    hosts = await read_hosts(cluster, pod)
    wanted = ruled_hosts(world(mesh).view(client_of(mesh, pod)), item.ref)
    compared = [compare_host(host, host_of(hosts, host)) for host in wanted]
    found = [host.verdict(place) for host in compared if host.holds(place)]
    return worst_of(found) if found else None


async def endpoints(cluster: Cluster, pod: Pod) -> tuple[ProxyEndpoint, ...]:
    return (await ask(cluster, pod, endpoints_path(), parse_endpoints)).facts


async def until(found: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await found():  # noqa: ASYNC110 - a proxy gives no sign
            await asyncio.sleep(0.02)


async def read_routes(
    cluster: Cluster, pod: Pod, ports: Iterable[int] = ()
) -> tuple[ProxyRoute, ...]:
    names = sidecar_route_names(ports) if ports else ""
    return (await ask(cluster, pod, routes_path(names), parse_routes)).facts


def own(routes: tuple[ProxyRoute, ...]) -> list[ProxyRoute]:
    return [route for route in routes if route.virtual_service == ("default", "reviews")]


async def test_routes_say_what_the_virtual_service_says(
    mesh: Mesh, cluster: Cluster, client: Pod
) -> None:
    marker = mesh.route({"route": [to("v1", 90), to("v3", 10)], "timeout": "4s"})
    (route,) = own(await read_routes(cluster, client, [9080]))
    assert (route.config, route.vhost, route.name) == ("9080", f"{HOST}:9080", marker)
    assert [(d.subset, d.weight, d.host, d.port) for d in route.destinations] == [
        ("v1", 90, HOST, 9080),
        ("v3", 10, HOST, 9080),
    ]
    assert route.timeout_s == 4.0
    assert route.retries is not None
    assert route.retries.attempts == 2


async def test_a_name_that_fits_nothing_gives_no_routes(cluster: Cluster, client: Pod) -> None:
    assert await read_routes(cluster, client, [1]) == ()


async def test_old_before_a_change_and_in_sync_after(
    mesh: Mesh, cluster: Cluster, client: Pod
) -> None:
    marker = mesh.route({"route": [to("v1", 90), to("v3", 10)]})
    rule = {"name": marker, "route": [to("v1", 80), to("v3", 20)]}
    wanted = await asked(cluster, http=[rule])
    before = await verdict(cluster, client, wanted)
    assert before == Verdict(
        OLD,
        (
            "route 1: weight of v1 is 80, the proxy has 90",
            "route 1: weight of v3 is 20, the proxy has 10",
        ),
    )
    mesh.write_rules(rule)

    async def served() -> bool:
        found = await verdict(cluster, client, wanted)
        return found is not None and found.in_sync

    await until(served)


RULES: list[Obj] = [
    {
        "name": "jason",
        "match": [
            {
                "name": "a",
                "headers": {"end-user": {"exact": "jason"}, "x-any": {"regex": "a.*"}},
                "uri": {"prefix": "/reviews"},
            },
            {"name": "b", "method": {"exact": "POST"}, "queryParams": {"q": {"exact": "1"}}},
            {"name": "c", "withoutHeaders": {"x-b": {}}, "uri": {"regex": "/x[0-9]+"}},
            {"name": "d", "uri": {"exact": "/Y"}, "ignoreUriCase": True, "port": 9080},
        ],
        "route": [to("v2")],
        "fault": {
            "delay": {"percentage": {"value": 12.5}, "fixedDelay": "1.5s"},
            "abort": {"percentage": {"value": 0.1}, "httpStatus": 418},
        },
    },
    {
        "name": "others",
        "match": [{"uri": {"prefix": "/a"}, "sourceLabels": {"app": "nobody"}}],
        "route": [to("v3")],
    },
    {
        "name": "rest",
        "route": [to("v1", 1), to("v2", 2), to("v3", 0)],
        "mirrors": [
            {"destination": to("v3")["destination"], "percentage": {"value": 5}},
            {"destination": to("v2")["destination"]},
        ],
        "timeout": "2.5s",
        "retries": {"attempts": 3, "perTryTimeout": "250ms", "retryOn": "5xx,reset,429"},
    },
]


async def test_every_kind_of_rule_is_recognised(mesh: Mesh, cluster: Cluster, client: Pod) -> None:
    rest = mesh.route(*RULES)
    service = await asked(cluster)
    for index in (0, 2):
        assert await verdict(cluster, client, service, index) == Verdict("in sync"), rest
    assert await verdict(cluster, client, service, 1) is None
    others = await pod_of(cluster, "ratings")
    assert await verdict(cluster, others, service, 2) == Verdict("in sync")


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"timeout": "3s"}, "route 1: timeout is 3 s, the proxy has 2.5 s"),
        ({"mirrors": []}, "route 1: mirror to v3 is none, the proxy has 5 %"),
        ({"retries": {"attempts": 1}}, "route 1: retries is 1, the proxy has 3"),
        (
            {"fault": {"abort": {"percentage": {"value": 1}, "httpStatus": 500}}},
            "route 1: abort is 500 for 1 %, the proxy has none",
        ),
    ],
)
async def test_each_difference_is_seen(
    mesh: Mesh, cluster: Cluster, client: Pod, change: Obj, difference: str
) -> None:
    name = mesh.route(RULES[2])
    wanted = await asked(cluster, http=[RULES[2] | {"name": name} | change])
    found = await verdict(cluster, client, wanted)
    assert found is not None and difference in found.differences


async def test_a_gateway_has_the_rules_of_its_gateways(mesh: Mesh, cluster: Cluster) -> None:
    gateway = await pod_of(cluster, "istio-ingressgateway")
    assert await verdict(cluster, gateway, await asked(cluster, "bookinfo")) == Verdict("in sync")
    assert await verdict(cluster, gateway, await asked(cluster)) is None


async def test_clusters_endpoints_and_listeners(mesh: Mesh, cluster: Cluster, client: Pod) -> None:
    rejected = await rejected_updates(cluster, client)
    mesh.route({"route": [to("v1")]})
    mesh.send(3)
    names = {f"outbound|9080|{subset}|{HOST}" for subset in ("", "v1", "v2", "v3")}
    clusters = (await ask(cluster, client, clusters_path(), parse_configured)).facts
    assert names <= {c.limits.name.raw for c in clusters}
    (v1,) = [e for e in await endpoints(cluster, client) if e.cluster.raw.endswith(f"|v1|{HOST}")]
    served_by = await pod_of(cluster, "reviews")
    assert (v1.address, v1.usable) == (served_by.ip, True)
    assert v1.requests >= 3
    found = (await ask(cluster, client, listeners_path(), parse_listeners)).facts
    listeners = {listener.name: listener for listener in found}
    assert listeners["0.0.0.0_9080"].routes == ("9080",)
    assert await rejected_updates(cluster, client) == rejected


async def test_an_ejected_endpoint_is_told(mesh: Mesh, cluster: Cluster, client: Pod) -> None:
    mesh.lab.set("reviews-v3", errors="100%")
    mesh.destination_rule(
        {
            "outlierDetection": {
                "consecutive5xxErrors": 1,
                "interval": "100ms",
                "baseEjectionTime": "1s",
                "maxEjectionPercent": 100,
            }
        }
    )
    mesh.route({"route": [to("v3")]})

    async def ejected() -> bool:
        mesh.send(1)
        return any(e.ejected and e.cluster.subset == "v3" for e in await endpoints(cluster, client))

    await until(ejected)


async def test_a_pod_that_is_not_there(cluster: Cluster) -> None:
    with pytest.raises(NotFound):
        await read_routes(cluster, Pod("default", "nobody"))


async def records(cluster: Cluster, pod: Pod) -> list[AccessRecord]:
    """Every line of the pod's log that has the look of an access log must be one."""
    text = await cluster.get_text(
        f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/log", {"container": "istio-proxy"}
    )
    lines = [line for line in text.splitlines() if line.startswith(("[20", '{"')) and '"' in line]
    parsed = [parse_line(line) for line in lines]
    assert [line for line, record in zip(lines, parsed, strict=True) if record is None] == []
    return [record for record in parsed if record is not None]


@pytest.mark.parametrize("agent", ['Mozilla "5.0" (x; y)', "plain/1.0", '" "'])
async def test_access_logs_are_read_without_loss(
    mesh: Mesh, cluster: Cluster, client: Pod, agent: str
) -> None:
    marker = mesh.route({"route": [to("v1", 50), to("v2", 50)]})
    mesh.send(30, f"/{marker}?q=1", headers={"User-Agent": agent, "X-Request-Id": marker})
    mesh.log_lines(f"/{marker}", 30)
    found = [r for r in await records(cluster, client) if r.path == f"/{marker}?q=1"]
    assert len(found) == 30
    assert {(r.code, r.flags, r.user_agent, r.request_id) for r in found} == {
        (200, (), agent, marker)
    }
    assert {r.upstream_cluster.split("|")[2] for r in found} == {"v1", "v2"}
    assert {(r.route_name, r.authority, r.method) for r in found} == {
        (marker, "reviews:9080", "GET")
    }
    assert all(r.time and r.duration_ms is not None for r in found)


async def test_flags_of_faults_are_in_the_log(mesh: Mesh, cluster: Cluster, client: Pod) -> None:
    fault = {
        "delay": {"percentage": {"value": 100}, "fixedDelay": "10ms"},
        "abort": {"percentage": {"value": 100}, "httpStatus": 503},
    }
    marker = mesh.route({"route": [to("v1")], "fault": fault})
    mesh.send(2, f"/{marker}")
    mesh.log_lines(f"/{marker}", 2)
    found = [r for r in await records(cluster, client) if r.path == f"/{marker}"]
    assert {(r.code, r.flags) for r in found} == {(503, ("DI", "FI"))}
    assert found[0].details == "fault_filter_abort"
