"""The program that makes a load, run as it is in a container, and what its lines are taken for."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.errors import Usage
from meshtui.operations.request.load_plan import (
    STOP,
    LoadPlan,
    Tally,
    command,
    program,
    read_line,
    request_text,
    upper_ms,
)
from meshtui.operations.request.tools import Outgoing

LARGE = b"x" * 300_000


class _Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: ClassVar[Counter[str]] = Counter()
    connections: ClassVar[set[object]] = set()
    held: ClassVar[threading.Event] = threading.Event()

    def do_GET(self) -> None:
        self.seen[f"{self.path} {self.headers['host']}"] += 1
        self.connections.add(self.client_address)
        status = 503 if self.path == "/bad" else 200
        if self.path == "/once":
            self.answer_and_close()
            return
        if self.path == "/never":
            self.held.wait(60)
            return
        if self.path == "/large":
            self.send_response(200)
            self.send_header("content-length", str(len(LARGE)))
            self.end_headers()
            self.wfile.write(LARGE)
            return
        if self.path == "/chunked":
            self.send_response(200)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"2\r\nok\r\n0\r\n\r\n")
            return
        if self.path == "/early":
            self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n")
        if self.path == "/nonsense":
            self.wfile.write(b"what\r\n\r\n")
            self.close_connection = True
            return
        if self.path == "/close":
            self.send_response(200)
            self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(b"to the end")
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("content-length", "2")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"ok")

    def answer_and_close(self) -> None:
        """As a server that has a limit of its own for idle connections, and does not say so."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length:2\r\n\r\nok")
        self.close_connection = True

    do_HEAD = do_GET  # noqa: N815 - the server's own name

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    _Server.seen.clear()
    _Server.held.clear()
    _Server.connections.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    _Server.held.set()
    server.shutdown()
    server.server_close()


def start(
    port: int, plan: LoadPlan, path: str = "/", method: str = "GET", timeout_s: float = 30.0
) -> subprocess.Popen[bytes]:
    outgoing = Outgoing(method, "127.0.0.1", port, "shop:9080", path, timeout_s=timeout_s)
    words = command(plan, outgoing)
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, *words[1:]], stdin=pipe, stdout=pipe, stderr=pipe)
    assert process.stdin is not None
    process.stdin.write(program())
    process.stdin.flush()
    return process


def run(port: int, plan: LoadPlan, path: str = "/", method: str = "GET", **more: float) -> Tally:
    return ended(start(port, plan, path, method, **more))


def ended(process: subprocess.Popen[bytes]) -> Tally:
    assert process.stdout is not None
    total = Tally()
    while not total.done:
        line = process.stdout.readline()
        assert line, process.stderr and process.stderr.read()
        total += read_line(line) or Tally()
    assert process.wait(60) == 0
    for pipe in (process.stdin, process.stdout, process.stderr):
        assert pipe is not None
        pipe.close()
    return total


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/", "GET", 200),
        ("/bad", "GET", 503),
        ("/chunked", "GET", 200),
        ("/early", "GET", 200),
        ("/close", "GET", 200),
        ("/once", "GET", 200),
        ("/large", "GET", 200),
        ("/", "HEAD", 200),
    ],
)
def test_what_was_sent_is_what_the_server_counted(
    port: int, path: str, method: str, status: int
) -> None:
    found = run(port, LoadPlan(30, 1, 4), path, method)
    assert found.codes == {status: found.requests}
    assert 0 < found.requests <= 30
    assert _Server.seen == {f"{path} shop:9080": found.requests}
    assert found.times.total() == found.requests
    median = found.quantile_ms(0.5)
    assert median is not None
    assert median > 0
    if path == "/":
        assert len(_Server.connections) <= 4


def test_what_is_no_answer_is_counted_by_what_went_wrong(port: int) -> None:
    found = run(port, LoadPlan(10, 0.5, 1), "/nonsense")
    assert not found.codes
    assert found.errors.total() == found.requests > 0
    nobody = run(1, LoadPlan(10, 0.5, 1))
    assert any("refused" in words for words in nobody.errors)


def test_it_ends_when_nobody_listens_any_more(port: int) -> None:
    process = start(port, LoadPlan(20, 500, 2))
    until_seen()
    process.communicate(timeout=60)
    assert process.returncode == 0
    after = _Server.seen.total()
    assert after < 20 * 60


