"""Single conditions, as Envoy compares them, and what is said where they fail."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.mesh.conditions import ConditionResult, all_of, on_header, on_path, on_query
from meshtui.mesh.model import StringMatch
from meshtui.mesh.request import Request, best_domain, port_of, without_port

JASON = StringMatch("exact", "jason")
SET = StringMatch("present")


def asked(path: str = "/", *headers: tuple[str, str], **more: str) -> Request:
    return Request(path=path, authority="reviews:9080", headers=headers, **more)


@pytest.mark.parametrize(
    ("match", "value", "why"),
    [
        (JASON, None, "header end-user is absent, asks = jason"),
        (JASON, "bob", "header end-user is bob, asks = jason"),
        (JASON, "", "header end-user is empty, asks = jason"),
        (JASON, "Jason", "header end-user is Jason, asks = jason"),
        (SET, None, "header end-user is absent, asks is set"),
        (StringMatch("prefix", "j"), "x", "header end-user is x, asks ^ j"),
        (StringMatch("suffix", "n"), "x", "header end-user is x, asks suffix n"),
        (StringMatch("contains", "n"), "x", "header end-user is x, asks contains n"),
        (StringMatch("range", "3..7"), "7", "header end-user is 7, asks range 3..7"),
        (StringMatch("range", "3..7"), "x", "header end-user is x, asks range 3..7"),
        (StringMatch("regex", "j.*"), "x", "header end-user is x, asks ~ j.*"),
    ],
)
def test_why_a_header_does_not_fit(match: StringMatch, value: str | None, why: str) -> None:
    headers = () if value is None else (("End-User", value),)
    assert on_header("end-user", match, asked("/", *headers)) == ConditionResult(False, why)


@pytest.mark.parametrize(
    ("match", "value"),
    [
        (JASON, "jason"),
        (SET, ""),
        (StringMatch("exact"), ""),
        (StringMatch("any-case exact", "Jason"), "jASON"),
        (StringMatch("any-case suffix", "ON"), "jason"),
        (StringMatch("range", "3..7"), "3"),
        (StringMatch("range", "-3..7"), "+6"),
    ],
)
def test_headers_that_fit(match: StringMatch, value: str) -> None:
    assert on_header("end-user", match, asked("/", ("END-USER", value))).holds


EACH = StringMatch("exact", "b")
JOINED = StringMatch("regex", "a,b")


@pytest.mark.parametrize(
    ("match", "invert", "each", "joined"),
    [
        (EACH, False, True, False),
        (EACH, True, False, True),
        (JOINED, False, False, True),
        (JOINED, True, True, False),
        (StringMatch("prefix", "b"), False, True, False),
        (StringMatch("prefix", "a"), False, True, True),
        (StringMatch("contains", ","), False, False, True),
        (StringMatch("range", "1..5"), False, False, False),
        (SET, False, True, True),
        (StringMatch("exact"), False, False, False),
    ],
)
def test_a_header_that_comes_twice(
    match: StringMatch, invert: bool, each: bool, joined: bool
) -> None:
    """Value by value since Envoy 1.39 (asked of a 1.40), joined before; unsure in between."""
    request = asked("/", ("x", "a"), ("X", " b "))

    def holds(separately: bool | None) -> bool | None:
        return on_header("x", match, request, invert=invert, separately=separately).holds

    assert holds(True) is each
    assert holds(False) is joined
    assert holds(None) is (each if each is joined else None)


@pytest.mark.parametrize("name", ["user-agent", "Authorization", "origin", "x-forwarded-proto"])
@pytest.mark.parametrize("separately", [True, False, None])
def test_a_header_with_a_place_of_its_own_is_one_value(name: str, separately: bool | None) -> None:
    """Asked of an Envoy 1.40, which compares x-user's lines one by one."""
    request = asked("/", (name, "a"), (name, "b"))

    def holds(value: str) -> bool | None:
        return on_header(name, StringMatch("exact", value), request, separately=separately).holds

    assert (holds("a"), holds("a,b"), holds("a, b")) == (False, True, False)


@pytest.mark.parametrize(
    ("header", "present", "absent", "trailers"),
    [
        (("keep-alive", "timeout=5"), False, True, False),
        (("Proxy-Connection", "keep-alive"), False, True, False),
        (("connection", "close"), False, True, False),
        (("te", "gzip"), False, True, False),
        (("te", "trailers, gzip"), True, False, True),
        (("x-envoy-retry-on", "5xx"), None, None, None),
        (("x-envoy-attempt-count", "1"), True, False, False),
    ],
)
def test_what_ends_at_a_hop_is_off_before_a_route_is_looked_for(
    header: tuple[str, str], present: bool, absent: bool, trailers: bool
) -> None:
    """Each line was asked of an Envoy 1.40, but what only some of its listeners take off."""
    request = asked("/", header)
    exact = StringMatch("exact", "trailers")
    assert on_header(header[0], SET, request).holds is present
    assert on_header(header[0], SET, request, invert=True).holds is absent
    assert on_header(header[0], exact, request).holds is trailers


def test_the_connection_of_an_upgrade_is_not_decided() -> None:
    request = asked("/", ("connection", "upgrade"), ("upgrade", "websocket"))
    assert on_header("connection", SET, request).holds is None


@pytest.mark.parametrize(
    ("match", "missing_is_empty", "value", "holds"),
    [
        (JASON, True, None, True),
        (JASON, True, "jason", False),
        (JASON, True, "bob", True),
        (JASON, False, None, False),
        (JASON, False, "bob", True),
        (StringMatch("regex", ".*"), True, None, False),
        (SET, False, None, True),
        (SET, False, "x", False),
        (SET, True, None, False),
    ],
)
def test_turned_round(
    match: StringMatch, missing_is_empty: bool, value: str | None, holds: bool
) -> None:
    """Each line was asked of an Envoy 1.40."""
    request = asked("/", *(() if value is None else (("x", value),)))
    found = on_header("x", match, request, invert=True, missing_is_empty=missing_is_empty)
    assert found.holds is holds


