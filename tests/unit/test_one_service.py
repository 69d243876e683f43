"""What is read for one service, and that its rows are those of the whole mesh."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from meshtui.cli.documents.services import services_json
from meshtui.errors import NotAllowed, NotFound
from meshtui.kube.failures import Unauthenticated
from meshtui.kube.resources import PODS
from meshtui.kube.snapshot import read_objects
from meshtui.mesh.model import Mesh
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.signals import Sample
from meshtui.mesh.view import service_views
from meshtui.operations.change.verify import client_proxies
from meshtui.operations.look.trace import Question, by_objects, callers
from meshtui.operations.one_service import read_part, with_callers
from tests.recorded.cases import PLURALS, all_names, load
from tests.unit.objects import Obj

EVERY = 7
"""Of the recorded cases so many-th are read; all of them are in `test_pods_needed`."""


class Api:
    """In place of a cluster: lists of objects, by path, namespace, labels and limit."""

    def __init__(self, objects: Iterable[Obj]) -> None:
        self.objects = [one for one in objects if one["kind"] in PLURALS]
        self.discovered: dict[str, Any] = {}
        self.server = "https://test"
        self.namespace = "default"
        self.asked: list[tuple[str, str]] = []
        self.failures: dict[str, Exception] = {}

    async def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        decode: Callable[[bytes], Any] = json.loads,
    ) -> Any:
        params = params or {}
        self.asked.append((path, params.get("labelSelector", "")))
        if path in self.failures:
            raise self.failures[path]
        _, _, space = path.partition("/namespaces/")
        plural, namespace = path.rpartition("/")[2], space.partition("/")[0]
        found = [one for one in self._of(plural) if namespace in ("", one["metadata"]["namespace"])]
        found = [one for one in found if _has(one, params.get("labelSelector", ""))]
        return decode(json.dumps({"items": found[: int(params["limit"])]}).encode())

    def _of(self, plural: str) -> list[Obj]:
        whole = [one for one in self.objects if PLURALS[one["kind"]] == plural]
        if plural == "namespaces":
            names = sorted({_space(one) for one in self.objects})
            whole = [{"metadata": {"name": name, "namespace": ""}} for name in names]
        placed = [{**one, "metadata": {"namespace": "default", **one["metadata"]}} for one in whole]
        return sorted(placed, key=lambda o: (o["metadata"]["namespace"], o["metadata"]["name"]))

    @property
    def pods_read(self) -> list[tuple[str, str]]:
        return [asked for asked in self.asked if asked[0].endswith("/pods")]


def _space(obj: Obj) -> str:
    return str(obj["metadata"].get("namespace", "default"))


def _has(obj: Obj, selector: str) -> bool:
    labels = obj["metadata"].get("labels", {})
    pairs = [part.partition("=") for part in selector.split(",") if "=" in part]
    return ("," in selector and "=" not in selector) or all(labels.get(k) == v for k, _, v in pairs)


def api_of(name: str) -> Any:
    case = load(name)
    return Api((*case.base, *case.stored))


async def whole_of(api: Any) -> Mesh:
    raw = await read_objects(api)
    return parse_mesh(raw.items, istio=raw.istio, problems=raw.problems, partial=raw.partial)


def rows(mesh: Mesh, name: str, namespace: str) -> Any:
    own = [one for one in mesh.services if (one.key.name, one.key.namespace) == (name, namespace)]
    return services_json(0.0, None, service_views(mesh, None, of=own))


@pytest.mark.parametrize("name", all_names()[::EVERY])
async def test_a_part_of_the_mesh_shows_the_rows_of_all_of_it(name: str) -> None:
    api = api_of(name)
    mesh = await whole_of(api)
    for service in mesh.services:
        key = service.key
        part = await read_part(api, str(key), "default")
        if part is not None:
            assert rows(part.mesh, key.name, key.namespace) == rows(mesh, key.name, key.namespace)


async def test_of_other_namespaces_one_caller_is_read_and_the_gateways() -> None:
    api = api_of("dr-two-merge")
    containers = [{"name": "app"}, {"name": "istio-proxy"}]
    api.objects += [
        {
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "far"},
            "spec": {"containers": containers},
            "status": {"phase": "Running"},
        }
        for name in ("one", "two")
    ]
    part = await read_part(api, "rev", "or-a")
    assert part is not None
    assert [pod.name for pod in part.mesh.pods if pod.namespace == "far"] == ["one"]
    assert (PODS.path(), "") not in api.pods_read
    assert (PODS.path("or-a"), "app=rev") in api.pods_read
    assert (PODS.path(), "istio=ingressgateway") in api.pods_read


async def test_of_the_rules_those_are_there_that_may_concern_the_service_or_are_named() -> None:
    api = api_of("dr-two-merge")
    api.objects += [
        {
            "kind": "VirtualService",
            "metadata": {"name": name, "namespace": "far"},
            "spec": {"hosts": [f"{name}.far.svc.cluster.local"]},
        }
        for name in ("one", "two")
    ]
    found = []
    for named in ((), ("two",)):
        part = await read_part(api, "rev", "or-a", named=named)
        assert part is not None
        assert part.mesh.destination_rules
        found.append([rule.ref.name for rule in part.mesh.virtual_services])
    assert found == [["bookinfo", "rev"], ["bookinfo", "two", "rev"]]


@pytest.mark.parametrize("name", ["nowhere", "reviews.nowhere"])
async def test_of_what_is_no_service_all_is_read(name: str) -> None:
    assert await read_part(api_of("dr-two-merge"), name, "default") is None


async def test_where_callers_are_told_apart_all_is_read() -> None:
    assert await read_part(api_of("source-labels-first"), "rev.or-a", "default") is None


@pytest.mark.parametrize("path", ["/api/v1/namespaces", "/api/v1/namespaces/or-a/pods"])
async def test_what_may_not_be_read_is_left_to_the_reading_of_all(path: str) -> None:
    for error in (NotAllowed("no"), NotFound("no")):
        api = api_of("dr-two-merge")
        api.failures[path] = error
        assert await read_part(api, "rev", "or-a") is None


async def test_a_refused_login_is_no_reason_to_read_more() -> None:
    api = api_of("dr-two-merge")
    api.failures["/api/v1/namespaces"] = Unauthenticated("log in")
    with pytest.raises(Unauthenticated):
        await read_part(api, "rev", "or-a")


async def test_where_the_sidecars_are_asked_the_pods_are_not_read_twice() -> None:
    api = api_of("dr-two-merge")
    assert await read_part(api, "rev", "or-a", lambda mesh: bool(mesh.pods)) is None
    assert api.pods_read == []


def called_by(mesh: Mesh, *places: tuple[str, str]) -> Sample:
    """Every service by the workloads at these places."""
    clients = {service.key: frozenset(places) for service in mesh.services}
    return Sample(0.0, "prometheus", 15.0, clients=clients)


@pytest.mark.parametrize("name", all_names()[::EVERY])
async def test_the_proxies_asked_are_those_of_the_whole_mesh_and_are_to_do_the_same(
    name: str,
) -> None:
    api = api_of(name)
    mesh = await whole_of(api)
    places = sorted({(pod.namespace, pod.workload) for pod in mesh.pods if pod.workload})
    for service in mesh.services:
        question = Question(service)
        part = await read_part(api, str(service.key), "default")
        for place in places if part is not None else ():
            sample = called_by(mesh, place)
            few = await with_callers(api, part, sample) if part is not None else None
            assert few is not None
            asked = callers(mesh, question, sample)
            if not asked.known:
                assert not callers(few.mesh, question, sample).known
                continue
            assert callers(few.mesh, question, sample) == asked
            for rules in mesh.virtual_services_by_host.get(service.host, ()):
                whom = client_proxies(mesh, service.key, rules, sample)
                own = client_proxies(few.mesh, service.key, rules, sample)
                assert own == whom if whom.known else not own.known
            for pod in asked.all:
                assert by_objects(few.mesh, question, pod) == by_objects(mesh, question, pod)


async def test_without_a_caller_in_telemetry_any_proxy_may_be_one() -> None:
    api = api_of("dr-two-merge")
    part = await read_part(api, "rev", "or-a")
    assert part is not None
    assert await with_callers(api, part, called_by(part.mesh)) is None
    assert await with_callers(api, part, called_by(part.mesh, ("gone", "away"))) is None


async def test_callers_whose_pods_may_not_be_read_are_left_to_the_reading_of_all() -> None:
    api = api_of("dr-two-merge")
    part = await read_part(api, "rev", "or-a")
    assert part is not None
    api.failures[PODS.path("or-b")] = NotAllowed("no")
    assert await with_callers(api, part, called_by(part.mesh, ("or-b", "web"))) is None
