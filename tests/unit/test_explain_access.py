"""403 and 401: which policy the proxies answered them by, or that the program itself did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from meshtui.diagnosis.explain import explanations
from meshtui.diagnosis.explain.scope import VersionScope
from meshtui.mesh.model import Mesh
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import Responder, Sample
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.view import measured, structure
from meshtui.ui.table.marks import version_marks
from tests.unit.explaining import next_of, scope, signals, told, words
from tests.unit.objects import Obj, destination_rule, meta, pod, route, service, virtual_service

CALLER = "cluster.local/ns/default/sa/web"


def policy(name: str, namespace: str = "default", **spec: Any) -> Obj:
    chosen = {"matchLabels": {"app": "reviews"}}
    return {"metadata": meta(name, namespace), "spec": {"selector": chosen, **spec}}


def source(**terms: Sequence[str]) -> Obj:
    return {"from": [{"source": {name: list(values) for name, values in terms.items()}}]}


def operation(**terms: Sequence[str]) -> Obj:
    return {"to": [{"operation": {name: list(values) for name, values in terms.items()}}]}


def mesh_with(
    *policies: Obj,
    tokens: Sequence[Obj] = (),
    account: str = "web",
    partial: Mapping[str, frozenset[str]] | None = None,
    tls: str = "",
    accepts: str = "",
) -> Mesh:
    caller = pod("productpage", "v1")
    caller["spec"]["serviceAccountName"] = account
    rule = destination_rule("reviews", ["v1"])
    if tls:
        rule["spec"]["trafficPolicy"] = {"tls": {"mode": tls}}
    peers = [{"metadata": meta("accepts"), "spec": {"mtls": {"mode": accepts}}}] if accepts else []
    return parse_mesh(
        {
            "services": [service("reviews"), service("productpage")],
            "pods": [pod("reviews", "v1"), caller],
            "virtualservices": [virtual_service("reviews", {"route": [route("v1")]})],
            "destinationrules": [rule],
            "authorizationpolicies": list(policies),
            "requestauthentications": list(tokens),
            "peerauthentications": peers,
        },
        partial=partial,
    )


def forbidden(*policies: Obj, code: str = "403", **more: Any) -> VersionScope:
    counts = {f"c{code}": 100}
    return scope(mesh_with(*policies, **more), "v1", signals(**counts), signals(**counts))


def test_a_policy_that_lets_the_caller_never_in_is_named() -> None:
    found = forbidden(policy("only-ops", rules=[source(principals=["cluster.local/ns/ops/*"])]))
    one = told(found, "403")
    assert one.sentences == (
        "AuthorizationPolicy only-ops lets nobody like productpage-v1 (default/web) in: every "
        "request of it is denied.",
    )
    assert next_of(one) == (
        "kubectl -n default get authorizationpolicy only-ops -o yaml; :logs code:403: who and what"
    )


def test_a_policy_that_denies_the_caller_is_named() -> None:
    found = forbidden(policy("no-web", action="DENY", rules=[source(principals=[CALLER])]))
    assert words(found, "403") == (
        "AuthorizationPolicy no-web denies every request of productpage-v1 (default/web)."
    )


def test_a_policy_of_the_root_namespace_holds_too() -> None:
    everywhere = policy("nobody", "istio-system", selector=None)
    assert "AuthorizationPolicy istio-system/nobody lets nobody" in words(
        forbidden(everywhere), "403"
    )


def test_a_path_that_telemetry_does_not_tell_leaves_it_open() -> None:
    found = forbidden(policy("no-admin", action="DENY", rules=[operation(paths=["/admin*"])]))
    text = words(found, "403")
    assert "The proxies of v1 answer it, or the program: counters do not tell." in text
    assert "AuthorizationPolicy no-admin may deny requests of productpage-v1" in text
    assert "answers it itself" not in text


@pytest.mark.parametrize(
    "policies",
    [
        (),
        (policy("others", selector={"matchLabels": {"app": "ratings"}}),),
        (policy("all", rules=[{}]),),
        (policy("web", rules=[source(principals=[CALLER])]),),
        (policy("try", action="DENY", rules=[{}]) | {"metadata": meta("try", annotations={
            "istio.io/dry-run": "true"})},),
        (policy("audit", action="AUDIT", rules=[{}]),),
        (policy("ingress", selector=None, targetRefs=[{"kind": "Gateway", "name": "g"}]),),
    ],
)  # fmt: skip
def test_where_no_policy_denies_the_program_answers_itself(policies: tuple[Obj, ...]) -> None:
    assert words(forbidden(*policies), "403").startswith("v1 answers it itself")


def test_policies_that_cannot_be_read_are_not_taken_for_none() -> None:
    partial = {"authorizationpolicies": frozenset[str]()}
    text = words(forbidden(partial=partial), "403")
    assert "AuthorizationPolicies can't be read here" in text
    assert "answers it itself" not in text


def test_a_caller_whose_identity_is_not_known_leaves_it_open() -> None:
    found = forbidden(policy("web", rules=[source(principals=[CALLER])]), account="")
    assert "AuthorizationPolicy web may deny requests of productpage-v1" in words(found, "403")


def test_an_external_service_is_named_by_its_provider() -> None:
    asks = policy("ask", action="CUSTOM", provider={"name": "opa"}, rules=[{}])
    found = scope(mesh_with(asks), "v1", signals(c403=9), signals(c403=9, UAEX=9))
    assert "AuthorizationPolicy ask asks opa, which said no, or failed" in words(found, "UAEX")


def test_a_token_that_is_refused_names_the_issuers() -> None:
    rule = {"issuer": "me@example.com"}
    tokens = {"metadata": meta("jwt"), "spec": {"jwtRules": [rule]}}
    text = words(forbidden(code="401", tokens=[tokens]), "401")
    assert "RequestAuthentication jwt takes tokens of me@example.com only" in text
    assert words(forbidden(code="401"), "401").startswith("v1 answers it itself")
    partial = {"requestauthentications": frozenset[str]()}
    assert "can't be read" in words(forbidden(code="401", partial=partial), "401")


def test_what_the_server_does_not_count_is_not_its_policies() -> None:
    mesh = mesh_with(policy("nobody"))
    found = scope(mesh, "v1", signals(c403=50), signals(c200=100))
    assert "counts none of them: made on the way" in words(found, "403")


class TestMutualTls:
    """100 % 503 that look like a crash: PeerAuthentication against DestinationRule."""

    def test_plain_text_against_strict_is_no_crash(self) -> None:
        mesh = mesh_with(tls="DISABLE", accepts="STRICT")
        text = words(scope(mesh, "v1", signals(c503=100, UC=100)), "UC")
        assert (
            "TLS does not agree: callers send reviews plain text (DestinationRule default/reviews)"
            ", and PeerAuthentication default/accepts accepts mutual TLS only"
        ) in text
        assert "filter_chain_not_found" in text and "it crashed or was stopped" not in text

    def test_mutual_tls_against_disable(self) -> None:
        mesh = mesh_with(tls="ISTIO_MUTUAL", accepts="DISABLE")
        (one,) = explanations([scope(mesh, "v1", signals(c503=100, UF=100))])
        assert one.sentences == (
            "TLS does not agree: callers send reviews mutual TLS (DestinationRule default/reviews)"
            ", and PeerAuthentication default/accepts accepts plain text only (first pod "
            "reviews-v1-5f6d-1).",
        )
        assert next_of(one).startswith("a: mtls-conflict")

    @pytest.mark.parametrize(
        ("tls", "accepts"), [("", "STRICT"), ("DISABLE", "PERMISSIVE"), ("ISTIO_MUTUAL", "STRICT")]
    )
    def test_where_it_agrees_the_pod_is_looked_at(self, tls: str, accepts: str) -> None:
        mesh = mesh_with(tls=tls, accepts=accepts)
        assert "it crashed" in words(scope(mesh, "v1", signals(c503=9, UC=9)), "UC")
        assert "TLS" not in words(scope(mesh, "v1", signals(c503=9, UF=9)), "UF")

    def test_what_pods_accept_may_be_unreadable(self) -> None:
        unread = {"peerauthentications": frozenset[str]()}
        mesh = mesh_with(tls="DISABLE", partial=unread)
        text = words(scope(mesh, "v1", signals(c503=9, UF=9)), "UF")
        assert "PeerAuthentications can't be read here" in text


def counted(denied: float, *policies: Obj) -> VersionScope:
    return replace(forbidden(*policies), denied={("default", "reviews-v1"): denied})


def test_the_proxies_own_counters_prove_that_they_deny() -> None:
    hidden = policy("no-admin", action="DENY", rules=[operation(paths=["/admin*"])])
    text = words(counted(100, hidden), "403")
    assert text.startswith("The proxies of v1 deny it: their RBAC filters count 10/s. ")
    assert "AuthorizationPolicy no-admin may deny" in text and "or the program" not in text
    some = words(counted(40, hidden), "403")
    assert "count 4.0/s of 10/s; the program answers the rest." in some
    assert "No policy that was read now denies" in words(counted(100), "403")


def test_what_the_jwt_filters_count_is_the_proxies_answer() -> None:
    tokens = {"metadata": meta("jwt"), "spec": {"jwtRules": [{"issuer": "me@example.com"}]}}
    found = forbidden(code="401", tokens=[tokens])
    counts = {("default", "reviews-v1"): 100.0}
    text = words(replace(found, tokens=counts), "401")
    assert text.startswith("The proxies of v1 deny it: their JWT filters refuse 10/s. ")
    assert "RequestAuthentication jwt takes tokens of" in text and "keep no counter" not in text
    assert "their access logs do not tell." in words(found, "401")
    unread = replace(found, undecided={("default", "reviews-v1"): "not allowed"})
    assert "their access logs do not tell: not allowed." in words(unread, "401")


def test_401s_that_nobody_counts_apart_are_undecided_in_the_row() -> None:
    tokens = {"metadata": meta("jwt"), "spec": {"jwtRules": [{"issuer": "me@example.com"}]}}
    mesh = mesh_with(tokens=[tokens])
    (view,) = structure(mesh, [one for one in mesh.services if one.key.name == "reviews"])
    target = Responder(view.key, "v1", "default", "reviews-v1")
    known = {("default", "reviews-v1"): 9.0}
    none: Mapping[tuple[str, str], float] = {}
    for code, counts, said in (("c401", none, True), ("c401", known, False), ("c403", none, False)):
        counted = {target: signals(**{"c200": 90, code: 10})}
        sample = Sample(1.0, "test", 10.0, called=counted, served=counted, tokens=counts)
        (found,) = measured((view,), sample, Thresholds())
        row = next(row for row in found.versions if row.version == "v1")
        assert bool(row.undecided) == said
        if said:
            assert row.undecided == "401s may be by RequestAuthentication jwt: not counted apart"
            assert "401s may be" in "".join(piece.text for piece in version_marks(row))
