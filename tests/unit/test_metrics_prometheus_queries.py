"""What the queries count, by Prometheus' own engine: scraped every 15 s, a window of 60 s."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshtui.errors import Usage
from meshtui.metrics import prometheus_queries as queries
from meshtui.metrics.scope import Scope, parse_matchers
from tests.unit.promtool import evaluate, require

AT = "10m5s"
"""The last scrape is at 10m, the last one before the window at 9m."""

UP = 'up{job="istio",instance="a"}'
REQUESTS = (
    'istio_requests_total{job="istio",instance="a",reporter="source",response_code="%s",'
    'source_workload="web",source_workload_namespace="shop",'
    'destination_service_name="reviews",destination_service_namespace="shop"}'
)
OK, BAD = REQUESTS % 200, REQUESTS % 503


@pytest.fixture(autouse=True)
def promtool() -> None:
    require("promtool")


def counted(directory: Path, **series: str) -> float:
    """Requests of the window, with a proxy that is up unless said otherwise."""
    return sum(vector(queries.requests("60000ms"), directory, series).values())


def vector(query: str, directory: Path, series: dict[str, str]) -> dict[str, float]:
    names = {"ok": OK, "bad": BAD, "up": UP, "other": OK.replace('"a"', '"b"')}
    given = {"up": "1x60"} | series
    return evaluate(query, {names.get(k, k): v for k, v in given.items()}, AT, directory)


def test_a_steady_rate_is_counted_to_the_request(tmp_path: Path) -> None:
    assert counted(tmp_path, ok="0+10x60") == 40


def test_a_burst_is_not_extrapolated(tmp_path: Path) -> None:
    assert counted(tmp_path, ok="7x37 307x22") == 300


def test_errors_that_begin_count_from_the_first(tmp_path: Path) -> None:
    found = vector(
        queries.requests("60000ms"), tmp_path, {"ok": "0+10x60", "bad": "_x37 9 11 12x20"}
    )
    assert sorted(found.values()) == [12, 40]


def test_the_first_request_of_a_proxy_counts(tmp_path: Path) -> None:
    assert counted(tmp_path, ok="_x38 5x22") == 5


def test_a_new_proxy_counts_from_its_first_scrape(tmp_path: Path) -> None:
    assert 20 <= counted(tmp_path, up="_x38 1x22", ok="_x38 1000+10x22") < 30


def test_a_restart_does_not_count_backwards(tmp_path: Path) -> None:
    assert 15 <= counted(tmp_path, ok="1000+10x37 4 9 14 19x20") <= 25


@pytest.mark.parametrize("up", ["1x60", "1x35 0 1x30"])
def test_a_scrape_without_counters_is_no_new_beginning(tmp_path: Path, up: str) -> None:
    """Istio's agent leaves them out at times; a scrape may also fail."""
    assert 30 <= counted(tmp_path, up=up, ok="1000+10x35 stale 1370+10x30") <= 45


def test_a_proxy_that_has_gone_counts_while_it_was_there(tmp_path: Path) -> None:
    assert 20 <= counted(tmp_path, up="1x38 stale", ok="0+10x38 stale") <= 40


def test_a_service_without_requests_is_left_out(tmp_path: Path) -> None:
    assert vector(queries.requests("60000ms"), tmp_path, {"ok": "5x60"}) == {}


def test_proxies_and_labels_that_do_not_matter_are_added(tmp_path: Path) -> None:
    more = OK.replace("}", ',pod="p",source_cluster="east",destination_canonical_service="r"}')
    found = vector(
        queries.requests("60000ms"),
        tmp_path,
        {"ok": "0+10x60", "other": "0+1x60", more.replace('"a"', '"c"'): "0+2x60"},
    )
    assert list(found.values()) == [40 + 4 + 8]


def buckets(*counts: int) -> dict[str, str]:
    """A histogram that grows by so much at each scrape."""
    bucket = OK.replace("requests_total", "request_duration_milliseconds_bucket")
    return {
        bucket.replace("}", f',le="{bound}"}}'): f"0+{count}x60"
        for bound, count in zip(("1", "5", "+Inf"), counts, strict=True)
    }


def test_buckets_are_counted_like_requests(tmp_path: Path) -> None:
    found = vector(queries.durations("60000ms"), tmp_path, buckets(1, 3, 4))
    assert sorted(found.values()) == [4, 12, 16]
    assert all('le="' in labels for labels in found)


