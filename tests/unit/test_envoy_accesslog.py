"""Access-log lines as Envoy writes them, and lines that only look like it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.envoy.accesslog import AccessRecord, is_unknown_format, parse_line
from meshtui.mesh.flags import FLAGS, explain

LINE = (
    '[2026-11-20T10:11:12.345Z] "GET /reviews/0?x=1 HTTP/1.1" 503 UF,URX '
    "upstream_reset_before_response_started{connection_failure} - "
    '"delayed_connect_error:_111" 0 91 12 - "10.1.2.3" "curl/8.0" '
    '"2e5a2a6c-8c2e-9d1a-bb0d-0f6a3f1f2c11" "reviews:9080" "10.244.0.7:9080" '
    "outbound|9080|v1|reviews.default.svc.cluster.local 10.244.0.5:41000 10.96.0.7:9080 "
    "10.244.0.5:51234 - http.rest"
)
RECORD = AccessRecord(
    time="2026-11-20T10:11:12.345Z",
    method="GET",
    path="/reviews/0?x=1",
    protocol="HTTP/1.1",
    code=503,
    flags=("UF", "URX"),
    details="upstream_reset_before_response_started{connection_failure}",
    failure="delayed_connect_error:_111",
    bytes_received=0,
    bytes_sent=91,
    duration_ms=12,
    forwarded_for="10.1.2.3",
    user_agent="curl/8.0",
    request_id="2e5a2a6c-8c2e-9d1a-bb0d-0f6a3f1f2c11",
    authority="reviews:9080",
    upstream_host="10.244.0.7:9080",
    upstream_cluster="outbound|9080|v1|reviews.default.svc.cluster.local",
    upstream_local="10.244.0.5:41000",
    downstream_local="10.96.0.7:9080",
    downstream_remote="10.244.0.5:51234",
    route_name="http.rest",
    raw=LINE,
)


def test_a_line_of_the_text_format() -> None:
    assert parse_line(LINE) == RECORD
    assert parse_line(LINE + "\n") == RECORD


@pytest.mark.parametrize(
    "agent",
    ['Mozilla "x" y', '" "', '"', 'a" "b" "c', "", "[x] 200 -", 'ends with "', '" "b" "c" "d'],
)
def test_quotes_inside_the_user_agent(agent: str) -> None:
    found = parse_line(LINE.replace("curl/8.0", agent))
    assert found is not None
    assert (found.user_agent, found.forwarded_for) == (agent, "10.1.2.3")
    assert (found.request_id, found.authority) == (RECORD.request_id, "reviews:9080")


def test_quotes_inside_the_path() -> None:
    found = parse_line(LINE.replace("/reviews/0?x=1", '/a"b"c'))
    assert found is not None
    assert (found.path, found.code) == ('/a"b"c', 503)


def test_what_is_absent() -> None:
    line = (
        '[2026-11-20T10:11:12.345Z] "- - -" 0 NR - - "-" 0 0 0 - "-" "-" "-" "-" "-" - - '
        "10.96.0.7:9080 10.244.0.5:51234 outbound_.9080_._.reviews.default.svc.cluster.local -"
    )
    found = parse_line(line)
    assert found is not None
    assert (found.method, found.path, found.user_agent, found.upstream_host) == ("", "", "", "")
    assert (found.code, found.flags, found.upstream_ms, found.route_name) == (0, ("NR",), None, "")


def test_no_flag_is_no_flag() -> None:
    found = parse_line(LINE.replace("UF,URX", "-"))
    assert found is not None
    assert found.flags == ()


def test_the_json_form() -> None:
    line = json.dumps(
        {
            "start_time": "2026-11-20T10:11:12.345Z",
            "method": "GET",
            "path": "/reviews/0?x=1",
            "protocol": "HTTP/1.1",
            "response_code": 503,
            "response_flags": "UF,URX",
            "response_code_details": RECORD.details,
            "connection_termination_details": None,
            "upstream_transport_failure_reason": RECORD.failure,
            "bytes_received": 0,
            "bytes_sent": "91",
            "duration": 12,
            "upstream_service_time": None,
            "x_forwarded_for": "10.1.2.3",
            "user_agent": "curl/8.0",
            "request_id": RECORD.request_id,
            "authority": "reviews:9080",
            "upstream_host": RECORD.upstream_host,
            "upstream_cluster": RECORD.upstream_cluster,
            "upstream_local_address": RECORD.upstream_local,
            "downstream_local_address": RECORD.downstream_local,
            "downstream_remote_address": RECORD.downstream_remote,
            "requested_server_name": "-",
            "route_name": "http.rest",
        }
    )
    found = parse_line(line)
    assert found is not None
    assert found.raw == line
    assert {**_facts(found), "raw": ""} == {**_facts(RECORD), "raw": ""}


def _facts(record: AccessRecord) -> dict[str, object]:
    return {name: getattr(record, name) for name in AccessRecord.__slots__}


@pytest.mark.parametrize(
    "line",
    [
        "",
        "2026-11-20T10:11:12.345Z\tinfo\tEnvoy proxy is ready",
        "[2026-11-20 10:11:12.345][14][warning][config] gRPC config stream closed: 14",
        "{}",
        '{"level":"info","msg":"started"}',
        '{"start_time": ',
        "[" * 100_000,
        "{" * 60_000,
        '{"a":' * 10_000,
        LINE[:-60],
        LINE[:200],
        LINE.replace(" 503 ", " OK "),
    ],
)
def test_foreign_lines(line: str) -> None:
    assert parse_line(line) is None


def test_long_hostile_lines_end_soon() -> None:
    for unit in ('" "', " ", '"', "- "):
        parse_line(LINE[:160] + unit * 20_000)


@given(st.text() | st.text().map(lambda text: LINE[:130] + text) | st.text().map("{}".join))
def test_any_line_is_survived(line: str) -> None:
    parse_line(line)


@given(
    st.dictionaries(
        st.sampled_from(["start_time", "response_code", "duration", "path"]),
        st.none() | st.integers() | st.text() | st.floats() | st.lists(st.none()),
    )
)
def test_any_json_is_survived(fields: dict[str, object]) -> None:
    parse_line(json.dumps(fields))


def test_every_flag_says_what_to_look_at() -> None:
    for code, flag in FLAGS.items():
        assert flag.code == code
        assert flag.meaning.endswith(".")
        assert flag.check
    assert explain("UO") == FLAGS["UO"]
    assert explain("-") is None


TCP = (
    '[2026-11-20T10:11:12.345Z] "- - -" 0 {flags} - - "-" 120 338 70042 - "-" "-" "-" "-" '
    '"10.244.0.9:27017" {cluster} 10.244.0.5:41000 10.96.0.9:27017 10.244.0.5:51234 {name} -'
)


def test_a_connection_is_no_request_without_a_response() -> None:
    """Envoy's TCP proxy logs in the same format, with code 0 and no method."""
    cluster = "outbound|27017||mongo.default.svc.cluster.local"
    record = parse_line(TCP.format(flags="-", cluster=cluster, name="-"))
    assert record is not None and record.tcp and not record.inbound
    assert not RECORD.tcp
    refused = parse_line(LINE.replace('"GET /reviews/0?x=1 HTTP/1.1" 503', '"- - HTTP/1.1" 400'))
    assert refused is not None and not refused.tcp
    unanswered = parse_line(LINE.replace(" 503 UF,URX", " 0 DC"))
    assert unanswered is not None and not unanswered.tcp


