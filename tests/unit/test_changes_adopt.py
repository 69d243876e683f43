"""Adopting a service: what is made from its pods' labels, and when nothing is."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.changes.adopt import Adoption, adopt, subset_name
from meshtui.changes.patch import apply
from meshtui.errors import NotFound, Refused
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from tests.unit.crd import complaints
from tests.unit.objects import Obj, destination_rule, meta, pod, route, service, virtual_service

REVIEWS = ServiceKey("default", "reviews")


def unruled(*pods: Obj, **others: list[Obj]) -> Mesh:
    return parse_mesh({"services": [service("reviews")], "pods": list(pods), **others})


def versions(*names: str) -> list[Obj]:
    return [pod("reviews", name, number=number) for number, name in enumerate(names, 1)]


def labelled(number: int, **labels: str) -> Obj:
    found = pod("reviews", "v1", number=number)
    found["metadata"]["labels"] = {"app": "reviews", **labels}
    return found


def made(adoption: Adoption) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both objects; a DestinationRule that is patched is shown by its spec alone."""
    assert adoption.subsets is not None
    return dict(adoption.subsets.spec_after), dict(adoption.routes.spec_after)


def test_all_traffic_goes_to_the_version_with_the_most_ready_pods() -> None:
    pods = [*versions("v1", "v2"), pod("reviews", "v2", number=3)]
    adoption = adopt(unruled(*pods), REVIEWS)
    policy, routes = made(adoption)
    assert [s["name"] for s in policy["subsets"]] == ["v1", "v2"]
    assert [r["weight"] for r in routes["http"][0]["route"]] == [0, 100]
    assert adoption.why == "it has the most ready pods (2)"


def test_a_pod_that_is_not_ready_counts_for_nothing() -> None:
    pods = [pod("reviews", "v1", ready=False), *versions("v2")]
    assert adopt(unruled(*pods), REVIEWS).stable == "v2"


def test_the_stable_version_may_be_named_by_label_or_by_subset() -> None:
    mesh = unruled(*versions("1.0", "2.0"))
    assert adopt(mesh, REVIEWS, "2.0").stable == adopt(mesh, REVIEWS, "2-0").stable == "2-0"
    with pytest.raises(NotFound, match=r"did you mean 2\.0 or 1\.0\?"):
        adopt(mesh, REVIEWS, "3.0")


def test_a_single_version_needs_no_weight() -> None:
    _, routes = made(adopt(unruled(*versions("v1")), REVIEWS))
    assert routes["http"] == [{"route": [{"destination": {"host": "reviews", "subset": "v1"}}]}]


def test_both_objects_are_valid_and_are_taken_away_by_their_inverse() -> None:
    adoption = adopt(unruled(*versions("v1.2.3", "V2_beta")), REVIEWS)
    assert adoption.subsets is not None
    for change in (adoption.subsets, adoption.routes):
        assert complaints(change.patch[0]["value"]) == []
        assert change.inverse == ({"op": "remove", "path": ""},)
        assert change.action == "create"


@pytest.mark.parametrize(
    ("label", "subset"),
    [
        ("v1", "v1"),
        ("1.2.3", "1-2-3"),
        ("V2_Beta", "v2-beta"),
        ("-x-", "x"),
        ("___", "version"),
        ("a" * 70, "a" * 63),
        ("a" * 62 + "-b", "a" * 62),
    ],
)
def test_a_subsets_name_is_a_dns_label(label: str, subset: str) -> None:
    assert subset_name(label) == subset


def test_the_label_that_all_pods_have_is_taken() -> None:
    pods = [labelled(1, **{"app.kubernetes.io/version": "v1", "version": "x"})]
    pods.append(labelled(2, **{"app.kubernetes.io/version": "v2"}))
    policy, _ = made(adopt(unruled(*pods), REVIEWS))
    assert policy["subsets"][0] == {"name": "v1", "labels": {"app.kubernetes.io/version": "v1"}}


def test_without_a_label_of_all_pods_nothing_is_made() -> None:
    with pytest.raises(Refused, match="has none"):
        adopt(unruled(*versions("v1"), labelled(2)), REVIEWS)
    different = [labelled(1, version="v1"), labelled(2, **{"app.kubernetes.io/version": "v2"})]
    with pytest.raises(Refused, match="different ones"):
        adopt(unruled(*different), REVIEWS)
    with pytest.raises(Refused, match="no pods"):
        adopt(unruled(), REVIEWS)


def test_two_versions_that_would_have_one_name_are_refused() -> None:
    with pytest.raises(Refused, match="one subset name"):
        adopt(unruled(*versions("v1.0", "v1-0")), REVIEWS)


def test_a_service_with_rules_is_left_alone() -> None:
    routed = [virtual_service("reviews", {"route": [{"destination": {"host": "reviews"}}]})]
    with pytest.raises(Refused, match="is routed by"):
        adopt(unruled(*versions("v1"), virtualservices=routed), REVIEWS)


def test_a_destination_rule_without_subsets_keeps_what_it_says() -> None:
    rule = {"metadata": meta("x"), "spec": {"host": "reviews", "trafficPolicy": {"tls": {}}}}
    adoption = adopt(unruled(*versions("v1", "v2"), destinationrules=[rule]), REVIEWS)
    assert adoption.subsets is not None
    assert adoption.subsets.action == "patch"
    after = apply(rule, adoption.subsets.patch)
    assert after["spec"]["trafficPolicy"] == {"tls": {}}
    assert [s["name"] for s in after["spec"]["subsets"]] == ["v1", "v2"]
    assert apply(after, adoption.subsets.inverse) == rule


