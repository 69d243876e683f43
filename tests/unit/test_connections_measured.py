"""Istio's TCP counters, as its documentation names them: by version, in both sources."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.changes.health import health_of
from meshtui.changes.stable import choose_stable
from meshtui.cli.documents.services import services_json
from meshtui.mesh.carrying import traffic_to
from meshtui.mesh.connections import Connections
from meshtui.mesh.judging import FAILING, FEW, NO_TRAFFIC, OK
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import Responder, Sample
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.view import ServiceView, service_views
from meshtui.metrics.connections import (
    CLOSED,
    COUNTERS,
    OPENED,
    RECEIVED,
    SENT,
    ConnectionLedger,
    with_clients,
)
from meshtui.metrics.counter_reading import Reading, SeriesCache, growth, read
from meshtui.metrics.prometheus_reading import connections_of
from meshtui.metrics.prometheus_result import Point
from meshtui.metrics.prometheus_series import Series
from meshtui.metrics.window import Window
from meshtui.ui.table.marks import version_marks
from tests.unit.objects import destination_rule, pod, service

Obj = dict[str, Any]
DB = ServiceKey("default", "db")

LABELS = (
    'reporter="{reporter}",source_workload="shop-v1",source_workload_namespace="default",'
    'source_app="shop",source_version="v1",source_canonical_service="shop",'
    'source_canonical_revision="v1",source_principal="unknown",source_cluster="Kubernetes",'
    'destination_workload="db-{version}",destination_workload_namespace="default",'
    'destination_app="db",destination_version="{version}",destination_service="{host}",'
    'destination_service_name="db",destination_service_namespace="default",'
    'destination_canonical_service="db",destination_canonical_revision="{version}",'
    'destination_cluster="Kubernetes",destination_principal="unknown",request_protocol="tcp",'
    'response_flags="{flags}",connection_security_policy="unknown"'
)
"""https://istio.io/latest/docs/reference/config/metrics/"""


def line(
    counter: str, value: float, version: str = "v1", reporter: str = "source", flags: str = "-"
) -> str:
    host = "db.default.svc.cluster.local"
    labels = LABELS.format(reporter=reporter, version=version, host=host, flags=flags)
    return f"{counter}{{{labels}}} {value}"


def reading(*lines: str) -> Reading:
    return read("\n".join((f"# TYPE {OPENED} counter", *lines, "")), SeriesCache())


def sample_of(*lines: str, seconds: float = 10.0) -> Sample:
    ledger = ConnectionLedger()
    ledger.add(reading(*lines).connections, seconds)
    return ledger.within(Sample(time=0.0, source="sidecars", window_s=seconds))


def mesh(*, port: str = "tcp-db") -> Mesh:
    own = service("db")
    own["spec"]["ports"] = [{"name": port, "port": 5432}]
    weights = [
        {"destination": {"host": "db", "subset": "v1"}, "weight": 90},
        {"destination": {"host": "db", "subset": "v2"}, "weight": 10},
    ]
    ruler = {
        "kind": "VirtualService",
        "metadata": {"name": "db", "namespace": "default"},
        "spec": {"hosts": ["db"], "tcp": [{"route": weights}]},
    }
    return parse_mesh(
        {
            "services": [own],
            "pods": [pod("db", version, number=i) for i, version in enumerate(("v1", "v2"), 1)],
            "virtualservices": [ruler],
            "destinationrules": [destination_rule("db", ("v1", "v2"))],
        }
    )


def view_of(sample: Sample, **of_mesh: str) -> ServiceView:
    (view,) = service_views(mesh(**of_mesh), sample, Thresholds())
    return view


def test_a_row_has_its_connections_and_bytes_per_second() -> None:
    sample = sample_of(
        line(OPENED, 270), line(CLOSED, 250), line(SENT, 5000), line(RECEIVED, 900),
        line(OPENED, 30, "v2"),
    )  # fmt: skip
    view = view_of(sample)
    v1, v2 = view.versions
    assert v1.tcp == Connections(270, 250, 0, 27, 25, 500, 90)
    assert v2.tcp is not None and v2.tcp.opened_s == 3
    assert (v1.percent, v2.percent) == (90, 10)
    assert (v1.share, v2.share) == (0.9, 0.1)
    assert view.tcp is not None and view.tcp.opened == 300
    assert v1.tcp.text == "27.0 conn/s, 500 B/s sent, 90 B/s received"


