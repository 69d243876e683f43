"""Which Telemetries hold for a workload: of its mesh, its namespace and itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar

from meshtui.mesh import read
from meshtui.mesh.attachment import GATEWAY, targets_of
from meshtui.mesh.gateway_api import GATEWAY_NAME
from meshtui.mesh.istio import Json, Ref


class Selecting(Protocol):
    @property
    def ref(self) -> Ref: ...
    @property
    def selector(self) -> Mapping[str, str] | None: ...
    @property
    def created(self) -> str: ...


T = TypeVar("T", bound=Selecting)


def selector_of(spec: Json) -> Mapping[str, str] | None:
    """The labels of the workloads that it is for; None for all of its namespace.

    One that is for a Gateway is for the workload that istiod makes of it; one that is for a Service
    for no workload, but for what its waypoint does for it.
    """
    for kind, name in targets_of(spec):
        return {GATEWAY_NAME: name if kind == GATEWAY else f"{kind}/{name}"}
    return read.labels(read.obj(spec, "selector"), "matchLabels") or None


def levels(
    telemetries: Iterable[T], root: str, namespace: str, labels: Mapping[str, str]
) -> Iterable[T]:
    """The root namespace's first; of several of one level the oldest."""
    ordered = sorted(telemetries, key=lambda one: (one.created, one.ref.name))
    for home, chosen in ((root, False), (namespace, False), (namespace, True)):
        fits = (
            one
            for one in ordered
            if one.ref.namespace == home
            and (one.selector is not None) is chosen
            and all(labels.get(key) == value for key, value in (one.selector or {}).items())
        )
        if home != root or namespace != root or not chosen:
            yield from list(fits)[:1]
