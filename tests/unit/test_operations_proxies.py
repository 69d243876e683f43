"""Reading proxies, holding them against the rules, and keeping what they said."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meshtui.changes.outcome import NOT_MEANT
from meshtui.envoy import proxy
from meshtui.envoy.clusternames import parse_cluster_name
from meshtui.envoy.compare import ABSENT, IN_SYNC, OLD
from meshtui.envoy.endpoints import ProxyEndpoint
from meshtui.errors import MeshtuiError, NotAllowed, NotFound, Refused, Unreachable
from meshtui.mesh.model import Mesh, Pod, ServiceKey
from meshtui.mesh.resolution import Client, world
from meshtui.operations.proxies import files as saving
from meshtui.operations.proxies.columns import COLUMNS, ejected_versions, rows, where
from meshtui.operations.proxies.elsewhere import OTHER_CLUSTER, OTHER_NETWORK
from meshtui.operations.proxies.files import save_as, save_new
from meshtui.operations.proxies.matrix import OUT_OF_REACH, Row
from meshtui.operations.proxies.proxy_reads import (
    CLUSTERS,
    ENDPOINTS,
    LISTENERS,
    ROUTES,
    VIEWS,
    ProxyReads,
    with_pods,
)
from meshtui.operations.proxies.views import LiveProxies, find_pod, raw_lines
from tests.ui import bookinfo

HOST = "reviews.bookinfo.svc.cluster.local"
KEY = ServiceKey("bookinfo", "reviews")


@pytest.fixture
def mesh() -> Mesh:
    return bookinfo.mesh_of(bookinfo.objects())


def routes(weights: dict[str, int]) -> dict[str, Any]:
    """What istiod sends for bookinfo, with other weights in the last rule, and another host."""
    view = world(bookinfo.mesh_of(bookinfo.objects())).view(Client("bookinfo"))
    made = view.resolve(HOST, 9080).virtual_host
    assert made is not None
    found = json.loads(json.dumps([dict(route.envoy) for route in made.routes]))
    clusters = [{"name": f"outbound|9080|{v}|{HOST}", "weight": w} for v, w in weights.items()]
    found[-1]["route"]["weighted_clusters"]["clusters"] = clusters
    host = {"name": f"{HOST}:9080", "domains": ["reviews"], "routes": found}
    other = {"name": "details.bookinfo.svc.cluster.local:9080", "domains": ["details"]}
    other["routes"] = [{"match": {"prefix": "/"}, "route": {"cluster": "outbound|9080||details"}}]
    config = {"name": "9080", "virtual_hosts": [host, other]}
    return {"configs": [{"route_config": config}]}


def clusters(*subsets: str) -> dict[str, Any]:
    limits = {"thresholds": [{"max_requests": 100, "max_connections": 10}]}
    return {
        "configs": [
            {
                "cluster": {
                    "name": f"outbound|9080|{subset}|{HOST}",
                    "type": "EDS",
                    "circuit_breakers": limits,
                    "alt_stat_name": f"reviews_{subset}",
                }
            }
            for subset in subsets
        ]
    }


INLINE = {
    "configs": [
        {
            "route_config": {
                "name": "inbound-vip|9080|http|reviews",
                "virtual_hosts": [
                    {"name": "only-tls", "domains": ["a.test"], "require_tls": "ALL"}
                ],
            },
            "error_state": {"details": "no such cluster"},
        }
    ]
}
"""RouteConfigurations inside of listeners: one, a newer version of which was refused."""

EMPTY = {"name": f"outbound|9080|v2|{HOST}"}
"""A cluster that has no endpoint."""


def hosts(**ejected: bool) -> dict[str, Any]:
    """The answer of an Envoy that does not know how to filter."""
    statuses = [
        {
            "name": f"outbound|9080|{subset}|{HOST}",
            "host_statuses": [
                {
                    "address": {"socket_address": {"address": f"10.1.0.{n}", "port_value": 9080}},
                    "stats": [{"name": "rq_active", "value": "7"}, {"name": "cx_active"}],
                    "health_status": {"failed_outlier_check": out},
                }
            ],
        }
        for n, (subset, out) in enumerate(ejected.items(), 1)
    ]
    return {"cluster_statuses": [*statuses, {"name": "outbound|80||other", "host_statuses": [{}]}]}


class Admin:
    """Answers in place of every proxy: by the beginning of the path, or by the pod.

    What a pod answers by itself is its routes.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.by_pod: dict[str, Any] = {}
        self.asked: list[tuple[str, str]] = []
        self.busy = self.most_busy = 0

    async def get(self, _: object, namespace: str, pod: str, path: str, **_more: Any) -> bytes:
        self.asked.append((pod, path))
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        await asyncio.sleep(0)
        self.busy -= 1
        found = next((a for name, a in self.by_pod.items() if pod.startswith(name)), None)
        if found is None or (path.startswith("/clusters") and isinstance(found, dict)):
            found = next(a for begin, a in self.answers.items() if path.startswith(begin))
        if isinstance(found, MeshtuiError):
            raise found
        return found if isinstance(found, bytes) else json.dumps(found).encode()


