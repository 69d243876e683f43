"""`meshtui logs`: what is printed of which lines, and the status."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from meshtui.cli import connect as opening
from meshtui.cli import streams
from meshtui.cli.main import main
from meshtui.errors import MeshtuiError, NotAllowed, Unreachable
from meshtui.operations.logs import tail as tailing
from meshtui.operations.logs.pod_tail import TailFrom
from meshtui.operations.types import LogEntry
from tests.unit.objects import reviews, route
from tests.unit.test_logfilter import FOREIGN, line

WIDTH = len("reviews-v1-5f6d-1")


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
        self.entries += [
            LogEntry("default", one.pod, one.version, one.text, late=one.late) for one in lines
        ]

    def fail(self, pod: str, error: MeshtuiError) -> None:
        self.entries.append(
            LogEntry("default", pod, "", f"meshtui: {pod}: {error}", 0, True, error)
        )


@pytest.fixture
def tail(monkeypatch: pytest.MonkeyPatch) -> Tail:
    return Tail(monkeypatch)


def test_lines_are_readable_behind_their_pods_and_summed_up(
    tail: Tail, capsys: pytest.CaptureFixture[str]
) -> None:
    tail.give(line(), line(503, "UO", took="2500", version="v3"), FOREIGN)
    assert main(["logs", "reviews"]) == 0
    out, err = capsys.readouterr()
    name = f"{'reviews-v1-x':{WIDTH}}  "
    assert out.splitlines() == [
        f"{name}10:11:12.345 200 -     12ms ← GET /reviews/1?a=b",
        f"{'reviews-v3-x':{WIDTH}}  10:11:12.345 503 UO  2500ms ← GET /reviews/1?a=b  via_upstream",
        f"{name}{FOREIGN.text}",
    ]
    assert "meshtui: 503 ×1  200 ×1  │ UO ×1\n" in err
    assert "meshtui: failing  /reviews/1 503 ×1  │ slowest by mean  /reviews/1 1.26s ×2\n" in err


def test_raw_lines_stand_as_they_came(tail: Tail, capsys: pytest.CaptureFixture[str]) -> None:
    tail.give(line(), FOREIGN)
    assert main(["logs", "reviews", "--raw"]) == 0
    out, err = capsys.readouterr()
    assert "503" not in err and out.splitlines() == [
        f"reviews-v1-x  {line().text}",
        f"reviews-v1-x  {FOREIGN.text}",
    ]


@pytest.mark.parametrize(
    ("late", "words"),
    [
        (0, ""),
        (1, "meshtui: 1 line came too late to stand at its time\n"),
        (3, "meshtui: 3 lines came too late to stand at their time\n"),
    ],
)
def test_lines_that_are_not_in_their_place_are_counted(
    tail: Tail, late: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tail.give(line(), *(replace(line(), late=True) for _ in range(late)))
    assert main(["logs", "reviews"]) == 0
    err = capsys.readouterr().err
    assert words in err and ("too late" in err) is bool(late)


def test_what_is_counted_of_no_requests_at_all(
    tail: Tail, capsys: pytest.CaptureFixture[str]
) -> None:
    tail.give(FOREIGN)
    assert main(["logs", "reviews"]) == 0
    assert "no requests among these lines; --callers adds" in capsys.readouterr().err

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
    assert main(["logs", "reviews", "--raw", *options]) == 0
    assert capsys.readouterr().out == f"reviews-v3-x  {wanted.text}\n"


@pytest.mark.parametrize(
    ("lines", "options", "said"),
    [
        (
            [line(), FOREIGN],
            ["--flag", "XX"],
            "meshtui: none of 2 lines fits flag:XX: the last 200 of each log, --tail reads more\n",
        ),
        (
            [line()],
            ["--code", "5xx", "--grep", "[y]", "--tail", "5"],
            "none of 1 line fits code:5xx ~[y]: the last 5 of each log, --tail reads more\n",
        ),
        ([line(), FOREIGN], ["--flag", "XX", "--since", "5m"], "2 lines fits flag:XX\n"),
        ([line(503, "UO"), line()], ["--flag", "UO"], ""),
        ([], ["--flag", "UO"], ""),
    ],
)
def test_what_is_said_where_no_line_is_wanted(
    tail: Tail,
    lines: list[Any],
    options: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tail.give(*lines)
    assert main(["logs", "reviews", *options]) == 0
    err = capsys.readouterr().err
    assert said in err
    assert ("none of" in err) == bool(said)


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
    assert "reviews.default has no version v9: there are: v1, v2, v3" in _err(capsys)


def _err(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--code", "abc"], "code:abc is no response code"),
        (["--grep", "("], "is no regular expression"),
        (["--slower", "soon"], ">soon is no duration"),
        (["--filter", "flag:"], "flag: of what"),
        (["--highlight", "("], "is no regular expression"),
        (["--template", "{tiem}"], "there is no field {tiem}: is it {time}?"),
        (["--template", "{pod}", "--raw"], "write one of --template, --raw and -o"),
        (["--template", "{pod}", "-o", "json"], "write one of --template, --raw and -o"),
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
    assert out.count("\n") == 1 and err.startswith("meshtui: p2: the kubelet is away\n")


def test_where_no_pod_can_be_read_the_status_is_that_of_the_failure(tail: Tail) -> None:
    for pod in ("p1", "p2", "p3"):
        tail.fail(pod, NotAllowed("no pods/log"))
    assert main(["logs", "reviews"]) == 4


def test_escape_codes_in_a_line_do_nothing(tail: Tail, capsys: pytest.CaptureFixture[str]) -> None:
    tail.give(replace(FOREIGN, text="\x1b]0;pwned\x07"))
    main(["logs", "reviews"])
    assert "\x1b" not in capsys.readouterr().out


def test_json_lines_hold_nothing_for_a_terminal_and_nothing_that_is_no_utf8(
    tail: Tail, capsys: pytest.CaptureFixture[str]
) -> None:
    path = "/é\ud800\x9b31m\u202e\U000e0041"
    text = json.dumps({"start_time": "t", "response_code": 200, "path": path})
    tail.give(replace(FOREIGN, text=text), replace(FOREIGN, text="\x9b\x7f"))
    assert main(["logs", "reviews", "-o", "json"]) == 0
    out = capsys.readouterr().out
    out.encode()
    assert "/é" in out and not set("\x9b\x7f\u202e\U000e0041") & set(out)
    assert json.loads(out.splitlines()[0])["path"] == path


# Fields by a template, programs' lines, what is marked


def test_a_template_writes_the_fields_of_requests(
    tail: Tail, capsys: pytest.CaptureFixture[str]
) -> None:
    tail.give(line(), FOREIGN, line(503, "UO", path="/slow", took="1500"))
    words = "{time} {pod} {status} {duration:>7} {{{path}}}"
    assert main(["logs", "reviews", "--template", words]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "2026-11-20T10:11:12.345Z reviews-v1-x 200    12ms {/reviews/1?a=b}",
        "2026-11-20T10:11:12.345Z reviews-v1-x 503  1500ms {/slow}",
    ]
    assert err.startswith("meshtui: 1 line that is no request is left out by the template\n")


def test_programs_lines_stand_among_the_proxies_by_their_container(
    tail: Tail, capsys: pytest.CaptureFixture[str]
) -> None:
    stamp = 1_700_000_000_500_000_000
    text = json.dumps({"start_time": "t", "response_code": 500})
    tail.give(line())
    tail.entries.append(LogEntry("default", "p1", "v1", text, stamp, container="app"))
    assert main(["logs", "reviews", "--app"]) == 0
    assert tail.start == TailFrom(200, programs=True)
    readable = capsys.readouterr().out.splitlines()[1]
    assert readable.split(maxsplit=2) == ["p1/app", "22:13:20.500", text]
    assert main(["logs", "reviews", "--app", "-o", "json"]) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[1])
    assert document["container"] == "app" and document["raw"] == text
    assert main(["logs", "reviews", "--app", "--filter", "container:app", "--raw"]) == 0
    assert capsys.readouterr().out == f"p1/app  {text}\n"


def test_a_container_that_no_pod_has_is_named_beside_those_there_are(
    tail: Tail, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["logs", "reviews", "--container", "reveiws"]) == 1
    assert "has a container reveiws: did you mean reviews?" in _err(capsys)
    assert main(["logs", "reviews", "--container", "reviews"]) == 0
    assert tail.start == TailFrom(200, containers=("reviews",))


@pytest.mark.parametrize(
    ("environment", "marked"),
    [
        ({"TERM": "xterm"}, "\x1b[1;7m503\x1b[0m"),
        ({"TERM": "xterm", "NO_COLOR": "1"}, "\x1b[1;7m503\x1b[0m"),
        ({"TERM": "dumb"}, " 503 "),
    ],
)
def test_what_is_marked_is_seen_at_a_terminal_that_can_show_it(
    tail: Tail,
    environment: dict[str, str],
    marked: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(streams, "is_terminal", lambda _: True)
    tail.give(line(503, "UO"))
    assert main(["logs", "reviews", "--highlight", "50[0-9]"]) == 0
    out = capsys.readouterr().out
    assert marked in out
    coloured = {code for code in ("[33m", "[36m") if code in out}
    assert bool(coloured) is (environment == {"TERM": "xterm"})
