"""What the lab sends in the form in which it was recorded.

All that is changed is named here: what an Envoy leaves out of its dump because it is the default,
and what the lab does in another way than istiod.
"""

from __future__ import annotations

import re
from typing import Any

Obj = dict[str, Any]

UNRECORDED = frozenset({"decorator", "include_request_attempt_count", "track_remaining"})
"""What the recording leaves out."""

LAB_ONLY = frozenset({"request_headers_mutations", "lab.peer"})
"""What the lab adds: a mark by which its applications know a mirror's copy, and who answers."""

BALANCED = frozenset(
    {"type", "lb_policy", "least_request_lb_config", "round_robin_lb_config",
     "ring_hash_lb_config", "maglev_lb_config", "load_assignment"}
)  # fmt: skip
"""What differs at a headless Service: the lab's applications call no pod by its address, so that
any of them is the one that they mean."""

INLINED = {"STATIC": "EDS"}
"""The lab sends endpoints inside the cluster; istiod has them asked for."""

_DEFAULTS: dict[str, tuple[Any, ...]] = {
    "response_code": ("MOVED_PERMANENTLY",),
    "denominator": ("HUNDRED",),
    "numerator": (0,),
    "append_action": ("APPEND_IF_EXISTS_OR_ADD",),
    "lb_policy": ("ROUND_ROBIN",),
    "health_status": ("HEALTHY",),
}
_DURATION = re.compile(r"\d+(\.\d+)?s")
_CLUSTER_FACTS = (
    "name", "type", "lb_policy", "ring_hash_lb_config", "maglev_lb_config", "connect_timeout",
    "least_request_lb_config", "round_robin_lb_config",
    "circuit_breakers", "outlier_detection", "dns_lookup_family",
)  # fmt: skip


def plain(value: Any) -> Any:
    """Without what is not recorded, and without defaults; durations as numbers of seconds."""
    if isinstance(value, dict):
        return {
            key: plain(part)
            for key, part in value.items()
            if key not in UNRECORDED | LAB_ONLY and part not in _DEFAULTS.get(key, ())
        }
    if isinstance(value, list):
        return [plain(part) for part in value]
    if isinstance(value, str) and _DURATION.fullmatch(value):
        return float(value[:-1])
    return value


def virtual_host(host: Obj) -> Obj:
    """Name, domains and routes; addresses of the recorded cluster are not in the recording."""
    kept = [d for d in host["domains"] if not re.fullmatch(r"10(\.\d+){3}", d)]
    return plain({**host, "domains": kept, "routes": host.get("routes", [])})  # type: ignore[no-any-return]


def cluster(made: Obj) -> Obj:
    istio = made["metadata"]["filter_metadata"]["istio"]
    marks = {key: istio[key] for key in ("config", "subset") if key in istio}
    found = {key: made[key] for key in _CLUSTER_FACTS if key in made}
    found["type"] = INLINED.get(made["type"], made["type"])
    if made["type"] == "STRICT_DNS":
        found["load_assignment"] = made["load_assignment"]
    return plain({**found, **({"istio": marks} if marks else {})})  # type: ignore[no-any-return]


def endpoints(made: Obj) -> list[str]:
    """The addresses of a cluster; a name that stands for this machine as it was resolved."""
    groups = (made.get("load_assignment") or {}).get("endpoints", [])
    found = [e["endpoint"]["address"]["socket_address"] for g in groups for e in g["lb_endpoints"]]
    return sorted(
        f"{e['address'].replace('localhost', '127.0.0.1')}:{e['port_value']}" for e in found
    )


def listener(made: Obj) -> Obj:
    """A listener's filter chains: what each takes and where it sends it."""
    chains = [_chain(chain) for chain in made["filter_chains"]]
    default = made.get("default_filter_chain")
    if default:
        chains.append({"default": True, **_chain(default)})
    return {"name": made["name"], "filter_chains": chains}


def _chain(chain: Obj) -> Obj:
    config = chain["filters"][0]["typed_config"]
    taken = {"match": chain.get("filter_chain_match") or None}
    if "rds" in config:
        return {**taken, "http": config["rds"]["route_config_name"]}
    target = {key: config[key] for key in ("cluster", "weighted_clusters") if key in config}
    return {**taken, "tcp_proxy": target}
