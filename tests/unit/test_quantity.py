"""Times as a person reads them."""

from __future__ import annotations

import pytest

from meshtui.mesh.quantity import exact_duration, left_words, number_of


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "<1m"),
        (59.9, "<1m"),
        (60, "1m"),
        (60.1, "2m"),
        (899, "15m"),
        (3599, "1h"),
        (7199, "2h"),
        (7200, "2h"),
        (119 * 60, "1h59m"),
        (86_400, "1d00h"),
    ],
)
def test_what_has_just_begun_has_its_whole_time_left(seconds: float, words: str) -> None:
    assert left_words(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(900, "15m"), (5400, "1h30m"), (90, "1m30s"), (86_400, "24h"), (0.2, "200ms")],
)
def test_a_time_is_said_as_it_was_typed(seconds: float, words: str) -> None:
    assert exact_duration(seconds) == words


def test_one_is_not_several() -> None:
    assert number_of(1, "pod") == "1 pod"
    assert number_of(0, "pod") == "0 pods"
    assert number_of(2, "proxy", "proxies") == "2 proxies"
    assert number_of(1240.4, "request") == "1,240 requests"
    assert number_of(0.6, "request") == "1 request"
