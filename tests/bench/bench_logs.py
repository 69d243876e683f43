"""The logs pane under a flood, and what its parts cost with 20,000 lines.

`python -m tests.bench.bench_logs [LINES_PER_SECOND]`: milliseconds, bytes, lines.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable

from meshtui.envoy.logfilter import parse_filter
from meshtui.envoy.logline import read_line
from meshtui.envoy.logstore import LogStore
from meshtui.operations.types import LogEntry
from meshtui.ui.app import MeshtuiApp
from meshtui.ui.panes.logs.pane import LogsPane
from tests.bench.bench_rest import cpu_seconds, drain
from tests.ui.driving import LARGE, Drive
from tests.ui.fake import FakeCockpit

SECONDS = 8.0
TEXT = (
    '[2026-11-20T10:11:12.345Z] "GET /reviews/{n}?x=1 HTTP/1.1" {code} UF,URX '
    "upstream_reset_before_response_started{{connection_failure}} - "
    '"delayed_connect_error:_111" 0 91 {n} - "10.1.2.3" "curl/8.0" '
    '"2e5a2a6c-8c2e-9d1a-bb0d-0f6a3f1f2c11" "reviews:9080" "10.244.0.7:9080" '
    "outbound|9080|v1|reviews.default.svc.cluster.local 10.244.0.5:41000 10.96.0.7:9080 "
    "10.244.0.5:51234 - http.rest"
)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def text(number: int) -> str:
    return TEXT.format(n=number % 500, code=503 if number % 9 == 0 else 200)


def timed(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return 1e3 * (time.perf_counter() - began)


def parts() -> None:
    store = LogStore()
    texts = [text(number) for number in range(store.capacity)]
    lines = [read_line("n", "p", "v1", one) for one in texts]
    took = timed(lambda: [read_line("n", "p", "v", one) for one in texts])
    say(f"read {len(texts)} lines: {took:.0f} ms")
    say(f"add them: {timed(lambda: store.add(lines)):.0f} ms")
    say(f"add them to a full store: {timed(lambda: store.add(lines)):.0f} ms")
    for words in ("code:5xx", "reviews/49", "~reviews/4.*curl", "!~x.*y.*z"):
        wanted = parse_filter(words)

        def again(wanted: object = wanted) -> None:
            store.set_filter(wanted)  # type: ignore[arg-type]
            while store.work(100):
                pass

        say(f"filter {words!r}: {timed(again):.0f} ms, {len(store)} shown")
    say(f"slowest paths: {timed(lambda: store.summary.slowest(4)):.1f} ms")


class Flood(FakeCockpit):
    """Lines as fast as they are taken, up to a rate."""

    rate = 0.0
    given = 0
    began = 0.0

    async def tail(self, service, start):  # type: ignore[no-untyped-def]
        self.tailed.append(service)
        for number in range(20_000):
            yield LogEntry("n", f"p{number % 3}", f"v{number % 3}", text(number))
        while True:
            due = int((time.monotonic() - self.began) * self.rate)
            while self.given < due:
                number = self.given = self.given + 1
                yield LogEntry("n", f"p{number % 3}", f"v{number % 3}", text(number))
            await asyncio.sleep(0.005)


async def measure(drive: Drive, cockpit: Flood, rate: float, words: str) -> None:
    """How many lines are shown, and how late everything else is."""
    pane = drive.app.main.dock.pane("logs")
    assert isinstance(pane, LogsPane)
    before = pane.store.end
    cockpit.given, cockpit.rate, cockpit.began = 0, rate, time.monotonic()
    late: list[float] = []
    while time.monotonic() - cockpit.began < SECONDS:
        due = time.monotonic() + 0.02
        await asyncio.sleep(0.02)
        late.append(1e3 * (time.monotonic() - due))
    cockpit.rate = 0.0
    await asyncio.sleep(1.0)
    late.sort()
    say(
        f"{rate:,.0f} lines/s{words}: {cockpit.given:,} given, {pane.store.end - before:,} shown;"
        f" the loop late by {late[len(late) // 2]:.0f} ms (median),"
        f" {late[int(len(late) * 0.99)]:.0f} ms (p99), {late[-1]:.0f} ms (most)"
    )


async def keys(drive: Drive, name: str) -> None:
    """Twenty of a key, each seen on screen before the next."""
    for key in ("k", "pageup", "g", "G"):
        took = []
        for _ in range(10):
            began = time.perf_counter()
            await drive.press(key)
            took.append(1e3 * (time.perf_counter() - began))
        say(f"{name}{key}: {sorted(took)[5]:.0f} ms")


async def screen(rate: float) -> None:
    cockpit = Flood()
    app = MeshtuiApp(cockpit, clock=cockpit.clock)
    async with app.run_test(size=LARGE) as pilot:
        drive = Drive(app, cockpit, pilot)
        await drive.until(lambda: app.opened and app.main.snapshot)
        began = time.perf_counter()
        await drive.press("l")
        pane = app.main.dock.pane("logs")
        assert isinstance(pane, LogsPane)
        await drive.until(lambda: pane.store.end == 20_000, 30.0)
        say(f"20,000 lines there after {time.perf_counter() - began:.1f} s")
        await keys(drive, "")
        await drive.press("w")
        await keys(drive, "wrapped ")
        await measure(drive, cockpit, rate, ", wrapped")
        await drive.press("w")
        for one in (rate / 10, rate):
            await measure(drive, cockpit, one, "")


def real_screen(rate: float) -> None:
    """The same on a terminal: what it costs, and what goes over the line."""
    for one in (0.0, rate / 100, rate):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 48, 160, 0, 0))
        words = [sys.executable, "-m", "tests.bench.bench_logs", "run", str(one)]
        env = {**os.environ, "TERM": "xterm-256color"}
        process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, env=env)
        written: list[int] = []
        threading.Thread(target=drain, args=(master, written), daemon=True).start()
        time.sleep(5.0)
        os.write(master, b"l")
        time.sleep(5.0)
        before, sent, began = cpu_seconds(process.pid), sum(written), time.monotonic()
        time.sleep(SECONDS)
        took = time.monotonic() - began
        busy = 100 * (cpu_seconds(process.pid) - before) / took
        say(
            f"on a terminal, {one:,.0f} lines/s: {busy:.0f} % of a core,"
            f" {(sum(written) - sent) / took / 1e3:.0f} kB/s"
        )
        process.kill()
        process.wait()


def run(rate: float) -> None:
    cockpit = Flood()
    cockpit.rate, cockpit.began = rate, time.monotonic()
    MeshtuiApp(cockpit, clock=cockpit.clock).run()


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        run(float(sys.argv[2]))
    else:
        wanted = float(sys.argv[1]) if len(sys.argv) > 1 else 5_000.0
        parts()
        asyncio.run(screen(wanted))
        real_screen(wanted)
