#!/usr/bin/env bash
# Which cluster kr8s.get() asks depends on which other cluster the program has looked at first.
#
# One would guess: a call without an API takes the kubeconfig's current context, always; an API that was made for
#   another context is for the calls to which it is given.
# Seen with kr8s 0.20.15, current context "dev": once the program has made kr8s.api(context="stage"),
#   kr8s.get("pods") without an API lists the pods of stage. With APIs for stage and for prod it lists those of the
#   one that was made first. An API that was used for one call and let go just before still counts. In a program
#   that made none it is dev's.
# Why it matters: a cockpit or a script for two clusters lists, scales or deletes in the one or the other by the
#   order in which it looked at them; a test with one context never shows it. Give every call its API.
. "$(dirname "$0")/environment"
with_packages kr8s==0.20.15 <<'END'
import json
import os
import subprocess
import sys

from apibench import Handler, serving

PODS = {"name": "pods", "singularName": "pod", "kind": "Pod", "namespaced": True, "verbs": ["list"]}


def cluster(name):
    """Start an API server with one pod, which has the cluster's name; return its address."""
    pod = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": name, "namespace": "default"}}
    answers = {
        "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "groups": []},
        "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [PODS]},
        "/api/v1/namespaces/default/pods": {"kind": "PodList", "metadata": {}, "items": [pod]},
    }

    class Server(Handler):
        def do_GET(self):
            self.answer(json.dumps(answers[self.path.partition("?")[0].rstrip("/")]).encode())

    return serving(Server)


NAMES = ("dev", "stage", "prod")
config = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "dev",
    "users": [{"name": "user", "user": {"token": "none"}}],
    "clusters": [{"name": name, "cluster": {"server": cluster(name)}} for name in NAMES],
    "contexts": [{"name": name, "context": {"cluster": name, "user": "user"}} for name in NAMES],
}
os.environ["KUBECONFIG"] = os.path.join(os.environ["TMPDIR"], "kubeconfig")
with open(os.environ["KUBECONFIG"], "w") as file:
    json.dump(config, file)


ASK = """
import gc
import sys
import warnings

warnings.simplefilter("ignore")
import kr8s

*made, end = sys.argv[1:]
apis = [kr8s.api(context=name) for name in made]
for number in range(len(apis)):
    list(kr8s.get("pods", namespace="default", api=apis[number]))
if end == "let go":
    apis.clear()
    gc.collect()
print(*(pod.name for pod in kr8s.get("pods", namespace="default")))
"""
CASES = (
    ("kept",),
    ("stage", "kept"),
    ("stage", "prod", "kept"),
    ("prod", "stage", "kept"),
    ("stage", "let go"),
)
seen = []
for case in CASES:
    command = [sys.executable, "-c", ASK, *case]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seen.append(done.stdout.strip())
    print("APIs made for:", *case[:-1], f"({case[-1]}); kr8s.get() lists the pods of", seen[-1])
expected = ["dev", "stage", "stage", "prod", "stage"]
print("still there" if seen == expected else f"changed: was {expected}")
raise SystemExit(seen != expected)
END
