"""Both sides of the traffic, and when one of them is not known at all."""

from __future__ import annotations

from typing import Any

from meshtui.mesh.model import ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.sides import CALLER, SERVER, seen_from
from meshtui.mesh.signals import UNKNOWN, Sample, Signals, VersionKey
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.view import ServiceView, service_views
from tests.unit.objects import destination_rule, pod, service

KEY = ServiceKey("default", "reviews")
V1 = VersionKey(KEY, "v1")


def seen(
    caller: Signals,
    server: Signals | None,
    *,
    sidecar: bool = True,
    limits: Thresholds | None = None,
) -> ServiceView:
    raw: dict[str, Any] = pod("reviews", "v1")
    if not sidecar:
        raw["spec"]["containers"] = [{"name": "reviews"}]
    mesh = parse_mesh(
        {
            "services": [service("reviews")],
            "pods": [raw],
            "destinationrules": [destination_rule("reviews", ["v1"])],
        }
    )
    counted = {V1: server} if server else {}
    totals = {KEY: server} if server else {}
    sample = Sample(1.0, "test", 10.0, {V1: caller}, counted, {KEY: caller}, totals)
    return service_views(mesh, sample, limits or Thresholds())[0]


ANSWERED = Signals(100, 10.0, 0.0, codes={"200": 100})
ABORTED = Signals(100, 10.0, 1.0, codes={"503": 100}, flags={"UF": 100})
FAILING = Signals(100, 10.0, 0.3, codes={"200": 70, "500": 30})


def test_each_side_has_its_own_state_by_the_same_thresholds() -> None:
    view = seen(ANSWERED, FAILING)
    assert (view.state, view.server_state) == ("ok", "failing")
    assert (view.versions[0].state, view.versions[0].server_state) == ("ok", "failing")


def test_answers_that_no_server_counted_make_the_server_unknown() -> None:
    view = seen(ANSWERED, None)
    assert view.server is None and view.server_state == "unknown"
    assert view.versions[0].server is None


def test_requests_that_never_arrived_leave_the_server_without_traffic() -> None:
    view = seen(ABORTED, None)
    assert view.versions[0].server_state == "no traffic"


def test_a_pod_without_a_proxy_is_unknown_even_when_nobody_calls_it() -> None:
    assert seen(Signals(), None, sidecar=False).versions[0].server_state == "unknown"
    assert seen(Signals(), None, sidecar=False).server_state == "unknown"
    assert seen(Signals(), None).versions[0].server_state == "no traffic"


def test_the_servers_view_stands_where_the_callers_stood() -> None:
    view = seen(ANSWERED, FAILING)
    assert seen_from(view, CALLER) is view
    turned = seen_from(view, SERVER)
    assert turned.caller == FAILING and turned.state == "failing"
    assert turned.versions[0].caller == FAILING and turned.versions[0].state == "failing"


def test_the_unknown_version_of_requests_that_were_aborted_has_a_quiet_server() -> None:
    nowhere = VersionKey(KEY, UNKNOWN)
    mesh = parse_mesh({"services": [service("reviews")]})
    sample = Sample(1.0, "test", 10.0, {nowhere: ABORTED}, {}, {KEY: ABORTED}, {})
    (row,) = service_views(mesh, sample)[0].versions
    assert row.server_state == "no traffic"


def test_thresholds_of_the_config_count_for_both_sides() -> None:
    limits = Thresholds(degraded=0.4, failing=0.5)
    half = Signals(100, 10.0, 0.7, codes={"500": 70})
    view = seen(FAILING, half, limits=limits)
    assert (view.state, view.versions[0].state) == ("ok", "ok")
    assert (view.server_state, view.versions[0].server_state) == ("failing", "failing")


def test_by_default_any_error_degrades_and_surely_more_than_a_tenth_fails() -> None:
    one, tenth = (Signals(1000, 100.0, ratio, codes={"500": 1}) for ratio in (0.001, 0.125))
    view = seen(one, tenth)
    assert (view.state, view.server_state) == ("degraded", "failing")
