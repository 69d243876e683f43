"""A port that is kept from its pod's proxy: callers send it mutual TLS all the same."""

from __future__ import annotations

import pytest

from meshtui.diagnosis.explain import explanations
from meshtui.diagnosis.explain.scope import scope_of
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import Responder, Sample
from meshtui.mesh.view import service_views
from tests.unit.explaining import signals
from tests.unit.objects import Obj, meta, pod, service

WEB = ServiceKey("default", "web")
RULE: Obj = {
    "metadata": meta("web"),
    "spec": {"host": "web", "trafficPolicy": {"tls": {"mode": "DISABLE"}}},
}
PLAIN: Obj = {"metadata": meta("plain"), "spec": {"mtls": {"mode": "DISABLE"}}}
SAID = "is kept from its proxy (traffic.sidecar.istio.io/excludeInboundPorts)"

# What excludeInboundPorts is, what else there is, whether the port is the reason. Seen on a real
# istiod: the caller's log says WRONG_VERSION_NUMBER, and mode DISABLE mends it.
CASES: dict[str, tuple[str, dict[str, list[Obj]], bool]] = {
    "its port": ("9080", {}, True),
    "among others": ("8080, 9080", {}, True),
    "another": ("8080", {}, False),
    "none": ("", {}, False),
    "no number": ("9080x,*,²", {}, False),
    "callers send plain text": ("9080", {"destinationrules": [RULE]}, False),
    "istiod has callers send plain text": ("9080", {"peerauthentications": [PLAIN]}, False),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_named_where_it_is_the_reason(case: str) -> None:
    ports, more, reason = CASES[case]
    raw = pod("web", "v1")
    raw["metadata"]["annotations"] = {"traffic.sidecar.istio.io/excludeInboundPorts": ports}
    raw["spec"]["containers"] = [{"name": "app"}, {"name": "istio-proxy"}]
    mesh = parse_mesh({"services": [service("web")], "pods": [raw], **more})
    failing = signals(c503=90, UF=90)
    sample = Sample(1.0, "t", 10.0, called={Responder(WEB, "v1", "default", "web-v1"): failing})
    (view,) = service_views(mesh, sample)
    found = explanations([scope_of(mesh, view, view.versions[0], sample, (view,))])
    text = " ".join(line for one in found for line in one.sentences)
    assert (SAID in text) == reason
