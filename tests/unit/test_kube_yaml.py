"""YAML as Kubernetes reads it: what was seen of `sigs.k8s.io/yaml` v1.6.0, and of 5,000 others."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from meshtui.changes.kube_yaml import dump_yaml
from meshtui.changes.manifest import parse_manifest
from meshtui.cli.output import as_yaml
from tests.unit.strategies import json_values

READ: dict[str, Any] = {
    "1e3": 1000, "1234e56": 1.234e59, "0812345": 812345, "08": 8, "0o17": 15, "017": 15, "0O7": 7,
    "0b11": 3, "0B1": 1, "0x1F": 31, "-0x1f": -31, "1_000": 1000, "1.0": 1, "5.": 5, ".5": 0.5,
    "-.5e3": -500, "+1": 1, "y": True, "N": False, "on": True, "Off": False, "yes": True,
    "12:30": "12:30", "1:2:3": "1:2:3", "2020-01-01": "2020-01-01", "1e": "1e", "e1": "e1",
    "tRue": "tRue", "3e550": "3e550", "v1": "v1", "0x": "0x", "~": None, "null": None,
}  # fmt: skip
"""What is written plainly, and what it is then."""


@pytest.mark.parametrize("text", READ)
def test_a_plain_word_is_what_kubernetes_takes_it_for(text: str) -> None:
    found = parse_manifest(f"value: {text}")["value"]
    assert (found, type(found)) == (READ[text], type(READ[text]))


@pytest.mark.parametrize("text", READ)
def test_a_string_that_looks_like_something_else_is_quoted(text: str) -> None:
    written = as_yaml({"value": text})
    assert parse_manifest(written) == yaml.safe_load(written) == {"value": text}
    plain = written == f"value: {text}\n"
    assert not plain or READ[text] == text


@given(json_values)
def test_what_is_written_is_read_as_it_was(value: Any) -> None:
    assert parse_manifest(dump_yaml({"value": value}))["value"] == value


@given(st.text("0123456789abcdefxoeE+-._:yYnNtTrufals", max_size=7))
def test_a_string_stays_a_string(text: str) -> None:
    written = dump_yaml({"value": text})
    assert parse_manifest(written) == yaml.safe_load(written) == {"value": text}
