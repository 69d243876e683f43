"""`graph -o json`: services with their rules, and every call to them once.

    {"time", "source", "window_s", "proxies_read", "proxies_failed", "problems",
     "services": [{"namespace", "name", "kind", "host", "state", "rules": [as in `services`]}],
     "calls": [{"caller": {"namespace", "workload", "gateway", "service", "version"},
                "service": {"namespace", "name"}, "version", "rps", "requests", "error_ratio",
                "codes", "flags", "protocols", "mutual_tls", "counted_by", "state", "because"}]}

`kind` is "Service", "ServiceEntry" or null. A caller that telemetry does not name has nulls.
`version` is null where nothing was sent or nothing is known, "unknown" for what reached no pod.
`mutual_tls` is the part of the requests, 0 to 1. A number that is not known is null.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from meshtui.cli.documents.sample import measured_json
from meshtui.cli.documents.services import rounded, rule_document, signals_document
from meshtui.mesh.graph import Callee, Caller, Edge
from meshtui.mesh.signals import Sample

_COUNTED = ("rps", "requests", "error_ratio", "codes", "flags")


def graph_json(
    time: float, sample: Sample | None, callees: Sequence[Callee], unread: Sequence[str] = ()
) -> dict[str, Any]:
    return {
        **measured_json(time, sample),
        "services": [_service(callee) for callee in callees],
        "calls": list(_calls(callees)),
        "unread": list(unread),
    }


def _service(callee: Callee) -> dict[str, Any]:
    view = callee.view
    routes = view.routes if view else ()
    return {
        "namespace": callee.key.namespace,
        "name": callee.key.name,
        "kind": callee.kind or None,
        "host": view.service.host if view else callee.key.name,
        "state": view.state if view else None,
        "rules": [rule_document(route, ordinary=route == view.route) for route in routes if view],
    }


def _calls(callees: Iterable[Callee]) -> Iterable[dict[str, Any]]:
    for callee in callees:
        for edge in callee.edges:
            yield {
                "caller": _caller(edge.caller),
                "service": {"namespace": callee.key.namespace, "name": callee.key.name},
                "version": edge.version or None,
                **_signals(edge),
            }


def _caller(caller: Caller) -> dict[str, Any]:
    namespace, workload = caller.client
    return {
        "namespace": namespace or None,
        "workload": workload or None,
        "gateway": caller.gateway,
        "service": caller.row.service.name if caller.row else None,
        "version": caller.row.version if caller.row else None,
    }


def _signals(edge: Edge) -> dict[str, Any]:
    found = signals_document(edge.signals)
    counted = None if edge.signals is None else "server" if edge.by_server else "caller"
    return {
        **{name: found[name] for name in _COUNTED},
        "protocols": list(edge.protocols),
        "mutual_tls": rounded(edge.mutual_tls, 6),
        "counted_by": counted,
        "state": edge.state,
        "because": edge.why or None,
    }
