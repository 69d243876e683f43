"""What Envoy does with a request it routes, from the JSON of a config dump."""

from __future__ import annotations

from functools import lru_cache

from meshtui.envoy.clusternames import parse_cluster_name
from meshtui.envoy.routes import RouteDestination, RouteMirror
from meshtui.mesh import read
from meshtui.mesh.effects import fraction_of
from meshtui.mesh.model import Json, Retries
from meshtui.mesh.quantity import seconds

STATUS_CODES = "retriable-status-codes"

_ENVOYS_RETRIES = 1


def parse_destinations(action: Json) -> tuple[RouteDestination, ...]:
    if "weighted_clusters" in action:
        entries = read.objects(read.obj(action, "weighted_clusters"), "clusters")
        return tuple(
            _destination(read.text(entry, "name"), read.integer(entry, "weight"))
            for entry in entries
        )
    name = read.text(action, "cluster")
    return (_destination(name, 100),) if name else ()


def _destination(name: str, weight: int) -> RouteDestination:
    cluster = parse_cluster_name(name)
    return RouteDestination(name, cluster.host, cluster.subset, cluster.port, weight)


def parse_mirrors(action: Json) -> tuple[RouteMirror, ...]:
    return tuple(_mirror(entry) for entry in read.objects(action, "request_mirror_policies"))


def _mirror(raw: Json) -> RouteMirror:
    name = read.text(raw, "cluster")
    cluster = parse_cluster_name(name)
    percent = (
        fraction_of(read.obj(raw, "runtime_fraction", "default_value"))
        if "runtime_fraction" in raw
        else 100.0
    )
    return RouteMirror(name, cluster.host, cluster.subset, cluster.port, percent)


def parse_retries(action: Json) -> Retries | None:
    """Retriable status codes are told as numbers in `retry_on`, as a VirtualService writes them."""
    raw = read.obj(action, "retry_policy")
    if not raw:
        return None
    conditions = _conditions(read.text(raw, "retry_on"))
    codes = [str(code) for code in read.items(raw, "retriable_status_codes") if code]
    if codes:
        conditions = tuple(part for part in conditions if part != STATUS_CODES)
    return Retries(
        attempts=read.integer(raw, "num_retries", _ENVOYS_RETRIES),
        per_try_timeout_s=seconds(read.text(raw, "per_try_timeout")) or None,
        retry_on=",".join((*conditions, *codes)),
    )


@lru_cache(maxsize=256)
def _conditions(text: str) -> tuple[str, ...]:
    """Remembered, as hardly any two routes differ in it."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
