"""A port that is kept from its pod's proxy: callers send it mutual TLS all the same."""

from __future__ import annotations

from collections.abc import Mapping

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
TRAFFIC = "traffic.sidecar.istio.io/"
OUT, IN = f"{TRAFFIC}excludeInboundPorts", f"{TRAFFIC}includeInboundPorts"

# The annotations, what else there is, which of them is the reason. Seen on a real istiod: the
# caller's log says WRONG_VERSION_NUMBER, and mode DISABLE mends it.
CASES: dict[str, tuple[Mapping[str, object], dict[str, list[Obj]], str]] = {
    "its port": ({OUT: "9080"}, {}, OUT),
    "among others": ({OUT: "8080, 9080"}, {}, OUT),
    "another": ({OUT: "8080"}, {}, ""),
    "none": ({OUT: ""}, {}, ""),
    "no number": ({OUT: "9080x,*,²"}, {}, ""),
    "callers send plain text": ({OUT: "9080"}, {"destinationrules": [RULE]}, ""),
    "istiod has callers send plain text": ({OUT: "9080"}, {"peerauthentications": [PLAIN]}, ""),
    "not among the included": ({IN: "8080,8081"}, {}, IN),
    "included": ({IN: "8080, 9080"}, {}, ""),
    "all are included": ({IN: "*"}, {}, ""),
    "all but one": ({IN: "*", OUT: "9080"}, {}, OUT),
    "none is included": ({IN: ""}, {}, IN),
    "included, whatever is excluded": ({IN: "9080", OUT: "9080"}, {}, ""),
    "no text": ({IN: 8080}, {}, ""),
    "not included, and plain text": ({IN: "8080"}, {"destinationrules": [RULE]}, ""),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_named_where_it_is_the_reason(case: str) -> None:
    annotations, more, reason = CASES[case]
    raw = pod("web", "v1")
    raw["metadata"]["annotations"] = annotations
    raw["spec"]["containers"] = [{"name": "app"}, {"name": "istio-proxy"}]
    mesh = parse_mesh({"services": [service("web")], "pods": [raw], **more})
    failing = signals(c503=90, UF=90)
    sample = Sample(1.0, "t", 10.0, called={Responder(WEB, "v1", "default", "web-v1"): failing})
    (view,) = service_views(mesh, sample)
    found = explanations([scope_of(mesh, view, view.versions[0], sample, (view,))])
    text = " ".join(line for one in found for line in one.sentences)
    said = f"is kept from its proxy ({reason})" if reason else "is kept from its proxy"
    assert (said in text) == bool(reason)
