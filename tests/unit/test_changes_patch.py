"""A patch changes the places that it names: no other one, though it may hold the same object."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from meshtui.changes.patch import PatchError, apply, invert, pointer, value_at
from tests.unit.strategies import json_values


@st.composite
def patched(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A document that holds objects in several places, and operations somewhere in it."""
    value = draw(st.dictionaries(st.sampled_from("xy"), json_values, max_size=2))
    document = {"a": value, "b": [value, {"c": value}], "d": draw(json_values)}
    operations = []
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from([path for path, _ in places(document)]))
        inner = value_at(document, place)
        kind = draw(st.sampled_from(["add", "replace", "remove"]))
        if kind == "add":
            end = "-" if isinstance(inner, list) else "new"
            place = f"{place}/{end}" if isinstance(inner, dict | list) else place
        operations.append({"op": kind, "path": place, "value": draw(json_values)})
    return document, operations


def places(value: Any, at: str = "") -> list[tuple[str, Any]]:
    """Each value below this one, with its pointer."""
    pairs = value.items() if isinstance(value, dict) else []
    pairs = enumerate(value) if isinstance(value, list) else pairs
    inner = [(at + pointer(key), part) for key, part in pairs]
    return inner + [found for path, part in inner for found in places(part, path)]


def unshared(value: Any) -> Any:
    return json.loads(json.dumps(value))


@given(patched())
def test_shared_objects_are_patched_as_if_each_were_its_own(
    case: tuple[dict[str, Any], list[dict[str, Any]]],
) -> None:
    document, operations = case
    before = unshared(document)
    try:
        expected = apply(unshared(document), unshared(operations))
    except PatchError:
        assume(False)
    changed = apply(document, operations)
    assert changed == expected
    assert document == before
    assert apply(changed, invert(document, operations)) == before


def test_an_operation_given_twice_adds_two_objects() -> None:
    value: dict[str, Any] = {}
    operations = [{"op": "add", "path": f"/{key}", "value": value} for key in "ab"]
    changed = apply({}, [*operations, {"op": "add", "path": "/a/x", "value": 1}])
    assert changed == {"a": {"x": 1}, "b": {}}
    assert value == {}
