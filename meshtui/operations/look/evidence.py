"""What logs and istiod say beside telemetry of one service, for who explains its errors."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING

from meshtui.diagnosis.explain.evidence import Evidence, LoggedAnswer
from meshtui.diagnosis.refused_config import sentences_of
from meshtui.envoy.accesslog import AccessRecord, parse_line
from meshtui.envoy.details import denying_policy, explain_details
from meshtui.errors import MeshtuiError, Unreachable
from meshtui.mesh.access_logging import LogFormat
from meshtui.mesh.model import Mesh, Pod, Service, ServiceKey
from meshtui.mesh.row_pods import pods_behind
from meshtui.mesh.sides import CALLER, SERVER
from meshtui.mesh.signals import Sample
from meshtui.operations.logs.callers import callers_of, is_about_record
from meshtui.operations.logs.formats import formats_of
from meshtui.operations.look.refused_config import RecentRefusals

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

LINES, SINCE_S = 300, 120.0
MOST_OWN, MOST_CALLERS = 6, 4
"""Proxies whose logs are read, of the service and of who calls it."""

_CONCURRENCY = 4
_TIMEOUT_S = 5.0
_DENIALS = ("rbac_access_denied", "jwt_authn_access_denied", "ext_authz_denied")

Addresses = Mapping[str, tuple[str, str]]
"""Of each pod's address its namespace and name."""


async def read_evidence(
    cluster: Cluster,
    mesh: Mesh,
    key: ServiceKey,
    sample: Sample | None,
    refusals: RecentRefusals,
) -> Evidence:
    """Raises no `MeshtuiError`: what can't be read is among the troubles."""
    service = mesh.by_key.get(key)
    if service is None:
        return Evidence()
    own = spread(pods_behind(mesh, service), MOST_OWN)
    callers = spread(callers_of(mesh, service, sample), MOST_CALLERS)
    pods = (*own, *callers)
    formats = formats_of(mesh, pods)
    gate = asyncio.Semaphore(_CONCURRENCY)

    async def read(pod: Pod) -> tuple[list[str], MeshtuiError | None]:
        async with gate:
            return await log_lines(cluster, pod)

    refused, logs = await asyncio.gather(
        _refused(refusals, mesh, pods), asyncio.gather(*map(read, pods))
    )
    addresses = {pod.ip: (pod.namespace, pod.name) for pod in mesh.pods if pod.ip}
    logged: Counter[LoggedAnswer] = Counter()
    for at, (pod, (lines, _)) in enumerate(zip(pods, logs, strict=True)):
        logged.update(answers(lines, pod, at < len(own), service, addresses, formats))
    troubles = dict.fromkeys(str(trouble) for _, trouble in logs if trouble)
    return Evidence(logged, refused, tuple(troubles))


def spread(pods: Iterable[Pod], most: int) -> tuple[Pod, ...]:
    """At most so many, of as many workloads as there are."""
    seen: Counter[str] = Counter()
    ranked = []
    for pod in pods:
        if pod.sidecar and pod.phase == "Running":
            seen[pod.workload] += 1
            ranked.append((seen[pod.workload], pod))
    ranked.sort(key=lambda one: one[0])
    return tuple(pod for _, pod in ranked[:most])


async def _refused(refusals: RecentRefusals, mesh: Mesh, pods: Iterable[Pod]) -> tuple[str, ...]:
    """What these proxies refuse at this moment."""
    mine = {(pod.namespace, pod.name) for pod in pods}
    found = (await refusals.read(mesh)).found
    return sentences_of((o for o in found if (o.namespace, o.pod) in mine), time.time())


async def log_lines(
    cluster: Cluster, pod: Pod, tail: int = LINES, limit_s: float = _TIMEOUT_S
) -> tuple[list[str], MeshtuiError | None]:
    """The last lines of a proxy's log, and why there are not all of them."""
    from meshtui.kube.logs import pod_log

    found: list[str] = []
    try:
        async with asyncio.timeout(limit_s):
            log = pod_log(
                cluster, pod.namespace, pod.name, pod.proxy_container,
                tail=tail, since_s=SINCE_S,
            )  # fmt: skip
            async with aclosing(log) as lines:
                async for line in lines:
                    found += [line.decode("utf-8", "replace")]
    except TimeoutError:
        what = f"the log of {pod.namespace}/{pod.name} does not come to an end"
        return found, Unreachable(what)
    except MeshtuiError as error:
        return found, error
    return found, None


def answers(
    lines: Iterable[str],
    pod: Pod,
    own: bool,
    service: Service,
    addresses: Addresses,
    formats: Iterable[LogFormat] = (),
) -> Counter[LoggedAnswer]:
    """The answers of a log that were no success: of the service's own pods what came in, of its
    callers what went to it."""
    known = tuple(formats)
    found: Counter[LoggedAnswer] = Counter()
    for line in lines:
        record = parse_line(line, known)
        if record is None or not (record.flags or record.code == 0 or record.code >= 400):
            continue
        if own and record.came_to("" if pod.gateway else pod.ip):
            found[_answer(record, SERVER, (pod.namespace, pod.name))] += 1
        elif is_about_record(record, service):
            place = addresses.get(record.upstream_host.rpartition(":")[0])
            found[_answer(record, CALLER, place)] += 1
    return found


def _answer(record: AccessRecord, side: str, pod: tuple[str, str] | None) -> LoggedAnswer:
    return LoggedAnswer(
        side,
        record.code,
        record.flags,
        record.details,
        explain_details(record.details, record.flags),
        pod,
        denying_policy(record.details),
        record.details.startswith(_DENIALS),
    )
