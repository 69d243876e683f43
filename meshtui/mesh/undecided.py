"""401s of which nobody counts whether a proxy or the program gave them.

Envoy's JWT filter sets no flag, and istiod has the proxies keep no counter of what it refuses: see
`Sample.tokens`. Where a RequestAuthentication holds for the pods, or may, either can have answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meshtui.mesh.authorization import tokens_in_force
from meshtui.mesh.model import Mesh, Pod
from meshtui.mesh.row_work import RowWork
from meshtui.mesh.signals import Sample, Signals

UNAUTHORIZED, FLAGGED = "401", "UAEX"
POLICIES = "requestauthentications"

Workload = tuple[str, str]
"""Its namespace and name."""


def unflagged(signals: Signals, code: str) -> float:
    """Answers with the code that no flag tells from the program's own."""
    number = signals.codes.get(code, 0.0)
    return max(number - signals.flags.get(FLAGGED, 0.0), 0.0) if number else 0.0


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
    workloads -= sample.tokens.keys()
    found: dict[Workload, list[Pod]] = {}
    for namespace in {namespace for namespace, _ in workloads}:
        for pod in mesh.pods_by_namespace.get(namespace, ()):
            workload = (namespace, pod.workload)
            if workload in workloads and pod.sidecar and _whose(mesh, pod):
                found.setdefault(workload, []).append(pod)
    return {workload: tuple(pods) for workload, pods in found.items()}


def mark_undecided(rows: Iterable[RowWork], mesh: Mesh, sample: Sample) -> None:
    """Say it of the rows that have such answers."""
    for work in rows:
        server = work.server
        signals = server if server is not None and server.requests else work.caller
        if signals is None or UNAUTHORIZED not in signals.codes:
            continue
        if unflagged(signals, UNAUTHORIZED) > 0:
            work.undecided = _words(work, mesh, sample)


def _words(work: RowWork, mesh: Mesh, sample: Sample) -> str:
    for pod in work.members:
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
