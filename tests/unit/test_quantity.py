"""Times as a person reads them."""

from __future__ import annotations

import pytest

from meshtui.mesh.quantity import left_words


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