@pytest.mark.parametrize("cluster", ["inbound|9080||", "InboundPassthroughCluster"])
def test_what_comes_into_the_pod(cluster: str) -> None:
    record = parse_line(TCP.format(flags="-", cluster=cluster, name="-"))
    assert record is not None and record.inbound


@pytest.mark.parametrize("value", [10**400, -1, "9" * 19, True, 1.5])
def test_numbers_that_cannot_be_are_not_known(value: object) -> None:
    text = json.dumps({"start_time": "t", "response_code": 200, "duration": value})
    record = parse_line(text)
    assert record is not None and record.duration_ms is None


OLD_ISTIO = (
    '[2019-06-11T10:11:12.345Z] "GET /reviews/0 HTTP/1.1" 503 UF "-" "-" 0 91 12 - "-" "curl/7" '
    '"2e5a2a6c" "reviews:9080" "10.244.0.7:9080" outbound|9080|v1|reviews.default.svc.cluster.local'
    " - 10.96.0.7:9080 10.244.0.5:51234 -"
)
ENVOY = (
    '[2026-11-20T10:11:12.345Z] "GET /reviews/0 HTTP/1.1" 503 UF 0 91 12 - "-" "curl/8.0" '
    '"2e5a2a6c" "reviews:9080" "10.244.0.7:9080"'
)