def test_requests_stay_what_they_were() -> None:
    """The fields that were there are of requests alone, and null beside connections."""
    found = services_json(
        0.0, sample_of(line(OPENED, 270)), [view_of(sample_of(line(OPENED, 270)))]
    )
    (shown,) = found["services"]
    version = shown["versions"][0]
    assert (version["rps"], version["error_ratio"], version["p99_ms"]) == (0, None, None)
    assert version["tcp"] == {
        "connections": 270,
        "connections_per_s": 27,
        "closed_per_s": 0,
        "sent_bytes_per_s": 0,
        "received_bytes_per_s": 0,
    }
    assert shown["rules"][0]["list"] == "tcp"
    assert shown["versions"][1]["tcp"] is None


@pytest.mark.parametrize(
    ("lines", "state"),
    [
        ([], NO_TRAFFIC),
        ([line(OPENED, 0), line(CLOSED, 0)], NO_TRAFFIC),
        ([line(OPENED, 500), line(CLOSED, 500)], OK),
        ([line(OPENED, 2)], FEW),
        ([line(SENT, 100)], FEW),
        ([line(OPENED, 500), line(CLOSED, 250), line(CLOSED, 250, flags="UF,URX")], FAILING),
        ([line(OPENED, 500), line(CLOSED, 500, flags="DC")], OK),
    ],
)
def test_the_state_is_that_of_the_connections(lines: list[str], state: str) -> None:
    assert view_of(sample_of(*lines)).versions[0].state == state


def test_the_callers_side_counts_before_the_servers() -> None:
    both = sample_of(line(OPENED, 10), line(OPENED, 90, reporter="destination"))
    assert [one.opened for one in both.connections.values()] == [10]
    own = sample_of(line(OPENED, 90, reporter="destination"))
    assert [one.opened for one in own.connections.values()] == [90]


def test_readings_grow_as_those_of_requests() -> None:
    """A counter that is lower was reset; a proxy that falls silent is no restart."""
    before, after = reading(line(OPENED, 40), line(SENT, 9)), reading(line(OPENED, 15))
    assert list(growth(before, after).connections.values()) == [15]
    assert list(growth(after, before).connections.values()) == [25, 9]
    window = Window(15.0)
    for at, one in enumerate((before, Reading(), before)):
        window.add(float(at), one)
    assert not any(counted.connections for counted in window.counted)


def test_who_opens_connections_is_a_client() -> None:
    clients = with_clients({}, [reading(line(OPENED, 1)).connections])
    assert clients == {DB: frozenset({("default", "shop-v1")})}
    assert not with_clients({}, [reading(line(SENT, 1)).connections])


def test_prometheus_names_the_counter_in_a_label() -> None:
    labels = {
        "reporter": "source",
        "destination_service_name": "db",
        "destination_service_namespace": "default",
        "destination_version": "v2",
    }
    points = [Point({"what": name, **labels}, 0.0, 6.0) for name in (*COUNTERS, "read")]
    points.append(Point({"what": OPENED, **labels}, 0.0, float("nan")))
    rows = [(Series(point.labels), None, point.value) for point in points]
    ledger = ConnectionLedger()
    ledger.add(connections_of(rows), 2.0)
    (one,) = ledger.within(Sample(0.0, "prometheus", 2.0)).connected.items()
    assert one == (Responder(DB, "v2"), Connections(6, 6, 0, 3, 3, 3, 3))


def test_hostile_counters_are_passed_over() -> None:
    text = f'{OPENED}{{reporter="source"}} NaN\n{SENT}{{}} -1\n{CLOSED} 3\n{OPENED}{{x="y"}} 4\n'
    assert read(text, SeriesCache()).connections == {}


def test_the_screen_tells_connections_beside_the_version() -> None:
    row = view_of(sample_of(line(OPENED, 270), line(SENT, 5_000_000))).versions[0]
    words = "".join(span.text for span in version_marks(row))
    assert "27.0 conn/s, 500 kB/s sent, 0 B/s received" in words


def test_the_health_of_a_version_is_that_of_its_connections() -> None:
    sample = sample_of(
        line(OPENED, 500), line(CLOSED, 500),
        line(OPENED, 400, "v2"), line(CLOSED, 400, "v2", flags="UF"),
    )  # fmt: skip
    known = mesh()
    (route,) = traffic_to(known, known.by_key[DB]).routes
    found = health_of(known, known.by_key[DB], route.rule, sample, Thresholds())
    v1, v2 = found
    assert (v1.healthy, v1.words) == (True, "0 % errors of 500 connections, 1 of 1 pod ready")
    assert (v2.failing, v2.words) == (True, "100 % errors of 400 connections, 1 of 1 pod ready")
    stable = choose_stable(found, ())
    assert stable is not None
    assert (stable.version.label, stable.dangers) == ("v1", ())
