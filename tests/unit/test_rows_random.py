"""Whatever the labels and the rules: the sum of the rows is what the callers counted."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from meshtui.mesh.model import Mesh
from meshtui.mesh.versions import pods_counted
from meshtui.mesh.view import ServiceView, service_views
from tests.unit.layouts import SOURCES, Load, Sent, mesh_of, rule, sample_of, to
from tests.unit.objects import Obj, service

LABELS = ("version", "app.kubernetes.io/version", "role", "track")
VALUES = ("v1", "v2", "latest", "stable")
HOSTS = ("reviews", "reviews-other")
OTHER = service("reviews-other", role="stable")

labels = st.dictionaries(st.sampled_from(LABELS), st.sampled_from(VALUES), max_size=3)
loads = st.builds(
    Load,
    name=st.sampled_from(("reviews", "reviews-v1", "reviews-v2", "shop")),
    labels=labels,
    pods=st.integers(0, 3),
    template=st.sampled_from(("aaaa", "bbbb")),
    ready=st.booleans(),
)
subsets = st.builds(
    lambda name, chosen: {"name": name, "labels": chosen},
    st.sampled_from(("v1", "v2", "stable")),
    labels,
)
weights = st.integers(0, 100)
destinations = st.builds(
    to, st.sampled_from(HOSTS), st.sampled_from(("", "v1", "v2", "stable", "nowhere")), weights
)
ANSWERS = (
    ("200", "-"),
    ("503", "-"),
    ("503", "UF"),
    ("503", "UO"),
    ("503", "UH"),
    ("404", "NR"),
    ("0", "DC"),
    ("403", "UAEX"),
)


@st.composite
def layouts(draw: st.DrawFn) -> tuple[Mesh, list[Sent]]:
    """Workloads, subsets and a rule, and requests to any of the workloads or to none."""
    found = draw(st.lists(loads, max_size=4, unique_by=lambda load: (load.name, load.template)))
    rules: list[Obj] = draw(
        st.lists(
            st.lists(subsets, min_size=1, max_size=3).map(lambda some: rule("reviews", *some)),
            max_size=1,
        )
    )
    routes = draw(st.lists(destinations, max_size=3))
    mesh = mesh_of(found, routes, rules, [OTHER])
    sent = []
    for load in (*found, None):
        for code, flags in draw(st.lists(st.sampled_from(ANSWERS), max_size=3, unique=True)):
            failed = flags == "UF"
            host = draw(st.sampled_from(HOSTS)) if routes else "reviews"
            count = draw(st.integers(1, 1000))
            sent.append(Sent(load, count, service=host, code=code, flags=flags, failed=failed))
    return mesh, sent


@settings(max_examples=150, deadline=None)
@given(layouts())
def test_the_sum_of_the_rows_is_the_callers_count(layout: tuple[Mesh, list[Sent]]) -> None:
    mesh, sent = layout
    for source in SOURCES:
        view = seen(mesh, sent, source)
        assert view.caller is not None
        rows = sum(row.caller.requests for row in view.versions if row.caller)
        assert rows == view.caller.requests
        asked = {str(row.owner) for row in view.versions if row.owner} | {"reviews.default"}
        mine = [one for one in sent if f"{one.service}.{one.namespace}" in asked]
        assert rows == sum(one.count for one in mine)


@settings(max_examples=100, deadline=None)
@given(layouts())
def test_shares_are_parts_of_one_whole(layout: tuple[Mesh, list[Sent]]) -> None:
    mesh, sent = layout
    shares = [row.share for row in seen(mesh, sent, "sidecars").versions if row.share is not None]
    assert not shares or abs(sum(shares) - 1) < 1e-6
    assert all(0 <= share <= 1 for share in shares)


@settings(max_examples=100, deadline=None)
@given(layouts())
def test_no_pod_is_counted_twice_and_a_row_that_is_not_known_says_why(
    layout: tuple[Mesh, list[Sent]],
) -> None:
    mesh, sent = layout
    view = seen(mesh, sent, "sidecars")
    members = {(pod.namespace, pod.name) for row in view.versions for pod in row.members}
    assert pods_counted(view.versions)[1] == len(members)
    for row in view.versions:
        if row.caller is None:
            assert row.unknown_because


@settings(max_examples=60, deadline=None)
@given(layouts())
def test_either_source_makes_the_same_rows(layout: tuple[Mesh, list[Sent]]) -> None:
    mesh, sent = layout
    by_sidecars, by_prometheus = (seen(mesh, sent, source) for source in SOURCES)
    assert [replace(row, members=()) for row in by_sidecars.versions] == [
        replace(row, members=()) for row in by_prometheus.versions
    ]


def seen(mesh: Mesh, sent: list[Sent], source: str) -> ServiceView:
    views = service_views(mesh, sample_of(sent, source))
    return next(view for view in views if str(view.key) == "reviews.default")
