"""The screen on a made-up mesh, to be looked at: `python -m tests.ui.harness [--services N]`."""

from __future__ import annotations

import argparse
import asyncio
import inspect
import random
import sys
import time
from pathlib import Path

from meshtui.errors import MeshtuiError
from meshtui.mesh.model import ServiceKey
from meshtui.operations.logs.pod_tail import TailFrom
from meshtui.operations.types import LogEntry, ProgressStep
from meshtui.ui.app import MeshtuiApp
from meshtui.ui.terminal import job
from meshtui.ui.terminal.watchdog import Leaving
from tests.ui.big import big_objects
from tests.ui.fake import Clock, FakeCockpit

LINE = (
    '[{time}.{ms:03d}Z] "GET /reviews/{n} HTTP/1.1" {code} {flags} {details} - "-" 0 {size} '
    '{took} {took} "-" "python-requests/2.31" "9d2f-{n}" "reviews:9080" "10.1.0.7:9080" '
    "inbound|9080|| 127.0.0.6:40051 10.1.0.7:9080 10.1.0.3:51234 - default"
)


class LiveCockpit(FakeCockpit):
    """Ticks by itself, logs by itself, takes its time to plan."""

    def __init__(self, services: int, applied: Path | None = None) -> None:
        super().__init__(clock=Clock(time.time()))
        self.applied_file = applied
        self.noise = random.Random(7)
        self.notices = ()
        if services:
            self.raw = big_objects(services)

    async def connect(self) -> None:
        await asyncio.sleep(0.3)
        await super().connect()
        self._ticking = asyncio.create_task(self._tick_for_ever())

    async def _tick_for_ever(self) -> None:
        while True:
            await asyncio.sleep(2.0)
            self.tick(0.0)
            self.clock.now = time.time()

    async def plan(self, request, target):  # type: ignore[no-untyped-def]
        await asyncio.sleep(0.4)
        return await super().plan(request, target)

    async def apply(self, plan, progress):  # type: ignore[no-untyped-def]
        for step in ("dry run", "journal", "write", "proxies 1/3", "proxies 2/3"):
            progress(ProgressStep(step, step.startswith("proxies")))
            await asyncio.sleep(0.3)
            if step == "write" and self.applied_file is not None:
                self.applied_file.write_text(plan.change.verb)
        return await super().apply(plan, progress)

    async def tail(self, service: ServiceKey, start: TailFrom):  # type: ignore[no-untyped-def]
        pods = [pod for pod in self.mesh.pods if pod.app == service.name]
        if not pods:
            raise MeshtuiError(f"{service} has no pods")
        number = 0
        while True:
            await asyncio.sleep(random.expovariate(20))
            number += 1
            pod = random.choice(pods)
            bad = pod.version == "v3" and random.random() < 0.3
            yield LogEntry(pod.namespace, pod.name, pod.version, _line(number, bad))


def _line(number: int, bad: bool) -> str:
    now = time.time()
    return LINE.format(
        time=time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)),
        ms=int(now * 1000) % 1000,
        n=number,
        code=503 if bad else 200,
        flags="UF" if bad else "-",
        details="upstream_reset_before_response_started" if bad else "via_upstream",
        size=375,
        took=random.randint(3, 9) if not bad else random.randint(80, 400),
    )


def _fail(*_: object) -> None:
    password = "a-local-" + "secret"
    if password:
        raise LookupError("a bug")


STYLES = Path(inspect.getfile(MeshtuiApp)).parent / "app.tcss"


class HandlerCrash(MeshtuiApp):
    CSS_PATH = STYLES

    def on_mount(self) -> None:
        super().on_mount()
        self.set_timer(1.0, _fail)


class WorkerCrash(MeshtuiApp):
    CSS_PATH = STYLES

    def on_mount(self) -> None:
        super().on_mount()
        self.run_worker(self._soon(), exit_on_error=True)

    async def _soon(self) -> None:
        await asyncio.sleep(1.0)
        _fail()


class RenderCrash(MeshtuiApp):
    CSS_PATH = STYLES

    def on_mount(self) -> None:
        super().on_mount()
        self.set_timer(1.0, self._break)

    def _break(self) -> None:
        if self.opened is None:
            self.set_timer(0.1, self._break)
            return
        self.main.header.render_line = _fail  # type: ignore[method-assign,assignment]
        self.main.header.refresh()


class StuckThread(MeshtuiApp):
    """As where a name server does not answer."""

    CSS_PATH = STYLES

    def on_mount(self) -> None:
        super().on_mount()
        self.run_worker(asyncio.to_thread(time.sleep, 3600.0), exit_on_error=True)


class StuckLoop(MeshtuiApp):
    """Blocks the event loop a second after the start."""

    CSS_PATH = STYLES

    def on_mount(self) -> None:
        super().on_mount()
        self.set_timer(1.0, self._block)

    def _block(self) -> None:
        self.bell()
        time.sleep(3600)


WRONG = {
    None: MeshtuiApp,
    "thread": StuckThread,
    "loop": StuckLoop,
    "handler": HandlerCrash,
    "worker": WorkerCrash,
    "render": RenderCrash,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--services", type=int, default=0)
    parser.add_argument("--theme", default="")
    parser.add_argument("--read-only", action="store_true")
    parser.add_argument("--broken", action="store_true", help="cannot connect")
    parser.add_argument("--applied", type=Path, help="a file to write once a change is applied")
    parser.add_argument("--wrong", choices=[*filter(None, WRONG)], help="what fails or is stuck")
    parser.add_argument("--job", action="store_true", help="as if a shell had started it")
    options = parser.parse_args()
    if options.job:
        job.is_job = lambda: True
    cockpit = LiveCockpit(options.services, options.applied)
    cockpit.read_only = options.read_only
    if options.broken:
        cockpit.connect_error = MeshtuiError(
            "the API server https://127.0.0.1:6443 does not answer (connection refused)",
            "is the cluster up? kubectl --context lab get ns asks the same question",
        )
    leaving = Leaving(sys.stdin.fileno())
    app = WRONG[options.wrong](cockpit, theme=options.theme, leaving=leaving)
    try:
        status = app.run() or 0
    finally:
        app.release_terminal()
        for words in app.ending.parting:
            print(f"meshtui: {words}", file=sys.stderr)
    raise SystemExit(f"meshtui: {app.failure}" if app.failure else status)


if __name__ == "__main__":
    main()
