"""What a rule does with a request: the clusters it goes to and how, as Envoy's RouteAction."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from meshtui.lab.contract import SHADOW_HEADER, Obj
from meshtui.lab.control import durations, headers
from meshtui.lab.control.destinationrules import Destination
from meshtui.lab.control.fault import fraction
from meshtui.lab.control.match import plain, regex
from meshtui.lab.control.policy import destination_hash, hash_policy
from meshtui.lab.control.retry import retry_policy
from meshtui.lab.control.world import Service

Rule = Mapping[str, Any]
_UINT32 = 0xFFFF_FFFF
UNKNOWN = "UnknownService"
"""The cluster, which nobody has, of a destination that may not be meant."""


@dataclass(frozen=True, slots=True)
class Where:
    """Where a rule is read: the services and DestinationRules its destinations may mean."""

    service: Callable[[str], Service | None]
    rule: Callable[[str], Destination | None]
    port: int


def cluster_name(host: str, port: int, subset: str = "") -> str:
    return f"outbound|{port}|{subset}|{host}"


def cluster_of(destination: Rule, where: Where) -> str:
    """The cluster of a destination; a service with one port needs no port number."""
    host = str(destination["host"])
    if not host:
        return UNKNOWN
    number = (destination.get("port") or {}).get("number")
    service = where.service(host)
    if service is not None and service.alias_of:
        host = service.alias_of
    if number is None:
        alone = service is not None and len(service.ports) == 1
        number = service.ports[0].number if service and alone else where.port
    return cluster_name(host, int(number), str(destination.get("subset") or ""))


def route_action(rule: Rule, where: Where) -> Obj:
    """Envoy's `route` and the header operations of a rule that forwards."""
    destinations = rule["route"] if rule.get("route") else []
    operations = headers.operations(rule.get("headers"))
    alone = destinations[0] if len(destinations) == 1 else None
    hashes = _hashes(destinations, where)
    action: Obj
    if alone is not None:
        operations = headers.merged(operations, headers.operations(alone.get("headers")))
        action = {"cluster": cluster_of(alone["destination"], where)}
    else:
        action = {"weighted_clusters": {"clusters": _weighted(destinations, where)}}
    authority = host_rewrite(rule, alone)
    policy = retry_policy(rule.get("retries"), hashed=bool(alone and hashes))
    mirrors = _mirrors(rule, where)
    timeout = durations.envoy(rule.get("timeout") or "0s")
    return {
        "route": {
            **action,
            "timeout": timeout,
            **({"retry_policy": policy} if policy else {}),
            **({"request_mirror_policies": mirrors} if mirrors else {}),
            **_path_rewrite(rule.get("rewrite") or {}),
            **({"host_rewrite_literal": plain(authority)} if authority else {}),
            **({"hash_policy": hashes} if hashes else {}),
            "max_grpc_timeout": timeout,
        },
        **operations,
    }


def host_rewrite(rule: Rule, alone: Rule | None) -> str | None:
    """`rewrite.authority`, or a Host set among the headers."""
    rewritten = (rule.get("rewrite") or {}).get("authority")
    return (
        rewritten
        or headers.host_rewrite(rule.get("headers"))
        or (headers.host_rewrite(alone.get("headers")) if alone else None)
    )


def _weighted(destinations: list[Rule], where: Where) -> list[Obj]:
    """istiod leaves destinations without weight out; it sends what is negative as it is."""
    clusters = []
    for entry in destinations:
        weight = int(entry.get("weight") or 0)
        if weight:
            authority = headers.host_rewrite(entry.get("headers"))
            clusters.append(
                {
                    "name": cluster_of(entry["destination"], where),
                    "weight": weight & _UINT32,
                    **headers.operations(entry.get("headers")),
                    **({"host_rewrite_literal": plain(authority)} if authority else {}),
                }
            )
    return clusters


def _hashes(destinations: list[Rule], where: Where) -> list[Obj]:
    """What is hashed: once for each destination that has a share and consistent hashing."""
    counted = [e for e in destinations if len(destinations) == 1 or e.get("weight")]
    found = []
    for entry in counted:
        rule = where.rule(str(entry["destination"]["host"]))
        chosen = destination_hash(rule, entry["destination"]) if rule else None
        policy = hash_policy(chosen) if chosen else None
        found += [policy] if policy else []
    return found


def _mirrors(rule: Rule, where: Where) -> list[Obj]:
    """Both spellings; a mirror of 0 % is none."""
    policies = []
    if rule.get("mirror"):
        policies.append(_mirror(rule["mirror"], _share(rule), where))
    for entry in rule.get("mirrors") or ():
        percentage = entry.get("percentage")
        share = _WHOLE if percentage is None else fraction(percentage)
        policies.append(_mirror(entry["destination"], share, where))
    return [policy for policy in policies if policy]


_WHOLE: Obj = {"numerator": 100, "denominator": "HUNDRED"}


def _share(rule: Rule) -> Obj:
    """The present field before the older ones; everything where none is given."""
    percentage = rule.get("mirrorPercentage")
    if percentage is not None:
        return fraction(percentage)
    older = rule.get("mirrorPercent", rule.get("mirror_percent"))
    return _WHOLE if older is None else {"numerator": int(older), "denominator": "HUNDRED"}


def _mirror(destination: Rule, share: Obj, where: Where) -> Obj:
    if not share["numerator"]:
        return {}
    mark = {"header": {"key": SHADOW_HEADER, "value": "1"}}
    return {
        "cluster": cluster_of(destination, where),
        "runtime_fraction": {"default_value": share},
        "trace_sampled": False,
        "disable_shadow_host_suffix_append": True,
        "request_headers_mutations": [{"append": mark}],
    }


def _path_rewrite(rewrite: Rule) -> Obj:
    by_regex = rewrite.get("uriRegexRewrite")
    if by_regex:
        pattern, text = regex(by_regex["match"]), plain(by_regex["rewrite"])
        if any(int(n) > re.compile(pattern).groups for n in re.findall(r"\\(\d)", text)):
            raise ValueError(f"{text!r} refers to a group that {pattern!r} has not")
        return {"regex_rewrite": {"pattern": {"regex": pattern}, "substitution": text}}
    uri = rewrite.get("uri")
    return {"prefix_rewrite": plain(uri)} if uri else {}
