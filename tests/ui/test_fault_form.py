"""The form of a fault: what an empty percentage means, and what it says of a mistake."""

from __future__ import annotations

import pytest

from meshtui.changes.change import SetFault
from meshtui.errors import Usage
from meshtui.ui.dialogs.form import _error_lines
from meshtui.ui.dialogs.forms import read_fault
from meshtui.ui.widgets.paint import width_of

EMPTY = dict.fromkeys(("delay", "delay_percent", "abort", "abort_percent", "header", "for"), "")


@pytest.mark.parametrize(
    ("header", "given", "percent"),
    [("", "", 10), ("x-chaos=1", "", 100), ("x-chaos: 1", "", 100), ("x-chaos=1", "5", 5)],
)
def test_of_requests_with_a_header_all_are_aborted_of_others_a_tenth(
    header: str, given: str, percent: float
) -> None:
    change = read_fault({**EMPTY, "abort": "503", "abort_percent": given, "header": header})
    assert isinstance(change, SetFault)
    assert change.abort_percent == percent
    assert change.header == (("x-chaos", "1") if header else None)


def test_a_delay_alone_has_no_abort() -> None:
    change = read_fault({**EMPTY, "delay": "3s", "delay_percent": "100"})
    assert isinstance(change, SetFault)
    assert change.delay_s == 3 and change.abort_http is None


def test_a_long_error_is_broken_and_not_cut() -> None:
    error = Usage("a mistake that takes " + "very " * 20 + "long", "what to do " * 12)
    lines = _error_lines(error, 73)
    assert all(width_of(line) <= 73 for line in lines)
    words = " ".join("".join(piece.text for piece in line) for line in lines).split()
    assert words == ["✖", *error.what.split(), *error.hint.split()]
