"""The filter language of the logs: which lines each term lets through, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from meshtui.envoy.logfilter import _KEYS, parse_filter, regex, term, toggled
from meshtui.envoy.logline import LogLine, own_line, read_line
from meshtui.errors import Usage
from meshtui.verbs.log_filter import TERMS

TEXT = (
    '[2026-11-20T10:11:12.345Z] "{method} {path} HTTP/1.1" {code} {flags} via_upstream - "-" 0 91 '
    '{took} 12 "-" "curl/8.0" "id" "reviews:9080" "10.244.0.7:9080" inbound|9080|| '
    "10.244.0.5:41000 10.96.0.7:9080 10.244.0.5:51234 - default"
)
FOREIGN = read_line("n", "reviews-v1-x", "v1", "2026-11-20 info  Envoy proxy is ready 503 UO")


def line(
    code: int = 200,
    flags: str = "-",
    path: str = "/reviews/1?a=b",
    took: str = "12",
    method: str = "GET",
    version: str = "v1",
) -> LogLine:
    text = TEXT.format(code=code, flags=flags, path=path, took=took, method=method)
    return read_line("n", f"reviews-{version}-x", version, text)


FOREIGN_503 = read_line("n", "reviews-v1-x", "v1", "upstream said 503 Service Unavailable")


@pytest.mark.parametrize(
    ("words", "wanted", "unwanted"),
    [
        ("code:5xx", line(503), line(404)),
        ("5xx", line(503), line(404, path="/5xx/503")),
        ("503,504", line(504), line(200, took="503")),
        ("!5xx", line(404), line(503)),
        ("503", FOREIGN_503, line(200, path="/503")),
        ("~503", line(200, path="/503"), line(500)),
        ("--code 5xx", line(503), line(404)),
        ("--code=404 --path /a", line(404, path="/a"), line(404, path="/b")),
        ("code:50x", line(503), line(511)),
        ("code:503,504", line(504), line(500)),
        ("code:!200", line(301), line(200)),
        ("!code:2xx", line(301), line(204)),
        ("!code:!200", line(200), line(301)),
        ("code:0", line(0), line(200)),
        ("flag:UO", line(503, "UO"), line(503, "UF")),
        ("flag:uo,uf", line(503, "UF,URX"), line(503, "NR")),
        ("flag:any", line(503, "NR"), line(503)),
        ("flag:none", line(200), line(503, "NR")),
        ("version:v3", line(version="v3"), line(version="v33")),
        ("v:v1,v2", line(version="v2"), line(version="v3")),
        ("v:v*", line(version="v3"), line(version="canary")),
        ("pod:reviews-v3", line(version="v3"), line(version="v1")),
        ("!pod:reviews-v3", line(version="v1"), line(version="v3")),
        ("path:/reviews*", line(path="/reviews/7"), line(path="/x/reviews")),
        ("path:*/edit", line(path="/a/edit"), line(path="/a/edited")),
        ("path:/a*b*c", line(path="/a1b2c"), line(path="/a1c2b")),
        ("path:/a*a", line(path="/aa"), line(path="/a")),
        ("path:reviews", line(path="/x/reviews/1"), line(path="/ratings")),
        ('path:"/a b"', line(path='/a"b'), line(path="/ab")),
        (">200ms", line(took="201"), line(took="200")),
        ("dur>=200", line(took="200"), line(took="199")),
        ("dur<1s", line(took="999"), line(took="1000")),
        ("dur:<=1.5s", line(took="1500"), line(took="1501")),
        ("dur:200ms", line(took="300"), line(took="100")),
        (">1", line(took="2"), line(took="-")),
        ("method:post", line(method="POST"), line(method="GET")),
        ("CURL/8", line(), FOREIGN),
        ("!curl", FOREIGN, line()),
        ("reviews:9080", line(), FOREIGN),
        ("~50[34]", line(503), line(505, path="/a")),
        ("/50[34]/", line(504), line(505, path="/a")),
        ("!~50[34]", line(505, path="/a"), line(504)),
        ('~"proxy is (ready|gone)"', FOREIGN, line()),
        ("code:5xx v:v3 >10ms", line(500, version="v3"), line(500, version="v1")),
        ("", line(), None),
    ],
)
def test_what_a_filter_lets_through(words: str, wanted: LogLine, unwanted: LogLine | None) -> None:
    chosen = parse_filter(words)
    if '"/a b"' in words:
        assert wanted.request
        wanted = replace(wanted, request=replace(wanted.request, path="/a b"))
    assert chosen(wanted)
    assert unwanted is None or not chosen(unwanted)


@pytest.mark.parametrize(
    "words",
    ["code:503", "!code:200", "flag:UO", "!flag:any", "path:proxy", ">0ms", "!>1h", "method:GET"],
)
def test_a_foreign_line_is_no_request_either_way(words: str) -> None:
    assert not parse_filter(words)(FOREIGN)


@pytest.mark.parametrize("words", ["ready", "~ready$|UO", "pod:reviews-v1", "v:v1", "!nothing"])
def test_a_foreign_line_is_found_by_text_pod_and_version(words: str) -> None:
    assert parse_filter(words)(FOREIGN)


def test_the_json_form_is_filtered_by_the_same_terms() -> None:
    text = json.dumps({"start_time": "t", "response_code": 503, "response_flags": "UF",
                       "path": "/a", "method": "GET", "duration": 250})  # fmt: skip
    found = read_line("n", "p", "v1", text)
    assert parse_filter("code:5xx flag:UF path:/a >200ms method:GET")(found)


def test_what_meshtui_says_itself_always_passes() -> None:
    assert parse_filter("code:503 ~x flag:UO")(own_line("meshtui: p is gone"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("code:abc", "code:abc is no response code: as in code:503"),
        ("code:5xx,", "code: is no response code"),
        ("code:", "code: of what"),
        ("flag:U-O!", "no response flag"),
        (">soon", ">soon is no duration"),
        ("dur:x", ">x is no duration"),
        ("~(", "no regular expression"),
        ("~(?=x)", "no regular expression"),
        ("!", "! stands before a term"),
        ('"open', "a quote is not closed"),
        ("x" * 2_000, "too long"),
    ],
)
def test_a_wrong_filter_is_refused_in_one_line(words: str, said: str) -> None:
    with pytest.raises(Usage) as refused:
        parse_filter(words)
    assert said in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("source", "then"),
    [("", "5xx"), ("5xx", ""), ("v:v3", "v:v3 5xx"), ("v:v3 5xx", "v:v3"), ("15xx", "15xx 5xx")],
)
def test_a_term_is_toggled_beside_the_others(source: str, then: str) -> None:
    assert toggled(source, "5xx") == then


def test_filters_are_joined_and_told() -> None:
    joined = parse_filter("v:v3") & term("code", "5xx") & regex("a b")
    assert joined.source == "v:v3 code:5xx ~a b" and len(joined.terms) == 3
    assert not parse_filter("") & parse_filter("")


WORDS = st.text(st.sampled_from('code:flagvpth5x20,!~/>*<"ms .()[]{}|\\'), max_size=30) | st.text(
    max_size=30
)


@given(WORDS, st.text(max_size=60), st.text(max_size=20), st.integers(0, 999))
def test_any_words_give_a_filter_or_a_refusal_and_any_line_an_answer(
    words: str, text: str, path: str, code: int
) -> None:
    lines = [read_line("n", text, text, text), line(code, path=path.replace(" ", "") or "/")]
    try:
        chosen = parse_filter(words)
    except Usage:
        return
    assert {chosen(one) for one in lines} <= {True, False}


@pytest.mark.parametrize(
    ("word", "meant"),
    [("codes:5xx", "code:"), ("flags:UO", "flag:"), ("Status:503", "code:"), ("uri:/x", "path:")],
)
def test_a_key_that_is_nearly_one_is_refused_and_not_looked_for(word: str, meant: str) -> None:
    with pytest.raises(Usage) as caught:
        parse_filter(word)
    assert meant in caught.value.hint


def test_other_words_with_a_colon_are_texts() -> None:
    for word in ("reviews:9080", "http://x", "10.1.0.3:51234", "::1", "~codes:"):
        assert parse_filter(word).terms


@pytest.mark.parametrize("text", ["cod:503", "colour:red", "namespace:default", "!zone:a"])
def test_an_unknown_key_is_an_error(text: str) -> None:
    with pytest.raises(Usage, match="there is no "):
        parse_filter(text)


@pytest.mark.parametrize("text", ["reviews:9080", "http://x", "10.1.2.3:80", "a::b", "~colour:red"])
def test_places_and_expressions_are_no_keys(text: str) -> None:
    assert parse_filter(text)


@pytest.mark.parametrize("word", [w for one in TERMS.values() for w in one.words.split("  ")])
def test_every_term_of_the_table_is_one(word: str) -> None:
    assert parse_filter(word)


@pytest.mark.parametrize("key", sorted({*_KEYS}))
def test_a_key_without_a_value_shows_a_use_of_it_that_is_understood(key: str) -> None:
    with pytest.raises(Usage) as raised:
        parse_filter(f"{key}:")
    for shown in raised.value.hint.removeprefix("as in ").split(", "):
        assert parse_filter(shown)


def test_the_table_has_every_key() -> None:
    shown = " ".join(one.words for one in TERMS.values())
    assert all(f"{key}:" in shown for key in _KEYS if key != "duration")
