"""A run's hands on a real cluster: the driver, the counts, the lease, the gate and the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from meshtui.canary.events import (
    Asked,
    BackOnStable,
    Edit,
    Edited,
    Gated,
    NotServed,
    Pods,
    RunGate,
    Served,
    Shift,
)
from meshtui.canary.machine import State
from meshtui.canary.progress import Measured, Progress, document
from meshtui.canary.stored import StoredRun, to_text
from meshtui.canary.tally import Interval
from meshtui.errors import JournalError, MeshtuiError
from meshtui.journal import Journal
from meshtui.journal.canaries import CanaryRow
from meshtui.journal.rows import user_name
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.operations.canary.counting import Counting
from meshtui.operations.canary.driver import Driver
from meshtui.operations.canary.gate import run_gate
from meshtui.operations.canary.lease import ServiceLease

ORDERS_S = 1.0
"""How often the Lease is read for orders, in seconds."""


class LiveHands:
    """What `Hands` is, for one service. `trouble_of` says why the cluster cannot be seen."""

    def __init__(
        self,
        driver: Driver,
        counting: Counting,
        lease: ServiceLease,
        journal: Journal,
        run_id: str,
        *,
        mesh: Callable[[], Mesh],
        trouble_of: Callable[[], str],
        began: float,
        now: Callable[[], float],
    ) -> None:
        self.run_id = run_id
        self._driver = driver
        self._counting = counting
        self._lease = lease
        self._journal = journal
        self._mesh = mesh
        self._trouble_of = trouble_of
        self._began = began
        self._now = now
        self._orders: list[Asked | Edited] = []
        self._progress: Progress | None = None
        self._looked: Mesh | None = None
        self._pods: tuple[Mesh, Pods | None] | None = None

    @property
    def service(self) -> ServiceKey:
        return self._lease.service

    @property
    def trouble(self) -> str:
        return self._trouble_of()

    @property
    def seen(self) -> Measured:
        return self._counting.seen

    async def shift(self, command: Shift) -> Served | NotServed | Edited:
        return await self._driver.shift(command)

    async def roll_back(self) -> BackOnStable | NotServed:
        return await self._driver.roll_back()

    async def gate(self, command: RunGate, state: State) -> Gated:
        about = {
            "MESHTUI_SERVICE": self.service.name,
            "MESHTUI_NAMESPACE": self.service.namespace,
            "MESHTUI_VERSION": state.plan.version,
            "MESHTUI_WEIGHT": f"{state.rung.weight:g}",
        }
        return await run_gate(command.command, command.seconds, about)

    async def begin_counting(self, *, shadow: bool) -> None:
        question = self._driver.question(shadow=shadow)
        if question is not None:
            await self._counting.begin(question)

    async def count(self, *, shadow: bool) -> Interval | None:
        """What cannot be seen is not judged: a foreign edit may have moved the traffic."""
        if self.trouble:
            return self._counting.blind(self.trouble)
        question = self._driver.question(shadow=shadow)
        if question is None:
            return self._counting.blind("the canary's rule is not there")
        return await self._counting.count(question)

    def pods(self) -> Pods | None:
        mesh = self._mesh()
        if self._pods is None or self._pods[0] is not mesh:
            self._pods = mesh, self._driver.pods()
        return self._pods[1]

    def edited(self) -> Edited | None:
        mesh = self._mesh()
        if self._looked is mesh:
            return None
        self._looked = mesh
        return self._driver.edited()

    async def orders(self) -> tuple[Asked | Edited, ...]:
        found, self._orders = tuple(self._orders), []
        return found

    def note(self, progress: Progress) -> None:
        """What others shall see of the run when the Lease is written next."""
        self._progress = progress

    def save(self, state: State) -> None:
        run = StoredRun(
            state, self._driver.facts, self._began, self._driver.label, self._driver.before
        )
        row = CanaryRow(
            self.run_id,
            self.service,
            self._began,
            self._now(),
            user_name(),
            state.over,
            state.sentence,
            to_text(run),
        )
        self._journal.save_canary(row)

    async def keep_lease(self) -> None:
        """Renews the Lease and takes orders out of it, for ever; beside everything else."""
        while not self._lease.lost:
            await asyncio.sleep(ORDERS_S)
            try:
                self._orders += await self._lease.renew(
                    document(self._progress) if self._progress else {}
                )
            except MeshtuiError:
                continue  # the run itself says that the cluster is out of reach
        words = f"{self._lease.lost} drives a canary of {self.service} now"
        self._orders.append(Edited(Edit.DRIVER, words))

    async def acquire(self) -> None:
        """Raises `Refused` with the holder's name where somebody else drives the service."""
        await self._lease.acquire()

    async def release(self) -> None:
        await self._lease.release(document(self._progress) if self._progress else {})


def journal_of(journal: Journal | None, trouble: str) -> Journal:
    """A run without a journal could not be gone on with: it does not begin."""
    if journal is None or journal.only_read:
        raise JournalError(trouble or journal.only_read if journal else trouble)
    return journal
