"""The screen of any build, with a probe in it: `python screen_probe.py ROOT FD [ARGUMENTS]`.

Writes one JSON document a line to the descriptor FD: `rows` when the table has rows, `pods` when
pods of them are known, `moved` when the cursor's new place was written to the terminal, `edge` when
it stands at the top or the end of the table or does no more, and `lag` for each time the event loop
came back late. Times are CLOCK_MONOTONIC, which other processes share.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import threading
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.insert(0, sys.argv[1])
OUT = int(sys.argv[2])
EVERY_S = 0.005
LATE_S = 0.010
STACKS = bool(os.environ.get("PROBE_STACKS"))


def say(kind: str, **values: Any) -> None:
    line = json.dumps({"kind": kind, "at": time.monotonic(), **values}) + "\n"
    os.write(OUT, line.encode())


class Probe:
    """What is seen of one program."""

    def __init__(self) -> None:
        self.table: Any = None
        self.place: Any = None
        self.rows = self.pods = False
        self.edge = ""
        self.beat = time.monotonic()
        self.loop_thread = 0
        self.stacks: dict[str, int] = {}

    async def lag(self) -> None:
        self.loop_thread = threading.get_ident()
        while True:
            began, own, all_ = time.monotonic(), time.thread_time(), time.process_time()
            self.beat = began
            await asyncio.sleep(EVERY_S)
            late = time.monotonic() - began - EVERY_S
            if late > LATE_S:
                mine, whole = time.thread_time() - own, time.process_time() - all_
                say("lag", late=late, loop_cpu=mine, cpu=whole)

    def watch(self) -> None:
        """What the loop is at when it is late."""
        while True:
            time.sleep(0.004)
            if self.loop_thread and time.monotonic() - self.beat > 0.02:
                frame = sys._current_frames().get(self.loop_thread)
                names = []
                while frame is not None:
                    code = frame.f_code
                    names.append(f"{Path(code.co_filename).name}:{code.co_name}")
                    frame = frame.f_back
                key = " < ".join(names[:9])
                self.stacks[key] = self.stacks.get(key, 0) + 1

    def written(self) -> None:
        table = self.table
        if table is None:
            return
        place = table.place
        if place != self.place:
            self.place = place
            say("moved")
        self._note_edge(table)
        if not self.pods and place is not None:
            self._note_rows(table)

    def _note_edge(self, table: Any) -> None:
        """The cursor's row moves with what it is sorted by, at times to the very top or end."""
        edge = {0: "top", len(table.entries) - 1: "end"}.get(table.cursor, "")
        if edge != self.edge:
            self.edge = edge
            say("edge", edge=edge)

    def _note_rows(self, table: Any) -> None:
        if not self.rows:
            self.rows = True
            say("rows", count=len(table.entries))
        view = table.view
        known = getattr(view, "pods_known", True) if view else False
        if known and any(row.pods for row in view.versions):
            self.pods = True
            say("pods", count=len(table.entries))


def install(probe: Probe) -> None:
    from textual.drivers.linux_driver import LinuxDriver

    begin = LinuxDriver.start_application_mode

    def start(self: Any) -> None:
        begin(self)
        asyncio.get_running_loop().create_task(probe.lag())
        if STACKS:
            threading.Thread(target=probe.watch, daemon=True).start()

    LinuxDriver.start_application_mode = start  # type: ignore[method-assign]
    from meshtui.ui.table.widget import MeshTable

    driver: Any = LinuxDriver
    for place in ("meshtui.ui.terminal.driver", "meshtui.ui.terminal_driver", "meshtui.ui.driver"):
        with suppress(ImportError):  # of an older build
            driver = import_module(place).TerminalDriver
            break
    write, make = driver.write, MeshTable.__init__

    def made(self: Any, *words: Any, **more: Any) -> None:
        make(self, *words, **more)
        probe.table = self

    def seen(self: Any, data: str) -> None:
        write(self, data)
        probe.written()

    MeshTable.__init__ = made  # type: ignore[method-assign]
    driver.write = seen


def watch_handles() -> None:
    """What a single turn of the loop was at that used more of a processor than `LATE_S`."""
    run = asyncio.Handle._run

    def timed(self: Any) -> None:
        began = time.thread_time()
        run(self)
        took = time.thread_time() - began
        if took > LATE_S:
            callback = self._callback
            task = getattr(callback, "__self__", None)
            coroutine = task.get_coro() if isinstance(task, asyncio.Task) else None
            inner = coroutine
            names = []
            while inner is not None and len(names) < 12:
                names.append(getattr(inner, "__qualname__", type(inner).__name__))
                inner = getattr(inner, "cr_await", None) or getattr(inner, "ag_await", None)
            say("slow", took=took, what=" > ".join(names) or repr(callback)[:200])

    asyncio.Handle._run = run if not STACKS else timed  # type: ignore[method-assign]


def watch_garbage() -> None:
    began = [0.0]

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            began[0] = time.monotonic()
        elif (took := time.monotonic() - began[0]) > LATE_S:
            say("garbage", took=took, generation=info["generation"])

    gc.callbacks.append(note)


def main() -> int:
    probe = Probe()
    install(probe)
    watch_garbage()
    watch_handles()
    from meshtui.cli.main import main as run

    try:
        return run(sys.argv[3:])
    finally:
        ranked = sorted(probe.stacks.items(), key=lambda item: -item[1])
        for stack, times in ranked[:25]:
            say("stack", stack=stack, times=times)
        say("end")


if __name__ == "__main__":
    sys.exit(main())
