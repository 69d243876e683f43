"""The routes that istiod makes of a VirtualService for one client on one port.

From istiod (pilot/pkg/networking/core/route: BuildHTTPRoutesForVirtualService, TranslateRoute). A
route is told twice: `envoy` is the whole of it in the words of Envoy's configuration, the other
fields are what people and verbs ask for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from functools import cached_property
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.istio import Json
from meshtui.mesh.resolution import actions
from meshtui.mesh.resolution.delegates import MergedRule, RulePlace
from meshtui.mesh.resolution.forwarding import (
    RouteTarget,
    Sent,
    Surroundings,
    cluster_name,
    forward,
    sent_to,
)
from meshtui.mesh.resolution.headers import header_operations
from meshtui.mesh.resolution.matches import envoy_match, takes_everything
from meshtui.mesh.resolution.names import labels_in
from meshtui.mesh.resolution.registry import Host
from meshtui.mesh.resolution.retries import retry_policy
from meshtui.mesh.resolution.rulings import Ruling

_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")

DEFAULT_NAME = "default"
"""The name of the route that a host without a VirtualService has."""


@dataclass(frozen=True)
class Route:
    """One entry of a virtual host. `rule` is None for the default route of a host.

    `match_index` is the match's place among those of the joined rule; None where it has none.
    `unused` are the destinations that get nothing: weight 0 beside others. `make` makes `envoy`,
    for those who ask for it: most want only the destinations.
    """

    name: str
    match: Json
    make: Callable[[], Json] = field(compare=False, repr=False)
    targets: tuple[RouteTarget, ...] = ()
    mirrors: tuple[RouteTarget, ...] = ()
    rule: MergedRule | None = None
    match_index: int | None = None
    unused: tuple[RouteTarget, ...] = ()

    @cached_property
    def envoy(self) -> Json:
        """The whole route as Envoy's configuration has it."""
        return self.make()

    @cached_property
    def takes_everything(self) -> bool:
        return takes_everything(self.match)

    @property
    def holder(self) -> RulePlace | None:
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
class MadeRoutes:
    """What comes of a VirtualService for a client: its routes in order, and what comes to none."""

    routes: tuple[Route, ...] = ()
    unused: tuple[Unused, ...] = ()


def build_routes(ruling: Ruling, around: Surroundings) -> MadeRoutes:
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
    return MadeRoutes(tuple(routes), tuple(unused))


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
        label_text = ", ".join(f"{key}={value}" for key, value in sorted(wanted.items()))
        return f"it is for callers with {label_text}"
    namespace = read.text(match, "sourceNamespace")
    return f"it is for callers in {namespace}" if namespace not in ("", around.namespace) else ""


def _route(
    ruling: Ruling, rule: MergedRule, index: int | None, match: Json | None, around: Surroundings
) -> Route:
    raw, asked = rule.raw, envoy_match(match, ruling.gateway_api)
    own_name = read.text(match, "name")
    name = read.text(raw, "name") + (f".{own_name}" if own_name else "")
    answers = isinstance(raw.get("redirect"), Mapping) or isinstance(
        raw.get("directResponse"), Mapping
    )
    sent = Sent() if answers else sent_to(raw, around)

    def make() -> Json:
        found: dict[str, Any] = {"name": name} if name else {}
        found |= {"match": asked, "metadata": _metadata(ruling)}
        if prefix := read.text(match, "statPrefix"):
            found["stat_prefix"] = prefix
        return _with_action(found, raw, sent, around, ruling.gateway_api)

    return Route(name, asked, make, sent.targets, sent.mirrors, rule, index, sent.unused)


def _with_action(
    envoy: dict[str, Any], raw: Json, sent: Sent, around: Surroundings, gateway_api: bool
) -> Json:
    """The route with what it does: it redirects, answers by itself, or forwards."""
    operations = header_operations(read.obj(raw, "headers"))
    envoy |= operations.fields
    if isinstance(raw.get("redirect"), Mapping):
        if found := actions.redirect(read.obj(raw, "redirect"), around.port, around.tls):
            envoy["redirect"] = found
    elif isinstance(raw.get("directResponse"), Mapping):
        envoy["direct_response"] = actions.direct_response(read.obj(raw, "directResponse"))
    else:
        envoy["route"] = forward(raw, sent, operations, envoy, around)
        if gateway_api:
            _as_gateway_api(envoy["route"], envoy["match"])
    if filters := _filters(raw):
        envoy["typed_per_filter_config"] = filters
    return envoy


def _as_gateway_api(action: dict[str, Any], match: Json) -> None:
    """What has no cluster is answered 500, and a prefix is taken away with its slash."""
    action["cluster_not_found_response_code"] = "INTERNAL_SERVER_ERROR"
    if action.get("prefix_rewrite") == "/":
        del action["prefix_rewrite"]
        prefix = _SPECIAL.sub(r"\\\g<0>", read.text(match, "path_separated_prefix"))
        pattern = {"regex": f"^{prefix}(/?)(.*)"}
        action["regex_rewrite"] = {"pattern": pattern, "substitution": r"/\2"}


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


def default_route(
    host: Host, port: int, consistent: Json | None, retries: Json | None, cluster: str = ""
) -> Route:
    """What a host without a VirtualService has: all requests to the host itself."""
    cluster = cluster or cluster_name(host.name, port)
    action: dict[str, Any] = {"cluster": cluster, "timeout": "0s", "max_grpc_timeout": "0s"}
    if policy := retry_policy(retries, hashed=False):
        action["retry_policy"] = policy
    if found := actions.hash_policy(consistent):
        action["hash_policy"] = [found]
    match = envoy_match(None)
    envoy = {"name": DEFAULT_NAME, "match": match, "route": action}
    return Route(DEFAULT_NAME, match, lambda: envoy, (RouteTarget(cluster, host.name, "", port),))


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
