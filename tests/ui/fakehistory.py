"""The charts' data without a cluster: what was seen is real, the source's past is the test's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from meshtui.errors import MeshtuiError
from meshtui.journal import MadeChange
from meshtui.mesh.courses import Named, by_telemetry
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.signals import Sample
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.time_series import Past, Stretch
from meshtui.metrics.sample_history import SampleHistory
from meshtui.operations.look.charts import ChartHistory
from meshtui.operations.types import Journaled


class FakeMemory:
    """A source that remembers what the test puts into `remembered`; `asked` is all it was."""

    name = "prometheus"

    def __init__(self) -> None:
        self.remembered: Past | None = None
        self.error: MeshtuiError | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked: list[tuple[ServiceKey, Stretch]] = []

    async def sample(self, mesh: Mesh) -> Sample:
        raise NotImplementedError

    async def past(
        self, service: ServiceKey, stretch: Stretch, named: Named = by_telemetry
    ) -> Past | None:
        self.asked.append((service, stretch))
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.remembered

    async def close(self) -> None: ...


class FakeHistory(ChartHistory):
    """The real use case on that source."""

    def __init__(self, journal: Callable[[ServiceKey], tuple[Journaled, ...]]) -> None:
        self.seen = SampleHistory()
        self.memory = FakeMemory()

        def made(service: ServiceKey, since: float) -> tuple[MadeChange, ...]:
            found = (e for e in journal(service) if e.took_effect and e.created >= since)
            ordered = sorted(found, key=lambda entry: entry.created)
            return tuple(MadeChange(e.created, e.verb, e.words, e.who) for e in ordered)

        super().__init__(self.seen, self.memory, made, Thresholds())
