"""What the command line says before it asks anybody: wrong words, no editor, the lab's echo."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from meshtui.cli import change_commands as changing
from meshtui.cli import connect as opening
from meshtui.cli.main import main
from meshtui.cli.parser import build_parser
from meshtui.errors import Exit, Refused
from meshtui.lab import commands


class Asked(BaseException):
    """The cluster is not to be asked."""


def refuse(_: Any) -> None:
    raise Asked


def status_of(*words: str) -> int:
    """The exit status, whether the grammar or the command gives it."""
    try:
        return main(words)
    except SystemExit as ended:
        return int(ended.code or 0)


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "session", refuse)


def test_edit_without_an_editor_and_a_terminal_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert status_of("edit", "reviews") == Exit.USAGE
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "no terminal" in said and "set EDITOR" in said


@pytest.mark.parametrize("name", ["EDITOR", "VISUAL"])
def test_an_editor_that_is_set_needs_no_terminal(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "sed -i s/1/2/")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(Asked):
        status_of("edit", "reviews")


def test_off_is_an_option_of_timeout(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("timeout", "reviews", "off") == Exit.USAGE
    assert "use --off" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [("timeout", "reviews", "10s"), ("timeout", "reviews", "--retries", "3"),
     ("breaker", "reviews", "--max-pending", "3")],
)  # fmt: skip
def test_off_beside_a_value_is_wrong_usage(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(*words, "--off") == Exit.USAGE
    assert "leave out" in capsys.readouterr().err


def test_no_help_shows_a_doubled_percent_sign(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["lab", "set"], ["mirror"], ["canary"], ["fault"], ["exposure"]):
        with pytest.raises(SystemExit):
            build_parser().parse_args([*words, "--help"])
    assert "%%" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("fault reviews --abort 503", True),
        ("fault reviews --abort 503 --yes --dry-run", True),
        ("fault reviews --abort 503 --yes", False),
        ("rollback reviews --yes", True),
        ("rollback reviews --yes --force", False),
        ("rollback reviews --yes --to v1", False),
        ("shift reviews v1=80 --yes", True),
    ],
)
async def test_only_a_plan_that_is_looked_at_or_gated_waits_for_the_rate(
    monkeypatch: pytest.MonkeyPatch, words: str, asked: bool
) -> None:
    windows: list[float] = []

    async def sample(_: Any, __: Any, window_s: float, *___: Any) -> tuple[None, None]:
        windows.append(window_s)
        return None, None

    async def nothing(*_: Any) -> None:
        return None

    @asynccontextmanager
    async def session(_: Any) -> AsyncIterator[Any]:
        yield SimpleNamespace(
            read_mesh=nothing,
            cluster=SimpleNamespace(namespace=""),
            options=SimpleNamespace(prometheus="none"),
        )

    monkeypatch.setattr(opening, "sample", sample)
    monkeypatch.setattr(opening, "session", session)
    monkeypatch.setattr(changing, "report_interrupted", nothing)
    monkeypatch.setattr(opening, "find", refuse_to_find)
    arguments = build_parser().parse_args(words.split())
    with pytest.raises(Refused, match="planned"):
        await arguments.run(arguments)
    assert bool(windows) is asked


class Readings:
    """A source of which each reading covers more."""

    def __init__(self) -> None:
        self.read = 0

    async def sample(self, _: Any) -> Any:
        self.read += 1
        return SimpleNamespace(window_s=float(self.read - 1), read=1)

    async def close(self) -> None: ...


@pytest.mark.parametrize(("wanted", "read"), [(None, 2), (1.0, 2), (2.0, 3), (3.0, 4), (9.0, 4)])
async def test_a_look_ends_once_it_is_long_enough(
    monkeypatch: pytest.MonkeyPatch, wanted: float | None, read: int
) -> None:
    source = Readings()
    monkeypatch.setattr("meshtui.metrics.choose.source_for", lambda *_: source)
    opened: Any = SimpleNamespace(cluster=None, options=SimpleNamespace(prometheus="", access=None))
    mesh: Any = None
    enough = None if wanted is None else lambda sample: sample.window_s >= wanted
    found, _ = await opening.sample(opened, mesh, 0.01, enough)
    assert found is not None
    assert (source.read, found.window_s) == (read, read - 1)


@pytest.mark.parametrize(
    ("verb", "seen", "steps"),
    [
        ("rollback", None, ["applied", "asked"]),
        ("shift", None, ["asked", "applied"]),
        ("rollback", "a sample", ["applied"]),
        ("shift", "a sample", ["applied"]),
    ],
)
async def test_a_rollback_is_written_before_anybody_is_asked_who_calls(
    monkeypatch: pytest.MonkeyPatch, verb: str, seen: Any, steps: list[str]
) -> None:
    told: list[str] = []

    async def asked(*_: Any) -> str:
        told.append("asked")
        return "a sample"

    async def apply(_: Any, __: Any, sample: Any, ___: Any, callers: Any) -> Any:
        told.append("applied")
        if sample is None:
            await callers()
        return SimpleNamespace(applied=True, plan=SimpleNamespace(changes=()))

    monkeypatch.setattr(changing, "callers", asked)
    change = SimpleNamespace(verb=verb, service="reviews")
    plan: Any = SimpleNamespace(empty=False, dangerous=False, change=change, others=())
    opened: Any = SimpleNamespace(apply=apply)
    arguments = build_parser().parse_args(["rollback", "reviews", "--yes"])
    mesh: Any = None
    await changing.carry_out(arguments, opened, mesh, plan, seen)
    assert told == steps


def refuse_to_find(*_: Any) -> None:
    raise Refused("planned")


class Client:
    """Takes what a lab is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def set(self, *told: Any) -> None:
        self.told.append(told)

    def load(self, rps: float) -> None:
        self.told.append(rps)


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Client:
    client = Client()

    def client_of(_: Path | None) -> Client:
        return client

    monkeypatch.setattr(commands, "_client", client_of)
    return client


