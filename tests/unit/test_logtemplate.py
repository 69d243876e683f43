"""Templates of log lines: which fields there are, how wide, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.envoy.logline import read_line
from meshtui.envoy.logtemplate import LINE_FIELDS, REQUEST_FIELDS, parse_template
from meshtui.envoy.logview import begins_with_time, highlighted
from meshtui.errors import Usage
from meshtui.mesh.regex import Search
from tests.unit.test_logfilter import FOREIGN, line


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{status} {flags}", "503 UO,URX"),
        ("{code} {method} {path} {protocol}", "503 GET /reviews/1?a=b HTTP/1.1"),
        ("{duration}|{duration_ms}|{upstream_ms}", "12ms|12|12"),
        ("{pod} {namespace} {version} {container}", "reviews-v1-x n v1 istio-proxy"),
        ("{host} {cluster} {direction}", "reviews:9080 inbound|9080|| in"),
        ("[{status:5}] [{status:>5}]", "[503  ] [  503]"),
        ("{{{status}}} }}", "{503} }"),
        ("{forwarded_for} {stamp}", "- -"),
    ],
)
def test_fields(template: str, text: str) -> None:
    assert parse_template(template).render(line(503, "UO,URX")) == text


def test_every_field_can_be_asked_for_and_is_written_for_any_request() -> None:
    template = "|".join(f"{{{name}}}" for name in (*LINE_FIELDS, *REQUEST_FIELDS))
    found = parse_template(template).render(line())
    assert found is not None and found.count("|") >= len(LINE_FIELDS) + len(REQUEST_FIELDS) - 1


def test_a_line_that_is_no_request_has_only_what_every_line_has() -> None:
    assert parse_template("{pod} {line}").render(FOREIGN) == f"reviews-v1-x {FOREIGN.text}"
    assert parse_template("{pod} {status}").render(FOREIGN) is None
    program = read_line("n", "p", "v1", line().text, 1_700_000_000_500_000_000, container="app")
    assert parse_template("{status}").render(program) is None
    assert parse_template("{stamp} {container}").render(program) == "2023-11-14T22:13:20.500Z app"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{stauts}", "is it {status}?"),
        ("{response_code}", "is it {status}?"),
        ("{msg}", "is it {line}?"),
        ("{Pod}", "is it {pod}?"),
        ("{pod.name}", "there are "),
        ("{zzz}", "there are "),
        ("{}", "there are "),
        ("{0}", "there are "),
        ("{pod!r}", "is it {pod}?"),
        ("{pod", "a brace is open"),
        ("{{.PodName}} {{.Message}}", "one brace for each"),
        (r"{pod}\t{line}", r"would print \t as it is"),
        (r"{line}\n", "a line ends by itself"),
        ("pod}", "a brace is open"),
        ("{pod:wide}", "has no width"),
        ("{pod:0}", "has no width"),
        ("{pod:9999999999999999999999}", "has no width"),
        ("pod", "the template has no field"),
        ("", "the template has no field"),
        ("{pod}" * 1_000, "the template is too long"),
    ],
)
def test_what_is_no_template_is_refused_in_words(template: str, said: str) -> None:
    with pytest.raises(Usage) as refused:
        parse_template(template)
    assert said in str(refused.value)


@given(st.text(st.sampled_from("{}:>podstauline 19"), max_size=30))
def test_any_text_is_a_template_or_wrong_usage(text: str) -> None:
    try:
        template = parse_template(text)
    except Usage:
        return
    template.render(line())


# What is marked

PIECES = st.lists(st.tuples(st.text(max_size=12), st.sampled_from("ab")), max_size=5)


@given(PIECES, st.sampled_from(["a", "[a-m]+", "x*", ".", "é", r"\d{2}", "b|c"]))
def test_marks_are_what_the_expression_finds_and_nothing_is_lost(
    pieces: list[tuple[str, str]], pattern: str
) -> None:
    found = list(highlighted(pieces, Search(pattern)))
    text = "".join(piece for piece, _ in pieces)
    assert "".join(piece for piece, _ in found) == text
    at, marked = 0, set()
    for piece, role in found:
        marked |= set(range(at, at + len(piece))) if role == "match" else set()
        at += len(piece)
    spans = Search(pattern).spans(text)
    assert marked == {place for begin, end in spans for place in range(begin, end)}


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("2026-11-28T02:35:50.433794Z\tinfo\tEnvoy proxy is ready", True),
        ("[2026-11-28 02:35:50.433][7][info] x", True),
        ("2026/11/28 02:35:50 listens", True),
        ("listens on 9080", False),
        ("20261128", False),
        ("", False),
    ],
)
def test_a_line_that_says_when_it_was_written_needs_no_other_time(text: str, has: bool) -> None:
    assert begins_with_time(text) is has


def test_a_mark_goes_over_the_pieces_of_a_line() -> None:
    found = list(highlighted([("503 ", "failing"), ("GET /a", "text")], Search("3 G")))
    assert found == [("50", "failing"), ("3 ", "match"), ("G", "match"), ("ET /a", "text")]
    assert list(highlighted([("503", "failing")], None)) == [("503", "failing")]
