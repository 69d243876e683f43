"""A cluster in memory: objects with versions, admission, and every way in which a write may end."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from meshtui.changes.patch import PatchError, apply
from meshtui.errors import Conflict, MeshtuiError, NotAllowed, NotFound, Refused, Unreachable
from meshtui.kube.api_request import ApiRequest
from meshtui.kube.cluster import Cluster
from meshtui.kube.exchange import ApiResponse
from meshtui.mesh.model import Mesh
from meshtui.mesh.parse import parse_mesh
from meshtui.operations.options import Options
from meshtui.operations.session import Session
from tests.unit.objects import Obj, destination_rule, pod, service, virtual_service

ISTIO = "/apis/networking.istio.io/v1"
VS = f"{ISTIO}/namespaces/default/virtualservices/reviews"
DR = f"{ISTIO}/namespaces/default/destinationrules/reviews"
KINDS = {"virtualservices": "VirtualService", "destinationrules": "DestinationRule"}
Before = Callable[[str, str], None]


class FakeCluster(Cluster):
    """What `Cluster` is to the use cases, without a network. Paths are those of the real API."""

    def __init__(self, *objects: Obj, read_only: bool = False) -> None:
        self.context, self.namespace, self.user = "fake", "default", "tester"
        self.server, self.read_only = "https://fake:6443", read_only
        self.discovered = {}
        self.objects: dict[str, Obj] = {}
        self.writes: list[tuple[str, str]] = []
        self.events: list[Obj] = []
        self.forwards = 0
        self.forbidden: set[str] = set()
        self.ended: set[str] = set()
        """Names of pods that are not there any more."""

        self.warnings: tuple[str, ...] = ()
        self.before_write: Before = lambda method, path: None
        self.after_write: Before = lambda method, path: None
        self.admission: Callable[[Obj], None] = lambda obj: None
        self.mutate: Callable[[Obj], None] = lambda obj: None
        """A mutating webhook, or the server's defaults."""

        self.answer: Callable[[Obj], Any] = lambda obj: obj
        """What comes back of the answer to a write that was stored."""

        self._versions = itertools.count(100)
        for raw in objects:
            self.put(raw)

    def put(self, raw: Obj, manager: str = "somebody") -> Obj:
        """Writes as somebody else does."""
        meta = raw["metadata"]
        plural = next(p for p, kind in KINDS.items() if kind == raw["kind"])
        stored = copy.deepcopy(raw)
        stored["metadata"]["resourceVersion"] = str(next(self._versions))
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        known = stored["metadata"].get("managedFields", ())
        others = [entry for entry in known if entry["manager"] != manager]
        stored["metadata"]["managedFields"] = [*others, {"manager": manager, "time": now}]
        self.objects[f"{ISTIO}/namespaces/{meta['namespace']}/{plural}/{meta['name']}"] = stored
        return stored

    def edit(self, path: str, what: Callable[[Obj], None]) -> None:
        """Somebody else changes an object's spec."""
        what(self.objects[path]["spec"])
        self.put(self.objects[path])

    def spec(self, path: str = VS) -> Obj:
        found: Obj = self.objects[path]["spec"]
        return found

    async def get(self, path: str, params: Mapping[str, str] | None = None, **more: Any) -> Any:
        path = unquote(path)
        if path.endswith("networking.istio.io"):
            return {"versions": [{"groupVersion": "networking.istio.io/v1", "version": "v1"}]}
        if path == ISTIO:
            resources = [{"name": plural, "kind": kind} for plural, kind in KINDS.items()]
            return {"resources": resources}
        space, _, name = path.removeprefix("/api/v1/namespaces/").partition("/pods/")
        if name and name not in self.ended:
            return {"metadata": {"namespace": space, "name": name}, "status": {"phase": "Running"}}
        if path not in self.objects:
            raise NotFound(f"GET {path}: not found")
        return copy.deepcopy(self.objects[path])

    async def get_text(
        self, path: str, params: Mapping[str, str] | None = None, **more: Any
    ) -> str:
        raise Unreachable("no proxy here")

    async def port_forward(self, *words: Any, **more: Any) -> Any:
        self.forwards += 1
        raise Unreachable("no proxy here")

    async def close(self) -> None:
        return None

    async def write(
        self,
        method: str,
        path: str,
        body: Any,
        *,
        params: Mapping[str, str] | None = None,
        **more: Any,
    ) -> ApiResponse:
        if path.endswith("selfsubjectaccessreviews"):
            verb = body["spec"]["resourceAttributes"]["verb"]
            return ApiResponse({"status": {"allowed": verb not in self.forbidden}})
        if "events" in path:
            self.events.append(body)
            return ApiResponse(body)
        dry_run = ApiRequest(method, path, params or {}, body).dry_run
        if not dry_run:
            if self.read_only:
                raise NotAllowed(f"{method} {path}: meshtui runs read-only")
            self.before_write(method, path)
        answer = self._do(method, unquote(path), body, dry_run)
        if not dry_run:
            self.writes.append((method, path))
            self.after_write(method, path)
        return ApiResponse(answer if dry_run else self.answer(answer), self.warnings)

    def _do(self, method: str, path: str, body: Any, dry_run: bool) -> Obj:
        if method == "POST":
            return self._create(path, body, dry_run)
        old = self.objects.get(path)
        if old is None:
            raise NotFound(f"{method} {path}: not found")
        version = old["metadata"]["resourceVersion"]
        if method == "DELETE":
            if body["preconditions"]["resourceVersion"] != version:
                raise Conflict(f"{path} was modified")
            if not dry_run:
                del self.objects[path]
            return {"kind": "Status", "status": "Success"}
        if body[0]["value"] != version:
            raise Conflict(f"{path} was modified")
        try:
            changed = apply(old, body)
        except PatchError as error:
            raise Refused(f"{path}: {error}") from error
        self.admission(changed)
        self.mutate(changed)
        return changed if dry_run else self.put(changed, "meshtui")

    def _create(self, path: str, body: Obj, dry_run: bool) -> Obj:
        if f"{path}/{body['metadata']['name']}" in self.objects:
            raise Conflict(f"{path}: already exists")
        self.admission(body)
        new = copy.deepcopy(body)
        new["metadata"]["uid"] = f"uid-{next(self._versions)}"
        self.mutate(new)
        return new if dry_run else self.put(new, "meshtui")


