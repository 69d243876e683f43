#!/usr/bin/env bash
# A JSON Patch `test` for null passes where there is nothing at all.
#
# One would guess: `test` at a path that does not exist fails (RFC 6902, section 4.6: the value at the
#   target location must be equal), so that {"op": "test", "path": ".../mirror", "value": null} cannot
#   pass for an object without the key; and that a `test` without a value is refused as malformed.
# Seen with gopkg.in/evanphx/json-patch.v4 v4.13.0, the library with which kube-apiserver applies JSON
#   Patch: both pass for a missing key of an object that is there. A missing parent and an index past
#   the end of a list fail. A kube-apiserver 1.36 lets the null pass too.
# Why it matters: a cockpit guards a patch with `test`. "Still null" cannot be told from "gone", which
#   is welcome as a test that nobody added a mirror meanwhile, and a trap when the value was left out
#   by mistake: the guard then passes for a missing key and refuses a present one.
. "$(dirname "$0")/environment"
build_go 1.23 'gopkg.in/evanphx/json-patch.v4 v4.13.0' <<'END'
package main

import (
	"fmt"
	"os"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
)

const document = `{"spec":{"http":[{"name":"canary","weight":10}]}}`

var cases = []struct {
	operation string
	passes    bool
}{
	{`{"op":"test","path":"/spec/http/0/mirror","value":null}`, true},
	{`{"op":"test","path":"/spec/http/0/mirror"}`, true},
	{`{"op":"test","path":"/spec/http/0/weight"}`, false},
	{`{"op":"test","path":"/spec/tcp/mirror","value":null}`, false},
	{`{"op":"test","path":"/spec/http/1","value":null}`, false},
}

func main() {
	changed := 0
	for _, one := range cases {
		patch, err := jsonpatch.DecodePatch([]byte("[" + one.operation + "]"))
		if err == nil {
			_, err = patch.Apply([]byte(document))
		}
		fmt.Println(one.operation, "->", err)
		if (err == nil) != one.passes {
			changed = 1
		}
	}
	fmt.Println(map[int]string{0: "still there", 1: "changed"}[changed])
	os.Exit(changed)
}
END
"$dir/go/finding"
