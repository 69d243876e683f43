"""The exposure pane: how traffic from outside gets to a service, and what limits it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from meshtui.errors import Unreachable
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.service_limits import RefusedRate, exposed
from meshtui.ui.panes.exposuretext import exposure_lines
from meshtui.ui.widgets.paint import width_of
from tests.ui import bookinfo
from tests.ui.driving import LARGE, SMALL, Drive, driving
from tests.ui.fake import FakeCockpit
from tests.unit.test_ratelimits import EXTERNAL, LOCAL, SETTINGS, STRUCT, patch

Obj = dict[str, Any]
COUNTER = "http_local_rate_limiter.http_local_rate_limit.enforced"


def gateway(**tls: Any) -> Obj:
    server: Obj = {"port": {"number": 443, "protocol": "HTTPS"}, "hosts": ["shop.example"]}
    spec = {"selector": {"istio": "ingressgateway"}, "servers": [{**server, "tls": tls}]}
    return {"metadata": bookinfo.meta("door"), "spec": spec}


def outside() -> Obj:
    rule = {
        "name": "pages",
        "match": [{"uri": {"prefix": "/productpage"}}],
        "route": [{"destination": {"host": "productpage"}}],
    }
    spec = {"hosts": ["shop.example"], "gateways": ["door"], "http": [rule]}
    return {"metadata": bookinfo.meta("shop"), "spec": spec}


def limit(name: str, context: str, config: Obj = STRUCT, **labels: str) -> Obj:
    spec: Obj = {"configPatches": [patch({"typed_config": config}, context)]}
    spec |= {"workloadSelector": {"labels": labels}} if labels else {}
    return {"metadata": bookinfo.meta(name), "spec": spec}


def opened(*limits: Obj, **tls: Any) -> FakeCockpit:
    cockpit = FakeCockpit()
    cockpit.raw["gateways"] = [gateway(**(tls or {"mode": "MUTUAL"}))]
    cockpit.raw["virtualservices"].append(outside())
    cockpit.raw["envoyfilters"] = list(limits)
    return cockpit


async def second(drive: Drive) -> None:
    """What the screen does each second, and all that begins with it."""
    drive.app.main.dock.tick(drive.cockpit.clock.now)
    await drive.pilot.pause()


async def look(drive: Drive, service: str = "productpage") -> None:
    await drive.go_to(service)
    await drive.press("x")
    await drive.until(lambda: "ways in from outside" in drive.text)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_way_in_from_the_door_to_the_rule(size: tuple[int, int]) -> None:
    async with driving(opened(), size) as drive:
        await look(drive)
        await drive.until(lambda: "HTTPS 443  shop.example" in drive.text)
        for words in (
            "TLS MUTUAL: ends at the gateway",
            "bookinfo/door",
            "bookinfo/shop",
            "pages: uri ^ /productpage",
            "1 way in · no limit",
        ):
            assert words in drive.text
        assert "no EnvoyFilter with a rate limit" in drive.text
        assert drive.cockpit.counted == []


async def test_a_service_that_nobody_can_reach_says_so_and_who_calls_it() -> None:
    cockpit = opened()
    async with driving(cockpit) as drive:
        await look(drive, "details")
        await drive.until(lambda: "no Gateway leads to it" in drive.text)
        assert cockpit.sample is not None
        cockpit.sample = replace(
            cockpit.sample,
            clients={
                ServiceKey("bookinfo", "details"): frozenset({("bookinfo", "productpage-v1")})
            },
        )
        cockpit.push()
        await drive.until(lambda: "productpage calls it, and is reached at" in drive.text)


async def test_a_node_port_is_a_way_past_the_gateway() -> None:
    cockpit = opened()
    for service in cockpit.raw["services"]:
        service["spec"]["type"] = "NodePort"
    async with driving(cockpit) as drive:
        await look(drive, "details")
        await drive.until(lambda: "▲ its Service is a NodePort" in drive.text)


async def test_a_gateway_without_pods_leads_nowhere() -> None:
    cockpit = opened()
    cockpit.raw["gateways"][0]["spec"]["selector"] = {"istio": "elsewhere"}
    async with driving(cockpit) as drive:
        await look(drive)
        await drive.until(lambda: "✖ no pod: the Gateway's selector finds none" in drive.text)


async def test_what_a_limit_allows_whom_it_reaches_and_what_it_refuses() -> None:
    cockpit = opened(limit("edge", "GATEWAY"), limit("pods", "SIDECAR_INBOUND", app="productpage"))
    cockpit.refusals = {COUNTER: 40}
    async with driving(cockpit) as drive:
        await look(drive)
        await drive.until(lambda: "40 refused since the proxies started" in drive.text)
        assert "1 way in · 2 limits" in drive.text
        for words in (
            "2 per 60s, 4 at once",
            "at the gateway, every request",
            "at its pods, every request",
            "EnvoyFilter bookinfo/edge",
            "productpage-v1.bookinfo, 1 pod, ready",
        ):
            assert words in drive.text
        assert len(cockpit.counted) == 1
        cockpit.refusals = {COUNTER: 90}
        cockpit.clock.now += 10
        await drive.until(lambda: "90 refused since the proxies started, 5/s now" in drive.text)


async def test_a_slow_round_of_proxies_is_let_be_and_counts_at_its_end() -> None:
    cockpit = opened(limit("edge", "GATEWAY"))
    cockpit.refusals = {COUNTER: 40}
    answer, gate, asked = cockpit.limit_counters, asyncio.Event(), []

    async def slowly(pods: Any) -> Any:
        asked.append(pods)
        await gate.wait()
        return await answer(pods)

    cockpit.limit_counters = slowly  # type: ignore[method-assign]
    async with driving(cockpit) as drive:
        await look(drive)
        await drive.until(lambda: len(asked) == 1)
        cockpit.clock.now += 15
        await second(drive)
        assert len(asked) == 1
        gate.set()
        await drive.until(lambda: "40 refused since the proxies started" in drive.text)
        cockpit.clock.now += 15
        await drive.until(lambda: len(asked) == 2)


async def test_the_proxies_are_left_alone_while_the_pane_is_closed() -> None:
    cockpit = opened(limit("edge", "GATEWAY"))
    async with driving(cockpit) as drive:
        await look(drive)
        await drive.until(lambda: len(cockpit.counted) == 1)
        await drive.press("x")
        cockpit.clock.now += 60
        await second(drive)
        assert len(cockpit.counted) == 1


async def test_what_telemetry_sees_refused_is_said_first() -> None:
    cockpit = opened(limit("edge", "GATEWAY"))
    key = ServiceKey("bookinfo", "productpage")
    cockpit.measure()
    assert cockpit.sample is not None
    total = cockpit.sample.caller_totals[key]
    limited = replace(total, codes={"200": 300.0, "429": 100.0}, flags={"RL": 100.0})
    cockpit.sample = replace(
        cockpit.sample, caller_totals={**cockpit.sample.caller_totals, key: limited}
    )
    async with driving(cockpit) as drive:
        await look(drive)
        await drive.until(lambda: "refused now: 10/s by its callers' proxies" in drive.text)
        assert "10/s refused" in drive.text
        cockpit.clock.now += 60
        await second(drive)
        await drive.until(lambda: "telemetry is STALE: what is refused now is" in drive.text)
        assert "10/s" not in drive.text.partition("ways in from outside")[2]


async def test_limits_that_reach_nothing_are_listed() -> None:
    async with driving(opened(limit("lost", "GATEWAY", app="nobody"))) as drive:
        await look(drive)
        await drive.until(lambda: "limits that reach no proxy" in drive.text)
        assert "▲ bookinfo/lost" in drive.text


async def test_a_proxy_without_the_counter_and_one_out_of_reach() -> None:
    cockpit = opened(limit("edge", "GATEWAY"))
    async with driving(cockpit) as drive:
        await look(drive)
        await drive.until(lambda: "1 proxy shows no counter of it" in drive.text)

        async def fail(_: object) -> Any:
            raise Unreachable("the connection is gone")

        cockpit.limit_counters = fail  # type: ignore[method-assign]
        await drive.press("r")
        await drive.until(lambda: "✖ the connection is gone" in drive.text)


def test_what_is_cut_is_said() -> None:
    cockpit = opened()
    rules = cockpit.raw["virtualservices"][-1]["spec"]
    rules["http"] = [{**rules["http"][0], "name": f"r{n}"} for n in range(60)]
    mesh = cockpit.mesh
    found = exposed(mesh, mesh.by_key[ServiceKey("bookinfo", "productpage")], None)
    lines = exposure_lines(found, {}, 72, asked=True)
    text = "\n".join("".join(piece.text for piece in line) for line in lines)
    assert "r49: uri ^ /productpage" in text and "r50:" not in text
    assert "and 10 more rules" in text


@pytest.mark.parametrize("width", [46, 72, 120])
def test_nothing_is_wider_than_the_pane(width: int) -> None:
    """Hostile names neither break lines nor drive the terminal."""
    evil = limit("it", "SIDECAR_INBOUND", {"@type": LOCAL, **SETTINGS}, app="productpage")
    evil["metadata"]["name"] = "x\x1b[31m\n"
    away = limit("ask", "GATEWAY", EXTERNAL | {"domain": "d" * 20})
    cockpit = opened(evil, away)
    mesh = cockpit.mesh
    found = exposed(mesh, mesh.by_key[ServiceKey("bookinfo", "productpage")], None)
    found = replace(found, refused=RefusedRate(1.0, 2.0, 9.0), unread=("gateways",))
    lines = exposure_lines(found, {}, width, asked=True)
    text = "\n".join("".join(piece.text for piece in line) for line in lines)
    assert all(width_of(line) <= width for line in lines), text
    assert "\x1b" not in text
    assert "asks limiter, domain" in text and "not read everywhere: gateways" in text
