#!/usr/bin/env bash
# Where two proxies have histograms with different bounds, the quantile of both is above that of each, and above
# everything that was measured.
#
# One would guess: a quantile of two histograms together lies between theirs, a little coarser where their bounds
#   differ; and Prometheus, which says in a warning when it had to repair a histogram, says so.
# Seen with Prometheus 3.11 (its Go module, v0.311.3): one proxy has bounds 10, 100 and all requests below 10, the
#   other bounds 50, 500 and all below 50. Their p90 are 9 and 45. histogram_quantile(0.9, sum by (le) (...)) is
#   500, without a warning: each proxy's requests are missing from the other's bounds, and what is missing counts as
#   slower. p40 is 8.
# Why it matters: bounds come by pod with Istio's annotation sidecar.istio.io/statsHistogramBuckets, by revision, by
#   language where applications measure. While a canary with other bounds takes part of the traffic, the p99 of the
#   service leaps, no request being slower, and that of the canary alone is well. Judge versions apart, or sum the
#   bounds that all have.
. "$(dirname "$0")/environment"
export SERIES='
  time_bucket{pod="a",le="10"} 0+10x20
  time_bucket{pod="a",le="100"} 0+10x20
  time_bucket{pod="a",le="+Inf"} 0+10x20
  time_bucket{pod="b",le="50"} 0+10x20
  time_bucket{pod="b",le="500"} 0+10x20
  time_bucket{pod="b",le="+Inf"} 0+10x20'
export QUERIES='
histogram_quantile(0.9, rate(time_bucket[1m]))
histogram_quantile(0.9, sum by (le) (rate(time_bucket[1m])))
histogram_quantile(0.4, sum by (le) (rate(time_bucket[1m])))'
expected='histogram_quantile(0.9, rate(time_bucket[1m])) -> {pod="a"} 9, {pod="b"} 45, warnings: 0
histogram_quantile(0.9, sum by (le) (rate(time_bucket[1m]))) -> {} 500, warnings: 0
histogram_quantile(0.4, sum by (le) (rate(time_bucket[1m]))) -> {} 8, warnings: 0'
seen=$(with_promql v0.311.3)
echo "$seen"
if [ "$seen" = "$expected" ]; then echo "still there"; else echo "changed: was $expected" && exit 1; fi
