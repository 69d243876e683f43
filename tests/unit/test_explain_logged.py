"""What access logs say of a service's errors, read from lines that real proxies wrote."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from meshtui.diagnosis.explain import explanations
from meshtui.diagnosis.explain.evidence import Evidence, LoggedAnswer
from meshtui.diagnosis.explain.scope import VersionScope
from meshtui.diagnosis.explain.triage import sentences
from meshtui.envoy.accesslog import parse_line
from meshtui.envoy.details import denying_policy, explain_details
from meshtui.envoy.logline import read_line
from meshtui.mesh.model import Mesh, Pod, Service, ServiceKey
from meshtui.mesh.sides import SERVER
from meshtui.mesh.signals import Signals
from meshtui.operations.look.evidence import answers
from tests.unit.explaining import next_of, scope, signals, told
from tests.unit.test_explain_access import forbidden, operation, policy

INBOUND = (
    "inbound|9080|| - 10.77.0.22:9080 10.77.0.26:39846 "
    "outbound_.9080_._.reviews.default.svc.cluster.local default"
)
OUTBOUND = (
    "outbound|9080||reviews.default.svc.cluster.local 10.77.0.26:41594 10.96.123.252:9080 "
    "10.77.0.26:356 - default"
)


def line(code: int, flags: str, details: str, upstream: str = "-", tail: str = INBOUND) -> str:
    """As Istio's own format has it; only what differs between the cases is given."""
    return (
        f'[2026-11-27T20:29:05.776Z] "GET /x HTTP/1.1" {code} {flags} {details} - "-" 0 19 3 - "-" '
        f'"curl" "f1782a10" "reviews:9080" "{upstream}" {tail}'
    )


RBAC = "rbac_access_denied_matched_policy[ns[default]-policy[no-shop]-rule[1]]"
JWT = "jwt_authn_access_denied{Jwt_header_is_an_invalid_JSON}"
NO_CHAIN = (
    '[2026-11-27T20:29:44.549Z] "- - -" 0 NR filter_chain_not_found - "-" 0 0 0 - "-" "-" "-" "-" '
    '"-" - - 10.77.0.22:9080 10.77.0.26:41594 - -'
)
"""What a pod that wants mutual TLS logs of plain text: no cluster says that it came in."""


def read(mesh: Mesh, *lines: str, own: bool = True) -> Counter[LoggedAnswer]:
    reviews: Service = next(one for one in mesh.services if one.key.name == "reviews")
    pods: dict[str, Pod] = {one.app: one for one in mesh.pods}
    pod = pods["reviews" if own else "productpage"]
    addresses = {"10.77.0.22": (pods["reviews"].namespace, pods["reviews"].name)}
    return answers(lines, pod, own, reviews, addresses)


def with_lines(found: VersionScope, *lines: str, own: bool = True) -> VersionScope:
    return replace(found, evidence=Evidence(read(found.mesh, *lines, own=own)))


def test_a_policy_that_denied_is_named_by_the_log_with_its_rule() -> None:
    """By the objects alone it is open: its second rule goes by the path."""
    known = policy("no-shop", action="DENY", rules=[operation(paths=["/x*"])])
    found = with_lines(forbidden(known), *[line(403, "-", RBAC)] * 4)
    one = told(found, "403")
    assert one.sentences[-1] == (
        f"Its own proxy's log: 4× {RBAC} (rule 1 of AuthorizationPolicy default/no-shop)."
    )
    assert not any("counters do not tell" in text for text in one.sentences)
    assert next_of(one) == "kubectl -n default get authorizationpolicy no-shop -o yaml"


def test_a_provider_that_istiod_does_not_know_has_all_denied() -> None:
    """As a real istiod has it of a CUSTOM policy whose provider is not in meshConfig."""
    asks = "istio-ext-authz-no-where-ns[default]-policy[gate]-rule[0]"
    details = f"rbac_access_denied_matched_policy[{asks}-deny-due-to-bad-CUSTOM-action]"
    found = with_lines(forbidden(policy("gate")), *[line(403, "-", details)] * 4)
    one = told(found, "403")
    assert one.sentences[-1].endswith(
        "(rule 0 of AuthorizationPolicy default/gate: istiod can't use the provider no-where of "
        "this CUSTOM policy (extensionProviders in meshConfig): the proxies deny what its rules "
        "name)."
    )
    assert next_of(one) == "kubectl -n default get authorizationpolicy gate -o yaml"


def test_policies_that_let_nobody_in_have_no_rule() -> None:
    text = "rbac_access_denied_matched_policy[none]"
    assert denying_policy(text) is None
    assert explain_details(text) == "No AuthorizationPolicy allows the caller."


def test_the_log_says_that_the_program_itself_answered() -> None:
    known = policy("no-admin", action="DENY", rules=[operation(paths=["/admin*"])])
    found = with_lines(forbidden(known), *[line(403, "-", "via_upstream", "10.77.0.22:9080")] * 4)
    text = " ".join(told(found, "403").sentences)
    assert "v1 answers it itself" in text
    assert "may deny" not in text
    assert "4× via_upstream" in text


