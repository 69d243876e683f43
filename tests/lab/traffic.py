"""Callers who do not stop: requests at a steady rate while something is changed under them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from types import TracebackType

from meshtui.lab.client import Answer, LabClient

BATCH = 20


class Traffic:
    """`rps` requests a second from productpage to a service; every answer is counted."""

    def __init__(self, lab: LabClient, service: str, rps: int = 80) -> None:
        self.answers: list[Answer] = []
        self._lab, self._pause = lab, BATCH / rps
        self._host = f"{service}:9080"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            self.answers += self._lab.send(BATCH, via="productpage", host=self._host)
            due = max(due + self._pause, time.monotonic() - 1.0)
            self._stop.wait(max(0.0, due - time.monotonic()))

    @property
    def statuses(self) -> Counter[int]:
        return Counter(answer.status for answer in self.answers)
