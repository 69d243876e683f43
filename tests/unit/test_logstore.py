"""The lines that are kept, and which of them are shown, while lines and filters come and go."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from meshtui.envoy import logstore
from meshtui.envoy.logfilter import LogFilter, parse_filter
from meshtui.envoy.logline import LogLine, own_line, read_line
from meshtui.envoy.logstore import LogStore
from meshtui.envoy.logsummary import LONGEST_PATH, Summary, path_of
from tests.unit.test_envoy_accesslog import TCP
from tests.unit.test_logfilter import FOREIGN, line


def filtered(store: LogStore, wanted: LogFilter, slice_: int = 3) -> LogStore:
    store.set_filter(wanted)
    while store.work(slice_):
        pass
    return store


def test_the_oldest_lines_go_and_are_counted() -> None:
    store = LogStore(3)
    store.add(read_line("n", "p", "v1", str(number)) for number in range(5))
    assert [one.text for one in store.shown()] == ["2", "3", "4"]
    assert (store.retained, store.first, len(store), store.behind) == (3, 2, 3, 0)


def test_long_lines_are_kept_up_to_so_many_characters_and_the_newest_always() -> None:
    store = LogStore(10, characters=100)
    store.add(read_line("n", "p", "v1", letter * 40) for letter in "abc")
    assert [one.text[0] for one in store.shown()] == ["b", "c"]
    assert (store.retained, store.first) == (2, 1)
    store.add([read_line("n", "p", "v1", "d" * 500)])
    assert [one.text[0] for one in store.shown()] == ["d"]
    store.add([read_line("n", "p", "v1", "e")])
    assert [one.text[0] for one in store.shown()] == ["e"]
    assert store.first == 4


def test_a_filter_is_applied_to_what_is_there_and_to_what_comes() -> None:
    store = LogStore(10)
    store.add([line(200), line(503), FOREIGN, own_line("meshtui: p is gone")])
    filtered(store, parse_filter("code:5xx"))
    assert [store.number(index) for index in range(len(store))] == [1, 3]
    store.add([line(404), line(500)])
    assert [store.number(index) for index in range(len(store))] == [1, 3, 5]
    assert store.index_of(2) == 1 and store.index_of(5) == 2 and store.index_of(9) == 3


def test_lines_that_come_while_a_filter_is_at_work_wait_for_it() -> None:
    store = LogStore(10)
    store.add([line(200), line(503), line(200)])
    store.set_filter(parse_filter("code:5xx"))
    assert store.work(2) and len(store) == 1
    store.add([line(504)])
    assert not store.work(10)
    assert [one.request and one.request.code for one in store.shown()] == [503, 504]


def test_pods_and_versions_are_numbered_as_they_are_seen() -> None:
    store = LogStore(10)
    store.add([line(version="v2"), own_line("meshtui: x", "z"), line(version="v1"), line()])
    assert store.pods == 2
    assert (
        store.marks.pod_number(line(version="v2")) == 0 and store.marks.version_number(line()) == 1
    )


LINES = st.builds(
    line,
    code=st.sampled_from([200, 404, 503]),
    flags=st.sampled_from(["-", "UO", "UF,URX"]),
    path=st.sampled_from(["/a", "/a?x=1", "/b"]),
    took=st.sampled_from(["1", "500", "-"]),
) | st.just(FOREIGN)
FILTERS = st.sampled_from(["", "code:5xx", "!code:200", "flag:any >100ms", "ready", "!/a/"])


@given(
    st.lists(st.lists(LINES, max_size=8) | FILTERS, max_size=12),
    st.integers(1, 9),
    st.integers(1, 4),
)
def test_what_is_shown_is_what_the_filter_lets_through_of_what_is_kept(
    steps: list[list[LogLine] | str], kept: int, slice_: int
) -> None:
    store, every = LogStore(kept), list[LogLine]()
    wanted = LogFilter()
    for step in steps:
        if isinstance(step, str):
            wanted = parse_filter(step)
            store.set_filter(wanted)
        else:
            every += step
            store.add(step)
        store.work(slice_)
    while store.work(slice_):
        pass
    expected = [one for one in every[-kept:] if wanted(one)]
    assert store.shown() == expected
    told = Summary()
    for one in expected:
        told.add(one)
    assert (store.summary.codes, store.summary.flags) == (told.codes, told.flags)
    assert store.summary.slowest(5) == told.slowest(5)
    assert store.summary.failing(5) == told.failing(5)


def test_the_summary_counts_codes_flags_and_slow_paths() -> None:
    summary = Summary()
    slow, other = line(503, "UF,URX", took="900"), line(path="/b", took="10")
    for one in (slow, other, FOREIGN, line(took="100"), line(path="/c", took="-")):
        summary.add(one)
    assert summary.codes == Counter({200: 3, 503: 1}) and summary.flags == {"UF": 1, "URX": 1}
    assert summary.slowest(1) == [("/reviews/1", 2, 500.0)]
    summary.add(line(503, path="/b?x"))
    summary.add(line(0, path="/b"))
    summary.add(line(503, path="/b"))
    assert summary.failing(2) == [("/b", 503, 2), ("/b", 0, 1)]
    assert path_of("/a?b") == "/a" and len(path_of("/" + "x" * 500)) == LONGEST_PATH


def test_connections_are_counted_apart_from_requests() -> None:
    summary = Summary()
    text = TCP.format(flags="UF", cluster="outbound|27017||mongo", name="-")
    for one in (read_line("n", "p", "v1", text), line(200)):
        summary.add(one)
    assert summary.codes == {200: 1} and (summary.requests, summary.connections) == (1, 1)
    assert summary.flags == {"UF": 1} and [slow.path for slow in summary.slowest(3)] == [
        "/reviews/1"
    ]
    assert not parse_filter("code:0")(read_line("n", "p", "v1", text))


def test_a_duration_beyond_all_numbers_breaks_no_sum() -> None:
    text = json.dumps({"start_time": "t", "response_code": 200, "duration": 10**400})
    store = LogStore(10)
    store.add([read_line("n", "p", "v1", text), line()])
    assert [slow.path for slow in store.summary.slowest(3)] == ["/reviews/1"]
    assert len(filtered(store, parse_filter(">1s"))) == 0


def test_a_long_run_does_not_grow() -> None:
    store = LogStore(100)
    for _ in range(3):
        store.add([line()] * logstore._TRIM)
    assert len(store) == 100 and len(store._shown) < logstore._TRIM + 100