def until_seen() -> None:
    deadline = time.monotonic() + 60
    while not _Server.seen:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_stops_when_told_and_says_what_came_until_then(port: int) -> None:
    process = start(port, LoadPlan(20, 500, 2))
    until_seen()
    assert process.stdin is not None
    process.stdin.write(STOP)
    process.stdin.flush()
    found = ended(process)
    assert found.codes == {200: _Server.seen.total()}
    assert found.seconds < 400


def test_an_order_that_comes_with_the_program_is_not_lost(port: int) -> None:
    outgoing = Outgoing("GET", "127.0.0.1", port, "shop:9080", "/", timeout_s=30.0)
    words = command(LoadPlan(20, 500, 2), outgoing)
    given = subprocess.run(
        [sys.executable, *words[1:]], input=program() + STOP, capture_output=True, timeout=60
    )
    assert given.returncode == 0, given.stderr
    assert (read_line(given.stdout.splitlines()[-1]) or Tally()).done


def test_what_is_not_answered_in_time_is_an_error(port: int) -> None:
    found = run(port, LoadPlan(4, 0.5, 2), "/never", timeout_s=0.5)
    assert not found.codes
    assert found.errors["timed out"] == found.errors.total() >= 1


def test_no_more_connections_than_asked_and_what_waits_for_one_is_late(port: int) -> None:
    found = run(port, LoadPlan(50, 1, 3), "/never", timeout_s=1.5)
    assert found.errors == {"timed out": 3}
    assert _Server.seen.total() == len(_Server.connections) == 3


@pytest.mark.parametrize(
    "plan",
    [
        LoadPlan(0, 10, 1), LoadPlan(1001, 1, 1), LoadPlan(float("nan"), 1, 1),
        LoadPlan(1, 0, 1), LoadPlan(1, 601, 1), LoadPlan(1, 1, 0), LoadPlan(1, 1, 201),
        LoadPlan(1000, 101, 1), LoadPlan(0.1, 1, 1),
    ],
)  # fmt: skip
def test_a_load_has_bounds(plan: LoadPlan) -> None:
    with pytest.raises(Usage):
        plan.validate()
    LoadPlan(1000, 100, 200).validate()


def test_the_request_is_written_byte_by_byte() -> None:
    text = request_text(Outgoing("POST", "h", 1, "é:1", "/a", (("x", "ü"),)))
    assert text.encode("latin-1") == (
        "POST /a HTTP/1.1\r\nhost: é:1\r\nx: ü\r\ncontent-length: 0\r\n\r\n".encode()
    )


def line(**parts: object) -> bytes:
    whole = {"codes": {}, "errors": {}, "times": {}, "late": 0, "at": 1.0, "done": False}
    return json.dumps(whole | parts).encode()


def test_lines_add_up() -> None:
    first = read_line(line(codes={"200": 3}, times={"10": 3}, at=1.0))
    second = read_line(
        line(codes={"503": 1}, errors={"closed": 2}, times={"20": 1}, at=2.5, done=True)
    )
    assert first is not None
    assert second is not None
    whole = first + second
    assert whole == Tally(
        Counter({200: 3, 503: 1}), Counter({"closed": 2}), Counter({10: 3, 20: 1}), 0, 2.5, True
    )
    assert whole.requests == 6
    assert whole.rate == pytest.approx(2.4)
    assert whole.quantile_ms(0.5) == upper_ms(10)
    assert whole.quantile_ms(0.99) == upper_ms(20)
    assert sum(n for _, _, n in whole.histogram(3)) == 4
    assert Tally().quantile_ms(0.5) is None
    assert not list(Tally().histogram(5))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["200", "10", "99999", "x", "-1", "codes"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["codes", "errors", "times", "late", "at", "done"]), JSON))
def test_any_line_is_a_tally_or_nothing(parts: dict[str, object]) -> None:
    found = read_line(json.dumps(parts).encode())
    if "codes" not in parts:
        assert found is None
        return
    assert found is not None
    assert found.requests >= 0
    assert found.seconds >= 0
    assert all(100 <= code < 1000 for code in found.codes) or not found.codes
    found.quantile_ms(0.99)
    assert len(list(found.histogram(12))) <= 12
