"""Kubernetes Events: what tells everybody else who looks at an object what meshtui did to it."""

from __future__ import annotations

import socket
from datetime import UTC, datetime

from meshtui.errors import MeshtuiError
from meshtui.kube.cluster import Cluster
from meshtui.kube.resources import Resource
from meshtui.mesh.model import Json
from meshtui.mesh.text import clean

EVENTS = Resource("events.k8s.io", "v1", "events", "Event")

CONTROLLER = "meshtui"

# https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
_NOTE_BYTES = 1024
_WORD = 128


async def record(
    cluster: Cluster,
    regarding: Json,
    *,
    action: str,
    reason: str,
    note: str,
    warning: bool = False,
    at: datetime | None = None,
) -> bool:
    """Put an Event on the object `regarding` (raw JSON with its kind); False where it cannot be.

    Never raises one of meshtui's errors: an Event is a courtesy, the change it tells of is done.
    `action` and `reason` are words in CamelCase.
    """
    event = _event(regarding, action, reason, note, warning, at or datetime.now(UTC))
    path = EVENTS.path(event["metadata"]["namespace"])
    try:
        await cluster.send("POST", path, event, timeout=5.0)
    except MeshtuiError:
        return False
    return True


def _event(
    regarding: Json, action: str, reason: str, note: str, warning: bool, at: datetime
) -> Json:
    meta = regarding.get("metadata") or {}
    namespace = meta.get("namespace") or "default"
    reference = {
        "apiVersion": regarding.get("apiVersion"),
        "kind": regarding.get("kind"),
        "namespace": namespace,
        **{key: meta[key] for key in ("name", "uid", "resourceVersion") if meta.get(key)},
    }
    return {
        "apiVersion": EVENTS.api_version,
        "kind": EVENTS.kind,
        "metadata": {"generateName": f"{CONTROLLER}-", "namespace": namespace},
        "eventTime": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "reportingController": CONTROLLER,
        "reportingInstance": socket.gethostname()[:_WORD] or CONTROLLER,
        "action": action[:_WORD],
        "reason": reason[:_WORD],
        "type": "Warning" if warning else "Normal",
        "regarding": reference,
        "note": clean(note).encode()[:_NOTE_BYTES].decode("utf-8", "ignore"),
    }
