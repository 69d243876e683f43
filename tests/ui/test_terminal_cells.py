"""Only the cells that differ go over the line, and the terminal shows what Textual means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from meshtui.mesh.signals import Signals
from meshtui.ui.app import MeshtuiApp
from meshtui.ui.terminal.cells import TerminalCells
from meshtui.ui.terminal.looks import PLAIN, look_of, step
from tests.ui.big import big_objects
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.emulator import Emulator
from tests.ui.fake import FakeCockpit

WIDTH, HEIGHT = 24, 3

COLOURS = st.sampled_from(["red", "color(108)", "#a0b0c0", "bright_blue", "default"])
STYLES = st.builds(
    Style,
    color=st.none() | COLOURS,
    bgcolor=st.none() | COLOURS,
    bold=st.none() | st.booleans(),
    dim=st.none() | st.booleans(),
    reverse=st.none() | st.booleans(),
    underline=st.none() | st.booleans(),
)
WORDS = st.text("ab  .▌█é…", min_size=1, max_size=8)
PIECES = st.tuples(WORDS, st.none() | STYLES).map(lambda found: Segment(*found))
SEGMENTS = st.lists(PIECES, max_size=6)
LINES = SEGMENTS.map(lambda found: Strip(found).adjust_cell_length(WIDTH))
FRAMES = st.lists(st.tuples(*[LINES] * HEIGHT), min_size=1, max_size=4)
SYSTEMS = ("standard", "256", "truecolor")


def console(system: str = "256") -> Console:
    return Console(color_system=system, force_terminal=True, legacy_windows=False)  # type: ignore[arg-type]


def chops(lines: tuple[Strip, ...]) -> ChopsUpdate:
    spans = [(y, 0, WIDTH) for y in range(HEIGHT)]
    return ChopsUpdate([{0: line} for line in lines], spans, [[WIDTH]] * HEIGHT)


def layout(lines: tuple[Strip, ...]) -> LayoutUpdate:
    return LayoutUpdate([[line] for line in lines], Region(0, 0, WIDTH, HEIGHT))


@given(FRAMES, st.sampled_from(SYSTEMS))
def test_the_terminal_shows_what_textual_would_have_written(
    frames: list[tuple[Strip, ...]], system: str
) -> None:
    ours, theirs = Emulator(WIDTH, HEIGHT), Emulator(WIDTH, HEIGHT)
    shown, terminal = TerminalCells(), console(system)
    for number, lines in enumerate(frames):
        theirs.feed(chops(lines).render_segments(terminal))
        update = layout(lines) if number % 2 else chops(lines)
        ours.feed(shown.changes(update).render_segments(terminal))
        assert ours.lines == theirs.lines


def written(shown: TerminalCells, *texts: str) -> str:
    lines = tuple(Strip([Segment(text.ljust(WIDTH), Style(color="red"))]) for text in texts)
    blank = (Strip([Segment(" " * WIDTH)]),) * (HEIGHT - len(texts))
    return str(shown.changes(chops(lines + blank)).render_segments(console()))


def test_only_cells_that_differ_are_written() -> None:
    shown = TerminalCells()
    written(shown, "age 12s ok, and so on")
    assert written(shown, "age 12s ok, and so on") == ""
    assert written(shown, "age 13s ok, and so on") == "\x1b[1;6H\x1b[31m3\x1b[0m"
    assert written(shown, "Age 13s ok, and so On") == "\x1b[1;1H\x1b[31mA\x1b[18CO\x1b[0m"


def test_what_is_forgotten_is_written_whole() -> None:
    shown = TerminalCells()
    whole = written(shown, "one", "two")
    shown.forget()
    assert written(shown, "one", "two") == whole


def test_a_layout_of_another_size_is_written_whole() -> None:
    shown, line = TerminalCells(), (Strip([Segment("a" * WIDTH)]),) * HEIGHT
    shown.changes(layout(line)).render_segments(console())
    assert shown.changes(layout(line)).render_segments(console()) == ""
    narrow = [[Strip([Segment("a" * 9)])]] * HEIGHT
    smaller = LayoutUpdate(narrow, Region(0, 0, 9, HEIGHT))  # type: ignore[arg-type]
    assert "aaaaaaaaa" in shown.changes(smaller).render_segments(console())


@pytest.mark.parametrize("hostile", ["表a", "e\u0301a", "\U0001f468\u200d\U0001f469", "\u2705"])
def test_a_line_that_a_terminal_may_place_elsewhere_is_written_whole(hostile: str) -> None:
    shown = TerminalCells()
    written(shown, hostile + " 1")
    again = written(shown, hostile + " 2")
    assert hostile in again and again.startswith("\x1b[1;1H")
    assert hostile not in written(shown, "plain") and "plain" in written(TerminalCells(), "plain")


@given(STYLES, STYLES)
def test_a_step_between_two_looks_says_no_more_than_it_must(one: Style, other: Style) -> None:
    terminal = console()
    looks = [
        look_of(Strip.render_style(style, "-", terminal._color_system)[2:].partition("m")[0])  # type: ignore[arg-type]
        if style else PLAIN
        for style in (one, other)
    ]  # fmt: skip
    assert step(looks[0], looks[0]) == ("", looks[0])
    codes, there = step(*looks)
    assert there == looks[1]
    assert (codes == "") == (looks[0] == looks[1])


# The whole screen


class Line:
    """What goes over the line to a terminal."""

    def __init__(self, app: MeshtuiApp, size: tuple[int, int]) -> None:
        self._console = console()
        self._app = app
        self.terminal = Emulator(*size)
        self.bytes = 0

    def display(self, update: object) -> None:
        """As the driver writes it. An update of Textual's may be rendered once more."""
        if isinstance(update, CompositorUpdate):
            text = self._app._on_terminal.changes(update).render_segments(self._console)  # type: ignore[arg-type]
            self.terminal.feed(text)
            self.bytes += len(text.encode())

    def repaint(self) -> int:
        """Bytes of all that is on the screen."""
        update = self._app.screen._compositor.render_full_update()
        return len(TerminalCells().changes(update).render_segments(self._console).encode())


