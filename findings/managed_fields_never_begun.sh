#!/usr/bin/env bash
# Of an object that was made empty nobody is ever recorded, whoever fills and changes it.
#
# One would guess: each write of a field has its manager in metadata.managedFields, on every object, since the API
#   server keeps them for all kinds; at the latest the second write has.
# Seen with k8s.io/apimachinery v0.36.3, by which the API server keeps these entries: an object that is created with a
#   field has an entry of its creator, and one more with each manager who sets another. An object that is created
#   without any, as `kubectl create configmap history` does, has none, and none after any number of updates by any
#   manager: without entries an update is not recorded. The first apply begins, and gives all that is there to a
#   manager "before-first-apply". A kube-apiserver 1.36 does the same with such a config map.
# Why it matters: "who wrote this?" has no answer for the config map in which a tool keeps its history or its lock,
#   which it makes first and fills later, and an apply of its own fields finds a conflict with "before-first-apply",
#   that is, with itself. Create the object with its first content.
. "$(dirname "$0")/environment"
build_go 1.26.0 'k8s.io/apimachinery v0.36.3' <<'END'
package main

import (
	"fmt"
	"os"
	"sort"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/managedfields/managedfieldstest"
)

var (
	kind    = schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
	manager = managedfieldstest.NewFakeFieldManager(managedfields.NewDeducedTypeConverter(), kind)
)

func object(data map[string]any) *unstructured.Unstructured {
	made := &unstructured.Unstructured{Object: map[string]any{}}
	if data != nil {
		made.Object["data"] = data
	}
	made.SetGroupVersionKind(kind)
	made.SetName("history")
	return made
}

func owners(live *unstructured.Unstructured) string {
	var all []string
	for _, entry := range live.GetManagedFields() {
		all = append(all, fmt.Sprintf("%s by %s", entry.Manager, entry.Operation))
	}
	sort.Strings(all)
	return "[" + strings.Join(all, ", ") + "]"
}

// created is what the server makes of an object that was posted: the entries, and then an identity.
func created(posted *unstructured.Unstructured) *unstructured.Unstructured {
	empty := &unstructured.Unstructured{Object: map[string]any{}}
	empty.SetGroupVersionKind(kind)
	made, err := manager.Update(empty, posted, "creator")
	if err != nil {
		panic(err)
	}
	live := made.(*unstructured.Unstructured)
	live.SetUID("b0a7")
	return live
}

func updated(live *unstructured.Unstructured, name, key string) *unstructured.Unstructured {
	changed := live.DeepCopy()
	if err := unstructured.SetNestedField(changed.Object, "x", "data", key); err != nil {
		panic(err)
	}
	next, err := manager.Update(live, changed, name)
	if err != nil {
		panic(err)
	}
	return next.(*unstructured.Unstructured)
}

func main() {
	var seen []string
	note := func(what, text string) {
		seen = append(seen, text)
		fmt.Println(what+":", text)
	}
	full := created(object(map[string]any{"first": "x"}))
	note("created with a field", owners(full))
	note("updated", owners(updated(full, "cockpit", "second")))
	empty := created(object(nil))
	note("created empty", owners(empty))
	for _, name := range []string{"cockpit", "operator", "cockpit"} {
		empty = updated(empty, name, "by-"+name)
	}
	note("updated three times", owners(empty))
	wanted := object(map[string]any{"by-cockpit": "y"})
	_, err := manager.Apply(empty, wanted, "cockpit", false)
	note("an apply by one of them", fmt.Sprint(err))
	applied, err := manager.Apply(empty, wanted, "cockpit", true)
	if err != nil {
		panic(err)
	}
	note("the same by force", owners(applied.(*unstructured.Unstructured)))
	expected := []string{
		"[creator by Update]",
		"[cockpit by Update, creator by Update]",
		"[]",
		"[]",
		`Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.by-cockpit`,
		"[before-first-apply by Update, cockpit by Apply]",
	}
	if strings.Join(seen, "\n") != strings.Join(expected, "\n") {
		fmt.Println("changed: was", strings.Join(expected, "; "))
		os.Exit(1)
	}
	fmt.Println("still there")
}
END
"$dir/go/finding"
