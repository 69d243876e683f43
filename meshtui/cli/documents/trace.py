"""A trace as JSON: what is not known is null, times are seconds, percentages 0 to 100."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from meshtui.mesh.decision import Decision, Tried
from meshtui.mesh.effects import Effects, Odds
from meshtui.mesh.quantity import number
from meshtui.mesh.request import Request
from meshtui.operations.look.trace import ProxyTrace, Traced


def traced_json(traced: Traced) -> dict[str, Any]:
    """`trace -o json`: one entry in `callers` for each proxy that was asked."""
    return {
        "callers": [_seen(seen) for seen in traced.seen],
        "callers_known": traced.known,
        "left_out": traced.left_out,
        "unread": list(traced.unread),
    }


def _seen(seen: ProxyTrace) -> dict[str, Any]:
    pod = seen.pod
    return {
        "namespace": pod.namespace if pod else None,
        "pod": pod.name if pod else None,
        "workload": pod.workload if pod else None,
        "gateway": pod.gateway if pod else False,
        "request": request_json(seen.request),
        "objects": decision_json(seen.intent),
        "proxy": decision_json(seen.actual) if seen.actual else None,
        "agrees": seen.agrees,
        "differences": list(seen.differences),
        "error": seen.trouble or None,
    }


def request_json(request: Request) -> dict[str, Any]:
    """A request, with its headers in their order."""
    headers = [{"name": name, "value": value} for name, value in request.headers]
    return {**asdict(request), "headers": headers}


def decision_json(decision: Decision) -> dict[str, Any]:
    """`sure` is false where a rule above may take the request: its `holds` is null."""
    return {
        "host": decision.host or None,
        "above": [_tried(tried) for tried in decision.above],
        "taken": _tried(decision.taken) if decision.taken else None,
        "sure": decision.sure,
        "effects": _effects(decision.effects) if decision.taken else None,
        "notes": list(decision.notes),
    }


def _tried(tried: Tried) -> dict[str, Any]:
    return {
        "virtual_service": "/".join(tried.owner) if tried.owner else None,
        "rule": tried.title,
        "match": tried.match or None,
        "holds": tried.holds,
        "why": tried.why or None,
    }


def _effects(effects: Effects) -> dict[str, Any]:
    return {
        "destinations": [_odds(target) for target in effects.destinations],
        "answer": effects.answer or None,
        "rewrites": list(effects.rewrites),
        "headers": list(effects.headers),
        "mirrors": [_odds(target) for target in effects.mirrors],
        "fault": _plain(effects.fault),
        "timeout": effects.timeout_s,
        "retries": _plain(effects.retries),
    }


def _odds(target: Odds) -> dict[str, Any]:
    return {
        "host": target.host or None,
        "subset": target.subset or None,
        "port": target.port or None,
        "cluster": target.cluster or None,
        "percent": number(round(target.percent, 4)),
    }


def _plain(part: Any) -> Mapping[str, Any] | None:
    """Numbers and words of a fault or a retry policy; what is not set is null."""
    if part is None:
        return None
    return {key: value if value != "" else None for key, value in asdict(part).items()}
