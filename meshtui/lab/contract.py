"""Where the lab's parts meet: the API server on one side, the data plane on the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Protocol

Obj = dict[str, Any]
"""A Kubernetes object as JSON."""

SHADOW_HEADER = "x-lab-shadow"
"""What tells an application of the lab that a request is a mirror's copy."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One resource the API server serves."""

    group: str
    versions: tuple[str, ...]
    plural: str
    singular: str
    kind: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()

    @property
    def preferred(self) -> str:
        return self.versions[0]


@dataclass(frozen=True, slots=True)
class StoreEvent:
    """One accepted write: `type` is ADDED, MODIFIED or DELETED."""

    type: str
    kind: Kind
    obj: Obj


class ObjectStore(Protocol):
    """The objects of the lab's cluster; every accepted write is told to subscribers, in order."""

    def kind(self, group: str, plural: str) -> Kind: ...

    def objects(self, group: str, plural: str, namespace: str | None = None) -> list[Obj]: ...

    def get(self, group: str, plural: str, namespace: str, name: str) -> Obj | None: ...

    def put(self, group: str, plural: str, obj: Obj, manager: str = "lab") -> Obj:
        """Create or replace as the control plane does: no validation, no precondition."""
        ...

    def remove(self, group: str, plural: str, namespace: str, name: str) -> None: ...

    def subscribe(self, listener: Callable[[StoreEvent], None]) -> None: ...


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a container's log; `time` is seconds since the epoch."""

    time: float
    text: bytes


class PodLog(Protocol):
    """A container's log: bounded, oldest lines go first."""

    def lines(self) -> list[LogLine]: ...

    def follow(self) -> AsyncIterator[LogLine]:
        """Lines written from now on; ends when the container ends."""
        ...


@dataclass(frozen=True, slots=True)
class Address:
    """Where a pod's port really is: a TCP host and port, or the path of a unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""


class PodRuntime(Protocol):
    """What a kubelet would know of the pods; the API server asks it."""

    def log(
        self, namespace: str, pod: str, container: str, previous: bool = False
    ) -> PodLog | None: ...

    def address(self, namespace: str, pod: str, port: int) -> Address | None:
        """None where nothing listens on that port of the pod."""
        ...

    def outbound(self, namespace: str, pod: str, port: int) -> Address | None:
        """Where the pod's sidecar takes what its application sends to `port`; None without one."""
        ...

    def delete_pod(self, namespace: str, pod: str) -> None:
        """Somebody deleted the pod: its processes end, its workload starts another."""
        ...
