"""Whatever the layout and the telemetry: the rows add up to what the callers counted."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from meshtui.mesh.model import Mesh
from meshtui.mesh.view import service_views
from tests.unit.layouts import SOURCES, Load, Sent, mesh_of, rule, sample_of, to
from tests.unit.objects import Obj, service

LABELS = ("version", "app.kubernetes.io/version", "role")
NAMES = ("a", "b", "c")
EXTERNAL = "reviews.example.com"
CODES = (("200", "-"), ("503", "-"), ("503", "UF"), ("503", "URX,UF"), ("403", "-"))
UNREACHED = ("UH", "UO", "NR", "NC", "FI", "UH,URX")

labels = st.dictionaries(st.sampled_from(LABELS), st.sampled_from(NAMES), max_size=3)
loads = st.lists(
    st.builds(
        Load,
        name=st.sampled_from(("w1", "w2", "w3")),
        labels=labels,
        pods=st.integers(0, 2),
        app=st.sampled_from(("reviews", "reviews", "other")),
        template=st.sampled_from(("x1", "x2")),
        ready=st.booleans(),
    ),
    max_size=5,
    unique_by=lambda load: (load.name, load.template),
)
subsets = st.lists(
    st.builds(
        lambda name, wanted: {"name": name, "labels": wanted}, st.sampled_from(NAMES), labels
    ),
    max_size=3,
    unique_by=lambda subset: subset["name"],
)
targets = st.lists(
    st.builds(
        to,
        st.sampled_from(("reviews", "reviews", "other", EXTERNAL)),
        st.sampled_from(("", *NAMES)),
        st.integers(0, 100),
    ),
    max_size=4,
)
ENTRY: Obj = {
    "metadata": {"name": "ext", "namespace": "default"},
    "spec": {
        "hosts": [EXTERNAL],
        "ports": [{"name": "http", "number": 9080, "protocol": "HTTP"}],
        "resolution": "DNS",
    },
}


@st.composite
def meshes(draw: st.DrawFn) -> tuple[Mesh, list[Sent]]:
    """A mesh, and requests to pods that it has, had, or never had."""
    there = draw(loads)
    private = draw(st.sampled_from(("default", "elsewhere")))
    host = "reviews.default.svc.cluster.local"
    mesh = mesh_of(
        there,
        draw(targets),
        [rule(host, *draw(subsets), namespace=private)],
        [service("other")],
        [ENTRY],
    )
    sent = [_sent(draw, there) for _ in range(draw(st.integers(0, 6)))]
    return mesh, sent


def _sent(draw: st.DrawFn, there: list[Load]) -> Sent:
    gone = Load("gone", draw(labels))
    load = draw(st.sampled_from([*there, gone, None]))
    count = draw(st.integers(0, 50))
    asked = draw(st.sampled_from(("reviews", "reviews", "other", EXTERNAL)))
    if load is None:
        return Sent(None, count, asked, code="503", flags=draw(st.sampled_from(UNREACHED)))
    code, flags = draw(st.sampled_from(CODES))
    return Sent(load, count, asked, code=code, flags=flags, failed=flags != "-")


@settings(max_examples=150, deadline=None)
@given(meshes(), st.sampled_from(SOURCES))
def test_the_rows_add_up_to_the_callers_count(made: tuple[Mesh, list[Sent]], source: str) -> None:
    mesh, sent = made
    for view in service_views(mesh, sample_of(sent, source)):
        asked = {view.key.name, *(row.owner.name for row in view.versions if row.owner)}
        mine = [s for s in sent if s.service in asked]
        known = [row.caller for row in view.versions if row.caller]
        assert view.caller is not None
        assert sum(s.requests for s in known) == view.caller.requests == sum(s.count for s in mine)
        codes: Counter[str] = Counter()
        for signals in known:
            codes.update({code: round(n) for code, n in signals.codes.items()})
        assert +codes == +Counter({c: sum(s.count for s in mine if s.code == c) for c in codes})


@settings(max_examples=100, deadline=None)
@given(meshes(), st.sampled_from(SOURCES))
def test_shares_are_of_all_that_reached_a_pod(made: tuple[Mesh, list[Sent]], source: str) -> None:
    mesh, sent = made
    for view in service_views(mesh, sample_of(sent, source)):
        shares = [row.share for row in view.versions if row.share is not None]
        assert not shares or abs(sum(shares) - 1) < 1e-9


@settings(max_examples=100, deadline=None)
@given(meshes())
def test_every_pod_of_the_service_is_in_a_row(made: tuple[Mesh, list[Sent]]) -> None:
    mesh, _ = made
    for view in service_views(mesh, None):
        if view.key.name != "reviews":
            continue
        listed = Counter(pod.name for row in view.versions for pod in row.members)
        pods = {pod.name for pod in mesh.pods if pod.app == "reviews"}
        assert pods <= set(listed)
        loose = [row for row in view.versions if not row.subset and not row.named]
        assert all(listed[pod.name] == 1 for row in loose for pod in row.members)
