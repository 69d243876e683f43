"""The pods pane: which pod is ready, how often and why it restarted, how its proxy does."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.diagnosis.proxy_sync import ProxyAnswer, SyncFacts, proxy_rows
from meshtui.diagnosis.refused_config import RefusedConfig, RefusedConfigs
from meshtui.errors import NotAllowed
from meshtui.mesh.model import Pod
from meshtui.operations.look.proxy_counters import Counters
from meshtui.operations.look.proxy_status import answer_of
from meshtui.operations.look.proxy_sync import MeshSync
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


@pytest.mark.parametrize("size", [LARGE, SMALL])
async def test_what_is_not_known_of_the_proxies_is_said_with_the_reason(
    size: tuple[int, int],
) -> None:
    cockpit = FakeCockpit()
    error = str(NotAllowed("pods/portforward is forbidden", "ask for the right"))
    answers = {(pod.namespace, pod.name): ProxyAnswer(trouble=error) for pod in cockpit.mesh.pods}
    facts = SyncFacts(istiod_trouble="a token is wanted", answers=answers)
    rows = proxy_rows(cockpit.mesh.pods, facts, cockpit.clock.now)
    cockpit.sync = MeshSync(cockpit.clock.now, rows, trouble=facts.istiod_trouble)
    async with driving(cockpit, size=size) as drive:
        await drive.go_to("reviews")
        await drive.press("i")
        await drive.until(lambda: "unknown" in shown(drive))
        said = " ".join(shown(drive).split())
        assert "pods/portforward is forbidden" in said
        assert cockpit.sync.unsaid in said and "a token is wanted" in cockpit.sync.unsaid


async def test_what_a_proxy_refuses_is_said_by_type_with_istiods_words() -> None:
    cockpit = FakeCockpit()
    counted = RefusedConfigs(
        tuple(
            RefusedConfig(pod.namespace, pod.name, ("cds", "lds"))
            for pod in cockpit.mesh.pods
            if pod.version == "v3"
        )
    )
    facts = SyncFacts(counted=counted, istiod_trouble="a token is wanted")
    rows = proxy_rows(cockpit.mesh.pods, facts, cockpit.clock.now)
    cockpit.sync = MeshSync(cockpit.clock.now, rows, trouble=facts.istiod_trouble)
    async with driving(cockpit, size=LARGE) as drive:
        await drive.go_to("reviews")
        await drive.press("i")
        await drive.until(lambda: "unknown" in shown(drive))
        for kind in ("CDS", "LDS"):
            words = f"proxy: has refused {kind}; whether it still does is not known"
            assert shown(drive).count(words) == 1


def parsed(*raws: dict[str, Any]) -> tuple[Pod, ...]:
    return mesh_of(*raws).pods


@pytest.mark.parametrize(
    ("counters", "connected", "refused"),
    [
        ({STREAM: 1}, True, {}),
        ({"cluster.xds-grpc.upstream_rq_active": 1}, True, {}),
        ({STREAM: 0}, False, {}),
        ({STREAM: 1, "cluster_manager.cds.update_rejected": 2}, True, {"CDS": 2}),
        ({"cluster_manager.cds.update_rejected": 0}, None, {}),
        ({}, None, {}),
    ],
)
def test_a_proxy_says_how_it_stands_with_istiod(
    counters: dict[str, int], connected: bool | None, refused: dict[str, int]
) -> None:
    (one,) = parsed(pod(status("reviews")))
    found = answer_of(Counters(one, counters))
    assert (found.connected, dict(found.rejected)) == (connected, refused)


@pytest.mark.parametrize("width", [40, 60, 76, 157])
def test_no_line_is_wider_than_the_pane_and_both_ends_of_a_pods_name_are_seen(width: int) -> None:
    pods = parsed(pod(CRASH, ready=False), pod(status("reviews"), number=2))
    answers = {("default", one.name): ProxyAnswer(True) for one in pods}
    sync = MeshSync(
        NOW, proxy_rows(pods, SyncFacts(answers=answers), NOW), trouble="a token is wanted"
    )
    lines = pods_lines(pods, mesh_of(), sync, NOW, width)
    assert max(width_of(line) for line in lines) <= max(width, 60)
    text = "\n".join("".join(piece.text for piece in line) for line in lines)
    assert "revie" in text and "6d-1 " in text and "6d-2 " in text
    assert "1h00m" in text
    assert "1.27.1" in text or width == 40


@pytest.mark.parametrize("width", range(60, 120))
def test_a_pod_that_does_not_serve_is_first_and_a_node_is_cut_to_no_stump(width: int) -> None:
    raw = [pod(status("reviews")), pod(CRASH, ready=False, number=2)]
    for one in raw:
        one["spec"]["nodeName"] = "ip-10-0-101-17.ec2.internal"
    lines = pods_lines(parsed(*raw), mesh_of(), None, NOW, width)
    head, first, why, *_ = ("".join(piece.text for piece in line) for line in lines)
    assert " no 0/2 " in first and "CrashLoopBackOff" in why
    shown = first.partition("ip-10")[2].partition(" ")[0]
    assert ("node" in head) is bool(shown)
    assert not shown or shown.endswith("ternal")


def test_a_service_without_pods_says_so() -> None:
    (line,) = pods_lines((), mesh_of(), None, NOW, 80)
    assert line[0].text == "no pod: its Service selects none"


async def test_the_row_of_a_crash_loop_says_why_and_the_header_names_it() -> None:
    cockpit = crashing(FakeCockpit())
    async with driving(cockpit, size=LARGE) as drive:
        await drive.tick()
        lines = drive.text.split("\n")
        assert "reviews v3" in lines[0]
        assert any("✖ v3" in line and "CrashLoopBackOff: reviews" in line for line in lines)
