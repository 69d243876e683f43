"""A destination outside of the cluster, by its whole host, for every verb that names one."""

from __future__ import annotations

import pytest

from meshtui.changes.build import build_change
from meshtui.changes.change import Target
from meshtui.changes.locate import resolve_service
from meshtui.changes.requests import _MAKERS, request_of
from meshtui.errors import NotFound
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.view import service_views
from meshtui.verbs import BY_NAME
from meshtui.verbs.line_values import parse_words
from tests.unit.resolving import made, mesh_of, pod, rules, service, to

KEY = ServiceKey("a", "rev")
OUTSIDE = "api.example.com"

LINES = {
    "shift": f"shift {OUTSIDE}=40",
    "promote": f"promote {OUTSIDE}",
    "rollback": f"rollback {OUTSIDE}",
    "mirror": f"mirror {OUTSIDE}",
    "fault": "fault delay 1s",
    "timeout": "timeout 5s",
    "breaker": "breaker max-connections 5",
}


def mesh() -> Mesh:
    ports = [{"number": 9080, "name": "http", "protocol": "HTTP"}]
    outside = {"destination": {"host": OUTSIDE, "port": {"number": 9080}}, "weight": 30}
    return mesh_of(
        service(),
        pod("rev", "v1", 1),
        made(
            "DestinationRule",
            "rev",
            host="rev",
            subsets=[{"name": "v1", "labels": {"version": "v1"}}],
        ),
        rules("rev", {"route": [to("v1", 70), outside]}),
        made("ServiceEntry", "ext", hosts=[OUTSIDE], ports=ports, resolution="DNS"),
    )


def test_every_verb_is_tried() -> None:
    assert LINES.keys() == _MAKERS.keys()


@pytest.mark.parametrize("verb", LINES)
def test_a_host_outside_is_a_destination_as_any(verb: str) -> None:
    line = parse_words(BY_NAME[verb], LINES[verb].split()[1:])
    change = build_change(mesh(), request_of(verb, line), Target(KEY))
    assert change.patch and change.inverse
    assert any(OUTSIDE in one for one in change.words) == (OUTSIDE in LINES[verb])


def test_its_row_has_its_whole_name() -> None:
    view = next(one for one in service_views(mesh(), None) if one.key == KEY)
    assert OUTSIDE in [row.label for row in view.versions]
    assert str(ServiceKey("a", OUTSIDE)) == OUTSIDE


def test_asked_for_as_a_service_it_says_what_it_is() -> None:
    with pytest.raises(NotFound) as caught:
        resolve_service(mesh(), OUTSIDE, "a")
    assert str(caught.value) == (
        f"{OUTSIDE} is a host of ServiceEntry a/ext and no Service of the cluster:"
        " name the service whose rule sends to it"
    )
