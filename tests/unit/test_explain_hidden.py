"""A Sidecar that hides a host from who calls it: NR, NC, or no traffic at all."""

from __future__ import annotations

import pytest

from meshtui.diagnosis.explain.triage import sentences
from meshtui.mesh.model import Mesh
from tests.unit.explaining import mesh_of, scope, signals, words
from tests.unit.objects import Obj, meta

SAYS = "Sidecar default/narrow hides reviews from productpage-v1"


def sidecar(*hosts: str, **labels: str) -> Obj:
    chosen = {"workloadSelector": {"labels": labels}} if labels else {}
    return {"metadata": meta("narrow"), "spec": {**chosen, "egress": [{"hosts": list(hosts)}]}}


def mesh_with(one: Obj) -> Mesh:
    return mesh_of(more={"sidecars": [one]})


HIDING = sidecar("istio-system/*")


@pytest.mark.parametrize("flag", ["NR", "NC"])
def test_the_sidecar_that_hides_the_host_is_named(flag: str) -> None:
    found = scope(mesh_with(HIDING), caller=signals(c404=100, **{flag: 100}))
    assert words(found, flag).startswith(SAYS)


@pytest.mark.parametrize(
    "one", [sidecar("./*"), sidecar("*/*"), sidecar("istio-system/*", app="ratings")]
)
@pytest.mark.parametrize("flag", ["NR", "NC"])
def test_one_that_shows_the_host_is_not_blamed(one: Obj, flag: str) -> None:
    found = scope(mesh_with(one), caller=signals(c404=100, **{flag: 100}))
    assert "hides" not in words(found, flag)


@pytest.mark.parametrize(("flag", "says"), [("UF", True), ("UH", True), ("NR", False)])
def test_requests_that_reach_no_pod_may_have_gone_to_an_address_only(flag: str, says: bool) -> None:
    """Seen with a Sidecar and a host's address that nobody listens at; NR tells it itself."""
    lost = scope(mesh_with(HIDING), caller=signals(c503=100, **{flag: 100}))
    text = " ".join(text for one in sentences(lost) for text in one.lines)
    assert (SAYS in text) == says
    answered = scope(mesh_with(HIDING), "v1", caller=signals(c503=100, **{flag: 100}))
    assert "hides" not in " ".join(text for one in sentences(answered) for text in one.lines)


def test_a_service_without_traffic_says_who_does_not_see_it() -> None:
    nobody = frozenset[tuple[str, str]]()
    silent = scope(mesh_with(HIDING), "v1", clients=nobody)
    assert "Sidecar default/narrow hides reviews from" in "".join(sentences(silent)[0].lines)
    shown = scope(mesh_with(sidecar("./*")), "v1", clients=nobody)
    assert "hides" not in " ".join(text for one in sentences(shown) for text in one.lines)
