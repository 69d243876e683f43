"""A canary as somebody sees it who does not drive it, and the orders that they give."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from meshtui.canary.events import Asked, Order
from meshtui.canary.progress import Progress, progress_of
from meshtui.canary.reported import progress_from
from meshtui.canary.stored import from_text
from meshtui.dataclass import dataclass
from meshtui.errors import MeshtuiError, Refused
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.text import clean
from meshtui.operations.canary.detached import log_of
from meshtui.operations.canary.lease import Holder, ServiceLease
from meshtui.operations.session import Session


@dataclass(frozen=True, slots=True)
class CanaryRun:
    """The newest canary of a service, by its Lease or by the journal of this machine.

    `live`: `driver` holds the Lease and renews it. `progress` is None where there is no canary.
    `trouble` says what could not be read; `log` is where the driver prints, if that is known.
    """

    service: ServiceKey
    driver: str = ""
    live: bool = False
    progress: Progress | None = None
    trouble: str = ""
    log: Path | None = None


async def watch_run(session: Session, service: ServiceKey) -> CanaryRun:
    """Never raises: what can't be read is said, and the rest is shown."""
    holder: Holder | None = None
    troubles = []
    try:
        holder = await ServiceLease(session.cluster, service).holder()
    except MeshtuiError as error:
        troubles.append(str(error))
    written, trouble = _written_down(session, service)
    troubles.append(trouble)
    theirs = progress_from(holder.progress) if holder is not None else None
    found = _newest(written, theirs)
    return CanaryRun(
        service,
        clean(holder.who, 120) if holder else "",
        holder is not None and holder.live,
        found,
        "; ".join(filter(None, troubles)),
        log_of(service, holder.who) if holder else None,
    )


def _newest(written: Progress | None, theirs: Progress | None) -> Progress | None:
    """What was written down is newer where the driver is on this machine; its report says more."""
    if written is None or theirs is None:
        return written or theirs
    if theirs.time >= written.time:
        return theirs
    if theirs.index != written.index or theirs.version != written.version:
        return written
    return replace(
        written,
        share=theirs.share,
        serving=theirs.serving,
        canary=replace(written.canary, p99_ms=theirs.canary.p99_ms),
        stable=written.stable
        and replace(written.stable, p99_ms=theirs.stable.p99_ms if theirs.stable else None),
    )


def _written_down(session: Session, service: ServiceKey) -> tuple[Progress | None, str]:
    if session.journal is None:
        return None, session.journal_trouble
    try:
        row = next(iter(session.journal.canaries(service)), None)
        return (progress_of(from_text(row.state).state, time=row.updated) if row else None), ""
    except MeshtuiError as error:
        return None, str(error)


async def give_order(session: Session, service: ServiceKey, order: Order) -> str:
    """Gives it to whoever drives the canary, and waits for them to have it; gives their name.

    Raises `Refused` where nobody drives it.
    """
    lease = ServiceLease(session.cluster, service)
    holder = await lease.holder()
    if holder is None or not holder.live:
        raise nobody_drives(service)
    await lease.order(Asked(order))
    return clean(holder.who, 120)


def nobody_drives(service: ServiceKey) -> Refused:
    return Refused(
        f"nobody drives a canary of {service}", f"`meshtui canary status {service}` says why"
    )
