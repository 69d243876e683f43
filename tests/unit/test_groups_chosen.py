"""`:ctx` with a group of the configuration: its clusters take the place of the one before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from meshtui.config import Config
from meshtui.errors import Usage
from meshtui.operations import deferred
from meshtui.operations.deferred import DeferredCockpit
from meshtui.operations.options import Options
from tests.ui.fake import FakeCockpit

KUBECONFIG = """
apiVersion: v1
kind: Config
clusters:
- {name: e, cluster: {server: "https://east.test"}}
- {name: w, cluster: {server: "https://west.test"}}
users: [{name: me, user: {token: t}}]
contexts:
- {name: east, context: {cluster: e, user: me}}
- {name: west, context: {cluster: w, user: me}}
current-context: east
"""


class One(FakeCockpit):
    """What was made for the options of one cluster or of several."""

    def __init__(self, options: Sequence[Options]) -> None:
        super().__init__()
        self.named = [one.context for one in options]

    def contexts(self) -> tuple[str, ...]:
        return ("east", "west")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[One]:
    found: list[One] = []

    def live(_: bool) -> object:
        def make(options: Sequence[Options]) -> One:
            found.append(One(options))
            return found[-1]

        return make

    monkeypatch.setattr(deferred, "_import_live", live)
    return found


@pytest.fixture
def cockpit(tmp_path: Path) -> DeferredCockpit:
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG)
    config = Config(groups={"both": ("east", "west")})
    return DeferredCockpit(Options(kubeconfig=str(path), context="east", config=config))


@pytest.mark.parametrize("words", ["both", "east,west"])
async def test_all_of_a_group_are_shown_beside_each_other(
    words: str, cockpit: DeferredCockpit, made: list[One]
) -> None:
    await cockpit.connect()
    cockpit.choose(words)
    await cockpit.connect()
    assert [one.named for one in made] == [["east"], ["east", "west"]]
    assert made[0].closed and not made[1].closed
    cockpit.choose("west")
    assert made[1].context == "west"
    await cockpit.close()
    assert made[1].closed


async def test_groups_are_among_what_may_be_chosen(
    cockpit: DeferredCockpit, made: list[One]
) -> None:
    await cockpit.connect()
    assert cockpit.contexts() == ("east", "west", "both")


async def test_a_wrong_member_changes_nothing(cockpit: DeferredCockpit, made: list[One]) -> None:
    await cockpit.connect()
    with pytest.raises(Usage, match="no context named nowhere"):
        cockpit.choose("east,nowhere")
    await cockpit.connect()
    assert len(made) == 1 and not made[0].closed


async def test_another_cluster_may_be_chosen_before_the_first_is_connected(
    cockpit: DeferredCockpit, made: list[One]
) -> None:
    assert cockpit.contexts() == ("east", "west", "both")
    with pytest.raises(Usage, match="no context named nowhere"):
        cockpit.choose("nowhere")
    cockpit.choose("west")
    await cockpit.connect()
    assert [one.named for one in made] == [["west"]]
