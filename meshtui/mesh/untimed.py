"""Why something is not known although nobody was kept from reading it: nobody measures it.

Requests are counted and not timed where a Telemetry switches the histogram off, or a Prometheus
does not keep it. Requests to pods without a proxy, by callers without one, are counted nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import inf

from meshtui.mesh.count_overrides import CLIENT, SERVER
from meshtui.mesh.metrics_off import not_timing
from meshtui.mesh.model import Mesh, Pod, ServiceKey
from meshtui.mesh.pod import NOT_READ, all_machines
from meshtui.mesh.row_work import RowWork
from meshtui.mesh.signals import Sample, Signals

NO_PROXY = "none of its pods has a proxy, and nobody who has one calls it"
NO_COUNTS = f"{NOT_READ} are not read, and nobody who has a proxy calls it"
NO_TIMES = "how long requests take is not known: {}"
_KEPT_NOWHERE = "no histogram of them is there"
_APART = "its proxies' histograms have no bound in common"
MOST = 2


def mark_uncounted(rows: Iterable[RowWork], service: ServiceKey, sample: Sample) -> None:
    """Rows of pods without a proxy that nobody is seen to call: nobody would count it."""
    if sample.clients.get(service):
        return
    for work in rows:
        bare = work.pods and not work.proxies and work.host and not work.unknown_because
        if bare and work.caller is not None and not work.caller.requests and work.tcp is None:
            work.caller = None
            work.unknown_because = NO_COUNTS if all_machines(work.members) else NO_PROXY


def mark_untimed(rows: Iterable[RowWork], service: ServiceKey, mesh: Mesh, sample: Sample) -> None:
    """Rows of which requests were counted and none was timed."""
    for work in rows:
        if is_untimed(work.caller):
            by = tuple(dict.fromkeys(_by(work, service, mesh, sample)))[:MOST]
            because = f"{' and '.join(by)} switches it off" if by else _KEPT_NOWHERE
            apart = _share_no_bound(work.caller)
            work.untimed = NO_TIMES.format(_APART if apart else because)


def is_untimed(signals: Signals | None) -> bool:
    return signals is not None and signals.requests > 0 and signals.p50_ms is None


def _share_no_bound(signals: Signals | None) -> bool:
    """Requests were timed, by histograms of which no sum can be made."""
    return signals is not None and signals.buckets.keys() == {inf} and signals.buckets[inf] > 0


def _by(work: RowWork, service: ServiceKey, mesh: Mesh, sample: Sample) -> Iterator[str]:
    """The objects that have those who count the row's requests not time them."""
    filled = sample.filled.get(service, frozenset())
    for pod in _pods_of(mesh, sample.clients.get(service, frozenset()) - filled):
        if said := not_timing(mesh, pod, CLIENT):
            yield said
    for pod in work.members if filled else ():
        if said := not_timing(mesh, pod, SERVER):
            yield said


def _pods_of(mesh: Mesh, workloads: Iterable[tuple[str, str]]) -> Iterator[Pod]:
    for namespace, workload in sorted(workloads):
        for pod in mesh.pods_by_namespace.get(namespace, ()):
            if pod.workload == workload:
                yield pod
                break
