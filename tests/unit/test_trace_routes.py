"""Which route takes a request, by a proxy's own table, and whether it is the one that is asked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from meshtui.envoy.agree import agreement
from meshtui.envoy.trace import Followed, trace
from meshtui.envoy.virtual_hosts import parse_tables
from meshtui.mesh.effects import effect_lines
from meshtui.mesh.request import Request
from meshtui.mesh.resolution import Client
from meshtui.mesh.trace import Caller
from meshtui.mesh.trace import trace as trace_objects
from tests.unit.objects import Obj, reviews, route
from tests.unit.test_envoy_dump import JSON

HOST = "reviews.default.svc.cluster.local"
OWNER = {
    "filter_metadata": {
        "istio": {
            "config": "/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews"
        }
    }
}


PREVIOUS_HOSTS = "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3"
RETRIES = {
    "retry_on": "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
    "num_retries": 2,
    "host_selection_retry_max_attempts": "5",
    "retry_host_predicate": [
        {
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {"@type": f"{PREVIOUS_HOSTS}.PreviousHostsPredicate"},
        }
    ],
}
"""What istiod writes where a rule says nothing of retries."""


def to(name: str, subset: str = "v1", **match: Any) -> Obj:
    cluster = {"cluster": f"outbound|9080|{subset}|{HOST}", "timeout": "0s"}
    return {"name": name, "match": {"prefix": "/", **match}, "route": cluster, "metadata": OWNER}


def vhost(*routes: Obj, domains: tuple[str, ...] = (HOST, "reviews"), **more: Any) -> Obj:
    return {"name": f"{domains[0]}:9080", "domains": list(domains), "routes": list(routes), **more}


def table(*vhosts: Obj, name: str = "9080", **more: Any) -> Obj:
    more.setdefault("ignore_port_in_host_matching", True)
    return {"route_config": {"name": name, "virtual_hosts": list(vhosts), **more}}


def ask(*tables: Obj, path: str = "/", host: str = "reviews:9080", **more: Any) -> Followed:
    gateway = more.pop("gateway", False)
    request = Request(path=path, authority=host, **more)
    found = parse_tables({"configs": list(tables)})
    return trace(found, request, port=0 if gateway else 9080, gateway=gateway)


def taken(followed: Followed) -> str:
    return followed.decision.taken.title if followed.decision.taken else ""


def test_the_first_route_of_the_virtual_host_that_fits() -> None:
    headers = [{"name": "end-user", "string_match": {"exact": "jason"}}]
    here = vhost(to("jason", headers=headers), to("", "v2"))
    found = ask(table(vhost(to("other"), domains=("ratings",)), here))
    assert (taken(found), found.decision.host) == ("route[1]", f"{HOST}:9080")
    assert found.decision.above[0].why == "header end-user is absent, asks = jason"
    assert effect_lines(found.decision.effects) == (
        ("to", "v2 100%"),
        ("timeout", "none"),
        ("retries", "none"),
    )


def test_the_virtual_host_is_never_left_again() -> None:
    narrow = vhost(to("a", headers=[{"name": "x", "present_match": True}]))
    found = ask(table(narrow, vhost(to("any"), domains=("*",))))
    assert (taken(found), found.route) == ("", None)
    assert found.decision.notes == ("no route takes it: the proxy answers 404 (NR)",)


def test_ports_are_cut_off_only_where_the_table_says_so() -> None:
    hosts = (vhost(to("named")), vhost(to("any"), domains=("*",)))
    assert taken(ask(table(*hosts))) == "named"
    assert taken(ask(table(*hosts, ignore_port_in_host_matching=False))) == "any"
    listed = vhost(to("named"), domains=("reviews", "reviews:9080"))
    assert taken(ask(table(listed, ignore_port_in_host_matching=False))) == "named"


def test_no_virtual_host_at_all() -> None:
    assert ask(table(vhost(to("a"))), host="x").decision.notes == (
        "the proxy has no virtual host for it: it answers 404 (NR)",
    )


def test_a_sidecars_tables_are_told_by_the_port() -> None:
    other = table(vhost(to("other")), name="80")
    own = table(vhost(to("own"), domains=("reviews",)), name=f"{HOST}:9080")
    allow_any = table(vhost(to("any"), domains=("*",)))
    assert taken(ask(other, allow_any, own)) == "own"
    assert taken(ask(other)) == ""


def test_a_gateways_tables_are_told_by_scheme_and_host() -> None:
    plain = table(vhost(to("plain"), domains=("*",)), name="http.8080")
    named = table(vhost(to("named"), domains=("shop.test",)), name="http.8081")
    secure = table(vhost(to("secure"), domains=("*",)), name="https.443.https.gate.default")
    tables = (plain, named, secure)
    assert taken(ask(*tables, host="shop.test", gateway=True)) == "named"
    assert taken(ask(*tables, host="x", gateway=True)) == "plain"
    assert taken(ask(*tables, host="shop.test", scheme="https", gateway=True)) == "secure"


def test_a_virtual_host_that_takes_only_tls() -> None:
    found = ask(table(vhost(to("a"), require_tls="ALL"), name="http.8080"), gateway=True)
    assert found.decision.effects.answer == "redirects with 301 to scheme https"


@pytest.mark.parametrize(
    ("match", "path", "holds"),
    [
        ({"prefix": "/A", "case_sensitive": False}, "/ab", True),
        ({"path": "/a"}, "/a?x", True),
        ({"path_separated_prefix": "/a"}, "/ab", False),
        ({"path_separated_prefix": "/a"}, "/a/b", True),
        ({"safe_regex": {"regex": "/a+"}}, "/aa?x", True),
        ({"connect_matcher": {}}, "/", None),
        ({"prefix": "/", "runtime_fraction": {"default_value": {"numerator": 5}}}, "/", None),
        ({"prefix": "/", "grpc": {}}, "/", None),
        ({"prefix": "/", "dynamic_metadata": [{}]}, "/", None),
        ({"prefix": "/", "query_parameters": [{"name": "q"}]}, "/?q", True),
        (
            {"prefix": "/", "query_parameters": [{"name": "q", "present_match": False}]},
            "/?q",
            False,
        ),
        (
            {"prefix": "/", "headers": [{"name": "X", "range_match": {"start": "1", "end": "5"}}]},
            "/",
            False,
        ),
        (
            {
                "prefix": "/",
                "headers": [
                    {"name": "x", "string_match": {"exact": "a"}, "invert_match": True}
                    | {"treat_missing_header_as_empty": True}
                ],
            },
            "/",
            True,
        ),
    ],
)
def test_matches(match: Obj, path: str, holds: bool | None) -> None:
    first = to("it") | {"match": match}
    found = ask(table(vhost(first, to("rest"))), path=path)
    assert taken(found) == ("it" if holds else "rest")
    assert found.decision.sure is (holds is not None)


def test_an_extension_that_compares_is_not_decided() -> None:
    headers = [{"name": "x", "string_match": {"custom": {}}}]
    first = vhost(to("it", headers=headers), to("rest"))
    assert ask(table(first), headers=(("x", "a"),)).decision.sure is False
    assert ask(table(first)).decision.sure is True


def test_letters_in_either_case_where_the_proxy_says_so() -> None:
    headers = [{"name": "x", "string_match": {"suffix": "SON", "ignore_case": True}}]
    found = ask(table(vhost(to("it", headers=headers))), headers=(("x", "jason"),))
    assert taken(found) == "it"


def test_what_a_route_does() -> None:
    weighted = to("a") | {
        "route": {
            "weighted_clusters": {
                "clusters": [
                    {"name": f"outbound|9080|v1|{HOST}", "weight": 1},
                    {
                        "name": f"outbound|9080|v2|{HOST}",
                        "weight": 3,
                        "response_headers_to_remove": ["x"],
                    },
                ]
            },
            "prefix_rewrite": "/new",
            "host_rewrite_header": "x-host",
            "timeout": "1s",
        },
        "request_headers_to_add": [
            {"header": {"key": "A", "value": "b"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"},
            {"header": {"key": "c", "value": "d"}},
            {"header": {"key": "e", "value": "f"}, "append": False},
        ],
    }
    assert effect_lines(ask(table(vhost(weighted))).decision.effects) == (
        ("to", "v1 25%, v2 75%"),
        ("rewrite", "prefix → /new"),
        ("rewrite", "host → as header x-host says"),
        ("headers", "request set a: b"),
        ("headers", "request add c: d"),
        ("headers", "request set e: f"),
        ("headers", "response remove x for v2"),
        ("timeout", "1s"),
        ("retries", "none"),
    )


@pytest.mark.parametrize(
    ("action", "text"),
    [
        ({"direct_response": {"status": 418}}, "answers 418"),
        ({"redirect": {"https_redirect": True}}, "redirects with 301 to scheme https"),
        (
            {"redirect": {"path_redirect": "/x", "port_redirect": 81, "response_code": "FOUND"}},
            "redirects with 302 to port 81 path /x",
        ),
    ],
)
def test_what_a_proxy_answers_by_itself(action: Obj, text: str) -> None:
    answering = {"match": {"prefix": "/"}, "metadata": OWNER, **action}
    assert effect_lines(ask(table(vhost(answering))).decision.effects) == (("answer", text),)


def both(rules: list[Obj], *tables: Obj, **more: Any) -> tuple[bool | None, tuple[str, ...]]:
    intent = trace_objects(
        reviews(*rules),
        Request(authority="reviews:9080", **more),
        Caller(Client("default"), 9080),
    )
    return agreement(intent, ask(*tables, **more))


V1: Obj = {"name": "a", "route": [route("v1")]}


def retrying(made: Obj) -> Obj:
    return made | {"route": made["route"] | {"retry_policy": RETRIES}}


def test_objects_and_proxy_agree() -> None:
    assert both([V1], table(vhost(retrying(to("a"))))) == (True, ())


def test_they_differ_in_what_is_done() -> None:
    asked = V1 | {
        "timeout": "2s",
        "rewrite": {"uri": "/x"},
        "headers": {"request": {"set": {"y": "z"}}},
    }
    agrees, told = both([asked], table(vhost(retrying(to("a", "v2")))))
    assert agrees is False
    assert told == (
        "request headers is set y: z, the proxy has none",
        "weight of v1 is 100, the proxy has 0",
        "timeout is 2 s, the proxy has none",
        "prefix rewrite is /x, the proxy has none",
        "weight of v2 is 0, the proxy has 100",
    )


def test_they_differ_in_the_rule() -> None:
    renamed = both([V1], table(vhost(retrying(to("b")))))
    assert renamed == (False, ("name is a, the proxy has b",))
    none = vhost(to("a", headers=[{"name": "x"}]))
    assert both([V1], table(none)) == (
        False,
        ("the proxy has no route for it, asked default/reviews a",),
    )
    narrow = V1 | {"match": [{"uri": {"exact": "/x"}}]}
    assert both([narrow], table(vhost(to("a")))) == (
        False,
        ("no rule takes it, the proxy does: default/reviews a",),
    )


def test_another_owner_and_another_answer() -> None:
    stranger = to("a") | {"metadata": {}}
    agrees, told = both([V1], table(vhost(stranger)))
    assert (agrees, told) == (False, ("the proxy takes it by a, asked default/reviews a",))
    answer = {"name": "a", "directResponse": {"status": 418}}
    direct = {"name": "a", "match": {"prefix": "/"}, "direct_response": {"status": 419}}
    agrees, told = both([answer], table(vhost(direct | {"metadata": OWNER})))
    assert (agrees, told) == (False, ("response status is 418, the proxy has 419",))


def test_neither_takes_it() -> None:
    narrow = V1 | {"match": [{"uri": {"exact": "/x"}}]}
    assert both([narrow], table(vhost(to("a") | {"match": {"path": "/x"}}))) == (True, ())


def test_what_is_not_sure_is_neither_yes_nor_no() -> None:
    unsure = V1 | {"match": [{"headers": {"x-request-id": {"exact": "1"}}}]}
    assert both([unsure, V1], table(vhost(to("a"))))[0] is None


@given(JSON)
def test_any_dump_is_survived(value: Any) -> None:
    made = {"name": "a", "match": value, "route": value, "redirect": value}
    effect_lines(ask(table(vhost(made), vhost(made, domains=("*",)))).decision.effects)
    both([V1], {"route_config": value}, table(vhost(to("a") | {"match": value})))
