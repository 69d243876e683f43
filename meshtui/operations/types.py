"""What the use cases hand to the screen and the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field

from meshtui.dataclass import dataclass
from meshtui.errors import MeshtuiError
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.placed import cluster_of
from meshtui.mesh.shares import Share
from meshtui.mesh.signals import Sample
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.view import ServiceView


@dataclass(frozen=True, slots=True)
class ProgressStep:
    """One step of applying a plan, in a few words.

    `all_written`: nothing of the plan is going to be written any more; the proxies are asked.
    """

    text: str
    all_written: bool = False

    @classmethod
    def in_sync(cls, proxies: int, of: int) -> ProgressStep:
        """All is written, and `proxies` of so many serve it."""
        return cls(f"proxies {proxies}/{of}", all_written=True)


Progress = Callable[[ProgressStep], None]


@dataclass(frozen=True, slots=True)
class FeedHealth:
    """How one source of data does.

    `state` is "ok", "connecting", "reading" (for the first time what `message` names), "stale",
    "failed", "forbidden" or "missing"; `age_s` is the age of what is known from it in seconds,
    None where nothing is; older than `limit_s` is stale whatever the state says; `message` is one
    line.
    """

    name: str
    state: str
    age_s: float | None = None
    message: str = ""
    limit_s: float = 15.0

    def stale(self, since_s: float) -> bool:
        """Whether what is known is old, `since_s` seconds after this was said."""
        grown = self.age_s is not None and self.age_s + since_s > self.limit_s
        return self.state == "stale" or grown


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that the screen shows, at one moment. `time` is seconds since the epoch."""

    time: float
    mesh: Mesh = field(default_factory=Mesh)
    sample: Sample | None = None
    views: tuple[ServiceView, ...] = ()
    cluster: FeedHealth = FeedHealth("cluster", "connecting")
    telemetry: FeedHealth = FeedHealth("telemetry", "connecting")
    notices: tuple[str, ...] = ()
    """What wants attention first: unknown outcomes, overdue faults, unread namespaces."""

    denied: Mapping[str, str] = field(default_factory=dict)
    """Why rules can't be changed, by namespace; by `namespace/breaker` and `namespace/adopt` for
    the verbs that need another right; `undo` is the last change's. Absent: it can be done."""

    measured: Mapping[ServiceKey, tuple[Share, ...]] = field(default_factory=dict)
    """Shares against weights, for services shifted from here, once a window lies behind them."""

    seen: Mapping[ServiceKey, str] = field(default_factory=dict)
    """What became of changes that were not verified in time, in words, by service."""

    thresholds: Thresholds = field(default_factory=Thresholds)
    """What states are judged by."""

    clusters: Mapping[str, Snapshot] = field(default_factory=dict)
    """Of several clusters each one's own; empty where there is one."""

    troubles: Mapping[str, str] = field(default_factory=dict)
    """Of several clusters why what is known of each is old; empty text where it is new."""

    @property
    def meshes(self) -> dict[str, Mesh]:
        """By cluster, where there are several; each is the same object while nothing changes."""
        return {name: one.mesh for name, one in self.clusters.items()} or {"": self.mesh}

    def of(self, service: ServiceKey | None) -> Snapshot:
        """That of the service's cluster."""
        return self.clusters.get(cluster_of(service), self)

    def stale_clusters(self, since_s: float) -> frozenset[str]:
        """Those whose numbers are old, `since_s` seconds after this was said."""
        return frozenset(
            name
            for name, one in self.clusters.items()
            if self.troubles.get(name) or one.telemetry.stale(since_s)
        )


def are_same(before: Mapping[str, Mesh], now: Mapping[str, Mesh]) -> bool:
    """Whether nothing changed in any cluster's mesh."""
    return before.keys() == now.keys() and all(before[name] is now[name] for name in now)


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of a proxy's access log, as it came. `pod` and `version` say whose it is, and
    `container` where it is another one than the proxy.

    `stamp` is when the kubelet took it, in nanoseconds since the epoch, 0 where that is not known.
    `own`: no line of the log, but what meshtui says of it; `error` is what failed. `address` is
    the pod's, empty where it is not known. `nameless`: a request of a caller whose line names
    neither a cluster nor a host: it is counted, and not shown. `late`: later lines went before it.
    """

    namespace: str
    pod: str
    version: str
    text: str
    stamp: int = 0
    own: bool = False
    error: MeshtuiError | None = None
    address: str = ""
    container: str = ""
    nameless: bool = False
    late: bool = False


@dataclass(frozen=True, slots=True)
class Journaled:
    """A change as the journal tells it. `created` and `expires` are seconds since the epoch."""

    change_id: str
    created: float
    who: str
    verb: str
    service: ServiceKey
    words: tuple[str, ...]
    status: str
    detail: str = ""
    undone_by: str = ""
    expires: float | None = None
    took_effect: bool = True
    denied: str = ""
    """Why the person may not take it back; empty where they may."""

    unread: bool = False
    """Written by a newer version, or damaged: only this much of it can be read."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A change that has been made and has a time limit. `left_s` is negative when overdue."""

    change_id: str
    service: ServiceKey
    words: str
    left_s: float
