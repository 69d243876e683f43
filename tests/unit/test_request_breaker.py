"""What a breaker did since a load began, of two readings of the caller's proxy, and its words."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from meshtui.envoy.clusternames import parse_cluster_name
from meshtui.envoy.clusters import ConfiguredCluster
from meshtui.envoy.endpoints import ProxyEndpoint
from meshtui.envoy.policies import UNLIMITED, ProxyCluster
from meshtui.envoy.stats import Pressure, parse_stats
from meshtui.operations.proxies.proxy_reads import SeenCluster
from meshtui.operations.request.breaker import BreakerRow, breaker_rows
from meshtui.operations.request.load_words import (
    breaker_words,
    limits_of_all,
    unlimited_words,
)

HOST = "reviews.default.svc.cluster.local"
OTHER = "ratings.default.svc.cluster.local"


def seen(
    subset: str = "v1",
    *,
    host: str = HOST,
    direction: str = "outbound",
    pressure: Pressure | None = None,
    requests: tuple[int, ...] = (0,),
    ejected: int = 0,
    outlier: dict[str, float] | None = None,
    **limits: float,
) -> SeenCluster:
    name = parse_cluster_name(f"{direction}|9080|{subset}|{host}")
    endpoints = tuple(
        ProxyEndpoint(name, f"10.0.0.{n}", 9080, requests=count, ejected=n < ejected)
        for n, count in enumerate(requests)
    )
    return SeenCluster(ConfiguredCluster(ProxyCluster(name, limits, outlier)), pressure, endpoints)


def kept(now: int = 0, total: int = 0, open_: tuple[str, ...] = (), **counts: int) -> Pressure:
    overflows = {"pending": 0, "connections": 0, "requests": 0} | counts
    return Pressure({}, overflows, open_, {"now": now, "total": total})


def words(row: BreakerRow) -> dict[str, str]:
    return {name: said.text for name, said in breaker_words(row)}


def loud(row: BreakerRow) -> set[str]:
    return {name for name, said in breaker_words(row) if said.loud}


def test_what_grew_is_counted_and_what_is_now_is_shown() -> None:
    first = seen(pressure=kept(total=3, pending=10, connections=4), requests=(100, 50))
    now = seen(
        pressure=kept(1, 5, ("connections",), pending=25, connections=4),
        requests=(130, 51),
        ejected=1,
        outlier={"consecutive_5xx": 5, "max_ejection_percent": 100},
        max_connections=1,
        max_pending_requests=UNLIMITED,
    )
    (row,) = breaker_rows([first], [now], {now.configured.limits.name.raw: {"pending"}})
    assert row.overflows == {"pending": 15, "connections": 0, "requests": 0}
    assert (row.turned_away, row.attempts) == (15, 31)
    assert (row.ejected, row.endpoints, row.ejections) == (1, 2, 2)
    assert row.limits == {"connections": 1}
    assert row.was_full == ("pending",)
    assert words(row) == {
        "sent": "31 to its endpoints",
        "overflow": "15 pending",
        "open": "not now, but was: pending",
        "ejected": "1 of 2 now, 2 times since",
        "limits": "connections 1; 5xx 5 at most 100%",
    }
    assert loud(row) == {"overflow", "ejected"}


def test_an_open_mark_that_is_stale_is_not_open() -> None:
    """Envoy changes its mark with the next request: after a breaker was raised it stays."""
    full = replace(kept(open_=("requests",)), active={"requests": 3})
    (row,) = breaker_rows([], [seen(pressure=full, requests=(9,), max_requests=3)], {})
    assert words(row)["open"] == "now: requests"
    (row,) = breaker_rows([], [seen(pressure=full, requests=(9,), max_requests=90)], {})
    assert words(row)["open"] == "never seen"


def test_what_the_proxy_does_not_keep_is_said_and_is_not_zero() -> None:
    (row,) = breaker_rows([seen()], [seen(requests=(7,), outlier={})], {})
    assert (row.overflows, row.full, row.turned_away, row.ejections) == (None, None, None, None)
    found = words(row)
    assert "not kept" in found["overflow"]
    assert "not kept" in found["open"]
    assert found["ejected"] == "0 of 1 now"
    assert found["limits"] == "on: ejects none, one of 1 is more than 10%"


def test_a_breaker_without_a_limit_says_so() -> None:
    (row,) = breaker_rows([seen(pressure=kept())], [seen(pressure=kept(), requests=(7,))], {})
    assert words(row) == {
        "sent": "7 to its endpoints",
        "overflow": "0",
        "open": "never seen",
        "ejected": "no outlier detection",
        "limits": "none is set",
    }
    assert not loud(row)


def test_those_without_a_limit_stand_in_one_line() -> None:
    rows = breaker_rows(
        [],
        [
            seen("v1", pressure=kept(), requests=(7,)),
            seen("v2", requests=(2,)),
            seen("v3", requests=(1,), outlier={"consecutive_5xx": 5}),
            seen("v4", requests=(1,), max_requests=3),
            seen("v5", pressure=kept(pending=1), requests=(1,)),
        ],
        {},
    )
    assert [row.name.subset for row in rows if not row.unlimited] == ["v3", "v4", "v5"]
    outgoing = SimpleNamespace(port=9080)
    service = SimpleNamespace(host=HOST)
    ready: Any = SimpleNamespace(service=service, target=SimpleNamespace(outgoing=outgoing))
    assert (
        unlimited_words(rows, ready) == "no limit is set for v1 (7 sent to its endpoints), v2 (2)"
    )
    assert unlimited_words(rows[2:], ready) == ""


def test_a_counter_that_fell_has_begun_anew() -> None:
    first = seen(pressure=kept(total=9, pending=100), requests=(500,))
    now = seen(pressure=kept(total=1, pending=2), requests=(3,))
    (row,) = breaker_rows([first], [now], {})
    assert (row.turned_away, row.ejections, row.attempts) == (2, 1, 3)


def test_the_wanted_come_first_and_those_that_did_nothing_are_left_out() -> None:
    now = [
        seen("v1"),
        seen("v2", requests=(4,)),
        seen("v3"),
        seen("", host=OTHER, requests=(1,)),
        seen("", direction="inbound", requests=(8,)),
    ]
    rows = breaker_rows(now[:1], now, {}, [(HOST, "v3"), (HOST, "v1")])
    assert [(row.name.subset, row.name.host) for row in rows] == [
        ("v3", HOST), ("v1", HOST), ("", OTHER), ("v2", HOST),
    ]  # fmt: skip


def test_ejections_are_read_from_the_statistics() -> None:
    cluster = f"cluster.outbound|9080|v1|{HOST};.outlier_detection."
    names = {"ejections_active": 1, "ejections_enforced_total": 4, "ejections_total": 9}
    entries = [{"name": cluster + name, "value": value} for name, value in names.items()]
    (found,) = parse_stats({"stats": entries}).values()
    assert found.ejections == {"now": 1, "total": 4}


COUNTS = st.dictionaries(st.sampled_from(["pending", "connections", "requests"]), st.integers(0, 9))


@given(COUNTS, COUNTS, st.lists(st.integers(0, 9), max_size=3), st.lists(st.integers(0, 9)))
def test_nothing_is_ever_negative(
    before: dict[str, int], now: dict[str, int], then: list[int], later: list[int]
) -> None:
    first = seen(pressure=Pressure({}, before), requests=tuple(then))
    last = seen(pressure=Pressure({}, now), requests=tuple(later))
    for row in breaker_rows([first], [last], {}, [(HOST, "v1")]):
        assert row.attempts >= 0
        assert all(value >= 0 for value in (row.overflows or {}).values())
        assert len(list(breaker_words(row))) == 5


def test_limits_that_all_have_are_said_once_and_others_at_each() -> None:
    def rows(*pending: int) -> list[BreakerRow]:
        return [
            row
            for n in pending
            for now in [seen(max_pending_requests=n)]
            for row in breaker_rows([now], [now], {}, [(HOST, "v1")])
        ]

    assert limits_of_all(rows(1, 1, 1)) == "pending 1"
    assert limits_of_all(rows(1, 2)) == limits_of_all(rows(1)) == limits_of_all([]) == ""
