"""Regular expressions as Envoy has them, with google-re2 and where it is missing."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.mesh import regex, regex_plain
from meshtui.mesh.regex import Search, Undecidable, full_match


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("/api(/.*)?", "/api/v1", True),
        ("/api(/.*)?", "/apix", False),
        ("a|b", "ab", False),
        ("", "", True),
        ("a{2,3}", "aaaa", False),
        ("a{2,}", "aaaa", True),
        ("a{,3}", "a{,3}", True),
        ("a{b", "a{b", True),
        (r"\d+", "١", False),
        (r"\w+", "é", False),
        (".", "\n", False),
        ("(?s).", "\n", True),
        ("(?i)JASON", "jAsOn", True),
        ("a(?i:b)c", "aBc", True),
        ("a(?i:b)c", "ABc", False),
        ("(?i-i)a", "A", False),
        ("(a(?i)b)c", "aBC", False),
        ("[[:alpha:]]+", "abZ", True),
        ("[[:^digit:]]+", "a1", False),
        ("[^a-c]", "b", False),
        ("[]-]+", "-]", True),
        (r"[\d\-x]+", "1-x", True),
        (r"\x41\x{42}", "AB", True),
        (r"a\.b", "axb", False),
        (r"^/a$", "/a", True),
        ("a^b", "ab", False),
        (r"\Aa\z", "a", True),
        (r"\bfoo\b", "foo", True),
        (r"fo\Bo", "foo", True),
        ("(?P<who>a)(?<what>b)", "ab", True),
        ("a*?b??", "aab", True),
        ("(?m)^a$", "a", True),
        ("(|a)+", "aa", True),
        (r"\pL+", "ab", True),
        (r"\Q.\E", "a", False),
        (r"\C", "a", True),
        ("(?i)é", "a", False),
        ("(" * 200 + "a" + ")" * 200, "a", True),
        ("\ud800", "\ud800", True),
    ],
)
def test_what_matches(pattern: str, text: str, expected: bool) -> None:
    assert full_match(pattern, text) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        *("(?=a)", "(?!a)", "(?<=a)b", "(?<!a)b", "(?>a)", "(?#x)", "(?x)a", "(?P=who)"),
        *(
            "a**",
            "a++",
            "a{2}{3}",
            "*a",
            "(+)",
            "a|*",
            "a{1001}",
            "a{3,2}",
            "(a",
            "a)",
            "[a",
            "a\\",
        ),
        *(
            "[b-a]",
            r"[a-\d]",
            "[[:nope:]]",
            r"\1",
            r"\Z",
            "(?--i)",
        ),
        *("((a{1000}){1000}){1000}", "(((a{10}){10}){10}){2}", "(", "\ud800("),
    ],
)
def test_what_re2_refuses_is_not_decided(pattern: str) -> None:
    with pytest.raises(Undecidable, match="RE2 refuses it: "):
        full_match(pattern, "a")


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("é", "é", True),
        ("é?a", "b", False),
        (".*", "é", True),
        ("[a-z]+", "é", False),
        (".", "é", None),
        ("..", "é", None),
        ("é?", "", None),
        ("[é]", "é", None),
        (r"\x{e9}", "é", None),
    ],
)
def test_beyond_ascii_bytes_and_letters_must_say_the_same(
    pattern: str, text: str, expected: bool | None
) -> None:
    if expected is None:
        with pytest.raises(Undecidable):
            full_match(pattern, text)
    else:
        assert full_match(pattern, text) is expected


def test_ignoring_case_beyond_ascii_is_not_guessed() -> None:
    with pytest.raises(Undecidable):
        full_match("(?i)k", "\u212a")
    assert full_match("k", "\u212a") is False


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|a)*b", "(a|aa)+b", "(.*)*x", "(a?){30}a{30}b"])
def test_no_expression_hangs_the_program(pattern: str) -> None:
    began = time.process_time()
    assert full_match(pattern, "a" * 200) is False
    assert time.process_time() - began < 5


ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", r"\w", "1", "^", "$", "-", r"\."])


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    group = st.builds("(?:{})".format, inner)
    return st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("{}|{}".format, inner, inner),
        group,
        st.builds("{}{}".format, group, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "*?"])),
    )


@given(st.recursive(ATOMS, _larger, max_leaves=12), st.text("ab1-. ", max_size=8))
def test_the_same_as_pythons_where_both_mean_the_same(pattern: str, text: str) -> None:
    expected = re.compile(pattern, re.ASCII).fullmatch(text) is not None
    assert full_match(pattern, text) is expected


@given(st.text("ab(?)[]{}*+|\\^$.:-,1iPms<>=!é", max_size=20), st.text(max_size=10))
def test_any_text_is_an_expression_or_refused(pattern: str, text: str) -> None:
    try:
        full_match(pattern, text)
    except Undecidable as reason:
        assert str(reason)


def test_what_would_take_seconds_is_not_decided() -> None:
    with pytest.raises(Undecidable, match="too large"):
        full_match("(?:a?b?c?d?){250}" * 8 + "x", "abcd" * 4000)


@pytest.fixture
def without_re2(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "re2", None)
    regex._engine.cache_clear()
    yield
    regex._engine.cache_clear()


@pytest.mark.usefixtures("without_re2")
def test_without_the_library_the_plain_ones_are_decided() -> None:
    assert full_match("/api(?:/.*)?", "/api/v1") is True
    assert full_match(r"v[0-9]+\.\d{2}|^latest$", "v1.30") is True
    assert full_match("a$.*", "a\n") is False
    assert Search("50[34]")("code 503") is True
    for pattern, text in (("[[:alpha:]]", "a"), ("(a+)+b", "a"), (".*", "é")):
        with pytest.raises(Undecidable, match="without google-re2"):
            full_match(pattern, text)


@pytest.mark.parametrize(
    "pattern", ["(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)b", "a*a*a*b", "a{0,99}a*a*b", "a?" * 7 + "b"]
)
def test_without_the_library_nothing_slow_is_begun(pattern: str) -> None:
    with pytest.raises(Undecidable, match="too long"):
        regex_plain.full_match(pattern, "a" * 100)


@given(
    st.one_of(
        st.text("ab(?)[]{}*+|\\^$.:-,1iPms<>=!é#& ", max_size=12),
        st.recursive(ATOMS, _larger, max_leaves=6),
    ),
    st.text("ab1-.$\n\x0b ", max_size=6),
)
def test_without_the_library_what_is_decided_is_decided_alike(pattern: str, text: str) -> None:
    try:
        plain = regex_plain.full_match(pattern, text)
    except Undecidable:
        return
    assert full_match(pattern, text) is plain
    try:
        found = regex_plain.search(pattern)(text)
    except Undecidable:
        return
    assert Search(pattern)(text) is found
