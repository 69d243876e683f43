"""Which rule takes a request, by the objects."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.mesh.decision import Decision
from meshtui.mesh.effects import Odds, effect_lines
from meshtui.mesh.model import Mesh
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.request import Request
from meshtui.mesh.resolution import Client
from meshtui.mesh.settings import MeshSettings
from meshtui.mesh.trace import Caller, trace
from tests.unit.objects import Obj, meta, reviews, route, service, virtual_service
from tests.unit.strategies import virtual_services

HOST = "reviews.default.svc.cluster.local"
CALLER = Caller(Client("default", {"app": "productpage"}), 9080)
FAR = Caller(Client("prod"), 9080)
GATE = Caller(Client("istio-system", {"istio": "ingressgateway"}, gateway=True))


def ask(mesh: Mesh, path: str = "/", caller: Caller = CALLER, **more: Any) -> Decision:
    request = Request(path=path, authority=more.pop("host", "reviews:9080"), **more)
    return trace(mesh, request, caller)


def rule(name: str, *matches: Obj, **more: Any) -> Obj:
    return {
        "name": name,
        "route": [route("v1")],
        **({"match": list(matches)} if matches else {}),
    } | more


def taken(decision: Decision) -> str:
    return decision.taken.title if decision.taken else ""


def why(decision: Decision) -> list[str]:
    return [tried.why for tried in decision.above]


def mesh_of(*services: Obj, gateways: tuple[Obj, ...] = ()) -> Mesh:
    return parse_mesh(
        {
            "services": [service("reviews"), service("ratings")],
            "virtualservices": services,
            "gateways": gateways,
        }
    )


def test_the_first_rule_that_fits_takes_it_and_the_others_say_why_not() -> None:
    mesh = reviews(
        rule("jason", {"headers": {"end-user": {"exact": "jason"}}}),
        rule("beta", {"uri": {"prefix": "/beta"}, "method": {"exact": "PUT"}}),
        rule("rest"),
    )
    found = ask(mesh)
    assert (found.host, taken(found)) == (HOST, "rest")
    assert why(found) == [
        "header end-user is absent, asks = jason",
        "path is /, asks ^ /beta",
    ]
    assert why(ask(mesh, "/beta"))[1] == "method is GET, asks = PUT"
    assert taken(ask(mesh, "/beta", method="PUT")) == "beta"
    assert taken(ask(mesh, headers=(("END-USER", "jason"),))) == "jason"


def test_entries_are_ored_and_each_is_told() -> None:
    mesh = reviews(rule("two", {"uri": {"exact": "/a"}}, {"name": "b", "uri": {"exact": "/b"}}))
    assert taken(ask(mesh, "/b")) == "two match b"
    found = ask(mesh, "/c")
    assert found.taken is None
    assert why(found) == ["path is /c, asks = /a", "path is /c, asks = /b"]
    assert found.notes == ("no rule takes it: the proxy answers 404 (NR)",)


def test_the_query_is_no_part_of_the_path() -> None:
    mesh = reviews(rule("q", {"uri": {"exact": "/a"}, "queryParams": {"x": {"exact": "1"}}}))
    assert taken(ask(mesh, "/a?x=1")) == "q"
    assert why(ask(mesh, "/a?x=2")) == ["query parameter x is 2, asks = 1"]


@pytest.mark.parametrize(
    ("match", "headers", "holds"),
    [
        ({"withoutHeaders": {"x": {"exact": "a"}}}, (), True),
        ({"withoutHeaders": {"x": {"exact": "a"}}}, (("x", "a"),), False),
        ({"withoutHeaders": {"x": {}}}, (), True),
        ({"withoutHeaders": {"x": {}}}, (("x", ""),), False),
        ({"headers": {"x": {"regex": "*"}}}, (("x", "b"),), True),
        ({"headers": {"x": {"exact": ""}}}, (("x", ""),), True),
        ({"headers": {"x": {"exact": ""}}}, (), False),
        ({"headers": {"@request.auth.claims.sub": {"exact": "a"}}}, (), None),
        ({"headers": {"x": {"regex": "(?=a)"}}}, (("x", "a"),), None),
        ({"uri": {}}, (), True),
        ({"scheme": {"exact": "https"}}, (), False),
        ({"authority": {"exact": "reviews:9080"}}, (), True),
        ({"port": 80}, (), False),
        ({"sourceNamespace": "prod"}, (), False),
        ({"sourceLabels": {"app": "productpage"}}, (), True),
        ({"gateways": ["gate"]}, (), False),
        ({"gateways": ["mesh"], "sourceNamespace": "prod"}, (), True),
    ],
)
def test_conditions(match: Obj, headers: tuple[tuple[str, str], ...], holds: bool | None) -> None:
    found = ask(reviews(rule("it", match), rule("rest")), headers=headers)
    assert (taken(found) == "it") is bool(holds)
    if not holds:
        assert found.above[0].holds is holds
        assert found.above[0].why
    assert found.sure is (holds is not None)


def test_what_is_not_meant_for_the_caller_says_so() -> None:
    mesh = reviews(
        rule("a", {"sourceLabels": {"app": "x"}}),
        rule("b", {"sourceNamespace": "prod"}),
        rule("c", {"gateways": ["gate"]}),
        rule("d", {"port": 80}),
        rule("rest"),
    )
    assert why(ask(mesh)) == [
        "it is for callers with app=x",
        "it is for callers in prod",
        "it is for default/gate",
        "it is for port 80",
    ]


def test_a_virtual_service_without_a_rule_for_the_caller_is_as_good_as_none() -> None:
    mesh = reviews(rule("a", {"sourceNamespace": "prod"}))
    found = ask(mesh)
    assert found.taken is not None
    assert (found.taken.owner, found.rule) == (None, None)
    assert found.effects.destinations == (Odds(HOST, port=9080),)


def test_names_of_a_service() -> None:
    mesh = reviews(rule("it"))
    near = ("reviews", "REVIEWS:9080", "reviews.default", "reviews.default.svc", HOST)
    assert {taken(ask(mesh, host=host)) for host in near} == {"it"}
    assert taken(ask(mesh, host="reviews.default", caller=FAR)) == "it"


def test_a_host_that_the_caller_does_not_know_is_up_to_the_outbound_policy() -> None:
    mesh = reviews(rule("it"))
    unknown = ask(mesh, host="reviews", caller=FAR)
    assert (unknown.host, taken(unknown)) == ("allow_any", "allow_any")
    assert effect_lines(unknown.effects)[0] == ("to", "PassthroughCluster 100%")
    assert "outboundTrafficPolicy ALLOW_ANY decides" in unknown.notes[0]
    strict = replace(mesh, settings=MeshSettings(outbound="REGISTRY_ONLY"))
    refused = ask(strict, host="reviews", caller=FAR)
    assert (refused.host, refused.effects.answer) == ("block_all", "answers 502")
    elsewhere = ask(strict, host="reviews", caller=replace(FAR, port=9999))
    assert effect_lines(elsewhere.effects) == (("to", "BlackHoleCluster 100%"),)
    guessed = replace(mesh, settings=MeshSettings(known=False))
    assert ask(guessed, host="reviews", caller=FAR).sure is False
    assert ask(guessed).sure


def test_of_two_virtual_services_the_narrower_then_the_older_rules() -> None:
    def made(name: str, host: str, created: str) -> Obj:
        found = virtual_service(name, rule(name), hosts=[host])
        return found | {"metadata": meta(name, creationTimestamp=created)}

    wide = made("wide", "*.default.svc.cluster.local", "2020-01-01T00:00:00Z")
    old = made("z-old", "reviews", "2021-01-01T00:00:00Z")
    new = made("a-new", "reviews", "2022-01-01T00:00:00Z")
    mesh = mesh_of(wide, new, old)
    assert taken(ask(mesh)) == "z-old"
    assert taken(ask(mesh, host="ratings:9080")) == "wide"


def test_export_to_hides_a_virtual_service() -> None:
    hidden = virtual_service("reviews", rule("it"), exportTo=["."])
    assert taken(ask(mesh_of(hidden))) == "it"
    found = ask(mesh_of(hidden), host="reviews.default", caller=FAR)
    assert found.rule is None


def test_nothing_behind_a_catch_all_is_told() -> None:
    mesh = reviews(rule("rest"), rule("never", {"uri": {"exact": "/x"}}))
    found = ask(mesh, "/x")
    assert (taken(found), found.above) == ("rest", ())


def test_all_that_is_done_with_a_request() -> None:
    mesh = reviews(
        {
            "name": "it",
            "route": [route("v1", 1), route("v2", 3), route("v3", 0)],
            "rewrite": {"uri": "/new", "authority": "beta"},
            "headers": {"request": {"set": {"X-A": "b"}, "remove": ["y"]}},
            "mirrors": [{"destination": {"host": "ratings"}, "percentage": {"value": 5}}],
            "fault": {"abort": {"httpStatus": 503, "percentage": {"value": 10}}},
            "timeout": "2s",
            "retries": {"attempts": 3, "perTryTimeout": "500ms"},
        }
    )
    assert effect_lines(ask(mesh).effects) == (
        ("to", "v1 25%, v2 75%"),
        ("rewrite", "prefix → /new"),
        ("rewrite", "host → beta"),
        ("headers", "request set x-a: b"),
        ("headers", "request remove y"),
        ("mirror", "ratings 5%"),
        ("fault", "abort 503 10%; retries and timeout do not count for what is injected"),
        ("timeout", "2s"),
        ("retries", "3× 0.5s each"),
    )


@pytest.mark.parametrize(
    "name", ["x-envoy-upstream-rq-timeout-ms", "X-Envoy-Upstream-RQ-Timeout-Ms"]
)
def test_a_timeout_that_a_caller_asks_for_is_ignored(name: str) -> None:
    """As a real mesh did, at a sidecar and at a gateway, with a rule's timeout and without."""
    found = ask(reviews({"route": [route("v1")], "timeout": "5s"}), headers=((name, "200"),))
    assert ("timeout", "5s") in effect_lines(found.effects)
    assert "Istio's proxies ignore a caller's x-envoy-upstream-rq-timeout-ms" in found.notes
    assert not ask(reviews({"route": [route("v1")]}), headers=(("x-a", "200"),)).notes


