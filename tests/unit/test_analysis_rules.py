"""What a rule does to its requests: retries, faults, mirrors, fields of old."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.diagnosis.analysis import Finding, Limit, analyze
from tests.unit.objects import reviews, route

Obj = dict[str, Any]


def said(limited: frozenset[Limit] = frozenset(), **rule: Any) -> list[Finding]:
    """What is said of a rule to v1."""
    return list(analyze(reviews({"route": [route("v1")], **rule}), limited=limited))


def codes(**rule: Any) -> list[tuple[str, str]]:
    return [(found.severity, found.code) for found in said(**rule)]


class TestRetries:
    @pytest.mark.parametrize(
        ("attempts", "per_try", "timeout"),
        [(3, "3s", "10s"), (1, "2s", "3s"), (2, "1s", "2500ms")],
    )
    def test_more_tries_than_the_timeout_has_room_for(
        self, attempts: int, per_try: str, timeout: str
    ) -> None:
        retries = {"attempts": attempts, "perTryTimeout": per_try}
        found, slow = said(retries=retries, timeout=timeout)
        assert (found.code, found.severity) == ("retry-budget", "warning")
        assert slow.code == "slow-try-ends"
        assert found.field == "spec.http[0].retries"

    @pytest.mark.parametrize(
        "rule",
        [
            {"retries": {"attempts": 2, "perTryTimeout": "3s"}, "timeout": "9s"},
            {"retries": {"attempts": 2, "perTryTimeout": "3s"}},
            {"retries": {"attempts": 9}, "timeout": "1s"},
            {"retries": {"attempts": 0}, "timeout": "1s"},
        ],
    )
    def test_budgets_that_are_sound(self, rule: Obj) -> None:
        assert "retry-budget" not in [code for _, code in codes(**rule)]

    @pytest.mark.parametrize(
        ("retry_on", "ends"),
        [
            ("", True),
            ("connect-failure,refused-stream,503", True),
            ("504, unavailable", True),
            ("gateway-error", False),
            ("503, 5xx", False),
            ("Reset", False),
        ],
    )
    def test_a_slow_try_is_made_again_on_few_conditions(self, retry_on: str, ends: bool) -> None:
        """As seen of Envoy; Istio's default conditions are not among them."""
        retries = {"attempts": 2, "perTryTimeout": "500ms", "retryOn": retry_on}
        found = [one for one in said(retries=retries) if one.code == "slow-try-ends"]
        assert [one.severity for one in found] == (["info"] if ends else [])
        assert all("longer than 500ms" in one.effect for one in found)

    @pytest.mark.parametrize(
        "retry_on", ["5xx", "connect-failure, reset", "gateway-error", "503", "retriable-4xx"]
    )
    def test_any_method_may_be_retried_after_it_was_processed(self, retry_on: str) -> None:
        retries = {"attempts": 2, "retryOn": retry_on}
        assert codes(retries=retries) == [("info", "unsafe-retry")]

    def test_a_method_that_changes_something_is_named(self) -> None:
        match = [{"method": {"exact": "POST"}}, {"method": {"exact": "GET"}}]
        (found,) = said(retries={"attempts": 2, "retryOn": "5xx"}, match=match)
        assert (found.severity, found.field) == ("warning", "spec.http[0].retries.retryOn")
        assert found.effect.startswith("POST may be done twice: 5xx")

    @pytest.mark.parametrize(
        "rule",
        [
            {"retries": {"attempts": 3}},
            {"retries": {"attempts": 3, "retryOn": "connect-failure,refused-stream,unavailable"}},
            {"retries": {"attempts": 3, "retryOn": "retriable-status-codes,429"}},
            {"retries": {"attempts": 0, "retryOn": "5xx"}},
            {"retries": {"retryOn": "5xx"}, "match": [{"method": {"exact": "GET"}}]},
            {
                "retries": {"attempts": 2, "retryOn": "5xx"},
                "match": [{"method": {"regex": "^(GET|HEAD)$"}}],
            },
        ],
    )
    def test_retries_that_are_safe(self, rule: Obj) -> None:
        assert {code for _, code in codes(**rule)} <= {"invalid-rule"}


ABORT = {"abort": {"httpStatus": 503, "percentage": {"value": 100}}}
HALF = {"abort": {"httpStatus": 503, "percentage": {"value": 50}}}
DELAY = {"delay": {"fixedDelay": "3s", "percentage": {"value": 100}}}
JASON = [{"headers": {"end-user": {"exact": "jason"}}}]
ENDLESS = ("info", "endless-fault")


