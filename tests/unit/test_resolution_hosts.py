"""Which hosts, DestinationRules, clusters and endpoints a client has, and what is not known."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.mesh.model import MeshSettings
from meshtui.mesh.resolution import Client, cluster_changes, lost_routes, world
from tests.unit.resolving import (
    PORT,
    REV,
    made,
    mesh_of,
    pod,
    resolved,
    rules,
    service,
    subsets,
    to,
    view,
)

LIMIT = {"connectionPool": {"tcp": {"maxConnections": 7}}}


def limit_of(found: Any, subset: str = "") -> int | None:
    """The connection limit of a cluster; None where there is no such cluster."""
    cluster = found.clusters(REV).get(f"outbound|9080|{subset}|{REV}")
    if cluster is None:
        return None
    limit = cluster.envoy["circuit_breakers"]["thresholds"][0]["max_connections"]
    return int(limit)


def policy(number: int) -> dict[str, Any]:
    return {"connectionPool": {"tcp": {"maxConnections": number}}}


class TestDestinationRules:
    def test_the_callers_namespace_comes_first_even_with_a_wildcard(self) -> None:
        wide = subsets("x", name="w", namespace="b", host="*.svc.cluster.local")
        found = view(subsets("v1"), wide, namespace="b")
        assert [c.subset.name for c in found.clusters(REV).values() if c.subset] == ["x"]
        found = view(subsets("v1"), wide)
        assert [c.subset.name for c in found.clusters(REV).values() if c.subset] == ["v1"]

    def test_the_root_namespace_is_the_meshs(self) -> None:
        rule = subsets(name="all", namespace="roots", host="*.local", trafficPolicy=policy(3))
        for root, expected in (("roots", 3), ("istio-system", 4294967295)):
            mesh = mesh_of(rule, settings=MeshSettings(root_namespace=root))
            assert limit_of(world(mesh).view(Client("b"))) == expected

    def test_one_of_a_third_namespace_does_not_count(self) -> None:
        rule = subsets("v1", namespace="c", trafficPolicy=policy(3))
        found = resolved(rule, rules("r", {"route": [to("v1")]}))
        (reach,) = found.reaches.values()
        assert reach.missing == "no DestinationRule that counts for this client defines subset v1"

    def test_an_exact_one_takes_the_place_of_a_wildcard_as_a_whole(self) -> None:
        wide = subsets("v1", name="w", host="*.a.svc.cluster.local", trafficPolicy=policy(3))
        assert limit_of(view(wide), "v1") == 3
        both = view(wide, subsets("v2"))
        assert limit_of(both, "v1") is None
        assert limit_of(both, "v2") == 4294967295

    def test_of_two_the_older_ones_policy_and_subsets_hold(self) -> None:
        old = subsets("v1", name="z", age=9, trafficPolicy=policy(1))
        new = subsets("v1", "v2", name="a", trafficPolicy=policy(2))
        found = view(new, old)
        assert [limit_of(found, subset) for subset in ("", "v1", "v2")] == [1, 1, 1]
        rule = found.rule(REV)
        assert rule is not None
        assert [r.ref.name for r in rule.rules] == ["z", "a"]

    def test_one_for_some_workloads_is_only_theirs(self) -> None:
        some = subsets(
            "v1", name="s", workloadSelector={"matchLabels": {"app": "x"}}, trafficPolicy=policy(5)
        )
        plain = subsets("v1", "v2", trafficPolicy=policy(6))
        assert limit_of(view(plain, some, app="x")) == 5
        assert limit_of(view(plain, some, app="y")) == 6
        assert limit_of(view(plain, some, app="x"), "v2") is None
        assert limit_of(view(plain, some, namespace="b", app="x")) == 6

    @pytest.mark.parametrize(
        ("export", "own", "other"), [(["."], 7, None), (["b"], None, 7), (["*"], 7, 7), ([], 7, 7)]
    )
    def test_export_to_is_heeded(
        self, export: list[str], own: int | None, other: int | None
    ) -> None:
        rule = subsets("v1", exportTo=export, trafficPolicy=LIMIT)
        assert limit_of(view(rule), "v1") == own
        assert limit_of(view(rule, namespace="b"), "v1") == other


class TestPolicies:
    def test_a_subsets_part_replaces_the_hosts(self) -> None:
        rule = subsets("v1", "v2", trafficPolicy={**policy(1), "outlierDetection": {}})
        rule["spec"]["subsets"][1]["trafficPolicy"] = policy(2)
        found = view(rule).clusters(REV)
        assert limit_of(view(rule), "v1") == 1
        assert limit_of(view(rule), "v2") == 2
        assert all("outlier_detection" in cluster.envoy for cluster in found.values())

    def test_a_ports_settings_inherit_nothing(self) -> None:
        ports = [{"port": {"number": PORT}, **policy(2)}]
        own = {**policy(1), "outlierDetection": {}, "portLevelSettings": ports}
        found = view(subsets("v1", trafficPolicy=own)).clusters(REV)
        assert not any("outlier_detection" in cluster.envoy for cluster in found.values())
        assert limit_of(view(subsets("v1", trafficPolicy=own)), "v1") == 2

    def test_an_empty_outlier_detection_is_on(self) -> None:
        found = view(subsets(trafficPolicy={"outlierDetection": {}})).clusters(REV)
        (cluster,) = found.values()
        assert cluster.envoy["outlier_detection"] == {"enforcing_success_rate": 0}

    def test_the_meshs_default_holds_where_no_rule_says_otherwise(self) -> None:
        settings = MeshSettings(policy={**policy(8), "outlierDetection": {}})
        mesh = mesh_of(subsets("v1", trafficPolicy={"outlierDetection": None}), settings=settings)
        found = world(mesh).view(Client("a"))
        assert [limit_of(found), limit_of(found, "v1")] == [8, 8]


class TestHosts:
    def test_a_service_exported_elsewhere_is_hidden_and_says_so(self) -> None:
        hidden = service("hid")
        hidden["metadata"]["annotations"] = {"networking.istio.io/exportTo": "b, c"}
        name = "outbound|9080||hid.a.svc.cluster.local"
        assert view(hidden, namespace="c").reach(name).exists
        why = view(hidden).reach(name).missing
        assert why == "hid.a.svc.cluster.local of a is not exported to a"

    def test_a_sidecar_hides_what_it_does_not_let_in(self) -> None:
        sidecar = made("Sidecar", "default", egress=[{"hosts": ["./rev.a.svc.cluster.local"]}])
        found = view(sidecar)
        assert found.reach(f"outbound|9080||{REV}").exists
        why = found.reach("outbound|9080||rev.b.svc.cluster.local").missing
        assert why == "Sidecar a/default hides rev.b.svc.cluster.local"
        assert view(sidecar, namespace="b").reach("outbound|9080||rev.b.svc.cluster.local").exists

    def test_a_sidecar_with_a_selector_is_for_those_workloads(self) -> None:
        some = made(
            "Sidecar",
            "some",
            workloadSelector={"labels": {"app": "x"}},
            egress=[{"hosts": ["./none"]}],
        )
        assert view(some, app="y").host(REV) is not None
        assert view(some, app="x").host(REV) is None

    def test_the_root_namespaces_sidecar_is_for_all_without_one(self) -> None:
        root = made("Sidecar", "d", "istio-system", egress=[{"hosts": ["./*"]}])
        assert view(root).host("rev.b.svc.cluster.local") is None
        own = made("Sidecar", "d", egress=[{"hosts": ["*/*"]}])
        assert view(root, own).host("rev.b.svc.cluster.local") is not None

    def test_a_sidecars_listener_has_only_its_port(self) -> None:
        egress = [{"port": {"number": 80, "protocol": "HTTP"}, "hosts": ["*/*"]}]
        found = view(made("Sidecar", "d", egress=egress))
        assert found.table(PORT) is None
        assert found.resolve(REV, PORT).virtual_host is None

    def test_a_port_that_is_not_there_says_which_are(self) -> None:
        reach = view().reach(f"outbound|8080||{REV}")
        assert reach.missing == f"{REV} has no port 8080 (its ports: 9080)"

    def test_an_external_name_stands_for_its_host(self) -> None:
        alias = service("alias", type="ExternalName", externalName=REV)
        found = view(alias, rules("r", {"route": [to(host="alias")]})).resolve(REV, PORT)
        assert [t.cluster for t in found.routes[0].targets] == [f"outbound|9080||{REV}"]
        assert found.virtual_host is not None
        assert "alias" in found.virtual_host.domains

    @pytest.mark.parametrize(
        ("port", "http"),
        [
            ({"name": "http"}, True),
            ({"name": "grpc-web-x"}, True),
            ({"name": "main"}, True),
            ({"name": "tcp"}, False),
            ({"name": "main", "appProtocol": "tcp"}, False),
            ({"name": "tcp", "appProtocol": "kubernetes.io/h2c"}, True),
            ({"name": "https-x"}, False),
            ({"name": "mysql"}, False),
        ],
    )
    def test_http_rules_count_on_http_ports(self, port: dict[str, str], http: bool) -> None:
        other = service("other", port={"port": PORT, **port})
        rule = rules("r", {"route": [to(host="other")]}, hosts=["other"])
        found = view(other, rule).resolve("other.a.svc.cluster.local", PORT)
        assert (found.service is not None) is http
        assert bool(found.chains) is (not http or port == {"name": "main"})

    def test_the_weights_of_a_headless_service_do_nothing(self) -> None:
        headless = service("head", clusterIP="None")
        rule = rules("r", {"route": [to(host="head", weight=1), to(weight=1)]}, hosts=["head"])
        found = view(headless, rule).resolve("head.a.svc.cluster.local", PORT)
        assert found.by_address
        assert not resolved(subsets("v1"), rules("r", {"route": [to("v1")]})).by_address


class TestEndpoints:
    def endpoints(self, *objects: Any, subset: str = "", host: str = REV) -> Any:
        return view(*objects).reach(f"outbound|9080|{subset}|{host}").endpoints

    def test_a_pod_that_is_not_ready_or_on_its_way_out_is_none(self) -> None:
        gone = pod("rev", "v4", 4)
        gone["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        unready = pod("rev", "v5", 5)
        unready["status"]["conditions"] = []
        assert len(self.endpoints(gone, unready).found) == 3

    def test_a_named_port_is_the_pods_own(self) -> None:
        named = service("n", port={"name": "http", "port": PORT, "targetPort": "web"})
        one = pod("n", "v1", 7)
        one["spec"]["containers"] = [{"ports": [{"name": "web", "containerPort": 8000}]}]
        other = pod("n", "v2", 8)
        found = self.endpoints(named, one, other, host="n.a.svc.cluster.local")
        assert [str(e) for e in found.found] == ["10.0.0.7:8000"]

    def test_workload_entries_are_selected_like_pods(self) -> None:
        entry = made(
            "WorkloadEntry", "vm", address="10.9.9.9", labels={"app": "rev", "version": "vm"}
        )
        foreign = made("WorkloadEntry", "vm", "b", address="10.9.9.8", labels={"app": "rev"})
        found = self.endpoints(entry, foreign, subsets("vm"), subset="vm")
        assert [str(e) for e in found.found] == ["10.9.9.9:9080"]
        assert not found.unknown

    def test_service_entries_list_theirs_or_select_them(self) -> None:
        port = {"number": 80, "name": "http", "protocol": "HTTP", "targetPort": 8080}
        listed = made(
            "ServiceEntry",
            "l",
            hosts=["l.test"],
            ports=[port],
            resolution="STATIC",
            endpoints=[{"address": "1.1.1.1", "ports": {"http": 81}}, {"address": "1.1.1.2"}],
        )
        chosen = made(
            "ServiceEntry",
            "s",
            hosts=["s.test"],
            ports=[port],
            resolution="STATIC",
            workloadSelector={"labels": {"version": "v2"}},
        )
        found = view(listed, chosen)
        assert [str(e) for e in found.reach("outbound|80||l.test").endpoints.found] == [
            "1.1.1.1:81",
            "1.1.1.2:8080",
        ]
        assert [str(e) for e in found.reach("outbound|80||s.test").endpoints.found] == [
            "10.0.0.2:8080"
        ]

    def test_labels_that_istiod_adds_are_not_known_here(self) -> None:
        rule = subsets()
        rule["spec"]["subsets"] = [
            {"name": "east", "labels": {"topology.kubernetes.io/region": "east"}},
            {"name": "node", "labels": {"kubernetes.io/hostname": "n1"}},
        ]
        placed = pod("rev", "v4", 4)
        placed["spec"]["nodeName"] = "n1"
        found = self.endpoints(rule, placed, subset="east")
        assert "topology.kubernetes.io/region" in found.unknown
        node = self.endpoints(rule, placed, subset="node")
        assert [str(e) for e in node.found] == ["10.0.0.4:9080"]

    def test_a_service_without_selector_has_endpoints_that_are_not_read(self) -> None:
        bare = service("bare", selector={})
        assert self.endpoints(bare, host="bare.a.svc.cluster.local").unknown


class TestUnread:
    def test_nothing_is_unread_where_everything_was_read(self) -> None:
        assert resolved().unread == ()

    @pytest.mark.parametrize(
        "plural", ["virtualservices", "services", "serviceentries", "destinationrules", "sidecars"]
    )
    def test_a_kind_that_can_not_be_read_is_named(self, plural: str) -> None:
        mesh = mesh_of(partial={plural: frozenset()})
        found = world(mesh).view(Client("a")).resolve(REV, PORT)
        assert {entry.plural for entry in found.unread} == {plural}

    def test_namespaces_that_do_not_matter_are_not_missed(self) -> None:
        mesh = mesh_of(partial={"destinationrules": frozenset({"a", "b", "istio-system"})})
        assert world(mesh).view(Client("b")).resolve(REV, PORT).unread == ()

    def test_settings_that_were_not_read_are_named(self) -> None:
        mesh = mesh_of(settings=MeshSettings(known=False))
        (entry,) = world(mesh).view(Client("a")).resolve(REV, PORT).unread
        assert "istio-system is taken for its root namespace" in str(entry)


class TestConsequences:
    def test_an_exact_rule_beside_a_wildcard_loses_its_subsets(self) -> None:
        wide = subsets("v1", name="w", host="*.a.svc.cluster.local", trafficPolicy=policy(3))
        rule = rules("r", {"route": [to("v1", 50), to("", 50)]})
        breaker = subsets(name="new", trafficPolicy={"outlierDetection": {}})
        before, after = world(mesh_of(wide, rule)), world(mesh_of(wide, rule, breaker))
        clients = [Client("a")]
        changes = cluster_changes(before, after, clients, [REV])
        assert {(c.name, c.after is None, c.parts) for c in changes} == {
            (f"outbound|9080||{REV}", False, ("connectionPool", "outlierDetection")),
            (f"outbound|9080|v1|{REV}", True, ()),
        }
        (lost,) = lost_routes(before, after, clients, [(REV, PORT)])
        assert (lost.cluster, lost.share, lost.before) == (f"outbound|9080|v1|{REV}", 0.5, False)

    def test_a_change_of_nothing_has_none(self) -> None:
        objects = (subsets("v1"), rules("r", {"route": [to("v1")]}))
        before, after = world(mesh_of(*objects)), world(mesh_of(*objects))
        assert cluster_changes(before, after, [Client("a")], [REV]) == ()
        assert lost_routes(before, after, [Client("a")], [(REV, PORT)]) == ()


class TestCallers:
    def test_pods_are_apart_by_the_labels_that_something_asks_for(self) -> None:
        def client(name: str, namespace: str = "a", **labels: str) -> Any:
            found = pod(name, "v1", 9, namespace, **labels)
            found["spec"]["containers"] = [{"name": "app"}, {"name": "istio-proxy"}]
            return found

        rule = rules("r", {"match": [{"sourceLabels": {"tier": "x"}}], "route": [to("v1")]})
        pods = [client("one", tier="x"), client("two"), client("three"), client("four", "b")]
        found = world(mesh_of(rule, *pods)).callers
        assert sorted((str(c.client), len(c.pods)) for c in found) == [
            ("callers in a", 2),
            ("callers in a with tier=x", 1),
            ("callers in b", 1),
        ]
