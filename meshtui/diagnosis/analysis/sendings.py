"""What some callers get for a host, and each destination that their requests are sent to."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.model import HttpRoute
from meshtui.mesh.resolution import (
    Chain,
    Client,
    MergedRule,
    Reach,
    Route,
    RouteTarget,
    RulePlace,
    Ruling,
    Unused,
    View,
)


@dataclass(frozen=True, slots=True)
class ResolvedHost:
    """What some callers get for a host and port; at a gateway, for one of its virtual hosts.

    `rulings` are those with a rule for these callers: in the mesh the first one rules alone, at a
    gateway all do. `behind` are routes that no request gets to.
    """

    view: View
    host: str
    port: int
    routes: tuple[Route, ...] = ()
    behind: tuple[Route, ...] = ()
    unused: tuple[Unused, ...] = ()
    rulings: tuple[Ruling, ...] = ()
    chains: tuple[Chain, ...] = ()
    edge: bool = False

    @property
    def client(self) -> Client:
        return self.view.client


@dataclass(frozen=True, slots=True)
class Sending:
    """A destination or mirror of a rule, as some callers get it.

    `place` and `path` are where it is written. `idle`: it gets no weight. `share` is its part of
    the rule's requests, 0 to 1.
    """

    answer: ResolvedHost
    target: RouteTarget
    place: RulePlace
    path: str
    mirror: bool
    idle: bool
    reach: Reach

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells a destination from all others as it is written."""
        ref = self.place.service.ref
        return ref.namespace, ref.name, self.path

    @property
    def in_http_route(self) -> bool:
        return isinstance(self.place.service, HttpRoute)

    def field(self, name: str) -> str:
        """The path of a part: its `host`, `subset` or `port`."""
        if self.in_http_route:
            return f"{self.path}.{'name' if name == 'host' else name}"
        return f"{self.path}.{'port.number' if name == 'port' else name}"

    @property
    def title(self) -> str:
        rule = self.place.rule
        return rule.title if rule else f"{self.place.protocol}[{self.place.index}]"


def sendings_of(answer: ResolvedHost) -> Iterator[Sending]:
    for route in answer.routes:
        if route.rule is None or route.rule.holder.rule is None:
            continue
        for target in route.targets:
            yield _sending(answer, route.rule.holder, target, idle=False)
        for target in route.unused:
            yield _sending(answer, route.rule.holder, target, idle=True)
        for target in route.mirrors:
            yield _copying(answer, route.rule, target)
    for chain in answer.chains:
        if chain.place is not None:
            for target in chain.targets:
                yield _sending(answer, chain.place, target, idle=False)


def _sending(answer: ResolvedHost, place: RulePlace, target: RouteTarget, *, idle: bool) -> Sending:
    entry = f"route[{target.index}].destination"
    if isinstance(place.service, HttpRoute):
        entry = f"backendRefs[{target.index}]"
    path = f"spec.{place.protocol}[{place.index}].{entry}"
    reach = answer.view.reach(target.cluster)
    return Sending(answer, target, place, path, mirror=False, idle=idle, reach=reach)


def _copying(answer: ResolvedHost, rule: MergedRule, target: RouteTarget) -> Sending:
    """A delegate that has no mirror of its own has its root's."""
    own = "mirror" in rule.holder.raw or "mirrors" in rule.holder.raw
    own = own or isinstance(rule.holder.service, HttpRoute)
    place = rule.holder if own else rule.root
    single = not read.objects(place.raw, "mirrors")
    part = "mirror" if single else f"mirrors[{target.index}].destination"
    if isinstance(place.service, HttpRoute):
        part = "filters"
    path = f"spec.{place.protocol}[{place.index}].{part}"
    reach = answer.view.reach(target.cluster)
    return Sending(answer, target, place, path, mirror=True, idle=not target.share, reach=reach)
