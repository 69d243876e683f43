#!/usr/bin/env bash
# One idle version, whose error ratio is NaN, and the median of the ratios is that of a better one, their average is
# gone, their maximum as it was.
#
# One would guess: 0/0 of a version without traffic is either left out by every aggregation, or makes each of them
#   NaN.
# Seen with Prometheus 3.11 (its Go module, v0.311.3), ratios 0.1, 0.2, 0.3 and NaN: max is 0.3 and min 0.1, topk(3)
#   and bottomk(3) leave NaN out, as sorting puts it last in both directions; avg and stddev are NaN; count says 4;
#   and quantile takes it for lower than all numbers: the median is 0.15 instead of 0.2, quantile(0, ...) NaN. No
#   warning comes with any of them.
# Why it matters: alarms compare such aggregations. When a version goes idle, as the old one does at the end of each
#   canary, one by the average is silent, for nothing compares with NaN, and one by the median is milder by the
#   number of those that do nothing. Filter with "> 0" below the fraction line, or compare before aggregating.
. "$(dirname "$0")/environment"
export SERIES='
  errors{v="a"} 1x20
  errors{v="b"} 2x20
  errors{v="c"} 3x20
  errors{v="idle"} 0x20
  requests{v="a"} 10x20
  requests{v="b"} 10x20
  requests{v="c"} 10x20
  requests{v="idle"} 0x20'
export QUERIES='
max(errors / requests)
min(errors / requests)
topk(3, errors / requests)
bottomk(3, errors / requests)
avg(errors / requests)
stddev(errors / requests)
count(errors / requests)
quantile(0.5, errors / requests)
quantile(0, errors / requests)
quantile(0.5, errors / (requests > 0))'
expected='max(errors / requests) -> {} 0.3, warnings: 0
min(errors / requests) -> {} 0.1, warnings: 0
topk(3, errors / requests) -> {v="a"} 0.1, {v="b"} 0.2, {v="c"} 0.3, warnings: 0
bottomk(3, errors / requests) -> {v="a"} 0.1, {v="b"} 0.2, {v="c"} 0.3, warnings: 0
avg(errors / requests) -> {} NaN, warnings: 0
stddev(errors / requests) -> {} NaN, warnings: 0
count(errors / requests) -> {} 4, warnings: 0
quantile(0.5, errors / requests) -> {} 0.15, warnings: 0
quantile(0, errors / requests) -> {} NaN, warnings: 0
quantile(0.5, errors / (requests > 0)) -> {} 0.2, warnings: 0'
seen=$(with_promql v0.311.3)
echo "$seen"
if [ "$seen" = "$expected" ]; then echo "still there"; else echo "changed: was $expected" && exit 1; fi
