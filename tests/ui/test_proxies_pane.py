"""The proxies pane: intent against actual, and all that one proxy has."""

from __future__ import annotations

import re
import threading

import pytest

from meshtui.errors import NotAllowed, NotFound, Unreachable
from meshtui.operations.proxies.proxy_reads import ProxyReads
from meshtui.ui.panes.proxies import requests as proxyasking
from meshtui.ui.panes.proxies.pane import ProxiesPane
from meshtui.ui.panes.proxies.table import Table, table_of
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.fake import FakeCockpit

LAGS = {"v1": 90, "v3": 10}
HELD = {"1": "productpage", "2": "header end-user", "3": "OVERFLOW", "4": "10.0.0.0"}
"""What a view of the pane shows once it has read."""
SIZES = pytest.mark.parametrize("size", [SMALL, LARGE])


async def opened(drive: Drive, *keys: str) -> ProxiesPane:
    """The pane with the focus, once its first answer is there."""
    await drive.press("p")
    pane = drive.app.main.dock.pane("proxies")
    assert isinstance(pane, ProxiesPane)
    await drive.until(lambda: pane.state.read_at is not None or pane.state.error)
    await drive.press(*keys)
    return pane


async def typed(drive: Drive, words: str) -> None:
    await drive.press("colon")
    await drive.type(words)
    await drive.press("enter")


@SIZES
async def test_intent_and_actual_stand_side_by_side_for_every_client(
    size: tuple[int, int],
) -> None:
    cockpit = FakeCockpit()
    cockpit.proxies.old["productpage"] = LAGS
    async with driving(cockpit, size) as drive:
        await opened(drive)
        lines = drive.text.splitlines()
        (head,) = (line for line in lines if "CLIENT" in line)
        assert "jason" in head and "http[1]" in head
        gateway = next(line for line in lines if "– gateway ingress" in line)
        assert gateway.count("not for it") == 2
        lagging = next(line for line in lines if "≠ productpage" in line)
        assert "✓ in sync" in lagging and "≠ differs" in lagging and "0s" in lagging
        assert "≠ 1 differs" in drive.text
        assert "routes of reviews.bookinfo" in drive.text
        asked = next(line for line in lines if "asked v1 80%" in line)
        does = next(line for line in lines if "does  v1 90%" in line)
        assert "v3 20%" in asked and "v3 10%" in does and "timeout 10s" in does
        assert "≠ route 2: weight of v1 is 80" in drive.text


async def test_a_proxy_that_has_followed_is_in_sync_without_a_key() -> None:
    cockpit = FakeCockpit()
    cockpit.proxies.old["productpage"] = LAGS
    async with driving(cockpit) as drive:
        await opened(drive)
        cockpit.proxies.old.clear()
        cockpit.clock.now += 5
        await drive.until(lambda: "≠" not in drive.text)
        asked = cockpit.proxies.asked_rows
        cockpit.clock.now += 5
        await drive.until(lambda: "read 5s ago" in drive.text)
        assert cockpit.proxies.asked_rows == asked
        cockpit.clock.now += 6
        await drive.until(lambda: cockpit.proxies.asked_rows == asked + 1)


async def test_a_round_that_takes_long_is_not_begun_anew_before_it_ends() -> None:
    cockpit = FakeCockpit()
    cockpit.proxies.gate.clear()
    async with driving(cockpit) as drive:
        await opened(drive)
        cockpit.clock.now += 11
        await drive.until(lambda: "read 11s ago" in drive.text)
        assert cockpit.proxies.asked_rows == 1
        assert "1 of 2 read" in drive.text
        cockpit.proxies.gate.set()
        await drive.until(lambda: "✓ 1 in sync" in drive.text)
        cockpit.clock.now += 11
        await drive.until(lambda: cockpit.proxies.asked_rows == 2)


async def test_a_round_that_never_ends_is_given_up() -> None:
    cockpit = FakeCockpit()
    cockpit.proxies.gate.clear()
    async with driving(cockpit) as drive:
        await opened(drive)
        cockpit.clock.now += 61
        await drive.until(lambda: cockpit.proxies.asked_rows == 2)


