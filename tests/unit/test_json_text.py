"""The fast reading of JSON accepts what the standard library accepts, and reads it alike."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.mesh.json_text import Decoder, decode, indented

ODD = (
    b'{"a": NaN}',
    b'{"a": -Infinity}',
    b'{"a": 1e999}',
    b'{"a": "\\ud800"}',
    b'\xef\xbb\xbf{"a": 1}',
    b'{"a": 1, "a": 2}',
    b'{"a": 123456789012345678901234567890}',
    b'{"a": -0, "b": -0.0, "c": 1e-400, "d": 0.1e1}',
    b'{"a": "\xff"}',
    b'{"a": "\x01"}',
    b'{"a": 1} x',
    b'{"a": 01}',
    b'{"a": 1',
    b"{'a': 1}",
    b"",
    b"[" * 100_000,
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def outcome(read: Any, text: bytes | str) -> str:
    """The value, in words that tell 1 from 1.0 and from True, or the kind of the error."""
    try:
        return repr(read(text))
    except RecursionError:
        return "too deep"
    except ValueError:
        return "not JSON"


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_what_is_odd_is_what_the_standard_library_says(text: bytes) -> None:
    assert outcome(decode, text) == outcome(json.loads, text)


@given(values, st.booleans())
def test_any_value_is_read_alike(value: Any, as_ascii: bool) -> None:
    text = json.dumps(value, ensure_ascii=as_ascii)
    assert outcome(decode, text) == outcome(json.loads, text)


@given(st.binary(max_size=40) | st.text('[]{}",:0123456789.eE+-\\ntrufalsx \t', max_size=40))
def test_any_text_is_read_or_refused_alike(text: bytes | str) -> None:
    assert outcome(decode, text) == outcome(json.loads, text)


SHAPE = Decoder(dict[str, list[int]])


def test_what_is_of_another_shape_is_read_whole() -> None:
    assert SHAPE(b'{"a": [1]}') == {"a": [1]}
    assert SHAPE(b'{"a": "x", "b": NaN}').keys() == {"a", "b"}
    with pytest.raises(ValueError, match="Expecting"):
        SHAPE(b'{"a": ')


@given(values)
def test_what_is_laid_out_is_what_the_standard_library_lays_out(value: Any) -> None:
    for ascii_only in (True, False):
        laid_out = json.dumps(value, indent=2, ensure_ascii=ascii_only)
        found = indented(json.dumps(value, ensure_ascii=ascii_only), 2)
        assert found in (laid_out, "")


@pytest.mark.parametrize("value", [[], {}, [[]], {"a": {}}, [1, [2.5, None]], "\u2192", 10**30])
def test_what_is_ordinary_is_laid_out(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert indented(text, 2) == json.dumps(value, indent=2, ensure_ascii=False)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), ["\ud800"]], ids=str)
def test_what_is_odd_is_left_to_the_standard_library(value: Any) -> None:
    assert indented(json.dumps(value, ensure_ascii=False), 2) == ""
