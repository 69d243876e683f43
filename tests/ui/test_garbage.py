"""All objects are looked at while nobody presses a key, and those that stay only once."""

from __future__ import annotations

import pytest

from meshtui.ui import garbage
from meshtui.ui.garbage import AT_LATEST_S, EVERY_S, IDLE_S, NEVER, Garbage


class Collector:
    """Stands for Python's own."""

    def __init__(self) -> None:
        self.did: list[str] = []

    def collect(self) -> None:
        self.did.append("collect")

    def freeze(self) -> None:
        self.did.append("freeze")

    def set_threshold(self, *numbers: int) -> None:
        assert numbers[2] == NEVER


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Collector:
    found = Collector()
    monkeypatch.setattr(garbage, "gc", found)
    return found


def test_once_the_mesh_is_read_what_is_there_is_taken_for_what_stays(collector: Collector) -> None:
    clock = Seconds()
    found = Garbage(clock)
    found.begin()
    clock.now = IDLE_S
    found.tick(loaded=False)
    assert collector.did == []
    for _ in range(3):
        found.tick(loaded=True)
    assert collector.did == ["collect", "freeze"]


def test_keys_come_first_but_not_for_ever(collector: Collector) -> None:
    clock = Seconds()
    found = Garbage(clock)
    found.begin()
    while clock.now < AT_LATEST_S - 1:
        clock.now += 1.0
        found.key()
        found.tick(loaded=True)
    assert collector.did == []
    clock.now = AT_LATEST_S
    found.key()
    found.tick(loaded=True)
    assert collector.did == ["collect", "freeze"]


def test_later_they_are_looked_at_from_time_to_time(collector: Collector) -> None:
    clock = Seconds()
    found = Garbage(clock)
    found.begin()
    for _ in range(10):
        clock.now += EVERY_S / 2
        found.tick(loaded=True)
    assert collector.did == ["collect", "freeze", *["collect"] * 4]


def test_a_program_that_did_not_begin_with_it_has_python_s_way(collector: Collector) -> None:
    clock = Seconds()
    found = Garbage(clock)
    clock.now = AT_LATEST_S
    found.tick(loaded=True)
    assert collector.did == []
