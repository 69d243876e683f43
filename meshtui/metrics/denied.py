"""Requests that Envoy's own filters denied: 403 and 401 without a flag, as a program gives them.

Istio's proxies count what their RBAC filters deny by listener, whoever asked for what:
`http.inbound_0.0.0.0_9080;.rbac.denied`; older ones have the listener in the metric's name. What
their JWT filters deny they count only where `proxyStatsMatcher` names `jwt_authn.denied`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

from meshtui.mesh.model import ServiceKey
from meshtui.mesh.signals import Responder, Sample, Signals, by_version
from meshtui.mesh.undecided import LIMITED, UNAUTHORIZED, flagged, unflagged
from meshtui.metrics.exposition import number_of

FILTER = r"rbac\.denied|jwt_authn\.denied"
"""Of the names that Envoy's own statistics have."""

FORBIDDEN = "403"

Denied = Mapping[tuple[str, str], float]
"""Requests by the namespace and name of the workload whose proxies denied them."""

Denials = Sequence[tuple[tuple[str, str], Mapping[str, float]]]
"""What each proxy of a workload denied, by code."""

_DENIED = re.compile(
    r"^envoy_http_(\w*?)_?(rbac|jwt_authn_denied)\{([^}\n]{0,2000})\} (\S{1,64})",
    re.ASCII | re.M,
)
_PREFIX = "envoy_http_"
_COUNTS = {"rbac": FORBIDDEN, "jwt_authn_denied": UNAUTHORIZED}


EDGE = {FORBIDDEN: "403 at the edge", UNAUTHORIZED: "401 at the edge"}
"""What a gateway denies before it sends anything on; a sidecar has no such filter there."""


def denied_in(text: str) -> dict[str, float]:
    """What a proxy has denied since it started, by code: of the requests that come into its pod,
    and, apart, of those that a gateway sends on."""
    found: dict[str, float] = {}
    if _PREFIX not in text:  # most proxies deny nothing, and the expression tries each line
        return found
    for name, what, labels, value in _DENIED.findall(text):
        inbound = name.startswith("inbound") or 'conn_manager_prefix="inbound' in labels
        denied = what != "rbac" or 'authz_enforce_result="denied"' in labels
        number = number_of(value)
        if denied and number is not None and 0 < number < math.inf:
            code = _COUNTS[what] if inbound else EDGE[_COUNTS[what]]
            found[code] = found.get(code, 0.0) + number
    return found


