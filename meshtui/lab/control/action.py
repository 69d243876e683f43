"""What a rule does with a request: the clusters it goes to and how, as Envoy's RouteAction."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from meshtui.lab.contract import Obj
from meshtui.lab.control import durations, headers
from meshtui.lab.control.hosts import qualify
from meshtui.lab.control.match import plain, regex
from meshtui.lab.control.retry import retry_policy
from meshtui.lab.control.world import World

Rule = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Where:
    """Where a rule is read: host names and ports of its destinations depend on it."""

    world: World
    namespace: str
    port: int


def cluster_name(host: str, port: int, subset: str = "") -> str:
    return f"outbound|{port}|{subset}|{host}"


def cluster_of(destination: Rule, where: Where) -> str:
    """The cluster of a destination; a service with one port needs no port number."""
    host = qualify(str(destination["host"]), where.namespace)
    number = (destination.get("port") or {}).get("number")
    if number is None:
        service = where.world.service(host)
        alone = service is not None and len(service.ports) == 1
        number = service.ports[0].number if service and alone else where.port
    return cluster_name(host, int(number), str(destination.get("subset") or ""))


def route_action(rule: Rule, where: Where) -> Obj:
    """Envoy's `route` and the header operations of a rule that forwards."""
    destinations = rule["route"]
    operations = headers.operations(rule.get("headers"))
    alone = destinations[0] if len(destinations) == 1 else None
    action: Obj
    if alone is not None:
        operations = headers.merged(operations, headers.operations(alone.get("headers")))
        action = {"cluster": cluster_of(alone["destination"], where)}
    else:
        action = {"weighted_clusters": {"clusters": _weighted(destinations, where)}}
    authority = host_rewrite(rule, alone)
    policy = retry_policy(rule.get("retries"))
    mirrors = _mirrors(rule, where)
    return {
        "route": {
            **action,
            "timeout": durations.envoy(rule.get("timeout") or "0s"),
            **({"retry_policy": policy} if policy else {}),
            **({"request_mirror_policies": mirrors} if mirrors else {}),
            **_path_rewrite(rule.get("rewrite") or {}),
            **({"host_rewrite_literal": plain(authority)} if authority else {}),
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
    """istiod leaves destinations without weight out."""
    clusters = []
    for entry in destinations:
        weight = int(entry.get("weight") or 0)
        if weight < 0:
            raise ValueError(f"weight {weight}")
        if weight:
            name = cluster_of(entry["destination"], where)
            own = headers.operations(entry.get("headers"))
            clusters.append({"name": name, "weight": weight, **own})
    if not clusters:
        raise ValueError("the weights sum to 0")
    return clusters


def _mirrors(rule: Rule, where: Where) -> list[Obj]:
    """Both spellings; a mirror of 0 % is none."""
    single = rule.get("mirror")
    policies = [
        _mirror(m["destination"], m.get("percentage"), where) for m in rule.get("mirrors") or ()
    ]
    if single:
        older = rule.get("mirror_percent", rule.get("mirrorPercent"))
        share = rule.get("mirrorPercentage") or ({"value": older} if older is not None else None)
        policies.append(_mirror(single, share, where))
    return [policy for policy in policies if policy]


def _mirror(destination: Rule, percentage: Rule | None, where: Where) -> Obj:
    value = 100.0 if percentage is None else float(percentage.get("value", 0))
    if not 0 <= value <= 100:
        raise ValueError(f"not a percentage: {value}")
    if not value:
        return {}
    share = (
        {"numerator": 100, "denominator": "HUNDRED"}
        if value == 100
        else {"numerator": round(value * 10_000), "denominator": "MILLION"}
    )
    cluster = cluster_of(destination, where)
    return {
        "cluster": cluster,
        "runtime_fraction": {"default_value": share},
        "trace_sampled": False,
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
