"""What its pods say of a version: one in a crash loop is not well, whatever it answered last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from meshtui.dataclass import dataclass
from meshtui.mesh.judging import DEGRADED, FAILING, worse
from meshtui.mesh.model import Mesh, Pod
from meshtui.mesh.pod_status import ContainerStatus, PodTrouble, stamp, trouble_of
from meshtui.mesh.versions import VersionView


def pod_trouble(pod: Pod, now: float | None) -> PodTrouble | None:
    """None of a pod that is well, or on its way out."""
    if pod.deleting or not (pod.waits_for or pod.statuses):
        return None
    return trouble_of(pod.statuses, pod.waits_for, now)


def restarts(pod: Pod) -> int:
    """Of all its containers, its native sidecars too."""
    return max(pod.restarts, sum(one.restarts for one in pod.statuses))


def readiness(pod: Pod) -> str:
    """`yes`, `ending`, or `no 1/2` with how many of its containers run; a machine has none."""
    if pod.deleting or pod.ready:
        return "ending" if pod.deleting else "yes"
    running = sum(one.running for one in pod.statuses)
    return "no" if pod.machine else f"no {running}/{len(pod.containers)}"


def last_end(pod: Pod) -> ContainerStatus | None:
    """The container that ended last; None where none of them ever did."""
    ended = [one for one in pod.statuses if one.why_ended]
    return max(ended, key=lambda one: stamp(one.ended) or 0.0, default=None)


def rollouts(pods: Iterable[Pod], mesh: Mesh) -> list[str]:
    """`reviews-v3: rollout 1/3 updated`, for each Deployment whose rollout goes on."""
    places = dict.fromkeys((pod.namespace, pod.workload) for pod in pods)
    known = (mesh.workloads_by_place.get(place) for place in places)
    return [f"{one.name}: {one.rollout}" for one in known if one and one.rollout]


@dataclass(frozen=True, slots=True)
class RowPods:
    """What there is to say of a row's pods, as far as no clock is asked: `pods` of them stay,
    `ailing` have something to look at."""

    pods: int
    ailing: tuple[Pod, ...]
    rollout: str

    def health(self, now: float | None) -> tuple[str, str]:
        """The state that they are in, empty where it is nothing, and the words.

        `now` is seconds since the epoch; None where no clock is known, and what was lately is not.
        """
        found = [trouble for pod in self.ailing if (trouble := pod_trouble(pod, now))]
        stuck = sum(one.stuck for one in found)
        state = "" if not found else FAILING if stuck == self.pods else DEGRADED
        return state, "; ".join(filter(None, (_words(found, self.pods), self.rollout)))


def row_pods(row: VersionView, mesh: Mesh) -> RowPods | None:
    """None where there is nothing to say of them, whatever the time: so it is of most rows."""
    pods = [pod for pod in row.members if not pod.deleting]
    ailing, rollout = tuple(pod for pod in pods if pod.ailing), _rollout(row, mesh)
    return RowPods(len(pods), ailing, rollout) if ailing or rollout else None


def with_pods(row: VersionView, pods: RowPods | None, now: float | None) -> VersionView:
    """The row with what there is to say of its pods; itself where that is nothing."""
    state, words = pods.health(now) if pods else ("", "")
    if not state and not words:
        return row
    return replace(
        row,
        pods_state=state,
        pods_words=words,
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
