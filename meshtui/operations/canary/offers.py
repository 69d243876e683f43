"""The canaries that nobody drove when the screen was opened: they can be gone on with."""

from __future__ import annotations

from meshtui.errors import JournalError
from meshtui.journal.canaries import CanaryRow
from meshtui.operations.canary.watching import CanaryRun, watch_run
from meshtui.operations.session import Session


class Offers:
    """Offered once, each until somebody goes on with it or it is over."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._offered: dict[tuple[str, float], str] = {}
        self._version: object = None

    async def refresh(self) -> None:
        for row in self._rows():
            run = await watch_run(self._session, row.service)
            if not run.live:
                self._offered[row.id, row.updated] = _words(row, run)

    def notices(self) -> tuple[str, ...]:
        """A line for each; the journal is read again when it was written to."""
        journal = self._session.journal
        if not self._offered or journal is None:
            return ()
        try:
            version = journal.version
            if version != self._version:
                self._version = version
                still = {(row.id, row.updated) for row in self._rows()}
                self._offered = {k: words for k, words in self._offered.items() if k in still}
        except JournalError:
            return ()
        return tuple(self._offered.values())

    def _rows(self) -> tuple[CanaryRow, ...]:
        try:
            rows = self._session.journal.canaries() if self._session.journal else ()
        except JournalError:
            return ()
        return tuple(row for row in rows if not row.over)


def _words(row: CanaryRow, run: CanaryRun) -> str:
    progress = run.progress
    what = f"a canary of {row.service} is unfinished"
    if progress is not None:
        what = f"a canary of {row.service} to {progress.version} is unfinished at "
        what += progress.ladder[progress.index]
    return f"{what}: `:canary` shows it, `meshtui canary resume {row.service}` goes on"
