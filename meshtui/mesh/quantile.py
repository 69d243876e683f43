"""Quantiles of histogram buckets, to the digit as PromQL's `histogram_quantile` gives them.

An operator compares meshtui's p99 with a dashboard's; two ways of interpolating would differ.
Rules from Prometheus, `promql/quantile.go` (`BucketQuantile`).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate


def quantile(q: float, buckets: Mapping[float, float]) -> float | None:
    """The `q`-quantile (0 to 1) of cumulative counts by upper bound, in the bounds' unit."""
    return quantiles((q,), buckets)[0]


def quantiles(qs: Sequence[float], buckets: Mapping[float, float]) -> tuple[float | None, ...]:
    """Several of one histogram.

    None where nothing was observed, where there is no +Inf bucket or no finite one. What lies in
    the +Inf bucket is told as the highest finite bound: more is not known of it.
    """
    bounds = sorted(buckets)
    if len(bounds) < 2 or bounds[-1] != math.inf:
        return (None,) * len(qs)
    # Counters are not read at one instant, so a bucket may lag behind a lower one.
    counts = list(accumulate(map(buckets.__getitem__, bounds), max))
    total = counts[-1]
    if not total > 0:
        return (None,) * len(qs)
    return tuple(_at(q * total, bounds, counts) for q in qs)


def joined(several: Iterable[Mapping[float, float]]) -> dict[float, float]:
    """Cumulative counts of all, at the bounds that every one of them has.

    Proxies may have bounds of their own (`sidecar.istio.io/statsHistogramBuckets`, another Envoy).
    Added up at a bound that one of them lacks, its requests would all count as slower.
    """
    found: dict[float, float] = {}
    for counts in several:
        add_at_shared(found, counts)
    return found


def add_at_shared(to: dict[float, float], more: Mapping[float, float]) -> None:
    """Adds `more` to what `to` has, which may be nothing, as in `joined`."""
    if not to:
        to.update(more)
        return
    if not more:
        return
    if to.keys() != more.keys():
        for bound in to.keys() - more.keys():
            del to[bound]
    for bound in to:
        to[bound] += more[bound]


def _at(rank: float, bounds: list[float], counts: list[float]) -> float:
    index = bisect_left(counts, rank, 0, len(counts) - 1)
    if index == len(bounds) - 1:
        return bounds[-2]
    return _within(bounds, counts, index, rank)


def _within(bounds: list[float], counts: list[float], index: int, rank: float) -> float:
    upper = bounds[index]
    if index == 0:
        return upper if upper <= 0 or counts[0] <= 0 else upper * (rank / counts[0])
    lower, below = bounds[index - 1], counts[index - 1]
    inside = counts[index] - below
    return lower + (upper - lower) * ((rank - below) / inside) if inside > 0 else upper
