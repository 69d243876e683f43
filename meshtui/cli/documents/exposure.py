"""`exposure -o json`: ways in and rate limits as data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from meshtui.mesh.exposure import Door
from meshtui.mesh.gateway_api import ALL_ROUTE_KINDS
from meshtui.mesh.model import Pod, Ref, Service, ServiceKey
from meshtui.mesh.ratelimits import Bucket, RateLimit
from meshtui.mesh.service_limits import Exposed, Limiting
from meshtui.operations.look.exposure import Tally

Json = dict[str, Any]


def exposed_json(found: Exposed, tallies: Sequence[tuple[Tally, float | None]]) -> Json:
    """One service: its ways in, who calls it, and the limits with what they refuse."""
    limits = zip(found.limits, tallies, strict=True)
    return {
        "service": _service(found.service),
        "ways": [_door(door) for door in found.doors],
        "gateway_api_routes": [
            {**_ref(one.ref), "gateways": list(one.gateways), "why": one.why or None}
            for one in found.routes
        ],
        "callers": [
            {"namespace": key.namespace, "name": key.name, "ways": [_door(door) for door in doors]}
            for key, doors in found.callers
        ],
        "limits": [_limiting(one, *counted) for one, counted in limits],
        "refused": _refused(found),
        **_elsewhere(found.idle, found.unknown),
        "not_read": list(found.unread),
    }


def overview_json(
    entrances: Iterable[tuple[ServiceKey, Door]], limits: Sequence[RateLimit]
) -> Json:
    """Many services: every way in with the service it leads to, and every limit."""
    return {
        "ways": [
            {"service": {"namespace": key.namespace, "name": key.name}, **_door(door)}
            for key, door in entrances
        ],
        "limits": [_limit(one) for one in limits if one.pods],
        **_elsewhere(
            [one for one in limits if not one.pods and not one.unknown],
            [one for one in limits if one.unknown],
        ),
    }


def _elsewhere(idle: Iterable[RateLimit], unknown: Iterable[RateLimit]) -> Json:
    return {
        "limits_without_proxies": [_limit(one) for one in idle],
        "limits_not_known_for_whom": [_limit(one) for one in unknown],
    }


def _service(service: Service) -> Json:
    return {
        "namespace": service.key.namespace,
        "name": service.key.name,
        "host": service.host,
        "type": service.type or None,
        "ports": [port.number for port in service.ports],
    }


def _of_kind(ref: Ref | None, *kinds: str) -> Json | None:
    return _ref(ref) if ref is not None and ref.kind in kinds else None


def _door(door: Door) -> Json:
    return {
        "gateway": _ref(door.gateway),
        "hosts": list(door.hosts),
        "port": door.port,
        "protocol": door.protocol,
        "tls": door.tls or None,
        "https_redirect": door.redirect,
        "listener": door.listener or None,
        "troubles": [one.words for one in door.troubles],
        "virtual_service": _of_kind(door.rules_of, "VirtualService"),
        "route": _of_kind(door.rules_of, *ALL_ROUTE_KINDS),
        "rules": [
            {
                "rule": lead.rule,
                "match": lead.match,
                "percent": 100.0 if lead.percent is None else lead.percent,
            }
            for lead in door.leads
        ],
        "pods": _pods(door.pods),
        "services": [_service(front) for front in door.fronts],
    }


def _limiting(one: Limiting, tally: Tally, rps: float | None) -> Json:
    return {
        "place": one.place,
        **_limit(one.limit),
        "pods": _pods(one.pods),
        "refused": tally.refused,
        "refused_with_others": one.shared,
        "refused_rps": rps,
        "unanswered": tally.unanswered,
        "proxies_not_asked": tally.unasked,
        "troubles": list(tally.troubles),
    }


def _limit(limit: RateLimit) -> Json:
    return {
        "envoy_filter": _ref(limit.ref),
        "path": limit.path,
        "kind": limit.kind,
        "context": limit.context,
        "scope": limit.scope,
        "buckets": [_bucket(bucket) for bucket in limit.buckets],
        "enforced_percent": limit.enforced,
        "stat_prefix": limit.stat_prefix or None,
        "external_service": limit.service or None,
        "domain": limit.domain or None,
        "deny_on_failure": limit.deny_on_failure,
        "workloads": [{"namespace": ns, "name": name} for ns, name in limit.workloads],
    }


def _bucket(bucket: Bucket) -> Json:
    return {
        "tokens": bucket.tokens,
        "interval_s": bucket.interval_s,
        "burst": bucket.burst,
        "descriptor": bucket.descriptor or None,
    }


def _refused(found: Exposed) -> Json | None:
    """Null where telemetry has no rates."""
    if found.refused is None:
        return None
    return {
        "by_callers_rps": found.refused.by_callers,
        "by_pods_rps": found.refused.by_pods,
        "answers_429_rps": found.refused.answers,
    }


def _pods(pods: Iterable[Pod]) -> list[Json]:
    return [{"namespace": p.namespace, "name": p.name, "ready": p.serving} for p in pods]


def _ref(ref: Ref) -> Json:
    return {"kind": ref.kind, "namespace": ref.namespace, "name": ref.name}
