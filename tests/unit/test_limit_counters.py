"""What the proxies counted of the requests that a rate limit refused."""

from __future__ import annotations

from typing import Any

from meshtui.diagnosis.limit_words import asked_words, of_what
from meshtui.mesh.service_limits import Limiting
from meshtui.operations.look.exposure import growth, tally
from meshtui.operations.look.proxy_counters import Counters, parse_counters
from tests.unit.test_limiting import REVIEWS, envoy_filter, of, shop
from tests.unit.test_ratelimits import EXTERNAL, LOCAL, SETTINGS, patch

Obj = dict[str, Any]
LIMITER = "http_local_rate_limiter.http_local_rate_limit"


def met(config: Obj) -> Limiting:
    found = envoy_filter("it", patch({"typed_config": config}), app="reviews")
    return of(shop(found), REVIEWS).limits[0]


def counted(one: Limiting, *numbers: int | None) -> tuple[Counters, ...]:
    """What each of the limit's proxies says, None where it does not answer."""
    return tuple(
        Counters(pod, trouble="gone")
        if number is None
        else Counters(pod, {f"{LIMITER}.enforced": number})
        for pod, number in zip(one.pods, numbers, strict=False)
    )


def test_a_local_limits_counter_goes_by_its_prefix() -> None:
    page = f"{LIMITER}.enforced: 3\n{LIMITER}.rate_limited: 9\nother: 5\nno: x\n"
    one = met({"@type": LOCAL, **SETTINGS})
    first, second = one.pods
    read = [Counters(first, dict(parse_counters(page))), Counters(second, {})]
    assert tally(one, read).refused == 3
    assert tally(one, read).silent == 1


def test_a_proxy_without_the_counter_is_not_zero() -> None:
    one = met({"@type": LOCAL, **SETTINGS})
    silent = [Counters(pod) for pod in one.pods]
    assert (tally(one, silent).refused, tally(one, silent).silent) == (None, 2)
    away = [Counters(pod, trouble="gone") for pod in one.pods]
    assert (tally(one, away).refused, tally(one, away).troubles) == (None, ("gone",))


def test_an_external_services_counters_are_of_the_clusters() -> None:
    one = met(EXTERNAL)
    counts = {
        "cluster.inbound|9080||.ratelimit.over_limit": 4,
        "cluster.inbound|9080||.ratelimit.error": 2,
    }
    found = tally(one, [Counters(one.pods[0], counts)])
    assert (found.refused, found.unanswered) == (4, 2)


def test_a_proxy_that_was_silent_for_a_while_has_not_refused_all_of_it_now() -> None:
    one = met({"@type": LOCAL, **SETTINGS})
    away, back = tally(one, counted(one, 100, None)), tally(one, counted(one, 110, 5_000))
    assert growth(away, back, 10.0) == 1.0
    assert growth(tally(one, counted(one, None, 1)), tally(one, counted(one, 1, None)), 10) is None


def test_a_proxy_that_started_anew_hides_nothing_of_the_others() -> None:
    one = met({"@type": LOCAL, **SETTINGS})
    before, after = tally(one, counted(one, 5_000, 100)), tally(one, counted(one, 20, 150))
    assert growth(before, after, 10.0) == 7.0


def test_proxies_that_were_not_asked_are_told_from_those_that_count_nothing() -> None:
    one = met({"@type": LOCAL, **SETTINGS})
    found = tally(one, counted(one, 3))
    assert (found.refused, found.asked, found.unasked) == (3, 1, 1)
    assert asked_words(found.asked, found.unasked) == "1 of 2 proxies was asked"
    assert asked_words(20, 30) == "20 of 50 proxies were asked"
    assert asked_words(2, 0) == ""


def test_only_proxies_with_a_limit_that_limits_are_asked() -> None:
    off = {"@type": LOCAL, "token_bucket": SETTINGS["token_bucket"]}
    found = envoy_filter("off", patch({"typed_config": off}), app="reviews")
    assert of(shop(found), REVIEWS).limiting_pods == ()


def test_a_callers_counter_is_told_to_be_of_all_that_it_sends() -> None:
    config = {"@type": LOCAL, **SETTINGS}
    caller = envoy_filter("it", patch({"typed_config": config}, "SIDECAR_OUTBOUND"), app="page")
    (one,) = of(shop(caller), REVIEWS).limits
    assert of_what(one) == ", of all that these proxies send"
    assert of_what(met(config)) == ""


def test_limits_that_count_under_one_name_are_told_so() -> None:
    config = {"@type": LOCAL, **SETTINGS}
    one = envoy_filter("one", patch({"typed_config": config}), app="reviews")
    two = envoy_filter("two", patch({"typed_config": config}), app="reviews")
    other = envoy_filter("two", patch({"typed_config": {**config, "stat_prefix": "x"}}))
    assert [found.shared for found in of(shop(one, two), REVIEWS).limits] == [True, True]
    assert not any(found.shared for found in of(shop(one, other), REVIEWS).limits)
