"""A request followed from a line of the logs, drawn as a tree with times."""

from __future__ import annotations

from itertools import pairwise

import pytest

from meshtui.envoy.accesslog import AccessRecord
from meshtui.envoy.hops import AppLine, LoggedHop, hops_of
from meshtui.errors import Refused
from meshtui.mesh.model import Pod
from meshtui.operations.request.follow import FollowedRequest
from meshtui.operations.types import LogEntry
from meshtui.ui.dialogs.followed import FollowedDialog
from meshtui.ui.panes.logs.followed import followed_lines
from meshtui.ui.widgets.paint import width_of
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.fake import FakeCockpit
from tests.unit.test_hops import BOOKINFO, PLACES, PODS

EVIL = "\x1b[2J\u202e日本語"
LINES = [AppLine(PODS["reviews"], "app", BOOKINFO[5].begin + 0.01, f"slow {EVIL}")]
FOUND = FollowedRequest("abc", hops_of(BOOKINFO, PLACES, LINES), (("shop", "gate-0"),), 2, ("oh",))


def text_of(found: FollowedRequest, width: int = 120) -> list[str]:
    lines = followed_lines(found, width)
    return ["".join(piece.text for piece in line).rstrip() for line in lines]


def test_it_is_a_tree_with_times() -> None:
    lines = text_of(FOUND)
    assert lines[2:7] == [
        "    +0 ms   100 ms  gate → page  GET /page 200  server 95 ms",
        "    +5 ms    10 ms  ├ page → details  GET /details 200  server 8 ms",
        "   +20 ms    60 ms  └ page → reviews  GET /reviews 200  server 50 ms",
        "                      │ app: +32 ms slow ^[[2J\\u202e日本語",
        "   +30 ms    20 ms    └ reviews → ratings  GET /ratings 200  server 15 ms",
    ]
    assert "4 hops, the logs of 1 pod was read, 2 more pods were not read" in lines
    assert "▲ oh" in lines


def test_who_logged_nothing_is_told() -> None:
    lines = text_of(FollowedRequest("abc", hops_of(BOOKINFO[1:3], PLACES)))
    assert "(not logged) → page" in lines[2] and "page → 10.0.0.4:9080" in lines[3]
    assert "no line of it was found" in " ".join(text_of(FollowedRequest("abc")))


@pytest.mark.parametrize("width", [30, 76, 146])
def test_no_line_is_wider_than_the_dialog_however_deep_and_whatever_it_holds(width: int) -> None:
    pods = [Pod("shop", f"{EVIL}{n}", f"10.1.0.{n}", workload=EVIL * 9) for n in range(60)]
    chain = []
    for n, (pod, after) in enumerate(pairwise(pods)):
        time = f"2026-08-01T12:00:00.{n:03}Z"
        out = AccessRecord(
            time, EVIL, EVIL * 50, duration_ms=900 - n, upstream_host=f"{after.ip}:1",
            upstream_cluster="outbound|1||x", flags=(EVIL,),
        )  # fmt: skip
        came = AccessRecord(time, duration_ms=900 - n, upstream_cluster="inbound|1||")
        chain += [LoggedHop(pod, out), LoggedHop(after, came)]
    places = {pod.ip: (pod.namespace, pod.name) for pod in pods}
    hops = hops_of(chain, places, [AppLine(pods[5], EVIL, 1.0, EVIL * 99)])
    assert len(hops) == 1
    lines = followed_lines(FollowedRequest(EVIL * 20, hops), width)
    assert max(map(width_of, lines)) <= width and len(lines) > 59
    assert not {"\x1b", "\u202e"} & set("".join(p.text for line in lines for p in line))


async def logged(drive: Drive) -> None:
    await drive.go_to("reviews")
    await drive.press("l")
    await drive.until(lambda: drive.cockpit.tailed)
    drive.cockpit.logs.put_nowait(LogEntry("shop", "reviews-0", "v1", "a line"))
    await drive.until(lambda: "a line" in drive.text)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_f_follows_the_line_under_the_cursor(size: tuple[int, int]) -> None:
    cockpit = FakeCockpit()
    cockpit.known_follow = FOUND
    async with driving(cockpit, size) as drive:
        await logged(drive)
        await drive.press("F")
        await drive.until(lambda: "reviews → ratings" in drive.text)
        assert [line.text for line in cockpit.followed] == ["a line"]
        await drive.press("r")
        await drive.until(lambda: len(cockpit.followed) == 2)
        await drive.press("escape")
        await drive.until(lambda: not isinstance(drive.app.screen, FollowedDialog))


async def test_why_it_cannot_be_followed_is_said() -> None:
    cockpit = FakeCockpit()
    cockpit.follow_error = Refused("this line has no request id", "the format must have one")
    async with driving(cockpit) as drive:
        await logged(drive)
        await drive.press("F")
        await drive.until(lambda: "this line has no request id" in drive.text)