def test_the_lab_says_in_one_line_what_it_was_told(
    lab: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of("lab", "set", "reviews-v3", "--errors", "5%", "--latency", "200ms") == 0
    assert capsys.readouterr().out == "reviews-v3: errors 5%, latency 200ms\n"
    assert status_of("lab", "load", "--rps", "12") == 0
    assert capsys.readouterr().out == "load: 12 requests/s\n"
    assert lab.told == [("reviews-v3", "5%", "200ms"), 12.0]


def test_setting_nothing_in_the_lab_is_wrong_usage(
    lab: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of("lab", "set", "reviews-v3") == Exit.USAGE
    assert "--errors" in capsys.readouterr().err and lab.told == []


@pytest.mark.parametrize(("command", "status"), [("fault", 0), ("shift", 1), ("breaker", 1)])
def test_yes_means_the_errors_that_a_fault_is_for_and_no_other_danger(
    command: str, status: int
) -> None:
    plan = SimpleNamespace(
        dangerous=True,
        dangers=("it hurts",),
        stable="",
        change=SimpleNamespace(verb=command, service="reviews"),
    )
    arguments: Any = SimpleNamespace(command=command, force=False, to="")
    if not status:
        changing.refuse_danger(arguments, plan)  # type: ignore[arg-type]
        return
    with pytest.raises(Refused, match="it hurts"):
        changing.refuse_danger(arguments, plan)  # type: ignore[arg-type]


def test_only_the_commands_among_the_words_are_made(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["-n", "services", "shift", "reviews", "v1=50"]
    arguments = build_parser(words).parse_args(words)
    assert (arguments.command, arguments.namespace) == ("shift", "services")
    with pytest.raises(SystemExit):
        build_parser(["xyzzy", "reviews"]).parse_args(["xyzzy", "reviews"])
    assert "rollback" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["-Ah"], ["--he"], ["-A", "--help"], ["-"]])
def test_the_commands_are_named_where_somebody_looks_for_them(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        build_parser(words).parse_args(words)
    written = capsys.readouterr()
    assert "rollback" in written.out + written.err


@pytest.mark.parametrize("words", [[], ["-A"], ["--namespace=shop", "-A"], ["--read-only"]])
def test_options_alone_mean_the_screen(words: list[str]) -> None:
    assert vars(build_parser(words).parse_args(words)).keys() == (
        vars(build_parser().parse_args(words)).keys()
    )
    assert build_parser(words).parse_args(words).command == ""
