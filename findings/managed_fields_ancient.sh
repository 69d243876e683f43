#!/usr/bin/env bash
# The eleventh writer of an object takes two older ones their names: "ancient-changes" owns what they wrote.
#
# One would guess: metadata.managedFields names, for each field, the manager who wrote the value that stands there, as
#   long as it stands; the entry goes only when another takes the last of its fields.
# Seen with k8s.io/apimachinery v0.36.3, by which the API server keeps these entries: ten managers who updated an
#   object, each a field of his own, have an entry each. With the eleventh the two oldest become one entry of the
#   manager "ancient-changes", with the time of the younger; with each further one the next. A manager in there who
#   writes again gets an entry of his own for what he changes now, and the rest of his fields stay with
#   "ancient-changes". Who applied, instead of updating, is kept by name, older or not. A kube-apiserver 1.36 does the
#   same.
# Why it matters: "who set this weight?" is answered from here. A cockpit whose manager has a name of its own for each
#   person or session uses the ten places up, its own and those of others: after ten changes the answer is nobody, with
#   a time at which the field was not changed. Use one name, and keep who it was somewhere else.
. "$(dirname "$0")/environment"
build_go 1.26.0 'k8s.io/apimachinery v0.36.3' <<'END'
package main

import (
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/managedfields/managedfieldstest"
)

var kind = schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"}

func object(fields map[string]any) *unstructured.Unstructured {
	live := &unstructured.Unstructured{Object: map[string]any{"spec": fields}}
	live.SetGroupVersionKind(kind)
	live.SetName("reviews")
	return live
}

func with(live *unstructured.Unstructured, field, value string) *unstructured.Unstructured {
	changed := live.DeepCopy()
	if err := unstructured.SetNestedField(changed.Object, value, "spec", field); err != nil {
		panic(err)
	}
	return changed
}

func owners(live *unstructured.Unstructured) string {
	var all []string
	for _, entry := range live.GetManagedFields() {
		fields := strings.Count(string(entry.FieldsV1.Raw), `"f:field-`)
		all = append(all, fmt.Sprintf("%s %s %d", entry.Operation, entry.Manager, fields))
	}
	sort.Strings(all)
	return strings.Join(all, ", ")
}

func main() {
	manager := managedfieldstest.NewFakeFieldManager(managedfields.NewDeducedTypeConverter(), kind)
	live := object(map[string]any{})
	update := func(name, field, value string) {
		next, err := manager.Update(live, with(live, field, value), name)
		if err != nil {
			panic(err)
		}
		live = next.(*unstructured.Unstructured)
	}
	update("m01", "field-m01", "x")
	applied, err := manager.Apply(live, object(map[string]any{"field-applied": "x"}), "applier", false)
	if err != nil {
		panic(err)
	}
	live = applied.(*unstructured.Unstructured)
	var seen []string
	note := func(what string) {
		seen = append(seen, owners(live))
		fmt.Println(what+":", seen[len(seen)-1])
	}
	for number := 2; number <= 12; number++ {
		name := fmt.Sprintf("m%02d", number)
		update(name, "field-"+name, "x")
		if number >= 10 {
			note(fmt.Sprintf("%d updaters", number))
		}
	}
	time.Sleep(1100 * time.Millisecond) // the order is one of whole seconds
	update("m01", "field-m01-too", "x")
	note("the first one again")
	rest := func(from, to int) string {
		text := ""
		for number := from; number <= to; number++ {
			text += fmt.Sprintf(", Update m%02d 1", number)
		}
		return text
	}
	expected := []string{
		"Apply applier 1" + rest(1, 10),
		"Apply applier 1, Update ancient-changes 2" + rest(3, 11),
		"Apply applier 1, Update ancient-changes 3" + rest(4, 12),
		"Apply applier 1, Update ancient-changes 4, Update m01 1" + rest(5, 12),
	}
	if strings.Join(seen, "\n") != strings.Join(expected, "\n") {
		fmt.Println("changed: was", expected)
		os.Exit(1)
	}
	fmt.Println("still there")
}
END
"$dir/go/finding"
