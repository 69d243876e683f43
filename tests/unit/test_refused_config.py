"""Configurations that proxies refuse: istiod's counts as it wrote them, and what comes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from meshtui.changes.outcome import NOT_MEANT
from meshtui.diagnosis.refused_config import (
    RefusedConfig,
    RefusedConfigs,
    behind,
    findings_of,
    sentence,
    sentences_of,
)
from meshtui.envoy.compare import ABSENT, IN_SYNC, OLD
from meshtui.envoy.virtual_hosts import parse_hosts
from meshtui.errors import NotAllowed
from meshtui.mesh.model import Mesh, Ref
from meshtui.mesh.parse import parse_pod
from meshtui.operations.look.refused_config import (
    FRESH_S,
    RecentRefusals,
    not_served,
    parse_rejects,
    read_refused,
)
from meshtui.operations.proxies.matrix import Cell, Row, with_reasons
from tests.unit.explaining import mesh_of
from tests.unit.objects import pod, route

WEB = Ref("VirtualService", "shop", "web")

METRICS = """\
# HELP pilot_total_xds_rejects Total number of XDS responses from pilot rejected by proxy.
# TYPE pilot_total_xds_rejects counter
pilot_total_xds_rejects{type="rds"} 4
# HELP pilot_xds_rds_reject Pilot rejected RDS.
# TYPE pilot_xds_rds_reject gauge
pilot_xds_rds_reject{err="Internal",node="desk-v1-5488557bf5-9wcdv.outcome-a"} 1
pilot_xds_rds_reject{err="Internal",node="web.with.dots-1.outcome-a"} 1
pilot_xds_rds_reject{err="Internal",node="gone-1.outcome-a"} 0
pilot_xds_cds_reject{err="Internal",node="desk-v1-5488557bf5-9wcdv.outcome-a"} 1
pilot_xds_lds_reject{err="Internal",node="nonsense"} 1
"""
"""What istiod's 15014 gave after a VirtualService with redirectCode 305; the last four are made."""


def test_istiods_counts_are_by_proxy_and_kind() -> None:
    assert parse_rejects(METRICS) == {
        ("outcome-a", "desk-v1-5488557bf5-9wcdv"): ("rds", "cds"),
        ("outcome-a", "web.with.dots-1"): ("rds",),
    }


@pytest.mark.parametrize("text", ["", "<html>", "pilot_xds_rds_reject", "pilot_xds_rds_reject{n"])
def test_what_is_no_count_is_none(text: str) -> None:
    assert not parse_rejects(text)


def refused(missing: Sequence[Ref] | None, kinds: Sequence[str] = ("rds",)) -> RefusedConfig:
    known = None if missing is None else tuple(missing)
    return RefusedConfig("shop", "web-1", tuple(kinds), known, 700.0)


def test_a_refusal_that_goes_on_names_what_is_not_served() -> None:
    assert sentence(refused([WEB]), 1000.0) == (
        "the proxy of web-1 has refused routes (RDS), by istiod's count: it goes on with those of "
        "5m00s ago, for all of its hosts, and does not serve VirtualService shop/web as written."
    )
    (found,) = findings_of(RefusedConfigs((refused([WEB]),)), 1000.0)
    assert (found.code, found.severity) == ("refused-configuration", "error")
    assert "logs web-1 -c istio-proxy" in found.advice


def test_istiod_never_takes_a_count_back_so_one_that_is_over_is_no_finding() -> None:
    assert not list(findings_of(RefusedConfigs((refused([]),)), 1000.0))
    assert sentence(refused([]), 1.0).endswith("serves by now what is written.")


def test_one_that_cannot_be_seen_is_only_worth_knowing() -> None:
    (found,) = findings_of(RefusedConfigs((refused(None, ["cds", "lds"]),)), 1000.0)
    assert found.severity == "info"
    assert "clusters (CDS), listeners (LDS)" in found.effect
    assert "whether it still does is not known" in found.effect


@pytest.mark.parametrize(
    ("newer", "updated", "words"),
    [
        ([], 100.0, ""),
        ([90.0], 100.0, ""),
        ([1000.0], None, ""),
        ([995.0], 100.0, ""),
        ([820.0], 100.0, "for 3m00s, while 1 other did"),
        ([820.0, 990.0], 100.0, "for 3m00s, while 2 others did"),
    ],
)
def test_a_proxy_without_newer_routes_is_told_by_the_others(
    newer: list[float], updated: float | None, words: str
) -> None:
    found = behind(newer, updated, 1000.0)
    assert words in found if words else not found


