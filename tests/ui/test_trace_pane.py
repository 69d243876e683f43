"""The trace pane: which rule takes a request, by the objects and in the clients' proxies."""

from __future__ import annotations

import pytest

from meshtui.errors import Refused, Unreachable, Usage
from meshtui.mesh.decision import Decision, Tried
from meshtui.mesh.effects import Effects, Odds
from meshtui.mesh.request import Request
from meshtui.operations.look.trace import Question, Traced, by_objects
from meshtui.ui.panes.trace_request import TraceRequest, parse_ask, words_of
from meshtui.ui.panes.tracetext import trace_lines
from meshtui.ui.widgets.paint import Line, width_of
from tests.ui import bookinfo
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.fake import FakeCockpit

HOST = "reviews.bookinfo.svc.cluster.local"
OLD = Decision(
    HOST,
    taken=Tried(("bookinfo", "reviews"), "route[1]", match="any request"),
    effects=Effects(destinations=(Odds(HOST, "v1", 9080),), timeout_s=10.0),
)
"""What a proxy does that has not heard of the last change."""


async def ask(drive: Drive, words: str) -> None:
    await drive.press("colon")
    await drive.type(words)
    await drive.press("enter")


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_objects_and_proxies_stand_side_by_side(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await drive.press("t")
        await drive.until(lambda: "by the objects" in drive.text)
        assert "GET http://reviews:9080/" in drive.text
        assert "not   bookinfo/reviews jason" in drive.text
        assert "header end-user is absent" in drive.text
        line = next(line for line in drive.text.splitlines() if " to  " in line)
        assert line.count("v1 80%, v3 20%") == 2
        if size == SMALL:
            await drive.press("G")
        await drive.until(lambda: "● agrees  ingressgateway-7d4c9f5b8-q8n2z" in drive.text)
        assert "● 2 proxies, as the objects say" in drive.text
        assert ("weight" in drive.text) is (size == LARGE)


async def test_the_command_asks_another_request_and_enter_edits_it() -> None:
    async with driving() as drive:
        await ask(drive, "trace get /reviews/1 header end-user=jason")
        await drive.until(lambda: "end-user: jason" in drive.text)
        assert "GET http://reviews:9080/reviews/1" in drive.text
        assert "bookinfo/reviews jason" in drive.text and "v2 100%" in drive.text
        await drive.press("enter")
        await drive.until(lambda: "trace GET /reviews/1 header end-user=jason" in drive.text)
        await drive.type(" from productpage-v1")
        await drive.press("enter")
        await drive.until(lambda: drive.cockpit.traces[-1].source == "productpage-v1")


async def test_a_proxy_that_differs_says_in_what_and_is_asked_again_soon() -> None:
    cockpit = FakeCockpit()
    cockpit.lagging["productpage"] = OLD
    async with driving(cockpit) as drive:
        await drive.press("t")
        await drive.until(lambda: "✖ DIFFERS  productpage-v1" in drive.text)
        assert "● 1 agrees  ✖ 1 DIFFERS" in drive.text
        assert "v3 gets 0%, asked 20%" in drive.text and "v1 100%" in drive.text
        cockpit.lagging.clear()
        cockpit.clock.now += 6
        await drive.until(lambda: "2 proxies, as the objects say" in drive.text)
        asked = len(cockpit.traces)
        cockpit.clock.now += 6
        await drive.until(lambda: "6s ago" in drive.text)
        assert len(cockpit.traces) == asked


async def test_a_change_of_the_objects_is_asked_about_at_once() -> None:
    async with driving() as drive:
        await drive.press("t")
        await drive.until(lambda: "v1 80%, v3 20%" in drive.text)
        rules = bookinfo.reviews_rules({"v1": 90, "v3": 10})
        rules["metadata"]["resourceVersion"] = "101"
        drive.cockpit.raw["virtualservices"] = [rules]
        await drive.tick()
        await drive.until(lambda: "v1 90%, v3 10%" in drive.text)
        asked = len(drive.cockpit.traces)
        await drive.tick()
        assert len(drive.cockpit.traces) == asked


async def test_it_follows_the_selected_service_with_the_same_path_and_headers() -> None:
    async with driving() as drive:
        await ask(drive, "trace POST /x header a=b host reviews:9080")
        await drive.until(lambda: "POST http://reviews:9080/x" in drive.text)
        await drive.go_to("ratings")
        await drive.until(lambda: "POST http://ratings:9080/x" in drive.text)
        assert "no VirtualService: Istio's" in drive.text
        assert drive.cockpit.traces[-1].request.headers == (("a", "b"),)


async def test_what_cannot_be_answered_says_so_and_is_asked_again_on_r() -> None:
    async with driving(size=SMALL) as drive:
        drive.cockpit.trace_error = Unreachable("not connected to a cluster", "wait")
        await drive.press("t")
        await drive.until(lambda: "✖ not connected to a cluster" in drive.text)
        drive.cockpit.trace_error = None
        await drive.press("r")
        await drive.until(lambda: "by the objects" in drive.text)
        assert "not connected" not in drive.text
        await drive.press("escape")
        await drive.until(lambda: "weight" in drive.text)


async def test_proxies_out_of_reach_and_no_proxies_at_all() -> None:
    cockpit = FakeCockpit()
    cockpit.deaf = {"productpage"}
    async with driving(cockpit) as drive:
        await drive.press("t")
        await drive.until(lambda: "✖ out of reach  productpage-v1" in drive.text)
        assert "its proxy does not answer" in drive.text
        cockpit.has_clients = False
        await drive.press("r")
        await drive.until(lambda: "none is known to call" in drive.text)
        assert "no proxy asked" in drive.text and "v1 80%, v3 20%" in drive.text


async def focus_pane(drive: Drive) -> None:
    if drive.app.main.situation().focus != "trace":
        await drive.press("tab")


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_the_request_is_sent_once_and_what_came_of_it_is_shown(size: tuple[int, int]) -> None:
    cockpit = FakeCockpit()
    cockpit.request_gate.clear()
    async with driving(cockpit, size=size) as drive:
        await drive.press("t")
        await drive.until(lambda: "by the objects" in drive.text)
        await focus_pane(drive)
        await drive.press("T", "T")
        await drive.until(lambda: "sending it" in drive.text)
        cockpit.request_gate.set()
        await drive.until(lambda: "(app, curl)" in drive.text)
        assert len(cockpit.requests) == 1
        assert "503  in 12 ms  75 bytes" in drive.text
        assert drive.text.count("GET http://reviews:9080/") == 1, "said twice"
        assert "reviews v1 (reviews-v1" in drive.text


async def test_a_request_that_may_change_something_is_not_sent_from_the_pane() -> None:
    async with driving(size=LARGE) as drive:
        await ask(drive, "trace DELETE /x")
        await drive.until(lambda: "DELETE http" in drive.text)
        await focus_pane(drive)
        await drive.press("T")
        await drive.until(lambda: "is not sent from here" in drive.text)
        assert drive.cockpit.requests == []


async def test_a_request_that_nobody_can_send_says_so() -> None:
    async with driving(size=LARGE) as drive:
        drive.cockpit.request_error = Refused("no container can send a GET", "name another caller")
        await drive.press("t")
        await drive.until(lambda: "by the objects" in drive.text)
        await focus_pane(drive)
        await drive.press("T")
        await drive.until(lambda: "✖ no container can send a GET" in drive.text)


async def test_words_that_make_no_request_are_refused_in_the_status_line() -> None:
    async with driving() as drive:
        await ask(drive, "trace header nonsense")
        await drive.until(lambda: "is not a header" in drive.status)
        assert drive.app.main.dock.pane("trace") is None


@pytest.mark.parametrize(
    "wanted",
    [
        TraceRequest(),
        TraceRequest(
            Request("DELETE", "/a?b=c d", "shop.example:80", "https", (("Cookie", "a=b; c=d"),))
        ),
        TraceRequest(Request(headers=(("a", ""), ("a", "2"))), "gateway", 8080),
    ],
)
def test_a_request_in_words_is_the_same_request(wanted: TraceRequest) -> None:
    assert parse_ask(words_of(wanted).split(" ")) == wanted


@pytest.mark.parametrize("text", ["header", "header x", "port x", "scheme ftp", "GET 'x", "x"])
def test_half_a_request_is_none(text: str) -> None:
    with pytest.raises(Usage):
        parse_ask(text.split())


@pytest.mark.parametrize("width", [40, 76])
def test_a_trace_fits_the_width_and_keeps_hostile_words_as_text(width: int) -> None:
    mesh = bookinfo.mesh_of(bookinfo.objects())
    service = next(service for service in mesh.services if service.key.name == "reviews")
    path = "/[red]\x1b[2J" + "x" * 300
    question = Question(service, Request(path=path, headers=(("end-user", "[b]"),)))
    lines: list[Line] = trace_lines(Traced((by_objects(mesh, question, None),)), width)
    text = "\n".join("".join(piece.text for piece in line) for line in lines)
    assert all(width_of(line) <= width for line in lines)
    assert "[red]^[[2J" in text and "\x1b" not in text and "end-user: [b]" in text
