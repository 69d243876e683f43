"""UH at a gateway that asks through a waypoint: nobody runs that."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.cli.step_commands import commands
from meshtui.diagnosis.explain import explanations
from meshtui.diagnosis.explain.scope import scope_of
from meshtui.diagnosis.explain.steps import steps_text
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import UNKNOWN, Responder, Sample
from meshtui.mesh.view import service_views
from tests.unit.explaining import signals
from tests.unit.objects import Obj, meta, pod, service

API = "gateway.networking.k8s.io"
WEB, EDGE = ServiceKey("default", "web"), ("default", "edge-v1")
SAID = "Gateways send it through waypoint default/way, and "
WAY: Obj = {
    "metadata": meta("way"),
    "spec": {"gatewayClassName": "istio-waypoint", "listeners": [{"protocol": "HBONE"}]},
    "status": {"addresses": [{"value": "10.0.0.1"}]},
}


def proxy(app: str, ready: bool = True, **labels: str) -> Obj:
    raw = pod(app, "v1", ready=ready)
    raw["metadata"]["labels"] |= labels
    raw["spec"]["containers"] = [{"name": "istio-proxy"}]
    return raw


def waypoint(ready: bool) -> Obj:
    names = {f"{API}/gateway-name": "way", f"{API}/gateway-class-name": "istio-waypoint"}
    return proxy("way", ready, **names)


# Whether gateways ask through it, the waypoint's pods, what is said.
CASES: dict[str, tuple[bool, list[Obj], str]] = {
    "crashing": (True, [waypoint(False)], f"{SAID}none of its pods is ready (1)."),
    "gone": (True, [], f"{SAID}no pod runs it."),
    "there": (True, [waypoint(True)], ""),
    "passed by": (False, [], ""),
}


@pytest.mark.parametrize("case", CASES)
def test_a_waypoint_that_nobody_runs_is_named(case: str) -> None:
    through, pods, said = CASES[case]
    web = service("web")
    labels: dict[str, Any] = {"istio.io/use-waypoint": "way"}
    web["metadata"]["labels"] = labels | (
        {"istio.io/ingress-use-waypoint": "true"} if through else {}
    )
    mesh = parse_mesh(
        {
            "services": [web],
            f"gateways.{API}": [WAY],
            "pods": [pod("web", "v1"), proxy("edge"), *pods],
        }
    )
    lost = {Responder(WEB, UNKNOWN, flags="UH"): signals(c503=90, UH=90)}
    sample = Sample(1.0, "t", 10.0, called=lost, clients={WEB: frozenset({EDGE})})
    (view,) = service_views(mesh, sample)
    row = next(row for row in view.versions if row.caller and row.caller.requests)
    found = explanations([scope_of(mesh, view, row, sample, (view,))])
    (one,) = [one for one in found if one.code == "UH"]
    assert (one.sentences[0] if SAID in one.sentences[0] else "") == said
    assert steps_text(one.next, commands(WEB))
