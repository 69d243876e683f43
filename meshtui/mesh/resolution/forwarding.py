"""Where a rule sends requests and copies: the clusters, and Envoy's RouteAction for them.

From istiod (pilot/pkg/networking/core/route: applyHTTPRouteDestination, GetDestinationCluster).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.istio import Json
from meshtui.mesh.resolution import actions
from meshtui.mesh.resolution.durations import envoy_duration
from meshtui.mesh.resolution.headers import HeaderOperations, header_operations
from meshtui.mesh.resolution.registry import Host
from meshtui.mesh.resolution.retries import retry_policy

NO_BACKEND = "UnknownService"
"""The cluster of what istiod takes for no backend: no proxy has it."""


def cluster_name(host: str, port: int, subset: str = "") -> str:
    return f"outbound|{port}|{subset}|{host}"


@dataclass(frozen=True, slots=True)
class RouteTarget:
    """A cluster that a route sends to; `index` is the destination's place in the rule.

    `share` is its part of the route's requests, 0 to 1; of a mirror the part that is copied.
    """

    cluster: str
    host: str
    subset: str
    port: int
    share: float = 1.0
    weight: int = 0
    index: int = 0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a route depends on beside its rule.

    `find` gives the host that the client means by a name, or none; `hashing` what the
    DestinationRule of a destination hashes by, or None.
    """

    namespace: str
    labels: Mapping[str, str]
    port: int
    gateways: frozenset[str]
    find: Callable[[str], Host | None]
    hashing: Callable[[Json], Json | None]
    retries: Json | None = None
    tls: bool = False
    name_cluster: Callable[[str, int, str], str] = cluster_name


@dataclass(frozen=True, slots=True)
class Sent:
    """Where a rule's requests and copies go. `single`: its weight does not count."""

    targets: tuple[RouteTarget, ...] = ()
    unused: tuple[RouteTarget, ...] = ()
    mirrors: tuple[RouteTarget, ...] = ()
    fractions: tuple[Json, ...] = ()
    single: bool = False


def sent_to(raw: Json, around: Surroundings) -> Sent:
    entries = read.objects(raw, "route")
    single = len(entries) == 1
    weights = [read.integer(entry, "weight") for entry in entries]
    total = sum(weight for weight in weights if weight > 0)
    targets = [
        _target(
            read.obj(entry, "destination"),
            around,
            share=1.0 if single else max(0, weight) / total if total else 0.0,
            weight=weight,
            index=index,
        )
        for index, (entry, weight) in enumerate(zip(entries, weights, strict=True))
    ]
    copies = list(_mirrors(raw, around))
    return Sent(
        targets=tuple(t for t in targets if single or t.weight),
        unused=tuple(t for t in targets if not single and not t.weight),
        mirrors=tuple(target for target, _ in copies),
        fractions=tuple(fraction for _, fraction in copies),
        single=single,
    )


def _target(
    destination: Json, around: Surroundings, share: float = 1.0, weight: int = 0, index: int = 0
) -> RouteTarget:
    """The cluster of a destination: its port, else the host's only one, else the listener's."""
    name, subset = read.text(destination, "host"), read.text(destination, "subset")
    found = around.find(name)
    port = around.port
    if isinstance(destination.get("port"), Mapping):
        port = read.integer(read.obj(destination, "port"), "number")
    elif found is not None and len(found.ports) == 1:
        port = found.ports[0].number
    if found is not None and found.alias_of:
        name = found.alias_of
    cluster = around.name_cluster(name, port, subset) if name else NO_BACKEND
    return RouteTarget(cluster, name, subset, port, share, weight, index)


def _mirrors(raw: Json, around: Surroundings) -> Iterator[tuple[RouteTarget, Json]]:
    """Each mirror with its fraction, the single form first."""
    if isinstance(raw.get("mirror"), Mapping):
        whole = raw.get("mirrorPercent", raw.get("mirror_percent"))
        part = actions.mirror_fraction(raw.get("mirrorPercentage"), whole)
        if part is not None:
            yield _target(read.obj(raw, "mirror"), around, share_of(part)), part
    for index, entry in enumerate(read.objects(raw, "mirrors")):
        part = actions.mirror_fraction(entry.get("percentage"))
        if part is not None and isinstance(entry.get("destination"), Mapping):
            destination = read.obj(entry, "destination")
            yield _target(destination, around, share_of(part), index=index), part


def share_of(fraction: Json) -> float:
    """A fraction of Envoy's, 0 to 1."""
    of = {"MILLION": 1_000_000, "TEN_THOUSAND": 10_000}.get(read.text(fraction, "denominator"), 100)
    return read.integer(fraction, "numerator") / of


def forward(
    raw: Json,
    sent: Sent,
    operations: HeaderOperations,
    envoy: dict[str, Any],
    around: Surroundings,
) -> dict[str, Any]:
    """The RouteAction; a single destination's own header operations go onto the route."""
    timeout = envoy_duration(raw.get("timeout")) or "0s"
    action: dict[str, Any] = {"timeout": timeout, "max_grpc_timeout": timeout}
    rewrite = read.obj(raw, "rewrite")
    action |= _rewritten(rewrite)
    authority = read.text(rewrite, "authority") or operations.authority
    entries = read.objects(raw, "route")
    hashes = [around.hashing(read.obj(entry, "destination")) for entry in entries]
    if sent.single:
        action["cluster"] = sent.targets[0].cluster
        own = header_operations(read.obj(entries[0], "headers"))
        _append(envoy, own)
        authority = authority or own.authority
    else:
        weighted = [_weighted(target, entries[target.index]) for target in sent.targets]
        action["weighted_clusters"] = {"clusters": weighted} if weighted else {}
    if authority:
        action["host_rewrite_literal"] = authority
    if sent.mirrors:
        action["request_mirror_policies"] = _copies(sent)
    if policies := _hash_policies(sent, hashes):
        action["hash_policy"] = policies
    retries = raw["retries"] if isinstance(raw.get("retries"), Mapping) else around.retries
    hashed = sent.single and hashes[0] is not None
    if policy := retry_policy(retries, hashed):
        action["retry_policy"] = policy
    return action


def _rewritten(rewrite: Json) -> Json:
    pattern = rewrite.get("uriRegexRewrite")
    if isinstance(pattern, Mapping):
        regex = {"pattern": {"regex": read.text(pattern, "match")}}
        return {"regex_rewrite": {**regex, "substitution": read.text(pattern, "rewrite")}}
    uri = read.text(rewrite, "uri")
    return {"prefix_rewrite": uri} if uri else {}


def _append(envoy: dict[str, Any], operations: HeaderOperations) -> None:
    for key, values in operations.fields.items():
        envoy[key] = [*envoy.get(key, ()), *values]


def _weighted(target: RouteTarget, entry: Json) -> Json:
    operations = header_operations(read.obj(entry, "headers"))
    found: dict[str, Any] = {"name": target.cluster, "weight": target.weight, **operations.fields}
    if operations.authority:
        found["host_rewrite_literal"] = operations.authority
    return found


def _copies(sent: Sent) -> list[Json]:
    return [
        {
            "cluster": target.cluster,
            "runtime_fraction": {"default_value": fraction},
            "trace_sampled": False,
            "disable_shadow_host_suffix_append": True,
        }
        for target, fraction in zip(sent.mirrors, sent.fractions, strict=True)
    ]


def _hash_policies(sent: Sent, hashes: Sequence[Json | None]) -> list[Json]:
    """One for each destination that gets requests, even where they are alike."""
    found = (actions.hash_policy(hashes[target.index]) for target in sent.targets)
    return [policy for policy in found if policy is not None]
