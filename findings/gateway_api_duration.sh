#!/usr/bin/env bash
# A time limit in the Gateway API cannot be 1.5s: what Go's own Duration writes is refused, and so is what a
# VirtualService has.
#
# One would guess: timeouts.request is a duration as everywhere in Kubernetes, which Go's time.ParseDuration reads and
#   Duration.String writes.
# Seen with sigs.k8s.io/gateway-api v1.6.0: its CRD of HTTPRoute allows up to four whole numbers of at most five
#   digits with h, m, s or ms. Of what Go writes, "250ms", "1m30s" and "2h0m0s" fit, "1.5s" (1500 ms), "2m0.5s" and
#   "1.25ms" do not; nor does protobuf's JSON of the same time, "1.500s", in which Istio's objects have theirs. "100ms"
#   and "99999h" fit, "100000ms" and "100000s" do not. A kube-apiserver 1.36 refuses alike, with the pattern as the
#   reason. All that fits is read by time.ParseDuration.
# Why it matters: a tool that moves a service from a VirtualService to an HTTPRoute, or that writes a person's "1.5s",
#   works in all of its trials with whole seconds. Write milliseconds below 100 s and whole seconds above.
. "$(dirname "$0")/environment"
build_go 1.26.0 'google.golang.org/protobuf v1.36.11' \
  'sigs.k8s.io/gateway-api v1.6.0' \
  'sigs.k8s.io/yaml v1.6.0' <<'END'
package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/durationpb"
	_ "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

// patterns are those of all fields of this name below a node of a schema.
func patterns(node any, name string, found map[string]bool) {
	switch node := node.(type) {
	case map[string]any:
		for key, value := range node {
			if field, is := value.(map[string]any); is && key == name {
				if pattern, is := field["pattern"].(string); is {
					found[pattern] = true
				}
			}
			patterns(value, name, found)
		}
	case []any:
		for _, value := range node {
			patterns(value, name, found)
		}
	}
}

func main() {
	text, err := os.ReadFile(os.Args[1] + "/config/crd/standard/gateway.networking.k8s.io_httproutes.yaml")
	if err != nil {
		panic(err)
	}
	var definition any
	if err := yaml.Unmarshal(text, &definition); err != nil {
		panic(err)
	}
	found := map[string]bool{}
	patterns(definition, "backendRequest", found)
	if len(found) != 1 {
		panic(found)
	}
	var allowed *regexp.Regexp
	for pattern := range found {
		fmt.Println("backendRequest:", pattern)
		allowed = regexp.MustCompile(pattern)
	}
	seen := ""
	try := func(what, written string) {
		fits, read := "refused", ""
		if allowed.MatchString(written) {
			fits = "fits"
			if _, err := time.ParseDuration(written); err != nil {
				read = ", and not read"
			}
		}
		seen += fmt.Sprintf("%s %q %s%s\n", what, written, fits, read)
	}
	for _, one := range []time.Duration{
		250 * time.Millisecond, 90 * time.Second, 2 * time.Hour,
		1500 * time.Millisecond, 120500 * time.Millisecond, 1250 * time.Microsecond,
	} {
		try("Go", one.String())
	}
	inJSON, err := protojson.Marshal(durationpb.New(1500 * time.Millisecond))
	if err != nil {
		panic(err)
	}
	try("protobuf", strings.Trim(string(inJSON), `"`))
	for _, written := range []string{"100ms", "100000ms", "99999h", "100000s", "0s"} {
		try("a person", written)
	}
	fmt.Print(seen)
	expected := `Go "250ms" fits
Go "1m30s" fits
Go "2h0m0s" fits
Go "1.5s" refused
Go "2m0.5s" refused
Go "1.25ms" refused
protobuf "1.500s" refused
a person "100ms" fits
a person "100000ms" refused
a person "99999h" fits
a person "100000s" refused
a person "0s" fits
`
	if seen != expected {
		fmt.Println("changed: was\n" + expected)
		os.Exit(1)
	}
	fmt.Println("still there")
}
END
"$dir/go/finding" "$(cd "$dir/go" && go list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api)"
