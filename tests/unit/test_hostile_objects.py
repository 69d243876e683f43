"""Any field of any object may be anything: one bad object never stops the rest."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshtui.changes.checks import owners
from meshtui.diagnosis.analysis import analyze
from meshtui.kube.resources import (
    API_GATEWAYS,
    AUTHORIZATION_POLICIES,
    BACKEND_TLS_POLICIES,
    CONFIG_MAPS,
    DEPLOYMENTS,
    DESTINATION_RULES,
    ENVOY_FILTERS,
    GATEWAYS,
    GRPC_ROUTES,
    HTTP_ROUTES,
    LISTENER_SETS,
    MESH_RESOURCES,
    NAMESPACES,
    PEER_AUTHENTICATIONS,
    PODS,
    REFERENCE_GRANTS,
    REQUEST_AUTHENTICATIONS,
    SERVICE_ENTRIES,
    SERVICES,
    SIDECARS,
    TCP_ROUTES,
    TELEMETRIES,
    TLS_ROUTES,
    VIRTUAL_SERVICES,
    WORKLOAD_ENTRIES,
    Resource,
)
from meshtui.kube.snapshot import in_order, place
from meshtui.kube.trim import trim
from meshtui.mesh.model import Mesh
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.view import structure
from tests.unit import objects as samples

Obj = dict[str, Any]
ANYTHING: tuple[Any, ...] = (
    None,
    True,
    -1,
    1.5,
    10**30,
    "",
    "text",
    [],
    {},
    [None],
    [{}],
    [[]],
    ["x"],
    {"x": None},
    {"x": {"y": 1}},
)
METADATA = {
    "generation": 1,
    "creationTimestamp": "2026-11-27T00:00:00Z",
    "deletionTimestamp": "2026-11-27T00:00:00Z",
    "labels": {"app": "reviews"},
    "annotations": {"networking.istio.io/exportTo": "."},
    "finalizers": ["x"],
    "ownerReferences": [{"kind": "ReplicaSet", "name": "reviews-v1-5f6d", "controller": True}],
    "managedFields": [{"manager": "kubectl", "operation": "Update", "time": "t", "fieldsV1": {}}],
}
HTTP = {
    "name": "main",
    "match": [{"uri": {"prefix": "/a"}, "headers": {"x": {"exact": "y"}}, "port": 9080}],
    "route": [{**samples.route("v1", 90), "headers": {"request": {"set": {"a": "b"}}}}],
    "mirror": {"host": "reviews", "subset": "v2"},
    "mirrorPercentage": {"value": 10},
    "fault": {
        "delay": {"fixedDelay": "1s", "percentage": {"value": 5}},
        "abort": {"httpStatus": 503, "percentage": {"value": 5}},
    },
    "timeout": "10s",
    "retries": {"attempts": 3, "perTryTimeout": "1s", "retryOn": "5xx"},
    "rewrite": {"uri": "/b"},
}
TCP = {"match": [{"port": 1, "sniHosts": ["a"]}], "route": [samples.route("v1", 100)]}
POLICY = {
    "connectionPool": {"tcp": {"maxConnections": 1}, "http": {"http1MaxPendingRequests": 1}},
    "outlierDetection": {"consecutive5xxErrors": 5, "baseEjectionTime": "30s"},
    "loadBalancer": {"simple": "ROUND_ROBIN"},
}
SERVER = {
    "port": {"number": 80, "name": "http", "protocol": "HTTP"},
    "hosts": ["*"],
    "tls": {"mode": "SIMPLE", "credentialName": "c"},
}
PATCH = {
    "applyTo": "HTTP_FILTER",
    "match": {"context": "SIDECAR_INBOUND"},
    "patch": {"operation": "MERGE", "value": {"name": "x", "typed_config": {"a": [1]}}},
}
LISTENER: Obj = {
    "name": "http",
    "port": 80,
    "protocol": "HTTP",
    "hostname": "*.a",
    "tls": {"mode": "Terminate", "options": {"gateway.istio.io/tls-terminate-mode": "MUTUAL"}},
    "allowedRoutes": {
        "namespaces": {
            "from": "Selector",
            "selector": {
                "matchLabels": {"kubernetes.io/metadata.name": "default"},
                "matchExpressions": [
                    {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["default"]}
                ],
            },
        },
        "kinds": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"}],
    },
}

SPECS: dict[Resource, Obj] = {
    SERVICES: samples.service("reviews")["spec"],
    PODS: {
        "nodeName": "n",
        "containers": [{"name": "istio-proxy", "ports": [{"name": "http", "containerPort": 1}]}],
        "initContainers": [{"name": "i", "restartPolicy": "Always", "args": ["--domain", "x"]}],
    },
    DEPLOYMENTS: {
        "replicas": 1,
        "selector": {"matchLabels": {"app": "reviews"}},
        "template": {"metadata": {"labels": {"app": "reviews"}}},
    },
    VIRTUAL_SERVICES: {
        "hosts": ["reviews"],
        "gateways": ["mesh"],
        "exportTo": ["."],
        "http": [HTTP],
        "tcp": [TCP],
        "tls": [TCP],
    },
    DESTINATION_RULES: {
        "host": "reviews",
        "exportTo": ["*"],
        "trafficPolicy": {**POLICY, "portLevelSettings": [{"port": {"number": 80}, **POLICY}]},
        "subsets": [{"name": "v1", "labels": {"version": "v1"}, "trafficPolicy": POLICY}],
        "workloadSelector": {"matchLabels": {"app": "x"}},
    },
    GATEWAYS: {"selector": {"istio": "ingressgateway"}, "servers": [SERVER]},
    AUTHORIZATION_POLICIES: {
        "action": "DENY",
        "selector": {"matchLabels": {"app": "reviews"}},
        "provider": {"name": "p"},
        "rules": [
            {
                "from": [{"source": {"principals": ["a"], "notNamespaces": ["b"]}}],
                "to": [{"operation": {"paths": ["/a*"], "ports": ["80"]}}],
                "when": [{"key": "source.serviceAccount", "values": ["x"], "notValues": ["y"]}],
            }
        ],
    },
    REQUEST_AUTHENTICATIONS: {
        "selector": {"matchLabels": {"app": "reviews"}},
        "jwtRules": [{"issuer": "me"}],
    },
    TELEMETRIES: {
        "selector": {"matchLabels": {"app": "reviews"}},
        "accessLogging": [
            {"providers": [{"name": "envoy"}], "disabled": True, "filter": {"expression": "x"}}
        ],
    },
    ENVOY_FILTERS: {
        "workloadSelector": {"labels": {"app": "reviews"}},
        "priority": 1,
        "configPatches": [PATCH],
    },
    SERVICE_ENTRIES: {
        "hosts": ["example.com"],
        "addresses": ["10.0.0.0/8"],
        "location": "MESH_EXTERNAL",
        "resolution": "STATIC",
        "ports": [{"number": 80, "name": "http", "protocol": "HTTP", "targetPort": 81}],
        "endpoints": [{"address": "1.2.3.4", "ports": {"http": 1}, "labels": {"a": "b"}}],
        "workloadSelector": {"labels": {"app": "x"}},
        "exportTo": ["."],
    },
    WORKLOAD_ENTRIES: {
        "address": "1.2.3.4",
        "ports": {"http": 1},
        "labels": {"app": "x"},
        "weight": 1,
        "network": "n",
        "locality": "a/b",
        "serviceAccount": "s",
    },
    SIDECARS: {
        "workloadSelector": {"labels": {"app": "x"}},
        "egress": [{"hosts": ["./*"], "port": {"number": 1, "protocol": "HTTP", "name": "x"}}],
        "ingress": [{"port": {"number": 1, "protocol": "HTTP", "name": "x"}, "bind": "b"}],
        "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
    },
    HTTP_ROUTES: {
        "parentRefs": [
            {"group": "", "kind": "Service", "name": "reviews", "port": 9080},
            {"name": "reviews", "namespace": "default", "sectionName": "http", "port": 80},
        ],
        "hostnames": ["a"],
        "rules": [
            {
                "name": "a",
                "matches": [
                    {
                        "path": {"type": "PathPrefix", "value": "/a"},
                        "headers": [{"type": "Exact", "name": "a", "value": "b"}],
                        "queryParams": [{"name": "a", "value": "b"}],
                        "method": "GET",
                    }
                ],
                "filters": [
                    {
                        "type": "RequestMirror",
                        "requestMirror": {
                            "backendRef": {"name": "ratings", "port": 9080},
                            "fraction": {"numerator": 1, "denominator": 4},
                        },
                    }
                ],
                "timeouts": {"request": "1s", "backendRequest": "1s"},
                "retry": {"attempts": 1, "codes": [503]},
                "backendRefs": [{"name": "reviews", "namespace": "a", "port": 1, "weight": 1}],
            }
        ],
    },
    **{
        kind: {
            "parentRefs": [{"group": "", "kind": "Service", "name": "reviews"}],
            "rules": [{"backendRefs": [{"name": "reviews", "port": 1, "weight": 1}]}],
        }
        for kind in (GRPC_ROUTES, TLS_ROUTES, TCP_ROUTES)
    },
    API_GATEWAYS: {
        "gatewayClassName": "istio",
        "listeners": [LISTENER],
        "addresses": [{"type": "Hostname", "value": "ratings"}],
        "allowedListeners": {
            "namespaces": {"from": "Selector", "selector": {"matchLabels": {"a": "b"}}}
        },
    },
    LISTENER_SETS: {
        "parentRef": {"name": "reviews", "namespace": "default"},
        "listeners": [LISTENER],
    },
    REFERENCE_GRANTS: {
        "from": [
            {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "default"}
        ],
        "to": [{"group": "", "kind": "Service", "name": "reviews"}],
    },
    BACKEND_TLS_POLICIES: {
        "targetRefs": [{"group": "", "kind": "Service", "name": "reviews", "sectionName": "http"}],
        "validation": {
            "hostname": "reviews.test",
            "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "ca"}],
            "subjectAltNames": [{"type": "Hostname", "hostname": "reviews.test"}],
        },
    },
    PEER_AUTHENTICATIONS: {
        "selector": {"matchLabels": {"app": "reviews"}},
        "mtls": {"mode": "STRICT"},
        "portLevelMtls": {"9080": {"mode": "DISABLE"}},
    },
}
STATUS = {
    "phase": "Running",
    "podIP": "10.0.0.1",
    "podIPs": [{"ip": "10.0.0.1"}],
    "reason": "x",
    "conditions": [{"type": "Ready", "status": "True", "reason": "x"}],
    "containerStatuses": [
        {"name": "istio-proxy", "ready": True, "restartCount": 1, "state": {"waiting": {}}}
    ],
    "initContainerStatuses": [{"name": "i", "ready": True, "restartCount": 1}],
}
MESH_CONFIG = {"data": {"mesh": "rootNamespace: istio-system\n", "values": '{"a": 1}'}}


def sample(resource: Resource, name: str = "reviews") -> Obj:
    meta = {**samples.meta(name), **METADATA}
    if resource is NAMESPACES:
        return {"metadata": {**meta, "labels": {"istio.io/dataplane-mode": "ambient"}}}
    if resource is CONFIG_MAPS:
        return {"metadata": {**meta, "name": "istio", "namespace": "istio-system"}, **MESH_CONFIG}
    raw: Obj = {"metadata": meta, "spec": copy.deepcopy(SPECS[resource])}
    return {**raw, "status": copy.deepcopy(STATUS)} if resource in (PODS, DEPLOYMENTS) else raw


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    for key, item in inner:
        yield from places(item, (*path, key))


def replaced(raw: Obj, path: tuple[Any, ...], value: Any) -> Obj:
    changed = copy.deepcopy(raw)
    inner: Any = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = copy.deepcopy(value)
    return changed


GOOD: dict[str, list[Obj]] = {
    "services": [samples.service("ratings")],
    "pods": [samples.pod("ratings", "v1")],
    "virtualservices": [samples.virtual_service("ratings", {"route": [samples.route("v1")]})],
    "destinationrules": [samples.destination_rule("ratings", ("v1",))],
}


def read_all(resource: Resource, raw: Any) -> Mesh:
    """As a list gives it: trimmed, ordered, parsed, judged; with a good object of each kind."""
    listed = {plural: list(raws) for plural, raws in GOOD.items()}
    listed.setdefault(resource.key, []).append(raw)
    kinds = {kind.key: kind for kind in MESH_RESOURCES}
    items = {
        plural: in_order([trim(kinds[plural], one) for one in raws])
        for plural, raws in listed.items()
    }
    for raws in items.values():
        for one in raws:
            assert all(isinstance(part, str) for part in place(one))
            owners(one)
    return parse_mesh(items)


def holds_the_good(mesh: Mesh) -> bool:
    found = (mesh.services, mesh.pods, mesh.virtual_services, mesh.destination_rules)
    return all(any("ratings" in repr(item) for item in items) for items in found)


def by_plural(resource: Resource) -> str:
    return resource.key


def failures(
    resource: Resource, values: tuple[Any, ...], use: Callable[[Mesh], object]
) -> list[str]:
    """Where a value of another type in one place stops everything else."""
    raw, found = sample(resource), []
    for path in places(raw):
        for value in values:
            try:
                mesh = read_all(resource, replaced(raw, path, value))
                use(mesh)
            except Exception as error:  # noqa: BLE001
                found.append(f"{path} = {value!r}: {error!r}")
            else:
                if not holds_the_good(mesh):
                    found.append(f"{path} = {value!r}: the others are gone")
    return found


@pytest.mark.parametrize("resource", MESH_RESOURCES, ids=by_plural)
def test_each_field_may_be_of_any_type(resource: Resource) -> None:
    assert holds_the_good(read_all(resource, sample(resource)))
    assert failures(resource, ANYTHING, structure) == []


@pytest.mark.parametrize("resource", MESH_RESOURCES, ids=by_plural)
def test_the_analysis_reads_whatever_parses(resource: Resource) -> None:
    assert failures(resource, (None, 7, "text", [], {}, [{}]), analyze) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "namespace", "labels", "http", "route", "host", "subsets", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(MESH_RESOURCES), st.dictionaries(st.sampled_from(
    ["metadata", "spec", "status", "data", "kind", "apiVersion"]), JSON))  # fmt: skip
def test_an_object_may_be_anything(resource: Resource, raw: Obj) -> None:
    mesh = read_all(resource, json.loads(json.dumps(raw)))
    structure(mesh)
    assert holds_the_good(mesh)
