#!/usr/bin/env bash
# One object with a "next line" in an annotation, and the watches of lightkube and kr8s over its kind are broken; and
# both make two lines of one line of a pod's log.
#
# One would guess: an event of a watch is what stands between two line feeds, as the API server writes them, and so is
#   a line of a log; a character in a text is a part of the text.
# Seen with lightkube 1.0.1 (httpx2 2.16.2) and kr8s 0.20.15 (httpx 0.28.1): a line ends where Python's
#   str.splitlines ends one. kube-apiserver 1.36 writes U+0085, "next line", as it is (not U+2028, which Go's encoder
#   escapes): a watch that comes to such an object raises a JSON error for half an event, each time anew. Of a log
#   with four lines, which have U+0085, U+2028 (as JavaScript's JSON.stringify writes it) and a form feed in them, both
#   make seven. kubernetes 37.0.2 gives the object and four lines.
# Why it matters: a text that somebody pasted into one annotation ends the watch of a cockpit that only reads it; and
#   a log in JSON has lines that are no JSON, so that what is counted by lines is wrong. Read bytes, and cut them at
#   b"\n".
. "$(dirname "$0")/environment"
with_packages lightkube==1.0.1 lightkube-models==1.37.0.8 kr8s==0.20.15 \
  httpx==0.28.1 httpx2==2.16.2 kubernetes==37.0.2 <<'END'
import http.server
import json
import tempfile
import threading
import warnings
from pathlib import Path

import kr8s
import kubernetes
import lightkube
from kr8s.objects import Pod
from lightkube.resources.core_v1 import ConfigMap

LOG = ["first", '{"note": "one\u2028two"}', '{"note": "one\u0085two"}', "third\x0cpart"]
NOTE = "one\u0085two"
META = {"name": "app", "namespace": "default", "resourceVersion": "5"}
ADDED = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**META, "annotations": {"note": NOTE}}}
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": META}
KINDS = [("pods", "Pod"), ("configmaps", "ConfigMap")]
ANSWERS = {
    "/version": {"major": "1", "minor": "35", "gitVersion": "v1.35.0"},
    "/api": {"versions": ["v1"]},
    "/apis": {"groups": []},
    "/api/v1": {
        "groupVersion": "v1",
        "resources": [
            {"name": name, "kind": kind, "namespaced": True, "singularName": kind.lower(), "verbs": ["get"]}
            for name, kind in KINDS
        ],
    },
}


class Cluster(http.server.BaseHTTPRequestHandler):
    """One pod's log, and the watch of the namespace's config maps."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path.endswith("/log"):
            text = "".join(f"{line}\n" for line in LOG)
        elif "watch=" in query:
            text = json.dumps({"type": "ADDED", "object": ADDED}, ensure_ascii=False) + "\n"
        else:
            text = json.dumps(ANSWERS.get(path.rstrip("/"), {"metadata": {}, "items": [POD]}))
        self.send_response(200)
        self.send_header("content-type", "text/plain" if path.endswith("/log") else "application/json")
        self.send_header("content-length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


def first(events):
    """The note in the first event's object; or the error instead of it."""
    try:
        return next(iter(events))
    except ValueError as error:
        return f"{type(error).__name__}: {error}"


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Cluster)
threading.Thread(target=server.serve_forever, daemon=True).start()
named = {"cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
config = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "dev",
    "contexts": [{"name": "dev", "context": {"cluster": "dev", "user": "dev"}}],
    "clusters": [{"name": "dev", **named}],
    "users": [{"name": "dev", "user": {"token": "t"}}],
}
file = Path(tempfile.mkdtemp()) / "config"
file.write_text(json.dumps(config))
warnings.simplefilter("ignore")

light = lightkube.Client(config=lightkube.KubeConfig.from_file(file), trust_env=False)
stars = kr8s.api(kubeconfig=str(file))
kubernetes.config.load_kube_config(str(file))
official = kubernetes.client.CoreV1Api()
watch = kubernetes.watch.Watch().stream
logs = {
    "lightkube": list(light.log("app", namespace="default", newlines=False)),
    "kr8s": list(Pod(POD, api=stars).logs()),
    "kubernetes": list(watch(official.read_namespaced_pod_log, "app", "default")),
}
notes = {
    "lightkube": first(one.metadata.annotations["note"] for _, one in light.watch(ConfigMap, namespace="default")),
    "kr8s": first(one.annotations["note"] for _, one in stars.watch("configmaps", namespace="default")),
    "kubernetes": first(
        one["object"].metadata.annotations["note"] for one in watch(official.list_namespaced_config_map, "default")
    ),
}
for name in logs:
    print(f"{name}: {len(logs[name])} lines {logs[name]}; watch: {notes[name]!r}")
verdict = [len(lines) for lines in logs.values()], [note == NOTE for note in notes.values()]
changed = verdict != ([7, 7, 4], [False, False, True]) or logs["kubernetes"] != LOG
print("changed" if changed else "still there")
raise SystemExit(changed)
END
