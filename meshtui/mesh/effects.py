"""What happens to a request that a route takes, besides where it goes: in words that compare.

The resolution says what istiod makes of a rule in the JSON of Envoy's Route, and a proxy's config
dump has the same JSON: both are put into words here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.flags import GRPC_CODES
from meshtui.mesh.model import Fault, Json, Retries, Rule
from meshtui.mesh.quantity import seconds
from meshtui.mesh.resolution.actions import FAULT
from meshtui.mesh.resolution.clusters import split_cluster
from meshtui.mesh.resolution.forwarding import RouteTarget
from meshtui.mesh.resolution.routes import Route
from meshtui.mesh.rules import first_name

_MOVED = 301
_REDIRECTS = {"FOUND": 302, "SEE_OTHER": 303, "TEMPORARY_REDIRECT": 307, "PERMANENT_REDIRECT": 308}
_VERBS = {
    "OVERWRITE_IF_EXISTS_OR_ADD": "set",
    "OVERWRITE_IF_EXISTS": "set if there",
    "ADD_IF_ABSENT": "add if absent",
}
_REWRITES = frozenset(
    {
        *("prefix_rewrite", "path_rewrite", "regex_rewrite", "path_rewrite_policy"),
        *("host_rewrite_literal", "host_rewrite_header", "auto_host_rewrite"),
    }
)
_HEADERS = frozenset(
    f"{side}_headers_to_{what}" for side in ("request", "response") for what in ("add", "remove")
)
"""Most routes have none of these; a gateway has ten thousand."""

_PARTS = {"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}
_GRPC_NAME = {number: name for name, number in GRPC_CODES.items()}


@dataclass(frozen=True, slots=True)
class Odds:
    """A destination (or a mirror) and its part of the requests, 0 to 100. Port 0: not known.

    `cluster` is set where a proxy sends to a cluster that istiod made of no host.
    """

    host: str
    subset: str = ""
    port: int = 0
    percent: float = 100.0
    cluster: str = ""

    @property
    def label(self) -> str:
        return self.subset or first_name(self.host) or self.cluster


@dataclass(frozen=True, slots=True)
class Effects:
    """All that is done with a request. `timeout_s` None is no limit; `retries` None is "not said":
    Istio's default in a rule, none at all in a proxy's route.
    """

    destinations: tuple[Odds, ...] = ()
    answer: str = ""
    """Set where the proxy answers by itself: "answers 404", "redirects with 301 to path /x"."""

    rewrites: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    mirrors: tuple[Odds, ...] = ()
    fault: Fault | None = None
    timeout_s: float | None = None
    retries: Retries | None = None
    connection: bool = False
    """The proxy passes the whole connection on and looks at no request: timeouts and retries are
    not for it."""


def route_effects(route: Route, rule: Rule | None) -> Effects:
    """The effects of a route; `rule` is the joined rule behind it, None where it has none."""
    action = read.obj(route.envoy, "route")
    retried = rule.retries if rule else None
    return Effects(
        destinations=tuple(map(odds, route.targets)),
        answer=answer_of(route.envoy),
        rewrites=rewrites_of(action),
        headers=headers_of(route.envoy),
        mirrors=tuple(map(odds, route.mirrors)),
        fault=fault_of(route.envoy),
        timeout_s=seconds(read.text(action, "timeout")) or None,
        retries=retried if "retry_policy" in action or not action else Retries(attempts=0),
    )


def odds(target: RouteTarget) -> Odds:
    """A destination; what istiod takes for none has a cluster of a name alone."""
    if not target.host:
        return Odds("", percent=100.0 * target.share, cluster=target.cluster)
    return Odds(target.host, target.subset, target.port, 100.0 * target.share)


def fraction_of(raw: Json) -> float:
    """Envoy's FractionalPercent as 0 to 100. Left-out parts are proto defaults: 0 of HUNDRED."""
    whole = _PARTS.get(read.text(raw, "denominator", "HUNDRED"), 100)
    return 100.0 * read.decimal(raw, "numerator") / whole


def fault_of(route: Json) -> Fault | None:
    raw = read.obj(route, "typed_per_filter_config", FAULT)
    if not raw:
        return None
    delay, abort = read.obj(raw, "delay"), read.obj(raw, "abort")
    if not delay and not abort:
        return None
    status = read.integer(abort, "grpc_status", -1)
    return Fault(
        delay_s=seconds(read.text(delay, "fixed_delay")) or 0.0,
        delay_percent=fraction_of(read.obj(delay, "percentage")),
        abort_http=read.integer(abort, "http_status"),
        abort_grpc=_GRPC_NAME.get(status, str(status) if status >= 0 else ""),
        abort_percent=fraction_of(read.obj(abort, "percentage")),
    )


def rewrites_of(action: Json) -> tuple[str, ...]:
    """What is changed of the request before it goes out, each in a few words."""
    return tuple(_rewrites(action))