def grown(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """By how much; a counter that is lower than before was reset."""
    last = {code: before.get(code, 0.0) for code in after}
    return {code: now - last[code] if now >= last[code] else now for code, now in after.items()}


def with_all_denied(sample: Sample, counted: Denials, gateways: Set[tuple[str, str]]) -> Sample:
    """`sample` with all that its proxies denied counted as refused; at the edge by `gateways`."""
    own = (summed(counted, code) for code in (FORBIDDEN, UNAUTHORIZED))
    at_gateways = [one for one in counted if one[0] in gateways]
    edge = (summed(at_gateways, EDGE[code]) for code in (FORBIDDEN, UNAUTHORIZED))
    return with_edge(with_denied(sample, *own), *edge)


def with_denied(sample: Sample, denied: Denied, tokens: Denied) -> Sample:
    """`sample` with what its proxies denied (403) and whose `tokens` they refused (401) counted as
    refused, on both sides, and for callers what they refused with a flag: only the side that sets
    it knows of it.
    """
    found = _counted(sample, denied, FORBIDDEN)
    found = _counted(found, tokens, UNAUTHORIZED)
    found = _counted(found, {}, LIMITED)
    seen = sample.served or sample.called
    return replace(
        found,
        denied={at: number for at, number in denied.items() if _of(seen, at, FORBIDDEN)},
        tokens={at: number for at, number in tokens.items() if _of(seen, at, UNAUTHORIZED)},
    )


def with_edge(sample: Sample, denied: Denied, tokens: Denied) -> Sample:
    """`sample` with what its gateways denied counted as refused: of what they sent on, and of the
    services that it was for, whose pods it did not reach.

    Only gateways have such filters on the way out, and what is not of the cluster may answer so
    itself.
    """
    found = sample
    for by_gateway, code in ((denied, FORBIDDEN), (tokens, UNAUTHORIZED)):
        number = sum(by_gateway.values())
        if number > 0:
            found = _turned_away(found, by_gateway, code, number)
    return found


def _turned_away(sample: Sample, by_gateway: Denied, code: str, number: float) -> Sample:
    sent = dict(sample.sent)
    for gateway, own in by_gateway.items():
        signals = sent.get(gateway)
        if signals is not None:
            more = min(own, unflagged(signals, code))
            sent[gateway] = replace(signals, refused=signals.refused + more)
    lost = {t: s for t, s in sample.called.items() if t.nowhere and "." not in t.service.name}
    answers = sum(unflagged(signals, code) for signals in lost.values())
    part = min(1.0, number / answers) if answers else 0.0
    called = dict(sample.called)
    for target, signals in lost.items():
        more = unflagged(signals, code) * part
        if more:
            called[target] = replace(signals, refused=signals.refused + more)
    return replace(
        sample,
        sent=sent,
        called=called,
        caller=by_version(called),
        caller_totals=_totals(sample.caller_totals, sample.called, called),
        denied={**sample.denied, **by_gateway} if code == FORBIDDEN else sample.denied,
        tokens={**sample.tokens, **by_gateway} if code == UNAUTHORIZED else sample.tokens,
    )


def _counted(sample: Sample, denied: Denied, code: str) -> Sample:
    """A workload's proxies do not say which of the answers were theirs: their part is."""
    seen = sample.served or sample.called
    parts = {
        workload: min(1.0, number / answers)
        for workload, number in denied.items()
        if number > 0 and (answers := _of(seen, workload, code)) > 0
    }
    seen_by_callers = {**parts, **_beside_flagged(sample.served, parts, code)}
    if not seen_by_callers:
        return sample
    called = _refused(sample.called, seen_by_callers, code)
    served = _refused(sample.served, parts, code)
    return replace(
        sample,
        called=called,
        served=served,
        caller=by_version(called),
        server=by_version(served),
        caller_totals=_totals(sample.caller_totals, sample.called, called),
        server_totals=_totals(sample.server_totals, sample.served, served),
    )


def _beside_flagged(
    served: Mapping[Responder, Signals], parts: Mapping[tuple[str, str], float], code: str
) -> Mapping[tuple[str, str], float]:
    """The part of all their answers with the code, of the workloads whose proxies gave some of them
    with a flag; `parts` are of those without one."""
    numbers: dict[tuple[str, str], tuple[float, float]] = {}
    for target, signals in served.items():
        if signals.refused and code in signals.codes and target.workload:
            at = target.namespace, target.workload
            all_of, with_flag = numbers.get(at, (0.0, 0.0))
            more = flagged(signals, code)
            numbers[at] = all_of + signals.codes[code], with_flag + more
    return {
        at: (with_flag + parts.get(at, 0.0) * (all_of - with_flag)) / all_of
        for at, (all_of, with_flag) in numbers.items()
        if with_flag
    }


def with_logged_tokens(
    sample: Sample,
    parts: Mapping[tuple[str, str], float],
    undecided: Mapping[tuple[str, str], str],
) -> Sample:
    """`sample` with what part of their 401s the proxies of workloads gave, by what they logged,
    counted as refused, those of gateways at the edge; of others with why that is not known."""
    seen, sent = sample.served or sample.called, sample.sent
    tokens = {w: p * _of(seen, w, UNAUTHORIZED) for w, p in parts.items() if w not in sent}
    edge = {w: p * unflagged(sent[w], UNAUTHORIZED) for w, p in parts.items() if w in sent}
    found = with_edge(_counted(sample, tokens, UNAUTHORIZED), {}, edge)
    return replace(found, tokens={**sample.tokens, **tokens, **edge}, undecided=undecided)


def _of(side: Mapping[Responder, Signals], workload: tuple[str, str], code: str) -> float:
    mine = (s for target, s in side.items() if (target.namespace, target.workload) == workload)
    return sum(unflagged(signals, code) for signals in mine)


def _refused(
    side: Mapping[Responder, Signals], parts: Mapping[tuple[str, str], float], code: str
) -> dict[Responder, Signals]:
    found = dict(side)
    for target, signals in side.items():
        part = parts.get((target.namespace, target.workload), 0.0)
        more = unflagged(signals, code) * part if part else 0.0
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


def summed(counted: Denials, code: str) -> dict[tuple[str, str], float]:
    """What the pods of each workload denied with `code`."""
    found: dict[tuple[str, str], float] = {}
    for workload, numbers in counted:
        if numbers.get(code):
            found[workload] = found.get(workload, 0.0) + numbers[code]
    return found
