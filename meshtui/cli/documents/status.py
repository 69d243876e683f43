"""`status -o json`: the sync state of each proxy as data."""

from __future__ import annotations

from typing import Any

from meshtui.cli.documents.times import iso
from meshtui.diagnosis.proxy_sync import ProxyRow, Refusal, counts_of
from meshtui.mesh.syncz import TYPES, ProxySync, TypeSync
from meshtui.operations.look.proxy_sync import Istiod, MeshSync

Json = dict[str, Any]


def status_json(found: MeshSync) -> Json:
    """`source`: "istiod" where one has answered, else "proxies". `counts` is by state."""
    return {
        "time": iso(found.time),
        "source": "istiod" if found.by_istiod else "proxies",
        "trouble": found.trouble or None,
        "istiods": [_istiod(one) for one in found.istiods],
        "counts": {_word(state): number for state, number in counts_of(found.rows).items()},
        "proxies": [proxy_json(row) for row in found.rows],
    }


def _istiod(one: Istiod) -> Json:
    return {"name": one.name, "clients": one.clients, "trouble": one.trouble or None}


def proxy_json(row: ProxyRow) -> Json:
    """`in_sync` is null where it is not known; a type that a proxy did not ask for is null."""
    pod, sync = row.pod, row.sync
    return {
        "namespace": row.namespace,
        "name": row.name,
        "kind": row.kind,
        "workload": pod.workload if pod else None,
        "node": (pod.node or None) if pod else None,
        "version": row.version or None,
        "istio_version": (sync.istio_version or None) if sync else None,
        "istiod": (sync.istiod or None) if sync else None,
        "state": _word(row.state),
        "in_sync": row.in_sync,
        "why": row.why or None,
        "types": _types(sync) if sync else None,
        "refused": [_refusal(one) for one in row.refused],
    }


def _word(state: str) -> str:
    return state.replace(" ", "_")


def _types(sync: ProxySync) -> Json:
    names = dict.fromkeys((*TYPES, *(one.type for one in sync.types)))
    return {name: _type(sync.of(name)) for name in names}


def _type(one: TypeSync | None) -> Json | None:
    if one is None:
        return None
    return {
        "state": one.state,
        "sent_version": one.sent or None,
        "acked_version": one.acked or None,
        "sent": _time(one.sent_at),
        "acked": _time(one.acked_at),
    }


def _time(at: float | None) -> str | None:
    return None if at is None else iso(at)


def _refusal(one: Refusal) -> Json:
    """`still` is null where it is not known whether the proxy refuses it now; `sent` is when istiod
    sent it last."""
    return {
        "type": one.type,
        "words": one.words or None,
        "still": one.still,
        "sent": _time(one.at),
    }
