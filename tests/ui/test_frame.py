"""One frame without a terminal, and what is wrong in lines."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import termios
from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from meshtui.cli import check as command
from meshtui.cli import connect as opening
from meshtui.cli import screen
from meshtui.cli import snapshot as picture
from meshtui.cli.main import main
from meshtui.cli.snapshot import size_of
from meshtui.errors import NotAllowed, Unreachable, Usage
from meshtui.mesh.model import Mesh
from meshtui.operations.look.check import CheckLine, proxy_lines, rule_lines, version_lines
from meshtui.operations.options import Options
from meshtui.ui.app import MeshtuiApp
from meshtui.ui.frame import SVG, TEXT, frame_of
from tests.ui.fake import FakeCockpit
from tests.ui.test_status_pane import RECORDED

Capture = pytest.CaptureFixture[str]


def app(cockpit: FakeCockpit | None = None) -> MeshtuiApp:
    fake = cockpit or FakeCockpit()
    return MeshtuiApp(fake, clock=fake.clock)


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_a_frame_as_text_is_what_the_terminal_would_show(size: tuple[int, int]) -> None:
    lines = (await frame_of(app(), size, TEXT)).splitlines()
    assert len(lines) == size[1] and max(map(len, lines)) <= size[0]
    assert any("reviews" in line for line in lines) and "meshtui" in lines[0]


async def test_a_frame_as_a_picture_is_a_whole_svg() -> None:
    found = await frame_of(app(), (100, 30), SVG)
    root = ElementTree.fromstring(found)
    assert root.tag.endswith("svg") and "reviews" in "".join(root.itertext())


async def test_where_the_cluster_cannot_be_reached_the_frame_is_the_error() -> None:
    cockpit = FakeCockpit()
    cockpit.connect_error = NotAllowed("you may not", "ask")
    with pytest.raises(NotAllowed, match="you may not"):
        await frame_of(app(cockpit), (80, 24), TEXT)


@pytest.mark.parametrize("text", ["x", "80", "80x", "0x0", "39x10", "40x9", "9999x20", "80X24"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(Usage, match="is no size"):
        size_of(text)


def test_a_size_is_columns_and_lines() -> None:
    assert (size_of("80x24"), size_of("")) == ((80, 24), (160, 48))


def test_the_command_writes_a_file_or_says_why_not(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path
) -> None:
    monkeypatch.setattr(picture, "app_of", lambda _: app())
    path = tmp_path / "frame.TXT"
    assert main(["--snapshot", str(path), "--size", "80x24"]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert "reviews" in path.read_text()
    assert main(["--snapshot", "-", "--size", "80x24"]) == 0
    assert "reviews" in capsys.readouterr().out
    assert main(["--snapshot", str(tmp_path / "frame.png")]) == 2
    assert "neither .svg nor .txt" in capsys.readouterr().err
    assert main(["--snapshot", str(tmp_path / "none" / "frame.txt"), "--size", "80x24"]) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert main(["--size", "80x24"]) == 2
    capsys.readouterr()
    assert main(["--check", "services"]) == main(["--snapshot", "x.svg", "doctor"]) == 2
    assert "--check stands without a command: leave out services" in capsys.readouterr().err


def test_on_a_dumb_terminal_it_is_one_frame_of_plain_text(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(picture, "app_of", lambda _: app())
    monkeypatch.setattr(screen, "at_terminal", lambda: True)
    monkeypatch.setattr(screen, "is_dumb", lambda: True)
    monkeypatch.setattr(picture, "fitted", lambda _: "79x23")
    assert main([]) == 0
    found = capsys.readouterr()
    assert "reviews" in found.out and "\x1b" not in found.out
    assert len(found.out.splitlines()) == 23 and max(map(len, found.out.splitlines())) <= 79
    for words in ("TERM=dumb", "`meshtui --check`", "`meshtui services`", "TERM=vt100 meshtui"):
        assert words in found.err
    assert found.err.count("\n") == 1


def test_a_demo_needs_a_cursor(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(screen, "at_terminal", lambda: True)
    monkeypatch.setattr(screen, "is_dumb", lambda: True)
    assert main(["demo"]) == 2
    found = capsys.readouterr()
    assert "TERM=dumb, and none answers" in found.err and "`meshtui lab up`" in found.err
    assert not found.out


def test_a_frame_fits_into_the_terminal_that_it_is_written_to() -> None:
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as terminal:
        for (lines, columns), size in SIZES.items():
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            assert picture.fitted(terminal) == size
    os.close(master)


SIZES = {
    (24, 80): "79x23", (48, 160): "159x47", (0, 0): "79x23", (3, 9): "40x10",
    (60000, 60000): "1000x500",
}  # fmt: skip


def test_without_a_terminal_nothing_is_changed() -> None:
    from meshtui.cli.application import app_of

    assert app_of(Namespace()).cockpit.read_only is True


def test_a_frame_does_not_wait_for_a_slow_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    from meshtui.cli.application import app_of

    monkeypatch.setenv("MESHTUI_TICK_S", "600")
    assert app_of(Namespace()).cockpit.settings.tick_s <= 2.0
    monkeypatch.setenv("MESHTUI_TICK_S", "0.5")
    assert app_of(Namespace()).cockpit.settings.tick_s == 0.5


# --check


def test_versions_that_fail_are_lines_and_those_that_are_well_are_not() -> None:
    cockpit = FakeCockpit()
    cockpit.tick()
    lines = list(version_lines(cockpit.snapshot().views))
    assert [(line.severity, line.about) for line in lines] == [("error", "reviews.bookinfo v3")]
    assert "% errors of" in lines[0].text


def test_proxies_that_do_not_have_what_was_sent_are_lines() -> None:
    found = {line.about.partition("-")[0]: line for line in proxy_lines(RECORDED, RECORDED.time)}
    assert {about: line.severity for about, line in found.items()} == {
        "broken": "error",
        "shop": "warning",
    }
    assert "missing ): (" in found["broken"].text


def test_findings_of_the_rules_are_lines() -> None:
    from meshtui.diagnosis.analysis import analyze
    from tests.unit.test_cli_analysis import BROKEN

    lines = list(rule_lines(analyze(BROKEN)))
    assert lines and all("\n" not in line.text for line in lines)
    assert lines[0].severity == "error" and "VirtualService" in lines[0].about


LINES = (CheckLine("error", "version", "a.b v1", "bad"), CheckLine("info", "rules", "x", "so"))


@pytest.mark.parametrize(
    ("error", "found", "status", "last"),
    [
        (None, LINES, 0, "meshtui: 1 error, 1 info"),
        (None, (), 0, "meshtui: nothing is wrong"),
        (Unreachable("no telemetry"), LINES, 5, "meshtui: 1 error, 1 info"),
    ],
)
def test_one_line_for_each_and_the_end(
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    error: Any,
    found: tuple[CheckLine, ...],
    status: int,
    last: str,
) -> None:
    async def read_mesh() -> Mesh:
        return Mesh()

    async def sample(*_: Any) -> Any:
        return None, error

    async def check_mesh(*_: Any) -> tuple[CheckLine, ...]:
        return found

    @asynccontextmanager
    async def session(_: Any) -> AsyncIterator[Any]:
        yield SimpleNamespace(read_mesh=read_mesh, options=Options())

    monkeypatch.setattr(opening, "session", session)
    monkeypatch.setattr(opening, "sample", sample)
    monkeypatch.setattr(command, "check_mesh", check_mesh)
    assert main(["--check"]) == status
    out, err = capsys.readouterr()
    assert out == "".join(f"{line.severity:<8} {line.about}: {line.text}\n" for line in found)
    assert err.splitlines()[-1] == last
    assert main(["--check", "-o", "json"]) == status
    document = json.loads(capsys.readouterr().out)
    assert [one["about"] for one in document["findings"]] == [line.about for line in found]
    assert sum(document["counts"].values()) == len(found)
