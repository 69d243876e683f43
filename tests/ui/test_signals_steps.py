"""The next steps that explanations offer: keys that exist and commands that are understood."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from meshtui.diagnosis.explain import explanations
from meshtui.diagnosis.explain.scope import VersionScope
from meshtui.diagnosis.explain.steps import FAULT_OFF, LINES, SAID, TYPED
from meshtui.envoy.logfilter import parse_filter
from meshtui.mesh.flags import FLAGS
from meshtui.mesh.signals import UNKNOWN
from meshtui.ui.actions.registry import BY_ID
from meshtui.ui.actions.steps import by_key
from meshtui.ui.main.commands import ToPane, parse_command
from tests.unit.explaining import mesh_of, scope, signals
from tests.unit.objects import route


def scopes(code: str) -> Iterator[VersionScope]:
    """A flag or a code, seen by callers and by servers, with and without a cause."""
    counts = {code: 30.0} if code in FLAGS else {f"c{code}": 30.0}
    seen = signals(**counts)
    fault = {"abort": {"httpStatus": 503, "percentage": {"value": 10}}}
    meshes = (
        mesh_of(),
        mesh_of({"route": [route("v1", 50), route("v3", 50)], "timeout": "1s", "fault": fault}),
        mesh_of(policy={"connectionPool": {"tcp": {"maxConnections": 1}}}, pods=[]),
    )
    for mesh in meshes:
        for version in ("v1", UNKNOWN):
            for sides in ((seen, signals()), (signals(), seen)):
                if version != UNKNOWN or sides[1] is not seen:
                    yield scope(mesh, version, *sides)


@pytest.mark.parametrize("code", [*sorted(FLAGS), "500", "503", "404", "429", "0"])
def test_every_step_can_be_done_with_what_there_is(code: str) -> None:
    found = [one.next for each in scopes(code) for one in explanations([each])]
    assert found and all(found)
    for step in (step for steps in found for step in steps):
        if step.do in (LINES, FAULT_OFF):
            parsed = parse_command(by_key(step)[1:])
            assert parsed is not None
            if isinstance(parsed, ToPane) and not step.callers:
                assert parsed.kind == "logs" and parse_filter(" ".join(parsed.words))
        elif step.do == TYPED:
            assert step.of.startswith("kubectl ")
        else:
            assert step.do in BY_ID or step.do == SAID