def test_a_token_that_was_refused_is_the_proxys_answer() -> None:
    found = with_lines(forbidden(code="401"), line(401, "-", JWT))
    text = " ".join(told(found, "401").sentences)
    assert "answers it itself" not in text
    assert JWT in text


@pytest.mark.parametrize(
    ("flag", "details", "words"),
    [
        ("UT", "upstream_per_try_timeout", "within the timeout of one try"),
        ("UT", "response_timeout", "within the rule"),
        ("UC", "upstream_reset_before_response_started{connection_termination}", "was closed"),
        ("UF", "upstream_reset_before_response_started{remote_connection_failure|TLS_error}",
         "could not be made"),
        ("UO", "upstream_reset_before_response_started{overflow}", "circuit breaker"),
    ],
)  # fmt: skip
def test_a_flag_is_told_apart_by_the_callers_log(flag: str, details: str, words: str) -> None:
    seen = signals(c503=50, **{flag: 50})
    found = scope(forbidden().mesh, "v1", seen, signals())
    found = with_lines(found, line(503, flag, details, "10.77.0.22:9080", OUTBOUND), own=False)
    (text,) = (t for t in told(found, flag).sentences if t.startswith("The callers' log: "))
    assert f"1× {details}" in text
    assert words in text


def test_connections_that_no_filter_chain_takes_stand_in_the_servers_log_alone() -> None:
    record = parse_line(NO_CHAIN)
    assert record is not None
    assert record.inbound
    seen = scope(forbidden().mesh, "v1", signals(c503=100, UC=100), Signals())
    head = sentences(with_lines(seen, NO_CHAIN, NO_CHAIN))[0]
    assert "2× NR filter_chain_not_found" in " ".join(head.lines)
    assert "wants mutual TLS and the caller sends plain text" in " ".join(head.lines)


def test_a_line_without_a_cluster_is_inbound_by_the_name_that_istios_callers_ask_for() -> None:
    tail = "- - 10.77.0.22:9080 10.77.0.26:41 outbound_.9080_._.reviews.default.svc.cluster.local -"
    came_in = parse_line(line(400, "DPE", "http1.codec_error", tail=tail))
    went_out = parse_line(
        line(404, "NR", "route_not_found", tail="- - 10.96.1.1:80 10.77.0.26:4 - -")
    )
    assert came_in is not None and went_out is not None
    assert (came_in.inbound, went_out.inbound) == (True, False)


PLAIN = "- - 10.77.0.22:9080 10.77.0.26:41 - -"
"""The addresses of what a caller without TLS sent to 10.77.0.22."""


@pytest.mark.parametrize(
    ("address", "tail", "came_in"),
    [
        ("10.77.0.22", PLAIN, True),
        ("10.77.0.26", PLAIN, False),
        ("", PLAIN, False),
        ("fd00::7", "- - [fd00::7]:9080 [fd00::9]:41 - -", True),
        ("10.77.0.22", PLAIN.replace("- -", "outbound|80||x.y 10.77.0.22:1", 1), False),
    ],
)
def test_a_plain_text_line_without_a_cluster_is_inbound_by_the_pods_own_address(
    address: str, tail: str, came_in: bool
) -> None:
    text = line(400, "DPE", "http1.codec_error", tail=tail)
    record = parse_line(text)
    assert record is not None
    assert record.came_to(address) == came_in
    shown = read_line("default", "reviews-1", "v1", text, address=address).request
    assert shown is not None and shown.inbound == came_in
    pod = Pod("default", "reviews-1", ip=address)
    reviews = Service(ServiceKey("default", "reviews"), "reviews.default.svc.cluster.local")
    sides = {one.side for one in answers([text], pod, True, reviews, {})}
    assert (sides == {SERVER}) == came_in


def test_successes_and_other_services_are_not_counted() -> None:
    mesh = forbidden().mesh
    other = OUTBOUND.replace("reviews", "ratings")
    assert not read(mesh, line(200, "-", "via_upstream", tail=OUTBOUND), own=False)
    assert not read(mesh, line(503, "UF", "x", tail=other), own=False)
    assert not read(mesh, "Envoy proxy is ready", "")
    cut = read(mesh, line(200, "UT", "response_timeout", "10.77.0.22:9080", OUTBOUND), own=False)
    assert sum(cut.values()) == 1


def test_what_the_log_holds_is_no_terminals_business() -> None:
    found = with_lines(forbidden(), line(403, "-", "a\x1b[31mb" * 100))
    text = " ".join(told(found, "403").sentences)
    assert "\x1b" not in text
    assert len(text) < 1_000


def test_what_proxies_refuse_is_said_of_the_service_whatever_its_state() -> None:
    seen = scope(forbidden().mesh, "v1", signals(), signals())
    refused = "the proxy of web-1 has refused routes (RDS), by istiod's count: …"
    head = sentences(replace(seen, evidence=Evidence(refused=(refused,))))[0]
    assert "The proxy of web-1 has refused routes" in " ".join(head.lines)


def test_without_lines_nothing_is_added() -> None:
    known = policy("no-shop", action="DENY", rules=[operation(paths=["/x*"])])
    plain = forbidden(known)
    assert explanations([with_lines(plain)]) == explanations([plain])
