"""What an Envoy is started with: admin socket, sources of its configuration, stats."""

from __future__ import annotations

from pathlib import Path

from meshtui.lab.contract import Obj
from meshtui.lab.control.telemetry import BUCKETS, STATS_PREFIX
from meshtui.lab.control.world import Proxy

_READABLE = (
    r"/(|certs|clusters|config_dump|contention|help|init_dump|listeners|memory|ready|runtime"
    r"|server_info|stats|stats/prometheus|stats/recentlookups)(\?.*)?"
)
"""What an operator reads; nothing that changes or ends the proxy."""

_CLUSTER_TAG = r"^cluster\.((outbound\|\d*\|[^|]*\|.+?\.svc\.cluster\.local|[^.]+)\.)"
"""Cluster names hold dots, so that Envoy's own rule would cut them short."""


def bootstrap(proxy: Proxy, admin: Path, clusters: Path, listeners: Path) -> Obj:
    """The bootstrap of one proxy; `admin` is the path of a unix socket only its owner may use."""
    role = "router" if proxy.gateway else "sidecar"
    app = proxy.labels.get("app", proxy.workload)
    return {
        "node": {
            "id": f"{role}~{proxy.ip}~{proxy.pod}.{proxy.namespace}~"
            f"{proxy.namespace}.svc.cluster.local",
            "cluster": f"{app}.{proxy.namespace}",
            "metadata": {
                "NAME": proxy.pod,
                "NAMESPACE": proxy.namespace,
                "WORKLOAD_NAME": proxy.workload,
                "LABELS": dict(proxy.labels),
                "INSTANCE_IPS": proxy.ip,
                "CLUSTER_ID": "Kubernetes",
                "MESH_ID": "cluster.local",
            },
        },
        "admin": {
            "address": {"pipe": {"path": str(admin), "mode": 0o600}},
            "allow_paths": [{"safe_regex": {"regex": _READABLE}}],
        },
        "dynamic_resources": {
            "cds_config": _files(clusters),
            "lds_config": _files(listeners),
        },
        "cluster_manager": {
            "upstream_bind_config": {"source_address": {"address": proxy.ip, "port_value": 0}}
        },
        "stats_flush_interval": "1s",
        "stats_config": {
            "stats_tags": [{"tag_name": "cluster_name", "regex": _CLUSTER_TAG}],
            "histogram_bucket_settings": [
                {"match": {"prefix": STATS_PREFIX}, "buckets": list(BUCKETS)}
            ],
        },
    }


def _files(path: Path) -> Obj:
    return {"path_config_source": {"path": str(path)}, "resource_api_version": "V3"}
