#!/usr/bin/env bash
# One event of an older kind, and the Python client can list none of the namespace's events by events.k8s.io.
#
# One would guess: EventsV1Api, the newer of the two interfaces, lists what CoreV1Api lists: they are views of the
#   same objects, and a model reads what the API server writes.
# Seen with kubernetes 37.0.2 and a list as kube-apiserver 1.36 sends it: an event that was made by the older
#   interface, as most controllers still do, has "eventTime": null in the answer. The list raises pydantic's
#   ValidationError about eventTime, without the name of the event, also where the other events are sound; no event
#   is returned. CoreV1Api reads the same event.
# Why it matters: "why is the new version not ready" is answered by events, and a cluster has always some of the
#   older kind. A cockpit that takes the newer interface shows none, or an error about a field. Read such lists as
#   plain JSON, or from CoreV1Api.
. "$(dirname "$0")/environment"
with_packages kubernetes==37.0.2 <<'END'
import json

from apibench import Handler, serving
from kubernetes import client

NEW = {
    "metadata": {"name": "reviews.1", "namespace": "default"},
    "eventTime": "2026-01-01T00:00:00.000000Z",
    "reportingController": "example.com/controller",
    "reportingInstance": "one",
    "action": "Scale",
    "reason": "Scaled",
    "type": "Normal",
}
OLD = {
    "metadata": {"name": "reviews.2", "namespace": "default"},
    "eventTime": None,
    "reason": "FailedScheduling",
    "type": "Warning",
}


def in_core(event):
    return {**event, "involvedObject": {"kind": "Pod", "name": "reviews"}}


class Server(Handler):
    events = ()

    def do_GET(self):
        core = self.path.startswith("/api/v1/")
        body = {
            "kind": "EventList",
            "apiVersion": "v1" if core else "events.k8s.io/v1",
            "metadata": {"resourceVersion": "7"},
            "items": [in_core(event) if core else event for event in self.events],
        }
        self.answer(json.dumps(body).encode())


configuration = client.Configuration()
configuration.host = serving(Server)
reads = {
    "events.k8s.io": client.EventsV1Api(client.ApiClient(configuration)).list_namespaced_event,
    "core": client.CoreV1Api(client.ApiClient(configuration)).list_namespaced_event,
}
seen = {}
for name, read in reads.items():
    for Server.events in ((NEW,), (NEW, OLD)):
        try:
            outcome, words = len(read("default").items), ""
        except Exception as error:
            outcome, words = type(error).__name__, str(error)
        seen[name, len(Server.events)] = outcome, "reviews" in words
        print(f"{name}, {len(Server.events)} events: {outcome}", *words.splitlines()[1:3])
expected = {
    ("events.k8s.io", 1): (1, False),
    ("events.k8s.io", 2): ("ValidationError", False),
    ("core", 1): (1, False),
    ("core", 2): (2, False),
}
print("still there" if seen == expected else f"changed: was {expected}")
raise SystemExit(seen != expected)
END
