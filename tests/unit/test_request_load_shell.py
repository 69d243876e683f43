"""A load by curl or wget: the shell that makes it, run as it is in a container, and its pace."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.errors import Usage
from meshtui.operations.request.load_pace import TICK_S, Pace
from meshtui.operations.request.load_plan import LoadPlan
from meshtui.operations.request.load_shell import SLOTS, STOP, Came, command, read_line, tally_of
from meshtui.operations.request.load_ways import (
    BY_CURL,
    BY_OLD_CURL,
    BY_PYTHON,
    BY_WGET,
    PROBE,
    PYTHON_PROBE,
    Way,
    ways_there,
)
from meshtui.operations.request.tools import Outgoing
from tests.unit.test_request_load import _Server, port, until_seen

__all__ = ["port"]

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
needs_wget = pytest.mark.skipif(shutil.which("wget") is None, reason="wget is not installed")
WAYS = [
    pytest.param(BY_CURL, marks=needs_curl, id="curl"),
    pytest.param(BY_OLD_CURL, marks=needs_curl, id="old curl"),
    pytest.param(BY_WGET, marks=needs_wget, id="wget"),
]
SHELLS = [
    words for words in (("sh",), ("bash", "--posix"), ("busybox", "sh")) if shutil.which(words[0])
]


def has(shell: tuple[str, ...], way: Way) -> bool:
    """A busybox's shell takes its own wget, which may have been built without time limits."""
    asked = subprocess.run([*shell, *PROBE[1:]], capture_output=True, text=True, timeout=60)
    return way in (BY_OLD_CURL, *ways_there(asked.stdout))


LONG = LoadPlan(20, 500, 4)


@contextmanager
def running(
    way: Way,
    port: int,
    path: str = "/",
    *,
    method: str = "GET",
    shell: tuple[str, ...] = ("sh",),
    limit: str = "500",
) -> Iterator[subprocess.Popen[bytes]]:
    outgoing = Outgoing(method, "127.0.0.1", port, "shop:9080", path, (("x", "a b"),), 30.0)
    words = list(command(way, LONG, outgoing))
    words[words.index("meshtui") + 1] = limit
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [*shell, *words[1:]], stdin=pipe, stdout=pipe, start_new_session=True
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait(60)
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            with suppress(BrokenPipeError):
                stream.close()


