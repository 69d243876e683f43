"""Envoys whose answers would drive a terminal, in place of the admin interface of every proxy."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meshtui.envoy import proxy
from tests.meshserver import EVIL, Obj

HOST = "reviews.bookinfo.svc.cluster.local"
TYPE = "type.googleapis.com/envoy.extensions.filters"
_MEANT = {"@type", "timeout", "per_try_timeout", "fixed_delay", "denominator", "num_retries"}
"""What says of which kind a thing is, or how long it takes: with anything behind, it is none."""


def evil(raw: Any, key: str = "") -> Any:
    """With `EVIL` in every text and every name of a field that is a name from outside."""
    if isinstance(raw, dict):
        return {name: evil(value, name) for name, value in raw.items()}
    if isinstance(raw, list):
        return [evil(value, key) for value in raw]
    if not isinstance(raw, str) or key in _MEANT:
        return raw
    parts = raw.split("|")  # a cluster's name is still one, of an evil subset and host
    return "|".join([*parts[:2], *(part + EVIL for part in parts[2:])]) if parts[1:] else raw + EVIL


def cluster(subset: str) -> str:
    return f"outbound|9080|{subset}|{HOST}"


ROUTE: Obj = {
    "name": "all",
    "match": {
        "prefix": "/r",
        "headers": [
            {"name": "end-user", "string_match": {"exact": "jason"}},
            {"name": "x", "string_match": {"safe_regex": {"regex": "a.*"}}, "invert_match": True},
        ],
        "query_parameters": [{"name": "q", "string_match": {"prefix": "p"}}],
    },
    "route": {
        "weighted_clusters": {
            "clusters": [
                {
                    "name": cluster("v1"), "weight": 90,
                    "request_headers_to_add": [{"header": {"key": "k", "value": "v"}}],
                    "response_headers_to_remove": ["gone"],
                },
                {"name": cluster("v3"), "weight": 10},
            ]
        },
        "timeout": "2.5s",
        "prefix_rewrite": "/new",
        "host_rewrite_literal": "other",
        "retry_policy": {"retry_on": "5xx", "num_retries": 3, "per_try_timeout": "1s"},
        "request_mirror_policies": [{"cluster": cluster("v2")}],
    },
    "metadata": {
        "filter_metadata": {
            "istio": {
                "config": "/apis/networking.istio.io/v1/namespaces/bookinfo/virtual-service/reviews"
            }
        }
    },
    "typed_per_filter_config": {
        "envoy.filters.http.fault": {
            "@type": f"{TYPE}.http.fault.v3.HTTPFault",
            "delay": {"fixed_delay": "7s", "percentage": {"numerator": 100}},
            "abort": {"grpc_status": 14, "http_status": 503, "percentage": {"numerator": 100}},
            "headers": [{"name": "h", "string_match": {"exact": "v"}}],
        }
    },
}  # fmt: skip
OTHERS: list[Obj] = [
    {"match": {"path": "/a"}, "redirect": {"host_redirect": "h", "path_redirect": "/p"}},
    {
        "match": {"prefix": "/b"},
        "direct_response": {"status": 503, "body": {"inline_string": "no"}},
    },
    {"match": {"prefix": "/c"}, "route": {"cluster_header": "to"}},
    {"match": {"prefix": "/"}, "route": {"cluster": cluster("")}},
]
TABLE: Obj = {
    "name": "9080",
    "virtual_hosts": [
        {"name": f"{HOST}:9080", "domains": ["reviews", HOST], "routes": [ROUTE, *OTHERS]}
    ],
}
CLUSTER: Obj = {
    "name": cluster("v3"),
    "type": "EDS",
    "alt_stat_name": "reviews_v3",
    "circuit_breakers": {"thresholds": [{"max_requests": 10}]},
    "outlier_detection": {"consecutive_5xx": 5},
    "metadata": ROUTE["metadata"],
}
ENDPOINTS: Obj = {
    "name": cluster("v3"),
    "host_statuses": [
        {
            "address": {"socket_address": {"address": "10.1.0.7", "port_value": 9080}},
            "health_status": {"eds_health_status": "HEALTHY", "failed_outlier_check": True},
            "stats": [{"name": "rq_active", "value": "7"}],
            "hostname": "h",
            "locality": {"region": "r", "zone": "z"},
        }
    ],
}
LISTENER: Obj = {
    "name": "0.0.0.0_9080",
    "address": {"socket_address": {"address": "0.0.0.0", "port_value": 9080}},
    "traffic_direction": "OUTBOUND",
    "filter_chains": [
        {
            "filter_chain_match": {
                "server_names": ["sni"], "transport_protocol": "tls",
                "application_protocols": ["h2"],
                "prefix_ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 8}],
            },
            "filters": [
                {
                    "typed_config": {
                        "@type": f"{TYPE}.network.tcp_proxy.v3.TcpProxy", "cluster": cluster("v3")
                    }
                }
            ],
        },
        {
            "filters": [
                {
                    "typed_config": {
                        "@type": f"{TYPE}.network.http_connection_manager.v3.HttpConnectionManager",
                        "rds": {"route_config_name": "9080"},
                    }
                }
            ]
        },
    ],
}  # fmt: skip
STATS = "cluster.reviews_v3.upstream_rq_pending_overflow"
ANSWERS: dict[str, Obj] = {
    "/config_dump?resource=dynamic_route_configs": {"configs": [{"route_config": TABLE}]},
    "/config_dump?resource=static_route_configs": {"configs": [{"route_config": TABLE}]},
    "/config_dump?resource=dynamic_active_clusters": {"configs": [{"cluster": CLUSTER}]},
    "/config_dump?resource=dynamic_listeners": {
        "configs": [{"name": "l", "active_state": {"listener": LISTENER}}]
    },
    "/config_dump?include_eds": {"configs": [{"dynamic_route_configs": [{"route_config": TABLE}]}]},
    "/clusters": {"cluster_statuses": [ENDPOINTS]},
    "/stats": {"stats": [{"name": STATS, "value": 31}]},
    "/server_info": {"version": "9e55/1.36.0/Clean/RELEASE/BoringSSL"},
}
"""What a proxy says, before `evil`."""


async def answer(_: object, namespace: str, pod: str, path: str, **_more: Any) -> bytes:
    """Both: texts that have something behind, and names that are still found."""
    tame = next(found for begin, found in ANSWERS.items() if path.startswith(begin))
    (name, entries), *_others = tame.items()
    if not isinstance(entries, list):
        return json.dumps(tame).encode()
    found = {name: [*evil(entries), *entries], "x" + EVIL: EVIL}
    return json.dumps(found, ensure_ascii=False).encode()


@pytest.fixture
def hostile_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "admin_get", answer)
