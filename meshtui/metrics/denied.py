"""Requests that Envoy's RBAC filters denied: 403 without a flag, which look like the program's.

Istio's proxies count them by listener, `http.inbound_0.0.0.0_9080;.rbac.denied`, whoever asked for
what; older ones have the listener in the metric's name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import Responder, Sample, Signals, by_version
from meshtui.metrics.exposition import number_of

FILTER = r"rbac\.denied"
"""Of the names that Envoy's own statistics have."""

FORBIDDEN, EXTERNAL = "403", "UAEX"

Denied = Mapping[tuple[str, str], float]
"""Requests by the namespace and name of the workload whose proxies denied them."""

_DENIED = re.compile(r"^envoy_http_(\w*?)_?rbac\{([^}\n]{0,2000})\} (\S{1,64})", re.ASCII | re.M)


def denied_in(text: str) -> float:
    """What a proxy has denied of the requests that come into its pod, since it started."""
    found = 0.0
    for name, labels, value in _DENIED.findall(text):
        inbound = name.startswith("inbound") or 'conn_manager_prefix="inbound' in labels
        number = number_of(value)
        if 'authz_enforce_result="denied"' in labels and inbound and number is not None:
            found += number if 0 <= number < math.inf else 0.0
    return found


def with_denied(sample: Sample, denied: Denied) -> Sample:
    """`sample` with what its proxies denied counted as refused, on both sides.

    A workload's proxies do not say which of the answers 403 were theirs: their part is.
    """
    parts = {
        workload: min(1.0, number / answers)
        for workload, number in denied.items()
        if number > 0 and (answers := _forbidden(sample.served or sample.called, workload)) > 0
    }
    if not parts:
        return sample
    called, served = _refused(sample.called, parts), _refused(sample.served, parts)
    return replace(
        sample,
        called=called,
        served=served,
        caller=by_version(called),
        server=by_version(served),
        caller_totals=_totals(sample.caller_totals, sample.called, called),
        server_totals=_totals(sample.server_totals, sample.served, served),
        denied={workload: number for workload, number in denied.items() if workload in parts},
    )


def _forbidden(side: Mapping[Responder, Signals], workload: tuple[str, str]) -> float:
    mine = (s for target, s in side.items() if (target.namespace, target.workload) == workload)
    return sum(map(_unflagged, mine))


def _unflagged(signals: Signals) -> float:
    number = signals.codes.get(FORBIDDEN, 0.0) - signals.flags.get(EXTERNAL, 0.0)
    return max(number, 0.0)


def _refused(
    side: Mapping[Responder, Signals], parts: Mapping[tuple[str, str], float]
) -> dict[Responder, Signals]:
    found = dict(side)
    for target, signals in side.items():
        more = _unflagged(signals) * parts.get((target.namespace, target.workload), 0.0)
        if more:
            found[target] = replace(signals, refused=signals.refused + more)
    return found


def _totals(
    totals: Mapping[ServiceKey, Signals],
    before: Mapping[Responder, Signals],
    after: Mapping[Responder, Signals],
) -> dict[ServiceKey, Signals]:
    found = dict(totals)
    for target, signals in after.items():
        more = signals.refused - before[target].refused
        total = found.get(target.service)
        if more and total is not None:
            found[target.service] = replace(total, refused=total.refused + more)
    return found


def summed(counted: Iterable[tuple[tuple[str, str], float]]) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for workload, number in counted:
        found[workload] = found.get(workload, 0.0) + number
    return found
