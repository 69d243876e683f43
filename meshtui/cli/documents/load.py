"""A load as JSON: times are milliseconds, null where nothing was answered."""

from __future__ import annotations

from typing import Any

from meshtui.operations.request.breaker import BreakerRow
from meshtui.operations.request.load_words import QUANTILES
from meshtui.operations.request.loading import LoadState

BARS = 50


def load_json(state: LoadState) -> dict[str, Any]:
    """`load -o json`. `errors` are requests without an answer, by what went wrong. In `breaker`
    null is what the caller's proxy does not keep; counts are of the time since the load began.
    """
    tally, plan, target = state.tally, state.ready.plan, state.ready.target
    pod = target.pod
    return {
        "from": {
            "namespace": pod.namespace,
            "pod": pod.name,
            "workload": pod.workload or None,
            "container": target.container or None,
            "by": target.way.name,
        },
        "asked": {
            "rps": plan.rate,
            "seconds": plan.seconds,
            "concurrency": plan.connections,
            "requests": plan.requests,
        },
        "requests": tally.requests,
        "seconds": tally.seconds,
        "rps": tally.rate,
        "codes": {str(code): n for code, n in sorted(tally.codes.items())},
        "errors": dict(sorted(tally.errors.items())),
        "late": tally.late,
        **{f"{name}_ms": tally.quantile_ms(q) for q, name in QUANTILES},
        "histogram": [
            {"from_ms": low, "to_ms": high, "requests": n} for low, high, n in tally.histogram(BARS)
        ],
        "proxy": [
            {
                "service": str(one.service),
                "workload": one.workload or None,
                "version": one.version,
                "requests": one.signals.requests,
                "codes": dict(one.signals.codes),
                "flags": dict(one.signals.flags),
            }
            for one in state.counted.reached
        ],
        "breaker": [_breaker_json(row) for row in state.counted.breaker],
    }


def _breaker_json(row: BreakerRow) -> dict[str, Any]:
    return {
        "cluster": row.name.raw,
        "host": row.name.host,
        "subset": row.name.subset or None,
        "port": row.name.port,
        "limits": dict(row.limits),
        "overflow": None if row.overflows is None else dict(row.overflows),
        "open": None if row.full is None else list(row.full),
        "was_open": list(row.was_full),
        "outlier_detection": row.detection or None,
        "endpoints": row.endpoints,
        "ejected": row.ejected,
        "ejections": row.ejections,
        "attempts": row.attempts,
    }
