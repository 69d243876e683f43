"""Who answered a request, and whether it went where it was said to go. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from meshtui.dataclass import dataclass
from meshtui.envoy.accesslog import AccessRecord
from meshtui.envoy.clusternames import parse_cluster_name
from meshtui.mesh.decision import Decision
from meshtui.mesh.effects import Odds
from meshtui.mesh.model import Pod
from meshtui.mesh.quantity import number


def destinations(decision: Decision) -> str:
    """`v1 80%, v2 20%`, or what the proxy answers by itself; empty where nothing takes it."""
    effects = decision.effects
    if decision.taken is None:
        return ""
    if effects.answer:
        return effects.answer
    parts = [f"{odds.label} {number(round(odds.percent, 2)):g}%" for odds in effects.destinations]
    fault = effects.fault
    return ", ".join(parts) + (f", with {fault}" if fault is not None and fault.active else "")


def agrees(decision: Decision, record: AccessRecord | None) -> bool | None:
    """Whether the cluster in the caller's log is one that the request may go to.

    None where that can't be said: no line, no cluster in it, or rules that could not be decided.
    A request that a limit ends before a cluster is chosen names none. One that a fault aborts went
    nowhere, whatever cluster it names: it was said to where its route aborts some.
    """
    if record is None or not decision.sure:
        return None
    if aborted(record):
        fault = decision.effects.fault
        return fault is not None and fault.abort_percent > 0
    if not record.upstream_cluster:
        answered = bool(decision.effects.answer) or decision.taken is None
        return True if answered else None
    if decision.taken is None or decision.effects.answer:
        return False
    return any(_is(odds, record.upstream_cluster) for odds in decision.effects.destinations)


def aborted(record: AccessRecord) -> bool:
    """Whether a fault answered in the place of whom it was for."""
    return "FI" in record.flags or record.details.startswith("fault_filter_abort")


def verdict(decision: Decision, record: AccessRecord | None) -> str:
    """Whether it went as it was foretold, in words."""
    found = agrees(decision, record)
    if record is None or found is None:
        return "whether it did so is not known"
    if aborted(record):
        return "the fault answered" if found else "IT WAS ABORTED by a fault that was not foretold"
    if not found:
        return "IT WENT ELSEWHERE"
    if not record.upstream_host and record.upstream_cluster:
        why = ",".join(record.flags) or record.details or "no reason is logged"
        return f"its proxy chose that, and sent it nowhere ({why})"
    return "it did so, after the fault's delay" if "DI" in record.flags else "it did so"


def _is(odds: Odds, cluster: str) -> bool:
    if odds.percent <= 0:
        return False
    if odds.cluster:
        return odds.cluster == cluster
    name = parse_cluster_name(cluster)
    same = (name.host, name.subset) == (odds.host, odds.subset)
    return same and odds.port in (0, name.port)


@dataclass(frozen=True, slots=True)
class Answerer:
    """Who answered: a pod's application, or its proxy in the application's place."""

    pod: Pod
    proxy: bool


@dataclass(frozen=True, slots=True)
class Sight:
    """A request in the logs: the caller's line, and each line of a pod that it came to.

    More than one of these is a retry, or a copy of a mirror. `trouble` is why a log could not be
    read.
    """

    caller: AccessRecord | None = None
    servers: tuple[tuple[Pod, AccessRecord], ...] = ()
    trouble: str = ""


def answerer(caller: Pod, sight: Sight, pods: Sequence[Pod]) -> Answerer | None:
    """By the caller's line and those of the pods that the request came to; None without a line.

    `pods` are those it may have gone to. An answer that no application gave has other details
    than `via_upstream`; Istio's oldest formats have none, and flags in their place.
    """
    record = sight.caller
    if record is None:
        return _only(sight.servers)
    if not record.upstream_host or by_proxy(record):
        return Answerer(caller, True)
    address = address_of(record)
    seen = [(pod, line) for pod, line in sight.servers if pod.ip == address]
    if seen:
        return Answerer(seen[-1][0], by_proxy(seen[-1][1]))
    return next((Answerer(pod, False) for pod in pods if pod.ip == address), None)


def _only(servers: Sequence[tuple[Pod, AccessRecord]]) -> Answerer | None:
    """Without the caller's line: the pod that alone has one."""
    if len(servers) != 1:
        return None
    pod, line = servers[0]
    return Answerer(pod, by_proxy(line))


def by_proxy(record: AccessRecord) -> bool:
    """Whether the proxy that wrote the line made the answer itself."""
    return not record.details.startswith("via_upstream") if record.details else bool(record.flags)


def address_of(record: AccessRecord) -> str:
    """Of the endpoint that was asked last, without its port; empty where there is none."""
    return record.upstream_host.rpartition(":")[0].strip("[]")