def test_an_empty_bucket_below_is_told_as_quantiles_begin_at_its_bound(tmp_path: Path) -> None:
    found = vector(queries.durations("60000ms"), tmp_path, buckets(0, 3, 4))
    assert sorted(found.values()) == [0, 12, 16]


def test_the_hour_before_ends_before_what_is_new(tmp_path: Path) -> None:
    late = dict.fromkeys(buckets(1, 3, 4), "0x56 4 8 12 16")
    assert not any(vector(queries.before(), tmp_path, late).values())
    found = vector(queries.before(), tmp_path, buckets(1, 3, 4))
    assert len(found) == 3 and max(found.values()) > 60


def test_a_histogram_without_requests_is_left_out(tmp_path: Path) -> None:
    assert vector(queries.durations("60000ms"), tmp_path, buckets(0, 0, 0)) == {}


def test_clients_are_all_who_sent_within_the_hour(tmp_path: Path) -> None:
    gone = OK.replace('"web"', '"gone"')
    silent = OK.replace('"web"', '"silent"')
    found = vector(queries.clients(), tmp_path, {"ok": "1x60", gone: "1x10 stale", silent: "0x60"})
    assert ["web" in labels for labels in sorted(found)] == [False, True]
    assert not any("silent" in labels for labels in found)


def test_the_newest_scrape_of_each_job(tmp_path: Path) -> None:
    older = OK.replace('"istio"', '"late"')
    found = vector(queries.newest(), tmp_path, {"ok": "1x60", "other": "1x30", older: "1x36"})
    assert found == {
        '{instance="a", job="istio"}': 600,
        '{instance="a", job="late"}': 540,
    }


def test_the_state_of_the_targets(tmp_path: Path) -> None:
    dead = UP.replace('"a"', '"dead"')
    series = {"ok": "1x60", dead: "1x30 0x30", OK.replace('"a"', '"dead"'): "1x30 stale"}
    found = vector(queries.state(["istio", "a|b"], "60000ms"), tmp_path, series)
    assert found == {
        '{what="read"}': 1,
        '{what="down"}': 1,
        '{what="scraped"}': 600,
        '{what="scraped before"}': 540,
    }


def test_names_of_targets_are_taken_literally(tmp_path: Path) -> None:
    name = 'ns/web-0.1+(x)"\\é'
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    query = queries.scrapes([(name, "[::1]:15020")]).removesuffix("[15m]")
    series = {f'up{{job="{quoted}",instance="[::1]:15020"}}': "1x60", "up": "1x60"}
    assert len(vector(query, tmp_path, series)) == 1


def scraped(series: str, **labels: str) -> str:
    """The same series, scraped by another job or with a further label."""
    given = {"job": "istio", "instance": "10.0.0.1:15020"} | labels
    text = ",".join(f'{name}="{value}"' for name, value in given.items())
    return series.replace('job="istio",instance="a"', text)


TWICE = (
    {"job": "monitor", "instance": "10.0.0.1:15090", "pod": "web-1"},
    {"prometheus_replica": "b"},
    {"job": "monitor"},
)


@pytest.mark.parametrize("again", TWICE)
def test_a_proxy_that_is_scraped_twice_counts_once(tmp_path: Path, again: dict[str, str]) -> None:
    other = scraped(OK, instance="10.0.0.2:15020")
    series = {scraped(OK): "0+10x60", scraped(OK, **again): "0+10x60", other: "0+1x60"}
    series |= {series_of_up(name): "1x60" for name in series}
    assert list(vector(queries.requests("60000ms"), tmp_path, series).values()) == [44]


def series_of_up(name: str) -> str:
    kept = ("job", "instance", "prometheus_replica")
    labels = name.partition("{")[2].rstrip("}").split(",")
    return "up{" + ",".join(pair for pair in labels if pair.partition("=")[0] in kept) + "}"


def test_the_same_address_in_two_clusters_is_two_proxies(tmp_path: Path) -> None:
    series = {scraped(OK, cluster=name): "0+10x60" for name in ("east", "west")}
    assert list(vector(queries.requests("60000ms"), tmp_path, series).values()) == [80]


