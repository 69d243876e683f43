"""A load as JSON: times are milliseconds, null where nothing was answered."""

from __future__ import annotations

from typing import Any

from meshtui.operations.request.load import LoadTarget, Reached
from meshtui.operations.request.load_plan import LoadPlan, Tally

BARS = 50


def load_json(
    tally: Tally, plan: LoadPlan, target: LoadTarget, reached: tuple[Reached, ...]
) -> dict[str, Any]:
    """`load -o json`. `errors` are requests without an answer, by what went wrong."""
    pod = target.pod
    quantiles = (("p50_ms", 0.5), ("p90_ms", 0.9), ("p95_ms", 0.95), ("p99_ms", 0.99))
    return {
        "from": {
            "namespace": pod.namespace,
            "pod": pod.name,
            "workload": pod.workload or None,
            "container": target.container,
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
        **{name: tally.quantile_ms(q) for name, q in quantiles},
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
            for one in reached
        ],
    }
