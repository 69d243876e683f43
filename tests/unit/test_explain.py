"""Every response flag has words, and none fill the screen."""

from __future__ import annotations

import pytest

from meshtui.mesh.flags import FLAGS
from tests.unit.explaining import mesh_of, scope, signals, told, words
from tests.unit.objects import route


@pytest.mark.parametrize("flag", sorted(FLAGS))
def test_every_flag_has_words_and_a_next_step_in_an_empty_mesh(flag: str) -> None:
    one = told(scope(mesh_of(), "v1", signals(c503=10, **{flag: 10})), flag)
    assert one.sentences and all(one.sentences) and one.next
    assert one.name == FLAGS[flag].name


def test_a_rule_with_hundreds_of_matches_does_not_fill_the_screen() -> None:
    many = [{"uri": {"prefix": f"/path/number/{n}"}} for n in range(500)]
    only = {"match": many, "route": [route("v1")]}
    assert len(words(scope(mesh_of(only), caller=signals(c404=9, NR=9)), "NR")) < 300