class TestFaults:
    def test_retries_beside_a_fault(self) -> None:
        found = said(fault=HALF, retries={"attempts": 2})
        assert [(f.code, f.field) for f in found] == [
            ("retries-with-fault", "spec.http[0].retries"),
            ("endless-fault", "spec.http[0].fault"),
        ]

    def test_a_timeout_beside_a_delay(self) -> None:
        found = said(fault=DELAY, timeout="1s", match=JASON)
        assert ("retries-with-fault", "spec.http[0].timeout") in [(f.code, f.field) for f in found]

    def test_nothing_beside_a_fault_that_it_could_harm(self) -> None:
        assert codes(fault=HALF, timeout="1s") == [ENDLESS]
        assert codes(fault=HALF, retries={"attempts": 0}) == [ENDLESS]
        assert codes(fault={"abort": {"httpStatus": 503}}, retries={"attempts": 2}) == []

    def test_a_fault_on_everything(self) -> None:
        assert codes(fault=ABORT) == [("error", "full-fault"), ENDLESS]
        assert codes(fault=DELAY) == [("warning", "full-fault"), ENDLESS]
        assert codes(fault=ABORT, match=[{"uri": {"prefix": "/api"}}])[0] == ("error", "full-fault")

    def test_a_fault_on_a_part_or_for_testers(self) -> None:
        assert codes(fault=HALF) == [ENDLESS]
        assert codes(fault=ABORT, match=JASON) == [ENDLESS]

    def test_a_fault_that_is_none(self) -> None:
        assert codes(fault={"delay": {"fixedDelay": "3s"}}) == []
        assert codes(fault={"abort": {"httpStatus": 503, "percentage": {"value": 0}}}) == []

    def test_a_fault_with_a_time_limit(self) -> None:
        limited = frozenset({Limit("fault", "default", "reviews", "http[0]")})
        assert said(limited, fault=HALF) == []
        other = frozenset({Limit("mirror", "default", "reviews", "http[0]")})
        assert [found.code for found in said(other, fault=HALF)] == ["endless-fault"]


MIRROR = {"host": "reviews", "subset": "v2"}


class TestMirrors:
    def test_a_mirror_without_end(self) -> None:
        (found,) = said(mirror=MIRROR, mirrorPercentage={"value": 10})
        assert (found.severity, found.code) == ("info", "endless-mirror")
        assert "copies 10 % of its requests to v2" in found.effect
        limited = frozenset({Limit("mirror", "default", "reviews", "http[0]")})
        assert said(limited, mirror=MIRROR, mirrorPercentage={"value": 10}) == []

    def test_a_mirror_of_everything(self) -> None:
        assert codes(mirror=MIRROR) == [("info", "endless-mirror"), ("info", "full-mirror")]
        assert codes(mirror=MIRROR, match=JASON) == [("info", "endless-mirror")]
        assert codes(mirror=MIRROR, mirrorPercentage={"value": 0}) == []


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"fault": {"delay": {"fixedDelay": "3s", "percent": 5}}}, "fault.delay.percent"),
        ({"mirror": MIRROR, "mirror_percent": 5}, "mirror_percent"),
        ({"mirror": MIRROR, "mirrorPercent": 5}, "mirrorPercent"),
        ({"corsPolicy": {"allowOrigin": ["*"]}}, "corsPolicy.allowOrigin"),
    ],
)
def test_deprecated_fields(rule: Obj, field: str) -> None:
    found = [f for f in said(**rule) if f.code == "deprecated-field"]
    assert [(f.severity, f.field) for f in found] == [("warning", f"spec.http[0].{field}")]
    assert found[0].same_as == ("IST0002", "IST0133")


def test_fields_of_today() -> None:
    assert said(corsPolicy={"allowOrigins": [{"exact": "x"}]}, timeout="3s", rewrite={}) == []


class TestWhatIstioRefuses:
    """The sentences are those of Istio's validation.go, which its webhook and istioctl ask."""

    @pytest.mark.parametrize(
        ("rule", "field"),
        [
            ({"retries": {"attempts": 0, "perTryTimeout": "3s"}}, "retries"),
            ({"retries": {"retryOn": "5xx"}}, "retries"),
            ({"retries": {"attempts": 1, "retryOn": "reset,99"}}, "retries.retryOn"),
            ({"redirect": {"uri": "/"}}, "redirect"),
            ({"directResponse": {"status": 418}}, "directResponse"),
            ({"mirror": {"host": "reviews"}, "mirrors": []}, "mirror"),
            (
                {"fault": {"abort": {"httpStatus": 503, "percentage": {"value": 1e-5}}}},
                "fault.abort.percentage",
            ),
            ({"fault": {"delay": {"exponentialDelay": "1s"}}}, "fault.delay.exponentialDelay"),
            (
                {"match": [{"headers": {"x-a": {"regex": "*"}}}]},
                "match[0].headers.x-a.regex",
            ),
            ({"match": [{}, {"uri": {"regex": "+"}}]}, "match[1].uri.regex"),
            (
                {
                    "rewrite": {"authority": "a.test"},
                    "headers": {"request": {"set": {":authority": "b.test"}}},
                },
                "headers.request.set",
            ),
        ],
    )
    def test_it_is_found_where_it_got_past_the_webhook(self, rule: Obj, field: str) -> None:
        found = [one for one in said(**rule) if one.code == "invalid-rule"]
        assert [one.field for one in found] == [f"spec.http[0].{field}"]
        assert found[0].same_as == ("IST0106",)
        assert "next change to this object will be refused" in found[0].effect

    @pytest.mark.parametrize(
        "rule",
        [
            {"retries": {}},
            {"retries": {"attempts": 2, "retryOn": "5xx, 503,retriable-4xx"}},
            {"fault": {"abort": {"httpStatus": 503, "percentage": {}}}},
            {"match": [{"uri": {"regex": ".*"}, "headers": {"x-a": {}}}]},
            {"rewrite": {"authority": "a.test"}, "headers": {"request": {"set": {"x-a": "1"}}}},
        ],
    )
    def test_what_istio_takes(self, rule: Obj) -> None:
        assert not [one for one in said(**rule) if one.code == "invalid-rule"]