def test_subsets_that_are_there_are_used_by_their_own_names() -> None:
    rule = destination_rule("reviews", ())
    rule["spec"]["subsets"] = [{"name": "old", "labels": {"version": "v1"}}]
    adoption = adopt(unruled(*versions("v1", "v2"), destinationrules=[rule]), REVIEWS)
    assert adoption.subsets is not None
    assert [op["path"] for op in adoption.subsets.patch] == ["/spec/subsets/-"]
    assert adoption.stable == "old"
    rule["spec"]["subsets"].append({"name": "v2", "labels": {"version": "v2"}})
    adoption = adopt(unruled(*versions("v1", "v2"), destinationrules=[rule]), REVIEWS)
    assert adoption.subsets is None


def test_a_subset_that_means_other_pods_than_its_name_says_is_refused() -> None:
    rule = destination_rule("reviews", ())
    rule["spec"]["subsets"] = [{"name": "v1", "labels": {"version": "v2"}}]
    with pytest.raises(Refused, match="selects other pods"):
        adopt(unruled(*versions("v1", "v2"), destinationrules=[rule]), REVIEWS)


def test_a_name_that_another_hosts_object_has_is_not_taken() -> None:
    other = virtual_service("ratings", {"route": [{"destination": {"host": "ratings"}}]})
    other["metadata"] = meta("reviews")
    rule = {**destination_rule("ratings", ()), "metadata": meta("reviews")}
    mesh = unruled(*versions("v1"), virtualservices=[other], destinationrules=[rule])
    adoption = adopt(mesh, REVIEWS)
    assert adoption.subsets is not None
    assert (adoption.subsets.target.name, adoption.routes.target.name) == ("reviews-2",) * 2


def ruled(*route: Obj, subsets: tuple[str, ...] = ("v1",), pods: tuple[str, ...]) -> Mesh:
    routed = virtual_service("reviews", {"name": "all", "route": list(route)})
    policy = destination_rule("reviews", subsets)
    others = {"virtualservices": [routed], "destinationrules": [policy]}
    return unruled(*versions(*pods), **others)


def weights(adoption: Adoption) -> list[tuple[str, int]]:
    entries = adoption.routes.spec_after["http"][0]["route"]
    return [(entry["destination"]["subset"], entry["weight"]) for entry in entries]


def test_a_new_deployments_version_is_added_with_weight_0() -> None:
    mesh = ruled(route("v1", 90), route("v2", 10), subsets=("v1", "v2"), pods=("v1", "v2", "v3"))
    adoption = adopt(mesh, REVIEWS)
    policy, _ = made(adoption)
    assert [subset["name"] for subset in policy["subsets"]] == ["v1", "v2", "v3"]
    assert weights(adoption) == [("v1", 90), ("v2", 10), ("v3", 0)]
    assert adoption.routes.words == (
        "rule all of VirtualService default/reviews: v3 added with weight 0",
    )
    assert adoption.stable == ""


def test_the_only_destination_keeps_everything_beside_the_new_one() -> None:
    mesh = ruled(route("v1"), pods=("v1", "v2"))
    assert weights(adopt(mesh, REVIEWS)) == [("v1", 100), ("v2", 0)]


def test_a_subset_that_is_there_is_not_made_again() -> None:
    adoption = adopt(ruled(route("v1"), subsets=("v1", "v2"), pods=("v1", "v2")), REVIEWS)
    assert adoption.subsets is None
    assert weights(adoption) == [("v1", 100), ("v2", 0)]


def test_where_nothing_is_missing_nothing_is_done() -> None:
    mesh = ruled(route("v1", 90), route("v2", 10), subsets=("v1", "v2"), pods=("v1", "v2"))
    with pytest.raises(Refused, match="has each of its versions in rule all"):
        adopt(mesh, REVIEWS)
    with pytest.raises(Refused, match="is routed by"):
        adopt(mesh, REVIEWS, "v2")


def test_the_named_rule_gets_the_versions() -> None:
    testers = {"name": "testers", "match": [{"headers": {"x": {"exact": "1"}}}]}
    rules = ({**testers, "route": [route("v1")]}, {"name": "all", "route": [route("v1")]})
    others = {
        "virtualservices": [virtual_service("reviews", *rules)],
        "destinationrules": [destination_rule("reviews", ("v1",))],
    }
    mesh = unruled(*versions("v1", "v2"), **others)
    first, last = adopt(mesh, REVIEWS, rule="testers"), adopt(mesh, REVIEWS, rule="1")
    assert weights(first) == [("v1", 100), ("v2", 0)]
    assert len(last.routes.spec_after["http"][1]["route"]) == 2
    assert adopt(mesh, REVIEWS).routes.spec_after == last.routes.spec_after
    with pytest.raises(NotFound, match="no rule nowhere"):
        adopt(mesh, REVIEWS, rule="nowhere")


def test_a_rule_that_is_not_there_is_not_ignored() -> None:
    with pytest.raises(Refused, match="has no rule yet"):
        adopt(unruled(*versions("v1")), REVIEWS, rule="all")
