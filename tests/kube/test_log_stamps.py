"""The kubelet's times before the lines of a log."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.kube.logs import split_stamp

SECOND = 1_700_000_001 * 10**9


@pytest.mark.parametrize(
    ("line", "stamp", "text"),
    [
        (b"2023-11-14T22:13:21.250000001Z a  b", SECOND + 250_000_001, b"a  b"),
        (b"2023-11-14T22:13:21Z ", SECOND, b""),
        (b"2023-11-14T22:13:21.25Z x", SECOND + 250_000_000, b"x"),
        (b"2023-11-15T00:13:21.000000009+02:00 x", SECOND + 9, b"x"),
        (b"no time here", 0, b"no time here"),
        (b"2023-11-14Tx2:13:21.25Z x", 0, b"2023-11-14Tx2:13:21.25Z x"),
        (b"0001-01-01T00:00:00+14:00 x", 0, b"0001-01-01T00:00:00+14:00 x"),
        (b"9999-12-31T23:59:59-14:00 x", 0, b"9999-12-31T23:59:59-14:00 x"),
        (b"", 0, b""),
    ],
)
def test_a_line_and_its_time(line: bytes, stamp: int, text: bytes) -> None:
    assert split_stamp(line) == (stamp, text)


@given(st.binary(max_size=60) | st.from_regex(rb"2023-..-..T..:..:...{0,12} x", fullmatch=True))
def test_any_line_is_read(line: bytes) -> None:
    stamp, text = split_stamp(line)
    assert line.endswith(text) and stamp >= 0
