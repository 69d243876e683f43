#!/usr/bin/env bash
# JSON that is read through a pod's proxy comes out of the Python client as Python's own notation.
#
# One would guess: connect_get_namespaced_pod_proxy_with_path returns, as its type says, a str: the body as the pod
#   sent it, as read_namespaced_pod_log does.
# Seen with kubernetes 37.0.2 and a pod's admin that answers {"live": true, "since": null} as application/json: the
#   string is "{'live': True, 'since': None}", which no JSON parser takes. A body of 1.10 is "1.1", one of "v1" in
#   quotation marks is v1. The same bodies as text/plain come as they are, and so do a log and, through stream(),
#   the output of a command.
# Why it matters: /config_dump, /clusters?format=json and /server_info of Envoy and the debug pages of istiod are
#   read that way, and are all application/json. Reading that text as Python literals undoes most of it, but not
#   numbers. Ask with _preload_content=False and read the bytes.
. "$(dirname "$0")/environment"
with_packages kubernetes==37.0.2 <<'END'
import json

from apibench import Handler, serving
from kubernetes import client

BODIES = {"state": '{"live": true, "since": null}', "version": "1.10", "name": '"v1"'}


class Server(Handler):
    """It answers as the API server passes on what a pod said: /…/proxy/NAME.KIND."""

    def do_GET(self):
        name, _, kind = self.path.rpartition("/")[2].partition(".")
        self.answer(BODIES[name].encode(), kind="application/json" if kind == "json" else "text/plain")


configuration = client.Configuration()
configuration.host = serving(Server)
api = client.CoreV1Api(client.ApiClient(configuration))
read = api.connect_get_namespaced_pod_proxy_with_path
seen = {}
for name, body in BODIES.items():
    plain, parsed = (read("pod:15000", "default", f"{name}.{kind}") for kind in ("text", "json"))
    raw = read("pod:15000", "default", f"{name}.json", _preload_content=False).data.decode()
    seen[name] = parsed, plain == raw == body
    print(f"sent {body} - as JSON: {type(parsed).__name__} {parsed}; as text or raw: {plain}")
try:
    json.loads(seen["state"][0])
except ValueError as error:
    print("json.loads of the first:", error)
expected = {
    "state": ("{'live': True, 'since': None}", True),
    "version": ("1.1", True),
    "name": ("v1", True),
}
print("still there" if seen == expected else f"changed: was {expected}")
raise SystemExit(seen != expected)
END
