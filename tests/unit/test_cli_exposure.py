"""`meshtui exposure` for a whole namespace: every way in, and every rate limit."""

from __future__ import annotations

import json

import pytest

from meshtui.cli.main import main
from meshtui.diagnosis.limit_words import NOT_READ
from tests.unit.test_cli_analysis import use
from tests.unit.test_limiting import envoy_filter, shop
from tests.unit.test_ratelimits import LIMIT, patch

LIMITS = (
    envoy_filter("edge", patch(LIMIT, "GATEWAY"), namespace="istio-system"),
    envoy_filter("lost", patch(LIMIT), app="reveiws"),
)


def test_ways_and_limits_in_tables(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, shop(*LIMITS, type="LoadBalancer"))
    assert main(["exposure", "-A"]) == 0
    out, err = capsys.readouterr()
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[1:3] == [
        "shop.example 80 HTTP redirect default/door 1/1 default/shop page.default",
        "shop.example 443 HTTPS SIMPLE default/door 1/1 default/shop page.default",
    ]
    assert (
        lines[5] == "default/lost local 2 per 60s, 4 at once SIDECAR_INBOUND every request NO PROXY"
    )
    assert any(
        line.startswith("istio-system/edge local 2 per 60s, 4 at once GATEWAY") for line in lines
    )
    assert "page.default: its Service is a LoadBalancer (port 9080)" in err


def test_a_namespace_without_a_way_in_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, shop(*LIMITS), namespace="prod")
    assert main(["exposure"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (f"no way in: no Gateway leads to a service here\n{NOT_READ}\n")


def test_as_data(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    use(monkeypatch, shop(*LIMITS))
    assert main(["exposure", "-A", "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(way["port"], way["tls"], way["https_redirect"]) for way in found["ways"]] == [
        (80, None, True),
        (443, "SIMPLE", False),
    ]
    assert found["ways"][0]["service"] == {"namespace": "default", "name": "page"}
    assert found["ways"][0]["rules"] == [{"rule": "http[0]", "match": "uri ^ /p", "percent": 100.0}]
    (edge,), (lost,) = found["limits"], found["limits_without_proxies"]
    assert (edge["envoy_filter"]["name"], edge["enforced_percent"]) == ("edge", 50.0)
    assert edge["buckets"] == [{"tokens": 2, "interval_s": 60.0, "burst": 4, "descriptor": None}]
    assert (lost["envoy_filter"]["name"], lost["workloads"]) == ("lost", [])