def test_answers_without_a_destination() -> None:
    redirect = {"redirect": {"uri": "/new", "authority": "x.test", "redirectCode": 302}}
    assert effect_lines(ask(reviews(redirect)).effects) == (
        ("answer", "redirects with 302 to host x.test path /new"),
    )
    assert effect_lines(ask(reviews({"directResponse": {"status": 418}})).effects) == (
        ("answer", "answers 418"),
    )


def delegating(root: Obj, *leaves: Obj, **spec: Any) -> Mesh:
    target = virtual_service("leaf", *leaves, **{"hosts": [], **spec})
    outer = {**root, "delegate": {"name": "leaf"}}
    return mesh_of(virtual_service("reviews", outer, rule("rest")), target)


def test_a_delegate_stands_where_it_is_called_with_both_conditions() -> None:
    root = {"name": "root", "match": [{"uri": {"prefix": "/api"}}], "timeout": "3s"}
    mesh = delegating(root, rule("put", {"method": {"exact": "PUT"}}), rule("any"))
    found = ask(mesh, "/api", method="PUT")
    assert taken(found) == "root → leaf put"
    assert found.taken is not None
    assert found.taken.owner == ("default", "reviews")
    assert found.effects.timeout_s == 3.0
    assert taken(ask(mesh, "/api")) == "root → leaf any"
    found = ask(mesh, "/")
    assert taken(found) == "rest"
    assert why(found) == ["path is /, asks ^ /api"] * 2


