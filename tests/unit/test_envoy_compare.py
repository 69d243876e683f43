"""Does a proxy serve what a rule asks? Rules and routes side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from meshtui.envoy.compare import ABSENT, IN_SYNC, OLD, Verdict, in_sync
from meshtui.envoy.expected import ProxyFacts, entries
from meshtui.envoy.routes import (
    HeaderMatch,
    ProxyRoute,
    RouteDestination,
    RouteMatch,
    RouteMirror,
)
from meshtui.mesh.model import (
    Destination,
    Fault,
    Match,
    Mirror,
    Ref,
    Retries,
    Rule,
    StringMatch,
    VirtualService,
)

HOST = "reviews.default.svc.cluster.local"
SIDECAR = ProxyFacts("default", {"app": "productpage"})
JASON = Match(name="jason", headers=(("end-user", StringMatch("exact", "jason")),))
JASON_ROUTE = RouteMatch(headers=(HeaderMatch("end-user", StringMatch("exact", "jason")),))


def rule(*weights: tuple[str, int], index: int = 0, **changed: Any) -> Rule:
    destinations = tuple(Destination(HOST, subset, 0, weight) for subset, weight in weights)
    return Rule(index=index, destinations=destinations, **changed)


def service(*rules: Rule, **changed: Any) -> VirtualService:
    return VirtualService(
        Ref("VirtualService", "default", "reviews"), "1", (HOST,), rules=rules, **changed
    )


def route(*weights: tuple[str, int], **changed: Any) -> ProxyRoute:
    facts: dict[str, Any] = {
        "config": "9080",
        "vhost": f"{HOST}:9080",
        "destinations": tuple(
            RouteDestination(f"outbound|9080|{subset}|{HOST}", HOST, subset, 9080, weight)
            for subset, weight in weights
        ),
        "virtual_service": ("default", "reviews"),
        "retries": Retries(2, None, "connect-failure"),
    }
    return ProxyRoute(**facts | changed)


def verdict(asked: Rule, *routes: ProxyRoute, proxy: ProxyFacts = SIDECAR) -> Verdict:
    return in_sync(routes, service(asked), asked, proxy)


def told(asked: Rule, *routes: ProxyRoute) -> tuple[str, ...]:
    found = verdict(asked, *routes)
    assert found.state == OLD
    return found.differences


def test_the_same_weights_are_in_sync() -> None:
    asked = rule(("v1", 90), ("v3", 10))
    assert verdict(asked, route(("v1", 90), ("v3", 10))) == Verdict(IN_SYNC)


def test_other_weights_are_told() -> None:
    assert told(rule(("v1", 80), ("v3", 20)), route(("v1", 90), ("v3", 10))) == (
        "v1 has weight 90, asked 80",
        "v3 has weight 10, asked 20",
    )


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ((("v1", 3), ("v3", 1)), (("v1", 75), ("v3", 25))),
        ((("v1", 100), ("v3", 0)), (("v1", 100),)),
        ((("v1", 7),), (("v1", 100),)),
        ((("v1", 0), ("v3", 1)), (("v3", 100),)),
        ((("v1", 1), ("v3", 1)), (("v3", 5000), ("v1", 5000))),
        ((("v1", 1), ("v1", 1), ("v3", 2)), (("v1", 25), ("v1", 25), ("v3", 50))),
    ],
)
def test_weights_are_ratios(asked: Any, served: Any) -> None:
    assert verdict(rule(*asked), route(*served)).in_sync


def test_a_version_too_many_and_one_missing() -> None:
    assert told(rule(("v1", 50), ("v2", 50)), route(("v1", 50), ("v3", 50))) == (
        "v2 has weight 0, asked 50",
        "v3 has weight 50, asked 0",
    )


def test_all_traffic_elsewhere() -> None:
    assert told(rule(("v1", 100)), route(("v3", 100))) == (
        "v1 has weight 0, asked 100",
        "v3 has weight 100, asked 0",
    )


def test_a_port_counts_only_where_it_is_asked() -> None:
    asked = Rule(0, destinations=(Destination(HOST, "v1", 9081),))
    assert not verdict(asked, route(("v1", 100))).in_sync
    assert verdict(
        replace(asked, destinations=(Destination(HOST, "v1", 9080),)), route(("v1", 100))
    ).in_sync


def test_no_route_of_it_is_absent() -> None:
    other = route(("v1", 100), virtual_service=("default", "ratings"))
    default = route(("", 100), virtual_service=None)
    assert verdict(rule(("v1", 100)), other, default).state == ABSENT


def mirror(percent: float, subset: str = "v3") -> Mirror:
    return Mirror(HOST, subset, 0, percent)


def served_mirror(percent: float) -> RouteMirror:
    return RouteMirror(f"outbound|9080|v3|{HOST}", HOST, "v3", 9080, percent)


@pytest.mark.parametrize(
    ("asked", "served", "difference"),
    [
        ((mirror(5),), (served_mirror(5.0),), None),
        ((mirror(33.333),), (served_mirror(33.3333),), None),
        ((mirror(0),), (), None),
        ((mirror(10),), (served_mirror(5.0),), "v3 gets copies of 5 %, asked 10 %"),
        ((), (served_mirror(5.0),), "v3 gets copies of 5 %, asked 0 %"),
        ((mirror(100),), (), "v3 gets copies of 0 %, asked 100 %"),
    ],
)
def test_mirrors(asked: Any, served: Any, difference: str | None) -> None:
    found = verdict(rule(("v1", 100), mirrors=asked), route(("v1", 100), mirrors=served))
    assert found.differences == ((difference,) if difference else ())


DELAY = Fault(delay_s=3, delay_percent=50)
ABORT = Fault(abort_http=503, abort_percent=10)


@pytest.mark.parametrize(
    ("asked", "served", "differences"),
    [
        (DELAY, DELAY, ()),
        (DELAY, None, ("the delay is off, asked 3 s for 50 %",)),
        (None, DELAY, ("the delay is 3 s for 50 %, asked off",)),
        (Fault(delay_s=3), None, ()),
        (Fault(abort_http=503), Fault(), ()),
        (ABORT, replace(ABORT, abort_percent=5), ("the abort is 503 for 5 %, asked 503 for 10 %",)),
        (
            Fault(abort_grpc="UNAVAILABLE", abort_percent=1),
            Fault(abort_grpc="14", abort_percent=1),
            (),
        ),
        (ABORT, Fault(abort_grpc="UNAVAILABLE", abort_percent=10), None),
    ],
)
def test_faults(asked: Fault | None, served: Fault | None, differences: Any) -> None:
    found = verdict(rule(("v1", 1), fault=asked), route(("v1", 1), fault=served))
    if differences is None:
        assert found.differences == ("the abort is gRPC 14 for 10 %, asked 503 for 10 %",)
    else:
        assert found.differences == differences


@pytest.mark.parametrize(
    ("asked", "served", "differences"),
    [
        (None, None, ()),
        (10.0, 10.0, ()),
        (10.0, None, ("the timeout is unlimited, asked 10 s",)),
        (None, 2.5, ("the timeout is 2.5 s, asked unlimited",)),
    ],
)
def test_timeouts(asked: float | None, served: float | None, differences: Any) -> None:
    found = verdict(rule(("v1", 1), timeout_s=asked), route(("v1", 1), timeout_s=served))
    assert found.differences == differences


@pytest.mark.parametrize(
    ("asked", "served", "differences"),
    [
        (None, Retries(2), ()),
        (Retries(), Retries(2), ()),
        (Retries(0), None, ()),
        (Retries(0), Retries(2), ("retries are 2, asked off",)),
        (Retries(3), None, ("retries are off, asked 3",)),
        (Retries(3, 2.0), Retries(3, None), ("a try may take unlimited, asked 2 s",)),
        (Retries(3, None, "5xx,503"), Retries(3, None, "503,5xx,retriable-status-codes"), ()),
        (Retries(3, None, "5xx"), Retries(3, None, "reset"), ("retries are on reset, asked 5xx",)),
    ],
)
def test_retries(asked: Retries | None, served: Retries | None, differences: Any) -> None:
    found = verdict(rule(("v1", 1), retries=asked), route(("v1", 1), retries=served))
    assert found.differences == differences


def test_redirects() -> None:
    asked = Rule(0, terminal="redirect")
    assert verdict(asked, route(terminal="redirect")).in_sync
    assert told(asked, route(("v1", 1))) == ("the answer is a version, asked redirect",)


class TestWhichRouteIsTheRules:
    first = rule(("v2", 1), name="testers", matches=(JASON,))
    rest = rule(("v1", 1), index=1)

    def served(self, *routes: ProxyRoute, about: int) -> Verdict:
        return in_sync(
            routes, service(self.first, self.rest), (self.first, self.rest)[about], SIDECAR
        )

    def test_in_order(self) -> None:
        routes = (
            route(("v2", 1), match=JASON_ROUTE, name="testers.jason"),
            route(("v1", 1)),
        )
        assert self.served(*routes, about=0).in_sync
        assert self.served(*routes, about=1).in_sync

    def test_a_rule_the_proxy_does_not_have_yet(self) -> None:
        assert self.served(route(("v1", 1)), about=0).differences == (
            "there is no route for testers.jason",
        )
        assert self.served(route(("v1", 1)), about=1).in_sync

    def test_by_name_when_the_counts_differ(self) -> None:
        routes = (
            route(("v9", 1), match=JASON_ROUTE, name="gone"),
            route(("v3", 1), match=JASON_ROUTE, name="testers.jason"),
            route(("v1", 1)),
        )
        assert "v3 has weight 1, asked 0" in self.served(*routes, about=0).differences

    def test_other_conditions_are_old(self) -> None:
        other = RouteMatch(headers=(HeaderMatch("end-user", StringMatch("exact", "ann")),))
        routes = (route(("v2", 1), match=other), route(("v1", 1)))
        assert self.served(*routes, about=0).differences == (
            "it takes header end-user = ann, asked header end-user = jason",
        )

    def test_every_virtual_host_must_agree(self) -> None:
        good = (route(("v2", 1), match=JASON_ROUTE), route(("v1", 1)))
        late = tuple(replace(r, vhost=f"{HOST}:80", config="80") for r in good[:1])
        stale = (*late, route(("v3", 1), vhost=f"{HOST}:80", config="80"))
        assert self.served(*good, *stale, about=0).in_sync
        assert self.served(*good, *stale, about=1).state == OLD


def entry_names(*matches: Match, proxy: ProxyFacts = SIDECAR, port: int = 9080, **changed: Any):
    rules = [
        rule(("v1", 1), index=index, name=match.name, matches=(replace(match, name=""),))
        for index, match in enumerate(matches)
    ]
    return [entry.name for entry in entries(service(*rules, **changed), proxy, port)]


PREFIX = StringMatch("prefix", "/a")


def test_matches_for_others_are_left_out() -> None:
    assert entry_names(
        Match("port", uri=PREFIX, port=9081),
        Match("labels", uri=PREFIX, source_labels=(("app", "other"),)),
        Match("namespace", uri=PREFIX, source_namespace="other"),
        Match("gateway", uri=PREFIX, gateways=("default/gw",)),
        Match("mine", uri=PREFIX, source_labels=(("app", "productpage"),), port=9080),
        Match("mesh", uri=PREFIX, gateways=("mesh", "gw")),
    ) == ["mine", "mesh"]


def test_nothing_comes_after_a_catch_all() -> None:
    everything = Match("mine", source_labels=(("app", "productpage"),))
    assert entry_names(Match("a", uri=PREFIX), everything, Match("b", uri=PREFIX)) == ["a", "mine"]
    assert entry_names(Match("x", uri=StringMatch("regex", ".*")), Match("y")) == ["x"]


def test_a_gateway_has_what_is_meant_for_its_gateways() -> None:
    gateway = ProxyFacts("istio-system", gateway=True, gateways=frozenset({"default/gw"}))
    named = {"gateways": ("gw", "mesh")}
    matches = (Match("gw", uri=PREFIX, gateways=("default/gw",)), Match("mesh", gateways=("mesh",)))
    assert entry_names(*matches, proxy=gateway, **named) == ["gw"]
    assert entry_names(*matches, proxy=gateway) == []
    assert entry_names(Match("any"), proxy=replace(gateway, gateways=frozenset()), **named) == [
        "any"
    ]
    assert entry_names(Match("any"), gateways=("gw",)) == []


def test_how_envoy_has_the_conditions() -> None:
    match = Match(
        uri=StringMatch("exact", "/a"),
        ignore_uri_case=True,
        method=StringMatch("exact", "GET"),
        headers=(("X-A", StringMatch("regex", "*")),),
        without_headers=(("x-b", StringMatch("present")),),
        query_params=(("q", StringMatch("exact", "1")),),
    )
    (entry,) = entries(service(rule(("v1", 1), matches=(match,))), SIDECAR, 0)
    assert entry.match == RouteMatch(
        StringMatch("exact", "/a"),
        ignore_case=True,
        headers=(
            HeaderMatch(":method", StringMatch("exact", "GET")),
            HeaderMatch("x-a", StringMatch("present")),
            HeaderMatch("x-b", StringMatch("present"), invert=True),
        ),
        query=(("q", StringMatch("exact", "1")),),
    )


def test_conditions_on_claims_are_not_compared() -> None:
    claims = Match(headers=(("@request.auth.claims.group", StringMatch("exact", "dev")),))
    asked = rule(("v1", 1), matches=(claims,))
    assert verdict(asked, route(("v1", 1), match=JASON_ROUTE)).in_sync


def test_a_rule_that_is_not_for_this_proxy_is_in_sync() -> None:
    elsewhere = rule(("v3", 1), matches=(Match(source_namespace="other"),))
    rest = rule(("v1", 1), index=1)
    assert in_sync([route(("v1", 1))], service(elsewhere, rest), elsewhere, SIDECAR).in_sync
