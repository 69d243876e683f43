"""Reading the Prometheus text format, from friends and from others."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.metrics.exposition import Point, number_of, points, read_labels, split_le

NAMES = ("wanted_total", "wanted_bucket")


def read(text: str) -> list[Point]:
    return list(points(text, NAMES))


def test_only_wanted_metrics_are_read() -> None:
    text = (
        "# HELP wanted_total wanted_total{} 5\n"
        "# TYPE wanted_total counter\n"
        'other_total{a="wanted_total 7"} 3\n'
        'wanted_total{a="b"} 5\n'
        "wanted_total_more 6\n"
        "wanted_total 8\n"
    )
    assert read(text) == [Point("wanted_total", 'a="b"', 5.0), Point("wanted_total", "", 8.0)]


@pytest.mark.parametrize(
    ("value", "number"),
    [("5", 5.0), ("+5.5", 5.5), ("1e3", 1000.0), ("+Inf", math.inf), ("-Inf", -math.inf)],
)
def test_values(value: str, number: float) -> None:
    assert [p.value for p in read(f'wanted_total{{a="b"}} {value}\n')] == [number]


def test_nan_is_a_value() -> None:
    assert math.isnan(read("wanted_total NaN")[0].value)


@pytest.mark.parametrize(
    "value", ["", "x", "1_000", "0x10", "5x", "--5", "infinity", "9" * 65, "..."]
)
def test_what_is_no_number(value: str) -> None:
    assert number_of(value) is None


def test_timestamps_and_exemplars_are_left_out() -> None:
    text = (
        'wanted_total{a="b"} 5 1712345678901\r\n'
        'wanted_bucket{le="1"} 7 # {trace_id="}} 9"} 0.67 1712345678.901\n'
    )
    assert read(text) == [
        Point("wanted_total", 'a="b"', 5.0),
        Point("wanted_bucket", 'le="1"', 7.0),
    ]


def test_labels_keep_what_was_escaped() -> None:
    (point,) = read(r'wanted_total{a="say \"hi\"}, \\n",b="two\nlines",c=""} 1')
    assert read_labels(point.labels) == {"a": 'say "hi"}, \\n', "b": "two\nlines", "c": ""}


@pytest.mark.parametrize(
    "line",
    [
        "wanted_total",
        "wanted_total{",
        "wanted_total{}",
        'wanted_total{a="b"}',
        'wanted_total{a="b} 5',
        "wanted_total{a=b} 5",
        'wanted_total{a="b" c="d"} 5',
        'wanted_total{a="b"} five',
        'wanted_total{1a="b"} 5',
        'wanted_total{a="' + "x" * 20_000 + '"} 5',
    ],
)
def test_garbage_is_passed_over(line: str) -> None:
    assert read(f"{line}\nwanted_total 1\n") == [Point("wanted_total", "", 1.0)]


def test_points_are_bounded() -> None:
    assert len(list(points("wanted_total 1\n" * 50, NAMES, limit=7))) == 7


@pytest.mark.parametrize("unit", ['a="', 'a="b",', "\\", '"', "{", 'a="\\'])
def test_long_hostile_lines_end_soon(unit: str) -> None:
    assert read("wanted_total{" + unit * 200_000) == []


def test_le_is_split_off_wherever_it_stands() -> None:
    assert split_le('a="b",le="0.5"') == ('a="b",', 0.5)
    assert split_le('le="+Inf",a="b"') == ('a="b"', math.inf)
    assert split_le('a="b",le="1",c="d"') == ('a="b",c="d"', 1.0)


@pytest.mark.parametrize("labels", ['a="b"', "", 'handle="5"', 'le="x"', 'le="NaN"', 'le="5'])
def test_no_le(labels: str) -> None:
    assert split_le(labels) == (labels, None)


@given(st.text())
def test_any_text_is_survived(text: str) -> None:
    for point in points(f"wanted_total{text}\n{text}\nwanted_total{{{text}}} 1", NAMES):
        read_labels(point.labels)
        split_le(point.labels)


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)


@given(
    st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True), TEXTS, max_size=5),
    st.floats(allow_nan=False),
)
def test_what_is_written_is_read(labels: dict[str, str], value: float) -> None:
    escaped = {
        name: text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
        for name, text in labels.items()
    }
    inside = ",".join(f'{name}="{text}"' for name, text in escaped.items())
    (point,) = read(f"# comment\nwanted_total{{{inside}}} {value!r} 123\n")
    assert read_labels(point.labels) == labels
    assert point.value == value
