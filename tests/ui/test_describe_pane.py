"""The describe pane: what configures a service, in one place, by the objects alone."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.mesh.description import described
from meshtui.mesh.exposure import doors_to
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.view import service_views
from meshtui.ui.panes.describetext import describe_lines
from meshtui.ui.widgets.paint import width_of
from tests.ui import bookinfo
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.fake import FakeCockpit
from tests.unit.test_description import peer, policy, sidecar

EVIL = "\x1b[2J\u202e日本語"


def shown(drive: Drive) -> str:
    pane = drive.app.main.dock.pane("describe")
    assert pane is not None
    lines = [pane.listing.line_at(at) for at in range(pane.listing.line_count())]
    return "\n".join("".join(piece.text for piece in line) for line in lines)


def guarded(cockpit: FakeCockpit, namespace: str = bookinfo.NAMESPACE) -> FakeCockpit:
    for kind, found in {
        "peerauthentications": peer("home", "STRICT", namespace),
        "authorizationpolicies": policy("callers", namespace=namespace),
        "sidecars": sidecar("narrow"),
    }.items():
        found["metadata"]["namespace"] = namespace
        cockpit.raw[kind] = [found]
    return cockpit


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_d_describes_the_service_and_the_version_under_the_cursor(
    size: tuple[int, int],
) -> None:
    async with driving(guarded(FakeCockpit()), size=size) as drive:
        await drive.go_to("reviews")
        await drive.press("d")
        await drive.until(lambda: "version v3" in shown(drive))
        text = " ".join(shown(drive).split())
        for words in (
            "host reviews.bookinfo.svc.cluster.local",
            "http 9080",
            "VirtualService bookinfo/reviews: any request → v1 80%",
            "v1: version=v1",
            "9080: STRICT, mutual TLS only (PeerAuthentication bookinfo/home)",
            "ALLOW bookinfo/callers, 1 rule",
            "Sidecar bookinfo/narrow limits what its pods see",
        ):
            assert words in text, words
        if size == SMALL:
            return
        await drive.go_to("reviews", "v2")
        await drive.until(lambda: "version v3" not in shown(drive))
        assert "version v2" in shown(drive)


async def test_it_follows_the_objects() -> None:
    async with driving() as drive:
        await drive.go_to("details")
        await drive.press("d")
        await drive.until(lambda: "none: anybody may call" in shown(drive))
        guarded(drive.cockpit)
        await drive.tick()
        await drive.until(lambda: "ALLOW bookinfo/callers" in shown(drive))


@pytest.mark.parametrize("width", [30, 76, 140])
def test_no_line_is_wider_than_the_pane_whatever_names_say(width: int) -> None:
    raw = guarded(FakeCockpit()).raw
    found: list[dict[str, Any]] = [*raw["authorizationpolicies"], *raw["sidecars"], *raw["pods"]]
    for one in found:
        one["metadata"]["name"] += EVIL * 9
    for one in raw["pods"]:
        for container in one["spec"]["containers"]:
            container["image"] = EVIL * 20
    mesh = bookinfo.mesh_of(raw)
    view = next(v for v in service_views(mesh, None) if v.key == ServiceKey("bookinfo", "reviews"))
    rows = [described(mesh, view, row) for row in view.versions]
    lines = describe_lines(view, rows, doors_to(mesh, view.service), width)
    assert max(map(width_of, lines)) <= width
    assert not {"\x1b", "\u202e"} & set("".join(p.text for line in lines for p in line))
