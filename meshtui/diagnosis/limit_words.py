"""Doors and rate limits in words, for the screen and for the command line."""

from __future__ import annotations

from meshtui.mesh.exposure import ApiRoute, Door
from meshtui.mesh.model import Pod, Service
from meshtui.mesh.quantity import go_duration, number_of
from meshtui.mesh.ratelimits import EXTERNAL, LOCAL, Bucket, RateLimit
from meshtui.mesh.service_limits import INBOUND, Exposed, Limiting

_TLS = {
    "": "plain text, no TLS",
    "SIMPLE": "TLS SIMPLE: ends at the gateway",
    "MUTUAL": "TLS MUTUAL: ends at the gateway, which asks for a client certificate",
    "OPTIONAL_MUTUAL": "TLS OPTIONAL_MUTUAL: ends at the gateway; a client certificate is checked "
    "where there is one",
    "ISTIO_MUTUAL": "TLS ISTIO_MUTUAL: ends at the gateway, with the mesh's own certificates",
    "PASSTHROUGH": "TLS PASSTHROUGH: not opened at the gateway, goes by its server name",
    "AUTO_PASSTHROUGH": "TLS AUTO_PASSTHROUGH: from other networks of the mesh, as it is",
}
NO_WAY = "no way in: no Gateway leads to it"
NOT_READ = "whether an Ingress leads there is not known: they are not read"
_ROUND = {"LoadBalancer", "NodePort"}


def not_read_words(routes_known: bool) -> str:
    """The ways in that are not seen, in one line."""
    if routes_known:
        return NOT_READ
    return (
        "whether an Ingress or a route of the Gateway API (HTTPRoute, GRPCRoute, TLSRoute, "
        "TCPRoute) leads there is not known: not all are read"
    )


def api_route_words(route: ApiRoute) -> str:
    """A route of the Gateway API that names a service as its backend."""
    where = f"{route.ref} at Gateway {', '.join(route.gateways)} (Gateway API)"
    if route.why:
        return f"{where} is no way in to it: {route.why}"
    return f"{where} leads to it: for which hosts and ports is not resolved"


def tls_words(door: Door) -> str:
    if door.redirect:
        return "plain text, only sent on to HTTPS"
    return _TLS.get(door.tls, f"TLS {door.tls}")


def pods_words(pods: tuple[Pod, ...]) -> str:
    """`istio-ingressgateway.istio-system, 2 of 3 pods ready`."""
    names = dict.fromkeys(f"{pod.workload}.{pod.namespace}" for pod in pods)
    ready = sum(pod.serving for pod in pods)
    number = f"{ready} of {len(pods)} pods ready" if len(pods) > 1 else _alone(ready)
    return f"{', '.join(names)}, {number}"


def _alone(ready: int) -> str:
    return "1 pod, ready" if ready else "1 pod, not ready"


def round_about(service: Service) -> str:
    """How the Service itself opens a way in, past every Gateway; empty where it does not."""
    if service.type not in _ROUND:
        return ""
    ports = ", ".join(str(port.number) for port in service.ports)
    return f"its Service is a {service.type} (port {ports}): a way in past every gateway"


def limit_words(limit: RateLimit) -> str:
    """What it allows, in a few words."""
    if limit.kind == EXTERNAL:
        domain = f", domain {limit.domain}" if limit.domain else ""
        return f"asks {limit.service or 'a rate-limit service'}{domain}"
    if limit.kind != LOCAL:
        return "tells the limits which requests are which"
    if not limit.buckets:
        return "a filter without settings"
    return "; ".join(bucket_words(bucket) for bucket in limit.buckets)


def bucket_words(bucket: Bucket) -> str:
    """`2 per 60s, 4 at once`; the requests it is for first."""
    whom = f"{bucket.descriptor}: " if bucket.descriptor else ""
    if bucket.interval_s <= 0:
        return f"{whom}no fill_interval: Envoy rejects it"
    burst = f", {bucket.burst} at once" if bucket.burst != bucket.tokens else ""
    return f"{whom}{bucket.tokens} per {go_duration(bucket.interval_s)}{burst}"


def effect_words(limit: RateLimit) -> str:
    """What comes of a request over the limit; the catch first, if there is one."""
    if limit.kind == EXTERNAL:
        away = "refuses everything" if limit.deny_on_failure else "lets everything through"
        return f"while that service is away the proxy {away}"
    if limit.kind != LOCAL:
        return "refuses nothing by itself"
    if not limit.buckets:
        return "refuses nothing by itself: a route or a virtual host has to have settings"
    if not limit.enforced:
        return "refuses nothing: filter_enabled or filter_enforced is 0"
    if limit.enforced < 100:
        return f"refuses {limit.enforced:g} % of what is over it; each proxy counts for itself"
    return "each proxy counts for itself"


def silent_words(limit: RateLimit, proxies: int) -> str:
    """Why proxies show no counter: Envoy makes that of an external service at its first refusal."""
    who = f"{number_of(proxies, 'proxy shows', 'proxies show')}"
    why = "proxyStatsMatcher leaves it out"
    if limit.kind == EXTERNAL:
        why = f"nothing was refused yet, or {why}"
    return f"{who} no counter of it: {why}"


def of_what(one: Limiting) -> str:
    """What else a limit's counter counts; empty where nothing."""
    wide = one.place != INBOUND and not one.limit.vhost
    others = ", of all that these proxies send" if wide else ""
    return others + (", by all of their limits that count under this name" if one.shared else "")


def asked_words(asked: int, unasked: int) -> str:
    """`20 of 50 proxies were asked`: of how many a count speaks; empty where of all."""
    if not unasked:
        return ""
    return f"{asked} of {asked + unasked} proxies {'was' if asked == 1 else 'were'} asked"


def rate_words(rps: float) -> str:
    """`0.94/s`, `5/s`, `30/s`: no more digits than a count of some seconds gives."""
    return f"{rps:.2g}/s" if rps < 10 else f"{rps:,.0f}/s"


def refused_words(found: Exposed) -> str:
    """What is turned away at this moment; empty where telemetry has no rates."""
    now = found.refused
    if now is None:
        return ""
    if not now.answers and not now.by_pods and not now.by_callers:
        return "nothing refused now"
    parts = [
        f"{rate_words(rate)} {by}"
        for rate, by in ((now.by_callers, "by its callers' proxies"), (now.by_pods, "by its own"))
        if rate
    ]
    other = now.answers - now.by_callers - now.by_pods
    if other > 0.05 * now.answers:
        parts.append(f"{rate_words(other)} answered 429 by somebody else")
    return "refused now: " + ", ".join(parts)


def rejected_rate(found: Exposed) -> float:
    """Answers 429 per second, by whomever."""
    return max(found.refused.answers, found.refused.by_pods) if found.refused else 0.0
