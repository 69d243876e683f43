"""Hosts and workloads that Kubernetes does not know: ServiceEntries and WorkloadEntries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from meshtui.dataclass import dataclass
from meshtui.mesh.istio import Ref
from meshtui.mesh.pod import Pod


@dataclass(frozen=True, slots=True)
class EntryPort:
    """A port of a ServiceEntry; `target` is 0 where it is the number itself."""

    number: int
    name: str = ""
    protocol: str = ""
    target: int = 0


@dataclass(frozen=True, slots=True)
class EntryEndpoint:
    """An address behind a host; `ports` are numbers by the name of the host's port."""

    address: str
    ports: Mapping[str, int] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    locality: str = ""


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    """A ServiceEntry. `selector` is None where it names its endpoints itself, or has none."""

    ref: Ref
    hosts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    ports: tuple[EntryPort, ...] = ()
    resolution: str = "NONE"
    external: bool = True
    endpoints: tuple[EntryEndpoint, ...] = ()
    selector: Mapping[str, str] | None = None
    export_to: tuple[str, ...] = ()
    """Empty where the mesh's default holds."""

    created: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkloadEntry:
    """A workload that is no pod; Services and ServiceEntries of its namespace may select it.

    `machine` is the same in a pod's shape: what is counted, weighed and judged as pods are.
    """

    ref: Ref
    endpoint: EntryEndpoint
    machine: Pod
