"""Who turned requests away before a pod was reached: a gateway's filters, or a waypoint's.

Neither sets a flag. A gateway counts what it denies, and logs why; who asks there comes from
outside, so that nobody can decide by its identity which of several policies it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from meshtui.dataclass import dataclass
from meshtui.diagnosis.explain.scope import VersionScope, listed
from meshtui.diagnosis.explain.steps import Step, Steps, lines_of, typed
from meshtui.mesh.ambient import goes_on_through_waypoint, waypoint_of
from meshtui.mesh.attachment import SERVICE, Behind, is_waypoint
from meshtui.mesh.authorization import (
    DENY,
    AuthorizationPolicy,
    RequestAuthentication,
    in_force,
    tokens_in_force,
)
from meshtui.mesh.gateway_api import GATEWAY_NAME
from meshtui.mesh.istio import Ref
from meshtui.mesh.model import Mesh, Pod
from meshtui.mesh.text import clean
from meshtui.mesh.undecided import UNAUTHORIZED, gateways_before

FORBIDDEN = "403"

_Workload = tuple[str, str]
_Counts = Mapping[_Workload, float]


@dataclass(frozen=True, slots=True)
class _Filter:
    """What a proxy denies by: the policies' kind, and how they are found and counted."""

    plural: str
    kind: str
    holding: Callable[[Mesh, Iterable[Pod], Iterable[Behind]], tuple[Ref, ...]]
    counts: Callable[[VersionScope], _Counts]


def _denying(mesh: Mesh, pods: Iterable[Pod], behind: Iterable[Behind]) -> tuple[Ref, ...]:
    """Those that deny what they name; where there are none, those that allow nothing else."""
    root, found = mesh.settings.root_namespace, dict[Ref, AuthorizationPolicy]()
    for pod in pods:
        every = mesh.authorization_policies
        held = in_force(every, root, pod.namespace, pod.labels, frozenset(behind))
        found.update((one.ref, one) for one in held)
    return tuple(ref for ref, one in found.items() if one.action == DENY) or tuple(found)


def _demanding(mesh: Mesh, pods: Iterable[Pod], behind: Iterable[Behind]) -> tuple[Ref, ...]:
    root, found = mesh.settings.root_namespace, dict[Ref, RequestAuthentication]()
    for pod in pods:
        every = mesh.request_authentications
        held = tokens_in_force(every, root, pod.namespace, pod.labels, frozenset(behind))
        found.update((one.ref, one) for one in held)
    return tuple(found)


FILTERS: Mapping[str, _Filter] = {
    FORBIDDEN: _Filter(
        "authorizationpolicies", "AuthorizationPolicy", _denying, lambda scope: scope.denied
    ),
    UNAUTHORIZED: _Filter(
        "requestauthentications", "RequestAuthentication", _demanding, lambda scope: scope.tokens
    ),
}


def known(mesh: Mesh, plural: str, pods: Iterable[Pod]) -> bool:
    """Whether all policies of a kind that may hold for the pods were read."""
    homes = {mesh.settings.root_namespace, *(pod.namespace for pod in pods)}
    return all(mesh.knows(plural, home) for home in homes)


def before_pods(scope: VersionScope, code: str) -> tuple[list[str], Steps]:
    """What turned requests for a service away before any of its pods was asked; empty words where
    nothing that is known may have. What names a pod no gateway has turned away.
    """
    by_workload: dict[_Workload, list[Pod]] = {}
    for pod in gateways_before(scope.mesh, scope.clients) if scope.nowhere else ():
        by_workload.setdefault((pod.namespace, pod.workload), []).append(pod)
    found = [
        _at_gateway(scope, code, f"The gateway {clean(workload[1])}", workload, pods)
        for workload, pods in sorted(by_workload.items())
    ]
    found = [one for one in found if one.sure] or [*found, _at_waypoint(scope, code)]
    sentences = [one.words for one in found if one.words]
    if not sentences:
        return [], ()
    refs = [ref for one in found for ref in one.refs]
    lines = lines_of(f"code:{code}", "who and what", callers=bool(by_workload))
    return sentences, (*(get(ref) for ref in refs[:1]), lines)