def test_what_the_proxy_sets_itself_is_not_decided() -> None:
    assert on_header("x-request-id", SET, asked()).holds is None
    assert on_header("X-Forwarded-For", StringMatch("exact", "1.2.3.4"), asked()).holds is None
    assert on_header("x-request-id", JASON, asked("/", ("x-request-id", "jason"))).holds
    assert on_header("x-forwarded-proto", StringMatch("exact", "http"), asked()).holds


def test_the_request_line_counts_as_headers() -> None:
    request = asked("/a?b=c", method="PUT")
    for name, value in ((":method", "PUT"), (":path", "/a?b=c"), (":scheme", "http")):
        assert on_header(name, StringMatch("exact", value), request).holds
    for name in (":authority", "Host"):
        assert on_header(name, StringMatch("prefix", "reviews"), request).holds
    assert on_header(":method", StringMatch("exact", "GET"), request).why == (
        "method is PUT, asks = GET"
    )


@pytest.mark.parametrize(
    ("match", "path", "ignore_case", "holds"),
    [
        (StringMatch("prefix", "/api"), "/apix", False, True),
        (StringMatch("prefix", "/api"), "/API/x", False, False),
        (StringMatch("prefix", "/api"), "/API/x", True, True),
        (StringMatch("exact", "/api"), "/api?x=1", False, True),
        (StringMatch("exact", "/api"), "/api#x", False, True),
        (StringMatch("exact", "/api"), "/api/", False, False),
        (StringMatch("exact", "/É"), "/é", True, False),
        (StringMatch("regex", "/api"), "/API", True, False),
        (StringMatch("regex", "/a.*"), "/api?x", False, True),
        (StringMatch("path prefix", "/api"), "/apix", False, False),
        (StringMatch("path prefix", "/api"), "/api", False, True),
        (StringMatch("path prefix", "/api"), "/api/x", False, True),
        (StringMatch("path prefix", "/API"), "/api/x", True, True),
        (StringMatch("connect_matcher"), "/", False, None),
        (StringMatch("regex", r"/\pL"), "/a", False, True),
        (StringMatch("regex", r"/\Z"), "/a", False, None),
    ],
)
def test_paths(match: StringMatch, path: str, ignore_case: bool, holds: bool | None) -> None:
    assert on_path(match, ignore_case, asked(path)).holds is holds


@pytest.mark.parametrize(
    ("match", "path", "holds"),
    [
        (StringMatch("exact", "1"), "/?q=1&q=2", True),
        (StringMatch("exact", "2"), "/?q=1&q=2", False),
        (StringMatch("exact", "a%20b"), "/?q=a%20b", True),
        (StringMatch("exact", "a b"), "/?q=a%20b", False),
        (StringMatch("exact", ""), "/?q", True),
        (SET, "/?q", True),
        (SET, "/?p=q", False),
        (SET, "/q", False),
        (StringMatch("absent"), "/?p", True),
        (StringMatch("absent"), "/?q", False),
        (StringMatch("regex", "[0-9]+"), "/?q=12", True),
    ],
)
def test_query_parameters(match: StringMatch, path: str, holds: bool) -> None:
    assert on_query("q", match, asked(path)).holds is holds


def test_a_condition_that_fails_counts_before_one_that_is_not_decided() -> None:
    yes, no, unknown = (
        ConditionResult(True),
        ConditionResult(False, "no"),
        ConditionResult(None, "unknown"),
    )
    assert all_of([yes, unknown, no]) == no
    assert all_of([yes, unknown, yes]) == unknown
    assert all_of([yes]) == all_of([]) == yes


@pytest.mark.parametrize(
    ("authority", "host", "port"),
    [
        ("reviews:9080", "reviews", 9080),
        ("reviews", "reviews", 0),
        ("reviews:", "reviews", 0),
        ("[::1]", "[::1]", 0),
        ("[::1]:80", "[::1]", 80),
        ("", "", 0),
    ],
)
def test_hosts_and_ports(authority: str, host: str, port: int) -> None:
    assert (without_port(authority), port_of(authority)) == (host, port)


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("ex.com", "ex.com"),
        ("a.ex.com", "*.ex.com"),
        ("a-b.ex.com", "*-b.ex.com"),
        ("-b.ex.com", "*.ex.com"),
        (".ex.com", "*"),
        ("www.x", "www.*"),
        ("www.ex.com", "*.ex.com"),
        ("www.", "*"),
        ("other", "*"),
    ],
)
def test_virtual_hosts_as_envoy_chose_them(host: str, domain: str) -> None:
    domains = ["*", "www.*", "*.ex.com", "ex.com", "*-b.ex.com"]
    assert best_domain(domains, host) == domain


def test_no_domain_is_none() -> None:
    assert best_domain(["a.b", "*.c"], "d") is None


KINDS = (
    *("exact", "prefix", "suffix", "contains", "regex", "present", "absent", "range", "custom"),
    *("path prefix", "any-case exact", "any-case regex", ""),
)


@given(st.sampled_from(KINDS), st.text(max_size=12), st.text(max_size=12), st.booleans())
def test_nothing_raises(kind: str, value: str, found: str, flag: bool) -> None:
    match = StringMatch(kind, value)
    request = asked(f"/{found}?{found}", ("x", found))
    for name in ("x", "y", ":path", "x-request-id"):
        on_header(name, match, request, invert=flag, missing_is_empty=not flag)
    on_path(match, flag, request)
    on_query(found, match, request)
