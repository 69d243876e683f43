"""Whatever the labels and the rules: the sum of the rows is what the callers counted."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from meshtui.mesh.courses import counted_under
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.versions import pods_counted
from tests.unit.layouts import (
    DEPLOYMENT,
    MACHINE,
    POD,
    ROLLOUT,
    SOURCES,
    STATEFUL_SET,
    Load,
    Sent,
    headless,
    mesh_of,
    rule,
    seen,
    to,
)
from tests.unit.objects import Obj, service

LABELS = (
    "version",
    "app.kubernetes.io/version",
    "service.istio.io/canonical-revision",
    "role",
    "track",
)
VALUES = ("v1", "v2", "latest", "stable", "2024-06", "unknown", "Blue_7")
HASHES = ("aaaa", "bbbb")
TEMPLATES = tuple(
    {name: value}
    for name in ("pod-template-hash", "rollouts-pod-template-hash")
    for value in HASHES
)
OTHERS = ("reviews-other", "shop")
HOSTS = ("reviews", *OTHERS)
ENTRY = "partner.example.com"
SUBSETS = ("v1", "v2", "stable", "1-9")

labels = st.dictionaries(st.sampled_from(LABELS), st.sampled_from(VALUES), max_size=3)
loads = st.builds(
    Load,
    name=st.sampled_from(("reviews", "reviews-v1", "reviews-v2", "shop", "unknown", "a-0")),
    labels=labels,
    pods=st.integers(0, 3),
    template=st.sampled_from(HASHES),
    ready=st.booleans(),
    kind=st.sampled_from((DEPLOYMENT, DEPLOYMENT, ROLLOUT, STATEFUL_SET, POD, MACHINE)),
)
selected = st.one_of(labels, st.sampled_from(TEMPLATES), st.just({"app": "reviews"}))
subsets = st.builds(
    lambda name, chosen: {"name": name, "labels": chosen}, st.sampled_from(SUBSETS), selected
)
rules = st.builds(
    lambda host, some, namespace: rule(host, *some, namespace=namespace),
    st.sampled_from(HOSTS).map(lambda host: f"{host}.default.svc.cluster.local"),
    st.lists(subsets, min_size=1, max_size=3),
    st.sampled_from(("default", "default", "istio-system", "elsewhere")),
)
weights = st.integers(0, 100)
destinations = st.one_of(
    st.builds(to, st.sampled_from(HOSTS), st.sampled_from(("", *SUBSETS, "nowhere")), weights),
    st.builds(to, st.just(ENTRY), st.just(""), weights),
)
mirrors = st.builds(
    lambda one, part: {"destination": one["destination"], "percentage": {"value": part}},
    destinations,
    weights,
)
matched = st.builds(
    lambda routes: {"match": [{"headers": {"x": {"exact": "a"}}}], "route": routes},
    st.lists(destinations, min_size=1, max_size=2),
)
services = st.lists(
    st.builds(
        lambda name, chosen, hidden: (headless if hidden else dict)(
            service(name, **{"app": "reviews", **chosen})
        ),
        st.sampled_from(OTHERS),
        selected,
        st.booleans(),
    ),
    max_size=2,
    unique_by=lambda one: str(one["metadata"]["name"]),
)
PARTNER: Obj = {
    "metadata": {"name": "partner", "namespace": "default"},
    "spec": {
        "hosts": [ENTRY],
        "ports": [{"name": "http", "number": 9080, "protocol": "HTTP"}],
        "resolution": "DNS",
    },
}
ANSWERS = (
    ("200", "-"),
    ("200", "DC"),
    ("503", "-"),
    ("503", "UF"),
    ("503", "UF,URX"),
    ("503", "UO"),
    ("503", "UH"),
    ("503", "NC"),
    ("504", "UT"),
    ("404", "NR"),
    ("0", "DC"),
    ("403", "UAEX"),
)


@st.composite
def layouts(draw: st.DrawFn) -> tuple[Mesh, list[Sent]]:
    """Workloads, Services of them, subsets and rules, and requests to any of the workloads or to
    none."""
    found = draw(st.lists(loads, max_size=4, unique_by=lambda load: (load.name, load.template)))
    own = service("reviews")
    routes = draw(st.lists(destinations, max_size=3))
    mesh = mesh_of(
        found,
        routes,
        draw(st.lists(rules, max_size=2)),
        draw(services),
        [PARTNER],
        headless(own) if draw(st.booleans()) else own,
        draw(st.lists(matched, max_size=1)),
        draw(st.lists(mirrors, max_size=1)),
    )
    sent = []
    for load in (*found, None):
        for code, flags in draw(st.lists(st.sampled_from(ANSWERS), max_size=3, unique=True)):
            failed = "UF" in flags
            # What is asked for by ENTRY's own name and has no cluster came by no rule of ours.
            hosts = HOSTS if flags == "NC" else (*HOSTS, ENTRY)
            host = draw(st.sampled_from(hosts)) if routes else "reviews"
            count = draw(st.integers(1, 1000))
            untold = draw(st.integers(0, 9)) == 0
            sent.append(
                Sent(load, count, host, code=code, flags=flags, failed=failed, untold=untold)
            )
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
        asked = set(counted_under(view))
        mine = [one for one in sent if ServiceKey(one.namespace, one.service) in asked]
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
