"""A canary in a process of its own: what it is told, how it outlives the screen, what it prints."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from meshtui.cli.options import options as read_options
from meshtui.cli.parser import build_parser
from meshtui.config import Config
from meshtui.errors import Refused
from meshtui.metrics.prometheus_access import Access
from meshtui.metrics.scope import Scope, parse_matchers
from meshtui.operations.canary import detached
from meshtui.operations.canary.detached import arguments_of, log_of, log_path, start_run
from meshtui.operations.canary.lease import Holder, identity
from meshtui.operations.options import Options
from meshtui.operations.session import Session
from tests.unit.fake_cluster import FakeCluster
from tests.unit.test_mesh import REVIEWS

RUN = ("run", "reviews.default", "--to=v3", "--yes")
SECRET = "hunter2"


@dataclass
class FakeLease:
    """Held by whatever process wrote its number into `file`."""

    file: Path
    driven: str = ""
    asked: list[str] = field(default_factory=list)

    def __call__(self, *_: object) -> FakeLease:
        return self

    async def refuse_driven(self) -> None:
        if self.driven:
            raise Refused(f"a canary of reviews.default is driven by {self.driven}")

    async def holder(self) -> Holder | None:
        pid = self.file.read_text().strip() if self.file.exists() else ""
        return Holder(f"{identity().rpartition('/')[0]}/{pid}", 1.0, True, {}) if pid else None


@pytest.fixture
def lease(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeLease:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    lease = FakeLease(tmp_path / "pid")
    monkeypatch.setattr(detached, "ServiceLease", lease)
    return lease


@pytest.fixture
async def opened(lease: FakeLease) -> AsyncIterator[Session]:
    opened = Session(FakeCluster(), Options())
    yield opened
    await opened.close()


def program(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(detached, "PROGRAM", (sys.executable, "-I", "-S", "-c", code))


DRIVES = """
import os, sys, time
print("observing", flush=True)
open(FILE + "~", "w").write(str(os.getpid()))
os.rename(FILE + "~", FILE)
alone, null = os.getsid(0) == os.getpid(), os.stat("/dev/null").st_rdev
print(sys.argv[1:], alone, os.fstat(0).st_rdev == null, flush=True)
time.sleep(600)
"""


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.02)


async def test_it_leads_a_session_of_its_own_and_is_reaped(
    opened: Session, lease: FakeLease, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(monkeypatch, f"FILE = {str(lease.file)!r}\n{DRIVES}")
    started = await start_run(opened, REVIEWS, RUN)
    pid = int(started.driver.rpartition("/")[2])
    try:
        await until(lambda: "True True" in started.log.read_text())
        text = started.log.read_text()
        assert text.startswith("observing\n") and "'canary', 'run', 'reviews.default'" in text
        assert stat.S_IMODE(started.log.stat().st_mode) == 0o600
        assert started.log == log_path(REVIEWS, pid) == log_of(REVIEWS, started.driver)
        assert os.getpgid(pid) != os.getpgid(0)
    finally:
        os.kill(pid, signal.SIGKILL)
    await until(lambda: reaped(pid))


def reaped(pid: int) -> bool:
    """A zombie would still answer."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            "import sys; sys.exit('meshtui: the canary cannot begin: v3 is not ready')",
            "cannot begi",
        ),
        ("import sys; sys.exit(5)", "the canary of reviews.default ended at once (5)"),
        ("print('meshtui: \x1b[2Jno'); raise SystemExit(1)", "no"),
    ],
)
async def test_one_that_ends_at_once_is_refused_with_its_last_line(
    opened: Session, monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    program(monkeypatch, code)
    with pytest.raises(Refused) as refused:
        await start_run(opened, REVIEWS, RUN)
    assert words in str(refused.value) and "\x1b" not in str(refused.value)


async def test_an_abort_that_is_done_at_once_is_no_failure(
    opened: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(monkeypatch, "print('meshtui: reviews rolled back: aborted'); raise SystemExit(6)")
    started = await start_run(opened, REVIEWS, ("abort", "reviews.default"))
    assert started.ended == "reviews rolled back: aborted"


@pytest.mark.parametrize("read_only", [True, False])
async def test_nothing_is_started_where_it_may_not_or_somebody_drives(
    opened: Session, lease: FakeLease, monkeypatch: pytest.MonkeyPatch, read_only: bool
) -> None:
    program(monkeypatch, f"open({str(lease.file)!r}, 'w').write('1')")
    opened.options = replace(opened.options, read_only=read_only)
    lease.driven = "" if read_only else "bob@desk/7"
    with pytest.raises(Refused, match="read-only" if read_only else "driven by bob@desk/7"):
        await start_run(opened, REVIEWS, RUN)
    assert not lease.file.exists()


async def test_a_demo_ends_what_was_started_in_it(
    opened: Session, lease: FakeLease, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(monkeypatch, f"FILE = {str(lease.file)!r}\n{DRIVES}")
    started = await start_run(opened, REVIEWS, RUN)
    await asyncio.to_thread(detached.end_started, 60.0)
    assert reaped(int(started.driver.rpartition("/")[2]))


# What it is told


def handed_on(options: Options, *more: str) -> Options:
    """The options that the new process reads."""
    words = ["canary", *RUN, *arguments_of(options, "lab"), *more]
    return read_options(build_parser().parse_args(words))


FULL = Options(
    kubeconfig="/k/config", context="lab", namespace="shop", prometheus="http://p:9090",
    access=Access(
        Scope(parse_matchers('cluster="east",env=~"prod.*"')), token_file="/t/token"
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [Options(context="lab"), FULL, replace(FULL, access=Access(basic_file="~/it is"))],
)
def test_it_reads_the_options_of_the_screen(
    options: Options, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert handed_on(options) == options


def test_what_the_config_file_says_is_left_to_it() -> None:
    config = Config(prometheus=f"http://me:{SECRET}@p:9090")
    assert arguments_of(Options(prometheus=config.prometheus, config=config), "") == []


def test_a_password_in_an_address_is_not_shown() -> None:
    with pytest.raises(Refused, match="would show the password") as refused:
        arguments_of(Options(prometheus=f"http://me:{SECRET}@p:9090"), "lab")
    assert SECRET not in str(refused.value) and "--prometheus-basic-file" in str(refused.value)


def test_headers_are_handed_on_in_a_file_without_a_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    given = (("X-Scope-OrgID", "a"), ("Authorization", f"Bearer {SECRET}"))
    options = Options(context="lab", access=Access(headers=given))
    with detached._headers(options) as file:
        assert file is not None
        words = arguments_of(options, "lab", file.fileno())
        assert SECRET not in " ".join(words)
        for _ in range(2):  # `canary abort` reads its options twice
            arguments = build_parser().parse_args(["canary", *RUN, *words])
            assert read_options(arguments).access.headers == given
        code = "import sys; print(open(sys.argv[1]).read())"
        command = [sys.executable, "-I", "-S", "-c", code, words[-1].partition("@")[2]]
        read = subprocess.run(command, pass_fds=(file.fileno(),), capture_output=True, text=True)
        assert SECRET in read.stdout


def test_the_newest_logs_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for number in range(detached.LOGS + 5):
        with detached._log_file() as (path, _):
            os.utime(path, (number, number))
    kept = sorted(path.stat().st_mtime for path in path.parent.iterdir())
    assert kept == list(range(5, detached.LOGS + 5))
