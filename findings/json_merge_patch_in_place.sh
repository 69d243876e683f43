#!/usr/bin/env bash
# json-merge-patch changes the object that it merges into, and makes no patch from 1 to true.
#
# One would guess: merge(before, patch) returns the result and leaves `before`, as RFC 7396's function of a target
#   and a patch does, and create_patch(before, after) is empty if the two are the same JSON.
# Seen with json-merge-patch 0.3.0: merge() returns the very object that it was given, changed, inner objects as
#   well. create_patch({"weight": 1}, {"weight": true}) is {}, also inside a list, and from 0 to false; from "1" to
#   1 there is one. (jsonpatch 1.48 keeps both apart.)
# Why it matters: a cockpit keeps the object that it read for the way back. Patched that way, what it would roll
#   back to is what it has just made, and a comparison of the two finds no difference. And the cure of a value that
#   somebody wrote as a boolean is not sent.
. "$(dirname "$0")/environment"
with_packages json-merge-patch==0.3.0 jsonpatch==1.48 <<'END'
import copy
import json

import json_merge_patch
import jsonpatch

BEFORE = {"spec": {"fault": {"abort": 1}, "timeout": "5s"}}
before = copy.deepcopy(BEFORE)
after = json_merge_patch.merge(before, {"spec": {"fault": None, "retries": {"attempts": 2}}})
print("the object that was read, after merge():", json.dumps(before))
print("the result is the same object:", after is before)
PAIRS = (({"weight": 1}, {"weight": True}), ({"on": [0]}, {"on": [False]}), ({"weight": "1"}, {"weight": 1}))
patches = []
for one, other in PAIRS:
    merge = json_merge_patch.create_patch(one, other)
    steps = jsonpatch.make_patch(one, other).patch
    patches.append((bool(merge), bool(steps)))
    print(json.dumps(one), "to", json.dumps(other), "-", merge, "- jsonpatch:", steps)
seen = after is before, before == BEFORE, patches
expected = True, False, [(False, True), (False, True), (True, True)]
print("still there" if seen == expected else f"changed: was {expected}")
raise SystemExit(seen != expected)
END
