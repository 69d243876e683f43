"""The next steps that explanations offer: keys that exist and commands that are understood."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from meshtui.diagnosis.explain import explanations
from meshtui.envoy.logfilter import parse_filter
from meshtui.mesh.flags import FLAGS
from meshtui.mesh.signals import UNKNOWN
from meshtui.ui.actions.registry import ACTIONS
from meshtui.ui.main.commands import ToPane, parse_command
from tests.unit.explaining import mesh_of, scope, signals
from tests.unit.objects import route

KEY = re.compile(r"(?:^|; |, or )(\S):")
COMMAND = re.compile(r"(:[a-z]+(?: (?!—)[^\s;:]+(?::[^\s;:]+)?)*)")
SHOWN = {key for action in ACTIONS for key in action.shown.split()}


def steps(code: str) -> Iterator[str]:
    """What is offered for a flag or a code, by callers and by servers, with and without a cause."""
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
                if version == UNKNOWN and sides[1] is seen:
                    continue
                for one in explanations([scope(mesh, version, *sides)]):
                    yield one.next


@pytest.mark.parametrize("code", [*sorted(FLAGS), "500", "503", "404", "429", "0"])
def test_every_step_can_be_done_with_what_there_is(code: str) -> None:
    found = list(steps(code))
    assert found
    for step in found:
        keys, commands = KEY.findall(step), COMMAND.findall(step)
        assert keys or commands or "kubectl" in step, step
        assert set(keys) <= SHOWN, step
        for command in commands:
            parsed = parse_command(command[1:])
            if isinstance(parsed, ToPane) and parsed.kind == "logs":
                assert parse_filter(" ".join(parsed.words))
