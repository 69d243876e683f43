"""Which ways lead to a service from outside, and which rate limits stand on them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from meshtui.diagnosis.limit_words import (
    bucket_words,
    effect_words,
    limit_words,
    pods_words,
    refused_words,
    round_about,
    silent_words,
    tls_words,
)
from meshtui.mesh.exposure import Door, doors_to
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.ratelimits import Bucket, RateLimit, rate_limits
from meshtui.mesh.service_limits import Exposed, RefusedRate, exposed
from meshtui.mesh.signals import Sample, Signals
from tests.unit.objects import meta, pod, route, service, virtual_service
from tests.unit.test_exposure import PLAIN, SECURE, SPLIT, mesh_with, server
from tests.unit.test_ratelimits import EXTERNAL, LIMIT, LOCAL, SETTINGS, patch

Obj = dict[str, Any]
PAGE, REVIEWS = ServiceKey("default", "page"), ServiceKey("default", "reviews")


def gateway_pod() -> Obj:
    found = pod("ingress", "v0", namespace="istio-system")
    found["spec"]["containers"] = [{"name": "istio-proxy"}]
    return found


def envoy_filter(name: str, *patches: Obj, namespace: str = "default", **labels: str) -> Obj:
    spec: Obj = {"configPatches": list(patches)}
    spec |= {"workloadSelector": {"labels": labels}} if labels else {}
    return {"metadata": meta(name, namespace), "spec": spec}


def shop(*filters: Obj, servers: list[Obj] | None = None, **page: Any) -> Mesh:
    """Outside → gateway → page → reviews."""
    front = service("page")
    front["spec"] |= page
    door = {
        "metadata": meta("door"),
        "spec": {"selector": {"app": "ingress"}, "servers": servers or [PLAIN, SECURE]},
    }
    ingress = service("ingress", namespace="istio-system")
    ingress["spec"]["type"] = "LoadBalancer"
    leads = virtual_service(
        "shop",
        {"match": [{"uri": {"prefix": "/p"}}], "route": [route("v1", host="page")]},
        hosts=["shop.example"],
        gateways=["door"],
    )
    return parse_mesh(
        {
            "services": [front, service("reviews"), ingress],
            "pods": [pod("page", "v1"), pod("reviews", "v1"), pod("reviews", "v2"), gateway_pod()],
            "gateways": [door],
            "virtualservices": [leads],
            "envoyfilters": list(filters),
        }
    )


def sample(**totals: Signals) -> Sample:
    clients = {
        REVIEWS: frozenset({("default", "page-v1")}),
        PAGE: frozenset({("istio-system", "ingress-v0")}),
    }
    keys = {ServiceKey("default", name): signals for name, signals in totals.items()}
    return Sample(0.0, "test", 10.0, caller_totals=keys, clients=clients)


def of(mesh: Mesh, key: ServiceKey, read: Sample | None = None) -> Exposed:
    return exposed(mesh, mesh.by_key[key], sample() if read is None else read)


def places(found: Exposed) -> list[tuple[str, str, list[str]]]:
    return [(f.limit.ref.name, f.place, [p.workload for p in f.pods]) for f in found.limits]


class TestDoors:
    def test_a_door_says_who_listens_there_and_what_stands_before_it(self) -> None:
        plain, secure = doors_to(shop(), shop().by_key[PAGE])
        assert (plain.port, plain.redirect, secure.port, secure.tls) == (80, True, 443, "SIMPLE")
        assert (secure.hosts, str(secure.rules_of)) == (
            ("shop.example",),
            "VirtualService default/shop",
        )
        assert [(lead.rule, lead.match, lead.percent) for lead in secure.leads] == [
            ("http[0]", "uri ^ /p", None)
        ]
        assert pods_words(secure.pods) == "ingress-v0.istio-system, 1 pod, ready"
        assert [(front.key.name, front.type) for front in secure.fronts] == [
            ("ingress", "LoadBalancer")
        ]

    @pytest.mark.parametrize(("to", "ways"), [(".", 0), ("istio-system", 2), ("*", 2)])
    def test_rules_that_the_gateways_namespace_does_not_see(self, to: str, ways: int) -> None:
        objects = [dict(found.raw) for found in shop().virtual_services]
        objects[0]["spec"] = {**objects[0]["spec"], "exportTo": [to]}
        mesh = replace(
            shop(), virtual_services=parse_mesh({"virtualservices": objects}).virtual_services
        )
        assert len(doors_to(mesh, mesh.by_key[PAGE])) == ways

    def test_a_rule_that_gives_a_part_says_which(self) -> None:
        two = {"route": [route("v1", 70), {"destination": {"host": "ratings"}, "weight": 30}]}
        mesh = mesh_with([SECURE], two)
        (door,) = doors_to(mesh, mesh.by_key[REVIEWS])
        assert [lead.percent for lead in door.leads] == [70.0]
        whole = mesh_with([SECURE], SPLIT)
        (door,) = doors_to(whole, whole.by_key[REVIEWS])
        assert [lead.percent for lead in door.leads] == [None]

    def test_many_hosts_and_many_rules_are_a_door_and_not_their_product(self) -> None:
        rules = [
            {"match": [{"uri": {"prefix": f"/{n}"}}], "route": [route("v1")]} for n in range(300)
        ]
        hosts = [f"h{n}.example" for n in range(300)]
        mesh = mesh_with([server(80, "HTTP", "*")], *rules, hosts=hosts)
        (door,) = doors_to(mesh, mesh.by_key[REVIEWS])
        assert (len(door.hosts), len(door.leads)) == (300, 300)

    def test_gateways_between_networks_lead_to_every_service(self) -> None:
        east_west = server(15443, "TLS", "*.local", mode="AUTO_PASSTHROUGH")
        mesh = shop(servers=[east_west])
        (door,) = doors_to(mesh, mesh.by_key[REVIEWS])
        assert (door.port, door.rules_of) == (15443, None)
        assert tls_words(door).startswith("TLS AUTO_PASSTHROUGH: from other networks")

    def test_what_is_called_by_what_has_a_way_in(self) -> None:
        found = of(shop(), REVIEWS)
        assert found.doors == ()
        ((caller, doors),) = found.callers
        assert (caller, len(doors)) == (PAGE, 2)

    @pytest.mark.parametrize(
        ("mode", "said"),
        [
            ("", "plain text, no TLS"),
            ("MUTUAL", "TLS MUTUAL: ends at the gateway, which asks for a client certificate"),
            ("PASSTHROUGH", "TLS PASSTHROUGH: not opened at the gateway, goes by its server name"),
            ("NEWER", "TLS NEWER"),
        ],
    )
    def test_tls_in_words(self, mode: str, said: str) -> None:
        gateway = shop().gateways[0].ref
        door = Door(gateway, 443, "HTTPS", mode, False, (), None, (), (), ())
        assert tls_words(door) == said

    def test_a_service_may_open_a_way_of_its_own(self) -> None:
        mesh = shop(type="NodePort")
        assert round_about(mesh.by_key[PAGE]) == (
            "its Service is a NodePort (port 9080): a way in past every gateway"
        )
        assert round_about(mesh.by_key[REVIEWS]) == ""


class TestPlaces:
    def test_at_the_pods_at_the_callers_and_at_the_gateway(self) -> None:
        mesh = shop(
            envoy_filter("pods", patch(LIMIT, "SIDECAR_INBOUND"), app="reviews"),
            envoy_filter("callers", patch(LIMIT, "SIDECAR_OUTBOUND"), app="page"),
            envoy_filter("edge", patch(LIMIT, "GATEWAY"), namespace="istio-system"),
        )
        assert places(of(mesh, REVIEWS)) == [
            ("edge", "at the gateway to page", ["ingress-v0"]),
            ("callers", "at its callers", ["page-v1"]),
            ("pods", "at its pods", ["reviews-v1", "reviews-v2"]),
        ]
        assert places(of(mesh, PAGE)) == [("edge", "at the gateway", ["ingress-v0"])]

    def test_who_calls_is_known_from_telemetry_only(self) -> None:
        mesh = shop(envoy_filter("callers", patch(LIMIT, "SIDECAR_OUTBOUND"), app="page"))
        assert places(exposed(mesh, mesh.by_key[REVIEWS], None)) == []

    @pytest.mark.parametrize(
        ("host", "concerns"),
        [
            ("reviews.default.svc.cluster.local:9080", True),
            ("ratings.default.svc.cluster.local:9080", False),
        ],
    )
    def test_a_limit_of_another_virtual_host_is_not_on_the_way(
        self, host: str, concerns: bool
    ) -> None:
        found = patch(LIMIT, "SIDECAR_OUTBOUND", "VIRTUAL_HOST")
        found["match"]["routeConfiguration"] = {"vhost": {"name": host}}
        mesh = shop(envoy_filter("callers", found, app="page"))
        assert bool(places(of(mesh, REVIEWS))) is concerns

    @pytest.mark.parametrize(("port", "concerns"), [(9080, True), (15090, False)])
    def test_a_limit_on_another_port_of_the_pods_is_not_on_the_way(
        self, port: int, concerns: bool
    ) -> None:
        found = patch(LIMIT, "SIDECAR_INBOUND")
        found["match"]["listener"] = {"portNumber": port}
        mesh = shop(envoy_filter("pods", found, app="reviews"))
        assert bool(places(of(mesh, REVIEWS))) is concerns

    def test_a_gateways_limit_of_another_host_is_not_on_the_way(self) -> None:
        found = patch(LIMIT, "GATEWAY", "VIRTUAL_HOST")
        found["match"]["routeConfiguration"] = {"vhost": {"name": "other.example:443"}}
        mesh = shop(envoy_filter("edge", found, namespace="istio-system"))
        assert places(of(mesh, PAGE)) == []
        assert of(mesh, PAGE).idle == ()

    def test_limits_that_reach_nothing_are_told_apart_from_those_nobody_knows_of(self) -> None:
        lost = envoy_filter("lost", patch(LIMIT), app="reveiws")
        attached = envoy_filter("waypoint", patch(LIMIT))
        attached["spec"]["targetRefs"] = [{"kind": "Service", "name": "reviews"}]
        found = of(shop(lost, attached), PAGE)
        assert [limit.ref.name for limit in found.idle] == ["lost"]
        assert [limit.ref.name for limit in found.unknown] == ["waypoint"]
        assert found.limits == ()

    def test_a_target_gateway_is_known_by_its_label(self) -> None:
        attached = envoy_filter("gate", patch(LIMIT, "GATEWAY"))
        attached["spec"]["targetRefs"] = [{"kind": "Gateway", "name": "shop"}]
        gate = gateway_pod()
        gate["metadata"] |= {"namespace": "default"}
        gate["metadata"]["labels"]["gateway.networking.k8s.io/gateway-name"] = "shop"
        mesh = parse_mesh({"pods": [gate, pod("page", "v1")], "envoyfilters": [attached]})
        (limit,) = rate_limits(mesh)
        assert ([p.workload for p in limit.pods], limit.unknown) == (["ingress-v0"], False)


class TestRefused:
    def test_rates_of_the_window(self) -> None:
        callers = Signals(requests=100, codes={"429": 50.0}, flags={"RL": 20.0})
        read = Sample(
            0.0,
            "test",
            10.0,
            caller_totals={REVIEWS: callers},
            server_totals={REVIEWS: Signals(requests=80, flags={"RL": 10.0})},
        )
        found = of(shop(), REVIEWS, read)
        assert found.refused == RefusedRate(by_callers=2.0, by_pods=1.0, answers=5.0)
        assert refused_words(found) == (
            "refused now: 2/s by its callers' proxies, 1/s by its own, "
            "2/s answered 429 by somebody else"
        )

    def test_nothing_measured_is_not_nothing_refused(self) -> None:
        mesh = shop()
        assert refused_words(of(mesh, REVIEWS)) == "nothing refused now"
        assert refused_words(exposed(mesh, mesh.by_key[REVIEWS], None)) == ""


class TestWords:
    def test_buckets(self) -> None:
        assert bucket_words(Bucket(2, 2, 60.0)) == "2 per 60s"
        assert bucket_words(Bucket(4, 2, 0.0)) == "no fill_interval: Envoy rejects it"
        assert bucket_words(Bucket(4, 2, 0.5, "path=/a")) == "path=/a: 2 per 500ms, 4 at once"

    def limit(self, config: Obj, kind: str = "SIDECAR_INBOUND") -> RateLimit:
        mesh = shop(envoy_filter("it", patch({"typed_config": config}, kind), app="reviews"))
        return of(mesh, REVIEWS).limits[0].limit

    def test_what_comes_of_it(self) -> None:
        half = self.limit({"@type": LOCAL, **SETTINGS})
        assert (limit_words(half), effect_words(half)) == (
            "2 per 60s, 4 at once",
            "refuses 50 % of what is over it; each proxy counts for itself",
        )
        bare = self.limit({"@type": LOCAL, "stat_prefix": "x"})
        assert (limit_words(bare), bare.limits) == ("a filter without settings", False)
        off = self.limit({"@type": LOCAL, "token_bucket": SETTINGS["token_bucket"]})
        assert effect_words(off) == "refuses nothing: filter_enabled or filter_enforced is 0"

    def test_an_external_service_is_called_so(self) -> None:
        found = self.limit(EXTERNAL)
        assert limit_words(found) == "asks limiter, domain productpage"
        assert effect_words(found) == "while that service is away the proxy refuses everything"
        assert silent_words(found, 1) == (
            "1 proxy shows no counter of it: nothing was refused yet, or proxyStatsMatcher "
            "leaves it out"
        )
