"""The panes on a service whose route is wrong: the reason stands there, and no key writes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ui import bookinfo
from tests.ui.driving import LARGE, driving
from tests.ui.fake import FakeCockpit

Obj = dict[str, Any]
PANES = ("g", "s", "l", "p", "y", "t", "x", "d", "a", "J", "H", "c")
CHANGES = ("P", "n", "m", "f", "o")
WRONG: dict[str, tuple[Obj, str]] = {
    "no such parent": (
        {"parentRefs": [{"group": "", "kind": "Service", "name": "nobody"}]},
        "there is no Service bookinfo/nobody",
    ),
    "an unknown kind": ({"parentRefs": [{"group": "x", "kind": "Door", "name": "a"}]}, "no parent"),
    "an unknown filter": ({"rules": [{"filters": [{"type": "Sparkle"}]}]}, "filter Sparkle"),
    "a name as a host": ({"rules": [{"backendRefs": [{"name": "a.b", "port": 1}]}]}, "by its name"),
    "no such backend": (
        {"rules": [{"backendRefs": [{"name": "ratings", "port": 9080}, {"name": "z", "port": 1}]}]},
        "there is no Service bookinfo/z: its part is answered 500",
    ),
    "not a route at all": ({"parentRefs": 5, "rules": [3, {"matches": "x"}]}, ""),
}


def cockpit_with(damage: Obj) -> FakeCockpit:
    found = FakeCockpit()
    backends = [{"name": "ratings", "port": 9080}]
    spec: Obj = {
        "parentRefs": [{"group": "", "kind": "Service", "name": "ratings"}],
        "rules": [{"backendRefs": backends}],
    }
    rules = damage.get("rules")
    if isinstance(rules, list) and isinstance(rules[0], dict):
        damage = {**damage, "rules": [{"backendRefs": backends, **rule} for rule in rules]}
    route = {"metadata": bookinfo.meta("odd"), "spec": spec | damage}
    found.raw["virtualservices"] = []
    found.raw["httproutes"] = [route]
    return found


@pytest.mark.parametrize("how", WRONG)
async def test_every_pane_stands_and_the_rules_say_why(how: str) -> None:
    damage, why = WRONG[how]
    async with driving(cockpit_with(damage), size=LARGE) as drive:
        await drive.go_to("ratings")
        for key in PANES:
            await drive.press(key)
            await drive.tick()
            await drive.press("escape")
        await drive.press("v")
        await drive.until(lambda: why in pane_words(drive.text))


def pane_words(text: str) -> str:
    """What stands on the right of the table, its lines joined."""
    return " ".join(" ".join(line.partition("┃")[2] for line in text.splitlines()).split())


@pytest.mark.parametrize("how", ["no such parent", "an unknown filter", "a name as a host"])
async def test_no_key_writes_into_a_route_that_nobody_has(how: str) -> None:
    async with driving(cockpit_with(WRONG[how][0])) as drive:
        await drive.go_to("ratings")
        for key in CHANGES:
            await drive.press(key)
            await drive.tick()
            await drive.press("enter", "escape", "escape")
        assert drive.cockpit.applied == []