@pytest.mark.parametrize(
    ("outer", "inner", "dropped"),
    [
        ({"prefix": "/api"}, {"prefix": "/api/v1"}, False),
        ({"prefix": "/api"}, {"exact": "/api"}, False),
        ({"prefix": "/api"}, {"exact": "/other"}, True),
        ({"prefix": "/api"}, {"regex": "/api.*"}, True),
        ({"exact": "/api"}, {"prefix": "/api"}, True),
    ],
)
def test_conditions_that_do_not_go_together_are_dropped(
    outer: Obj, inner: Obj, dropped: bool
) -> None:
    mesh = delegating({"match": [{"uri": outer}]}, rule("leaf", {"uri": inner}))
    told = [tried.why for tried in ask(mesh, "/zzz").above]
    assert (told == ["its delegate asks for something else: another uri"]) is dropped


def test_a_delegate_that_is_none() -> None:
    lost = mesh_of(virtual_service("reviews", {"delegate": {"name": "lost"}}, rule("rest")))
    assert why(ask(lost)) == ["its delegate default/lost is not there"]
    own = delegating({}, rule("x"), hosts=["x"])
    assert why(ask(own)) == ["its delegate default/leaf is not there"]


def test_a_match_that_narrows_none_drops_the_whole_rule_of_the_delegate() -> None:
    """Of the delegate's two matches one would fit: `dele-one-of-two` on a real istiod."""
    fits, other = {"uri": {"prefix": "/api/a"}}, {"uri": {"prefix": "/other"}}
    mesh = delegating({"match": [{"uri": {"prefix": "/api"}}]}, rule("leaf", fits, other))
    assert taken(ask(mesh, "/api/a")) == "rest"


