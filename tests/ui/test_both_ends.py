"""What stands at the left of a line never touches what stands at its right."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshtui.mesh.text import ELLIPSIS
from meshtui.ui.widgets.paint import JOINTS, Span, both_ends, fit, fit_line, width_of

WORDS = st.text("ab é日", min_size=1, max_size=40)


@given(WORDS, WORDS, st.integers(1, 60))
def test_a_blank_is_between_them_in_exactly_the_width(left: str, right: str, width: int) -> None:
    line = both_ends((Span(left),), (Span(right),), width)
    assert width_of(line) == width
    text = "".join(piece.text for piece in line)
    if width - width_of((Span(right),)) >= 8:
        assert text.endswith(right)
        assert text[: len(text) - len(right)].endswith(" ") or right.startswith(" ")


@given(st.lists(WORDS, min_size=1, max_size=5), st.integers(1, 60))
def test_a_line_that_is_cut_says_so_wherever_its_pieces_end(words: list[str], width: int) -> None:
    pieces = tuple(map(Span, words))
    line = fit_line(pieces, width)
    assert width_of(line) == width
    whole, text = "".join(words), "".join(piece.text for piece in line)
    assert text.startswith(whole) or ELLIPSIS in text or not whole[len(text) :].strip()


@given(st.text("ab →>·:日", max_size=30), st.integers(1, 30))
def test_what_is_cut_ends_in_a_word(text: str, width: int) -> None:
    cut = fit(text, width).rstrip()
    if cut.endswith(ELLIPSIS):
        before = cut.removesuffix(ELLIPSIS)
        assert not before or before[-1] not in JOINTS


def test_what_leads_to_a_piece_goes_with_it() -> None:
    pieces = (Span("v1 50", "text"), Span(" → ", "faint"), Span("60", "draft"))
    cuts = ["".join(piece.text for piece in fit_line(pieces, width)) for width in range(5, 11)]
    assert cuts == ["v1 5…", "v1 50…", "v1 50… ", "v1 50…  ", "v1 50…   ", "v1 50 → 60"]
