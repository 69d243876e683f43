"""What its pods say of a version: one in a crash loop is not well, whatever it answered last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from meshtui.mesh.judging import DEGRADED, FAILING, worse
from meshtui.mesh.model import Mesh, Pod
from meshtui.mesh.pod_status import PodTrouble, trouble_of
from meshtui.mesh.versions import VersionView


def pod_trouble(pod: Pod, now: float | None) -> PodTrouble | None:
    """None of a pod that is well, or on its way out."""
    if pod.deleting or not (pod.waits_for or pod.statuses):
        return None
    return trouble_of(pod.statuses, pod.waits_for, now)


def with_pods(row: VersionView, mesh: Mesh, now: float | None) -> VersionView:
    """The row with what is wrong with its pods and how far its rollout is; itself where nothing is.

    `now` is seconds since the epoch; None where no clock is known, and what was lately is not.
    """
    pods = [pod for pod in row.members if not pod.deleting]
    ailing = [found for pod in pods if pod.ailing and (found := pod_trouble(pod, now))]
    rollout = _rollout(row, mesh)
    if not ailing and not rollout:
        return row
    stuck = sum(one.stuck for one in ailing)
    state = "" if not ailing else FAILING if stuck == len(pods) else DEGRADED
    return replace(
        row,
        pods_state=state,
        pods_words="; ".join(filter(None, (_words(ailing, len(pods)), rollout))),
        state=with_pods_state(row.state, state),
        server_state=with_pods_state(row.server_state, state),
    )


def with_pods_state(state: str, pods_state: str) -> str:
    return worse(state, pods_state) if pods_state else state


def _words(ailing: Iterable[PodTrouble], pods: int) -> str:
    """The commonest trouble, the stuck ones first."""
    counts = Counter(sorted(ailing, key=lambda one: not one.stuck))
    if not counts:
        return ""
    (first, _), *_ = sorted(counts.items(), key=lambda item: (not item[0].stuck, -item[1]))
    ill = sum(counts.values())
    return first.words if pods == 1 else f"{ill} of {pods} pods: {first.words}"


def _rollout(row: VersionView, mesh: Mesh) -> str:
    """Of the Deployments whose pods the row has."""
    found = dict.fromkeys((pod.namespace, pod.workload) for pod in row.members)
    known = (mesh.workloads_by_place.get(place) for place in found)
    return next((one.rollout for one in known if one and one.rollout), "")
