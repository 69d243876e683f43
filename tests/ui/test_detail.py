"""The selected row in detail, below the table of a tall screen."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from meshtui.diagnosis.logged_paths import LoggedPath, LoggedPaths
from meshtui.errors import MeshtuiError, NotAllowed
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import Sample, Signals
from meshtui.mesh.time_series import ERRORS, P99, RPS
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import service_views
from meshtui.ui.main.detailtext import (
    ROOMY,
    caller_names,
    chart_column,
    first_chart,
    service_lines,
    side_column,
    version_lines,
)
from meshtui.ui.panes.charts.lines import LATENCY, ChartStyle
from meshtui.ui.widgets.paint import Line, Span, width_of
from tests.ui import bookinfo
from tests.ui.big import big_objects
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.fake import NOW, FakeCockpit

REVIEWS = ServiceKey(bookinfo.NAMESPACE, "reviews")
CALLED = {REVIEWS: frozenset({(bookinfo.NAMESPACE, "productpage-v1"), ("other", "batch")})}


def lines_of(
    version: VersionView, size: tuple[int, int], paths: LoggedPaths | str = ""
) -> list[Line]:
    charts = chart_column(version, None, size, NOW)
    return version_lines(charts, side_column(version, size[0], NOW, paths=paths), size)


def detail(drive: Drive) -> str:
    """What stands below the table; empty where nothing does."""
    found = drive.app.main.detail
    return "\n".join("".join(p.text for p in line) for line in found.lines) if found.display else ""


async def test_of_a_version_errors_and_latency_over_time_what_fails_and_its_pods() -> None:
    async with driving(size=LARGE) as drive:
        await drive.go_to("reviews", "v3")
        await drive.until(lambda: "reviews v3" in detail(drive))
        for words in ("errors", "latency p99", "failing", "what fails", "503", "UF"):
            assert words in detail(drive)
        assert "pods 1" in detail(drive) and "no restarts" in detail(drive)
        assert "reviews v3" in drive.text


async def test_numbers_that_are_old_do_not_pass_for_new_ones() -> None:
    async with driving(size=LARGE) as drive:
        await drive.go_to("reviews", "v3")
        await drive.until(lambda: "what fails" in detail(drive))
        drive.cockpit.clock.now += 60
        await drive.until(lambda: "what failed when it was last seen" in detail(drive))
        roles = {p.role for line in drive.app.main.detail.lines for p in line if "503" in p.text}
        assert roles == {"old"}


async def test_of_a_service_its_rule_in_words_and_who_calls_it() -> None:
    cockpit = FakeCockpit()
    measure = cockpit.measure

    def measured() -> None:
        measure()
        assert cockpit.sample is not None
        cockpit.sample = replace(cockpit.sample, clients=CALLED)

    cockpit.measure = measured  # type: ignore[method-assign]
    async with driving(cockpit, LARGE) as drive:
        await drive.go_to("reviews")
        await drive.until(lambda: "called by" in detail(drive))
        for words in ("VirtualService bookinfo/reviews", "any request", "80%", "timeout 10s"):
            assert words in detail(drive)
        assert "productpage-v1" in detail(drive) and "batch.other" in detail(drive)
        await drive.go_to("ratings")
        await drive.until(lambda: "no rule names this service" in detail(drive))


async def test_of_a_service_the_courses_of_all_its_versions_where_there_is_room() -> None:
    async with driving(size=LARGE) as drive:
        await drive.go_to("reviews")
        for _ in range(3):
            await drive.tick()
        await drive.until(lambda: "latency p99" in detail(drive))
        title = next(line for line in detail(drive).splitlines() if line.startswith(" errors"))
        assert all(f" {name} " in title for name in ("a v1", "b v2", "c v3"))
        assert "called by" in detail(drive) and "VirtualService bookinfo/reviews" in detail(drive)


@pytest.mark.parametrize(("width", "height"), [(60, 12), (88, 30), (99, 48), (100, 8), (218, 48)])
def test_a_services_charts_take_the_room_that_its_words_leave(width: int, height: int) -> None:
    mesh = bookinfo.mesh_of(bookinfo.objects())
    view = next(v for v in service_views(mesh, None) if v.key == REVIEWS)
    asked: list[tuple[int, int]] = []

    def drawn(size: tuple[int, int]) -> list[Line]:
        asked.append(size)
        return [(Span("x" * size[0]),)] * size[1]

    lines = service_lines(view, None, (width, height), draw=drawn)
    assert len(lines) <= height and max(map(width_of, lines)) <= width
    words = ["".join(piece.text for piece in line) for line in lines]
    charts = sum("x" * asked[0][0] in line for line in words) if asked else 0
    assert charts == (asked[0][1] if asked else 0)
    assert bool(asked) is (width >= ROOMY or height >= 30)
    without = service_lines(view, None, (width, height), draw=lambda _: ())
    assert without == service_lines(view, None, (width, height))


@pytest.mark.parametrize(
    ("states", "first"),
    [
        (("ok", "slow"), LATENCY),
        (("slow",), LATENCY),
        (("slow", "failing"), ERRORS),
        (("ok", "failing"), ERRORS),
        (("ok",), ERRORS),
    ],
)
def test_the_first_chart_is_of_what_is_bad(states: tuple[str, ...], first: str) -> None:
    assert first_chart(*states) == first
    style = ChartStyle(first=first)
    assert style.measures(5) == (P99 if first == LATENCY else ERRORS,)
    assert set(style.measures(40)) == {ERRORS, P99, RPS}


def test_who_calls_a_version_and_what_its_own_proxy_counts_stand_below_its_pods() -> None:
    mesh = bookinfo.mesh_of(bookinfo.objects())
    sample = replace(bookinfo.sample(mesh, 1.0), clients=CALLED)
    view = next(v for v in service_views(mesh, sample) if v.key == REVIEWS)
    version = replace(view.versions[2], server=Signals(140, 14, 0.2, 1, 2, 930), server_state="ok")
    side = side_column(version, 158, NOW, callers=caller_names(view, sample))
    words = ["".join(piece.text for piece in line) for line in side]
    assert "called by productpage-v1, batch.other" in words
    assert "its own proxy counts 14/s, 20.0 % errors, p99 930ms" in words
    quiet = replace(version, server=None)
    assert "proxy counts" not in str(side_column(quiet, 158, NOW))


async def test_it_is_not_there_where_there_is_no_room() -> None:
    async with driving(size=SMALL) as drive:
        assert not drive.app.main.detail.display
        for size, there in (((100, 29), False), ((100, 34), True), ((50, 40), False)):
            await drive.pilot.resize_terminal(*size)
            await drive.until(lambda wanted=there: drive.app.main.detail.display is wanted)  # type: ignore[misc]


async def test_a_table_that_needs_the_room_has_it() -> None:
    cockpit = FakeCockpit()
    cockpit.raw = big_objects(60)
    async with driving(cockpit, LARGE) as drive:
        assert not drive.app.main.detail.display


async def test_a_pane_alone_on_the_screen_hides_it_with_the_table() -> None:
    async with driving(size=LARGE) as drive:
        await drive.until(lambda: detail(drive))
        await drive.press("y", "z")
        pane = drive.app.main.dock.pane("rules")
        assert pane is not None
        await drive.until(lambda: pane.size.width > LARGE[0] - 4)
        await drive.press("z")
        await drive.until(lambda: drive.app.main.left.display and detail(drive))


async def test_a_chart_is_drawn_anew_for_another_row_at_once_and_else_at_its_own_beat() -> None:
    async with driving(size=LARGE) as drive:
        await drive.go_to("reviews", "v3")
        await drive.until(lambda: "reviews v3" in detail(drive))
        shown = drive.app.main.detail
        before = shown._charts
        await drive.tick()
        assert shown._charts is before
        for _ in range(5):
            await drive.tick()
        assert shown._charts is not before
        await drive.press("k")
        await drive.until(lambda: "reviews v2" in detail(drive))


@pytest.mark.parametrize("size", [(60, 8), (88, 12), (158, 24)])
def test_nothing_is_wider_or_higher_than_its_room_whatever_it_is_called(
    size: tuple[int, int],
) -> None:
    raw = bookinfo.objects()
    for pod in raw["pods"]:
        pod["metadata"]["name"] = "[red]" + pod["metadata"]["name"] * 4 + "\x1b[2J"
    mesh = bookinfo.mesh_of(raw)
    many = {REVIEWS: frozenset(("b", "caller-" * 20 + str(n)) for n in range(30))}
    sample = replace(bookinfo.sample(mesh, 1.0), clients=many)
    for view in service_views(mesh, sample):
        blocks = [service_lines(view, sample, size), service_lines(view, None, size)]
        blocks += [lines_of(version, size) for version in view.versions]
        for lines in blocks:
            assert len(lines) <= size[1] and max(map(width_of, lines)) <= size[0]
            assert "\x1b" not in "".join(piece.text for line in lines for piece in line)


@pytest.mark.parametrize("width", range(80, 220, 7))
def test_a_pods_name_is_cut_only_where_there_is_no_blank_to_spare(width: int) -> None:
    mesh = bookinfo.mesh_of(bookinfo.objects())
    view = next(v for v in service_views(mesh, None) if v.key == REVIEWS)
    version = view.versions[0]
    shown = ["".join(p.text for p in line) for line in side_column(version, width, NOW)]
    lines = [line for line in shown if line.endswith("  age ?")]
    assert len(lines) == len(version.members)
    for line, pod in zip(lines, version.members, strict=True):
        assert pod.name in line or "   age" not in line


def test_what_is_not_known_is_said() -> None:
    mesh = bookinfo.mesh_of(bookinfo.objects())
    view = next(v for v in service_views(mesh, None) if v.key == REVIEWS)
    text = [
        lines_of(view.versions[0], (100, 12)),
        service_lines(view, None, (99, 9)),
    ]
    words = " ".join(piece.text for lines in text for line in lines for piece in line)
    assert words.count("not known") == 2 and "nothing was measured" in words
    quiet = Sample(1.0, "sidecars", 10.0)
    callers = service_lines(view, quiet, (99, 9))
    assert "nobody that was seen" in "".join(p.text for line in callers for p in line)
    assert Signals().requests == 0


# Which paths fail

V3 = ("bookinfo", "reviews-v3-5f6d8c7b9-bx2k1")
FAILED = Counter({LoggedPath("caller", "/reviews/0", "v3"): 9, LoggedPath("caller", "/x", "v1"): 5})
PATHS = LoggedPaths(
    requests=FAILED + Counter({LoggedPath("caller", "/reviews/0", "v3"): 31}),
    failed=FAILED,
    proxies=2,
)


async def test_of_a_version_that_fails_the_logs_are_read_once_the_cursor_rests_on_it() -> None:
    cockpit = FakeCockpit()
    cockpit.known_paths = PATHS
    async with driving(cockpit, LARGE) as drive:
        await drive.go_to("reviews", "v1")
        await drive.until(lambda: "reviews v1" in detail(drive))
        assert "failing paths" not in detail(drive)
        await drive.go_to("reviews", "v3")
        await drive.until(lambda: "/reviews/0" in detail(drive))
        assert "22.5% 9/40 /reviews/0" in detail(drive) and "/x" not in detail(drive)
        assert cockpit.paths_asked == [REVIEWS]
        await drive.tick()
        await drive.tick()
        assert cockpit.paths_asked == [REVIEWS], "logs are not read with each sample"
        cockpit.clock.now += 100
        await drive.tick()
        await drive.until(lambda: cockpit.paths_asked == [REVIEWS, REVIEWS])


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (NotAllowed("pods/log is forbidden", "ask"), "not read: pods/log is forbidden"),
        (LoggedPaths(troubles=("these proxies write no log",)), "not read: these proxies write no"),
        (LoggedPaths(proxies=3), "its requests are not in the logs"),
        (LoggedPaths(requests=PATHS.requests, proxies=3), "none in the last lines of the logs"),
    ],
)
async def test_what_the_logs_do_not_say_is_said(
    found: LoggedPaths | MeshtuiError, words: str
) -> None:
    cockpit = FakeCockpit()
    if isinstance(found, MeshtuiError):
        cockpit.paths_error = found
    else:
        cockpit.known_paths = found
    async with driving(cockpit, LARGE) as drive:
        await drive.go_to("reviews", "v3")
        await drive.until(lambda: "failing paths not read" in detail(drive))
        await drive.until(lambda: words in detail(drive))


def test_paths_of_any_length_and_letters_stay_in_their_room() -> None:
    mesh = bookinfo.mesh_of(bookinfo.objects())
    view = next(v for v in service_views(mesh, bookinfo.sample(mesh, 1.0)) if v.key == REVIEWS)
    counted = Counter({LoggedPath("caller", "/日本\x1b[2J" * 40, "v3"): 10**7})
    for size in ((60, 8), (88, 12), (158, 24)):
        paths = LoggedPaths(NOW, counted, counted, 1)
        lines = lines_of(view.versions[2], size, paths=paths)
        assert len(lines) <= size[1] and max(map(width_of, lines)) <= size[0]
        assert "\x1b" not in "".join(piece.text for line in lines for piece in line)


async def test_the_row_and_the_detail_say_the_same_number_at_the_same_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each sample, and not only when the charts are drawn anew."""
    async with driving(size=LARGE) as drive:
        await drive.go_to("reviews", "v3")
        for ratio in (0.041, 0.073, 0.126, 0.052):
            monkeypatch.setitem(bookinfo.ERRORS, "v3", ratio)
            await drive.tick()
            row = next(line for line in drive.text.splitlines() if "└" in line)
            assert f"{100 * ratio:.1f}%" in row
            assert f"{100 * ratio:.1f} % of " in detail(drive)
