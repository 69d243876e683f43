#!/usr/bin/env bash
# What PyYAML writes as a string, Kubernetes reads as a number or as true.
#
# One would guess: yaml.safe_dump quotes a string that would be read as something else (it does quote "on" and
#   "12"), so that an object dumped with it goes through `kubectl apply` as it is.
# Seen with PyYAML 6.0.4 and sigs.k8s.io/yaml v1.6.0, with which kubectl and the API server read YAML: the strings
#   1234e56, 1e3, 0812345, 0o17, y and N are written without quotes, for PyYAML takes none of them for a number or
#   a boolean. Read back they are 1.234e+59, 1000, 812345, 15, true and false.
# Why it matters: the label `version` of many meshes is a commit's abbreviation. About one in fifty of seven digits
#   has the form of the first: digits, an e, digits. A subset with that label, printed as YAML for somebody
#   to apply, is refused ("cannot unmarshal number"), or is another value where the field may be anything.
#   Read the other way round, a file means one thing to kubectl and another to the tool. Quote all strings
#   (default_style), or give the dumper the resolvers of what will read it.
. "$(dirname "$0")/environment"
build_go 1.23 'sigs.k8s.io/yaml v1.6.0' <<'END'
package main

import (
	"fmt"
	"io"
	"os"

	"sigs.k8s.io/yaml"
)

func main() {
	text, err := io.ReadAll(os.Stdin)
	if err == nil {
		text, err = yaml.YAMLToJSON(text)
	}
	if err != nil {
		panic(err)
	}
	fmt.Println(string(text))
}
END
export READER="$dir/go/finding"
with_packages PyYAML==6.0.4 <<'END'
import json
import os
import subprocess

import yaml

STRINGS = ["1234e56", "1e3", "0812345", "0o17", "y", "N", "on", "12", "v1"]
text = yaml.safe_dump({"versions": STRINGS})
print(text, end="")
assert yaml.safe_load(text)["versions"] == STRINGS
read = subprocess.run([os.environ["READER"]], input=text, capture_output=True, text=True, check=True)
seen = json.loads(read.stdout)["versions"]
print(seen)
changed = seen != [1.234e59, 1000, 812345, 15, True, False, "on", "12", "v1"]
print("changed" if changed else "still there")
raise SystemExit(changed)
END