@pytest.mark.parametrize("line", [OLD_ISTIO, ENVOY])
def test_older_formats_are_known_by_their_content(line: str) -> None:
    found = parse_line(line)
    assert found is not None
    assert (found.code, found.flags, found.duration_ms, found.path) == (
        503,
        ("UF",),
        12,
        "/reviews/0",
    )
    assert (found.authority, found.upstream_host) == ("reviews:9080", "10.244.0.7:9080")
    assert (found.bytes_sent, found.raw) == (91, line)


@pytest.mark.parametrize(
    "names",
    [
        {"start_time": "@timestamp", "response_code": "status"},
        {"start_time": "timestamp", "response_code": "responseCode", "response_flags": "flags"},
        {"start_time": "startTime", "response_code": "statusCode", "path": "requestPath"},
        {"start_time": "ts", "response_code": "http_status", "duration": "duration_ms"},
    ],
)
def test_renamed_keys_of_json(names: dict[str, str]) -> None:
    usual = {
        "start_time": RECORD.time,
        "method": "GET",
        "path": "/reviews/0",
        "response_code": 503,
        "response_flags": "UF",
        "duration": 12,
        "upstream_cluster": "outbound|9080|v1|reviews.default.svc.cluster.local",
    }
    found = parse_line(json.dumps({names.get(key, key): value for key, value in usual.items()}))
    assert found is not None
    assert (found.time, found.code, found.flags, found.duration_ms, found.path) == (
        RECORD.time,
        503,
        ("UF",),
        12,
        "/reviews/0",
    )


def test_objects_within_json_are_looked_into() -> None:
    line = json.dumps({"time": RECORD.time, "http": {"status": 200, "method": "GET", "path": "/x"}})
    found = parse_line(line)
    assert found is not None
    assert (found.code, found.method, found.path) == (200, "GET", "/x")


@pytest.mark.parametrize(
    "raw",
    [
        {"time": "2026", "level": "info", "msg": "started", "code": 3},
        {"time": "2026", "status": "ok", "path": "/x", "method": "GET"},
        {"timestamp": "2026", "status": True, "path": "/x", "method": "GET"},
        {"status": 200, "path": "/x", "method": "GET"},
    ],
)
def test_a_programs_own_json_is_no_request(raw: dict[str, object]) -> None:
    assert parse_line(json.dumps(raw)) is None


@pytest.mark.parametrize(
    ("line", "unknown"),
    [
        ("GET /reviews 503 12ms productpage", True),
        ('10.1.2.3 - - [20/Nov/2026:10:11:12] "GET / HTTP/1.1" 200 91', True),
        ('{"when": "x", "answer": 503, "p": "/x"}', True),
        (LINE, False),
        (ENVOY, False),
        ("2026-11-20T10:11:12.345678Z\tinfo\txdsproxy connected, 200 ms", False),
        ("2026-11-20T10:11:12.345Z\twarning\tenvoy config 503 external", False),
        ("[2026-11-20 10:11:12.345][14][warning][config] gRPC closed: 200", False),
        ('{"level":"info","time":"x","msg":"200 ms"}', False),
        ("I1120 10:11:12 200 started", False),
        ("Envoy proxy is ready", False),
        ("", False),
    ],
)
def test_what_looks_like_a_request_and_is_not_understood_is_counted(
    line: str, unknown: bool
) -> None:
    assert is_unknown_format(line) is unknown