@pytest.fixture
def admin(monkeypatch: pytest.MonkeyPatch) -> Admin:
    found = Admin()
    monkeypatch.setattr(proxy, "admin_get", found.get)
    found.answers = {
        "/config_dump?resource=dynamic_route_configs": routes({"v1": 80, "v3": 20}),
        "/config_dump?resource=static_route_configs": INLINE,
        "/config_dump?resource=dynamic_active_clusters": clusters("", "v1", "v3"),
        "/config_dump?resource=dynamic_listeners": {"configs": []},
        "/config_dump?include_eds": {"configs": [1, 2]},
        "/clusters": {"cluster_statuses": [*hosts(v1=False, v3=True)["cluster_statuses"], EMPTY]},
        "/stats": {
            "stats": [
                {"name": "cluster.reviews_v1.upstream_rq_active", "value": 12},
                {"name": "cluster.reviews_v1.upstream_rq_pending_overflow", "value": 31},
            ]
        },
    }
    return found


def proxies(mesh: Mesh) -> LiveProxies:
    return LiveProxies(None, mesh)  # type: ignore[arg-type]


def pod_of(mesh: Mesh, app: str) -> Pod:
    return next(pod for pod in mesh.pods if pod.app == app)


async def answered(mesh: Mesh) -> dict[str, Row]:
    found: list[Row] = []
    live = proxies(mesh)
    await live.rows(live.matrix(KEY), found.append)
    return {row.pod.app: row for row in found}


async def test_a_proxy_that_serves_the_rules_is_in_sync(mesh: Mesh, admin: Admin) -> None:
    row = (await answered(mesh))["productpage"]
    assert [cell.state for cell in row.cells] == [IN_SYNC, IN_SYNC]
    assert [len(cell.served) for cell in row.cells] == [1, 1]
    assert (row.state, row.owners) == (IN_SYNC, (("bookinfo", "reviews"),))
    assert row.cells[0].notes == (
        "v2 has no endpoint in the proxy: what is sent there is answered 503",
    )
    paths = {path for _, path in admin.asked if path.startswith("/config_dump")}
    assert all(path.endswith("name_regex=%289080%29") for path in paths)
    assert 1 < admin.most_busy <= 8


async def test_an_old_one_an_empty_one_and_one_out_of_reach(mesh: Mesh, admin: Admin) -> None:
    admin.by_pod = {
        "productpage": routes({"v1": 90, "v3": 10}),
        "details": {"configs": []},
        "ratings": NotAllowed("you may not", "ask"),
        "reviews-v1": b"<html>",
    }
    found = await answered(mesh)
    old = found["productpage"]
    assert (old.state, old.cells[0].state, old.cells[1].state) == (OLD, IN_SYNC, OLD)
    assert "route 2: weight of v1 is 80, the proxy has 90" in old.cells[1].differences
    assert found["details"].state == ABSENT
    assert (found["ratings"].state, found["ratings"].trouble) == (OUT_OF_REACH, "you may not: ask")
    matrix = proxies(mesh).matrix(KEY)
    assert not matrix.known
    assert matrix.differs(old) and matrix.differs(found["details"])


