"""The contract's JSON of `services`: each with its rules, versions and signals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from meshtui.changes.shape import rule_json
from meshtui.cli.documents.sample import measured_json
from meshtui.mesh.carrying import Route
from meshtui.mesh.connections import Connections
from meshtui.mesh.counted_by import caller_side, server_side
from meshtui.mesh.model import VirtualService
from meshtui.mesh.rules import ANY_REQUEST
from meshtui.mesh.signals import Sample, Signals
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView


def services_json(
    time: float, sample: Sample | None, views: Iterable[ServiceView]
) -> dict[str, Any]:
    """`services -o json`: a number that is not known is null."""
    return {
        **measured_json(time, sample),
        "services": [service_document(view, sample) for view in views],
    }


def service_document(view: ServiceView, sample: Sample | None = None) -> dict[str, Any]:
    """`counted_by` says who counted the callers' numbers, and inside of `server` the servers'."""
    return {
        "namespace": view.key.namespace,
        "name": view.key.name,
        "host": view.service.host,
        "state": view.state,
        "counted_because": view.counted_because or None,
        "counted_by": caller_side(view, None, sample),
        "unread": list(view.unread),
        **signals_document(view.caller),
        "server": {
            **signals_document(view.server),
            "counted_by": server_side(view, None, sample),
        },
        "tcp": connections_document(view.tcp),
        "rules": [rule_document(route, ordinary=route == view.route) for route in view.routes],
        "versions": [_version(version, view, sample) for version in view.versions],
    }


def _is_virtual_service(route: Route) -> bool:
    return isinstance(route.service, VirtualService)


def rule_document(route: Route, *, ordinary: bool) -> dict[str, Any]:
    """A rule with whose traffic it carries; `unused` says why it carries none."""
    return {
        **rule_json(route.rule),
        **_narrowed(route),
        "virtual_service": str(route.service.ref) if _is_virtual_service(route) else None,
        "owner": str(route.service.ref),
        "list": route.rule.place,
        "ordinary": ordinary,
        "callers": None if route.unused else route.whose,
        "unused": route.unused or None,
    }


def _narrowed(route: Route) -> dict[str, Any]:
    """The match of a delegate's rule as the proxies have it, with its root's."""
    if not route.narrowed:
        return {}
    return {"match": None if route.narrowed == ANY_REQUEST else route.narrowed}


def _version(version: VersionView, view: ServiceView, sample: Sample | None) -> dict[str, Any]:
    """`unknown_because` is of the first of its numbers that are null, all or its quantiles."""
    pods_known = view.pods_known
    return {
        "version": version.version,
        "subset": version.subset or None,
        "host": version.host or None,
        "weight": version.weight,
        "share": rounded(version.share, 6),
        "pods": version.pods if pods_known and version.pods_known else None,
        "pods_ready": version.pods_ready if pods_known and version.pods_known else None,
        **signals_document(version.caller),
        "state": version.state,
        "counted_by": caller_side(view, version, sample),
        "unknown_because": version.unknown_because or version.untimed or None,
        "pods_because": version.pods_words or None,
        "slow_because": version.slow or None,
        "undecided": version.undecided or None,
        "server": {
            **signals_document(version.server),
            "counted_by": server_side(view, version, sample),
        },
        "tcp": connections_document(version.tcp),
    }


def connections_document(connections: Connections | None) -> dict[str, Any] | None:
    """Connections that are no HTTP; null where none were counted. Bytes sent are the server's."""
    if connections is None:
        return None
    return {
        "connections": rounded(connections.opened, 3),
        "connections_per_s": rounded(connections.opened_s, 3),
        "closed_per_s": rounded(connections.closed_s, 3),
        "sent_bytes_per_s": rounded(connections.sent_s, 1),
        "received_bytes_per_s": rounded(connections.received_s, 1),
    }


def signals_document(signals: Signals | None) -> dict[str, Any]:
    """The caller's or the server's numbers; all null where nothing is known."""
    if signals is None:
        keys = ("rps", "error_ratio", "p50_ms", "p95_ms", "p99_ms", "requests", "flags", "codes")
        return dict.fromkeys(keys)
    return {
        "rps": rounded(signals.rps, 3),
        "error_ratio": rounded(signals.error_ratio, 6),
        "p50_ms": rounded(signals.p50_ms, 3),
        "p95_ms": rounded(signals.p95_ms, 3),
        "p99_ms": rounded(signals.p99_ms, 3),
        "requests": rounded(signals.requests, 3),
        "flags": {flag: rounded(count, 3) for flag, count in signals.flags.items()},
        "codes": {code: rounded(count, 3) for code, count in signals.codes.items()},
    }


def rounded(value: float | None, digits: int) -> float | int | None:
    if value is None:
        return None
    rounded = round(value, digits)
    return int(rounded) if rounded == int(rounded) else rounded
