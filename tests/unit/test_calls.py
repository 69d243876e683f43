"""Who calls whom, from either source: asked for only where somebody wants it."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshtui.errors import Unreachable
from meshtui.mesh.model import Mesh
from meshtui.metrics import prometheus_queries as queries
from meshtui.metrics.scope import Scope, parse_matchers
from tests.unit.fake_prometheus import Fake, requests_row
from tests.unit.promtool import require
from tests.unit.test_metrics_prometheus_queries import OK, vector
from tests.unit.test_metrics_prometheus_source import clock, fake, source
from tests.unit.test_metrics_sidecars import Bench, pod, stats

__all__ = ["clock", "fake", "source"]


async def test_the_sidecars_are_not_asked_again_for_it() -> None:
    bench = Bench()
    await bench.tick(0, a=stats(100) + stats(5, client="cron"))
    await bench.tick(2, a=stats(120) + stats(15, client="cron"))
    asked = len(bench.cluster.asked)
    found = await bench.source.calls(bench.mesh)
    assert len(bench.cluster.asked) == asked
    assert (found.source, found.window_s, found.time) == ("sidecars", 2.0, 5.0)
    assert [(call.caller[1], call.signals.rps) for call in found.calls] == [
        ("cron", 5.0),
        ("productpage", 10.0),
    ]


async def test_before_the_second_reading_there_are_no_rates() -> None:
    bench = Bench()
    await bench.tick(0, a=stats(100))
    with pytest.raises(Unreachable, match="only once"):
        await bench.source.calls(bench.mesh)


async def test_prometheus_is_asked_one_query_more_and_only_then(fake: Fake, source) -> None:
    with pytest.raises(Unreachable, match="has not answered yet"):
        await source.calls(Mesh())
    sample = await source.sample(Mesh())
    assert "calls" not in fake.kinds and len(fake.asked) <= 6
    secured = {"reporter": "destination", "connection_security_policy": "mutual_tls"}
    fake.calls = [
        requests_row(90, source_workload="web"),
        requests_row(30, source_workload="cron", response_code="503"),
        requests_row(80, source_workload="web", **secured),
    ]
    before = len(fake.asked)
    found = await source.calls(Mesh())
    assert fake.kinds[before:] == ["calls"]
    assert (found.time, found.window_s, found.source) == (sample.time, 60.0, "prometheus")
    cron, web = found.calls
    assert (cron.caller, cron.signals.error_ratio) == (("default", "cron"), 1.0)
    assert (web.signals.rps, web.mutual_tls, web.by_server) == (1.5, 1.0, False)
    assert fake.forms[-1]["time"] == fake.forms[before - 1]["time"], "of the same moment"


async def test_what_prometheus_says_instead_is_a_line(fake: Fake, source) -> None:
    await source.sample(Mesh())
    fake.status, fake.body, fake.only = 422, '{"error": "query timed out"}', "calls"
    with pytest.raises(Unreachable, match="query timed out"):
        await source.calls(Mesh())


def test_the_query_tells_callers_and_connections_apart(tmp_path: Path) -> None:
    require("promtool")

    def by(caller: str, policy: str) -> str:
        more = f',connection_security_policy="{policy}"}}'
        return OK.replace('"web"', f'"{caller}"').replace("}", more)

    series = {
        by("web", "unknown"): "0+10x60",
        by("cron", "unknown"): "0+1x60",
        by("cron", "none"): "0+2x60",
        by("idle", "none"): "7x60",
    }
    found = vector(queries.calls("60000ms"), tmp_path, series)
    assert sorted(found.values()) == [4, 8, 40]
    scope = Scope(parse_matchers('cluster="east"'))
    assert 'cluster="east"' in queries.calls("60000ms", scope)


SERVED = stats(9, client="web").replace('reporter="source"', 'reporter="destination"')


async def test_a_caller_that_was_read_is_believed_before_the_server_that_names_it() -> None:
    """It was seen to count nothing; the server of one that can't be read counts in its place."""
    web = {"workload": "web", "ip": "10.0.0.2"}
    bench = Bench(pod("a"), pod("b", **web))
    for second in (0, 2):
        await bench.tick(
            second, a=SERVED.replace(" 9", f" {9 + second}"), b=stats(1, client="cron")
        )
    assert [call.caller[1] for call in (await bench.source.calls(bench.mesh)).calls] == []
    lost = Bench(pod("a"), pod("b", **web))
    for second in (0, 2):
        await lost.tick(second, a=SERVED.replace(" 9", f" {9 + second}"), b=Unreachable("gone"))
    found = (await lost.source.calls(lost.mesh)).calls
    assert [(call.caller[1], call.by_server, call.signals.requests) for call in found] == [
        ("web", True, 2.0)
    ]
