"""What the API server thinks of a change before it is made: the right to it, and a dry run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from meshtui.changes.change import Caution, Change
from meshtui.errors import NotAllowed, read_only_error
from meshtui.operations.change.written_objects import of_the_server, resource_of, send

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster
    from meshtui.kube.objects import Written


async def server_findings(
    cluster: Cluster, change: Change, *, plan_only: bool
) -> tuple[Caution, ...]:
    """The rights and a server-side dry run, which sees schema and admission, asked at once.

    A missing right counts before what the dry run says. `look_only`: it is a finding, no error.
    """
    try:
        if cluster.read_only:
            raise read_only_error()
        written = await _right_and_dry_run(cluster, change)
    except NotAllowed as error:
        if not plan_only:
            raise
        return (Caution("warning", str(error)),)
    return tuple(Caution("warning", of_the_server(text)) for text in written.warnings)


async def _right_and_dry_run(cluster: Cluster, change: Change) -> Written:
    right, written = await asyncio.gather(
        _refuse_without_right(cluster, change),
        send(cluster, change, dry_run=True),
        return_exceptions=True,
    )
    if right is not None:
        raise right
    if isinstance(written, BaseException):
        raise written
    return written


async def _refuse_without_right(cluster: Cluster, change: Change) -> None:
    from meshtui.kube.access import allowed

    target, resource = change.target, resource_of(change.target.kind)
    name = "" if change.action == "create" else target.name
    if not await allowed(cluster, change.action, resource, target.namespace, name):
        raise NotAllowed(
            f"you may not {change.action} {resource.plural} in namespace {target.namespace}",
            f"ask for that right, or use another context than {cluster.context}",
        )
