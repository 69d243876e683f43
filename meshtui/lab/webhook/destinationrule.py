"""A DestinationRule and its traffic policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshtui.lab.webhook import words
from meshtui.lab.webhook.findings import Findings
from meshtui.lab.webhook.shared import exports

Policy = Mapping[str, Any]

_PARTS = ("outlierDetection", "connectionPool", "loadBalancer", "tls")
_MORE_PARTS = (*_PARTS, "portLevelSettings", "tunnel", "proxyProtocol", "retryBudget")
_LARGEST_TABLE = 5_000_011


def destination_rule(namespace: str, spec: Policy) -> Findings:
    found = Findings()
    found.all_of([words.wildcard_domain(str(spec.get("host") or ""))])
    found.add(_policy(spec.get("trafficPolicy")))
    names: set[str] = set()
    for subset in spec.get("subsets") or ():
        name = str(subset.get("name") or "")
        if name in names:
            found.error(f"duplicate subset names: {name}")
        names.add(name)
        found.all_of([words.subset(name), words.labels(subset.get("labels"))])
        # istiod keeps the errors of a subset's policy and drops its warnings
        found.all_of(_policy(subset.get("trafficPolicy")).errors)
    selector = spec.get("workloadSelector") is not None
    found.add(exports(namespace, spec.get("exportTo") or [], selector))
    return found


def _policy(policy: Policy | None) -> Findings:
    if policy is None:
        return Findings()
    if all(policy.get(part) is None for part in _MORE_PARTS):
        return Findings("traffic policy must have at least one field")
    found = _parts(policy)
    for settings in policy.get("portLevelSettings") or ():
        if settings.get("port") is None:
            found.error("portTrafficPolicy must have valid port")
        if all(settings.get(part) is None for part in _PARTS):
            found.error("port traffic policy must have at least one field")
        else:
            found.add(_parts(settings))
    return found


def _parts(policy: Policy) -> Findings:
    found = _outlier(policy.get("outlierDetection"))
    found.all_of(_pool(policy.get("connectionPool")))
    found.add(_balancer(policy.get("loadBalancer") or {}))
    found.all_of(_tls(policy.get("tls") or {}))
    return found


def _outlier(outlier: Policy | None) -> Findings:
    found = Findings()
    if outlier is None:
        return found
    if outlier.get("baseEjectionTime") is not None:
        found.all_of([words.duration(outlier["baseEjectionTime"])])
    if outlier.get("consecutiveErrors"):
        found.warn(
            "outlier detection consecutive errors is deprecated, use consecutiveGatewayErrors or "
            "consecutive5xxErrors instead"
        )
    split = outlier.get("splitExternalLocalOriginErrors")
    if not split and int(outlier.get("consecutiveLocalOriginFailures") or 0) > 0:
        found.error(
            "outlier detection consecutive local origin failures is specified, but split external "
            "local origin errors is set to false"
        )
    if outlier.get("interval") is not None:
        found.all_of([words.duration(outlier["interval"])])
    found.all_of(words.percent(outlier.get(k)) for k in ("maxEjectionPercent", "minHealthPercent"))
    return found


_COUNTS = (
    ("http1MaxPendingRequests", "http1 max pending requests"),
    ("http2MaxRequests", "http2 max requests"),
    ("maxRequestsPerConnection", "max requests per connection"),
    ("maxRetries", "max retries"),
)


def _pool(pool: Policy | None) -> Iterator[str | None]:
    if pool is None:
        return
    tcp, http = pool.get("tcp"), pool.get("http")
    if tcp is None and http is None:
        yield "connection pool must have at least one field"
        return
    for field, text in _COUNTS:
        if int((http or {}).get(field) or 0) < 0:
            yield f"{text} must be non-negative"
    if (http or {}).get("idleTimeout") is not None:
        yield words.duration((http or {})["idleTimeout"])
    if (http or {}).get("h2UpgradePolicy") == "UPGRADE" and (http or {}).get("useClientProtocol"):
        yield "use client protocol must not be true when H2UpgradePolicy is UPGRADE"
    if int((http or {}).get("maxConcurrentStreams") or 0) < 0:
        yield "max concurrent streams must be non-negative"
    if int((tcp or {}).get("maxConnections") or 0) < 0:
        yield "max connections must be non-negative"
    for field in ("connectTimeout", "maxConnectionDuration"):
        if (tcp or {}).get(field) is not None:
            yield words.duration((tcp or {})[field])


def _balancer(balancer: Policy) -> Findings:
    found = Findings()
    hashed = balancer.get("consistentHash") or {}
    cookie = hashed.get("httpCookie")
    if cookie is not None and not cookie.get("name"):
        found.error("name required for HttpCookie")
    if hashed.get("minimumRingSize"):
        found.warn(
            "consistent hash MinimumRingSize is deprecated, use ConsistentHashLB's RingHash "
            "configuration instead"
        )
        if hashed.get("maglev") is not None or hashed.get("ringHash") is not None:
            found.error("only one of MinimumRingSize or Maglev/Ringhash can be specified")
    if hashed.get("maglev") is not None:
        found.all_of(_maglev(int(hashed["maglev"].get("tableSize") or 0)))
    warmup = balancer.get("warmup")
    if warmup is not None:
        missing = warmup.get("duration") is None
        found.all_of(["duration is required" if missing else words.duration(warmup["duration"])])
    return found


def _maglev(size: int) -> Iterator[str]:
    if size == 0:
        yield "tableSize must be set for maglev"
    if size >= _LARGEST_TABLE:
        yield "tableSize must be less than 5000011 for maglev"
    if not _is_prime(size):
        yield "tableSize must be a prime number for maglev"


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % factor for factor in range(2, int(number**0.5) + 1))


def _tls(settings: Policy) -> Iterator[str]:
    if settings.get("mode") != "MUTUAL" or settings.get("credentialName"):
        return
    if not settings.get("clientCertificate"):
        yield "client certificate required for mutual tls"
    if not settings.get("privateKey"):
        yield "private key required for mutual tls"
