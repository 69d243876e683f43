"""Connecting and reading, in workers that end in a message, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.message_pump import MessagePump

from meshtui.crash import crashed
from meshtui.errors import MeshtuiError, Unreachable
from meshtui.ui.main.messages import Connected, ConnectFailed, FeedFailed, SnapshotArrived

if TYPE_CHECKING:
    from meshtui.operations.cockpit import Cockpit
    from meshtui.operations.types import Snapshot

MANY = 100
"""Services whose numbers take longer to look through than a thread takes to begin."""


async def connect(cockpit: Cockpit, to: MessagePump) -> None:
    """Reach the cluster, and say how that went."""
    try:
        await cockpit.connect()
    except MeshtuiError as error:
        to.post_message(ConnectFailed(error))
    except Exception as error:  # noqa: BLE001 - the edge of a worker: the screen must live on
        to.post_message(ConnectFailed(unexpected("connecting", error)))
    else:
        to.post_message(Connected())


async def follow(
    cockpit: Cockpit, to: MessagePump, prepare: Callable[[Snapshot], None] = lambda _: None
) -> None:
    """Hand on each snapshot until there are no more, and say that there are no more.

    A large one is prepared in a thread, so that keys are answered meanwhile.
    """
    try:
        async for snapshot in cockpit.snapshots():
            if len(snapshot.views) >= MANY:
                await asyncio.to_thread(prepare, snapshot)
            to.post_message(SnapshotArrived(snapshot))
    except MeshtuiError as error:
        to.post_message(FeedFailed(error))
    except Exception as error:  # noqa: BLE001 - the edge of a worker: the screen must live on
        to.post_message(FeedFailed(unexpected("reading the mesh", error)))
    else:
        to.post_message(FeedFailed(Unreachable("the mesh is not read any more", "trying again")))


def unexpected(doing: str, error: Exception) -> MeshtuiError:
    """A failure that should have been one of ours, told as one; a file has the rest."""
    return crashed(doing, error)
