"""What happens to a request that a rule takes, besides where it goes: in words that compare.

The same words are made of a VirtualService's rule here and of a proxy's route in `envoy`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from meshtui.mesh import read
from meshtui.mesh.model import Fault, Json, Mirror, Retries, Rule

HOST_HEADERS = ("host", ":authority")
_MOVED = 301


@dataclass(frozen=True, slots=True)
class Odds:
    """A destination (or a mirror) and its part of the requests, 0 to 100. Port 0: Istio's choice.

    `cluster` is set where a proxy sends to a cluster that istiod made of no host.
    """

    host: str
    subset: str = ""
    port: int = 0
    percent: float = 100.0
    cluster: str = ""

    @property
    def label(self) -> str:
        return self.subset or self.host.split(".", 1)[0] or self.cluster


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


def rule_effects(rule: Rule, raw: Json) -> Effects:
    """The effects of a rule; `raw` is the same rule as JSON."""
    return Effects(
        destinations=tuple(
            Odds(d.host, d.subset, d.port, rule.percent(d))
            for d in rule.destinations
            if d.weight > 0 and not rule.terminal
        ),
        answer=_answer(raw),
        rewrites=_rewrites(raw),
        headers=tuple(_headers(raw)),
        mirrors=tuple(_mirror(mirror) for mirror in rule.mirrors if mirror.percent > 0),
        fault=rule.fault,
        timeout_s=rule.timeout_s,
        retries=rule.retries,
    )


def _mirror(mirror: Mirror) -> Odds:
    return Odds(mirror.host, mirror.subset, mirror.port, mirror.percent)


def _answer(raw: Json) -> str:
    redirect = read.obj(raw, "redirect")
    if redirect:
        return redirect_text(
            read.integer(redirect, "redirectCode", _MOVED),
            scheme=read.text(redirect, "scheme"),
            host=read.text(redirect, "authority"),
            port=read.integer(redirect, "port"),
            path=read.text(redirect, "uri"),
        )
    direct = read.obj(raw, "directResponse")
    return direct_text(read.integer(direct, "status")) if direct else ""


def redirect_text(code: int, *, scheme: str, host: str, port: int, path: str) -> str:
    parts = [("scheme", scheme), ("host", host), ("port", port or ""), ("path", path)]
    where = " ".join(f"{name} {value}" for name, value in parts if value)
    return f"redirects with {code or _MOVED}" + (f" to {where}" if where else "")


def direct_text(status: int) -> str:
    return f"answers {status}"


def _rewrites(raw: Json) -> tuple[str, ...]:
    rewrite = read.obj(raw, "rewrite")
    regex = read.obj(rewrite, "uriRegexRewrite")
    host = read.text(rewrite, "authority") or _host_among(raw)
    found = []
    if regex:
        found.append(path_rewrite(read.text(regex, "match"), read.text(regex, "rewrite")))
    elif read.text(rewrite, "uri"):
        found.append(prefix_rewrite(read.text(rewrite, "uri")))
    return (*found, host_rewrite(host)) if host else tuple(found)


def prefix_rewrite(text: str) -> str:
    """The part of the path that was matched is replaced, the rest stays."""
    return f"prefix → {text}"


def path_rewrite(pattern: str, text: str) -> str:
    return f"path {pattern} → {text}"


def host_rewrite(host: str) -> str:
    return f"host → {host}"


def _host_among(raw: Json) -> str:
    """istiod makes a host rewrite of a Host that is set among the request's headers."""
    routes = read.objects(raw, "route")
    for part in (raw, *(routes if len(routes) == 1 else ())):
        for name, value in read.labels(read.obj(part, "headers", "request"), "set").items():
            if name.lower() in HOST_HEADERS:
                return value
    return ""


def _headers(raw: Json) -> Iterator[str]:
    yield from _operations(read.obj(raw, "headers"))
    routes = read.objects(raw, "route")
    for route in routes:
        target = read.obj(route, "destination")
        label = read.text(target, "subset") or read.text(target, "host").split(".", 1)[0]
        among = f" for {label}" if len(routes) > 1 else ""
        yield from (f"{text}{among}" for text in _operations(read.obj(route, "headers")))


def _operations(headers: Json) -> Iterator[str]:
    for side in ("request", "response"):
        found = read.obj(headers, side)
        for verb in ("set", "add"):
            for name, value in read.labels(found, verb).items():
                if name.lower() not in HOST_HEADERS:
                    yield header_text(side, verb, name, value)
        for name in read.texts(found, "remove"):
            if name.lower() not in HOST_HEADERS:
                yield header_text(side, "remove", name)


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
    if effects.destinations:
        limit = f"{effects.timeout_s:g}s" if effects.timeout_s else "none"
        lines.append(("timeout", limit))
        lines.append(("retries", str(effects.retries or "2× (Istio's default)")))
    return tuple((label, text) for label, text in lines if text)


def _shares(targets: tuple[Odds, ...]) -> str:
    """`v1 90%, v3 10%`; the host too where they are of several."""
    hosts = {target.host for target in targets}
    return ", ".join(f"{_name(target, len(hosts) > 1)} {target.percent:.4g}%" for target in targets)


def _name(target: Odds, with_host: bool) -> str:
    short = target.host.split(".", 1)[0]
    return f"{short}/{target.subset}" if with_host and target.subset else target.label
