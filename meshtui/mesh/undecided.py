"""401s of which nobody counts whether a proxy or the program gave them.

Envoy's JWT filter sets no flag, and istiod has the proxies keep no counter of what it refuses: see
`Sample.tokens`. Where a RequestAuthentication holds for the pods, or may, either can have answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from meshtui.mesh.authorization import tokens_in_force
from meshtui.mesh.model import Mesh, Pod, ServiceKey
from meshtui.mesh.row_work import RowWork
from meshtui.mesh.signals import UNKNOWN, Sample, Signals

UNAUTHORIZED, LIMITED = "401", "429"
POLICIES = "requestauthentications"

Workload = tuple[str, str]
"""Its namespace and name."""


def flagged(signals: Signals, code: str) -> float:
    """Answers with the 4xx that a flag tells from the program's own: those of rate limits, and of
    external authorization, which answers with any code."""
    number = signals.codes.get(code, 0.0)
    flag = "RL" if code == LIMITED else "UAEX"
    return min(number, signals.flags.get(flag, 0.0)) if number else 0.0


def unflagged(signals: Signals, code: str) -> float:
    """Answers with the code that no flag tells from the program's own."""
    return signals.codes.get(code, 0.0) - flagged(signals, code)


def may_refuse_tokens(mesh: Mesh) -> bool:
    """Whether any proxy may."""
    return bool(mesh.request_authentications) or not mesh.knows(POLICIES)


def undecided_tokens(mesh: Mesh, sample: Sample) -> Mapping[Workload, tuple[Pod, ...]]:
    """The workloads that have such answers, and those of their pods whose proxies may have given
    them."""
    if not may_refuse_tokens(mesh):
        return {}
    workloads = {
        (target.namespace, target.workload)
        for target, signals in (sample.served or sample.called).items()
        if UNAUTHORIZED in signals.codes and target.workload and unflagged(signals, UNAUTHORIZED)
    }
    workloads |= {at for at, signals in sample.sent.items() if unflagged(signals, UNAUTHORIZED)}
    workloads -= sample.tokens.keys()
    found: dict[Workload, list[Pod]] = {}
    for pod in _pods_of(mesh, workloads):
        if pod.sidecar and _whose(mesh, pod):
            found.setdefault((pod.namespace, pod.workload), []).append(pod)
    return {workload: tuple(pods) for workload, pods in found.items()}


def _pods_of(mesh: Mesh, workloads: Iterable[Workload]) -> Iterator[Pod]:
    wanted = frozenset(workloads)
    for namespace in sorted({namespace for namespace, _ in wanted}):
        for pod in mesh.pods_by_namespace.get(namespace, ()):
            if (namespace, pod.workload) in wanted:
                yield pod


def gateways_before(mesh: Mesh, clients: Iterable[Workload]) -> tuple[Pod, ...]:
    """The pods of the callers that are gateways: they may answer before any pod is reached."""
    return tuple(pod for pod in _pods_of(mesh, clients) if pod.gateway)


def mark_undecided(
    rows: Iterable[RowWork], service: ServiceKey, mesh: Mesh, sample: Sample
) -> None:
    """Say it of the rows that have such answers; those of no pod may be a gateway's."""
    for work in rows:
        server = work.server
        signals = server if server is not None and server.requests else work.caller
        if signals is None or UNAUTHORIZED not in signals.codes:
            continue
        if unflagged(signals, UNAUTHORIZED) > 0:
            nowhere = work.version == UNKNOWN
            clients = sample.clients.get(service, ()) if nowhere else ()
            pods = gateways_before(mesh, clients) if nowhere else work.members
            work.undecided = _words(pods, mesh, sample)


def _words(pods: Iterable[Pod], mesh: Mesh, sample: Sample) -> str:
    for pod in pods:
        workload = (pod.namespace, pod.workload)
        whose = _whose(mesh, pod) if pod.sidecar and workload not in sample.tokens else ""
        if whose:
            why = sample.undecided.get(workload, "not counted apart")
            return f"401s may be by {whose}: {why}"
    return ""


def _whose(mesh: Mesh, pod: Pod) -> str:
    """The policy that may have refused a token; empty where there is none."""
    root = mesh.settings.root_namespace
    found = tokens_in_force(mesh.request_authentications, root, pod.namespace, pod.labels)
    if found:
        return f"RequestAuthentication {found[0].ref.name}"
    if all(mesh.knows(POLICIES, home) for home in (root, pod.namespace)):
        return ""
    return "a RequestAuthentication, which can't be read"
