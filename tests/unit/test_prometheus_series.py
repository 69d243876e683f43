"""Labels that stay text mean what they mean when each is read, whatever a server writes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.metrics.prometheus_reading import Flaws, durations_of, histograms_of, requests_of
from meshtui.metrics.prometheus_result import QueryResult, labels_in, parse
from meshtui.metrics.prometheus_series import KnownSeries

NAMES = ("reporter", "destination_service_name", "destination_service_namespace", "le", "what")
NAMES += ("response_code", "destination_version", "source_workload", "source_workload_namespace")
VALUES = (
    "",
    "source",
    "reviews",
    "default",
    "0.5",
    "+Inf",
    "NaN",
    "v1",
    'a"le":"1',
    "\\",
    "\u20ac",
)

labels = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES) | st.text(max_size=3))
numbers = st.sampled_from(
    [
        "0",
        "7",
        "1e+06",
        "NaN",
        "+Inf",
        "-1",
        "1_000",
        "x",
        "٣",
        "12.5",
        "007",
        ".5",
        "1e400",
        7,
        12.5,
        True,
        None,
        10**400,
        ["7"],
    ]
)
entries = st.fixed_dictionaries({"metric": labels, "value": st.tuples(st.just(1.5), numbers)})
hostile: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=5,
)
odd = st.fixed_dictionaries({}, optional={"metric": hostile, "value": hostile})


def body(result: list[Any], *, spaced: bool = False) -> str:
    document = {"status": "success", "data": {"resultType": "vector", "result": result}}
    return json.dumps(document, separators=(", ", ": ") if spaced else (",", ":"))


def meaning(answer: QueryResult, known: KnownSeries) -> tuple[Any, ...]:
    rows, flaws = list(known.rows(answer)), Flaws()
    requests = requests_of(rows, flaws)
    seen = [(r[0].told_apart, r[0].counter, r[0].traffic, repr(r[1]), repr(r[2])) for r in rows]
    return requests, durations_of(histograms_of(rows)), flaws, seen


@given(st.lists(entries | odd, max_size=8), st.booleans())
def test_text_means_what_the_labels_mean(result: list[Any], spaced: bool) -> None:
    text = body(result, spaced=spaced)
    plain = QueryResult(json.loads(text)["data"]["result"])
    wanted = meaning(plain, KnownSeries())
    known = KnownSeries()
    assert meaning(parse(text, "here"), known) == wanted
    assert meaning(parse(text, "here"), known) == wanted, "and once it is known"
    assert meaning(parse(text.encode(), "here"), KnownSeries(limit=1)) == wanted, "or forgotten"


@given(st.lists(entries | odd, max_size=5))
def test_points_are_the_same_from_text_and_from_objects(result: list[Any]) -> None:
    text = body(result)
    plain = QueryResult(json.loads(text)["data"]["result"])
    shown = [[(p.labels, p.at, repr(p.value)) for p in one.points()]
             for one in (plain, parse(text, "here"))]  # fmt: skip
    assert shown[0] == shown[1]


def test_the_buckets_of_a_histogram_are_of_one_series() -> None:
    histogram = {"reporter": "source", "destination_service_name": "reviews",
                 "destination_service_namespace": "default"}  # fmt: skip
    rows = [{"metric": {**histogram, "le": bound}, "value": [1, "3"]} for bound in ("1", "+Inf")]
    known = KnownSeries()
    first, second = known.rows(parse(body(rows), "here"))
    assert first[0] is second[0]
    assert next(iter(known.rows(parse(body(rows), "here"))))[0] is first[0]


@pytest.mark.parametrize("labels_text", ['{"le":"1', '{"le":"\\', "{", "nonsense"])
def test_labels_that_are_no_json_are_none(labels_text: str) -> None:
    assert labels_in(labels_text.encode()) == {}
