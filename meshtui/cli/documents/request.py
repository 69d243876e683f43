"""A request that was sent, as JSON: what is not known is null, times are seconds."""

from __future__ import annotations

from typing import Any

from meshtui.cli.documents.trace import decision_json, request_json
from meshtui.envoy.accesslog import AccessRecord
from meshtui.mesh.model import Pod
from meshtui.operations.request.ask import Asked


def asked_json(asked: Asked) -> dict[str, Any]:
    """`request -o json`. `status` is null where no answer came, and `error` says why."""
    answer, by = asked.sent.answer, asked.answered_by
    return {
        "request": request_json(asked.traced.request) | {"id": asked.request_id},
        "from": _pod(asked.pod) | {"container": asked.sent.container or None, "by": asked.sent.by},
        "answer": {
            "status": answer.code or None,
            "headers": [{"name": name, "value": value} for name, value in answer.headers],
            "seconds": answer.seconds,
            "bytes": answer.size,
            "error": answer.trouble or None,
            "notes": list(answer.notes),
        },
        "answered_by": _pod(by.pod) | {"proxy": by.proxy} if by else None,
        "caller_log": _record(asked.sight.caller),
        "server_logs": [
            _pod(pod) | {"line": _record(record)} for pod, record in asked.sight.servers
        ],
        "logs_error": asked.sight.trouble or None,
        "foretold": decision_json(asked.decision),
        "foretold_by": "proxy" if asked.traced.actual else "objects",
        "agrees": asked.agrees,
    }


def _pod(pod: Pod) -> dict[str, Any]:
    return {
        "namespace": pod.namespace,
        "pod": pod.name,
        "workload": pod.workload or None,
        "version": pod.version or None,
    }


def _record(record: AccessRecord | None) -> dict[str, Any] | None:
    if record is None:
        return None
    return {
        "time": record.time or None,
        "status": record.code,
        "flags": list(record.flags),
        "details": record.details or None,
        "duration_ms": record.duration_ms,
        "upstream_cluster": record.upstream_cluster or None,
        "upstream_host": record.upstream_host or None,
        "route": record.route_name or None,
    }
