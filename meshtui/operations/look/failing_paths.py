"""A bounded read of the access logs around a service, for the paths that fail."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from meshtui.diagnosis.logged_paths import LoggedPath, LoggedPaths
from meshtui.envoy.accesslog import AccessRecord, parse_line
from meshtui.envoy.clusternames import parse_cluster_name
from meshtui.envoy.logsummary import path_of
from meshtui.mesh.codes import failed
from meshtui.mesh.model import Mesh, Pod, ServiceKey
from meshtui.mesh.row_pods import pods_behind
from meshtui.mesh.sides import CALLER, SERVER
from meshtui.mesh.signals import Sample
from meshtui.operations.logs.callers import callers_of, is_about_record
from meshtui.operations.logs.formats import formats_of, not_logged
from meshtui.operations.look.evidence import Addresses, log_lines, spread

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

LINES = 150
MOST_OWN, MOST_CALLERS = 4, 3
"""Lines of each proxy, and proxies, of the service and of who calls it: half a megabyte."""


async def read_paths(
    cluster: Cluster, mesh: Mesh, key: ServiceKey, sample: Sample | None
) -> LoggedPaths:
    """Raises no `MeshtuiError`: what can't be read is among the troubles."""
    service = mesh.by_key.get(key)
    if service is None:
        return LoggedPaths(time.time(), troubles=(f"{key} is gone",))
    own = spread(pods_behind(mesh, service), MOST_OWN)
    pods = (*own, *spread(callers_of(mesh, service, sample), MOST_CALLERS))
    silent = not_logged(mesh, pods)
    if silent:
        return LoggedPaths(time.time(), troubles=(silent,))
    formats = formats_of(mesh, pods)
    logs = await asyncio.gather(*(log_lines(cluster, pod, LINES) for pod in pods))
    addresses = {pod.ip: (pod.namespace, pod.name) for pod in mesh.pods if pod.ip}
    found = LoggedPaths(
        time.time(),
        proxies=sum(not trouble for _, trouble in logs),
        troubles=tuple(dict.fromkeys(str(trouble) for _, trouble in logs if trouble)),
    )
    for place, (pod, (lines, _)) in enumerate(zip(pods, logs, strict=True)):
        records = (record for line in lines if (record := parse_line(line, formats)))
        if place < len(own):
            _count(found, served(records, pod))
        else:
            about = (record for record in records if is_about_record(record, service))
            _count(found, called(about, addresses, headless=service.headless))
    return found


def served(records: Iterable[AccessRecord], pod: Pod) -> Counter[tuple[LoggedPath, bool]]:
    """What came into a pod, by path and by whether it failed."""
    place = pod.namespace, pod.name
    return Counter(
        (LoggedPath(SERVER, path_of(one.path), pod=place), failed(one.code))
        for one in records
        if one.came_to("" if pod.gateway else pod.ip) and not one.tcp
    )


def called(
    records: Iterable[AccessRecord], addresses: Addresses, *, headless: bool = False
) -> Counter[tuple[LoggedPath, bool]]:
    """What a caller sent, by path, by whom it was for, and by whether it failed.

    A headless service's requests go to the pod whose address was called, whichever subset's
    cluster stands in the line: only the pod tells the version.
    """
    return Counter(
        (
            LoggedPath(
                CALLER,
                path_of(one.path),
                "" if headless else parse_cluster_name(one.upstream_cluster).subset,
                addresses.get(one.upstream_host.rpartition(":")[0]),
            ),
            failed(one.code),
        )
        for one in records
        if not one.tcp
    )


def _count(found: LoggedPaths, counted: Counter[tuple[LoggedPath, bool]]) -> None:
    for (path, bad), number in counted.items():
        found.requests[path] += number
        if bad:
            found.failed[path] += number
