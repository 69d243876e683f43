"""YAML as a person writes it: aliases are copies, and what JSON cannot hold is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.changes.edit import difference
from meshtui.changes.manifest import Unreadable, parse_manifest
from meshtui.changes.patch import apply
from tests.unit.strategies import json_values

SHARED = """\
spec:
  http:
  - match: &m
    - uri: &u {prefix: /a}
    route: [{destination: {host: reviews}}]
  - match: *m
    route: [{destination: {host: reviews}}]
  base: &b {timeout: 3s, uri: *u}
  more: {<<: *b, name: all}
"""
LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))


def test_an_alias_is_a_copy_of_its_anchor() -> None:
    found = parse_manifest(SHARED)
    first, second = (rule["match"] for rule in found["spec"]["http"])
    assert first == second == [{"uri": {"prefix": "/a"}}]
    assert first is not second
    assert found["spec"]["more"] == {"timeout": "3s", "uri": {"prefix": "/a"}, "name": "all"}
    assert len(set(_identities(found))) == len(_identities(found))


def test_a_change_below_an_anchor_leaves_its_alias_as_it_is() -> None:
    before = parse_manifest(SHARED)
    after = parse_manifest(SHARED.replace("match: *m", "match: [{uri: {prefix: /b}}]"))
    changed = apply(before, difference(before, after))
    assert changed == after
    assert changed["spec"]["http"][0]["match"] == [{"uri": {"prefix": "/a"}}]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: &a [*a]", "inside the value"),
        ("a: &a {b: {c: *a}}", "inside the value"),
        (LAUGHS, "aliases make"),
        ("a: [" * 3000, "not YAML"),
        ("a: {b: 1", "not YAML"),
        ("a: 1\nb: 2\na: 3", "'a' is there twice"),
        ("a: .nan", "JSON has no number nan"),
        ("a: {1: b}", "JSON has no key 1"),
        ("a: !!binary aGk=", "JSON has no value"),
        ("a: !!set {b, c}", "JSON has no value"),
        ("- a", "no object"),
        ("", "no object"),
    ],
)
def test_what_no_server_could_store_is_refused(text: str, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        parse_manifest(text)


def test_a_date_is_text_as_kubernetes_has_it() -> None:
    assert parse_manifest("a: 2024-01-01") == {"a": "2024-01-01"}


@given(st.dictionaries(st.sampled_from(["a", "b"]), json_values))
def test_json_is_read_as_it_is(value: dict[str, object]) -> None:
    assert parse_manifest(json.dumps(value)) == value


def _identities(value: object) -> list[int]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = [id(value)] if isinstance(value, dict | list) else []
    return own + [number for part in inner for number in _identities(part)]
