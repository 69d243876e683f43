"""The routes that istiod makes of a VirtualService for one client on one port.

From istiod (pilot/pkg/networking/core/route: BuildHTTPRoutesForVirtualService, TranslateRoute). A
route is told twice: `envoy` is the whole of it in the words of Envoy's configuration, the other
fields are what people and verbs ask for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from meshtui.mesh import read
from meshtui.mesh.istio import Json
from meshtui.mesh.resolution import actions
from meshtui.mesh.resolution.delegates import MergedRule, Place
from meshtui.mesh.resolution.durations import envoy_duration
from meshtui.mesh.resolution.headers import HeaderOperations, header_operations
from meshtui.mesh.resolution.matches import envoy_match, takes_everything
from meshtui.mesh.resolution.names import labels_in
from meshtui.mesh.resolution.registry import Host
from meshtui.mesh.resolution.retries import retry_policy
from meshtui.mesh.resolution.rulings import Ruling

DEFAULT_NAME = "default"
"""The name of the route that a host without a VirtualService has."""


def cluster_name(host: str, port: int, subset: str = "") -> str:
    return f"outbound|{port}|{subset}|{host}"


@dataclass(frozen=True, slots=True)
class Target:
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
class Route:
    """One entry of a virtual host. `rule` is None for the default route of a host.

    `match_index` is the match's place among those of the joined rule; None where it has none.
    `unused` are the destinations that get nothing: weight 0 beside others.
    """

    name: str
    match: Json
    envoy: Json
    targets: tuple[Target, ...] = ()
    mirrors: tuple[Target, ...] = ()
    rule: MergedRule | None = None
    match_index: int | None = None
    unused: tuple[Target, ...] = ()

    @property
    def takes_everything(self) -> bool:
        return takes_everything(self.match)

    @property
    def holder(self) -> Place | None:
        """Where the route's destinations are written: the VirtualService and the rule in it."""
        return self.rule.holder if self.rule else None

    @property
    def raw(self) -> Json:
        """The rule behind it, its delegate's joined in; empty for a default route."""
        return self.rule.raw if self.rule else {}


@dataclass(frozen=True, slots=True)
class Unused:
    """A match (None: the whole rule) that no route is made of for this client, and why."""

    rule: MergedRule
    match_index: int | None
    why: str
    behind: bool = False
    """It would be made but for a rule before it that takes everything."""


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


@dataclass(frozen=True, slots=True)
class Made:
    """What comes of a VirtualService for a client: its routes in order, and what comes to none."""

    routes: tuple[Route, ...] = ()
    unused: tuple[Unused, ...] = ()


def build_routes(ruling: Ruling, around: Surroundings) -> Made:
    """The routes of a VirtualService; nothing is made behind one that takes everything."""
    routes: list[Route] = []
    unused: list[Unused] = []
    full = False
    for rule in ruling.rules:
        if rule.dropped:
            unused.append(Unused(rule, None, rule.dropped))
            continue
        for index, match in _entries(rule):
            why = _not_for(match, around)
            if full or why:
                behind = full and not why
                why = why or "a rule before it takes every request"
                unused.append(Unused(rule, index, why, behind))
                continue
            routes.append(_route(ruling, rule, index, match, around))
            full = match is None or takes_everything(routes[-1].match)
    return Made(tuple(routes), tuple(unused))


def _entries(rule: MergedRule) -> Iterator[tuple[int | None, Json | None]]:
    matches = rule.matches
    if not matches:
        yield None, None
    yield from enumerate(matches)


def _not_for(match: Json | None, around: Surroundings) -> str:
    """Why a match is not meant for the client; sources are not asked where Gateways are named."""
    if match is None:
        return ""
    port = read.integer(match, "port")
    if port and port != around.port:
        return f"it is for port {port}"
    if named := read.texts(match, "gateways"):
        return "" if around.gateways & set(named) else f"it is for {', '.join(named)}"
    wanted = read.labels(match, "sourceLabels")
    if not labels_in(wanted, around.labels):
        told = ", ".join(f"{key}={value}" for key, value in sorted(wanted.items()))
        return f"it is for callers with {told}"
    namespace = read.text(match, "sourceNamespace")
    return f"it is for callers of {namespace}" if namespace not in ("", around.namespace) else ""