def gate(*servers: Obj) -> Obj:
    selector = {"istio": "ingressgateway"}
    return {"metadata": meta("gate"), "spec": {"selector": selector, "servers": list(servers)}}


def door(*hosts: str, **more: Any) -> Obj:
    port = {"number": 80, "name": "http", "protocol": "HTTP"}
    return {"port": port, "hosts": list(hosts), **more}


def at_gate(name: str, hosts: list[str], *rules: Obj) -> Obj:
    return virtual_service(name, *rules, hosts=hosts, gateways=["gate"])


def test_a_gateway_joins_virtual_services_and_puts_catch_alls_last() -> None:
    mesh = mesh_of(
        at_gate("a", ["shop.test"], rule("rest")),
        at_gate("b", ["shop.test"], rule("cart", {"uri": {"prefix": "/cart"}})),
        at_gate("c", ["*.test"], rule("wide")),
        gateways=(gate(door("*")),),
    )
    assert taken(ask(mesh, "/cart", GATE, host="shop.test")) == "cart"
    assert taken(ask(mesh, "/", GATE, host="shop.test:80")) == "rest"
    assert taken(ask(mesh, "/", GATE, host="x.test")) == "wide"
    assert ask(mesh, "/", GATE, host="nowhere").notes == (
        "no VirtualService has this host at the gateway: 404 (NR)",
    )


def test_a_gateway_lets_in_what_its_servers_say() -> None:
    mesh = mesh_of(
        at_gate("a", ["*.test", "other.org"], rule("it", {"port": 80})),
        gateways=(gate(door("shop.test", "prod/other.org")),),
    )
    assert taken(ask(mesh, "/", GATE, host="shop.test")) == "it"
    for host in ("x.test", "other.org"):
        assert ask(mesh, "/", GATE, host=host).taken is None
    stranger = Caller(Client("istio-system", {"istio": "egressgateway"}, gateway=True))
    assert ask(mesh, "/", stranger, host="shop.test").taken is None


