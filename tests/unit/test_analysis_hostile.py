"""Objects of any shape: analysis never raises, and says the same thing twice."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from meshtui.diagnosis.analysis import analyze
from meshtui.mesh.exposure import doors_to
from meshtui.mesh.model import Mesh
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.ratelimits import rate_limits
from tests.unit.objects import destination_rule, pod, service
from tests.unit.strategies import virtual_services

FIELDS = """
hosts gateways http tcp tls match route destination host subset port number weight mirror
mirrors percentage value fault delay abort fixedDelay httpStatus retries attempts retryOn
perTryTimeout timeout delegate name namespace uri exact prefix regex headers withoutHeaders
queryParams method sourceLabels exportTo selector servers protocol mode httpsRedirect subsets
labels trafficPolicy connectionPool outlierDetection loadBalancer simple portLevelSettings
maxEjectionPercent workloadSelector configPatches applyTo context patch typed_config @type
type_url token_bucket max_tokens fill_interval descriptors rate_limits filter_enabled
default_value socket_address load_assignment corsPolicy targetRefs ports containers
"""
KEYS = FIELDS.split()
WORDS = (
    "",
    "*",
    "*.default.svc.cluster.local",
    "reviews",
    "reviews.default.svc.cluster.local",
    "a.b",
    "./x",
    "mesh",
    "v1",
    ".",
    "~",
    "/",
    "5xx",
    "3s",
    "GET|",
    "(",
    "CLUSTER",
    "outbound|1||h",
    "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
    "type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimit",
)
_leaf = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(WORDS),
    st.text(max_size=4),
)
_json = st.recursive(
    _leaf,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    ),
    max_leaves=25,
)
_spec = st.dictionaries(st.sampled_from(KEYS), _json, max_size=6)
_meta = st.fixed_dictionaries(
    {"name": st.sampled_from(["reviews", "b"])},
    optional={
        "namespace": st.sampled_from(["default", "istio-system"]),
        "labels": _json,
        "annotations": _json,
        "creationTimestamp": _leaf,
        "ownerReferences": _json,
    },
)
_object = st.fixed_dictionaries({"metadata": _meta, "spec": st.one_of(_spec, _json)})
_objects = st.dictionaries(
    st.sampled_from(
        [
            "services",
            "pods",
            "virtualservices",
            "destinationrules",
            "gateways",
            "envoyfilters",
            "serviceentries",
        ]
    ),
    st.lists(_object, max_size=3),
)


def everything(mesh: Mesh) -> Any:
    return analyze(mesh, hints=True), [doors_to(mesh, s) for s in mesh.services], rate_limits(mesh)


@given(_objects)
def test_objects_of_any_shape(objects: dict[str, list[Any]]) -> None:
    mesh = parse_mesh(objects)
    assert everything(mesh) == everything(mesh)


@given(st.lists(virtual_services(), min_size=1, max_size=2), st.lists(_object, max_size=2))
def test_rules_of_any_kind(rules: list[dict[str, Any]], others: list[dict[str, Any]]) -> None:
    mesh = parse_mesh(
        {
            "services": [service("reviews")],
            "pods": [pod("reviews", "v1")],
            "virtualservices": [*rules, *others],
            "destinationrules": [destination_rule("reviews", ["v1", "v2"]), *others],
            "gateways": others,
            "envoyfilters": others,
        }
    )
    found, *_ = everything(mesh)
    for finding in found:
        assert finding.effect.endswith(".")
        assert finding.advice.endswith(".")
        assert finding.field.startswith("spec.")
