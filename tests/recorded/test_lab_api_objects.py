"""The lab's API server takes and refuses objects of the Gateway API as a real one does."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from meshtui.lab.api.kinds import GATEWAY_API, RESOURCES
from meshtui.lab.api.options import WriteOptions
from meshtui.lab.api.request import Target
from meshtui.lab.api.status import ApiError
from meshtui.lab.api.writes import create
from meshtui.lab.store import Store
from tests.recorded.cases import DATA, Case, identity, load, names

Obj = dict[str, Any]
RECORDED = json.loads((DATA / "gateway-api-objects.json").read_text())["cases"]
"""Each sent to a real API server with `dryRun`, and what it answered through kubectl."""

SERVED = {r.kind.kind: r for r in RESOURCES if r.kind.group == GATEWAY_API}


def made(obj: Obj) -> tuple[Obj, list[str]]:
    """The object as it is stored, or the complaints about it."""
    meta = obj["metadata"]
    store = Store()
    store.put("", "namespaces", {"metadata": {"name": meta["namespace"]}})
    version = obj["apiVersion"].split("/")[1]
    target = Target("create", SERVED[obj["kind"]], version, meta["namespace"])
    try:
        found = create(store, target, copy.deepcopy(obj), WriteOptions("test", validation="Strict"))
    except ApiError as error:
        return {}, [f"{c['field']}: {c['message']}" for c in error.details["causes"]]
    return found.obj, []


def complaints(text: str) -> list[str]:
    """kubectl shows one in a line, and several in a list."""
    head, _, rest = text.partition(" is invalid: ")
    assert rest, head
    return [line.removeprefix("* ") for line in rest.strip().splitlines()]


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["case"])
def test_an_object_is_taken_or_refused_as_it_was(case: Obj) -> None:
    stored, said = made(case["object"])
    assert sorted(said) == sorted(complaints(case["refused"]) if "refused" in case else [])
    assert stored.get("spec") == case.get("stored")


def test_most_of_the_recorded_objects_were_refused() -> None:
    assert sum("refused" in case for case in RECORDED) > 40 < len(RECORDED)


@pytest.mark.parametrize("name", names("gateway-api"))
def test_the_objects_of_a_case_are_taken_as_they_were(name: str) -> None:
    case: Case = load(name, "gateway-api")
    refused = case.recorded.get("refused") or {}
    for obj in case.objects:
        if obj["kind"] in SERVED and obj["apiVersion"].startswith(GATEWAY_API):
            _, said = made(obj)
            words = str(refused.get(identity(obj), ""))
            assert "; ".join(said) == words.partition(" is invalid: ")[2]
