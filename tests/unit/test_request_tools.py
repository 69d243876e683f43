"""What sends a request from a container, and what its output is taken for."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.operations.request.tools import TOOLS, Answer, Outgoing

CURL, PYTHON, WGET = TOOLS
REQUEST = Outgoing(
    "GET", "reviews.default.svc.cluster.local", 9080, "reviews:9080", "/x?y=$(id)",
    (("x-request-id", "1"), ("x-empty", "")),
)  # fmt: skip

SEEN = (
    "HTTP/1.1 200 OK\r\nserver: envoy\r\ncontent-length: 1050\r\n"
    "x-envoy-upstream-service-time: 41\r\n\r\n\nmeshtui-sent 200 0.053599 1050\n"
)
"""As curl 7.88 in a pod of a mesh prints it."""

GNU = """--2026-11-27 20:33:13--  http://reviews:9080/
Connecting to reviews:9080... connected.
HTTP request sent, awaiting response...
  HTTP/1.1 {status}
  server: envoy
  content-length: 2
Length: 2
Saving to: '/dev/null'

     0K                                                       100%  316K=0s

2026-11-27 20:33:13 (316 KB/s) - '/dev/null' saved [2/2]
"""
BUSYBOX = """Connecting to reviews:9080 (10.0.0.1:9080)
  HTTP/1.1 {status}
wget: server returned error: HTTP/1.1 {status}
"""
MOVED = """  HTTP/1.1 302 Found
  location: /ok
Location: /ok [following]
  HTTP/1.1 200 OK
  server: envoy
