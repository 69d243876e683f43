"""A row while a sample is put to it: every step writes here, and the frozen row is built once.

Joining, judging, shares and pods each change some fields of a row. A frozen row built anew at each
of these steps costs more than all that they decide, at 3,000 rows a tick.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meshtui.mesh.changed import changed
from meshtui.mesh.signals import Signals
from meshtui.mesh.versions import VersionView


@dataclass(slots=True)
class RowWork:
    """The fields of `row` that a sample changes; see `VersionView` for what they say."""

    row: VersionView
    caller: Signals | None
    server: Signals | None
    reached: float | None
    unknown_because: str
    state: str
    server_state: str
    share: float | None
    slow: str = ""
    server_slow: str = ""
    pods_state: str = ""
    pods_words: str = ""

    @classmethod
    def on(cls, row: VersionView) -> RowWork:
        return cls(
            row,
            row.caller,
            row.server,
            row.reached,
            row.unknown_because,
            row.state,
            row.server_state,
            row.share,
        )

    def done(self) -> VersionView:
        rare: dict[str, Any] = {}
        if self.slow or self.server_slow:
            rare = {"slow": self.slow, "server_slow": self.server_slow}
        if self.pods_state or self.pods_words:
            rare |= {"pods_state": self.pods_state, "pods_words": self.pods_words}
        return changed(
            self.row,
            caller=self.caller,
            server=self.server,
            reached=self.reached,
            unknown_because=self.unknown_because,
            state=self.state,
            server_state=self.server_state,
            share=self.share,
            **rare,
        )
