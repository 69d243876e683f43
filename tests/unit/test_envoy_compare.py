"""Does a proxy serve what a rule asks? What istiod makes of the rule beside the proxy's routes."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from meshtui.envoy.compare import ABSENT, IN_SYNC, OLD, Compared, Verdict, compare_host
from meshtui.envoy.endpoints import parse_endpoints
from meshtui.envoy.virtual_hosts import ProxyHost, parse_hosts
from meshtui.mesh.resolution import Client, VirtualHost, world
from tests.recorded.cases import mesh_of

HOST = "reviews.default.svc.cluster.local"
CLIENT = Client("default", {"app": "productpage"})
Obj = dict[str, Any]
JASON: Obj = {"name": "jason", "headers": {"end-user": {"exact": "jason"}}}


def to(*weights: tuple[str, int]) -> list[Obj]:
    targets = [{"host": "reviews", "subset": subset} for subset, _ in weights]
    pairs = zip(targets, weights, strict=True)
    return [{"destination": target, "weight": weight} for target, (_, weight) in pairs]


def asked(*rules: Obj, client: Client = CLIENT, **spec: Any) -> VirtualHost:
    """The virtual host that istiod makes of the rules."""
    meta = {"name": "reviews", "namespace": "default"}
    ports = [{"name": "http", "port": 9080}]
    service = {"kind": "Service", "metadata": meta, "spec": {"ports": ports}}
    virtual = {"kind": "VirtualService", "metadata": meta}
    virtual["spec"] = {"hosts": ["reviews"], "http": list(rules), **spec}
    view = world(mesh_of([service, virtual], {})).view(client)
    found = view.resolve(HOST, 9080).virtual_host
    assert found is not None
    return found


def served(host: VirtualHost) -> ProxyHost:
    """A proxy that has taken it."""
    routes = tuple(json.loads(json.dumps(dict(route.envoy))) for route in host.routes)
    return ProxyHost(host.table, host.name, host.domains, routes, host.requires_tls)


def compared(now: Obj, before: Obj) -> Compared:
    """A rule against a proxy that still has the rule as it was."""
    return compare_host(asked(now), served(asked(before)))


def told(now: Obj, before: Obj) -> tuple[str, ...]:
    return compared(now, before).verdict().differences


V1: Obj = {"route": to(("v1", 100))}


def rule(*weights: tuple[str, int], **more: Any) -> Obj:
    return {"route": to(*weights), **more}


def test_the_same_weights_are_in_sync() -> None:
    now = rule(("v1", 90), ("v3", 10))
    assert compared(now, now).verdict() == Verdict(IN_SYNC)


def test_other_weights_are_told_in_an_operators_words() -> None:
    assert told(rule(("v1", 80), ("v3", 20)), rule(("v1", 90), ("v3", 10))) == (
        "route 1: weight of v1 is 80, the proxy has 90",
        "route 1: weight of v3 is 20, the proxy has 10",
    )


@pytest.mark.parametrize(
    ("now", "before"),
    [
        ((("v1", 3), ("v3", 1)), (("v1", 75), ("v3", 25))),
        ((("v1", 100), ("v3", 0)), (("v1", 100),)),
        ((("v1", 7),), (("v1", 100),)),
        ((("v1", 0), ("v3", 1)), (("v3", 100),)),
        ((("v1", 1), ("v3", 1)), (("v3", 5000), ("v1", 5000))),
        ((("v1", 1), ("v1", 1), ("v3", 2)), (("v1", 25), ("v1", 25), ("v3", 50))),
    ],
)
def test_weights_are_ratios(now: Any, before: Any) -> None:
    assert told(rule(*now), rule(*before)) == ()


def test_a_weight_that_is_off_by_one_in_ten_thousand_is_not_in_sync() -> None:
    assert told(rule(("v1", 9999), ("v3", 1)), rule(("v1", 9998), ("v3", 2)))


def test_a_version_too_many_and_one_missing() -> None:
    assert told(rule(("v1", 50), ("v2", 50)), rule(("v1", 50), ("v3", 50))) == (
        "route 1: weight of v2 is 50, the proxy has 0",
        "route 1: weight of v3 is 0, the proxy has 50",
    )


def test_subsets_of_one_name_are_told_apart_by_their_clusters() -> None:
    other: Obj = {"route": [{"destination": {"host": "ratings", "subset": "v1"}}]}
    (said,) = told(V1, other)
    assert f"outbound|9080|v1|{HOST}" in said and "ratings" in said
    mixed: Obj = {"route": [*to(("v1", 30)), {**other["route"][0], "weight": 70}]}
    turned = copy.deepcopy(mixed)
    turned["route"][0]["weight"], turned["route"][1]["weight"] = 70, 30
    assert len(told(mixed, turned)) == 2


def test_a_port_counts() -> None:
    now = {
        "route": [{"destination": {"host": "reviews", "subset": "v1", "port": {"number": 9081}}}]
    }
    assert told(now, V1) and not told(now, now)


def mirror(value: float | None, subset: str = "v3") -> Obj:
    part = {} if value is None else {"percentage": {"value": value}}
    return {"mirrors": [{"destination": {"host": "reviews", "subset": subset}, **part}]}


@pytest.mark.parametrize(
    ("now", "before", "difference"),
    [
        (mirror(5), mirror(5), ""),
        (mirror(0), {}, ""),
        (mirror(100), mirror(None), ""),
        (mirror(10), mirror(5), "mirror to v3 is 10 %, the proxy has 5 %"),
        ({}, mirror(5), "mirror to v3 is none, the proxy has 5 %"),
        (mirror(100), {}, "mirror to v3 is 100 %, the proxy has none"),
        (mirror(0.0001), mirror(0.0002), "mirror to v3 is 0.0001 %, the proxy has 0.0002 %"),
    ],
)
def test_mirrors(now: Obj, before: Obj, difference: str) -> None:
    found = told({**V1, **now}, {**V1, **before})
    assert found == ((f"route 1: {difference}",) if difference else ())


def fault(**parts: Any) -> Obj:
    return {"fault": {key: {**part, "percentage": {"value": 50}} for key, part in parts.items()}}


DELAY = fault(delay={"fixedDelay": "3s"})
ABORT = fault(abort={"httpStatus": 503})
OTHER = fault(abort={"httpStatus": 500})


@pytest.mark.parametrize(
    ("now", "before", "difference"),
    [
        (DELAY, DELAY, ""),
        (DELAY, {}, "delay is 3 s for 50 %, the proxy has none"),
        ({}, DELAY, "delay is none, the proxy has 3 s for 50 %"),
        (ABORT, OTHER, "abort is 503 for 50 %, the proxy has 500 for 50 %"),
        (
            ABORT,
            fault(abort={"grpcStatus": "UNAVAILABLE"}),
            "abort is 503 for 50 %, the proxy has gRPC 14 for 50 %",
        ),
    ],
)  # fmt: skip
def test_faults(now: Obj, before: Obj, difference: str) -> None:
    found = told({**V1, **now}, {**V1, **before})
    assert found == ((f"route 1: {difference}",) if difference else ())


@pytest.mark.parametrize(
    ("now", "before", "difference"),
    [
        ({}, {}, ""),
        ({"timeout": "10s"}, {"timeout": "10000ms"}, ""),
        ({"timeout": "10s"}, {}, "timeout is 10 s, the proxy has none"),
        ({}, {"timeout": "2.5s"}, "timeout is none, the proxy has 2.5 s"),
    ],
)
def test_timeouts(now: Obj, before: Obj, difference: str) -> None:
    found = told({**V1, **now}, {**V1, **before})
    assert found == ((f"route 1: {difference}",) if difference else ())


def retries(attempts: int, **more: Any) -> Obj:
    return {"retries": {"attempts": attempts, **more}}


@pytest.mark.parametrize(
    ("now", "before", "difference"),
    [
        (retries(2), {}, ""),
        (retries(3, retryOn="5xx,503"), retries(3, retryOn="503,5xx"), ""),
        (retries(0), retries(2), "retries is none, the proxy has 2"),
        (retries(3), retries(0), "retries is 3, the proxy has none"),
        ({}, retries(5), "retries is 2, the proxy has 5"),
        (
            retries(3, perTryTimeout="2s"),
            retries(3),
            "per try timeout is 2 s, the proxy has none",
        ),
        (
            retries(3, retryOn="5xx"),
            retries(3, retryOn="reset"),
            "conditions of retries is 5xx, the proxy has reset",
        ),
    ],
)
def test_retries(now: Obj, before: Obj, difference: str) -> None:
    found = told({**V1, **now}, {**V1, **before})
    assert found == ((f"route 1: {difference}",) if difference else ())


def test_istios_own_retries_of_older_editions_are_the_same() -> None:
    older = served(asked(V1))
    policy = {**older.routes[0]["route"]["retry_policy"], "retriable_status_codes": [503]}
    older.routes[0]["route"]["retry_policy"] = policy  # type: ignore[index]
    assert compare_host(asked(V1), older).verdict().in_sync


def test_redirects() -> None:
    now: Obj = {"redirect": {"uri": "/", "redirectCode": 302}}
    assert told(now, now) == ()
    assert told(now, V1) == ("route 1: action is a redirect, the proxy has forwarding",)
    permanent = {"redirect": {"uri": "/"}}
    assert told(now, permanent) == ("route 1: redirect response code is FOUND, the proxy has none",)


def test_headers_rewrites_and_cors_are_compared() -> None:
    more: Obj = {
        "headers": {"request": {"set": {"x-a": "1"}}, "response": {"remove": ["x-b"]}},
        "rewrite": {"uri": "/new"},
        "corsPolicy": {"allowOrigins": [{"exact": "https://a.example"}]},
    }
    said = " ".join(told({**V1, **more}, V1))
    for words in ("set x-a: 1", "remove x-b", "/new", "https://a.example"):
        assert words in said
    weighted = rule(("v1", 50), ("v3", 50))
    weighted["route"][1]["headers"] = {"request": {"add": {"x-c": "2"}}}
    assert told(weighted, rule(("v1", 50), ("v3", 50))) == (
        "route 1: request headers for v3 is add x-c: 2, the proxy has none",
    )


class TestWhichRouteIsTheRules:
    first = rule(("v2", 1), name="testers", match=[JASON])
    rest = rule(("v1", 1))

    def place(self, index: int) -> tuple[tuple[str, str, str, int], ...]:
        return (("default", "reviews", "http", index),)

    def about(self, index: int, *before: Obj) -> Verdict:
        found = compare_host(asked(self.first, self.rest), served(asked(*before)))
        return found.verdict(self.place(index))

    def test_in_order(self) -> None:
        for index in (0, 1):
            assert self.about(index, self.first, self.rest).in_sync

    def test_a_rule_the_proxy_does_not_have_yet(self) -> None:
        assert self.about(0, self.rest).differences == (
            "route 1: the proxy has no route for testers.jason",
        )
        assert self.about(1, self.rest).in_sync

    def test_a_rule_that_is_no_more_takes_the_requests_of_those_behind_it(self) -> None:
        gone = rule(("v9", 1), name="gone", match=[{"uri": {"prefix": "/x"}}])
        assert self.about(0, self.first, gone, self.rest).in_sync
        (said,) = self.about(1, self.first, gone, self.rest).differences
        assert said == "the proxy has one more route gone, for path ^ /x"

    def test_other_conditions_are_old(self) -> None:
        other = rule(
            ("v2", 1), name="testers", match=[{**JASON, "headers": {"end-user": {"exact": "ann"}}}]
        )
        assert self.about(0, other, self.rest).differences == (
            "route 1: conditions is header end-user = jason, the proxy has header end-user = ann",
        )

    def test_another_order_is_old(self) -> None:
        second = rule(("v3", 1), name="second", match=[{"uri": {"prefix": "/reviews"}}])
        host = asked(self.first, second, self.rest)
        turned = served(asked(second, self.first, self.rest))
        verdict = compare_host(host, turned).verdict()
        assert verdict.state == OLD
        assert any("tries it before others" in text for text in verdict.differences)

    def test_what_stands_behind_a_route_that_takes_everything_is_not_served(self) -> None:
        host = asked(self.first, self.rest)
        found = served(host)
        turned = replace(found, routes=(found.routes[1], found.routes[0]))
        verdict = compare_host(host, turned).verdict(self.place(0))
        assert verdict.differences == (
            "route 1: testers.jason stands behind route 1, which takes everything",
        )

    def test_a_host_that_is_not_there_is_absent(self) -> None:
        found = compare_host(asked(self.rest), None).verdict()
        assert found.state == ABSENT

    def test_a_rule_for_others_is_not_here(self) -> None:
        elsewhere = rule(("v3", 1), match=[{"sourceNamespace": "other"}])
        found = compare_host(asked(elsewhere, self.rest), None)
        assert not found.holds(self.place(0)) and found.holds(self.place(1))


def test_conditions_on_claims_are_compared() -> None:
    claims = {"@request.auth.claims.group": {"exact": "dev"}}
    now = rule(("v1", 1), match=[{"headers": claims}])
    before = rule(("v1", 1), match=[{"headers": {"@request.auth.claims.group": {"exact": "qa"}}}])
    assert told(now, now) == () and told(now, before)


@pytest.mark.parametrize("value", [None, 3, "x", [], {}, [3], {"a": []}])
def test_foreign_routes_are_no_error(value: Any) -> None:
    host = asked(V1)
    for raw in ({"match": value, "route": value, "metadata": value, "name": value}, {"route": {
        "weighted_clusters": {"clusters": [{"name": value, "weight": value}]},
        "request_mirror_policies": value, "retry_policy": value, "hash_policy": value,
        "timeout": value,
    }, "typed_per_filter_config": {"envoy.filters.http.fault": value}}):  # fmt: skip
        verdict = compare_host(host, replace(served(host), routes=(raw,))).verdict()
        assert verdict.state == OLD


def test_hosts_without_routes_inline_tables_and_refusals_are_read() -> None:
    tls = {"name": "shop", "domains": ["shop"], "require_tls": "ALL"}
    dump = {
        "configs": [
            {
                "@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump",
                "static_route_configs": [
                    {"route_config": {"name": "inline", "virtual_hosts": [tls]}}
                ],
                "dynamic_route_configs": [
                    {
                        "route_config": {"name": "9080", "virtual_hosts": [{"name": "a"}]},
                        "error_state": {"details": "no such thing"},
                    }
                ],
            }
        ]
    }
    dynamic, static = parse_hosts(dump)
    assert (dynamic.name, dynamic.refused) == ("a", "no such thing")
    assert (static.table, static.name, static.requires_tls, static.routes) == (
        "inline",
        "shop",
        True,
        (),
    )


def test_an_endpoint_behind_an_internal_listener_is_told_by_its_own_address() -> None:
    internal = {"server_listener_name": "connect_originate", "endpoint_id": "10.1.2.3:9080"}
    host = {"address": {"envoy_internal_address": internal}}
    name = "inbound-vip|9080|http|reviews.default.svc.cluster.local"
    (found,) = parse_endpoints({"cluster_statuses": [{"name": name, "host_statuses": [host]}]})
    assert (found.address, found.port) == ("10.1.2.3", 9080)
