"""One request through the mesh: which hop caused which, from the logs of all its proxies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.envoy.accesslog import AccessRecord
from meshtui.envoy.hops import AppLine, Hop, LoggedHop, hops_of
from meshtui.mesh.model import Pod

NAMES = ("gate", "page", "reviews", "ratings", "details")
PODS = {
    name: Pod("shop", f"{name}-0", f"10.0.0.{n}", workload=name) for n, name in enumerate(NAMES)
}
PLACES = {pod.ip: (pod.namespace, pod.name) for pod in PODS.values()}


def at(ms: float) -> str:
    return f"2026-08-01T12:00:{ms / 1000:06.3f}Z"


def sent(by: str, to: str, begin: float, took: int, code: int = 200, **more: Any) -> LoggedHop:
    host = f"{PODS[to].ip}:9080" if to else ""
    cluster = f"outbound|9080||{to or 'nobody'}.shop.svc.cluster.local"
    record = AccessRecord(
        at(begin), "GET", f"/{to}", code=code, duration_ms=took, upstream_host=host,
        upstream_cluster=cluster, **more,
    )  # fmt: skip
    return LoggedHop(PODS[by], record)


def came(to: str, begin: float, took: int, code: int = 200) -> LoggedHop:
    record = AccessRecord(
        at(begin), "GET", f"/{to}", code=code, duration_ms=took, upstream_cluster="inbound|9080||"
    )
    return LoggedHop(PODS[to], record)


def words(hops: tuple[Hop, ...]) -> str:
    """`gate>page(page>reviews page>?)`; a question mark is what nobody logged."""
    return " ".join(
        f"{hop.sent.pod.workload if hop.sent else '?'}>"
        f"{hop.received.pod.workload if hop.received else '?'}"
        + (f"({words(hop.caused)})" if hop.caused else "")
        for hop in hops
    )


BOOKINFO = (
    sent("gate", "page", 0, 100), came("page", 2, 95),
    sent("page", "details", 5, 10), came("details", 6, 8),
    sent("page", "reviews", 20, 60), came("reviews", 22, 50),
    sent("reviews", "ratings", 30, 20), came("ratings", 31, 15),
)  # fmt: skip


@pytest.mark.parametrize(
    ("logged", "tree"),
    [
        (BOOKINFO, "gate>page(page>details page>reviews(reviews>ratings))"),
        (BOOKINFO[::-1], "gate>page(page>details page>reviews(reviews>ratings))"),
        (BOOKINFO[1:], "?>page(page>details page>reviews(reviews>ratings))"),
        (BOOKINFO[:5] + BOOKINFO[6:], "gate>page(page>details page>?) reviews>ratings"),
        ((sent("gate", "page", 0, 9), sent("page", "", 3, 1, 503)), "gate>? page>?"),
        (
            (*BOOKINFO[:2], sent("page", "reviews", 10, 5, 503), sent("page", "reviews", 20, 5),
             came("reviews", 21, 3)),
            "gate>page(page>? page>reviews)",
        ),
        ((*BOOKINFO[:2], came("reviews", 50, 5)), "gate>page ?>reviews"),
        ((sent("page", "page", 0, 9), came("page", 1, 5)), "page>page"),
        ((), ""),
    ],
)  # fmt: skip
def test_what_caused_what(logged: tuple[LoggedHop, ...], tree: str) -> None:
    assert words(hops_of(logged, PLACES)) == tree


def test_clocks_may_differ_a_little() -> None:
    skewed = (sent("gate", "page", 100, 50), came("page", 0, 45), sent("page", "details", 10, 5))
    assert words(hops_of(skewed, PLACES)) == "gate>page(page>?)"


def test_a_programs_lines_stand_with_the_first_hop_that_it_received() -> None:
    lines = [AppLine(PODS["reviews"], "app", float(n), f"line {n}") for n in (2, 1)]
    hops = hops_of(BOOKINFO, PLACES, [*lines, AppLine(PODS["gate"], "x", 0.0, "nobody's")])
    found = {hop.received.pod.workload: hop.lines for hop in every(hops) if hop.received}
    assert [line.text for line in found["reviews"]] == ["line 1", "line 2"]
    assert found["ratings"] == ()


def every(hops: tuple[Hop, ...]) -> Iterator[Hop]:
    for hop in hops:
        yield hop
        yield from every(hop.caused)


TIMES = st.integers(0, 3).map(float)
LOGGED = st.one_of(
    st.builds(
        sent, st.sampled_from(NAMES), st.sampled_from((*NAMES, "")), TIMES, st.integers(0, 3)
    ),
    st.builds(came, st.sampled_from(NAMES), TIMES, st.integers(0, 3)),
)


@given(st.lists(LOGGED, max_size=14))
def test_every_line_is_in_the_tree_once_whatever_the_times(logged: list[LoggedHop]) -> None:
    found = [
        id(one)
        for hop in every(hops_of(logged, PLACES))
        for one in (hop.sent, hop.received)
        if one is not None
    ]
    assert sorted(found) == sorted(map(id, logged))