@pytest.mark.parametrize(
    "name", ["gate", "./gate", "default/gate", "gate.default.svc.cluster.local"]
)
def test_a_gateway_goes_by_each_of_its_names(name: str) -> None:
    only = rule("it", {"gateways": [name]})
    here = virtual_service("a", only, hosts=["shop.test"], gateways=[name])
    mesh = mesh_of(here, gateways=(gate(door("*.test")),))
    assert taken(ask(mesh, "/", GATE, host="shop.test")) == "it"


def test_a_door_that_only_redirects() -> None:
    redirecting = door("*", tls={"httpsRedirect": True})
    secure = {
        "port": {"number": 443, "protocol": "HTTPS"},
        "hosts": ["*"],
        "tls": {"mode": "SIMPLE"},
    }
    mesh = mesh_of(
        at_gate("a", ["*"], rule("it", {"port": 443})), gateways=(gate(redirecting, secure),)
    )
    assert ask(mesh, "/", GATE, host="x").effects.answer == "redirects with 301 to scheme https"
    assert taken(ask(mesh, "/", GATE, host="x", scheme="https")) == "it"


def test_gateways_that_were_not_read_are_not_guessed_at() -> None:
    mesh = mesh_of(at_gate("a", ["*"], rule("it", {"gateways": ["gate"]}), rule("rest")))
    found = ask(replace(mesh, partial={"gateways": frozenset()}), "/", GATE, host="x")
    assert (taken(found), found.sure) == ("", False)
    assert "a Gateway of a namespace that can't be read may count" in found.notes


def test_a_gateway_that_redirects_needs_no_virtual_service() -> None:
    mesh = mesh_of(gateways=(gate(door("shop.test", tls={"httpsRedirect": True})),))
    found = ask(mesh, "/", GATE, host="shop.test")
    assert found.effects.answer == "redirects with 301 to scheme https"
    assert ask(mesh, "/", GATE, host="other.test").notes == (
        "no VirtualService has this host at the gateway: 404 (NR)",
    )


def test_a_port_of_the_gateway_that_nothing_listens_on() -> None:
    mesh = mesh_of(at_gate("a", ["*"], rule("it")), gateways=(gate(door("*")),))
    assert ask(mesh, "/", GATE, host="x", scheme="https").notes == (
        "the gateway has no server for https",
    )
    found = ask(mesh, "/", replace(GATE, port=8080), host="x")
    assert found.notes == ("the gateway has no server for http on port 8080",)


def test_of_two_servers_with_tls_the_more_exact_name_takes_the_request() -> None:
    def secure(name: str, host: str) -> Obj:
        port = {"number": 443, "name": name, "protocol": "HTTPS"}
        return {"port": port, "hosts": [host], "tls": {"mode": "SIMPLE"}}

    servers = gate(secure("wide", "*.test"), secure("narrow", "a.test"))
    mesh = mesh_of(at_gate("a", ["*.test"], rule("it")), gateways=(servers,))
    assert ask(mesh, "/", GATE, host="a.test", scheme="https").table.startswith("https.443.narrow")
    assert ask(mesh, "/", GATE, host="b.test", scheme="https").table.startswith("https.443.wide")
    assert ask(mesh, "/", GATE, host="other", scheme="https").notes == (
        "no server of the gateway has this name: it ends the TLS handshake",
    )


def speaking(protocol: str, *rules: Obj, **spec: Any) -> Mesh:
    called = service("db")
    called["spec"]["ports"] = [{"name": protocol, "port": 9080}]
    owner = virtual_service("db", *rules, **spec)
    return parse_mesh({"services": [called], "virtualservices": [owner]})


def test_http_rules_do_nothing_on_a_tcp_port() -> None:
    answer = {"directResponse": {"status": 418}}
    found = ask(speaking("tcp-db", answer), host="db:9080")
    assert taken(found) == "no VirtualService: Istio's default"
    assert effect_lines(found.effects) == (("to", "db 100%"),)
    assert found.notes[0].startswith("port 9080 is TCP: connections are passed on as they are")