async def test_a_route_to_a_cluster_that_is_not_there_is_not_in_sync(
    mesh: Mesh, admin: Admin
) -> None:
    admin.answers["/clusters"] = hosts(v1=False, v3=True)
    row = (await answered(mesh))["productpage"]
    assert [cell.state for cell in row.cells] == [OLD, IN_SYNC]
    (said,) = row.cells[0].differences
    assert said.startswith("100 % of the requests go to v2, and the proxy has no cluster")


async def test_a_rule_that_is_not_meant_for_a_proxy_says_nothing_of_it(
    mesh: Mesh, admin: Admin
) -> None:
    raw = bookinfo.objects()
    rules = raw["virtualservices"][0]["spec"]["http"]
    rules[0]["match"] = [{"sourceLabels": {"app": "productpage"}}]
    found = await answered(bookinfo.mesh_of(raw))
    assert found["details"].cells[0].state == NOT_MEANT
    assert found["details"].state in (IN_SYNC, OLD)


async def test_a_service_without_rules_still_names_its_clients(mesh: Mesh, admin: Admin) -> None:
    matrix = proxies(mesh).matrix(ServiceKey("bookinfo", "ratings"))
    assert matrix.rules == () and matrix.pods
    with pytest.raises(NotFound):
        proxies(mesh).matrix(ServiceKey("bookinfo", "nobody"))


async def test_routes_are_those_of_the_service_or_all(mesh: Mesh, admin: Admin) -> None:
    client = pod_of(mesh, "productpage")
    narrow = await proxies(mesh).read(ROUTES, client, KEY)
    assert {r.vhost for r in narrow.routes} == {f"{HOST}:9080"}
    assert "name_regex" in admin.asked[-1][1]
    everything = await proxies(mesh).read(ROUTES, client, None)
    assert len(everything.routes) == len(narrow.routes) + 1
    assert "name_regex" not in admin.asked[-1][1]
    (first, *_) = rows(narrow)
    cells = dict(zip(COLUMNS[ROUTES], first, strict=True))
    assert cells["MATCH"] == "header end-user = jason"
    assert cells["VIRTUAL SERVICE"] == "reviews.bookinfo"
    assert cells["DESTINATIONS"] == f"{HOST}/v2"
    assert cells["RETRIES"] == "3× 2s each on 5xx"
    split = next(route for route in narrow.routes if len(route.destinations) > 1)
    assert where(split) == "reviews.bookinfo: v1 80%, v3 20%"
    one, *others = split.destinations
    mixed = replace(split, destinations=(replace(one, host="other.example"), *others))
    assert where(mixed) == f"other.example/v1 80%, {HOST}/v3 20%"


async def test_inline_tables_hosts_without_routes_and_refusals_are_shown(
    mesh: Mesh, admin: Admin
) -> None:
    gateway = next(pod for pod in mesh.pods if pod.gateway)
    reading = await proxies(mesh).read(ROUTES, gateway, None)
    refused, special, *_ = (dict(zip(COLUMNS[ROUTES], row, strict=True)) for row in rows(reading))
    assert refused["NAME"] == special["NAME"] == "inbound-vip|9080|http|reviews"
    assert refused["DESTINATIONS"] == "REFUSED: no such cluster"
    assert (special["VHOST NAME"], special["MATCH"]) == ("only-tls", "without TLS")
    assert special["DESTINATIONS"] == "redirects with 301 to scheme https"


async def test_a_refused_listener_and_further_addresses_are_shown(mesh: Mesh, admin: Admin) -> None:
    address = {"socket_address": {"address": "10.0.0.1", "port_value": 80}}
    other = {"address": {"socket_address": {"address": "fd00::1", "port_value": 80}}}
    listener = {"name": "l", "address": address, "additional_addresses": [other]}
    chain = {"filter_chains": [{"filters": []}]}
    admin.answers["/config_dump?resource=dynamic_listeners"] = {
        "configs": [
            {"name": "l", "active_state": {"listener": {**listener, **chain}}},
            {"name": "new", "error_state": {"details": "bad port"}},
        ]
    }
    reading = await proxies(mesh).read(LISTENERS, pod_of(mesh, "productpage"), None)
    found = [dict(zip(COLUMNS[LISTENERS], row, strict=True)) for row in rows(reading)]
    assert [row["ADDRESS"] for row in found] == ["new", "10.0.0.1, fd00::1"]
    assert found[0]["DESTINATION"] == "REFUSED: bad port"


