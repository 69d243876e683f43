#!/usr/bin/env bash
# The Python client's Watch asks again as fast as it can when the server ends its watches early.
#
# One would guess: Watch.stream() goes on from the last resourceVersion when a watch ends, with a pause in between
#   that grows while nothing comes, as client-go's reflectors have.
# Seen with kubernetes 37.0.2 and a server that ends each watch at once, as one that shuts down or a proxy with a
#   short time limit does: without timeout_seconds there is no pause at all, hundreds of requests a second from one
#   caller, with no event, error or log line that tells of it. With timeout_seconds it asks once and returns.
# Why it matters: a cockpit watches many kinds. It would load the API server most in the moment in which that
#   is least able to bear it, and fair queuing then starves its user's other requests. Give timeout_seconds, and loop
#   with a pause of one's own.
. "$(dirname "$0")/environment"
with_packages kubernetes==37.0.2 <<'END'
import json
import threading

from apibench import Handler, serving
from kubernetes import client, watch

asked = []


class Server(Handler):
    """It answers each watch with one event, if it begins at none, and ends it."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        asked.append(self.path)
        named = {"metadata": {"name": "one", "resourceVersion": "7"}}
        event = json.dumps({"type": "ADDED", "object": named}) + "\n"
        body = (event if "resourceVersion" not in self.path else "").encode()
        self.answer(body)


configuration = client.Configuration()
configuration.host = serving(Server)
api = client.CustomObjectsApi(client.ApiClient(configuration))
counts = {}
for limits in ({}, {"timeout_seconds": 30}):
    asked.clear()
    watching = watch.Watch()
    threading.Timer(2, watching.stop).start()
    arguments = ("networking.istio.io", "v1", "default", "virtualservices")
    events = list(watching.stream(api.list_namespaced_custom_object, *arguments, **limits))
    counts[bool(limits)] = len(asked)
    print(f"{limits}: {len(events)} event, {len(asked)} requests in at most two seconds")
changed = counts[False] < 20 or counts[True] != 1
print("changed" if changed else "still there")
raise SystemExit(changed)
END
