"""Nothing raw reaches the terminal: every command on a mesh whose texts would drive it."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from meshtui.cli import connect as opening
from meshtui.cli.main import main
from meshtui.mesh.text import UNSAFE
from meshtui.verbs import BY_NAME, VERBS
from tests import hostile_admin
from tests.hostile_admin import hostile_proxies
from tests.meshserver import EVIL, MeshServer, mesh_server

__all__ = ["hostile_proxies"]
QUICK = ("--window", "50ms")
"""The two readings of the sidecars in each other's wake: it is the words that are looked at."""
FORMS = ("table", "json", "yaml")
WHAT = next(p.choices for p in BY_NAME["proxy"].parameters if p.name == "what")
READING = (
    ("services",), ("services", "reviews"), ("services", "-A"), ("analyze", "-A", "--hints"),
    ("trace", "reviews", "--header", f"end-user=jason{EVIL}"), ("exposure",),
    ("exposure", "reviews"), ("graph", "-A"), ("graph", "reviews"), ("signals", "reviews"),
    ("logs", "reviews"), ("logs", "reviews", "--callers"),
    *(("proxy", what, "reviews" if what == "diff" else "productpage") for what in WHAT),
    ("journal",), ("doctor",), ("status", "-A"), ("pods", "-A"), ("canary", "status"),
    ("config", "show"),
)  # fmt: skip
CHANGING = (
    ("shift", "reviews", "v3=10"), ("promote", "reviews", "v1"), ("rollback", "reviews"),
    ("mirror", "reviews", "--to", "v2"), ("fault", "reviews", "--abort", "503"),
    ("timeout", "reviews", "3s"), ("breaker", "reviews", "--max-pending", "3"),
    ("adopt", "details"), ("edit", "vs/reviews"), ("undo",),
)  # fmt: skip
STEERING = ("hold", "resume", "abort", "promote")
WRONG = (
    ("shift", "reviews", "v3=10", "--rule", "zzz"), ("promote", "reviews", "v77"),
    ("promote", f"nobody{EVIL}", "v1"), ("logs", "reviews", "--version", "v77"),
    ("proxy", "routes", f"pod{EVIL}"), ("services", "--context", f"other{EVIL}"),
    ("shift", f"reviews{EVIL}", f"v1{EVIL}=3"), (f"nocommand{EVIL}",),
    ("services", f"a{EVIL}", EVIL),
    ("services", "-o", f"xml{EVIL}"), ("services", f"--x{EVIL}"), ("undo", f"id{EVIL}"),
    ("journal", "--since", EVIL), ("logs", "reviews", "--grep", f"({EVIL}"),
    ("services", "--kubeconfig", f"/none{EVIL}"), ("services", "--prometheus", f"http://{EVIL}"),
    ("promote", "\udcff", "v1"), ("edit", f"vs/x{EVIL}"), ("keep", f"--every={EVIL}"),
    ("canary", "run", "reviews", "--to", f"v{EVIL}", "--prometheus", "none"),
    ("canary", "run", "reviews", "--to", "v3", "--steps", EVIL),
    ("canary", "run", "--plan", f"/none{EVIL}"), ("canary", "status", f"reviews{EVIL}"),
    *(("canary", verb, f"reviews{EVIL}", "--prometheus", "none") for verb in STEERING),
    ("request", "reviews", "--from", f"pod{EVIL}"), ("request", f"nobody{EVIL}"),
    ("request", "reviews", "--path", f"/{EVIL}", "--header", f"a={EVIL}", "--prometheus", "none"),
    ("load", "reviews", "--rps", EVIL, "--for", "1s"),
    ("load", "reviews", "--rps", "1", "--for", "1s", "--from", f"pod{EVIL}", "--yes"),
    ("completion", f"tcsh{EVIL}"), ("man", f"x{EVIL}"),
    ("demo", f"--scenario={EVIL}"), ("lab", "up", f"--scenario={EVIL}"),
    ("lab", "set", f"w{EVIL}", "--errors", f"5%{EVIL}"),
    ("lab", "load", "--rps", "5", "--dir", f"/none{EVIL}"),
)  # fmt: skip


def test_no_command_is_forgotten() -> None:
    """`keep` says something only where something is over: it has a test of its own."""
    tried = {" ".join(words) for words in (*READING, *CHANGING, *WRONG)}
    for verb in VERBS:
        assert not verb.command or any(text.startswith(verb.name) for text in tried), verb.name


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MeshServer]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with mesh_server() as server:
        monkeypatch.setenv("KUBECONFIG", server.kubeconfig(tmp_path))
        yield server


