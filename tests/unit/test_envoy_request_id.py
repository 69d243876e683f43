"""A request's id as Envoy rewrites it to say whether it is traced."""

from __future__ import annotations

import pytest

from meshtui.envoy.request_id import in_line, same_request

SENT = "0f6a3f1f-2c11-4fd0-8c2e-2e5a2a6c9d1a"
FORCED = "0f6a3f1f-2c11-afd0-8c2e-2e5a2a6c9d1a"
SAMPLED = "0f6a3f1f-2c11-9fd0-8c2e-2e5a2a6c9d1a"
OTHER = "0f6a3f1f-2c11-9fd1-8c2e-2e5a2a6c9d1a"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (SENT, SENT, True),
        (SENT, SAMPLED, True),
        (FORCED, SAMPLED, True),
        (SENT, OTHER, False),
        (SENT, "", False),
        ("", "", True),
        ("no-uuid-of-14-characters", "no-uuid-of-14-characters", True),
        ("no-uuid-of-14-characters", "no-uuid-of-1x-characters", False),
    ],
)
def test_ids_of_one_request(one: str, other: str, same: bool) -> None:
    assert same_request(one, other) is same
    if one and other:
        assert bool(in_line(one).search(f'"-" "{other}" "reviews"'.encode())) is same


def test_an_id_that_is_an_expression_is_text() -> None:
    assert not in_line(".*").search(b"anything")
    assert in_line("a.*(").search(b"x a.*( y")
