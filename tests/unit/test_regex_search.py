"""Looking for a regular expression in a text, however the text is made."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.mesh.regex import Search, Undecidable


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("b", "abc", True),
        ("^b", "abc", False),
        ("c$", "abc", True),
        ("b$", "abc", False),
        ("", "", True),
        ("x", "", False),
        ("a.*c", "xxabbbcxx", True),
        (r"50[34]", "code 503", True),
        (r"\bUO\b", "503 UO overflow", True),
        (r"\bUO\b", "QUOTA", False),
        (r"\bab", "ab", True),
        (r"\Bb\b", "ab", True),
        ("(?i)timeout", "a TIMEOUT", True),
        ("timeout|reset", "a reset", True),
        ("(?m)^b", "a\nb", True),
        ("é+", "cafééé", True),
        (r"\d{3}ms", "took 200ms", True),
    ],
)
def test_what_is_found(pattern: str, text: str, expected: bool) -> None:
    assert Search(pattern)(text) is expected


@pytest.mark.parametrize("pattern", ["(", "(?=a)", "a**", r"\1", "[z-a]", "(a{1000}){1000}", "*"])
def test_what_cannot_be_looked_for_is_refused(pattern: str) -> None:
    with pytest.raises(Undecidable):
        Search(pattern)


PIECES = st.sampled_from(["a", "b", "c", ".", "(a|b)", "(ab)", "[^a]", r"\b", "^", "$"])
REPEATS = st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,3}"])


@st.composite
def patterns(draw: st.DrawFn) -> str:
    parts = draw(st.lists(st.tuples(PIECES, REPEATS), min_size=1, max_size=6))
    return "".join(p if p in (r"\b", "^", "$") else p + r for p, r in parts)


@given(patterns(), st.lists(st.text("abc ", max_size=12), min_size=1, max_size=4))
def test_the_same_is_found_as_by_pythons_engine(pattern: str, texts: list[str]) -> None:
    search = Search(pattern)
    for text in texts:
        assert search(text) is bool(re.search(pattern, text))


def test_a_text_that_is_made_to_be_slow_is_not() -> None:
    search = Search("(a+)+b.*a.*b.*c")
    began = time.process_time()
    assert not search("ab" * 20_000)
    assert time.process_time() - began < 2.0
