"""What a proxy routes: one entry of Envoy's route table, in the mesh's own words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from meshtui.dataclass import dataclass
from meshtui.mesh.model import Fault, Json, Retries, StringMatch
from meshtui.mesh.rules import first_name

ANY_PATH = StringMatch("prefix", "/")


@dataclass(frozen=True, slots=True)
class HeaderMatch:
    """A condition on a header. Envoy keeps method, authority and scheme as `:method` and so on.

    With `missing_is_empty` a header that is not there counts as an empty one. Editions of istiod
    differ in it, so that it makes no difference between two conditions.
    """

    name: str
    value: StringMatch
    invert: bool = False
    missing_is_empty: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return f"{'not ' if self.invert else ''}header {self.name} {self.value}"


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """Which requests an entry takes.

    The path's `kind` is prefix, exact, regex or another of Envoy's; `headers` and `query` are
    sorted by name. `other` names what a request alone does not decide: a share, the TLS
    connection, metadata.
    """

    path: StringMatch = ANY_PATH
    ignore_case: bool = False
    headers: tuple[HeaderMatch, ...] = ()
    query: tuple[tuple[str, StringMatch], ...] = ()
    other: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        parts = [] if self.path == ANY_PATH else [f"path {self.path}"]
        parts += [str(header) for header in self.headers]
        parts += [f"query {name} {value}" for name, value in self.query]
        parts += self.other
        return " and ".join(parts) or "any request"


def in_order(
    path: StringMatch,
    ignore_case: bool,
    headers: Iterable[HeaderMatch],
    query: Iterable[tuple[str, StringMatch]],
    other: Iterable[str] = (),
) -> RouteMatch:
    """A match in one form, so that two that take the same are equal.

    The parts are sorted, and case is ignored only where the path's kind knows of it.
    """
    ignore_case = (
        ignore_case and path != ANY_PATH and path.kind in ("prefix", "exact", "path prefix")
    )
    return RouteMatch(
        path,
        ignore_case,
        tuple(sorted(headers, key=lambda header: (header.name, str(header)))),
        tuple(sorted(query, key=lambda entry: (entry[0], str(entry[1])))),
        tuple(sorted(other)),
    )


@dataclass(frozen=True, slots=True)
class RouteDestination:
    """A cluster that gets a share. Several weights are ratios; a single one says nothing."""

    cluster: str
    host: str = ""
    subset: str = ""
    port: int = 0
    weight: int = 100

    @property
    def label(self) -> str:
        return self.subset or first_name(self.host) or self.cluster


@dataclass(frozen=True, slots=True)
class RouteMirror:
    """A cluster that gets copies, of `percent` (0 to 100) of the requests."""

    cluster: str
    host: str = ""
    subset: str = ""
    port: int = 0
    percent: float = 100.0

    @property
    def label(self) -> str:
        return self.subset or first_name(self.host) or self.cluster


@dataclass(frozen=True, slots=True)
class ProxyRoute:
    """One entry of a proxy's route table; entries are tried in order, vhost by vhost.

    `config` is the RouteConfiguration ("9080", "http.8080"), `vhost` the virtual host. `timeout_s`
    is None where there is no limit. `retries` is None where a failed request is not tried again.
    `virtual_service` (namespace, name) is whose rule it is, None for routes Istio makes by itself.
    `cluster_header` names the header that picks the cluster, where one does.
    """

    config: str
    vhost: str
    domains: tuple[str, ...] = ()
    name: str = ""
    match: RouteMatch = field(default_factory=RouteMatch)
    destinations: tuple[RouteDestination, ...] = ()
    mirrors: tuple[RouteMirror, ...] = ()
    fault: Fault | None = None
    timeout_s: float | None = None
    retries: Retries | None = None
    virtual_service: tuple[str, str] | None = None
    terminal: str = ""
    """Set to "redirect" or "direct response" where the proxy answers by itself."""

    rewrites: tuple[str, ...] = ()
    """What is changed of path and host before the request goes out, in words."""

    cluster_header: str = ""
    answer: str = ""
    """What the proxy answers by itself, in words; see `meshtui.mesh.effects`."""

    headers: tuple[str, ...] = ()
    """What is done to the headers of request and response, in words."""

    raw: Json = field(default_factory=dict, compare=False, repr=False)
    """The route as Envoy has it."""

    @property
    def rewrite(self) -> str:
        return ", ".join(self.rewrites)

    @property
    def port(self) -> int:
        """The port of the virtual host (`reviews.default.svc.cluster.local:9080`), or 0."""
        number = self.vhost.rpartition(":")[2]
        return int(number) if number.isascii() and number.isdigit() and len(number) < 6 else 0

    @property
    def total_weight(self) -> int:
        return sum(destination.weight for destination in self.destinations)