def test_only_rows_that_differ_have_a_reason_and_istiods_comes_first() -> None:
    pods = [parse_pod(pod("web", "v1", number=number)) for number in range(1, 5)]
    states = (OLD, IN_SYNC, ABSENT, NOT_MEANT)
    times = (100.0, 820.0, None, 100.0)
    rows = [
        Row(replace(one, namespace="shop", name=f"web-{at}"), (Cell(state),), updated=time)
        for at, (one, state, time) in enumerate(zip(pods, states, times, strict=True), 1)
    ]
    (row,) = with_reasons(rows, RefusedConfigs(), 1000.0)
    assert (row.pod.name, "has not taken newer routes for 3m00s" in row.behind) == ("web-1", True)
    (row,) = with_reasons(rows, RefusedConfigs((refused([WEB]),)), 1000.0)
    assert "has refused routes (RDS), by istiod's count" in row.behind


@pytest.mark.parametrize("kind", ["cds", "lds", "eds"])
def test_what_is_refused_besides_routes_is_said_wherever_routes_are(kind: str) -> None:
    """In `s`, in the proxies pane of a proxy that serves the rules as written, and in `analyze`."""
    one = replace(parse_pod(pod("web", "v1")), namespace="shop", name="web-1")
    for found in (refused(None, [kind]), refused([], ["rds", kind])):
        known = RefusedConfigs((found,))
        (row,) = with_reasons([Row(one, (Cell(IN_SYNC),))], known, 1000.0)
        (text,) = sentences_of(known.found, 1000.0)
        assert f"({kind.upper()})" in row.behind and "not known" in row.behind
        assert text == row.behind
        (finding,) = findings_of(known, 1000.0)
        assert finding.severity == "info" and f"({kind.upper()})" in finding.effect
    both = refused([WEB], ["rds", kind])
    assert both.still and f"({kind.upper()})" in sentence(both, 1000.0)


def test_what_a_proxy_does_not_serve_is_found_by_its_own_tables() -> None:
    """The proxy has no route for reviews but istiod's default one."""
    mesh = mesh_of({"route": [route("v1")], "timeout": "3s"})
    caller = next(one for one in mesh.pods if one.app == "productpage")
    host = "reviews.default.svc.cluster.local"
    cluster = f"outbound|9080||{host}"
    default = {"name": "default", "match": {"prefix": "/"}, "route": {"cluster": cluster}}
    hosts = [{"name": f"{host}:9080", "domains": [host], "routes": [default]}]
    table = {"name": "9080", "virtual_hosts": hosts}
    dump = {"configs": [{"last_updated": "2026-11-27T20:23:45.333Z", "route_config": table}]}
    missing, updated = not_served(mesh, caller, parse_hosts(dump))
    assert [ref.name for ref in missing] == ["reviews"]
    assert updated == pytest.approx(1795811025.333)


class Istiod:
    """A cluster of which only istiod's metrics are asked."""

    def __init__(self, answer: str | Exception) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def get_text(self, path: str, **_: object) -> str:
        self.asked.append(path)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def with_istiod() -> Mesh:
    istiod = pod("istiod", "v1", namespace="istio-system")
    return mesh_of(more={"pods": [istiod]})


async def test_istiods_metrics_are_asked_by_the_pod_proxy() -> None:
    mesh = with_istiod()
    name = next(one.name for one in mesh.pods if one.app == "reviews")
    cluster = Istiod(f'pilot_xds_cds_reject{{err="Internal",node="{name}.default"}} 1\n')
    found = await read_refused(cluster, mesh)  # type: ignore[arg-type]
    (path,) = cluster.asked
    assert path == "/api/v1/namespaces/istio-system/pods/istiod-v1-5f6d-1:15014/proxy/metrics"
    assert [(one.pod, one.kinds, one.still) for one in found.found] == [(name, ("cds",), None)]


@pytest.mark.parametrize("answer", ["<html>log in</html>", NotAllowed("you may not")])
async def test_an_istiod_that_does_not_answer_is_a_trouble(answer: str | Exception) -> None:
    found = await read_refused(Istiod(answer), with_istiod())  # type: ignore[arg-type]
    assert found.trouble and not found.found


async def test_istiods_metrics_are_read_once_for_all_who_ask() -> None:
    cluster, clock, mesh = Istiod("istiod_uptime_seconds 1\n"), [0.0], with_istiod()
    refusals = RecentRefusals(cluster, lambda: clock[0])  # type: ignore[arg-type]
    await asyncio.gather(*(refusals.read(mesh) for _ in range(5)))
    assert len(cluster.asked) == 1
    clock[0] = FRESH_S
    await refusals.read(mesh)
    assert len(cluster.asked) == 2
