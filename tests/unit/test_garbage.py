"""Python's collector while a mesh is read."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from meshtui.operations.garbage import uncollected


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    was = gc.isenabled()
    yield
    gc.unfreeze()
    (gc.enable if was else gc.disable)()


def test_nothing_is_collected_meanwhile_and_what_is_there_is_looked_at_no_more() -> None:
    gc.enable()
    with uncollected():
        assert not gc.isenabled()
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0


def test_where_it_is_off_it_stays_off_and_an_error_goes_through() -> None:
    gc.disable()
    with pytest.raises(ValueError, match="no"), uncollected():
        raise ValueError("no")
    assert not gc.isenabled()