@contextmanager
def over(drive: Drive, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    found = Line(drive.app, size)
    monkeypatch.setattr(MeshtuiApp, "_display", lambda _, __, update: found.display(update))
    drive.app.repaint()
    yield found


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_on_the_terminal_is_what_textual_means(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with driving(size=size) as drive:
        with over(drive, size, monkeypatch) as line:
            for keys in ("j", "jj", "s", "y", "", "l", "escape", "g", "z", "", "x", "?", "escape"):
                await drive.press(*([keys] if len(keys) > 2 else keys))
                await drive.tick()
                await drive.until(lambda: line.terminal.text == drive.text)
            await drive.press("slash")
            await drive.type("rev")
            await drive.until(lambda: line.terminal.text == drive.text)
            drive.app.theme = "meshtui-light"
            await drive.until(lambda: line.terminal.text == drive.text)


async def test_a_tick_in_which_five_rows_change_is_a_tenth_of_a_repaint_and_two_kilobytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cockpit = FakeCockpit()
    cockpit.raw = big_objects(60)
    cockpit.mesh_override = cockpit.mesh
    cockpit.measure()
    cockpit.views_override = cockpit.snapshot().views
    async with driving(cockpit, LARGE) as drive:
        with over(drive, LARGE, monkeypatch) as line:
            for _ in range(31):
                await drive.tick()
            sent = []
            for number in range(5):
                cockpit.views_override = changed(cockpit, 10.0 + number)
                before = line.bytes
                await drive.tick()
                await drive.until(lambda: line.terminal.text == drive.text)
                sent.append(line.bytes - before)
            assert max(sent) <= min(2048, line.repaint() / 10) and min(sent) > 100


def changed(cockpit: FakeCockpit, rps: float):  # type: ignore[no-untyped-def]
    """Other numbers in five rows that are in sight."""
    views = list(cockpit.views_override or ())
    for place in range(5):
        first, *others = views[place].versions
        signals = Signals(
            requests=15 * rps, rps=rps + place, error_ratio=0.0, p50_ms=rps, p99_ms=rps
        )
        views[place] = replace(
            views[place], versions=(replace(first, caller=signals, server=signals), *others)
        )
    return tuple(views)
