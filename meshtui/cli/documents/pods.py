"""`pods -o json`: the pods and their proxies as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from meshtui.cli.documents.times import iso
from meshtui.diagnosis.proxy_sync import ProxyRow, kind_of
from meshtui.mesh.model import Pod
from meshtui.mesh.pod_health import last_end, pod_trouble, restarts
from meshtui.mesh.pod_status import ContainerStatus, stamp

Json = dict[str, Any]
Rows = Mapping[tuple[str, str], ProxyRow]


def pods_json(pods: Iterable[Pod], rows: Rows, now: float, rollouts: Iterable[str]) -> Json:
    """`rows` are the proxies of the pods; a pod that has ended has none."""
    found = [pod_json(pod, rows.get((pod.namespace, pod.name)), now) for pod in pods]
    return {"time": iso(now), "rollouts": list(rollouts), "pods": found}


def pod_json(pod: Pod, row: ProxyRow | None, now: float) -> Json:
    """`age_s` is null where it is not known; `last` where no container ever ended; `sidecar` and
    what follows where the pod runs no proxy, and `in_sync` where it is not known."""
    made, ended, trouble = stamp(pod.created), last_end(pod), pod_trouble(pod, now)
    return {
        "namespace": pod.namespace,
        "name": pod.name,
        "workload": pod.workload or None,
        "version": pod.version or None,
        "phase": pod.phase or None,
        "ready": pod.ready,
        "ending": pod.deleting,
        "containers": len(pod.containers),
        "containers_running": sum(one.running for one in pod.statuses),
        "restarts": restarts(pod),
        "last": _ended(ended) if ended else None,
        "trouble": trouble.words if trouble else None,
        "age_s": None if made is None else max(0, int(now - made)),
        "created": pod.created or None,
        "node": pod.node or None,
        "workload_entry": pod.machine,
        "ip": pod.ip or None,
        "ambient": pod.ambient,
        "sidecar": (pod.proxy_version or None) if pod.sidecar else None,
        "proxy": kind_of(pod) if pod.sidecar else None,
        "state": row.state.replace(" ", "_") if row else None,
        "in_sync": row.in_sync if row else None,
        "refused": [one.type for one in row.refused if one.still is not False] if row else [],
    }


def _ended(one: ContainerStatus) -> Json:
    return {
        "container": one.name,
        "reason": one.reason or None,
        "exit_code": one.exit_code,
        "ended": one.ended or None,
    }