"""


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_nothing_of_a_request_is_an_option_or_a_command(tool) -> None:  # type: ignore[no-untyped-def]
    command = tool.command(REQUEST)
    assert command[0] == tool.name
    assert not any(word in ("sh", "bash", "-c") for word in command) or tool is PYTHON
    assert any("$(id)" in word for word in command)
    if tool is not PYTHON:
        assert command[-1] == "http://reviews.default.svc.cluster.local:9080/x?y=$(id)"
        assert "host: reviews:9080" in command


def test_a_method_that_changes_something_says_that_it_has_no_body() -> None:
    post = Outgoing("POST", "a", 80, "a")
    assert "content-length: 0" in CURL.command(post)
    assert ["content-length", "0"] in json.loads(PYTHON.command(post)[-1])["headers"]
    assert not WGET.can("POST")
    assert not any("content-length" in word for word in CURL.command(REQUEST))


@pytest.mark.parametrize(
    ("code", "stdout", "stderr", "expected"),
    [
        (0, SEEN, "", Answer(200, (
            ("server", "envoy"), ("content-length", "1050"),
            ("x-envoy-upstream-service-time", "41"),
        ), 0.053599, 1050)),
        (0, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Service Unavailable\r\na: b\r\n\r\n"
            "\nmeshtui-sent 503 0.1 0\n", "", Answer(503, (("a", "b"),), 0.1, 0)),
        (28, "\nmeshtui-sent 000 3.0 0\n", "curl: (28) Resolving timed out after 3000 ms\n",
         Answer(trouble="curl: (28) Resolving timed out after 3000 ms")),
        (7, "", "", Answer(trouble="curl ends with 7")),
        (18, "HTTP/1.1 200 OK\r\n\r\n\nmeshtui-sent 200 0.2 7\n", "curl: (18) transfer closed\n",
         Answer(200, (), 0.2, 7, notes=("the answer broke off (curl ends with 18)",))),
        (0, "HTTP/1.1 200 OK\r\n\r\n\nmeshtui-sent 200 0.2 7 10.0.0.9 41002\n", "",
         Answer(200, (), 0.2, 7, local="10.0.0.9:41002")),
        (0, "HTTP/1.1 200 OK\r\n\r\n\nmeshtui-sent 200 0.2 7 fd00::9 41002\n", "",
         Answer(200, (), 0.2, 7, local="[fd00::9]:41002")),
        (0, "HTTP/1.1 200 OK\r\n\r\n\nmeshtui-sent 200 0.2 7 1.2.3 99999999\n", "",
         Answer(200, (), 0.2, 7)),
        (0, "\nmeshtui-sent 99999 nan -1\n", "", Answer(trouble="what curl prints cannot be read")),
    ],
)  # fmt: skip
def test_what_curl_prints(code: int, stdout: str, stderr: str, expected: Answer) -> None:
    assert CURL.read(code, stdout, stderr) == expected


@pytest.mark.parametrize(
    ("code", "stderr", "expected"),
    [
        (0, GNU.format(status="200 OK"),
         Answer(200, (("server", "envoy"), ("content-length", "2")))),
        (8, GNU.format(status="503 Service Unavailable"),
         Answer(503, (("server", "envoy"), ("content-length", "2")))),
        (1, BUSYBOX.format(status="503 Service Unavailable"), Answer(503)),
        (1, "wget: server returned error: HTTP/1.1 404 Not Found\n", Answer(404)),
        (0, MOVED, Answer(302, (("location", "/ok"),),
         notes=("wget followed a redirect: it sent more than this request",))),
        (1, "wget: can't connect to remote host (10.0.0.1): Connection refused\n",
         Answer(trouble="wget: can't connect to remote host (10.0.0.1): Connection refused")),
        (1, "", Answer(trouble="wget ends with 1")),
    ],
)  # fmt: skip
def test_what_wget_prints(code: int, stderr: str, expected: Answer) -> None:
    assert WGET.read(code, "", stderr) == expected


class _Server(BaseHTTPRequestHandler):
    seen: ClassVar[list[tuple[str, str, dict[str, str]]]] = []

    def do_GET(self) -> None:
        self.seen.append((self.command, self.path, dict(self.headers.items())))
        self.send_response(503)
        self.send_header("content-length", "2" if self.path != "/cut" else "9")
        self.send_header("x-a", "b")
        self.end_headers()
        self.wfile.write(b"ok")

    do_DELETE = do_GET  # noqa: N815 - the server's own name

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    _Server.seen.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def _run(outgoing: Outgoing) -> Answer:
    command = [sys.executable, *PYTHON.command(outgoing)[1:]]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return PYTHON.read(ended.returncode, ended.stdout, ended.stderr)


def test_python_sends_what_is_asked(port: int) -> None:
    asked = Outgoing(
        "DELETE", "127.0.0.1", port, "shop:9080", "/a?b=c", (("x-request-id", "7"), ("x-e", ""))
    )
    answer = _run(asked)
    assert (answer.code, answer.size, answer.trouble) == (503, 2, "")
    assert ("x-a", "b") in answer.headers
    assert answer.seconds is not None
    method, path, headers = _Server.seen[-1]
    assert (method, path) == ("DELETE", "/a?b=c")
    assert headers == {"host": "shop:9080", "x-request-id": "7", "x-e": "", "content-length": "0"}


def test_python_says_that_an_answer_was_cut_off_or_did_not_come(port: int) -> None:
    assert _run(Outgoing("GET", "127.0.0.1", port, "a", "/cut")).notes
    nobody = _run(Outgoing("GET", "127.0.0.1", 1, "a"))
    assert nobody.code == 0
    assert "refused" in nobody.trouble


WORDS = st.lists(st.sampled_from(
    ["HTTP/1.1 ", "200", " OK", "\r\n", "\n", "  ", "a: b", ":", "\nmeshtui-sent ", "\x1b[31m",
     '{"code": 503, "headers": ', "[[1, 2], 3]", "}", "[", ",", "NaN", "1e999", "é", "-1", " "]
)).map("".join)  # fmt: skip


@given(st.sampled_from(TOOLS), st.integers(0, 255), WORDS, WORDS)
def test_any_output_is_an_answer_or_trouble(tool, code: int, out: str, err: str) -> None:  # type: ignore[no-untyped-def]
    answer = tool.read(code, out, err)
    assert bool(answer.code) != bool(answer.trouble)
    assert 0 <= answer.code < 1000
    assert answer.seconds is None or 0 <= answer.seconds < 1e6
