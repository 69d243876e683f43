"""What a real istiod wrote into the status of a Gateway with two listeners that do not work."""

from __future__ import annotations

import copy
import json
from typing import Any

from meshtui.diagnosis.analysis import analyze
from tests.recorded.cases import DATA, mesh_of

Obj = dict[str, Any]


def gateway() -> Obj:
    found: Obj = json.loads((DATA / "odd-gateway.json").read_text())
    return found


def found(obj: Obj, *, hints: bool = False) -> dict[str, str]:
    return {
        f.field: f.effect
        for f in analyze(mesh_of([obj], {}), hints=hints)
        if f.object.name == "odd"
    }


def test_a_listener_that_does_not_work_is_found_with_the_reason() -> None:
    effects = found(gateway())
    assert effects.keys() == {"spec.listeners[1]", "spec.listeners[2]"}
    assert effects["spec.listeners[1]"] == (
        "Listener nocert does not work: Programmed is False, Invalid: Bad TLS configuration; "
        "ResolvedRefs is False, InvalidCertificateRef: invalid certificate reference "
        "/Secret/nosuch., secret routes-a/nosuch not found."
    )
    assert 'UnsupportedProtocol: protocol "UDP" is unsupported' in effects["spec.listeners[2]"]


def test_that_it_has_no_address_yet_is_a_hint() -> None:
    (words,) = (text for field, text in found(gateway(), hints=True).items() if "status" in field)
    assert "Programmed is False, AddressNotAssigned: Assigned to service(s)" in words


def test_a_gateway_that_is_not_accepted_is_found() -> None:
    obj = copy.deepcopy(gateway())
    obj["status"]["conditions"] = [
        {"type": "Accepted", "status": "False", "reason": "Invalid", "message": "no such class."}
    ]
    assert found(obj)["status.conditions"] == (
        "Its status says that it does not work whole: Accepted is False, Invalid: no such class."
    )


def test_without_a_status_nothing_is_said() -> None:
    obj = gateway()
    del obj["status"]
    assert found(obj) == {}
