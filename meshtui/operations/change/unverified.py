"""Changes that the proxies had not taken up in time: asked about until they have."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from meshtui.changes.outcome import Outcome, outcome_of
from meshtui.errors import MeshtuiError, NotFound
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.signals import Sample

if TYPE_CHECKING:
    from meshtui.operations.change.apply import Applier

AGAIN_S = 5.0


class UnverifiedChanges:
    """Remembers the last unverified change of each service; `seen` says what became of it."""

    def __init__(self, applier: Applier, changed: Callable[[], None]) -> None:
        self.seen: dict[ServiceKey, str] = {}
        """By service, the words for a change that is settled by now."""

        self._applier = applier
        self._changed = changed
        self._waiting: dict[ServiceKey, Outcome] = {}

    def note(self, outcome: Outcome) -> None:
        """A newer change of a service takes the place of an older one."""
        key = outcome.plan.change.service
        self._waiting.pop(key, None)
        self.seen.pop(key, None)
        if outcome.applied and not outcome.verified:
            self._waiting[key] = outcome

    async def run(self, now: Callable[[], tuple[Mesh, Sample | None]]) -> None:
        """Asks every five seconds, for ever."""
        while True:
            await asyncio.sleep(AGAIN_S)
            for key, outcome in list(self._waiting.items()):
                words = await self._ask(outcome, *now())
                if words and self._waiting.get(key) is outcome:
                    del self._waiting[key]
                    self.seen[key] = words
                    self._changed()

    async def _ask(self, outcome: Outcome, mesh: Mesh, sample: Sample | None) -> str:
        """What to say of the change, empty as long as there is nothing new."""
        try:
            found = [
                await self._applier.verify_again(part, mesh, sample)
                for part in outcome.parts or (outcome,)
            ]
        except NotFound:
            found = [None]
        except MeshtuiError:
            return ""
        seen = [part for part in found if part is not None]
        if len(seen) < len(found):
            return f"change {outcome.change_id} was never seen in every proxy; it was changed since"
        again = outcome_of(outcome.change_id, outcome.plan, seen)
        if not again.verified:
            return ""
        count = f"{again.in_sync} of {len(again.counted)}"
        return f"change {outcome.change_id} is in the proxies now: {count} in sync"
