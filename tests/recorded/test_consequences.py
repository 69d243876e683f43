"""What a plan says of a change that breaks the clients' routes, or that no client gets."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from meshtui.changes.change import Caution, Change, RuleRef
from meshtui.changes.consequences import consequences
from meshtui.changes.stranding import stranding
from meshtui.mesh.model import Mesh, Ref, ServiceKey
from meshtui.operations.change.written_objects import mesh_after, object_of
from tests.recorded.cases import Case, load, mesh_of

Obj = dict[str, Any]
KEY = ServiceKey("or-a", "rev")
LABELS = {"app": "client", "version": "v1"}


def caller(namespace: str = "or-a") -> Obj:
    """A pod with a proxy, as which the recorded client called."""
    return {
        "kind": "Pod",
        "metadata": {"name": "client", "namespace": namespace, "labels": LABELS},
        "spec": {"containers": [{"name": "client"}, {"name": "istio-proxy"}]},
        "status": {"phase": "Running"},
    }


def mesh_with_caller(case: Case) -> Mesh:
    namespace = str(case.recorded["client"]).partition(".")[2]
    objects = (*case.base, *case.objects, caller(namespace))
    return mesh_of(objects, case.recorded.get("created") or {})


def created(kind: str, name: str, spec: Obj) -> Change:
    ref = Ref(kind, "or-a", name)
    raw = {"kind": kind, "metadata": {"name": name, "namespace": "or-a"}, "spec": spec}
    patch = ({"op": "add", "path": "", "value": raw},)
    return Change("x", KEY, ref, "", None, patch, (), {}, {}, (), {}, spec)


def edited(mesh: Mesh, ref: Ref, spec: Obj, index: int = 0) -> Change:
    item = object_of(mesh, ref)
    assert item is not None
    patch = ({"op": "replace", "path": f"/spec/http/{index}/timeout", "value": "3s"},)
    rule = RuleRef("", index)
    return Change("x", KEY, ref, "1", rule, patch, (), {}, {}, (), item.raw["spec"], spec)


def found(mesh: Mesh, change: Change) -> tuple[Caution, ...]:
    return consequences(mesh, mesh_after(mesh, change), change)


def test_an_exact_rule_for_a_breaker_takes_a_wildcards_subsets_away() -> None:
    mesh = mesh_with_caller(load("dr-wildcard-only"))
    pool = {"connectionPool": {"http": {"http2MaxRequests": 100}}}
    change = created("DestinationRule", "rev", {"host": "rev", "trafficPolicy": pool})
    findings = found(mesh, change)
    assert {finding.level for finding in findings} == {"danger"}
    said = " ".join(finding.text for finding in findings)
    assert "50 % of the requests to rev.or-a.svc.cluster.local:9080 would be answered 503" in said
    assert "subset v1" in said and "subset v2" in said


def test_an_exact_rule_with_the_subsets_is_no_danger() -> None:
    mesh = mesh_with_caller(load("dr-wildcard-only"))
    subsets = [{"name": name, "labels": {"version": name}} for name in ("v1", "v2", "v3")]
    change = created("DestinationRule", "rev", {"host": "rev", "subsets": subsets})
    assert found(mesh, change) == ()


@pytest.mark.parametrize(
    ("host", "words"),
    [("nobody", "no client has a cluster"), ("rev.or-a", "no client has a cluster")],
)
def test_a_rule_for_a_host_that_no_client_has_is_a_danger(host: str, words: str) -> None:
    mesh = mesh_with_caller(load("dr-wildcard-only"))
    (finding,) = found(mesh, created("DestinationRule", "x", {"host": host}))
    assert finding.level == "danger" and words in finding.text


def test_a_change_of_a_rule_behind_another_is_a_danger() -> None:
    mesh = mesh_with_caller(load("all-regex-middle"))
    (vs,) = (v for v in mesh.virtual_services if v.ref.namespace == "or-a")
    last = len(vs.raw["spec"]["http"]) - 1
    change = edited(mesh, vs.ref, dict(vs.raw["spec"]), last)
    (finding,) = found(mesh, change)
    assert finding.level == "danger" and "takes every request" in finding.text
    assert found(mesh, edited(mesh, vs.ref, dict(vs.raw["spec"]), 0)) == ()


def test_a_change_of_a_virtual_service_that_istiod_does_not_use_is_a_danger() -> None:
    mesh = mesh_with_caller(load("two-half-host"))
    loser = next(vs for vs in mesh.virtual_services if vs.hosts == ("rev.or-a",))
    (finding,) = found(mesh, edited(mesh, loser.ref, dict(loser.raw["spec"])))
    assert finding.level == "danger" and "no effect" in finding.text


def test_subsets_of_a_wildcards_rule_are_there() -> None:
    mesh = mesh_with_caller(load("dr-wildcard-only"))
    (vs,) = (v for v in mesh.virtual_services if v.ref.namespace == "or-a")
    spec: Obj = copy.deepcopy(dict(vs.raw["spec"]))
    spec["http"][0]["route"][0]["weight"], spec["http"][0]["route"][1]["weight"] = 20, 80
    told = stranding(mesh, edited(mesh, vs.ref, spec))
    assert not [finding for finding in told if "DestinationRule" in finding.text]
