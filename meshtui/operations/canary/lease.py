"""One driver for a service: a Lease that everybody sees, and through which orders come.

The holder renews it. Another terminal, on this machine or elsewhere, writes an order into an
annotation; the holder takes it out when it has it. What the run does stands in another one.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from meshtui.canary.events import Asked, Order
from meshtui.dataclass import dataclass
from meshtui.errors import Conflict, MeshtuiError, NotAllowed, Refused
from meshtui.kube.cluster import Cluster
from meshtui.kube.leases import Lease, lease_names, read_lease, write_lease
from meshtui.mesh import read
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.quantity import clock_time
from meshtui.mesh.text import clean

DURATION_S = 15.0
RENEW_S = 5.0
ORDER, DONE, PROGRESS = "meshtui.dev/order", "meshtui.dev/done", "meshtui.dev/progress"
_PREFIX = "meshtui-canary-"
_TRIES = 5
_ANSWER_S = 10.0

Pause = Callable[[float], Awaitable[None]]


def identity() -> str:
    """Who drives: user, machine and process."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = f"uid{os.getuid()}"
    return f"{user}@{socket.gethostname()}/{os.getpid()}"


def gone(holder: str) -> bool:
    """Whether the holder was a process of this machine that is no more."""
    place, _, pid = holder.rpartition("/")
    if place.rpartition("@")[2] != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        return False
    return False


def lease_name(service: ServiceKey) -> str:
    return f"{_PREFIX}{service.name}".lower()[:253]


async def with_lease(cluster: Cluster, namespace: str | None) -> tuple[ServiceKey, ...]:
    """The services that have one in this namespace, or in all: whose canary ran at any time."""
    try:
        names = await lease_names(cluster, namespace)
    except NotAllowed as error:
        raise _no_right(error, "list") from error
    return tuple(
        ServiceKey(space, name.removeprefix(_PREFIX))
        for space, name in names
        if name.startswith(_PREFIX)
    )


@dataclass(frozen=True, slots=True)
class Holder:
    """Who drives a service, since when (epoch seconds), and what the run says of itself.

    `live`: the Lease is held and has not expired.
    """

    who: str
    since: float
    live: bool
    progress: Mapping[str, Any]


