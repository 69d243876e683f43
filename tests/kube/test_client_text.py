"""What comes out of a cluster is text, whatever it was meant to be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.kube.lines import LineSplitter
from meshtui.mesh.text import clean


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢字 🚀", "plain é 漢字 🚀"),
        ("\x1b[31mred\x1b[0m", "^[[31mred^[[0m"),
        ("a\tb\r\nc", "a b··c"),
        ("\x00\x07\x7f", "^@^G^?"),
        ("\x9b1m\x85", r"\x9b1m\x85"),
        ("pay \u202eevil\u2066", r"pay \u202eevil\u2066"),
        ("v1\u200d v1\ufe0f v\u00ad1", r"v1\u200d v1\ufe0f v\xad1"),
        ("\u2028\u2029\ud800\U000e0041", r"\u2028\u2029\ud800\U000e0041"),
    ],
)
def test_what_drives_a_terminal_is_shown_instead(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_it_is_one_line_of_at_most_so_many_characters(text: str, limit: int) -> None:
    cleaned = clean(text, limit)
    assert len(cleaned) <= limit
    assert len(cleaned.splitlines()) <= 1
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in cleaned)
    cleaned.encode()
    assert clean(cleaned) == cleaned


@given(st.lists(st.binary(max_size=20)), st.integers(min_value=1, max_value=64))
def test_lines_do_not_depend_on_the_chunks_they_come_in(chunks: list[bytes], longest: int) -> None:
    splitter = LineSplitter(longest)
    lines = [line for chunk in chunks for line in splitter.feed(chunk)] + splitter.end()
    *whole, rest = b"".join(chunks).split(b"\n")
    expected = [line[:longest].removesuffix(b"\r") for line in whole]
    expected += [rest[:longest].removesuffix(b"\r")] if rest else []
    assert lines == expected
