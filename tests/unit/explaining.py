"""Meshes with something wrong in them, and what the signals of a version then look like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from meshtui.diagnosis.explain import Explanation, explanations
from meshtui.diagnosis.explain.scope import VersionScope, scope_of
from meshtui.diagnosis.explain.steps import steps_text
from meshtui.mesh.model import Mesh, ServiceKey
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import UNKNOWN, Sample, Signals, VersionKey
from meshtui.mesh.view import service_views
from meshtui.ui.actions.steps import by_key
from tests.unit.objects import Obj, destination_rule, pod, route, service, virtual_service

KEY = ServiceKey("default", "reviews")
CALLERS = frozenset({("default", "productpage-v1")})
CATCH_ALL: Obj = {"route": [route("v1")]}


def rules_of(*rules: Obj) -> Obj:
    return virtual_service("reviews", *rules)


def mesh_of(
    *rules: Obj,
    policy: Obj | None = None,
    subsets: Sequence[Obj] | None = None,
    pods: Sequence[Obj] | None = None,
    more: Mapping[str, Sequence[Obj]] | None = None,
    port: Obj | None = None,
) -> Mesh:
    """reviews v1 and v3 with these rules and policies, called by productpage."""
    wanted = destination_rule("reviews", ["v1", "v3"])
    wanted["spec"]["trafficPolicy"] = policy or {}
    if subsets is not None:
        wanted["spec"]["subsets"] = list(subsets)
    reviews = service("reviews")
    reviews["spec"]["ports"] = [port or {"name": "http", "port": 9080}]
    raw: dict[str, Any] = {
        "services": [reviews, service("productpage")],
        "pods": [*(pods or [pod("reviews", "v1"), pod("reviews", "v3")]), pod("productpage", "v1")],
        "virtualservices": [rules_of(*(rules or (CATCH_ALL,)))],
        "destinationrules": [wanted],
    }
    for kind, objects in (more or {}).items():
        raw.setdefault(kind, []).extend(objects)
    return parse_mesh(raw)


def signals(rps: float = 10.0, **counts: float) -> Signals:
    """Counts by code and flag (`c503=10`, `UO=10`, `g14=1`) in a window of ten seconds."""
    requests = rps * 10
    codes = {name[1:]: n for name, n in counts.items() if name[0] == "c" and name[1:].isdigit()}
    grpc = {name[1:]: n for name, n in counts.items() if name[0] == "g" and name[1:].isdigit()}
    flags = {name: n for name, n in counts.items() if name.isupper()}
    failed = sum(n for code, n in codes.items() if code[0] in "50")
    failed += sum(n for status, n in grpc.items() if status != "0")
    rest = requests - sum(codes.values())
    codes = {**codes, **({"200": rest} if rest > 0 else {})}
    return Signals(requests, rps, failed / requests, 10.0, 40.0, 90.0, codes, grpc, flags)


def scope(
    mesh: Mesh,
    version: str = UNKNOWN,
    caller: Signals | None = None,
    server: Signals | None = None,
    *,
    ends_s: float | None = None,
    clients: frozenset[tuple[str, str]] = CALLERS,
) -> VersionScope:
    place = VersionKey(KEY, version)
    seen, counted = caller or Signals(), server or Signals()
    totals = {KEY: seen}, {KEY: counted}
    sample = Sample(
        1.0, "test", 10.0, {place: seen}, {place: counted}, *totals, clients={KEY: clients}
    )
    view = next(view for view in service_views(mesh, sample) if view.key == KEY)
    row = next(row for row in view.versions if row.version == version)
    return scope_of(mesh, view, row, sample, ends_s=ends_s)


def told(found: VersionScope, code: str) -> Explanation:
    """The explanation of a flag or code."""
    return next(one for one in explanations([found]) if one.code == code)


def words(found: VersionScope, code: str) -> str:
    return " ".join(told(found, code).sentences)


def next_of(one: Explanation) -> str:
    """What to do about it, by the keys of the screen."""
    return steps_text(one.next, by_key)
