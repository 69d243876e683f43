"""The Bookinfo samples as people apply them: nothing is reported that is not truly so."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshtui.diagnosis.analysis import analyze
from meshtui.mesh.parse import parse_mesh
from tests.unit.objects import pod

DATA = Path(__file__).parent / "data" / "bookinfo"
PLURALS = {
    "Service": "services",
    "VirtualService": "virtualservices",
    "DestinationRule": "destinationrules",
    "Gateway": "gateways",
    "ServiceEntry": "serviceentries",
}
BASE = ("bookinfo.yaml", "bookinfo-gateway.yaml")

Found = set[tuple[str, str, str, str]]


def load(*files: str) -> list[dict[str, Any]]:
    return [
        document
        for file in files
        for document in yaml.safe_load_all((DATA / file).read_text())
        if document
    ]


def applied(documents: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """As `kubectl apply` does: a later object of the same kind and name replaces the first."""
    kept: dict[tuple[str, str, str], dict[str, Any]] = {}
    for document in documents:
        meta = {"namespace": "default", **document["metadata"]}
        kept[document["kind"], meta["namespace"], meta["name"]] = {**document, "metadata": meta}
    objects: dict[str, list[dict[str, Any]]] = {"pods": [ingress_gateway()]}
    for (kind, _, _), document in kept.items():
        if kind in PLURALS:
            objects.setdefault(PLURALS[kind], []).append(document)
        elif kind == "Deployment":
            labels = document["spec"]["template"]["metadata"]["labels"]
            objects["pods"].append(pod(labels["app"], labels["version"]))
    return objects


def ingress_gateway() -> dict[str, Any]:
    found = pod("istio-ingressgateway", "", namespace="istio-system")
    found["metadata"]["labels"]["istio"] = "ingressgateway"
    found["spec"]["containers"] = [{"name": "istio-proxy"}]
    return found


def findings(*files: str) -> Found:
    mesh = parse_mesh(applied(load(*BASE, *files)))
    assert mesh.problems == ()
    return {
        (found.severity, found.code, f"{found.object.kind}/{found.object.name}", found.field)
        for found in analyze(mesh)
    }


def test_bookinfo_without_rules_is_sound() -> None:
    assert findings() == set()


@pytest.mark.parametrize("rules", ["destination-rule-all.yaml", "destination-rule-all-mtls.yaml"])
def test_the_subsets_alone_are_sound(rules: str) -> None:
    assert findings(rules) == set()


@pytest.mark.parametrize(
    "file",
    [
        "virtual-service-all-v1.yaml",
        "virtual-service-reviews-50-v3.yaml",
        "virtual-service-reviews-80-20.yaml",
        "virtual-service-reviews-90-10.yaml",
        "virtual-service-reviews-jason-v2-v3.yaml",
        "virtual-service-reviews-test-v2.yaml",
        "virtual-service-reviews-v2-v3.yaml",
        "virtual-service-reviews-v3.yaml",
        "egress-rule-google-apis.yaml",
        "destination-rule-reviews.yaml",
        "bookinfo-versions.yaml",
    ],
)
@pytest.mark.parametrize("rules", ["destination-rule-all.yaml", "destination-rule-all-mtls.yaml"])
def test_each_sample_over_all_subsets_is_sound(rules: str, file: str) -> None:
    assert findings(rules, file) == set()


def test_everything_that_goes_together_is_sound() -> None:
    assert (
        findings(
            "bookinfo-versions.yaml",
            "bookinfo-details-v2.yaml",
            "bookinfo-ratings-v2.yaml",
            "destination-rule-all-mtls.yaml",
            "virtual-service-all-v1.yaml",
            "virtual-service-reviews-90-10.yaml",
            "virtual-service-details-v2.yaml",
            "virtual-service-ratings-db.yaml",
            "egress-rule-google-apis.yaml",
        )
        == set()
    )


@pytest.mark.parametrize(
    ("file", "deployment"),
    [
        ("virtual-service-details-v2.yaml", "bookinfo-details-v2.yaml"),
        ("virtual-service-ratings-db.yaml", "bookinfo-ratings-v2.yaml"),
    ],
)
def test_a_version_that_is_deployed_is_sound(file: str, deployment: str) -> None:
    assert findings("destination-rule-all.yaml", deployment, file) == set()


PODLESS = [
    ("virtual-service-details-v2.yaml", "details", 1),
    ("virtual-service-ratings-db.yaml", "ratings", 1),
    ("virtual-service-ratings-mysql.yaml", "ratings", 2),
    ("virtual-service-ratings-mysql-vm.yaml", "ratings", 3),
]


@pytest.mark.parametrize(("file", "service", "index"), PODLESS)
def test_all_traffic_to_a_version_that_is_not_deployed(file: str, service: str, index: int) -> None:
    """True: the deployment that goes with the sample is missing, every request answers 503."""
    place = f"spec.subsets[{index}].labels"
    wrong = ("error", "podless-subset", f"DestinationRule/{service}", place)
    assert findings("destination-rule-all.yaml", file) == {wrong}


@pytest.mark.parametrize(
    "file", ["virtual-service-ratings-test-abort.yaml", "virtual-service-ratings-test-delay.yaml"]
)
def test_a_fault_for_testers_is_only_mentioned(file: str) -> None:
    """True: a fault is on, and nothing is known that would take it off. It is for one user."""
    fault = ("info", "endless-fault", "VirtualService/ratings", "spec.http[0].fault")
    assert findings("destination-rule-all.yaml", file) == {fault}


def test_a_fault_for_everyone_hides_the_rule_below_it() -> None:
    """True: every request to details is answered 555, and the second rule can't be reached."""
    service = "VirtualService/details"
    assert findings("destination-rule-all.yaml", "fault-injection-details-v1.yaml") == {
        ("error", "full-fault", service, "spec.http[0].fault"),
        ("info", "endless-fault", service, "spec.http[0].fault"),
        ("warning", "unreachable-rule", service, "spec.http[1]"),
    }


def test_the_certificate_resolver_is_not_there() -> None:
    """True: `cert-manager-resolver` is a Service that cert-manager makes; it is not applied."""
    assert findings("destination-rule-all.yaml", "certmanager-gateway.yaml") == {
        (
            "error",
            "missing-host",
            "VirtualService/cert-manager",
            "spec.http[0].route[0].destination.host",
        )
    }


def test_rules_before_their_subsets() -> None:
    """True: without any DestinationRule every subset that a route names answers 503."""
    found = findings("virtual-service-reviews-90-10.yaml")
    assert found == {
        (
            "error",
            "missing-subset",
            "VirtualService/reviews",
            f"spec.http[0].route[{i}].destination.subset",
        )
        for i in (0, 1)
    }