def _rewrites(action: Json) -> Iterator[str]:
    if not _REWRITES.isdisjoint(action):
        yield from _own_rewrites(action)
    for entry in read.objects(read.obj(action, "weighted_clusters"), "clusters"):
        if host := read.text(entry, "host_rewrite_literal"):
            yield f"host → {host} for {_label(read.text(entry, 'name'))}"


def _own_rewrites(action: Json) -> Iterator[str]:
    regex = read.obj(action, "regex_rewrite")
    if read.text(action, "prefix_rewrite"):
        yield f"prefix → {read.text(action, 'prefix_rewrite')}"
    if read.text(action, "path_rewrite"):
        yield f"path → {read.text(action, 'path_rewrite')}"
    if regex:
        pattern = read.text(read.obj(regex, "pattern"), "regex")
        yield f"path {pattern} → {read.text(regex, 'substitution')}"
    if "path_rewrite_policy" in action:
        yield "path → by an extension"
    if read.text(action, "host_rewrite_literal"):
        yield f"host → {read.text(action, 'host_rewrite_literal')}"
    if read.text(action, "host_rewrite_header"):
        yield f"host → as header {read.text(action, 'host_rewrite_header')} says"
    if action.get("auto_host_rewrite") is True:
        yield "host → the endpoint's name"


def answer_of(route: Json) -> str:
    """What the proxy answers by itself; empty where it forwards."""
    if "redirect" in route:
        return _redirect_text(read.obj(route, "redirect"))
    direct = read.obj(route, "direct_response")
    return f"answers {read.integer(direct, 'status')}" if direct else ""


def _redirect_text(redirect: Json) -> str:
    https = "https" if redirect.get("https_redirect") is True else ""
    code = _REDIRECTS.get(read.text(redirect, "response_code"), _MOVED)
    rewrite = read.text(redirect, "prefix_rewrite")
    parts = [
        ("scheme", read.text(redirect, "scheme_redirect") or https),
        ("host", read.text(redirect, "host_redirect")),
        ("port", read.integer(redirect, "port_redirect") or ""),
        ("path", read.text(redirect, "path_redirect")),
        ("prefix", rewrite),
    ]
    where = " ".join(f"{name} {value}" for name, value in parts if value)
    return f"redirects with {code}" + (f" to {where}" if where else "")


def headers_of(route: Json) -> tuple[str, ...]:
    """What is done to headers, on the way there and back, by the route and by each cluster."""
    found = list(_operations(route))
    for entry in read.objects(read.obj(route, "route", "weighted_clusters"), "clusters"):
        found += [f"{text} for {_label(read.text(entry, 'name'))}" for text in _operations(entry)]
    return tuple(found)


def _label(cluster: str) -> str:
    """A cluster as people call it: its subset, else the first part of its host."""
    parts = split_cluster(cluster)
    if parts is None:
        return cluster
    _, subset, host = parts
    return subset or first_name(host) or cluster


def _operations(raw: Json) -> Iterator[str]:
    if _HEADERS.isdisjoint(raw):
        return
    for side in ("request", "response"):
        for option in read.objects(raw, f"{side}_headers_to_add"):
            header = read.obj(option, "header")
            name, value = read.text(header, "key"), read.text(header, "value")
            yield header_text(side, _verb(option), name, value)
        for name in read.texts(raw, f"{side}_headers_to_remove"):
            yield header_text(side, "remove", name)


def _verb(option: Json) -> str:
    if option.get("append") is False:
        return "set"
    return _VERBS.get(read.text(option, "append_action"), "add")


def header_text(side: str, verb: str, name: Any, value: str = "") -> str:
    return f"{side} {verb} {str(name).lower()}{f': {value}' if value else ''}"


def effect_lines(effects: Effects) -> tuple[tuple[str, str], ...]:
    """What happens to a request, as a person reads it: label and text, the destinations first."""
    fault = effects.fault if effects.fault and effects.fault.active else None
    lines = [
        ("to", _shares(effects.destinations)),
        ("answer", effects.answer),
        *(("rewrite", text) for text in effects.rewrites),
        *(("headers", text) for text in effects.headers),
        ("mirror", _shares(effects.mirrors)),
        ("fault", f"{fault}; retries and timeout do not count for what is injected" * bool(fault)),
    ]
    if effects.destinations and not effects.connection:
        limit = f"{effects.timeout_s:g}s" if effects.timeout_s else "none"
        lines.append(("timeout", limit))
        lines.append(("retries", str(effects.retries or "2× (Istio's default)")))
    return tuple((label, text) for label, text in lines if text)


def _shares(targets: tuple[Odds, ...]) -> str:
    """`v1 90%, v3 10%`; the host too where they are of several."""
    hosts = {target.host for target in targets}
    return ", ".join(f"{_name(target, len(hosts) > 1)} {target.percent:.4g}%" for target in targets)


def _name(target: Odds, with_host: bool) -> str:
    short = first_name(target.host)
    return f"{short}/{target.subset}" if with_host and target.subset else target.label