def told(process: subprocess.Popen[bytes], line: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(line)
    process.stdin.flush()


def came(process: subprocess.Popen[bytes], way: Way, requests: int) -> list[Came]:
    assert process.stdout is not None
    found = [read_line(process.stdout.readline(), way) for _ in range(requests)]
    assert None not in found
    return [one for one in found if one is not None]


def left_of(session: int) -> list[str]:
    """What still runs of those that a process has started, by their session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = stat.read_text().rpartition(")")
            state, _, _, its = rest.split()[:4]
            if int(its) == session and state != "Z":
                found.append(name)
    return found


def until_nothing_is_left(session: int) -> None:
    deadline = time.monotonic() + 60
    while found := left_of(session):
        assert time.monotonic() < deadline, found
        time.sleep(0.01)


@pytest.mark.parametrize("shell", SHELLS, ids=lambda words: words[0])
@pytest.mark.parametrize("way", WAYS)
def test_a_batch_is_what_the_server_counted(port: int, way: Way, shell: tuple[str, ...]) -> None:
    if not has(shell, way):
        pytest.skip("its wget has no time limit")
    n = 1 if way is BY_WGET else 5
    with running(way, port, "/", shell=shell) as process:
        told(process, f"0 {n} 2\n".encode())
        first = came(process, way, n)
        told(process, f"0 {n} 3\n1 {n} 1\n".encode())
        second = came(process, way, 2 * n)
        told(process, STOP)
        assert process.wait(60) == 0
    assert {one.slot for one in first} == {0}
    assert Counter(one.slot for one in second) == {0: n, 1: n}
    tally = tally_of(first + second, 0, 1.0)
    assert tally.codes == {200: 3 * n}
    assert not tally.errors
    assert tally.times.total() == (0 if way is BY_WGET else 3 * n)
    assert _Server.seen == {"/ shop:9080": 3 * n}
    until_nothing_is_left(process.pid)


@needs_curl
def test_connections_are_kept_within_a_batch_of_curls(port: int) -> None:
    with running(BY_CURL, port) as process:
        told(process, b"0 40 4\n")
        came(process, BY_CURL, 40)
    assert len(_Server.connections) <= 4


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("path", "status"), [("/bad", 503), ("/chunked", 200), ("/close", 200)])
def test_each_answer_has_its_status(port: int, way: Way, path: str, status: int) -> None:
    with running(way, port, path) as process:
        told(process, b"7 1 1\n8 1 1\n")
        assert [one.status for one in came(process, way, 2)] == [status, status]


@needs_curl
def test_a_path_and_a_method_are_sent_as_they_are(port: int) -> None:
    with running(BY_CURL, port, "/[1-3]{a,b}/../x?q=%20#") as process:
        told(process, b"0 1 1\n")
        came(process, BY_CURL, 1)
    assert list(_Server.seen) == ["/[1-3]{a,b}/../x?q=%20 shop:9080"]
    with running(BY_CURL, port, method="HEAD") as process:
        told(process, b"0 2 2\n")
        assert {one.status for one in came(process, BY_CURL, 2)} == {200}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_no_answer_is_told_by_what_went_wrong(port: int, way: Way) -> None:
    with running(way, 1) as process:
        told(process, b"0 1 1\n")
        (found,) = came(process, way, 1)
    assert (found.status, found.trouble) == (0, "connection refused")


@pytest.mark.parametrize("shell", SHELLS, ids=lambda words: words[0])
@pytest.mark.parametrize("how", ["the input ends", "it is told"])
@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_left_when(port: int, way: Way, how: str, shell: tuple[str, ...]) -> None:
    if not has(shell, way):
        pytest.skip("its wget has no time limit")
    with running(way, port, "/never", shell=shell) as process:
        told(process, b"0 1 1\n1 1 1\n")
        until_seen()
        if how == "the input ends":
            assert process.stdin is not None
            process.stdin.close()
        else:
            told(process, STOP)
        process.wait(60)
        until_nothing_is_left(process.pid)


@needs_curl
@pytest.mark.parametrize("shell", SHELLS, ids=lambda words: words[0])
def test_it_ends_by_itself_when_nobody_says_anything_any_more(
    port: int, shell: tuple[str, ...]
) -> None:
    with running(BY_CURL, port, "/never", shell=shell, limit="2") as process:
        told(process, b"0 2 2\n")
        process.wait(60)
        until_nothing_is_left(process.pid)


@pytest.mark.parametrize("shell", SHELLS, ids=lambda words: words[0])
def test_nothing_is_left_of_one_that_is_killed(port: int, shell: tuple[str, ...]) -> None:
    with running(BY_CURL, port, shell=shell) as process:
        told(process, b"0 2 2\n")
        came(process, BY_CURL, 2)
        process.kill()
        process.wait(60)
        until_nothing_is_left(process.pid)


def test_a_container_is_asked_once_what_it_has() -> None:
    printed = subprocess.run(PROBE, capture_output=True, text=True, timeout=60).stdout
    found = list(ways_there(printed))
    assert (BY_CURL in found) == (shutil.which("curl") is not None)
    assert (BY_WGET in found) == (shutil.which("wget") is not None)
    python = subprocess.run(PYTHON_PROBE, capture_output=True, text=True, timeout=60).stdout
    assert list(ways_there(python)) == [BY_PYTHON]


PARALLEL = "parallel 000/0.000123/7,000/0.000100/7,"


@pytest.mark.parametrize(
    ("printed", "ways"),
    [
        ("", []),
        (f"sleep\n{PARALLEL}\nserial 000/0.1/7,000/0.1/7,\n", [BY_CURL]),
        ("sleep\nparallel \nserial 000/0.000012/,000/0.000010/,\n", [BY_OLD_CURL]),
        (f"{PARALLEL}\n", []),
        ("sleep\nwget 4\n", [BY_WGET]),
        ("sleep\nwget 1\n", [BY_WGET]),
        ("sleep\nwget 139\n", []),
        ("sleep\nwget 0\n", []),
        ("python3 1\n", [BY_PYTHON]),
        ("python3 \nsleep\n", []),
        (f"sleep\npython3 1\n{PARALLEL}\nwget 4\n", [BY_PYTHON, BY_CURL, BY_WGET]),
        ("sleep\nwget 99999999999999999999\nparallel 1\n", []),
    ],
)
def test_only_what_works_is_a_way(printed: str, ways: list[Way]) -> None:
    assert list(ways_there(printed)) == ways


def test_a_way_has_its_own_bounds() -> None:
    for plan, method in (
        (LoadPlan(21, 1, 1), "GET"),
        (LoadPlan(1, 1, 17), "GET"),
        (LoadPlan(1, 1, 1), "HEAD"),
    ):
        with pytest.raises(Usage, match="wget"):
            BY_WGET.check(plan, method)
    BY_WGET.check(LoadPlan(20, 1, 16), "GET")
    BY_CURL.check(LoadPlan(1000, 100, 200), "POST")


@given(st.binary(max_size=40))
def test_any_line_is_an_answer_or_nothing(line: bytes) -> None:
    for way in (BY_CURL, BY_WGET):
        found = read_line(line, way)
        assert found is None or 0 <= found.slot < SLOTS


# Pace


def played(plan: LoadPlan, answer_s: float, *, serial: bool = False, slots: int = SLOTS) -> Pace:
    """A load whose answers all take as long; checks that it keeps its bounds all the while."""
    pace = Pace(plan, 100.0, slots, 200, 10.0, serial=serial)
    now, ends = 100.0, {}
    while not pace.ended(now):
        for batch in pace.batches(now):
            assert batch.slot not in ends
            rounds = -(-batch.requests // batch.connections)
            ends[batch.slot] = (now + rounds * answer_s, batch)
        busy = sum(batch.connections for _, batch in ends.values())
        assert busy <= plan.connections
        assert len(ends) <= slots
        assert pace.sent <= min((now - 100.0 + TICK_S) * plan.rate + 1, plan.requests)
        now = min([pace.next_at(now), *(end for end, _ in ends.values())])
        for slot, (end, batch) in list(ends.items()):
            if end <= now:
                del ends[slot]
                assert all(pace.came(slot, answer_s) for _ in range(batch.requests))
    assert not pace.under_way
    assert not pace.came(0, 1.0)
    return pace


@given(
    st.floats(1, 1000), st.floats(1, 20), st.integers(1, 200), st.floats(0.0005, 2), st.booleans()
)
def test_a_load_keeps_its_bounds(
    rate: float, seconds: float, connections: int, answer_s: float, serial: bool
) -> None:
    played(LoadPlan(rate, seconds, connections), answer_s, serial=serial)


@pytest.mark.parametrize(
    ("plan", "answer_s", "serial"),
    [
        (LoadPlan(500, 10, 16), 0.005, False),
        (LoadPlan(60, 10, 16), 0.1, False),
        (LoadPlan(200, 10, 64), 0.2, False),
        (LoadPlan(100, 10, 16), 0.003, True),
        (LoadPlan(3, 10, 16), 0.5, False),
    ],
)
def test_what_can_be_reached_is_reached_in_time(
    plan: LoadPlan, answer_s: float, serial: bool
) -> None:
    pace = played(plan, answer_s, serial=serial)
    assert pace.sent == plan.requests
    assert pace.late == 0


def test_what_is_too_much_is_late_and_less() -> None:
    pace = played(LoadPlan(100, 10, 4), 0.5)
    assert pace.late > 20
    assert 60 <= pace.sent <= 100


def test_nothing_more_goes_out_once_it_is_stopped() -> None:
    pace = Pace(LoadPlan(100, 10, 4), 0.0, SLOTS, 200, 10.0)
    (batch,) = pace.batches(0.0)
    pace.stopped = True
    assert not list(pace.batches(5.0))
    assert pace.under_way == batch.requests
    assert not pace.ended(5.0)
    assert pace.lost(5.0) == 0
    assert pace.lost(100.0) == batch.requests
    assert pace.ended(100.0)
