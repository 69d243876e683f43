"""The load pane: it asks before it sends anything, shows what comes, and ends in every way."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from meshtui.config import Config
from meshtui.envoy.clusternames import parse_cluster_name
from meshtui.errors import Refused, Unreachable, Usage
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.request import Request
from meshtui.mesh.signals import Signals
from meshtui.operations.request.breaker import BreakerRow
from meshtui.operations.request.load_counters import Counted, Reached
from meshtui.operations.request.load_plan import LoadPlan, Tally
from meshtui.operations.request.load_words import breaker_words
from meshtui.operations.request.loading import LoadState
from meshtui.ui.dialogs.question import Question
from meshtui.ui.panes.load_ask import LoadAsk, load_words, parse_load
from meshtui.ui.panes.loadtext import load_lines
from meshtui.ui.panes.trace_request import TraceRequest
from meshtui.ui.widgets.paint import width_of
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.fake import FakeCockpit

HOST = "reviews.bookinfo.svc.cluster.local"
REVIEWS = ServiceKey("bookinfo", "reviews")


def breaker(**changes: object) -> BreakerRow:
    row = BreakerRow(
        parse_cluster_name(f"outbound|9080|v3|{HOST}"),
        limits={"connections": 1, "pending": 1},
        overflows={"pending": 41, "connections": 7, "requests": 0},
        full=("connections",),
        was_full=("connections", "pending"),
        detection="5xx 5 at most 100%",
        endpoints=2,
        ejected=1,
        ejections=3,
        attempts=159,
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def state(seconds: float = 4.0, **changes: object) -> LoadState:
    tally = Tally(
        Counter({200: 155, 503: 41}),
        Counter({"closed at once": 4}),
        Counter({90: 100, 100: 50, 120: 46}),
        3,
        seconds,
    )
    reached = (
        Reached(REVIEWS, "", "", Signals(41, codes={"503": 41}, flags={"UO": 41})),
        Reached(REVIEWS, "reviews-v3", "v3", Signals(155, codes={"200": 155})),
    )
    counted = Counted(reached, (breaker(),))
    found = LoadState(None, tally, tally, counted)  # type: ignore[arg-type]
    return replace(found, **changes)  # type: ignore[arg-type]


async def typed(drive: Drive, words: str) -> None:
    await drive.press("colon")
    await drive.type(words)
    await drive.press("enter")


async def asked(drive: Drive, words: str = "load 50 10s /reviews/0") -> None:
    """The question is on the screen."""
    await typed(drive, words)
    await drive.until(lambda: isinstance(drive.app.screen, Question))


async def begun(drive: Drive) -> None:
    await asked(drive)
    await drive.press("enter")
    await drive.until(lambda: drive.cockpit.loads)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_it_names_what_it_hits_and_shows_codes_times_and_the_breaker(
    size: tuple[int, int],
) -> None:
    async with driving(size=size) as drive:
        await drive.press("K")
        await drive.until(lambda: "no load has been made" in drive.text)
        await drive.press("enter")
        await drive.until(lambda: ":load 50 10s GET /" in drive.text.replace(": ", ":"))
        await drive.type("reviews/0 concurrency 64")
        await drive.press("enter")
        await drive.until(lambda: isinstance(drive.app.screen, Question))
        for words in (
            "Begin a load on reviews.bookinfo?",
            "GET http://reviews:9080/reviews/0 to v1 80%, v3 20%",
            "500 requests in 10 s (50/s, at most 64 at a time)",
            "productpage-v1-",
        ):
            assert words in drive.text, drive.text
        assert not drive.cockpit.loads
        await drive.press("enter")
        drive.cockpit.load_states.put_nowait(state())
        await drive.until(lambda: "4 of 10 s" in drive.text)
        assert "200 requests in 4.0 s: 50.0/s, 50/s asked" in drive.text
        assert "overflow 41 pending, 7 connections" in drive.text
        assert "open now: connections" in drive.text
        assert "1 of 2 now, 3 times since" in drive.text
        assert "3 began late: all 64 connections were busy" in drive.text
        assert "p50" in drive.text and "p99" in drive.text
        await drive.press("G")
        await drive.until(lambda: "(no pod reached)  503: 41  UO: 41" in drive.text)
        await drive.until(lambda: " to " in drive.text and " ms " in drive.text)
        drive.cockpit.load_states.put_nowait(state(10.0, over=True))
        await drive.until(lambda: drive.cockpit.loads_ended == ["over"])
        await drive.until(lambda: "done" in drive.text)


async def test_a_no_sends_nothing() -> None:
    async with driving() as drive:
        await asked(drive)
        await drive.press("escape")
        await drive.until(lambda: "nothing was sent" in drive.status)
        assert not drive.cockpit.loads


async def test_a_key_stops_it_and_what_came_stays() -> None:
    async with driving() as drive:
        await begun(drive)
        drive.cockpit.load_states.put_nowait(state())
        await drive.until(lambda: "4 of 10 s" in drive.text)
        await typed(drive, "load 10 5s")
        await drive.until(lambda: "a load is running: X stops it" in drive.status)
        await drive.press("X")
        await drive.until(lambda: drive.cockpit.loads_ended == ["stopped"])
        await drive.until(lambda: "stopped after 4 s" in drive.text)
        await drive.until(lambda: "the load on reviews.bookinfo is stopped" in drive.status)
        assert "overflow 41 pending" in drive.text
        await drive.press("X")
        await drive.until(lambda: "no load is running" in drive.status)


async def test_closing_the_pane_ends_it() -> None:
    async with driving() as drive:
        await begun(drive)
        await drive.press("escape")
        await drive.until(lambda: drive.cockpit.loads_ended == ["closed"])
        assert not drive.app.main.dock.open_kinds


async def test_another_context_ends_it() -> None:
    async with driving() as drive:
        await begun(drive)
        drive.cockpit.load_states.put_nowait(state())
        await drive.until(lambda: "4 of 10 s" in drive.text)
        await typed(drive, "ctx other")
        await drive.until(lambda: drive.cockpit.loads_ended == ["closed"])
        await drive.until(lambda: "stopped after 4 s" in drive.text)


async def test_leaving_the_program_ends_it() -> None:
    cockpit = FakeCockpit()
    async with driving(cockpit) as drive:
        await begun(drive)
        await drive.press("q")
        await drive.until(lambda: cockpit.loads_ended == ["closed"])


async def test_it_stays_with_its_service_and_goes_on_behind_other_panes() -> None:
    async with driving(size=SMALL) as drive:
        await begun(drive)
        await drive.press("t")
        await drive.until(lambda: "by the objects" in drive.text)
        await drive.go_to("ratings")
        drive.cockpit.load_states.put_nowait(state())
        await drive.press("K")
        await drive.until(lambda: "reviews.bookinfo  " in drive.text and "4 of 10 s" in drive.text)
        assert drive.cockpit.loads_ended == []


@pytest.mark.parametrize(
    ("read_only", "why"),
    [
        (True, "meshtui runs read-only"),
        (False, "the configuration marks context lab as production"),
    ],
)
async def test_read_only_and_production_refuse(read_only: bool, why: str) -> None:
    cockpit = FakeCockpit(read_only=read_only)
    cockpit.settings = Config(production=not read_only)
    async with driving(cockpit) as drive:
        await typed(drive, "load 50 10s")
        await drive.until(lambda: why in drive.status)
        drive.app.main.announce("")
        await drive.press("enter")
        await drive.until(lambda: why in drive.status)
        assert not cockpit.load_asks
        assert not drive.app.main.prompt.display


async def test_what_cannot_be_made_says_so() -> None:
    async with driving() as drive:
        await typed(drive, "load 50 10s method DELETE")
        await drive.until(lambda: "a DELETE may change something" in drive.status)
        drive.cockpit.load_error = Refused("no container of x has python3", "name another caller")
        await typed(drive, "load 50 10s")
        await drive.until(lambda: "✖ no container of x has python3" in drive.text)
        drive.cockpit.load_error = None
        await begun(drive)
        drive.cockpit.load_states.put_nowait(state())
        drive.cockpit.load_states.put_nowait(Unreachable("exec in x broke off", "try again"))
        await drive.until(lambda: "✖ exec in x broke off" in drive.text)
        assert "stopped after 4 s" in drive.text and "overflow 41 pending" in drive.text


async def test_the_request_that_is_traced_is_the_one_that_is_proposed() -> None:
    async with driving() as drive:
        await typed(drive, "trace GET /reviews/1 header end-user=jason from productpage-v1")
        await drive.until(lambda: "end-user: jason" in drive.text)
        await drive.press("K", "enter")
        await drive.until(
            lambda: "GET /reviews/1 header end-user=jason from productpage-v1" in drive.text
        )
        await drive.press("enter")
        await drive.until(lambda: isinstance(drive.app.screen, Question))
        ((question, plan),) = drive.cockpit.load_asks
        assert question.request.headers == (("end-user", "jason"),)
        assert (question.source, plan) == ("productpage-v1", LoadPlan(50, 10, 16))


@pytest.mark.parametrize(
    ("words", "plan", "asked_for"),
    [
        ("50 10s", LoadPlan(50, 10, 16), Request()),
        ("200 1m GET /x?y=z", LoadPlan(200, 60, 16), Request(path="/x?y=z")),
        ("rps 5 for 30s path /x", LoadPlan(5, 30, 16), Request(path="/x")),
        ("--rps 5 --for 30s --concurrency 64", LoadPlan(5, 30, 64), Request()),
        ("1 2s head / host 'a b'", LoadPlan(1, 2, 16), Request("HEAD", authority="a b")),
    ],
)
def test_words_are_read_and_written(words: str, plan: LoadPlan, asked_for: Request) -> None:
    found = parse_load(words.split(" "))
    assert (found.plan, found.request.request) == (plan, asked_for)
    assert parse_load(load_words(found).split(" ")) == found


def test_an_https_request_is_proposed_as_what_can_be_sent() -> None:
    traced = TraceRequest(Request(scheme="https", path="/x"), "web", 9080)
    assert load_words(LoadAsk(request=traced)) == "50 10s GET /x from web port 9080"


@pytest.mark.parametrize(
    "words",
    ["50", "/x", "50 10s yes", "50 10s --force", "2000 10s", "50 11m", "50 10s 'x", "50 10s port 0",
     "50 10s concurrency 500", "1000 10m", "nonsense"],
)  # fmt: skip
def test_what_is_no_load_is_refused(words: str) -> None:
    with pytest.raises(Usage):
        parse_load(words.split(" "))


def test_one_connection_is_one() -> None:
    row = breaker(overflows={"connections": 1, "pending": 2, "requests": 1})
    assert dict(breaker_words(row))["overflow"].text == "1 connection, 2 pending, 1 request"


@pytest.mark.parametrize("width", range(40, 180, 7))
async def test_what_the_breaker_did_to_each_version_stands_below_another(width: int) -> None:
    async with driving() as drive:
        await begun(drive)
        ready = drive.cockpit.loads[0]
    quiet = breaker(overflows={"pending": 0}, full=(), was_full=(), ejected=0, ejections=0)
    rows = (breaker(attempts=1_234_567), quiet, breaker(ejections=1))
    found = state(counted=Counted((), rows), ready=ready)
    lines = ["".join(piece.text for piece in line) for line in load_lines(found, width)]
    parts = [
        [word for word in ("sent", "overflow", "open", "ejected") if f"{word} " in line]
        for line in lines
        if line.startswith(("v3 ", "      "))
    ]
    versions = [part for part in parts if part]
    assert versions and len(versions) % 3 == 0
    third = len(versions) // 3
    assert versions[:third] == versions[third : 2 * third] == versions[2 * third :]


@pytest.mark.parametrize("width", [20, 40, 73, 77, 120])
async def test_no_line_is_wider_than_the_pane(width: int) -> None:
    async with driving() as drive:
        await begun(drive)
        ready = drive.cockpit.loads[0]
        many = breaker(overflows=None, full=None, ejected=0, detection="")
        for counted in (Counted(), state().counted, Counted((), (breaker(), many), ("x " * 90,))):
            found = state(counted=counted, ready=ready)
            for line in load_lines(found, width):
                if width >= 73:
                    assert width_of(line) <= width, line
            load_lines(LoadState(ready), width)
