#!/usr/bin/env bash
# chaostoolkit-istio's "add a delay" takes an abort away, its "remove a delay" takes every fault away, and both
# write back the weights that they read.
#
# One would guess: add_delay_fault adds a delay beside the abort that is there, remove_delay_fault removes the
#   delay and leaves the abort, and neither touches what another wrote meanwhile, or it fails with a conflict.
# Seen with chaostoolkit-istio 0.4.1 (kubernetes 31.0.0) and an API server that has a VirtualService with an abort
#   of 5 % and weights 90 and 10, which somebody shifts to 50 and 50 between its GET and its PATCH: add_delay_fault
#   leaves nothing but the delay, remove_delay_fault leaves no fault where there was no delay at all, and after each the
#   weights are 90 and 10 again: the patch holds the whole list of rules and no resourceVersion. Both report 200.
# Why it matters: an experiment beside a canary takes the canary's last step back, and with the end of one fault
#   another team's ends, too. Whoever watches a mesh has to expect such writes, and to compare what is there with
#   what was written after each change of the object.
. "$(dirname "$0")/environment"
with_packages chaostoolkit-istio==0.4.1 chaostoolkit-lib==1.44.0 kubernetes==31.0.0 <<'END'
import contextlib
import io
import json
import os

from apibench import Handler, serving


def virtual_service(weights):
    route = [
        {"destination": {"host": "reviews", "subset": subset}, "weight": weight}
        for subset, weight in zip(("v1", "v2"), weights)
    ]
    fault = {"abort": {"httpStatus": 503, "percentage": {"value": 5}}}
    return {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "VirtualService",
        "metadata": {"name": "reviews", "resourceVersion": "7"},
        "spec": {"hosts": ["reviews"], "http": [{"fault": fault, "route": route}]},
    }


stored = {}


class Server(Handler):
    """It has one object; each GET is followed at once by somebody's shift to 50 and 50."""

    def do_GET(self):
        self.tell(virtual_service((90, 10)))
        stored.update(virtual_service((50, 50)))

    def do_PATCH(self):
        patch = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if "resourceVersion" in patch["metadata"]:
            self.tell({"kind": "Status", "code": 409}, 409)
            return
        stored["spec"].update(patch["spec"])
        self.tell(stored)

    def tell(self, body, status=200):
        self.answer(json.dumps(body).encode(), status)


os.environ["KUBECONFIG"] = os.devnull + "/none"
os.environ["KUBERNETES_HOST"] = serving(Server)

from chaosistio.fault.actions import add_delay_fault, remove_delay_fault  # noqa: E402

v2 = [{"destination": {"host": "reviews", "subset": "v2"}}]
seen = {}
for name, act in (
    ("add_delay_fault", lambda: add_delay_fault("reviews", "2s", v2, percentage=10)),
    ("remove_delay_fault", lambda: remove_delay_fault("reviews", v2)),
):
    with contextlib.redirect_stdout(io.StringIO()):  # its HTTP client prints
        status = act()["status"]
    (rule,) = stored["spec"]["http"]
    weights = [one["weight"] for one in rule["route"]]
    seen[name] = (status, sorted(rule.get("fault", {})), weights)
    print(f"{name}: status {status}, faults {seen[name][1]}, weights {weights}")
changed = seen != {
    "add_delay_fault": (200, ["delay"], [90, 10]),
    "remove_delay_fault": (200, [], [90, 10]),
}
print("changed" if changed else "still there")
raise SystemExit(changed)
END