async def test_a_proxy_out_of_reach_is_a_row_with_its_reason() -> None:
    cockpit = FakeCockpit()
    cockpit.proxies.trouble["productpage"] = "it does not answer within 5 s"
    async with driving(cockpit) as drive:
        await opened(drive)
        await drive.until(lambda: "✖ productpage" in drive.text)
        assert "out of reach: it does not" in drive.text
        assert "✖ it does not answer within 5 s" in drive.text
        assert "not for it" in drive.text


@SIZES
async def test_each_view_of_the_proxy_under_the_cursor(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await opened(drive, "enter")
        await drive.until(lambda: "header end-user = jason" in drive.text)
        assert "[2 routes]" in drive.text and "client productpage-v1" in drive.text
        assert "VirtualService reviews.bookinfo" in drive.text
        assert "domains reviews, reviews.bookinfo" in drive.text
        await drive.press("3")
        await drive.until(lambda: "OVERFLOW" in drive.text)
        row = next(line for line in drive.text.splitlines() if "12/100" in line)
        assert "v3" in row and "3/1024" in row and "31" in row and "1/1" in row
        assert "? this proxy does not keep" in drive.text
        await drive.press("4")
        await drive.until(lambda: "EJECTED" in drive.text)
        assert "ejected: v3 1 of 1" in drive.text
        first = next(line for line in drive.text.splitlines() if "10.0.0." in line)
        assert "v3" in first and "EJECTED" in first
        await drive.press("5")
        await drive.until(lambda: "Route: 9080" in drive.text)
        assert "SNI: [b]" in drive.text
        await drive.press("1")
        await drive.until(lambda: "CLIENT" in drive.text)
        views = [view for view, app, _ in drive.cockpit.proxies.asked if app == "productpage"]
        assert views == ["routes", "clusters", "endpoints", "listeners"]


async def test_what_a_proxy_does_not_keep_is_told_from_none() -> None:
    cockpit = FakeCockpit()
    cockpit.proxies.unkept = True
    async with driving(cockpit) as drive:
        await opened(drive, "3")
        await drive.until(lambda: "OVERFLOW" in drive.text)
        row = next(line for line in drive.text.splitlines() if "3/100" in line)
        assert " ? " in row and "0/100" not in drive.text.replace("100/100", "")


async def test_digits_in_the_pane_draft_no_weight() -> None:
    async with driving() as drive:
        await drive.go_to("reviews", "v3")
        await opened(drive, "5", "3")
        assert not drive.app.main.drafting.drafts
        await drive.press("shift+tab", "5")
        assert drive.app.main.drafting.drafts


async def test_brackets_and_arrows_go_from_client_to_client() -> None:
    async with driving() as drive:
        await opened(drive, "k", "2")
        await drive.until(lambda: "gateway ingressgateway" in drive.text)
        assert "this proxy has no route for the service" in drive.text
        await drive.press("right_square_bracket")
        await drive.until(lambda: "2 of 2" in drive.text)
        await drive.press("right")
        await drive.until(lambda: "1 of 2" in drive.text)
        await drive.press("left_square_bracket", "1")
        await drive.until(lambda: "CLIENT" in drive.text)
        assert drive.app.main.dock.pane("proxies").lines.picked.startswith("bookinfo/productpage")


async def test_space_shows_all_that_the_proxy_has() -> None:
    async with driving() as drive:
        await opened(drive, "3")
        await drive.until(lambda: "this service" in drive.text)
        await drive.press("space")
        await drive.until(lambda: "all it has" in drive.text and "SERVICE FQDN" in drive.text)
        assert drive.cockpit.proxies.asked[-1][2] == ""


@SIZES
async def test_raw_json_is_searched_and_stepped_through(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        pane = await opened(drive, "3", "w")
        await drive.until(lambda: "GET /clusters" in drive.text)
        await drive.press("slash")
        await drive.type("Clusters-2")
        await drive.press("enter")
        await drive.until(lambda: "Clusters-2: 1 of 11" in drive.text)
        assert '"name": "clusters-2"' in drive.text
        await drive.press("comma")
        await drive.until(lambda: "11 of 11" in drive.text and '"clusters-29"' in drive.text)
        await drive.press("enter", "full_stop")
        await drive.until(lambda: "2 of 11" in drive.text and '"clusters-20"' in drive.text)
        await drive.press("slash")
        await drive.type("nowhere")
        await drive.press("enter")
        await drive.until(lambda: "nothing holds" in drive.text)
        await drive.press("full_stop", "w")
        await drive.until(lambda: "OVERFLOW" in drive.text)
        assert pane.search_text == ""


async def test_a_search_keeps_the_lines_that_hold_the_text() -> None:
    async with driving() as drive:
        await opened(drive, "4")
        await drive.until(lambda: "10.0.0.0" in drive.text)
        await drive.press("slash")
        await drive.type("v2")
        await drive.until(lambda: "10.0.0.0" not in drive.text)
        assert "10.0.0.2" in drive.text
        await drive.press("escape")
        await drive.until(lambda: "10.0.0.0" in drive.text)
        await drive.press("2")
        await drive.until(lambda: "header end-user" in drive.text)
        await drive.press("slash")
        await drive.type("TIMEOUT")
        await drive.press("enter")
        await drive.until(
            lambda: "header end-user" not in drive.text and "timeout 10s" in drive.text
        )


@SIZES
@pytest.mark.parametrize(
    ("view", "text", "rest"), [("1", "nobody", 0), ("2", "timeout", 1), ("4", "v2", 1)]
)
async def test_a_search_says_what_it_leaves_out_and_escape_takes_it_off(
    size: tuple[int, int], view: str, text: str, rest: int
) -> None:
    """Without that the lines that hold it look like all that the proxy has."""
    async with driving(size=size) as drive:
        pane = await opened(drive, view)
        await drive.until(lambda: HELD[view] in drive.text)
        await drive.press("slash")
        await drive.type(text)
        await drive.press("enter")
        await drive.until(lambda: f"proxies reviews  /{text}" in drive.text)
        found = re.search(rf"/{text}  (\d+) of (\d+)", drive.text)
        assert found is not None
        left, every = map(int, found.groups())
        assert rest <= left < every
        await drive.press("escape")
        await drive.until(lambda: f"/{text}" not in drive.text)
        assert drive.app.main.dock.pane("proxies").display
        assert pane.search_text == ""


@SIZES
async def test_the_dump_is_saved_and_its_whole_path_is_told(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        drive.cockpit.proxies.folder = f"/state/{'very-' * 20}deep"
        pane = await opened(drive, "D")
        await drive.until(lambda: "saved, 20.3 MB" in drive.text)
        (name,) = drive.cockpit.proxies.dumped
        assert name.startswith("productpage")
        shown = "".join("".join(s.text for s in line) for line in pane.lines.pinned())
        assert f"/state/{'very-' * 20}deep/{name}.json" in shown
        drive.cockpit.proxies.dump_error = Unreachable("/state cannot be written")
        await drive.press("D")
        await drive.until(lambda: "✖ /state cannot be written" in drive.text)
        assert "CLIENT" in drive.text
        await drive.press("k")
        await drive.until(lambda: "cannot be written" not in drive.text)


@pytest.mark.parametrize(
    "error",
    [
        Unreachable("the proxy answers with something that is not JSON"),
        NotAllowed("you may not create pods/portforward in bookinfo", "ask for it"),
    ],
)
async def test_trouble_is_one_line_and_the_pane_lives(error: Exception) -> None:
    async with driving() as drive:
        drive.cockpit.proxies.error = error  # type: ignore[assignment]
        await opened(drive, "2")
        told = f"✖ {error}"[:30]
        await drive.until(lambda: told in drive.text)
        drive.cockpit.proxies.error = None
        await drive.press("r")
        await drive.until(lambda: "read 0s ago" in drive.text)
        assert told not in drive.text


async def test_an_unexpected_failure_is_told_too() -> None:
    async with driving() as drive:
        drive.cockpit.proxies.error = ValueError("[red]odd")  # type: ignore[assignment]
        await opened(drive, "3")
        await drive.until(lambda: "failed unexpectedly (ValueError: [red]odd)" in drive.text)


async def test_a_client_that_vanishes_gives_way_to_the_next() -> None:
    async with driving() as drive:
        await opened(drive, "2")
        await drive.until(lambda: "client productpage" in drive.text)
        drive.cockpit.proxies.gone.add("productpage")
        drive.cockpit.clock.now += 11
        await drive.until(lambda: "gateway ingressgateway" in drive.text)
        assert "is no client here (any more)" in drive.text


@SIZES
async def test_any_proxy_of_the_mesh_by_its_name(size: tuple[int, int]) -> None:
    async with driving(size=size) as drive:
        await typed(drive, "proxies ratings endpoints")
        await drive.until(lambda: "proxy ratings-v1" in drive.text)
        assert "[4 endpoints]" in drive.text
        asked = drive.cockpit.proxies.asked
        assert asked == [("endpoints", "ratings", "reviews")]
        await drive.go_to("details") if size == LARGE else None
        drive.cockpit.clock.now += 11
        await drive.until(lambda: len(asked) > 1)
        assert asked[-1][1] == "ratings"


async def test_a_name_that_no_proxy_has_is_said_in_the_status_line() -> None:
    async with driving() as drive:
        await typed(drive, "proxies nobody")
        told = "no pod or workload nobody with a proxy in any namespace"
        await drive.until(lambda: told in drive.status)
        await typed(drive, "proxies ratings intents")
        await drive.until(lambda: "proxies takes POD" in drive.status)


async def test_nothing_is_asked_while_it_is_hidden() -> None:
    async with driving(size=SMALL) as drive:
        await opened(drive, "2")
        await drive.until(lambda: drive.cockpit.proxies.asked)
        await drive.press("v")
        await drive.until(lambda: "VirtualService" in drive.text)
        asked = len(drive.cockpit.proxies.asked)
        drive.cockpit.clock.now += 60
        await drive.tick()
        await drive.press("j", "k")
        assert len(drive.cockpit.proxies.asked) == asked
        await drive.press("p")
        drive.cockpit.clock.now += 1
        await drive.until(lambda: len(drive.cockpit.proxies.asked) > asked)


async def test_a_change_of_the_rules_is_asked_about_at_once() -> None:
    async with driving() as drive:
        await opened(drive)
        asked = drive.cockpit.proxies.asked_rows
        rules = drive.cockpit.raw["virtualservices"][0]
        rules["spec"]["http"][1]["route"][0]["weight"] = 60
        rules["metadata"]["resourceVersion"] = "101"
        await drive.tick()
        await drive.until(lambda: "asked v1 75%" in drive.text)
        assert drive.cockpit.proxies.asked_rows == asked + 1


async def test_it_follows_the_selected_service_when_the_cursor_rests() -> None:
    async with driving() as drive:
        await drive.press("p")
        await drive.until(lambda: "jason" in drive.text)
        await drive.go_to("ratings")
        await drive.until(lambda: "no rule to compare with" in drive.text)


async def test_thousands_of_clusters_are_laid_out_beside_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: list[threading.Thread] = []

    def noted(reading: ProxyReads) -> Table:
        threads.append(threading.current_thread())
        return table_of(reading)

    monkeypatch.setattr(proxyasking, "table_of", noted)
    cockpit = FakeCockpit()
    cockpit.proxies.many = 3000
    async with driving(cockpit) as drive:
        await opened(drive, "3", "space")
        await drive.until(lambda: "svc2" in drive.text)
        assert threading.main_thread() not in threads
        await drive.press("slash")
        await drive.type("svc2999")
        await drive.press("enter")
        await drive.until(lambda: "svc2999" in drive.text and "svc2998" not in drive.text)
        await drive.press("greater_than_sign", "G", "g", "less_than_sign")
        await drive.until(lambda: "svc2999" in drive.text)


async def test_no_proxy_calls_the_service() -> None:
    cockpit = FakeCockpit()
    cockpit.proxies.gone = {"productpage", "ingressgateway"}
    async with driving(cockpit) as drive:
        await drive.press("p")
        await drive.until(lambda: "no proxy is known to call it" in drive.text)
        await drive.press("2", "enter", "w", "D", "full_stop", "space", "right", "3")
        await drive.until(lambda: "no proxy is known to call it" in drive.text)


async def test_a_service_that_is_gone_is_told() -> None:
    async with driving() as drive:
        drive.cockpit.proxies.matrix = _gone  # type: ignore[method-assign]
        await drive.press("p")
        await drive.until(lambda: "✖ there is no service" in drive.text)


def _gone(_: object) -> None:
    raise NotFound("there is no service reviews.bookinfo")