@pytest.mark.parametrize("text", ['cluster="east"', "{cluster=~'ea.*', reporter!=\"x\"}"])
def test_a_matcher_chooses_among_clusters(tmp_path: Path, text: str) -> None:
    scope = Scope(parse_matchers(text))
    east, west = (scraped(OK, cluster=name) for name in ("east", "west"))
    up = scraped(UP, cluster="east")
    series = {east: "0+10x60", west: "0+30x60", up: "1x60"}
    found = vector(queries.requests("60000ms", scope), tmp_path, series)
    assert list(found.values()) == [40]
    clients = vector(queries.clients(scope), tmp_path, series)
    assert len(clients) == 1 and 'cluster="east"' in next(iter(clients))
    state = vector(queries.state(["istio"], "60000ms", scope), tmp_path, series)
    assert state['{what="read"}'] == 1


def test_a_proxy_that_one_of_two_jobs_reads_is_not_down(tmp_path: Path) -> None:
    again = {"job": "monitor", "instance": "10.0.0.1:15090"}
    series = {scraped(OK): "1x60", scraped(OK, **again): "1x30 stale"}
    series |= {scraped(UP): "1x60", scraped(UP, **again): "1x30 0x30"}
    found = vector(queries.state(["istio", "monitor"], "60000ms"), tmp_path, series)
    assert (found['{what="read"}'], '{what="down"}' in found) == (1, False)


@pytest.mark.parametrize(
    "text", ["", "{}", "east", 'cluster="east', 'a="b" c="d"', '__name__="x"', 'a="b"} or up{x="y"']
)
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(Usage):
        parse_matchers(text)


RBAC = (
    'envoy_http_rbac{job="%s",instance="%s",authz_enforce_result="%s",'
    'http_conn_manager_prefix="%s"}'
)
JWT = 'envoy_http_jwt_authn_denied{job="%s",instance="%s",http_conn_manager_prefix="%s"}'
TRIED = (
    'envoy_http_rbac{job="%s",instance="%s",authz_dry_run_action="deny",'
    'authz_dry_run_result="denied",http_conn_manager_prefix="%s"}'
)
"""What a policy that is only tried would have denied."""

SERVED = (
    'istio_requests_total{job="%s",instance="%s",reporter="destination",response_code="403",'
    'destination_workload="%s",destination_workload_namespace="shop"}'
)


def test_what_the_filters_of_a_workload_denied_counts_once_for_each_proxy(tmp_path: Path) -> None:
    inbound = "inbound_0.0.0.0_9080"
    series = {
        'up{job="istio",instance="1.1.1.1:15020"}': "1x60",
        SERVED % ("istio", "1.1.1.1:15020", "web-v1"): "0+10x60",
        SERVED % ("again", "1.1.1.1:15090", "web-v1"): "0+10x60",
        SERVED % ("istio", "1.1.1.2:15020", "web-v2"): "0+10x60",
        RBAC % ("istio", "1.1.1.1:15020", "denied", inbound): "0+5x60",
        RBAC % ("again", "1.1.1.1:15090", "denied", inbound): "0+5x60",
        RBAC % ("istio", "1.1.1.1:15020", "allowed", inbound): "0+7x60",
        RBAC % ("istio", "1.1.1.1:15020", "denied", "outbound_0.0.0.0_80"): "0+7x60",
        RBAC % ("istio", "1.1.1.2:15020", "denied", inbound): "0x60",
        JWT % ("istio", "1.1.1.2:15020", inbound): "0+2x60",
        JWT % ("istio", "1.1.1.1:15020", "outbound_0.0.0.0_80"): "0+2x60",
        TRIED % ("istio", "1.1.1.2:15020", inbound): "0+9x60",
    }
    found = evaluate(queries.beside("60000ms"), series, AT, tmp_path)
    denied = {labels: n for labels, n in found.items() if f'"{queries.DENIED}"' in labels}
    assert len(denied) == 1
    ((labels, number),) = denied.items()
    assert 'workload="shop/web-v1"' in labels and number == pytest.approx(20, rel=0.1)
    ((labels, number),) = ((k, v) for k, v in found.items() if f'"{queries.TOKENS}"' in k)
    assert 'workload="shop/web-v2"' in labels and number == pytest.approx(8, rel=0.1)


SENT = (
    'istio_requests_total{job="%s",instance="%s",reporter="source",response_code="%s",'
    'source_workload="%s",source_workload_namespace="edge",destination_service_name="%s"}'
)


