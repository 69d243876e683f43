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
from meshtui.mesh.trace import Caller, trace
from tests.unit.objects import Obj, meta, reviews, route, service, virtual_service
from tests.unit.strategies import virtual_services

HOST = "reviews.default.svc.cluster.local"
CALLER = Caller("default", {"app": "productpage"}, port=9080)
GATE = Caller(
    "istio-system", {"istio": "ingressgateway"}, gateway=True, gateways=frozenset({"default/gate"})
)


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
        "source label app is productpage, asks x",
        "source namespace is default, asks prod",
        "it is for requests through gate",
        "port is 9080, asks 80",
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
    elsewhere = replace(CALLER, namespace="prod")
    assert taken(ask(mesh, host="reviews.default", caller=elsewhere)) == "it"
    unknown = ask(mesh, host="reviews", caller=elsewhere)
    assert (unknown.host, unknown.taken) == ("", None)
    assert "outboundTrafficPolicy" in unknown.notes[0]


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
    elsewhere = replace(CALLER, namespace="prod")
    found = ask(mesh_of(hidden), host="reviews.default", caller=elsewhere)
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
    assert (told == ["the delegate asks something else of the path: istiod drops it"]) is dropped


def test_a_delegate_that_is_none() -> None:
    lost = mesh_of(virtual_service("reviews", {"delegate": {"name": "lost"}}, rule("rest")))
    assert why(ask(lost)) == ["delegate default/lost is not there"]
    own = delegating({}, rule("x"), hosts=["x"])
    assert why(ask(own)) == ["delegate default/leaf has hosts of its own and is no delegate"]
    chain = delegating({}, {"delegate": {"name": "more"}})
    assert why(ask(chain)) == ["a delegate can't delegate"]


def gate(*servers: Obj) -> Obj:
    return {"metadata": meta("gate"), "spec": {"selector": {}, "servers": list(servers)}}


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
    stranger = replace(GATE, gateways=frozenset({"default/elsewhere"}))
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


def test_a_gateway_of_which_nothing_is_known_is_not_guessed_at() -> None:
    unknown = replace(GATE, gateways=frozenset())
    mesh = mesh_of(at_gate("a", ["*"], rule("it", {"gateways": ["gate"]}), rule("rest")))
    found = ask(mesh, "/", unknown, host="x")
    assert (taken(found), found.sure) == ("rest", False)


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
