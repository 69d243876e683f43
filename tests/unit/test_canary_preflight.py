"""What is said before a canary writes anything, and what refuses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from meshtui.canary.route import find_route
from meshtui.changes.change import Caution, Target
from meshtui.mesh.model import Mesh
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import Sample, Signals, VersionKey
from meshtui.operations.canary.preflight import objections
from tests.unit.objects import Obj, destination_rule, pod, route, service, virtual_service
from tests.unit.test_mesh import REVIEWS

SEEN = Sample(0.0, "test", 5.0, caller={VersionKey(REVIEWS, "v1"): Signals(100)})
SILENT = Sample(0.0, "test", 5.0)
Found = dict[str, list[Obj]]


def objects(*weights: int) -> Found:
    """v1 and v2 with a ready pod each; the canary is v2."""
    entries = [route(f"v{n}", weight) for n, weight in enumerate(weights, 1)]
    rule = {"name": "all", "retries": {"attempts": 0}, "route": entries}
    return {
        "services": [service("reviews")],
        "pods": [pod("reviews", v, number=n) for n, v in enumerate(("v1", "v2"), 1)],
        "virtualservices": [virtual_service("reviews", rule)],
        "destinationrules": [destination_rule("reviews", ("v1", "v2"))],
    }


def cautions(found: Found, sample: Sample | None = SEEN) -> tuple[Caution, ...]:
    mesh: Mesh = parse_mesh(found)
    located, facts = find_route(mesh, Target(REVIEWS), "v2")
    return objections(mesh, located, facts, sample)


def rule(found: Found) -> Obj:
    first: Obj = found["virtualservices"][0]["spec"]["http"][0]
    return first


def labelled(found: Found, **labels: str) -> None:
    named = {name.replace("_", "."): value for name, value in labels.items()}
    found["virtualservices"][0]["metadata"]["labels"] = named


def unready(found: Found, version: int) -> None:
    found["pods"][version - 1] = pod("reviews", f"v{version}", ready=False, number=version)


def ejecting(found: Found) -> None:
    policy = {"outlierDetection": {"consecutive5xxErrors": 5}}
    found["destinationrules"][0]["spec"]["subsets"][1]["trafficPolicy"] = policy


CASES: dict[str, tuple[Callable[[Found], Any], str, str]] = {
    "canary without pods": (lambda f: f["pods"].pop(), "danger", "no pod belongs to v2"),
    "canary not ready": (lambda f: unready(f, 2), "danger", "none of 1 pod of v2 is ready"),
    "stable not ready": (lambda f: unready(f, 1), "danger", "v1 has no ready pod"),
    "a fault": (
        lambda f: rule(f).update(fault={"abort": {"httpStatus": 503, "percentage": {"value": 9}}}),
        "danger", "the rule injects a fault",
    ),
    "another owner": (
        lambda f: labelled(f, **{"argocd.argoproj.io/instance": "shop"}), "danger", "Argo CD owns",
    ),
    "default retries": (lambda f: rule(f).pop("retries"), "info", "retried (by default)"),
    "retries": (
        lambda f: rule(f).update(retries={"attempts": 3}), "info", "callers see fewer errors",
    ),
    "outlier detection": (ejecting, "info", "ejects failing pods"),
}  # fmt: skip


def test_a_canary_with_nothing_against_it_may_begin() -> None:
    assert cautions(objects(100, 0)) == ()


@pytest.mark.parametrize("name", CASES)
def test_each_objection_says_what_it_is_about(name: str) -> None:
    change, level, words = CASES[name]
    found = objects(100, 0)
    change(found)
    (caution,) = cautions(found)
    assert (caution.level, words in caution.text) == (level, True), caution


def test_where_nothing_is_left_to_climb_or_to_go_back_to() -> None:
    texts = [caution.text for caution in cautions(objects(0, 100)) if caution.level == "danger"]
    assert any("has all traffic already" in text for text in texts)
    assert any("nothing to go back to" in text for text in texts)


def test_telemetry_that_counted_nothing_is_a_warning_and_none_at_all_is_not_asked() -> None:
    (caution,) = cautions(objects(100, 0), SILENT)
    assert caution.level == "warning" and "no request was counted in the last 5 s" in caution.text
    assert cautions(objects(100, 0), None) == ()


def test_versions_that_telemetry_cannot_tell_apart_are_refused() -> None:
    """One workload whose pods have both labels: its requests are nobody's."""
    found = objects(100, 0)
    for raw in found["pods"]:
        raw["metadata"]["ownerReferences"][0]["name"] = "reviews-5f6d"
        raw["metadata"]["labels"] |= {"track": raw["metadata"]["labels"]["version"]}
        raw["metadata"]["labels"]["version"] = "one"
    for subset in found["destinationrules"][0]["spec"]["subsets"]:
        subset["labels"] = {"track": subset["name"]}
    seen = Sample(0.0, "test", 5.0, caller={VersionKey(REVIEWS, "one"): Signals(100)})
    texts = [caution.text for caution in cautions(found, seen) if caution.level == "danger"]
    assert any("cannot be judged" in text for text in texts), texts
