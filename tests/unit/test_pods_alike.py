"""What pods have in common is held once, and each says what it would say alone."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from meshtui.mesh.model import Pod
from meshtui.mesh.parse import parse_pod
from tests.unit.objects import Obj, pod

OTHER = pod("other", "v9")
CONTAINERS: list[Any] = [
    [{"name": "app", "image": "one"}],
    [{"name": "app", "image": "two", "ports": [{"name": "http", "containerPort": 80}]}],
    [{"name": "app"}, {"name": "istio-proxy", "image": "proxyv2:1.30"}],
]
STATUSES: list[Any] = [
    [],
    [{"name": "app", "restartCount": 0, "state": {"running": {}}}],
    [{"name": "app", "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}],
]


@st.composite
def pods(draw: st.DrawFn) -> Obj:
    raw = pod(draw(st.sampled_from(["a", "b"])), draw(st.sampled_from(["v1", "v2"])))
    raw["spec"]["containers"] = draw(st.sampled_from(CONTAINERS))
    raw["status"]["containerStatuses"] = draw(st.sampled_from(STATUSES))
    return raw


def alone(raw: Obj) -> Pod:
    parse_pod(OTHER)
    return parse_pod(raw)


@given(st.lists(pods(), max_size=8))
def test_a_pod_says_the_same_whatever_stood_before_it(raws: list[Obj]) -> None:
    assert [parse_pod(raw) for raw in raws] == [alone(raw) for raw in raws]


def test_pods_of_one_workload_hold_what_they_say_alike_once() -> None:
    one, other = parse_pod(pod("a", "v1", number=1)), parse_pod(pod("a", "v1", number=2))
    assert one.labels is other.labels
    assert one.containers is other.containers
    assert one.workload is other.workload
    assert parse_pod(OTHER).labels is not one.labels
