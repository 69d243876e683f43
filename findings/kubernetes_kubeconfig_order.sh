#!/usr/bin/env bash
# With two files in KUBECONFIG the Python client works on another cluster than kubectl does.
#
# One would guess: load_kube_config() merges the files as kubectl does and as Kubernetes documents it: the first
#   file to set a value wins, current-context among them.
# Seen with kubernetes 37.0.2: clusters, contexts and users of the same name are the first file's, but the
#   current-context is the last file's that has the key. An empty `current-context: ""`, which is what
#   `kubectl config unset current-context` leaves behind, counts as set: the client then finds no context,
#   although the first file names one.
# Why it matters: `kubectl config use-context` writes into the first file. Who checks with kubectl where they are
#   and then starts a tool that changes traffic changes it in the other cluster, with no message. Merge the files
#   oneself, or pass the context by name and show it.
. "$(dirname "$0")/environment"
with_packages kubernetes==37.0.2 <<'END'
import json
import os
import tempfile
from pathlib import Path

from kubernetes import client, config

folder = Path(tempfile.mkdtemp())


def kubeconfig(name, server, current):
    """A file with one context, called `name`; JSON is YAML."""
    text = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": name, "user": {"token": "t"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": current,
    }
    path = folder / f"{len(list(folder.iterdir()))}.json"
    path.write_text(json.dumps(text))
    return str(path)


def asked(*files):
    """Which server a client asks that is made of these files."""
    try:
        configuration = client.Configuration()
        config.load_kube_config(os.pathsep.join(files), client_configuration=configuration)
        return configuration.host
    except config.ConfigException:
        return "no context"


test = kubeconfig("test", "http://127.0.0.1:1001", "test")
live = kubeconfig("live", "http://127.0.0.1:1002", "live")
unset = kubeconfig("spare", "http://127.0.0.1:1003", "")
namesake = kubeconfig("test", "http://127.0.0.1:1004", "test")
seen = {
    "test, then live": asked(test, live),
    "live, then test": asked(live, test),
    "test, then one without a current context": asked(test, unset),
    "test, then another test": asked(test, namesake),
}
for files, server in seen.items():
    print(f"{files}: {server}")
changed = list(seen.values()) != [
    "http://127.0.0.1:1002",
    "http://127.0.0.1:1001",
    "no context",
    "http://127.0.0.1:1001",
]
print("changed" if changed else "still there")
raise SystemExit(changed)
END