def test_a_tcp_rule_takes_what_is_no_http_and_nothing_of_http() -> None:
    tcp = {"tcp": [{"route": [route("v1", 1, "db"), route("v2", 3, "db")]}]}
    found = ask(speaking("tcp-db", **tcp), host="db:9080")
    assert (taken(found), found.table, found.port) == ("tcp[0]", "", 9080)
    assert effect_lines(found.effects) == (("to", "v1 25%, v2 75%"),)
    assert any("v1 has no cluster in the proxy (NC)" in note for note in found.notes)
    assert taken(ask(speaking("http-db", **tcp), host="db:9080")) != "tcp[0]"


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ((90, 10), "out.test is called at the address that the caller chose"),
        ((0, 1), "out.test is called at the address that the caller chose: weights do nothing"),
    ],
)
def test_weights_do_something_where_not_all_is_called_by_address(
    weights: tuple[int, int], said: str
) -> None:
    """A tenth of the requests goes to the address that was asked, as seen on a real mesh."""
    known, out = (
        {"destination": {"host": host}, "weight": weight}
        for host, weight in zip(("db", "out.test"), weights, strict=True)
    )
    ports = [{"number": 9080, "name": "http", "protocol": "HTTP"}]
    entry = {
        "metadata": {"name": "out", "namespace": "default"},
        "spec": {"hosts": ["out.test"], "ports": ports, "resolution": "NONE"},
    }
    called = service("db")
    called["spec"]["ports"] = [{"name": "http", "port": 9080}]
    rules = virtual_service("db", {"route": [known, out]})
    objects = {"services": [called], "virtualservices": [rules], "serviceentries": [entry]}
    found = ask(parse_mesh(objects), host="db:9080")
    assert said in found.notes


def test_a_tls_port_is_decided_by_the_name_of_the_handshake() -> None:
    tls = {"tls": [{"match": [{"sniHosts": ["db.test"]}], "route": [route("v1", 1, "db")]}]}
    mesh = speaking("tls-db", **tls, hosts=["db", "db.test"])
    called = replace(CALLER, host="db.default.svc.cluster.local")
    named = ask(mesh, host="db.test:9080", scheme="https", caller=called)
    assert taken(named) == "tls[0]"
    plain = ask(mesh, host="db.test:9080", caller=called)
    assert taken(plain) == "every other server name"
    assert [to.cluster for to in plain.effects.destinations] == ["PassthroughCluster"]
    assert why(plain) == ["the TLS name is absent, asks db.test"]


def test_a_port_that_says_no_protocol_is_asked_for_one_service_only() -> None:
    found = ask(
        speaking("any", rule("it")),
        host="whatever:9080",
        caller=replace(CALLER, host="db.default.svc.cluster.local"),
    )
    assert taken(found) == "it"
    assert found.table == "db.default.svc.cluster.local:9080"


def test_a_path_that_may_be_normalised_is_noted() -> None:
    assert "pathNormalization" in ask(reviews(rule("it")), "/a/../b").notes[0]
    assert ask(reviews(rule("it")), "/a.b/c?x=%20").notes == ()


@given(virtual_services(), st.sampled_from(["/a", "/api?x=1", "", "?"]), st.booleans())
def test_any_virtual_service_is_traced(made: Obj, path: str, outside: bool) -> None:
    mesh = mesh_of(made)
    found = ask(mesh, path, GATE if outside else CALLER)
    assert found.taken is None or found.taken.holds
    effect_lines(found.effects)


KEYS = (
    *("exact", "regex", "uri", "headers", "match", "route", "destination", "host", "delegate"),
    *("redirect", "directResponse", "name", "rewrite", "request", "set", "weight", "port"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(JSON, JSON)
def test_nonsense_is_survived(one: Any, other: Any) -> None:
    made = {
        "metadata": meta("reviews"),
        "spec": {"hosts": ["reviews"], "http": [one, {"match": other}]},
    }
    for caller in (CALLER, GATE):
        effect_lines(ask(mesh_of(made), caller=caller).effects)
