"""The name that a row shows is the name that the verbs take."""

from __future__ import annotations

import pytest

from meshtui.changes.change import Target
from meshtui.changes.locate import label_of, locate, resolve_version
from meshtui.mesh.view import service_views
from tests.unit.layouts import sample_of
from tests.unit.test_rows import Layout, layouts

NAMED = [layout for layout in layouts() if layout.mesh.virtual_services]


@pytest.mark.parametrize("layout", NAMED, ids=lambda layout: layout.name)
def test_a_weighted_rows_name_is_a_destination_of_the_rule(layout: Layout) -> None:
    view = next(
        found
        for found in service_views(layout.mesh, sample_of(layout.sent, "sidecars"))
        if found.key.name == "reviews"
    )
    located = locate(layout.mesh, Target(view.key))
    places = {(d.host, d.subset) for d in located.rule.destinations}
    rows = [row for row in view.versions if row.percent]
    assert rows or len(places) == 1
    for row in rows:
        if len(places) == 1 and not row.subset:
            continue
        for name in (row.label, label_of(located, row.host, row.subset)):
            found = resolve_version(located, name)
            assert (found.host, found.subset) == (row.host, row.subset)
