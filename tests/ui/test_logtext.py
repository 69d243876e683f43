"""What the logs pane makes of lines: rows, fields in words, copies; the words of commands."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len

from meshtui.envoy.details import explain_details
from meshtui.envoy.logfilter import LogFilter, parse_filter
from meshtui.envoy.logline import LOOKED_AT, own_line, read_line
from meshtui.envoy.logstore import LogStore
from meshtui.errors import Usage
from meshtui.mesh.text import clean
from meshtui.operations.logs.pod_tail import TailFrom
from meshtui.ui.panes.logs.access_line import MOST_ROWS, LineStyle, log_line, wrapped_line
from meshtui.ui.panes.logs.commands import STARTS, Copy, Mark, Save, next_start, parse_log_command
from meshtui.ui.panes.logs.fields import field_lines
from meshtui.ui.panes.logs.text import start_words, summary_lines, to_copy
from meshtui.ui.widgets.lines import COPIED_MOST
from meshtui.ui.widgets.paint import Line, Span
from tests.unit.test_envoy_accesslog import TCP
from tests.unit.test_logfilter import FOREIGN, line

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=80).map(clean)


def said(rows: list[Line]) -> str:
    return "\n".join("".join(piece.text for piece in row) for row in rows)


@given(st.lists(TEXTS, min_size=1, max_size=4), st.integers(8, 60), st.integers(0, 8))
def test_wrapped_lines_lose_nothing_and_fit(texts: list[str], width: int, indent: int) -> None:
    rows = wrapped_line(tuple(map(Span, texts)), width, indent)
    assert all(cell_len(row) <= width for row in said(rows).split("\n"))
    if len(rows) < MOST_ROWS:
        indented = indent if width - indent >= 20 else 0
        first, *rest = said(rows).split("\n")
        assert first + "".join(row[indented:] for row in rest) == "".join(texts)


def test_a_line_in_its_fields() -> None:
    text = said(field_lines(line(503, "UF,ZZ", took="40"), 80))
    assert "503 Service Unavailable" in text
    assert "UF upstream connection failure" in text and "ZZ is not known here" in text
    assert "40 ms  upstream 12 ms, the rest 28 ms" in text
    assert "user agent         curl/8.0" in text and "into this pod, port 9080" in text


@pytest.mark.parametrize("code", [0, 299, 7])
def test_codes_that_have_no_name(code: int) -> None:
    assert ("no response" in said(field_lines(line(code), 80))) is (code == 0)


def test_a_request_out_of_the_pod_names_its_host_and_subset() -> None:
    text = line().text.replace("inbound|9080||", "outbound|9080|v3|reviews.a.svc.cluster.local")
    shown = said(field_lines(read_line("n", "p", "v1", text), 80))
    assert "out to reviews.a.svc.cluster.local:9080 subset v3" in shown
    nowhere = line(404, "NR").text.replace("inbound|9080||", "-")
    shown = said(field_lines(read_line("n", "p", "v1", nowhere), 80))
    assert "nowhere: no cluster was chosen" in shown


def test_a_connection_is_shown_as_one_and_as_no_error() -> None:
    for flags, role in (("-", "ok"), ("UF,URX", "failing")):
        text = TCP.format(flags=flags, cluster="outbound|27017||mongo.a", name="db.example.com")
        found = read_line("n", "p", "v1", text)
        row = log_line(found, (Span("v1 a "),), LineStyle())
        assert Span("tcp", role) in row and "→ connection to db.example.com" in said([row])
        opened = said(field_lines(found, 80))
        assert "it has no code" in opened and "no response" not in opened
        assert "lasted             70,042 ms" in opened
    store = LogStore()
    store.add([found, line()])
    (told,) = summary_lines(store, 80, False, False)
    assert "200 ×1  tcp ×1  │ UF ×1" in said([told])


def test_flags_that_do_not_fit_beside_the_codes_stand_below_them() -> None:
    store = LogStore()
    flags = ("UO", "UF", "UH", "URX", "DC", "NR", "UT", "FI")
    store.add(line(code=500 + n, flags=flag) for n, flag in enumerate(flags))
    for width, below in ((60, True), (200, False)):
        rows = summary_lines(store, width, True, False)
        codes, second = said(rows[:1]), said(rows[1:2])
        assert ("DC ×1" in second) is below and ("│ DC ×1" in codes) is not below
        assert not second.strip().startswith("│"), "it parts nothing at the begin of a line"
        assert all(f"{flag} ×1" in codes + second for flag in flags)
    (alone,) = summary_lines(store, 60, False, False)
    assert said([alone]).rstrip().endswith("…")


def test_no_field_of_a_json_line_is_painted_without_end() -> None:
    for key in ("method", "response_flags", "path", "response_code_details", "start_time"):
        fields = {
            "start_time": "t",
            "response_code": 503,
            "response_flags": "UF",
            key: "x" * 60_000,
        }
        row = log_line(read_line("n", "p", "v1", json.dumps(fields)), (Span("v1 a "),), LineStyle())
        assert len(said([row])) < LOOKED_AT + 500


@given(st.text(max_size=200), st.integers(20, 120))
def test_any_line_can_be_opened(text: str, width: int) -> None:
    for found in (read_line(text, text, text, text, 10**18), own_line(text)):
        rows = field_lines(found, width)
        assert all(cell_len(row) <= max(width, 60) for row in said(rows).split("\n"))
        assert said(rows).replace("\n", "").isprintable() or not clean(text).isprintable()


@pytest.mark.parametrize(
    ("details", "words"),
    [
        ("via_upstream", "The upstream gave this answer itself."),
        (
            "upstream_reset_before_response_started{connection_failure}",
            "The upstream's stream ended before an answer: the connection could not be made.",
        ),
        (
            "upstream_reset_before_response_started{remote_connection_failure|delayed_connect}",
            "The upstream's stream ended before an answer: the connection could not be made.",
        ),
        ("rbac_access_denied_matched_policy[none]", "No AuthorizationPolicy allows the caller."),
        ("other{overflow}", "A circuit breaker's limit was reached."),
        ("who_knows{what}", ""),
        ("", ""),
    ],
)
def test_code_details_in_words(details: str, words: str) -> None:
    assert explain_details(details) == words


def test_what_is_copied_is_the_newest_that_fits() -> None:
    assert to_copy([FOREIGN]) == (f"reviews-v1-x  {FOREIGN.text}", 1, 1)
    many = [replace(FOREIGN, text=f"{n:04d} " + "é" * 500) for n in range(200)]
    text, taken, every = to_copy(many)
    assert every == 200 and 0 < taken < 200
    assert len(text.encode()) <= COPIED_MOST and text.splitlines()[-1].startswith(
        "reviews-v1-x  0199"
    )
    assert to_copy([]) == ("", 0, 0)
    text, taken, every = to_copy([replace(FOREIGN, text="é" * 70_000)])
    assert (taken, every) == (1, 1) and COPIED_MOST - 1 <= len(text.encode()) <= COPIED_MOST
    assert to_copy([own_line("mark \x1b[2J")])[0] == "mark ^[[2J"


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ("tail 1,000", TailFrom(1_000)),
        ("since 1h30m", TailFrom(20_000, 5400.0)),
        ("save", Save()),
        ("save /tmp/a b", Save("/tmp/a b")),
        ("mark now it begins", Mark("now it begins")),
        ("copy", Copy()),
        ("off", LogFilter()),
    ],
)
def test_the_words_of_commands(words: str, command: object) -> None:
    assert parse_log_command(words.split()) == command


@pytest.mark.parametrize("words", ["code:5xx v:v3", "filter code:5xx v:v3"])
def test_all_else_is_a_filter(words: str) -> None:
    found = parse_log_command(words.split())
    assert isinstance(found, LogFilter) and found.source == parse_filter("code:5xx v:v3").source


@pytest.mark.parametrize("words", ["tail", "tail 0", "tail 20001", "tail ²", "since", "since x"])
def test_words_that_are_refused(words: str) -> None:
    with pytest.raises(Usage):
        parse_log_command(words.split())


def test_a_key_goes_through_the_starts_and_round() -> None:
    assert [next_start(start) for start in STARTS] == [*STARTS[1:], STARTS[0]]
    assert STARTS[0] == TailFrom()
    assert next_start(TailFrom(7)) == STARTS[0]
    assert [start_words(one) for one in (TailFrom(), TailFrom(20_000, 900.0), TailFrom(None))] == [
        "the last 200 lines of each pod", "the last 15m", "all that is kept",
    ]  # fmt: skip