@dataclass(frozen=True, slots=True)
class _Said:
    """Of one proxy; `sure` where it counted what it denied."""

    words: str = ""
    refs: tuple[Ref, ...] = ()
    sure: bool = False


def _at_gateway(
    scope: VersionScope, code: str, name: str, workload: _Workload, pods: Sequence[Pod]
) -> _Said:
    """Of one gateway; nothing where it denied none."""
    kind, mesh = FILTERS[code], scope.mesh
    counted = kind.counts(scope).get(workload)
    refs = kind.holding(mesh, pods, ())
    by = _by(kind, mesh, pods, refs)
    if counted:
        return _Said(f"{name} turns it away itself, before it is sent on{by}.", refs, True)
    if counted is not None or not by:
        return _Said()
    why = clean(scope.undecided.get(workload, ""))
    return _Said(
        f"{name} may turn it away itself{by}: nothing counts what it denies"
        f"{f', and {why}' if why else ''}.",
        refs,
    )


def _by(kind: _Filter, mesh: Mesh, pods: Iterable[Pod], refs: Sequence[Ref]) -> str:
    if refs:
        one_of = "one of " if len(refs) > 1 else ""
        return f", by {one_of}{listed(str(ref) for ref in refs)}"
    if not known(mesh, kind.plural, pods):
        return f"; by which {kind.kind} is not known: they can't be read"
    return ""


def _at_waypoint(scope: VersionScope, code: str) -> _Said:
    """What holds at the waypoint before the service: nobody's pods count what it denies."""
    mesh, kind, key = scope.mesh, FILTERS[code], scope.view.key
    place = waypoint_of(mesh, scope.view.service)
    if place is None:
        return _Said()
    pods = _run_by(mesh, place)
    refs = kind.holding(mesh, pods, (Behind(SERVICE, key.namespace, key.name),))
    by = _by(kind, mesh, pods, refs)
    return _Said(f"Its waypoint {clean(place[1])} may turn it away{by}.", refs) if by else _Said()


def _run_by(mesh: Mesh, place: tuple[str, str]) -> list[Pod]:
    """The pods of a waypoint."""
    return [
        pod
        for pod in mesh.pods_by_namespace.get(place[0], ())
        if pod.labels.get(GATEWAY_NAME) == place[1] and is_waypoint(pod.labels)
    ]


def absent_waypoint(scope: VersionScope) -> tuple[list[str], Steps]:
    """Said where gateways ask a service through its waypoint, and no pod of that is ready."""
    mesh, service = scope.mesh, scope.view.service
    place = waypoint_of(mesh, service) if goes_on_through_waypoint(mesh, service) else None
    if place is None or not mesh.knows("pods", place[0]):
        return [], ()
    pods = _run_by(mesh, place)
    if any(pod.serving for pod in pods) or not gateways_before(mesh, scope.clients):
        return [], ()
    how = f"none of its pods is ready ({len(pods)})" if pods else "no pod runs it"
    which = typed(f"kubectl -n {place[0]} get pods -l {GATEWAY_NAME}={place[1]}")
    return [f"Gateways send it through waypoint {clean('/'.join(place))}, and {how}."], (which,)


def get(ref: Ref) -> Step:
    return typed(f"kubectl -n {ref.namespace} get {ref.kind.lower()} {ref.name} -o yaml")


def turned_away(
    scope: VersionScope, pods: Iterable[Pod]
) -> Iterator[tuple[str, float, list[str], Steps]]:
    """What a gateway's own filters deny before they send anything on, by code and by which
    policies; of 401s that nobody counts apart all that may be its own.
    """
    own = [pod for pod in pods if pod.gateway]
    workloads = sorted({(pod.namespace, pod.workload) for pod in own})
    for code, kind in FILTERS.items():
        counts = kind.counts(scope)
        number = sum(counts.get(workload, 0.0) for workload in workloads)
        whose = next((w for w in workloads if counts.get(w)), None)
        if code == UNAUTHORIZED and whose is None and scope.caller is not None:
            whose = next((w for w in workloads if w in scope.undecided), None)
            number = scope.caller.codes.get(code, 0.0)
        if whose is None or number <= 0:
            continue
        said = _at_gateway(scope, code, "The gateway", whose, own)
        if said.words:
            yield code, number, [said.words], tuple(get(ref) for ref in said.refs[:1])
