"""Orders that are kept say of each sample what is found in it anew."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from meshtui.mesh.sample_order import Order, Orders
from meshtui.mesh.signals import Sample
from meshtui.mesh.thresholds import Thresholds
from meshtui.mesh.view import measured, put_to, structure
from tests.unit.layouts import SOURCES, Layout, sample_of
from tests.unit.test_rows import layouts


def others_of(sample: Sample, chance: random.Random) -> Sample:
    """The same side by side with targets in another order, and some of them gone."""
    sides = []
    for side in (sample.called, sample.served):
        targets = [one for one in side.items() if chance.random() < 0.7]
        chance.shuffle(targets)
        sides.append(dict(targets))
    return replace(sample, called=sides[0], served=sides[1])


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("layout", layouts(), ids=lambda layout: layout.name)
def test_rows_are_the_same_whatever_samples_were_seen_before(layout: Layout, source: str) -> None:
    chance = random.Random(f"{layout.name} {source}")
    whole = sample_of([*layout.sent, *layout.others], source)
    kept, orders, limits = structure(layout.mesh), Orders(), Thresholds()
    for sample in (whole, whole, *[others_of(whole, chance) for _ in range(4)], whole):
        shown = tuple(work.done() for work in put_to(kept, sample, limits, orders))
        assert shown == measured(structure(layout.mesh), sample, limits)


def test_an_order_stands_as_long_as_the_targets_do() -> None:
    (layout, *_) = layouts()
    sample = sample_of(layout.sent, "prometheus")
    orders = Orders()
    before = orders.sides(sample.called, sample.served)
    again = orders.sides(dict(sample.called), dict(sample.served))
    assert [side.order for side in before] == [side.order for side in again]
    fewer = dict([*sample.called.items()][1:])
    changed, same = orders.sides(fewer, sample.served)
    assert changed.order is not before[0].order
    assert same.order is before[1].order
    assert changed.counted({t.service for t in fewer}) == [*fewer.items()]
    assert Order(()).places([t.service for t in fewer]) == []
