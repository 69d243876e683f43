"""`pods`: which pod is ready, why it restarted, and how its proxy stands."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

from meshtui.cli import connect as opening
from meshtui.cli import output
from meshtui.cli.documents.pods import Rows, pods_json
from meshtui.cli.status import grouped
from meshtui.diagnosis.proxy_sync import row_lines
from meshtui.errors import Exit
from meshtui.mesh.model import Mesh, Pod
from meshtui.mesh.pod import NO_POD
from meshtui.mesh.pod_health import last_end, pod_trouble, readiness, restarts, rollouts
from meshtui.mesh.pod_status import stamp
from meshtui.mesh.quantity import human_duration
from meshtui.mesh.row_pods import pods_behind
from meshtui.operations.look.proxy_sync import MeshSync, read_sync


async def pods(arguments: argparse.Namespace) -> int:
    """Those of a service, else of the namespace (`-A`: of all)."""
    async with opening.session(arguments) as opened:
        mesh = await opening.mesh(opened)
        everywhere = getattr(arguments, "all_namespaces", False)
        if arguments.service:
            service = opening.find(mesh, arguments.service, opened.cluster.namespace)
            found = _sorted(pods_behind(mesh, service))
        else:
            only = "" if everywhere else opened.cluster.namespace
            found = _sorted(pod for pod in mesh.pods if only in ("", pod.namespace))
        places = {(pod.namespace, pod.name) for pod in found}
        sync = await read_sync(opened.cluster, mesh, lambda *place: place in places)
    rows = {row.place: row for row in sync.rows}
    now, form = sync.time, opening.form(arguments)
    if form == "table":
        _show(found, rows, now, mesh, everywhere)
        _notes(found, sync)
    else:
        output.data(pods_json(found, rows, now, rollouts(found, mesh)), form)
    return Exit.DONE


def _sorted(pods: Iterable[Pod]) -> list[Pod]:
    return sorted(pods, key=lambda pod: (pod.namespace, pod.name))


def _show(pods: Sequence[Pod], rows: Rows, now: float, mesh: Mesh, everywhere: bool) -> None:
    for text in rollouts(pods, mesh):
        output.line(text)
    if not pods:
        return
    header = ("POD", "READY", "RESTARTS", "LAST END", "AGE", "NODE", "SIDECAR", "CONFIG")
    spaces = everywhere or len({pod.namespace for pod in pods}) > 1
    output.table(header, [_cells(pod, rows, now, spaces) for pod in pods], right=(2,))
    words = (
        (f"{pod.name}.{pod.namespace}" if spaces else pod.name, _troubles(pod, rows, now))
        for pod in pods
    )
    for text in grouped(words):
        output.line(text)


def _cells(pod: Pod, rows: Rows, now: float, spaces: bool) -> tuple[str, ...]:
    made, ended = stamp(pod.created), last_end(pod)
    row = rows.get((pod.namespace, pod.name))
    return (
        f"{pod.name}.{pod.namespace}" if spaces else pod.name,
        readiness(pod),
        "-" if pod.machine else str(restarts(pod)),
        (ended.why_ended if ended else "") or "-",
        "?" if made is None else human_duration(now - made),
        NO_POD if pod.machine else pod.node or "-",
        _sidecar(pod),
        row.state if row else "-",
    )


def _sidecar(pod: Pod) -> str:
    if pod.sidecar:
        return pod.proxy_version or "yes"
    return "-" if pod.machine else "ztunnel" if pod.ambient else "none"


def _troubles(pod: Pod, rows: Rows, now: float) -> list[str]:
    trouble, row = pod_trouble(pod, now), rows.get((pod.namespace, pod.name))
    words = [trouble.words] if trouble else []
    proxy = row_lines(row, now) if row else []
    return list(dict.fromkeys([*words, *proxy]))


def _notes(pods: Sequence[Pod], sync: MeshSync) -> None:
    if not pods:
        output.note("meshtui: no pod here")
    elif sync.unsaid and any(row.in_sync is None for row in sync.rows):
        output.note(f"meshtui: {sync.unsaid}")