class Shown:
    """What a command left on both streams; safe, or the test fails."""

    def __init__(self, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
        try:
            self.status = main(words)
        except SystemExit as ended:
            self.status = int(ended.code or 0)
        self.out, self.err = capsys.readouterr()
        for text in (self.out, self.err):
            assert UNSAFE.search(text.replace("\n", "")) is None, text
        assert "failed unexpectedly" not in self.err

    @property
    def all(self) -> str:
        return self.out + self.err


@pytest.mark.usefixtures("hostile_proxies")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_what_a_command_reads(
    server: MeshServer, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], form: str
) -> None:
    shown = Shown(capsys, (*words, "--prometheus", "none", "-o", form))
    assert shown.all
    if words[0] == "proxy" and words[1] != "dump":
        assert "52;c;ZXZpbA" in shown.out, "the test has lost what would do harm"
    if form == "json" and shown.out:
        decoder, text = json.JSONDecoder(), shown.out.strip()
        while text:
            _, end = decoder.raw_decode(text)
            text = text[end:].strip()
    if form == "yaml":
        assert list(yaml.safe_load_all(shown.out)) or shown.status


@pytest.mark.parametrize("words", CHANGING, ids=" ".join)
def test_what_a_change_asks_and_says(
    server: MeshServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    words: tuple[str, ...],
) -> None:
    offline = ("--prometheus", "none", "--no-verify", "--timeout", "100ms", *QUICK)
    script = tmp_path / "an-editor"
    script.write_text(f"#!/bin/sh\nsed -i 's/timeout: .*/timeout: 7s/' \"$1\"\n# {EVIL!a}\n")
    script.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(script))
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setattr("meshtui.operations.change.compound.UNVERIFIED_S", 0.1)
    if words[0] == "undo":
        Shown(capsys, ("shift", "reviews", "v3=10", *offline, "--yes", "--force"))
    for form in FORMS:
        Shown(capsys, (*words, *offline, "--dry-run", "-o", form))
    monkeypatch.setattr("sys.stdin", io.StringIO(f"no{EVIL}\n"))
    assert "apply" in Shown(capsys, (*words, *offline)).err
    done = Shown(capsys, (*words, *offline, "--yes"))
    assert server.writes or words[0] == "adopt" or done.status
    Shown(capsys, ("journal",))


@pytest.mark.parametrize("words", WRONG, ids=lambda words: ascii(" ".join(words))[:60])
def test_what_a_refusal_repeats(
    server: MeshServer, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    """In one line, beside the one that says that no telemetry was there for the plan."""
    shown = Shown(capsys, words)
    telling = [line for line in shown.err.splitlines() if "meshtui: telemetry:" not in line]
    assert shown.status and len(telling) == 1


def test_what_a_keeper_says(
    server: MeshServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = opening.options
    monkeypatch.setattr(opening, "options", lambda words: replace(given(words), wait_s=0.1))
    offline = ("--prometheus", "none")
    fault = ("fault", "reviews", "--abort", "503", "--for", "1ms", "--yes", "--no-verify")
    Shown(capsys, (*fault, *offline))
    assert "its time was over" in Shown(capsys, ("keep", "--once", *offline)).all


def test_the_rule_that_is_confirmed_is_readable(
    server: MeshServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("no\n"))
    words = ("shift", "reviews", "v3=10", "--prometheus", "none", "--rule", "0")
    assert r"\u202eevil" in Shown(capsys, words).err
    assert not server.writes


def test_what_a_server_says_of_a_failure(
    server: MeshServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.forbidden.add("/virtualservices")
    assert "forbidden" in Shown(capsys, ("services", "--prometheus", "none")).err


class Tty(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("hostile_proxies")
@pytest.mark.parametrize("kind", [Tty, io.TextIOWrapper])
def test_a_dump_to_a_terminal_drives_nothing_and_through_a_pipe_it_is_whole(
    server: MeshServer, monkeypatch: pytest.MonkeyPatch, kind: type[io.TextIOWrapper]
) -> None:
    out = kind(io.BytesIO(), "utf-8", write_through=True)
    monkeypatch.setattr("sys.stdout", out)
    assert main(("proxy", "dump", "productpage", "--file", "-")) == 0
    said = out.buffer.getvalue()  # type: ignore[attr-defined]
    whole = asyncio.run(hostile_admin.answer(None, "", "", "/config_dump?include_eds"))
    assert "\u202e".encode() in whole
    if kind is Tty:
        text = said.decode()
        assert UNSAFE.search(text.replace("\n", "")) is None and r"\u202e" in text
    else:
        assert said == whole
