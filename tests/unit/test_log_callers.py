"""Whose lines tell of a service: its own, and of its callers' those about it."""

from __future__ import annotations

import pytest

from meshtui.envoy.accesslog import parse_line
from meshtui.mesh.access_logging import LogFormat
from meshtui.mesh.model import Pod, Service, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.operations.logs.callers import (
    WithCallers,
    callers_of,
    is_about_record,
    of_workloads,
)
from meshtui.operations.types import LogEntry
from tests.unit.objects import pod, service
from tests.unit.test_logfilter import line

HOST = "reviews.default.svc.cluster.local"
REVIEWS = Service(ServiceKey("default", "reviews"), HOST)


def to(cluster: str, authority: str = "reviews:9080") -> str:
    return line().text.replace("inbound|9080||", cluster).replace("reviews:9080", authority)


@pytest.mark.parametrize(
    ("text", "about"),
    [
        (to(f"outbound|9080|v1|{HOST}", "x"), True),
        (to("outbound|9080||ratings.default.svc.cluster.local"), False),
        (to("inbound|9080||"), False),
        (to("-", "reviews:9080"), True),
        (to("-", "Reviews.default"), True),
        (to("-", "reviews.other"), False),
        (to("BlackHoleCluster", "reviews.default.svc:9080"), True),
        ("Envoy proxy is ready, reviews", False),
    ],
)
def test_lines_about_a_service(text: str, about: bool) -> None:
    record = parse_line(text)
    assert (record is not None and is_about_record(record, REVIEWS)) is about


def test_callers_stand_there_by_their_own_names_and_only_their_lines_about_it_are_kept() -> None:
    mine = Pod("default", "reviews-1", version="v1", proxy_container="istio-proxy")
    caller = Pod("default", "page-1", version="v1", app="page", proxy_container="istio-proxy")
    both = WithCallers(REVIEWS, lambda: [mine], lambda: [caller, mine])
    assert [(one.name, one.version) for one in both.pods()] == [
        ("reviews-1", "v1"), ("page-1", "page"),
    ]  # fmt: skip
    other, wanted = to("outbound|9080||ratings.default.svc.cluster.local"), to("-")
    kept = [
        (entry.pod, entry.text)
        for entry in (
            LogEntry("default", "reviews-1", "v1", other),
            LogEntry("default", "page-1", "page", other),
            LogEntry("default", "page-1", "page", wanted),
            LogEntry("default", "page-1", "page", "meshtui: gone", own=True),
        )
        if both.keep(entry)
    ]
    assert kept == [("reviews-1", other), ("page-1", wanted), ("page-1", "meshtui: gone")]


def kept_of(form: str, *lines: str) -> tuple[list[str], int]:
    """Of lines that a caller wrote in a format of the mesh's own, and how many name no service."""
    caller = Pod("default", "page-1", version="v1", app="page", proxy_container="istio-proxy")
    both = WithCallers(REVIEWS, list, lambda: [caller], lambda _: (LogFormat(form),))
    both.pods()
    entries = [LogEntry("default", "page-1", "page", text) for text in lines]
    kept = [one for one in map(both.keep, entries) if one is not None]
    return [one.text for one in kept if not one.nameless], sum(one.nameless for one in kept)


def test_callers_may_log_in_a_format_of_the_meshs_own() -> None:
    form = "code=%RESPONSE_CODE% to=%UPSTREAM_CLUSTER% %REQ(:METHOD)%\n"
    about, other = (
        f"code=503 to=outbound|9080|v1|{host} GET"
        for host in (HOST, "ratings.default.svc.cluster.local")
    )
    assert parse_line(about) is None
    assert kept_of(form, about, other, "code=200 to=inbound|9080|| GET") == ([about], 0)


def test_lines_that_name_no_service_are_counted_and_not_given_to_one() -> None:
    form = "code=%RESPONSE_CODE% %REQ(:METHOD)% %DURATION%\n"
    assert kept_of(form, "code=503 GET 12", "code=200 GET 3", "ready") == ([], 2)


def test_where_telemetry_names_no_caller_every_other_proxy_may_be_one() -> None:
    raw = {"services": [service("reviews")], "pods": [pod("reviews", "v1"), pod("page", "v1")]}
    mesh = parse_mesh(raw)
    (found,) = [one for one in mesh.services if one.key.name == "reviews"]
    callers = callers_of(mesh, found, None)
    assert [one.app for one in callers] == ["page"]
    another = parse_mesh({"pods": [pod("page", "v1", number=2), pod("reviews", "v1")]})
    assert [one.name for one in of_workloads(another, callers)] == ["page-v1-5f6d-2"]