def _route(
    ruling: Ruling, rule: MergedRule, index: int | None, match: Json | None, around: Surroundings
) -> Route:
    raw, asked = rule.raw, envoy_match(match)
    own_name = read.text(match, "name")
    name = read.text(raw, "name") + (f".{own_name}" if own_name else "")
    envoy: dict[str, Any] = {"name": name} if name else {}
    envoy |= {"match": asked, "metadata": _metadata(ruling)}
    if prefix := read.text(match, "statPrefix"):
        envoy["stat_prefix"] = prefix
    operations = header_operations(read.obj(raw, "headers"))
    envoy |= operations.fields
    sent = _Sent()
    if isinstance(raw.get("redirect"), Mapping):
        if found := actions.redirect(read.obj(raw, "redirect"), around.port, around.tls):
            envoy["redirect"] = found
    elif isinstance(raw.get("directResponse"), Mapping):
        envoy["direct_response"] = actions.direct_response(read.obj(raw, "directResponse"))
    else:
        sent = _sent(raw, around)
        envoy["route"] = _forward(raw, sent, operations, envoy, around)
    if filters := _filters(raw):
        envoy["typed_per_filter_config"] = filters
    return Route(name, asked, envoy, sent.targets, sent.mirrors, rule, index, sent.unused)


def _metadata(ruling: Ruling) -> Json:
    namespace, name = ruling.place
    path = f"/apis/networking.istio.io/v1/namespaces/{namespace}/virtual-service/{name}"
    return {"filter_metadata": {"istio": {"config": path}}}


def _filters(raw: Json) -> Json:
    found = {}
    if isinstance(raw.get("fault"), Mapping):
        found[actions.FAULT] = actions.fault(read.obj(raw, "fault"))
    if isinstance(raw.get("corsPolicy"), Mapping):
        found[actions.CORS] = actions.cors(read.obj(raw, "corsPolicy"))
    return found


@dataclass(frozen=True, slots=True)
class _Sent:
    """Where a rule's requests and copies go. `single`: its weight does not count."""

    targets: tuple[Target, ...] = ()
    unused: tuple[Target, ...] = ()
    mirrors: tuple[Target, ...] = ()
    fractions: tuple[Json, ...] = field(default=())
    single: bool = False


def _sent(raw: Json, around: Surroundings) -> _Sent:
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
    return _Sent(
        targets=tuple(t for t in targets if single or t.weight),
        unused=tuple(t for t in targets if not single and not t.weight),
        mirrors=tuple(target for target, _ in copies),
        fractions=tuple(fraction for _, fraction in copies),
        single=single,
    )


def _target(
    destination: Json, around: Surroundings, share: float = 1.0, weight: int = 0, index: int = 0
) -> Target:
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
    cluster = cluster_name(name, port, subset) if name else "UnknownService"
    return Target(cluster, name, subset, port, share, weight, index)


def _mirrors(raw: Json, around: Surroundings) -> Iterator[tuple[Target, Json]]:
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


def _forward(
    raw: Json,
    sent: _Sent,
    operations: HeaderOperations,
    envoy: dict[str, Any],
    around: Surroundings,
) -> Json:
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


def _weighted(target: Target, entry: Json) -> Json:
    operations = header_operations(read.obj(entry, "headers"))
    found: dict[str, Any] = {"name": target.cluster, "weight": target.weight, **operations.fields}
    if operations.authority:
        found["host_rewrite_literal"] = operations.authority
    return found


def _copies(sent: _Sent) -> list[Json]:
    return [
        {
            "cluster": target.cluster,
            "runtime_fraction": {"default_value": fraction},
            "trace_sampled": False,
            "disable_shadow_host_suffix_append": True,
        }
        for target, fraction in zip(sent.mirrors, sent.fractions, strict=True)
    ]


def _hash_policies(sent: _Sent, hashes: Sequence[Json | None]) -> list[Json]:
    """One for each destination that gets requests, even where they are alike."""
    found = (actions.hash_policy(hashes[target.index]) for target in sent.targets)
    return [policy for policy in found if policy is not None]


def default_route(host: Host, port: int, consistent: Json | None, retries: Json | None) -> Route:
    """What a host without a VirtualService has: all requests to the host itself."""
    cluster = cluster_name(host.name, port)
    action: dict[str, Any] = {"cluster": cluster, "timeout": "0s", "max_grpc_timeout": "0s"}
    if policy := retry_policy(retries, hashed=False):
        action["retry_policy"] = policy
    if found := actions.hash_policy(consistent):
        action["hash_policy"] = [found]
    match = envoy_match(None)
    envoy = {"name": DEFAULT_NAME, "match": match, "route": action}
    return Route(DEFAULT_NAME, match, envoy, (Target(cluster, host.name, "", port),))


def last_things_last(routes: Iterable[Route]) -> tuple[Route, ...]:
    """What takes everything goes behind the rest; else the order stays."""
    return tuple(sorted(routes, key=lambda route: route.takes_everything))


def reached(routes: Iterable[Route]) -> tuple[Route, ...]:
    """The routes up to the first that takes everything; Envoy gets to none behind it."""
    found: list[Route] = []
    for route in routes:
        found.append(route)
        if route.takes_everything:
            break
    return tuple(found)


def never_reached(routes: Iterable[Route]) -> tuple[Route, ...]:
    routes = tuple(routes)
    return routes[len(reached(routes)) :]
