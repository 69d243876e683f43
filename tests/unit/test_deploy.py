"""`deploy/rbac.yaml` grants what the code asks for, and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from meshtui.kube.leases import LEASES
from meshtui.kube.resources import GRPC_ROUTES, HTTP_ROUTES, MESH_RESOURCES, SERVICES
from meshtui.operations.change.rights import QUESTIONS
from meshtui.operations.look.doctor import RIGHTS

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "rbac.yaml"
ROLES: dict[str, Any] = {
    role["metadata"]["name"]: role for role in yaml.safe_load_all(FILE.read_text())
}
SUBRESOURCES = {
    ("", "pods/log", "get"),
    ("", "pods/proxy", "get"),
    ("", "services/proxy", "get"),
    ("", "pods/portforward", "get"),
    ("", "pods/portforward", "create"),
}
ISTIO = "networking.istio.io"
Grant = tuple[str, str, str]


def grants(name: str) -> set[Grant]:
    return {
        (group, resource, verb)
        for rule in ROLES[name]["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_the_viewer_reads_each_kind_that_the_mesh_is_made_of() -> None:
    read = {
        (kind.group, kind.plural, verb)
        for kind in MESH_RESOURCES
        for verb in ("get", "list", "watch")
    }
    assert grants("meshtui-viewer") == read | SUBRESOURCES


def test_the_operator_writes_what_the_verbs_write() -> None:
    routing = {
        (ISTIO, plural, verb)
        for plural in ("virtualservices", "destinationrules")
        for verb in ("patch", "create", "delete")
    }
    leases = {(LEASES.group, LEASES.plural, verb) for verb in ("get", "list", "create", "patch")}
    routes = {(kind.group, kind.plural, "patch") for kind in (HTTP_ROUTES, GRPC_ROUTES)}
    adopted = {
        (kind.group, kind.plural, verb)
        for kind in (HTTP_ROUTES, SERVICES)
        for verb in ("create", "delete")
    }
    more = {("", "events", "create"), *routes, *adopted}
    assert grants("meshtui-operator-writes") == routing | leases | more
    asked = {(ISTIO, plural, verb) for _, verb, plural in QUESTIONS}
    assert asked <= routing


def test_the_operator_is_a_viewer_who_writes() -> None:
    (selector,) = ROLES["meshtui-operator"]["aggregationRule"]["clusterRoleSelectors"]
    chosen = {
        name
        for name, role in ROLES.items()
        if selector["matchLabels"].items() <= role["metadata"]["labels"].items()
    }
    assert chosen == {"meshtui-viewer", "meshtui-operator-writes"}


def test_the_doctor_asks_for_what_a_canary_needs_of_leases() -> None:
    asked = {verb for verb, resource, _ in RIGHTS if resource == LEASES.plural}
    assert asked == {
        verb for _, what, verb in grants("meshtui-operator-writes") if what == "leases"
    }


def test_the_doctor_asks_for_nothing_else() -> None:
    granted = {(what, verb) for name in ROLES for _, what, verb in grants(name)}
    for verb, resource, subresource in RIGHTS:
        assert ("/".join(filter(None, (resource, subresource))), verb) in granted


def test_each_rule_says_why() -> None:
    lines = FILE.read_text().splitlines()
    for number, line in enumerate(lines):
        if line.startswith("- apiGroups"):
            assert lines[number - 1].startswith("#"), f"line {number + 1}"


def test_every_subresource_that_is_asked_for_is_in_the_code() -> None:
    text = "".join(file.read_text() for file in (ROOT / "meshtui").rglob("*.py"))
    for _, resource, _ in SUBRESOURCES:
        assert resource in text or resource.partition("/")[2] in text
