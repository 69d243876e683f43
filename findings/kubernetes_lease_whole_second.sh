#!/usr/bin/env bash
# A lease that is renewed on the whole second is refused: the Python client leaves out a fraction of 0.
#
# One would guess: the client writes a V1Lease's renew_time as the API server reads it, whatever its value.
# Seen with kubernetes 37.0.2 and k8s.io/apimachinery v0.36.3, with whose MicroTime the API server reads it:
#   12:00:00 and a microsecond is written with six decimals and read. 12:00:00 is written without any, as Python's
#   isoformat does, and is refused: cannot parse "+00:00" as ".000000". A kube-apiserver 1.36 answers 400 in the
#   same words. The other way round all is well. eventTime of an event is of the same kind.
# Why it matters: a lease is how several cockpits, or steps of one canary, agree who may change a mesh. With
#   datetime.now() one renewal in a million fails; with replace(microsecond=0), which is tidier to look at, each
#   does; and a test with a fixed time fails or passes by that time. Write the text oneself, with
#   isoformat(timespec="microseconds").
. "$(dirname "$0")/environment"
build_go 1.26.0 'k8s.io/apimachinery v0.36.3' <<'END'
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func main() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var read struct{ RenewTime meta.MicroTime }
		if err := json.Unmarshal(lines.Bytes(), &read); err != nil {
			fmt.Println(err)
			continue
		}
		written, _ := json.Marshal(read.RenewTime)
		fmt.Println(string(written))
	}
}
END
export READER="$dir/go/finding"
with_packages kubernetes==37.0.2 <<'END'
import json
import os
import subprocess
from datetime import datetime, timezone

from kubernetes import client

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
api = client.ApiClient()
leases = [client.V1LeaseSpec(renew_time=NOON.replace(microsecond=part)) for part in (1, 0)]
lines = [json.dumps(api.sanitize_for_serialization(lease)) for lease in leases]
reader = [os.environ["READER"]]
done = subprocess.run(reader, input="\n".join(lines), capture_output=True, text=True, check=True)
answers = done.stdout.splitlines()
for line, answer in zip(lines, answers, strict=True):
    print(line, "->", answer)
back = client.V1LeaseSpec.from_dict({"renewTime": "2026-01-01T12:00:00.000000Z"})
seen = json.loads(answers[0]), 'cannot parse "+00:00" as ".000000"' in answers[1], back.renew_time == NOON
changed = seen != ("2026-01-01T12:00:00.000001Z", True, True)
print("changed" if changed else "still there")
raise SystemExit(changed)
END
