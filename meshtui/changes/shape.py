"""Rules as the contract's JSON shows them, and changes as people read them."""

from __future__ import annotations

from typing import Any

from meshtui.changes.json_copy import plain
from meshtui.changes.line_diff import unified
from meshtui.mesh import read
from meshtui.mesh.model import Destination, Fault, Json, Mirror, Retries, Rule
from meshtui.mesh.quantity import number


def rule_json(rule: Rule) -> dict[str, Any]:
    """One rule: times in seconds, percentages 0 to 100, what is not set is null."""
    return {
        "name": rule.name or None,
        "index": rule.index,
        "match": rule.match_text if rule.matches else None,
        "destinations": [_destination(d) for d in rule.destinations],
        "mirrors": [_mirror(m) for m in rule.mirrors],
        "fault": _fault(rule.fault),
        "timeout": rule.timeout_s,
        "retries": _retries(rule.retries),
    }


def _destination(destination: Destination) -> dict[str, Any]:
    return {
        "host": destination.host,
        "subset": destination.subset or None,
        "weight": destination.weight,
    }


def _mirror(mirror: Mirror) -> dict[str, Any]:
    return {
        "host": mirror.host,
        "subset": mirror.subset or None,
        "percent": number(mirror.percent),
    }


def _fault(fault: Fault | None) -> dict[str, Any] | None:
    if fault is None:
        return None
    delay = {"seconds": number(fault.delay_s), "percent": number(fault.delay_percent)}
    abort = {
        "http_status": fault.abort_http or None,
        "grpc_status": fault.abort_grpc or None,
        "percent": number(fault.abort_percent),
    }
    return {
        "delay": delay if fault.delay_s else None,
        "abort": abort if fault.abort_http or fault.abort_grpc else None,
    }


def _retries(retries: Retries | None) -> dict[str, Any] | None:
    if retries is None:
        return None
    return {
        "attempts": retries.attempts,
        "per_try_timeout": retries.per_try_timeout_s,
        "retry_on": retries.retry_on or None,
    }


def policy_json(raw: Json) -> dict[str, Any]:
    """A DestinationRule: the host's traffic policy, and each subset's labels and policy."""
    spec = read.obj(raw, "spec")
    return {
        "host": read.text(spec, "host"),
        "policy": plain(read.obj(spec, "trafficPolicy")),
        "subsets": {
            read.text(subset, "name"): {
                "labels": dict(read.labels(subset, "labels")),
                "policy": plain(read.obj(subset, "trafficPolicy")),
            }
            for subset in read.objects(spec, "subsets")
        },
    }


def yaml_diff(before: Json, after: Json, context: int = 3) -> tuple[str, ...]:
    """A unified diff of two specs as YAML, without file names."""
    old, new = (_spec_lines(spec) for spec in (before, after))
    return tuple(unified(old, new, context))


def _spec_lines(spec: Json) -> list[str]:
    from meshtui.changes.kube_yaml import dump_yaml

    return dump_yaml({"spec": plain(spec)}, allow_unicode=True).splitlines()
