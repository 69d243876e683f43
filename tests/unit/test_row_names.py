"""The name that a row shows is the name that the verbs take."""

from __future__ import annotations

import pytest

from meshtui.changes.change import Target
from meshtui.changes.locate import label_of, locate, resolve_version
from meshtui.mesh.row_pods import (
    pods_behind,
    pods_by_row,
    row_names,
    services_behind,
    usual_rule,
)
from meshtui.mesh.versions import version_rows
from meshtui.mesh.view import service_views
from tests.unit.layouts import Layout, sample_of
from tests.unit.test_rows import layouts

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


@pytest.mark.parametrize("layout", layouts(), ids=lambda layout: layout.name)
def test_the_pods_of_a_row_are_found_by_its_name(layout: Layout) -> None:
    mesh = layout.mesh
    service = next(one for one in mesh.services if str(one.key) == "reviews.default")
    rule = usual_rule(mesh, service)
    rows = [row for row in version_rows(mesh, service, rule) if row.members]
    assert row_names(mesh, service, rule) == tuple(row.label for row in rows)
    for row in rows:
        found = pods_by_row(mesh, service, rule, row.label)
        assert {pod.name for pod in found} == {pod.name for pod in row.members}
    every = pods_by_row(mesh, service, rule)
    assert [pod.name for pod in every] == [pod.name for pod in pods_behind(mesh, service)]
    labels = {row.label for row in rows} | {row.version for row in rows}
    assert all(pod.version in labels for pod in every)
    behind = {one.key for one in services_behind(mesh, service, rule)}
    assert {row.owner for row in rows if row.owner in {s.key for s in mesh.services}} <= behind
    assert pods_by_row(mesh, service, rule, "nobody") == ()


def test_rows_of_one_version_label_are_told_apart_by_their_subsets() -> None:
    layout = next(one for one in layouts() if one.name == "two subsets by role share a workload")
    mesh = layout.mesh
    service = next(one for one in mesh.services if str(one.key) == "reviews.default")
    names = {pod.version for pod in pods_by_row(mesh, service, usual_rule(mesh, service))}
    assert names == {"stable", "canary"}