async def test_a_gateways_tables_are_not_narrowed_by_the_services_port(
    mesh: Mesh, admin: Admin
) -> None:
    gateway = next(pod for pod in mesh.pods if pod.gateway)
    for view in (ROUTES, LISTENERS):
        await proxies(mesh).read(view, gateway, KEY)
        assert "name_regex" not in admin.asked[-1][1]


async def test_clusters_with_gauges_against_limits(mesh: Mesh, admin: Admin) -> None:
    reading = await proxies(mesh).read(CLUSTERS, pod_of(mesh, "productpage"), KEY)
    cells = {
        found["SUBSET"]: found
        for found in (dict(zip(COLUMNS[CLUSTERS], row, strict=True)) for row in rows(reading))
    }
    v1, v3 = cells["v1"], cells["v3"]
    assert (v1["REQUESTS"], v1["OVERFLOW"], v1["EJECTED"]) == ("12/100", "31", "0/1")
    assert (v3["REQUESTS"], v3["OVERFLOW"], v3["EJECTED"]) == ("7/100", "?", "1/1")
    assert (v3["CONNECTIONS"], v3["PENDING"]) == ("0/10", "?/1024")
    assert rows(reading)[0][2] == "v1"
    stats = next(path for _, path in admin.asked if path.startswith("/stats"))
    assert "reviews_v1" in stats and "usedonly" not in stats


async def test_all_clusters_are_asked_for_what_was_used(mesh: Mesh, admin: Admin) -> None:
    reading = await proxies(mesh).read(CLUSTERS, pod_of(mesh, "productpage"), None)
    assert not [path for _, path in admin.asked if path.startswith("/clusters")]
    assert any("usedonly" in path for _, path in admin.asked)
    assert {row[9] for row in rows(reading)} == {"31", "-"}


async def test_the_version_behind_an_ejected_address(admin: Admin) -> None:
    """A job that has ended had the address before."""
    raw = bookinfo.objects()
    raw["pods"] = [p for p in raw["pods"] if "reviews-v" not in p["metadata"]["name"]]
    ended = bookinfo.pod("reviews", "v9")
    ended["status"]["phase"] = "Succeeded"
    raw["pods"] += [ended, bookinfo.pod("reviews", "v1")]
    mesh = bookinfo.mesh_of(raw)
    admin.answers["/clusters"] = hosts(v1=True)
    reading = await proxies(mesh).read(ENDPOINTS, pod_of(mesh, "productpage"), KEY)
    (only,) = rows(reading)
    cells = dict(zip(COLUMNS[ENDPOINTS], only, strict=True))
    assert (cells["ENDPOINT"], cells["OUTLIER CHECK"]) == ("10.1.0.1:9080", "EJECTED")
    assert cells["CLUSTER"] == "outbound|9080|v1|" and cells["VERSION"] == "v1"
    assert ejected_versions(reading) == "v1 1 of 1"


@pytest.mark.parametrize("view", VIEWS)
async def test_rubbish_and_refusals_are_errors(mesh: Mesh, admin: Admin, view: str) -> None:
    client = pod_of(mesh, "productpage")
    admin.by_pod = {"productpage": b"\xff<html>"}
    with pytest.raises(Unreachable, match="not JSON"):
        await proxies(mesh).read(view, client, KEY)
    admin.by_pod = {"productpage": b'{"configs": 3, "cluster_statuses": "x", "stats": {}}'}
    assert rows(await proxies(mesh).read(view, client, KEY)) == []
    with pytest.raises(Refused, match="runs no proxy"):
        await proxies(mesh).read(view, Pod("a", "b"), None)


def test_raw_lines_are_bounded(mesh: Mesh) -> None:
    body = json.dumps({"configs": list(range(100))}).encode()
    reading = ProxyReads(ROUTES, pod_of(mesh, "details"), answers=(("/a", body), ("/b", b"[]")))
    lines = raw_lines(reading)
    assert lines[0] == "GET /a" and lines[-2:] == ("GET /b", "[]")
    cut = raw_lines(reading, most=10)
    assert len(cut) == 11 and cut[-1].startswith("… 98 more lines")


