"""The logs pane under a flood, and what its parts cost with 20,000 lines.

`python -m tests.bench.bench_logs [LINES_PER_SECOND]`: milliseconds, bytes, lines; two minutes.
`python -m tests.bench.bench_logs LINES_PER_SECOND --json`: the flood alone, half a minute. What the
loop is late by there is the processor's time of this process meanwhile: the rest is the machine's.
"""

from __future__ import annotations

import asyncio
import fcntl
import gc
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from meshtui.envoy.logfilter import parse_filter
from meshtui.envoy.logline import read_line
from meshtui.envoy.logstore import LogStore
from meshtui.operations.types import LogEntry
from meshtui.ui.app import MeshtuiApp
from meshtui.ui.panes.logs.pane import LogsPane
from tests.bench.bench_responsive import cpu_seconds
from tests.ui.driving import LARGE, Drive
from tests.ui.fake import FakeCockpit

SECONDS, NAP_S, DRAIN_S = 8.0, 0.02, 10.0
TEXT = (
    '[2026-11-20T10:11:12.345Z] "GET /reviews/{n}?x=1 HTTP/1.1" {code} UF,URX '
    "upstream_reset_before_response_started{{connection_failure}} - "
    '"delayed_connect_error:_111" 0 91 {n} - "10.1.2.3" "curl/8.0" '
    '"2e5a2a6c-8c2e-9d1a-bb0d-0f6a3f1f2c11" "reviews:9080" "10.244.0.7:9080" '
    "outbound|9080|v1|reviews.default.svc.cluster.local 10.244.0.5:41000 10.96.0.7:9080 "
    "10.244.0.5:51234 - http.rest"
)


def drain(master: int, counted: list[int]) -> None:
    while True:
        try:
            counted.append(len(os.read(master, 65536)))
        except OSError:
            return


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


async def measure(drive: Drive, cockpit: Flood, rate: float) -> dict[str, float]:
    """How many lines are shown, and how late everything else is."""
    pane = drive.app.main.dock.pane("logs")
    assert isinstance(pane, LogsPane)
    before = pane.store.end
    cockpit.given, cockpit.rate, cockpit.began = 0, rate, time.monotonic()
    late: list[float] = []
    own: list[float] = []
    while time.monotonic() - cockpit.began < SECONDS:
        due, spent = time.monotonic() + NAP_S, time.thread_time()
        await asyncio.sleep(NAP_S)
        late.append(1e3 * (time.monotonic() - due))
        own.append(min(late[-1], 1e3 * (time.thread_time() - spent)))
    cockpit.rate = 0.0
    until = time.monotonic() + DRAIN_S
    while pane.store.end - before < cockpit.given and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(NAP_S)
    late.sort()
    own.sort()
    return {
        "lines a second": cockpit.given / SECONDS,
        "lines not accounted for": float(cockpit.given - (pane.store.end - before)),
        "late, median, ms": late[len(late) // 2],
        "late, p99, ms": late[int(len(late) * 0.99)],
        "late, most, ms": late[-1],
        "own, p99, ms": own[int(len(own) * 0.99)],
        "own, most, ms": own[-1],
    }


def flooded(rate: float, words: str, found: dict[str, float]) -> None:
    shown = ", ".join(f"{what} {value:,.0f}" for what, value in found.items())
    say(f"{rate:,.0f} lines/s{words}: {shown}")


async def keys(drive: Drive, name: str) -> None:
    """Twenty of a key, each seen on screen before the next."""
    for key in ("k", "pageup", "g", "G"):
        took = []
        for _ in range(10):
            began = time.perf_counter()
            await drive.press(key)
            took.append(1e3 * (time.perf_counter() - began))
        say(f"{name}{key}: {sorted(took)[5]:.0f} ms")


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[Drive, Flood]]:
    """A screen whose pane has its first 20,000 lines."""
    cockpit = Flood()
    app = MeshtuiApp(cockpit, clock=cockpit.clock)
    app.garbage.begin()  # as the program does
    async with app.run_test(size=LARGE) as pilot:
        drive = Drive(app, cockpit, pilot)
        await drive.until(lambda: app.opened and app.main.snapshot)
        await drive.press("l")
        pane = app.main.dock.pane("logs")
        assert isinstance(pane, LogsPane)
        await drive.until(lambda: pane.store.end == 20_000, 30.0)
        # The first look for garbage, once, after what is there has been read.
        await drive.until(lambda: gc.get_freeze_count() > 0, 30.0)
        yield drive, cockpit


async def screen(rate: float) -> None:
    async with opened() as (drive, cockpit):
        await keys(drive, "")
        await drive.press("w")
        await keys(drive, "wrapped ")
        flooded(rate, ", wrapped", await measure(drive, cockpit, rate))
        await drive.press("w")
        for one in (rate / 10, rate):
            flooded(one, "", await measure(drive, cockpit, one))


async def flood(rate: float) -> dict[str, float]:
    async with opened() as (drive, cockpit):
        return await measure(drive, cockpit, rate)


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
        wanted = float(sys.argv[1]) if len(sys.argv) > 1 else 50_000.0
        if "--json" in sys.argv:
            say(json.dumps(asyncio.run(flood(wanted))))
        else:
            parts()
            asyncio.run(screen(wanted))
            real_screen(wanted)
