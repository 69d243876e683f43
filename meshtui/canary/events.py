"""What may happen to a run, and what a run may want done."""

from __future__ import annotations

from enum import Enum

from meshtui.canary.tally import Interval
from meshtui.dataclass import dataclass


class Order(Enum):
    """What a person asks of a run, from any terminal."""

    HOLD = "hold"
    RESUME = "resume"
    ABORT = "abort"
    PROMOTE = "promote"


class Edit(Enum):
    """What somebody else changed; the value is what the run does about it."""

    UNRELATED = "adopt"
    WEIGHT = "weight"
    MATCH = "pause"
    LABELS = "pause, labels"
    REMOVED = "stop"
    DRIVER = "stop, driver"


@dataclass(frozen=True, slots=True)
class Counted:
    """An interval of telemetry."""

    interval: Interval


@dataclass(frozen=True, slots=True)
class Served:
    """The proxies serve the step that was asked for."""


@dataclass(frozen=True, slots=True)
class NotServed:
    """The step could not be written, or the proxies do not serve it.

    `away`: the API server, the telemetry or the proxies could not be asked, which may pass.
    """

    why: str
    away: bool = False


@dataclass(frozen=True, slots=True)
class Gated:
    """The gate's command ended."""

    passed: bool
    words: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A person's order; `force` goes on where an order would strand traffic."""

    order: Order
    force: bool = False


@dataclass(frozen=True, slots=True)
class Edited:
    """Somebody else's change, in words; `weight` is the canary's percentage after it."""

    edit: Edit
    words: str
    weight: float = 0.0


@dataclass(frozen=True, slots=True)
class Pods:
    """The pods as they are: how many are ready, and the canary's builds and restarts.

    `builds` are the pod-template hashes of its ready pods: two during a rolling update, none where
    no pod is ready, which says nothing about the build.
    """

    canary_ready: int
    stable_ready: int
    builds: frozenset[str] = frozenset()
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Revived:
    """A new process goes on with the run."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The process is asked to end."""


@dataclass(frozen=True, slots=True)
class BackOnStable:
    """The proxies serve the rollback."""


Event = (
    Counted
    | Served
    | NotServed
    | Gated
    | Asked
    | Edited
    | Pods
    | Revived
    | Interrupted
    | BackOnStable
)


@dataclass(frozen=True, slots=True)
class Shift:
    """Give the canary `weight` percent, or copies only; where it is so, nothing is written."""

    weight: float
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class RunGate:
    command: str
    seconds: float


@dataclass(frozen=True, slots=True)
class RollBack:
    """All traffic to stable, the mirror off."""

    reason: str


Command = Shift | RunGate | RollBack
