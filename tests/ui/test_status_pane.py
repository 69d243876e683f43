"""The status pane: every proxy, what it has of what istiod sent it, and what it refuses."""

from __future__ import annotations

import re

import pytest

from meshtui.diagnosis.proxy_sync import ProxyAnswer, SyncFacts, proxy_rows
from meshtui.errors import Unreachable
from meshtui.operations.look.proxy_sync import Istiod, MeshSync
from meshtui.ui.panes.statustext import MOST_ROWS, status_lines, summary
from meshtui.ui.widgets.paint import width_of
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.fake import FakeCockpit
from tests.unit.test_proxy_sync import BROKEN, DOOR, NOW, STOPPED, WELL, clients, proxy

PODS = [proxy(place) for place in (BROKEN, STOPPED, WELL, DOOR)]
RECORDED = MeshSync(
    NOW,
    proxy_rows(PODS, SyncFacts(clients().values()), NOW),
    (Istiod("istiod-1", 4),),
)
SIZES = pytest.mark.parametrize("size", [SMALL, LARGE])


def shown(drive: Drive) -> str:
    pane = drive.app.main.dock.pane("status")
    assert pane is not None
    lines = [pane.listing.line_at(at) for at in range(pane.listing.line_count())]
    return "\n".join("".join(piece.text for piece in line) for line in lines)


def recorded() -> FakeCockpit:
    cockpit = FakeCockpit()
    cockpit.sync = RECORDED
    return cockpit


@SIZES
async def test_every_proxy_is_there_the_worst_first_with_what_it_refuses(
    size: tuple[int, int],
) -> None:
    async with driving(recorded(), size=size) as drive:
        await drive.press("H")
        await drive.until(lambda: "refuses" in shown(drive))
        lines = shown(drive).splitlines()
        first = [line.split()[0] for line in lines if line.strip()]
        names = [word[:6] for word in first if re.fullmatch(r"[a-z][\w…-]+\.\S+|\S+…\S+", word)]
        assert names == ["broken", "shop-v", "istio-", "shop-v"]
        assert any("└ refuses RDS" in line and "missing ): (" in line for line in lines)
        assert "has not acknowledged CDS, LDS, EDS, RDS" in " ".join(shown(drive).split())
        assert "1 refuses" in drive.text and "2 in sync" in drive.text


async def test_a_text_leaves_the_proxies_that_hold_it_and_escape_takes_it_away() -> None:
    async with driving(recorded(), size=LARGE) as drive:
        await drive.press("colon")
        await drive.type("status istio-system")
        await drive.press("enter")
        await drive.until(lambda: "1 of 4" in drive.text)
        assert "istio-ingre" in shown(drive) and "broken" not in shown(drive)
        await drive.press("escape")
        await drive.until(lambda: "broken" in shown(drive))
        await drive.press("slash")
        await drive.type("stale")
        await drive.press("enter")
        await drive.until(lambda: "▲ stale" in shown(drive) and "1 of 4" in drive.text)
        assert "refuses" not in shown(drive)
        await drive.press("escape", "escape")
        await drive.until(lambda: not drive.app.main.dock.open_kinds)


async def test_without_istiods_account_it_says_so_and_shows_what_the_proxies_say() -> None:
    async with driving(FakeCockpit(), size=LARGE) as drive:
        await drive.press("H")
        await drive.until(lambda: "is not known: you may not" in shown(drive))
        assert shown(drive).count("in sync") >= 3


async def test_a_failure_is_told_and_r_asks_again() -> None:
    cockpit = FakeCockpit()
    cockpit.sync = Unreachable("the cluster is away")
    async with driving(cockpit, size=SMALL) as drive:
        await drive.press("H")
        await drive.until(lambda: "the cluster is away" in shown(drive))
        cockpit.sync = RECORDED
        await drive.press("r")
        await drive.until(lambda: "the cluster is away" not in shown(drive))
        assert "broken" in shown(drive)


async def test_proxies_that_are_new_are_asked_before_the_next_beat() -> None:
    cockpit = FakeCockpit()
    pods = cockpit.raw["pods"]
    cockpit.raw["pods"] = []
    async with driving(cockpit, size=LARGE) as drive:
        await drive.press("H")
        await drive.until(lambda: "no proxy" in shown(drive))
        cockpit.raw["pods"] = pods
        await drive.tick()
        await drive.tick()
        await drive.until(lambda: "reviews-v3" in shown(drive))


@pytest.mark.parametrize("width", [60, 76, 100, 157, 300])
def test_no_line_is_wider_than_the_pane(width: int) -> None:
    lines = status_lines(RECORDED, "", width)
    assert max(map(width_of, lines)) <= max(width, 70)
    assert "".join(piece.text for piece in summary(RECORDED)).split() == [
        *("1", "refuses", "1", "stale", "2", "in", "sync")
    ]


def test_a_text_that_no_proxy_holds_says_so() -> None:
    (line,) = status_lines(RECORDED, "nobody", 80)
    assert line[0].text == "no proxy with 'nobody'"


def test_of_a_large_mesh_the_worst_are_shown_and_a_text_finds_the_others() -> None:
    pods = [proxy(("terminal-a", f"p-{number}")) for number in range(MOST_ROWS + 7)]
    facts = SyncFacts(istiod_trouble="no")
    found = MeshSync(NOW, proxy_rows([*pods, *PODS], facts, NOW))
    assert "… 11 more" in status_lines(found, "", 100)[-1][0].text
    assert "more" not in status_lines(found, "p-40", 100)[-1][0].text


def test_why_nothing_is_known_of_several_is_said_once() -> None:
    answers = {place: ProxyAnswer(trouble="no way") for place in (WELL, STOPPED)}
    answers[DOOR] = ProxyAnswer(trouble="it hangs")
    pods = [proxy(place) for place in (WELL, STOPPED, DOOR)]
    found = MeshSync(
        NOW, proxy_rows(pods, SyncFacts(istiod_trouble="closed", answers=answers), NOW)
    )
    text = ["".join(piece.text for piece in line) for line in status_lines(found, "", 100)]
    assert text[0] == "▲ 2 proxies: no way"
    assert sum("no way" in line for line in text) == 1
    assert "  └ it hangs" in text
    alone = ["".join(piece.text for piece in line) for line in status_lines(found, WELL[1], 100)]
    assert "  └ no way" in alone