def test_what_a_gateway_sent_on_counts_once_for_each_proxy(tmp_path: Path) -> None:
    series = {
        'up{job="istio",instance="1.1.1.1:15020"}': "1x60",
        SENT % ("istio", "1.1.1.1:15020", 200, "ingress", "page"): "0+10x60",
        SENT % ("again", "1.1.1.1:15090", 200, "ingress", "page"): "0+10x60",
        SENT % ("istio", "1.1.1.1:15020", 200, "ingress", "shop"): "0+2x60",
        SENT % ("istio", "1.1.1.1:15020", 503, "ingress", "page"): "0+1x60",
        SENT % ("istio", "1.1.1.2:15020", 200, "page-v1", "shop"): "0+50x60",
    }
    times = SENT.replace("requests_total", "request_duration_milliseconds_bucket")
    for bound, growth in (("5", 0), ("+Inf", 11)):
        for job, port in (("istio", 15020), ("again", 15090)):
            named = times % (job, f"1.1.1.1:{port}", 200, "ingress", "page")
            series[named.replace("}", f',le="{bound}"}}')] = f"0+{growth}x60"
    promql = queries.state(["istio"], "60000ms", gateways=["ingress"])
    found = evaluate(promql, series, AT, tmp_path)
    sent = {labels: value for labels, value in found.items() if '"sent"' in labels}
    assert sorted(sent.values()) == [4, 48]
    timed = {k: v for k, v in found.items() if '"sent times"' in k}
    assert sorted(timed.values()) == [0, 44]
    assert any('"read"' in labels for labels in found)
    plain = evaluate(queries.state(["istio"], "60000ms"), series, AT, tmp_path)
    assert not any('"sent"' in labels for labels in plain)


TCP = (
    'istio_tcp_%s_total{job="%s",instance="%s",reporter="source",response_flags="-",'
    'source_workload="web",source_workload_namespace="shop",destination_version="v1",'
    'destination_service_name="db",destination_service_namespace="shop"}'
)


def test_connections_are_counted_beside_the_durations(tmp_path: Path) -> None:
    """A proxy that two jobs scrape counts once, and one without any request counts too."""
    series = {
        'up{job="istio",instance="1.1.1.1:15020"}': "1x60",
        TCP % ("connections_opened", "istio", "1.1.1.1:15020"): "0+10x60",
        TCP % ("connections_opened", "again", "1.1.1.1:15090"): "0+10x60",
        TCP % ("sent_bytes", "istio", "1.1.1.1:15020"): "0+500x60",
        OK: "0+10x60",
    }
    found = evaluate(queries.requests_and_connections("60000ms"), series, AT, tmp_path)
    counted_as = {
        name: [value for labels, value in found.items() if f'"istio_tcp_{name}_total"' in labels]
        for name in ("connections_opened", "connections_closed", "sent_bytes")
    }
    assert counted_as == {
        "connections_opened": [40],
        "connections_closed": [],
        "sent_bytes": [2000],
    }
    clients = evaluate(queries.clients(), series, AT, tmp_path)
    assert any('destination_service_name="db"' in labels for labels in clients)
    assert any('destination_service_name="reviews"' in labels for labels in clients)


def test_connections_of_a_proxy_that_began_again_are_counted_from_0(tmp_path: Path) -> None:
    """And all of those of a series that was not there when its proxy was read."""
    series = {
        'up{job="istio",instance="1.1.1.1:15020"}': "1x60",
        TCP % ("connections_opened", "istio", "1.1.1.1:15020"): "0+10x37 0+3x22",
        TCP % ("connections_closed", "istio", "1.1.1.1:15020"): "_x37 7x22",
        OK: "0+10x60",
    }
    found = evaluate(queries.requests_and_connections("60000ms"), series, AT, tmp_path)
    values = {
        name: value
        for labels, value in found.items()
        for name in ("opened", "closed")
        if f"connections_{name}_total" in labels
    }
    assert values == {"opened": 6, "closed": 7}


PAIR = (
    'istio_requests_total{job="istio",instance="%s",reporter="%s",source_workload="%s",'
    'source_workload_namespace="shop",destination_service_name="%s",response_flags="%s",'
    'destination_service_namespace="shop",destination_workload="%s"}'
)


def pair(reporter: str, client: str, service: str, flags: str = "-", workload: str = "") -> str:
    at = f"{client}:1" if reporter == "source" else f"{service}:1"
    return PAIR % (at, reporter, client, service, flags, workload or f"{service}-v1")


