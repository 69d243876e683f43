"""The mesh's settings: from meshConfig, the injector's values and the proxies' arguments."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.kube.resources import CONFIG_MAPS, PODS
from meshtui.kube.trim import trim
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.settings import MeshSettings

Obj = dict[str, Any]


def config_map(name: str = "istio", revision: str = "default", **data: str) -> Obj:
    meta = {"name": name, "namespace": "mesh-root", "labels": {"istio.io/rev": revision}}
    return dict(trim(CONFIG_MAPS, {"metadata": meta, "data": {"other": "x" * 9, **data}}))


def proxy(domain: str) -> Obj:
    proxy = {"name": "istio-proxy", "args": ["proxy", "sidecar", "--domain", domain, "--log", "x"]}
    raw = {"metadata": {"name": "p", "namespace": "a"}, "spec": {"initContainers": [proxy]}}
    return dict(trim(PODS, raw))


def settings(*config_maps: Obj, pods: tuple[Obj, ...] = ()) -> MeshSettings:
    return parse_mesh({"configmaps": config_maps, "pods": pods}).settings


def test_mesh_config_is_read() -> None:
    text = """
rootNamespace: roots
defaultServiceExportTo: ["."]
defaultHttpRetryPolicy: {}
connectTimeout: 3s
outboundTrafficPolicy: {mode: REGISTRY_ONLY}
"""
    found = settings(config_map(mesh=text))
    assert (found.root_namespace, found.connect_timeout) == ("roots", "3s")
    assert (found.service_exports, found.virtual_service_exports) == ((".",), ("*",))
    assert (found.retries, found.outbound, found.known) == ({}, "REGISTRY_ONLY", True)


def test_the_control_planes_namespace_is_the_root_where_nothing_else_is_said() -> None:
    assert settings(config_map(mesh="{}")).root_namespace == "mesh-root"


def test_the_default_revision_comes_before_another() -> None:
    other = config_map("istio-a", "a", mesh="rootNamespace: other")
    default = config_map("istio", "default", mesh="rootNamespace: main")
    assert settings(other, default).root_namespace == "main"
    assert settings(other).root_namespace == "other"


def test_the_domain_is_the_one_that_sidecars_are_injected_with() -> None:
    injector = config_map(
        "istio-sidecar-injector", values='{"global":{"proxy":{"clusterDomain":"prod.example"}}}'
    )
    found = settings(config_map(mesh="{}"), injector, pods=(proxy("$(NS).svc.old.example"),))
    assert found.domain == "prod.example"


def test_else_the_one_that_a_proxy_was_started_with() -> None:
    assert settings(pods=(proxy("$(POD_NAMESPACE).svc.old.example"),)).domain == "old.example"


def test_without_a_mesh_config_the_defaults_are_not_known() -> None:
    assert settings() == MeshSettings(known=False)


@pytest.mark.parametrize(
    "text", ["[", "a: b: c", "- x", "\x00", "&a [*a]", "!!python/object:os.x {}"]
)
def test_what_is_no_mesh_config_is_not_known(text: str) -> None:
    assert not settings(config_map(mesh=text)).known


def test_what_is_no_injectors_values_says_nothing() -> None:
    assert settings(config_map(mesh="{}", values="[[[")).domain == "cluster.local"


def test_names_are_completed_with_the_domain_of_the_mesh() -> None:
    service = {"metadata": {"name": "reviews", "namespace": "shop"}, "spec": {}}
    rule = {"metadata": {"name": "r", "namespace": "shop"}, "spec": {"host": "reviews"}}
    mesh = parse_mesh(
        {"services": [service], "destinationrules": [rule]},
        settings=MeshSettings(domain="prod.example"),
    )
    assert mesh.services[0].host == "reviews.shop.svc.prod.example"
    assert mesh.destination_rules[0].host == "reviews.shop.svc.prod.example"