class ServiceLease:
    """The Lease of one service, as its holder or somebody who wants to be."""

    def __init__(
        self,
        cluster: Cluster,
        service: ServiceKey,
        *,
        clock: Callable[[], float] = time.time,
        pause: Pause = asyncio.sleep,
        me: str = "",
    ) -> None:
        self.service = service
        self.lost = ""
        """Who has it now, where it was taken over; empty as long as it is ours."""

        self._cluster = cluster
        self._clock = clock
        self._pause = pause
        self._me = me or identity()
        self._name = lease_name(service)
        self._renewed = float("-inf")
        self._shown: object = (None, None)

    async def acquire(self) -> None:
        """Raises `Refused` with the holder's name where somebody else drives the service."""
        for _ in range(_TRIES):
            found = await self._read()
            if found is not None and not await self._free(found):
                raise _driven(self.service, found)
            try:
                await self._acquire(found)
            except Conflict:
                continue
            return
        raise Refused(f"the Lease of {self.service} changes all the time", "try again")

    async def refuse_driven(self) -> None:
        """Raises `Refused` as `acquire` does; takes nothing."""
        found = await self._read()
        if found is not None and not await self._free(found):
            raise _driven(self.service, found)

    async def _free(self, found: Lease) -> bool:
        """Its holder gave it back, is gone, or did not renew it, also while we looked at it."""
        if not found.holder or found.holder == self._me or gone(found.holder):
            return True
        if not found.expired(self._clock()):
            return False
        # Two clocks may differ: an expired Lease that is still renewed is none.
        await self._pause(RENEW_S + 1.0)
        again = await self._read()
        return again is None or again.version == found.version

    async def _acquire(self, found: Lease | None) -> None:
        now = self._clock()
        retained = {
            k: v for k, v in (found.notes if found else {}).items() if k not in (ORDER, DONE)
        }
        taken = Lease(
            self.service.namespace,
            self._name,
            self._me,
            DURATION_S,
            acquired=now,
            renewed=now,
            transitions=found.transitions + 1 if found else 0,
            notes=retained,
            version=found.version if found else "",
        )
        try:
            await write_lease(self._cluster, taken)
        except NotAllowed as error:
            raise _no_right(error) from error
        self._renewed = now

    async def renew(self, progress: Mapping[str, Any]) -> tuple[Asked, ...]:
        """Reads it, and writes it where it is time, or there is an order or another phase to show.

        Gives the orders.

        Raises where the API server does not answer. Sets `lost` where somebody else has it.
        """
        found = await self._read()
        if found is not None and found.holder != self._me:
            self.lost = found.holder or "nobody"
            return ()
        now = self._clock()
        order = _order_of(found.notes.get(ORDER, "")) if found else None
        shown = progress.get("phase"), read.obj(progress, "step").get("index")
        known = found is not None and shown == self._shown
        if order is None and known and now - self._renewed < RENEW_S:
            return ()
        notes = {k: v for k, v in (found.notes if found else {}).items() if k != ORDER}
        notes[PROGRESS] = json.dumps(progress)
        if order is not None:
            notes[DONE] = order[0]
        base = found or Lease(self.service.namespace, self._name, self._me, acquired=now)
        try:
            await write_lease(
                self._cluster, replace(base, duration_s=DURATION_S, renewed=now, notes=notes)
            )
        except Conflict:
            return ()  # an order came in between: it is read the next time
        self._renewed, self._shown = now, shown
        return () if order is None else (order[1],)

    async def release(self, progress: Mapping[str, Any]) -> None:
        """Gives it back, so that nobody has to wait for its end. Never raises."""
        try:
            for _ in range(_TRIES):
                found = await self._read()
                if found is None or found.holder != self._me:
                    return
                notes = {**found.notes, PROGRESS: json.dumps(progress)}
                notes.pop(ORDER, None)
                try:
                    await write_lease(self._cluster, replace(found, holder="", notes=notes))
                except Conflict:
                    continue
                return
        except MeshtuiError:
            return

    async def holder(self) -> Holder | None:
        """Who drives the service, or drove it last; None where nobody ever did."""
        found = await self._read()
        if found is None:
            return None
        live = not found.expired(self._clock()) and not gone(found.holder)
        return Holder(found.holder, found.acquired, live, _progress(found.notes.get(PROGRESS, "")))

    async def order(self, asked: Asked) -> None:
        """Gives an order to the holder, and waits until it has it. Raises `Refused` if not."""
        order_id = secrets.token_hex(4)
        text = json.dumps({"id": order_id, "order": asked.order.value, "force": asked.force})
        for _ in range(_TRIES):
            found = await self._read()
            if found is None or not found.holder:
                raise Refused(f"nobody drives a canary of {self.service}")
            try:
                await write_lease(self._cluster, replace(found, notes={**found.notes, ORDER: text}))
                break
            except Conflict:
                continue
        until = self._clock() + _ANSWER_S
        while self._clock() < until:
            await self._pause(0.2)
            found = await self._read()
            if found is not None and found.notes.get(DONE) == order_id:
                return
        raise Refused(
            f"the canary of {self.service} does not answer", "its holder may be gone: try again"
        )

    async def _read(self) -> Lease | None:
        try:
            return await read_lease(self._cluster, self.service.namespace, self._name)
        except NotAllowed as error:
            raise _no_right(error) from error


def _no_right(error: NotAllowed, verbs: str = "get, create and patch") -> NotAllowed:
    """Who is not known at all is to log in: no role helps."""
    if "Unauthorized" in error.what:
        return error
    return NotAllowed(error.what, f"a canary needs {verbs} on Leases (deploy/rbac.yaml)")


def _driven(service: ServiceKey, found: Lease) -> Refused:
    since = clock_time(found.acquired)
    return Refused(
        f"a canary of {service} is driven by {clean(found.holder, 120)} since {since}",
        f"`meshtui canary status {service.name}` shows it; `canary hold` or `abort` steer it",
    )


def _order_of(text: str) -> tuple[str, Asked] | None:
    """What somebody wrote there; anything but an order is none."""
    if not text:
        return None
    try:
        found = json.loads(text)
        return str(found["id"]), Asked(Order(found["order"]), bool(found.get("force")))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _progress(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