def routed(*rules: Obj, name: str = "reviews") -> Obj:
    return virtual_service(name, *rules)


def policy(*subsets: str) -> Obj:
    return {"kind": "DestinationRule", **destination_rule("reviews", subsets)}


def objects_of(cluster: FakeCluster) -> dict[str, list[Obj]]:
    """By plural: the rules as they are now, and `reviews` with a ready pod of three versions."""
    found: dict[str, list[Obj]] = {plural: [] for plural in KINDS}
    for raw in cluster.objects.values():
        plural = next(p for p, kind in KINDS.items() if kind == raw["kind"])
        found[plural].append(copy.deepcopy(raw))
    pods = [pod("reviews", version, number=n) for n, version in enumerate(("v1", "v2", "v3"), 1)]
    return {"services": [service("reviews")], "pods": pods, **found}


def mesh_of(cluster: FakeCluster) -> Mesh:
    """The mesh as it is now."""
    return parse_mesh(objects_of(cluster))


def session(cluster: FakeCluster, **options: Any) -> Session:
    """A session on the fake, with the journal that XDG_STATE_HOME names; no time passes in it."""
    opened = Session(cluster, Options(**{"verify": False, **options}))
    opened.pause = _at_once
    return opened


async def _at_once(seconds: float) -> None:
    return None


def failing(error: MeshtuiError) -> Before:
    def fail(method: str, path: str) -> None:
        raise error

    return fail
