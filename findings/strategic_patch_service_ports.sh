#!/usr/bin/env bash
# Who changes the HTTP/3 port of a gateway's Service with `kubectl apply` changes its HTTPS port, and who adds one adds
# nothing.
#
# One would guess: a Service's ports are told apart by number and protocol, as the API server itself and server-side
#   apply tell them apart: 443/TCP and 443/UDP are two.
# Seen with k8s.io/apimachinery v0.36.3 and k8s.io/api v0.36.3, by which the API server applies a strategic merge patch
#   and `kubectl apply` makes one: the key is the number alone. With https 443/TCP and http3 443/UDP to 8443 a patch of
#   443/UDP to 9443 makes the first one UDP, and "$patch": "delete" of 443/UDP takes both away. What kubectl makes of
#   a new target for http3 moves https to 9443; of a Service without http3, to which a file adds it, nothing changes;
#   of a file that takes it out again, no port is left. kubectl with a kube-apiserver 1.36 says "configured" in the
#   first two cases, and in the third that ports are required. --server-side does what was meant.
# Why it matters: a gateway's ports are edited in a file, and "configured" is all that one sees: the TLS port of all
#   clients goes where HTTP/3 should. The Python client sends a dict for a Service as such a patch, too. Use
#   server-side apply, or a JSON Patch by place.
. "$(dirname "$0")/environment"
build_go 1.26.0 'k8s.io/api v0.36.3' 'k8s.io/apimachinery v0.36.3' <<'END'
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

const (
	https   = `{"name":"https","port":443,"protocol":"TCP","targetPort":8443}`
	http3   = `{"name":"http3","port":443,"protocol":"UDP","targetPort":8443}`
	changed = `{"name":"http3","port":443,"protocol":"UDP","targetPort":9443}`
)

func service(ports ...string) []byte {
	return []byte(`{"spec":{"ports":[` + strings.Join(ports, ",") + `]}}`)
}

func patched(live, patch []byte) string {
	text, err := strategicpatch.StrategicMergePatch(live, patch, core.Service{})
	if err != nil {
		return err.Error()
	}
	var made core.Service
	if err := json.Unmarshal(text, &made); err != nil {
		return err.Error()
	}
	said := "no port"
	for number, port := range made.Spec.Ports {
		one := fmt.Sprintf("%s %s %s", port.Name, port.Protocol, port.TargetPort.String())
		if said = said + ", " + one; number == 0 {
			said = one
		}
	}
	return said
}

// applied is what `kubectl apply` makes of a live Service, last applied as it is, and a file.
func applied(live, file []byte) string {
	schema, err := strategicpatch.NewPatchMetaFromStruct(core.Service{})
	if err != nil {
		return err.Error()
	}
	patch, err := strategicpatch.CreateThreeWayMergePatch(live, file, live, schema, true)
	if err != nil {
		return err.Error()
	}
	return patched(live, patch)
}

func main() {
	one, two := service(https), service(https, http3)
	cases := []struct{ what, seen, expected string }{
		{
			"a patch of 443/UDP", patched(two, service(`{"port":443,"protocol":"UDP","targetPort":9443}`)),
			"https UDP 9443, http3 UDP 8443",
		},
		{
			"a patch that deletes 443/UDP", patched(two, service(`{"port":443,"protocol":"UDP","$patch":"delete"}`)),
			"no port",
		},
		{"a file with another target of http3", applied(two, service(https, changed)), "https TCP 9443, http3 UDP 8443"},
		{"a file with http3 added", applied(one, two), "https TCP 8443"},
		{"a file without http3", applied(two, one), "no port"},
	}
	status := 0
	for _, one := range cases {
		fmt.Printf("%s: %s\n", one.what, one.seen)
		if one.seen != one.expected {
			fmt.Println("  changed: was", one.expected)
			status = 1
		}
	}
	if status == 0 {
		fmt.Println("still there")
	}
	os.Exit(status)
}
END
"$dir/go/finding"
