"""The analysis pane: what is wrong with the mesh, the selected service's findings first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshtui.diagnosis.analysis import Finding, analyze
from meshtui.diagnosis.refused_config import RefusedConfigs
from meshtui.errors import Unreachable
from meshtui.mesh.model import Ref
from meshtui.mesh.view import service_views
from meshtui.operations.look.analyze import Analysis, with_refused
from meshtui.ui.panes.analysis import AnalysisPane
from meshtui.ui.panes.analysistext import MOST, finding_lines, findings_lines, refs_of
from meshtui.ui.widgets.paint import Line, width_of
from tests.ui import bookinfo
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.fake import FakeCockpit


def broken() -> FakeCockpit:
    """reviews sends 20 % to a subset that there is not, ratings to a host that there is not."""
    cockpit = FakeCockpit()
    rules = cockpit.raw["destinationrules"][0]["spec"]
    rules["subsets"] = [subset for subset in rules["subsets"] if subset["name"] != "v3"]
    wrong = bookinfo.reviews_rules({"v1": 100})
    wrong["metadata"] = bookinfo.meta("ratings")
    wrong["spec"] = {
        "hosts": ["ratings"],
        "http": [{"route": [{"destination": {"host": "nowhere"}}]}],
    }
    cockpit.raw["virtualservices"].append(wrong)
    return cockpit


def pane(drive: Drive) -> AnalysisPane:
    found = drive.app.main.dock.pane("analysis")
    assert isinstance(found, AnalysisPane)
    return found


def words(lines: list[Line]) -> str:
    return "\n".join("".join(piece.text for piece in line) for line in lines)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_the_selected_services_findings_stand_first(size: tuple[int, int]) -> None:
    async with driving(broken(), size=size) as drive:
        await drive.go_to("reviews")
        await drive.press("a")
        await drive.until(lambda: "about reviews" in drive.text)
        assert "✖ error   missing-subset" in drive.text
        assert "VirtualService bookinfo/reviews" in drive.text
        assert "spec.http[1].route[2].destination.subset" in drive.text
        assert "✖ 2 errors" in drive.text
        assert "missing-host" not in drive.text.split("about reviews")[0]
        assert ("weight" in drive.text) is (size == LARGE)
        await drive.go_to("ratings")
        if size == SMALL:
            await drive.press("tab")
        await drive.until(lambda: "about ratings" in drive.text)
        assert "missing-host" in drive.text.split("elsewhere")[0]


async def test_it_is_checked_again_once_the_mesh_has_changed() -> None:
    async with driving() as drive:
        await drive.press("a")
        await drive.until(lambda: "unsafe-retry" in drive.text)
        assert "missing-subset" not in drive.text and "elsewhere in the mesh" in drive.text
        drive.cockpit.raw = broken().raw
        await drive.tick()
        await drive.until(lambda: "missing-subset" in drive.text)
        drive.cockpit.raw = bookinfo.objects()
        await drive.tick()
        await drive.until(lambda: "missing-subset" not in drive.text)


async def test_an_unchanged_mesh_is_checked_once_and_never_twice_at_a_time() -> None:
    async with driving() as drive:
        cockpit = drive.cockpit
        cockpit.mesh_override = cockpit.mesh
        cockpit.analysis_gate.clear()
        await drive.tick()
        await drive.press("a")
        await drive.until(lambda: cockpit.analyses == 1)
        cockpit.mesh_override = bookinfo.mesh_of(broken().raw)
        await drive.tick()
        assert cockpit.analyses == 1
        assert "checking…" in drive.text
        cockpit.analysis_gate.set()
        await drive.tick()
        await drive.until(lambda: cockpit.analyses == 2)
        await drive.until(lambda: "missing-subset" in drive.text)
        await drive.tick()
        assert cockpit.analyses == 2
        await drive.press("r")
        await drive.until(lambda: cockpit.analyses == 3)


async def test_a_check_that_fails_says_so_beside_what_was_found() -> None:
    async with driving(broken()) as drive:
        await drive.press("a")
        await drive.until(lambda: "missing-subset" in drive.text)
        drive.cockpit.analysis_error = Unreachable("not connected to a cluster", "wait")
        await drive.press("r")
        await drive.until(lambda: "✖ not connected to a cluster" in drive.text)
        assert "missing-subset" in drive.text


async def test_the_command_opens_it_and_the_place_is_kept_while_the_mesh_changes() -> None:
    async with driving(broken(), size=SMALL) as drive:
        await drive.press("colon")
        await drive.type("analyze")
        await drive.press("enter")
        await drive.until(lambda: "about reviews" in drive.text)
        await drive.press("j", "j", "j")
        await drive.until(lambda: pane(drive).listing.scroll_offset.y == 3)
        await drive.tick()
        assert pane(drive).listing.scroll_offset.y == 3
        await drive.press("escape")
        await drive.until(lambda: "weight" in drive.text)


@pytest.mark.parametrize("width", [30, 74])
def test_findings_fit_the_width_and_keep_hostile_names_as_text(width: int) -> None:
    effect = "Requests \x1b[2J are [red]lost[/red] because nobody answers them any more today."
    finding = Finding("x", "error", Ref("VirtualService", "b", "[b]\x07"), "spec", effect, effect)
    lines = list(finding_lines(finding, width))
    assert all(width_of(line) <= width for line in lines)
    assert "[red]lost[/red]" in words(lines) and "b/[b]^G" in words(lines)
    assert "\x1b" not in words(lines)


def test_a_long_list_says_how_many_are_left_out() -> None:
    many = tuple(
        Finding("x", "warning", Ref("VirtualService", "b", f"v{n}"), "spec", "e", "a")
        for n in range(MOST + 7)
    )
    mesh = bookinfo.mesh_of(bookinfo.objects())
    said = words(findings_lines(Analysis(many, ()), frozenset(), "reviews", mesh, 70))
    assert "nothing found about reviews" in said and "7 more: meshtui analyze" in said


def test_the_objects_of_a_service_are_those_that_name_it_or_lead_to_it() -> None:
    mesh = bookinfo.mesh_of(broken().raw)
    view = next(view for view in service_views(mesh, None) if view.key.name == "reviews")
    own = refs_of(view, mesh)
    assert {str(ref.kind) for ref in own} == {"VirtualService", "DestinationRule"}
    assert {finding.code for finding in analyze(mesh) if finding.object in own} >= {
        "missing-subset"
    }


async def test_what_could_not_be_judged_is_said_as_the_command_says_it() -> None:
    cockpit = FakeCockpit()
    partial = {"destinationrules": frozenset[str](), "telemetries": frozenset({"shop"})}
    cockpit.mesh_override = replace(cockpit.mesh, partial=partial)
    cockpit.refused_configs = RefusedConfigs(trouble="you may not read istiod's metrics")
    async with driving(cockpit, size=LARGE) as drive:
        await drive.press("a")
        await drive.until(lambda: "not judged" in drive.text)
        body = pane(drive).listing
        lines = [body.line_at(at) for at in range(body.line_count())]
        said = " ".join(words(lines).split())
        unchecked = with_refused(cockpit.mesh_override, (), cockpit.refused_configs).unchecked
        assert len(unchecked) == 3  # two kinds, and istiod's metrics
        assert all(one in said for one in unchecked)
