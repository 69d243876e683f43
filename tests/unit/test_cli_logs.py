"""`meshtui logs`: what is printed of which lines, and the status."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from meshtui.cli import connect as opening
from meshtui.cli.main import main
from meshtui.errors import MeshtuiError, NotAllowed, Unreachable
from meshtui.operations.logs import tail as tailing
from meshtui.operations.logs.pod_tail import TailFrom
from meshtui.operations.types import LogEntry
from tests.unit.objects import reviews, route
from tests.unit.test_logfilter import FOREIGN, line


class Tail:
    """Gives these entries instead of a cluster's, and notes what was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.entries: list[LogEntry] = []
        self.start: TailFrom | None = None
        self.pods: list[str] = []
        self.follow = False
        monkeypatch.setattr(tailing, "tail", self.tail)
        monkeypatch.setattr(opening, "session", self.session)

    async def tail(
        self, cluster: Any, pods: Any, start: TailFrom, *, follow: bool, keep: Any
    ) -> Any:
        self.start, self.pods, self.follow = start, [pod.version for pod in pods()], follow
        for entry in filter(keep, self.entries):
            yield entry

    @asynccontextmanager
    async def session(self, _: Any) -> AsyncIterator[Any]:
        async def read_mesh() -> Any:
            return reviews({"route": [route("v1")]})

        cluster = SimpleNamespace(namespace="default")
        yield SimpleNamespace(read_mesh=read_mesh, cluster=cluster, journal=None)

    def give(self, *lines: Any) -> None:
        self.entries += [LogEntry("default", one.pod, one.version, one.text) for one in lines]

    def fail(self, pod: str, error: MeshtuiError) -> None:
        self.entries.append(
            LogEntry("default", pod, "", f"meshtui: {pod}: {error}", 0, True, error)
        )


@pytest.fixture
def tail(monkeypatch: pytest.MonkeyPatch) -> Tail:
    return Tail(monkeypatch)


def test_each_line_stands_behind_its_pod(tail: Tail, capsys: pytest.CaptureFixture[str]) -> None:
    tail.give(line(), FOREIGN)
    assert main(["logs", "reviews"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out == [f"reviews-v1-x  {line().text}", f"reviews-v1-x  {FOREIGN.text}"]
    assert tail.start == TailFrom(200, None) and tail.pods == ["v1", "v2", "v3"]


@pytest.mark.parametrize(
    "options",
    [
        ["--code", "5xx"],
        ["--flag", "uo"],
        ["--path", "/slow*"],
        ["--method", "POST"],
        ["--slower", "200ms"],
        ["--grep", '"POST /sl[o]w'],
        ["--filter", "code:5xx !v:v1 slow"],
        ["--filter", "code:5xx", "--code", "!500"],
    ],
)
def test_the_options_choose_lines(
    tail: Tail, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = line(503, "UO", path="/slow", took="500", method="POST", version="v3")
    tail.give(line(), wanted, FOREIGN)
    assert main(["logs", "reviews", *options]) == 0
    assert capsys.readouterr().out == f"reviews-v3-x  {wanted.text}\n"


def test_json_lines(tail: Tail, capsys: pytest.CaptureFixture[str]) -> None:
    tail.give(line(503, "UO"), FOREIGN)
    assert main(["logs", "reviews", "-o", "json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["pod"], first["code"], first["flags"]) == ("reviews-v1-x", 503, ["UO"])
    assert second == {
        "namespace": "default", "pod": "reviews-v1-x", "version": "v1", "raw": FOREIGN.text,
    }  # fmt: skip


def test_yaml_documents(tail: Tail, capsys: pytest.CaptureFixture[str]) -> None:
    tail.give(line(503), line(200))
    assert main(["logs", "reviews", "-o", "yaml"]) == 0
    assert [one["code"] for one in yaml.safe_load_all(capsys.readouterr().out)] == [503, 200]


@pytest.mark.parametrize(
    ("options", "start", "follow"),
    [
        (["-f", "--tail", "10"], TailFrom(10), True),
        (["--since", "15m"], TailFrom(None, 900.0), False),
        (["--since", "15m", "--tail", "5"], TailFrom(5, 900.0), False),
        (["--previous", "-f"], TailFrom(None, None, True), False),
    ],
)
def test_how_far_back(tail: Tail, options: list[str], start: TailFrom, follow: bool) -> None:
    assert main(["logs", "reviews", *options]) == 0
    assert (tail.start, tail.follow) == (start, follow)


def test_with_the_callers(tail: Tail, monkeypatch: pytest.MonkeyPatch) -> None:
    async def sample(*_: Any, **__: Any) -> Any:
        return None, None

    monkeypatch.setattr(opening, "sample", sample)
    assert main(["logs", "reviews", "--callers"]) == 0
    assert tail.start == TailFrom(callers=True) and tail.pods[:3] == ["v1", "v2", "v3"]


def test_one_version(tail: Tail, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "reviews", "--version", "v3"]) == 0
    assert tail.pods == ["v3"]
    assert main(["logs", "reviews", "--version", "v9"]) == 1
    assert "no pod of reviews.default with a proxy of version v9" in _err(capsys)


def _err(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--code", "abc"], "code:abc is no response code"),
        (["--grep", "("], "is no regular expression"),
        (["--slower", "soon"], ">soon is no duration"),
        (["--filter", "flag:"], "flag: of what"),
        (["--since", "yesterday"], "is not a duration"),
    ],
)
def test_a_wrong_filter_is_wrong_usage(
    tail: Tail, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = main(["logs", "reviews", *options])
    except SystemExit as left:
        status = left.code  # type: ignore[assignment]
    assert status == 2 and said in _err(capsys)


def test_what_is_said_of_the_logs_goes_to_stderr(
    tail: Tail, capsys: pytest.CaptureFixture[str]
) -> None:
    tail.give(line())
    tail.fail("p2", Unreachable("the kubelet is away"))
    assert main(["logs", "reviews"]) == 0
    out, err = capsys.readouterr()
    assert out.count("\n") == 1 and err == "meshtui: p2: the kubelet is away\n"


def test_where_no_pod_can_be_read_the_status_is_that_of_the_failure(tail: Tail) -> None:
    for pod in ("p1", "p2", "p3"):
        tail.fail(pod, NotAllowed("no pods/log"))
    assert main(["logs", "reviews"]) == 4


def test_escape_codes_in_a_line_do_nothing(tail: Tail, capsys: pytest.CaptureFixture[str]) -> None:
    tail.give(FOREIGN._replace(text="\x1b]0;pwned\x07"))
    main(["logs", "reviews"])
    assert "\x1b" not in capsys.readouterr().out


def test_json_lines_hold_nothing_for_a_terminal_and_nothing_that_is_no_utf8(
    tail: Tail, capsys: pytest.CaptureFixture[str]
) -> None:
    path = "/é\ud800\x9b31m\u202e\U000e0041"
    text = json.dumps({"start_time": "t", "response_code": 200, "path": path})
    tail.give(FOREIGN._replace(text=text), FOREIGN._replace(text="\x9b\x7f"))
    assert main(["logs", "reviews", "-o", "json"]) == 0
    out = capsys.readouterr().out
    out.encode()
    assert "/é" in out and not set("\x9b\x7f\u202e\U000e0041") & set(out)
    assert json.loads(out.splitlines()[0])["path"] == path
