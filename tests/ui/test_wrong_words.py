"""What can never be done is refused before anybody is asked for a yes, with what is near."""

from __future__ import annotations

from meshtui.ui.dialogs.diff import DiffDialog, Phase
from meshtui.ui.dialogs.question import Question
from meshtui.ui.main.screen import MainScreen
from tests.ui.driving import SMALL, Drive, driving
from tests.ui.fake import FakeCockpit

NEVER = (
    ("canary run --to v4", ("no version v4", "v3")),
    ("canary run ratings --to v9", ("ratings.bookinfo",)),
    ("canary run reveiws --to v3", ("no service reveiws", "did you mean reviews.bookinfo?")),
    ("canary run --to v3 --rule nosuch", ("no rule nosuch",)),
    ("canary run --to v3 --steps 25,10", ("each is higher than the one before",)),
    ("canary run --to v3 --steps 0,10", ("above 0 and at most 100",)),
    ("canary run --to v3 --every 0s", ("every: '0s'",)),
    ("canary run --to v3 --interval 0s", ("interval: '0s'",)),
    ("canary run --to v3 --max-errors 0", ("max-errors",)),
    ("canary run --to v3 --pause-at 33", ("33 is no step",)),
    ("shift v4=10", ("no version v4", "v3")),
    ("shift v3=101", ("101",)),
    ("shift v3=10 rule nosuch", ("no rule nosuch",)),
    ("promote v4", ("no version v4",)),
    ("rollback v4", ("no version v4",)),
    ("mirror v4", ("no version v4",)),
    ("mirror v3 101%", ("101",)),
    ("fault abort 999", ("999",)),
    ("fault delay 0s", ("0",)),
    ("timeout 0s", ("0",)),
    ("breaker subset v4 max-connections 5", ("v4",)),
    ("breaker max-connections 0", ("0",)),
    ("undo nosuch", ("there is no change",)),
    ("adopt v4", ("is routed by", "already")),
    ("load 0 10s", ("a load",)),
    ("load 50 0s", ("a load",)),
    ("load 50 10s POST", ("it is not sent from here",)),
)


async def test_it_is_refused_before_the_yes() -> None:
    """The words are given as the prompt gives them: to type each of them takes ten seconds."""
    async with driving(FakeCockpit(), SMALL) as drive:
        for words, told in NEVER:
            await drive.go_to("reviews", "v3")
            main = drive.app.main
            main.guarded(lambda: main.run_command(words))  # noqa: B023 - done at once
            await drive.until(lambda: _refused(drive))
            said = " ".join(drive.text.split())
            assert all(word in said for word in told), (words, drive.text)
            if isinstance(drive.app.screen, DiffDialog):
                await drive.press("enter")
            assert not (drive.cockpit.started or drive.cockpit.applied or drive.cockpit.loads)
            await drive.until(lambda: isinstance(drive.app.screen, MainScreen))
            main.status.announce("")


def _refused(drive: Drive) -> bool:
    screen = drive.app.screen
    assert not isinstance(screen, Question), drive.text
    if isinstance(screen, DiffDialog):
        return screen.phase is Phase.FAILED
    return drive.app.main.status.level == "error"