@pytest.mark.parametrize("name", ["productpage-v1", "productpage", "bookinfo/productpage-v1"])
def test_a_proxy_by_what_a_person_calls_it(mesh: Mesh, name: str) -> None:
    assert find_pod(mesh, name, "bookinfo").app == "productpage"
    assert find_pod(mesh, "productpage-v1.bookinfo", "other").app == "productpage"
    assert find_pod(mesh, "productpage", "").app == "productpage"


@pytest.mark.parametrize(
    ("name", "hint"), [("productpage-v1", "did you mean"), ("x", "meshtui pods -A")]
)
def test_a_name_of_no_proxy_there(mesh: Mesh, name: str, hint: str) -> None:
    with pytest.raises(NotFound, match=hint):
        find_pod(mesh, name, "elsewhere")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "meshtui" / "dumps"


def test_a_dump_is_private_whole_and_named_after_pod_and_time(
    mesh: Mesh, admin: Admin, state: Path
) -> None:
    client = pod_of(mesh, "productpage")
    path, size = asyncio.run(proxies(mesh).dump(client))
    assert json.loads(path.read_text()) == {"configs": [1, 2]} and size == path.stat().st_size
    assert path.parent == state and path.name.startswith(f"bookinfo.{client.name}-2")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    admin.answers["/config_dump?include_eds"] = b'{"configs": ['
    with pytest.raises(Unreachable):
        asyncio.run(proxies(mesh).dump(client))
    assert list(state.iterdir()) == [path]


def test_two_dumps_of_one_second_are_two_files(state: Path) -> None:
    paths = [save_new("a/../b", body, clock=0.0) for body in (b"1", b"2", b"3")]
    assert [path.read_bytes() for path in paths] == [b"1", b"2", b"3"]
    assert all(path.parent == state for path in paths)


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("mine")
    with pytest.raises(Refused, match="there already"):
        save_as(path, b"other")
    assert path.read_text() == "mine" and list(tmp_path.iterdir()) == [path]


def _full(_: int) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("broken", [_full])
def test_a_full_disk_leaves_no_half_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: Callable[[int], None]
) -> None:
    monkeypatch.setattr(saving.os, "fsync", broken)
    with pytest.raises(MeshtuiError, match="No space left"):
        save_as(tmp_path / "x.json", b"abc")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(MeshtuiError, match="cannot be written"):
        save_as(tmp_path / "no" / "x.json", b"abc")


@pytest.mark.parametrize(
    ("cluster", "address", "port", "where"),
    [
        ("outbound|9080||reviews.bookinfo.svc.cluster.local", "203.0.113.7", 15443, OTHER_NETWORK),
        ("outbound|9080|v1|reviews.bookinfo.svc.cluster.local", "10.9.0.4", 9080, OTHER_CLUSTER),
        ("inbound|9080||", "127.0.0.1", 9080, ""),
        ("outbound|443||api.example.com", "203.0.113.9", 15443, ""),
    ],
)
def test_endpoints_of_another_cluster_are_told_from_pods(
    mesh: Mesh, cluster: str, address: str, port: int, where: str
) -> None:
    own = next(pod for pod in mesh.pods if pod.name.startswith("reviews"))
    name = parse_cluster_name(cluster)
    here = parse_cluster_name("outbound|9080||reviews.bookinfo.svc.cluster.local")
    found = [ProxyEndpoint(name, address, port), ProxyEndpoint(here, own.ip, 9080)]
    other, pod = with_pods(found, mesh)
    assert (other.pod, other.elsewhere) == (None, where)
    assert (pod.pod, pod.elsewhere) == (own, "")


def test_where_pods_are_not_read_an_unknown_address_is_not_called_foreign(mesh: Mesh) -> None:
    name = parse_cluster_name("outbound|9080||reviews.bookinfo.svc.cluster.local")
    blind = replace(mesh, pods=(), partial={"pods": frozenset({"other"})})
    assert not blind.knows("pods", "bookinfo")
    (seen,) = with_pods([ProxyEndpoint(name, "10.9.0.4", 9080)], blind)
    assert seen.elsewhere == ""
