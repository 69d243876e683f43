#!/usr/bin/env bash
# A JSON Patch `test` compares how strings and numbers are spelled, not what they are.
#
# One would guess: two JSON texts for one value are equal (RFC 6902, section 4.6: same characters, same
#   number), so a client may escape characters as its JSON library likes.
# Seen with gopkg.in/evanphx/json-patch.v4 v4.13.0, the library with which kube-apiserver applies JSON
#   Patch, on documents written by Go's encoding/json as that server writes them (< > & escaped, other
#   characters not): a `test` with "(?P<v>a)" fails and needs "(?P\u003cv\u003ea)"; "\u00e4", which is
#   how Python's json.dumps writes an a-umlaut, fails and needs the character itself; 100.0 fails for
#   100. Inside an object the same. A kube-apiserver 1.36 answers alike, with a 422 that names neither
#   path nor values. `kubectl patch` hides it, for it writes the patch anew.
# Why it matters: a cockpit that guards a change of a rule with a `test` on the rule's regex match is
#   refused for each regex with a named group or an ampersand, whatever it does in between: nobody
#   changed the rule. Test the resourceVersion, or escape those three characters and nothing else.
. "$(dirname "$0")/environment"
build_go 1.23 'gopkg.in/evanphx/json-patch.v4 v4.13.0' <<'END'
package main

import (
	"encoding/json"
	"fmt"
	"os"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
)

var cases = []struct {
	path, value string
	passes      bool
}{
	{"/regex", `"(?P<v>a)&b"`, false},
	{"/regex", `"(?P\u003cv\u003ea)\u0026b"`, true},
	{"/match", `{"regex":"(?P<v>a)"}`, false},
	{"/match", `{"regex":"(?P\u003cv\u003ea)"}`, true},
	{"/owner", `"J\u00e4ger"`, false},
	{"/owner", "\"J\u00e4ger\"", true},
	{"/weight", `100.0`, false},
	{"/weight", `100`, true},
}

func main() {
	document, err := json.Marshal(map[string]any{
		"regex": "(?P<v>a)&b", "match": map[string]any{"regex": "(?P<v>a)"},
		"owner": "J\u00e4ger", "weight": 100,
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(string(document))
	changed := 0
	for _, one := range cases {
		text := `[{"op":"test","path":"` + one.path + `","value":` + one.value + `}]`
		patch, err := jsonpatch.DecodePatch([]byte(text))
		if err == nil {
			_, err = patch.Apply(document)
		}
		fmt.Println(text, "->", err)
		if (err == nil) != one.passes {
			changed = 1
		}
	}
	fmt.Println(map[int]string{0: "still there", 1: "changed"}[changed])
	os.Exit(changed)
}
END
"$dir/go/finding"