NAMELESS = pair("destination", "unknown", "db")
TURNED_AWAY = pair("destination", "unknown", "db", "RL")
"""By a filter that stands in front of the one that reads the caller's name."""


@pytest.mark.parametrize(
    ("series", "silent"),
    [
        ([pair("destination", "web", "db")], {"web"}),
        ([pair("waypoint", "web", "db")], {"web"}),
        ([NAMELESS], {"unknown"}),
        ([pair("destination", "web", "db"), pair("source", "web", "db")], set()),
        ([pair("destination", "web", "db"), pair("source", "web", "other")], set()),
        (
            [NAMELESS, pair("source", "web", "db"), pair("destination", "web", "db")],
            {"unknown"},
        ),
        ([NAMELESS, pair("source", "web", "db")], set()),
        ([TURNED_AWAY], {"unknown"}),
        ([TURNED_AWAY, pair("source", "web", "db"), pair("destination", "web", "db")], set()),
        ([NAMELESS, pair("source", "web", "db", "UF")], {"unknown"}),
        (
            [NAMELESS, pair("source", "web", "db", workload="unknown")],
            {"unknown"},
        ),
    ],
)
def test_who_counts_nothing_of_what_is_sent(
    tmp_path: Path, series: list[str], silent: set[str]
) -> None:
    """Nobody of a service that a caller asked which it does not know by name."""
    given = {'up{job="istio",instance="db:1"}': "1x60"} | dict.fromkeys(series, "0+10x60")
    found = evaluate(queries.beside("60000ms"), given, AT, tmp_path)
    assert {client for client in ("web", "unknown") if any(
        f'source_workload="{client}"' in labels for labels in found
    )} == silent  # fmt: skip


def test_a_caller_that_missed_a_scrape_is_not_silent(tmp_path: Path) -> None:
    """What it counted until then is counted: who answered would count it a second time."""
    series = {
        'up{job="istio",instance="db:1"}': "1x60",
        pair("destination", "web", "db"): "0+10x60",
        pair("source", "web", "db"): "0+10x38 stale",
    }
    assert evaluate(queries.beside("60000ms"), series, AT, tmp_path) == {}


def test_the_silent_are_counted_by_caller_beside_all(tmp_path: Path) -> None:
    """Their times too, unless they time their requests themselves."""
    web, cron = pair("destination", "web", "db"), pair("destination", "cron", "db")
    buckets = [
        one.replace("requests_total", "request_duration_milliseconds_bucket")
        for one in (web, cron, pair("source", "cron", "db"))
    ]
    given = {'up{job="istio",instance="db:1"}': "1x60", web: "0+10x60", cron: "0+1x60"}
    given |= {one.replace("}", ',le="+Inf"}'): "0+10x60" for one in buckets}
    for query in (queries.requests, queries.durations):
        found = evaluate(query("60000ms", silent=["web", "cron"]), given, AT, tmp_path)
        plain = evaluate(query("60000ms"), given, AT, tmp_path)
        apart = {labels: n for labels, n in found.items() if "source_workload=" in labels}
        assert {labels: n for labels, n in found.items() if labels not in apart} == plain
        by_name = {name: n for name in ("web", "cron") for k, n in apart.items() if name in k}
        assert by_name == ({"web": 40, "cron": 4} if query is queries.requests else {"web": 40})


def test_what_a_gateway_denied_is_counted_by_gateway(tmp_path: Path) -> None:
    """In what it sent on it has its name; what came into pods is another's."""
    outbound, inbound = "outbound_0.0.0.0_8080", "inbound_0.0.0.0_9080"
    series = {
        'up{job="istio",instance="1.1.1.1:15020"}': "1x60",
        SENT % ("istio", "1.1.1.1:15020", 403, "ingress", "page"): "0+10x60",
        SENT % ("again", "1.1.1.1:15090", 403, "ingress", "page"): "0+10x60",
        RBAC % ("istio", "1.1.1.1:15020", "denied", outbound): "0+10x60",
        RBAC % ("again", "1.1.1.1:15090", "denied", outbound): "0+10x60",
        RBAC % ("istio", "1.1.1.1:15020", "denied", inbound): "0+7x60",
    }
    found = evaluate(queries.beside("60000ms"), series, AT, tmp_path)
    ((labels, number),) = ((k, n) for k, n in found.items() if queries.EDGE_DENIED in k)
    assert 'workload="edge/ingress"' in labels and number == 40
