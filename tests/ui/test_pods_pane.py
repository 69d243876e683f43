"""The pods pane: which pod is ready, how often and why it restarted, how its proxy does."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.errors import NotAllowed
from meshtui.mesh.model import Pod
from meshtui.operations.look.proxy_status import ProxyStatus, status_of
from meshtui.ui.panes.podstext import pods_lines
from meshtui.ui.widgets.paint import width_of
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.fake import FakeCockpit
from tests.unit.test_pod_status import NOW, mesh_of, pod, status

STREAM = "cluster.xds-grpc;.upstream_rq_active"
CRASH = status("reviews", 7, "Error 1 11:59:30", waiting="CrashLoopBackOff")


def shown(drive: Drive) -> str:
    pane = drive.app.main.dock.pane("pods")
    assert pane is not None
    body = pane.listing
    lines = [body.line_at(at) for at in range(body.line_count())]
    return "\n".join("".join(piece.text for piece in line) for line in lines)


def crashing(cockpit: FakeCockpit) -> FakeCockpit:
    """Its only pod of reviews v3 is in a crash loop."""
    for raw in cockpit.raw["pods"]:
        if raw["metadata"]["labels"].get("version") == "v3":
            raw["status"]["containerStatuses"] = [CRASH]
            raw["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    return cockpit


@pytest.mark.parametrize("size", [LARGE, SMALL])
async def test_i_shows_the_pods_of_the_service_and_of_the_version_under_the_cursor(
    size: tuple[int, int],
) -> None:
    async with driving(crashing(FakeCockpit()), size=size) as drive:
        await drive.go_to("reviews")
        await drive.press("i")
        await drive.until(lambda: "in sync" in shown(drive))
        assert shown(drive).count("reviews-v") + shown(drive).count("…") >= 3
        assert "CrashLoopBackOff: reviews (Error, exit 1), restarted 7×" in shown(drive)
        if size == SMALL:
            return
        await drive.go_to("reviews", "v1")
        await drive.until(lambda: "CrashLoopBackOff" not in shown(drive))


async def test_proxies_that_cannot_be_asked_are_said_to_be_unread_with_the_reason() -> None:
    cockpit = FakeCockpit()

    async def refused(pods: Any) -> tuple[ProxyStatus, ...]:
        error = str(NotAllowed("pods/portforward is forbidden", "ask for the right"))
        return tuple(ProxyStatus(one, trouble=error) for one in pods)

    cockpit.proxy_statuses = refused  # type: ignore[method-assign]
    async with driving(cockpit, size=LARGE) as drive:
        await drive.go_to("reviews")
        await drive.press("i")
        await drive.until(lambda: "not read" in shown(drive))
        assert "pods/portforward is forbidden" in shown(drive)


def parsed(*raws: dict[str, Any]) -> tuple[Pod, ...]:
    return mesh_of(*raws).pods


@pytest.mark.parametrize(
    ("counters", "words"),
    [
        ({STREAM: 1}, "in sync"),
        ({"cluster.xds-grpc.upstream_rq_active": 1}, "in sync"),
        ({STREAM: 0}, "NOT connected"),
        ({STREAM: 1, "cluster_manager.cds.update_rejected": 2}, "refused 2×"),
        ({"cluster_manager.cds.update_rejected": 0}, "none refused"),
        ({}, "does not say"),
    ],
)
def test_a_proxy_says_how_it_stands_with_istiod(counters: dict[str, int], words: str) -> None:
    (one,) = parsed(pod(status("reviews")))
    assert status_of(one, counters).words == words


@pytest.mark.parametrize("width", [40, 60, 76, 157])
def test_no_line_is_wider_than_the_pane_and_both_ends_of_a_pods_name_are_seen(width: int) -> None:
    pods = parsed(pod(CRASH, ready=False), pod(status("reviews"), number=2))
    statuses = {("default", one.name): ProxyStatus(one, connected=True) for one in pods}
    lines = pods_lines(pods, mesh_of(), statuses, NOW, width)
    assert max(width_of(line) for line in lines) <= max(width, 60)
    text = "\n".join("".join(piece.text for piece in line) for line in lines)
    assert "revie" in text and "6d-1 " in text and "6d-2 " in text
    assert "1h00m" in text
    assert "1.27.1" in text


def test_a_service_without_pods_says_so() -> None:
    (line,) = pods_lines((), mesh_of(), {}, NOW, 80)
    assert line[0].text == "no pod: its Service selects none"


async def test_the_row_of_a_crash_loop_says_why_and_the_header_names_it() -> None:
    cockpit = crashing(FakeCockpit())
    async with driving(cockpit, size=LARGE) as drive:
        await drive.tick()
        lines = drive.text.split("\n")
        assert "reviews v3" in lines[0]
        assert any("✖ v3" in line and "CrashLoopBackOff: reviews" in line for line in lines)
