"""What a kubelet says of a pod's containers: restarts, why they ended, what they wait for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.read import Json

STARTING = frozenset({"ContainerCreating", "PodInitializing", "Pending", ""})
"""Reasons of a container that waits for nothing but its turn."""

COMPLETED = "Completed"
PATTERN_RESTARTS = 3
"""Restarts from which a container that ended lately counts as one that will end again."""

LATELY_S = 330.0
"""A kubelet waits five minutes at most before it starts a container again."""


@dataclass(frozen=True, slots=True)
class ContainerStatus:
    """One container. `waiting` is what it waits for now; `reason`, `exit_code` and `ended` (a
    stamp) are of its last end, empty and None where it never ended."""

    name: str
    restarts: int = 0
    waiting: str = ""
    reason: str = ""
    exit_code: int | None = None
    ended: str = ""
    running: bool = False

    @property
    def stuck(self) -> bool:
        """Whether it waits for what does not come by itself."""
        return self.waiting not in STARTING

    def ended_s_ago(self, now: float) -> float | None:
        at = stamp(self.ended)
        return None if at is None else max(0.0, now - at)

    def crashing(self, now: float | None) -> bool:
        """Whether it is in a loop: it waits to be started again, or has lately ended once more."""
        if self.stuck:
            return True
        ago = None if now is None else self.ended_s_ago(now)
        return self.restarts >= PATTERN_RESTARTS and ago is not None and ago < LATELY_S

    def lately_ended(self, now: float | None) -> bool:
        ago = None if now is None else self.ended_s_ago(now)
        return self.restarts > 0 and ago is not None and ago < LATELY_S

    @property
    def why_ended(self) -> str:
        """`OOMKilled, exit 137`; empty where nothing is known."""
        parts = [self.reason] if self.reason else []
        parts += [] if self.exit_code is None else [f"exit {self.exit_code}"]
        return ", ".join(parts)


def stamp(text: str) -> float | None:
    """Seconds since the epoch of a stamp of the API server; None where it is none."""
    try:
        return datetime.fromisoformat(text).timestamp() if text else None
    except (ValueError, OverflowError):
        return None


def container_statuses(
    states: Iterable[Json], init_states: Iterable[Json], native: Iterable[str]
) -> tuple[ContainerStatus, ...]:
    """Of the containers, and of those init containers that run on or hold the pod up."""
    sidecars = frozenset(native)
    own = [_status(raw) for raw in states]
    for raw in init_states:
        found = _status(raw)
        if found.name in sidecars or found.stuck or found.restarts:
            own.append(found)
    return tuple(own)


def _status(raw: Json) -> ContainerStatus:
    state = read.obj(raw, "state")
    ended = read.obj(state, "terminated") or read.obj(raw, "lastState", "terminated")
    code = ended.get("exitCode")
    known = isinstance(code, int) and not isinstance(code, bool)
    return ContainerStatus(
        name=read.text(raw, "name"),
        restarts=read.integer(raw, "restartCount"),
        waiting=read.text(read.obj(state, "waiting"), "reason"),
        reason=read.text(ended, "reason"),
        exit_code=read.integer(ended, "exitCode") if known else None,
        ended=read.text(ended, "finishedAt"),
        running="running" in state,
    )


def unscheduled(conditions: Iterable[Json]) -> str:
    """Why no node was found for a pod (`Unschedulable`); empty where it has one."""
    for condition in conditions:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return read.text(condition, "reason") or "not scheduled"
    return ""


def image_version(image: str) -> str:
    """The tag of an image; of one that is named by its digest alone its beginning."""
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return tag or digest.removeprefix("sha256:")[:12]


@dataclass(frozen=True, slots=True)
class PodTrouble:
    """What is wrong with a pod, in words; `stuck` where it will not come right by itself."""

    words: str
    stuck: bool


def trouble_of(
    statuses: Iterable[ContainerStatus], waits_for: str, now: float | None
) -> PodTrouble | None:
    """The worst of a pod's containers; None where nothing is wrong. `now` None: no clock."""
    if waits_for:
        return PodTrouble(waits_for, stuck=True)
    found = sorted(_troubles(statuses, now), key=lambda one: not one.stuck)
    return found[0] if found else None


def _troubles(statuses: Iterable[ContainerStatus], now: float | None) -> Iterator[PodTrouble]:
    for one in statuses:
        why = f" ({one.why_ended})" if one.why_ended else ""
        times = f"restarted {one.restarts}×" if one.restarts else ""
        if one.stuck:
            ended = why + (f", {times}" if times else "")
            yield PodTrouble(f"{one.waiting}: {one.name}{ended}", stuck=True)
        elif one.crashing(now):
            yield PodTrouble(f"crashes: {one.name} {times}{why}", stuck=True)
        elif one.lately_ended(now) and one.reason != COMPLETED:
            yield PodTrouble(f"{times} lately: {one.name}{why}", stuck=False)
