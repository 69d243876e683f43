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

_CLUSTER_TAG = r"^cluster(\.(.+);)"
"""As Istio's own: names of clusters hold dots, so that Envoy's rule would cut them short."""


_XDS = "xds"
"""The cluster through which an Envoy reaches the control plane."""


def config_source() -> Obj:
    """Where resources come from: `discovery` answers as soon as there is something new."""
    return {
        "api_config_source": {
            "api_type": "REST",
            "transport_api_version": "V3",
            "cluster_names": [_XDS],
            "refresh_delay": "0.004s",
            "request_timeout": "60s",
        },
        "resource_api_version": "V3",
    }


def bootstrap(proxy: Proxy, admin: Path, xds: Path) -> Obj:
    """The bootstrap of one proxy; both paths are unix sockets that only their owner may use."""
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
            "cds_config": config_source(),
            "lds_config": config_source(),
        },
        "static_resources": {"clusters": [_xds_cluster(xds)]},
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


def _xds_cluster(xds: Path) -> Obj:
    endpoint = {"endpoint": {"address": {"pipe": {"path": str(xds)}}}}
    return {
        "name": _XDS,
        "alt_stat_name": f"{_XDS};",
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": _XDS, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
