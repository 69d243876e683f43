"""Lists, single objects, and writes that say which version of an object they were planned on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial as bound
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.errors import Unreachable
from meshtui.kube.cluster import Cluster
from meshtui.kube.exchange import ApiResponse
from meshtui.kube.failures import MAYBE_DONE_HINT, Expired, Unanswered
from meshtui.kube.resources import Resource, served
from meshtui.kube.shapes import Decode, decoder_of
from meshtui.kube.trim import sound_metadata, trim
from meshtui.mesh import read
from meshtui.mesh.model import Json

PAGE = 500
SLICE = 50
"""So many objects of a page are worked on before others have their turn."""

MANAGER = "meshtui"
"""The name the API server writes down for what meshtui changes."""

JSON_PATCH = "application/json-patch+json"


@dataclass(frozen=True, slots=True)
class Written:
    """The object as the server holds it after a write, and what the server warns of.

    After a dry run it is as it would be, after a deletion as it was or a Status.
    """

    object: Json
    warnings: tuple[str, ...] = ()


async def list_all(
    cluster: Cluster,
    resource: Resource,
    namespace: str | None = None,
    selector: str | None = None,
    made_of: Callable[[Json], Any] | None = None,
    most: int = 0,
    decode: Decode | None = None,
) -> tuple[tuple[Any, ...], str]:
    """Every object of a namespace or of the cluster, and the resource version to watch from.

    Read in pages of 500, of which the next is asked for while one is worked on. When the server
    has forgotten the list half-way (410) it is read once more from the start. `resource` is taken
    as it is: see `resources.served`. `made_of` gives what is retained of each object, by default
    the object as `trim` leaves it. With `most` only so many are read: the first by name. With
    `decode`, which reads a page, they are what it gives and nothing is made of them.
    """
    retained = made_of or bound(trim, resource)
    reading = _Pages(cluster, resource, namespace, selector, retained, most, decode)
    try:
        return await reading.all()
    except Expired:
        return await reading.all()


async def get_object(cluster: Cluster, resource: Resource, namespace: str, name: str) -> Json:
    """The object as it is now, whole. Raises NotFound."""
    resource = await served(cluster, resource)
    raw = await cluster.get(resource.path(namespace, name))
    return _object(cluster, raw, resource.path(namespace, name))


async def patch_json(
    cluster: Cluster,
    resource: Resource,
    namespace: str,
    name: str,
    ops: Sequence[Mapping[str, Any]],
    *,
    resource_version: str,
    dry_run: bool = False,
    manager: str = MANAGER,
) -> Written:
    """Apply a JSON Patch to the version it was planned on; gives the object as it is then.

    Raises Conflict, with nothing changed, where the object is no longer at `resource_version`
    (the first operation puts it in, and the API server compares), and Refused where schema or
    admission say no, or where a field is none that the schema knows. A dry run goes the same
    way and stores nothing.
    """
    resource = await served(cluster, resource)
    version = {"op": "replace", "path": "/metadata/resourceVersion", "value": resource_version}
    path = resource.path(namespace, name)
    answer = await cluster.write(
        "PATCH",
        path,
        [version, *map(dict, ops)],
        content_type=JSON_PATCH,
        params=_write_params(dry_run, manager),
    )
    return _written(cluster, answer, path, name, dry_run)


async def create_object(
    cluster: Cluster,
    resource: Resource,
    namespace: str,
    body: Mapping[str, Any],
    *,
    dry_run: bool = False,
    manager: str = MANAGER,
) -> Written:
    """Create an object. Raises Conflict where there is one of that name already."""
    resource = await served(cluster, resource)
    path = resource.path(namespace)
    whole = {**body, "apiVersion": resource.api_version, "kind": resource.kind}
    answer = await cluster.write("POST", path, whole, params=_write_params(dry_run, manager))
    name = read.text(read.obj(body, "metadata"), "name")
    return _written(cluster, answer, path, name, dry_run)


async def delete_object(
    cluster: Cluster,
    resource: Resource,
    namespace: str,
    name: str,
    *,
    resource_version: str,
    dry_run: bool = False,
) -> Written:
    """Delete the object. Raises Conflict where it is no longer at `resource_version`.

    All options are in the body: a server that gets a body ignores those of the query.
    """
    resource = await served(cluster, resource)
    options = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"resourceVersion": resource_version},
        **({"dryRun": ["All"]} if dry_run else {}),
    }
    path = resource.path(namespace, name)
    answer = await cluster.write("DELETE", path, options)
    if read.text(answer.value, "status") == "Success":
        return Written(dict(answer.value), answer.warnings)
    # With finalizers it is still there.
    return _written(cluster, answer, path, name, dry_run)


def _write_params(dry_run: bool, manager: str) -> dict[str, str]:
    """Strict: a misspelt field is refused, where the server would drop it and store the rest."""
    strict = {"fieldManager": manager, "fieldValidation": "Strict"}
    return {**strict, **({"dryRun": "All"} if dry_run else {})}


def _written(cluster: Cluster, answer: ApiResponse, path: str, name: str, dry_run: bool) -> Written:
    """The object that the answer to a write holds; anything else leaves the outcome open."""
    meta = read.obj(answer.value, "metadata")
    named = read.text(meta, "name") == name if name else True
    if named and (dry_run or read.text(meta, "resourceVersion")):
        return Written(dict(read.obj(answer.value)), answer.warnings)
    raise _not_kubernetes(cluster, path) if dry_run else _unclear(cluster, path)


class _Pages:
    """One list, page by page."""

    def __init__(
        self,
        cluster: Cluster,
        resource: Resource,
        namespace: str | None,
        selector: str | None,
        made_of: Callable[[Json], Any],
        most: int,
        decode: Decode | None,
    ) -> None:
        self._cluster = cluster
        self._path = resource.path(namespace)
        self._params = {"limit": str(most or PAGE)}
        if selectors := ",".join(filter(None, (resource.selector, selector))):
            self._params["labelSelector"] = selectors
        self._decode = decode or decoder_of(resource)
        self._as_decoded = decode is not None
        self._made_of = made_of
        self._only_one = most > 0

    async def all(self) -> tuple[tuple[Any, ...], str]:
        found: list[Any] = []
        page, token = await self._page(""), ""
        while True:
            meta = read.obj(page, "metadata")
            following = "" if self._only_one else read.text(meta, "continue")
            if following and following == token:
                raise _not_kubernetes(self._cluster, self._path)
            ahead = asyncio.create_task(self._page(following)) if following else None
            try:
                # The next is sent before this page is worked on: the server makes it meanwhile.
                await asyncio.sleep(0)
                if self._as_decoded:
                    found += read.items(page, "items")
                else:
                    await self._work_on(read.objects(page, "items"), found)
                if ahead is None:
                    return tuple(found), read.text(meta, "resourceVersion")
                page, token = await ahead, following
            finally:
                if ahead is not None:
                    ahead.cancel()

    async def _work_on(self, items: Sequence[Json], found: list[Any]) -> None:
        for start in range(0, len(items), SLICE):
            if start:
                await asyncio.sleep(0)
            found += map(self._made_of, items[start : start + SLICE])

    async def _page(self, token: str) -> Json:
        params = {**self._params, "continue": token} if token else self._params
        page: Any = await self._cluster.get(self._path, params, decode=self._decode)
        if not isinstance(page, dict) or not isinstance(page.get("items", []), list | None):
            raise _not_kubernetes(self._cluster, self._path)
        return page


def _object(cluster: Cluster, raw: Any, path: str) -> Json:
    if not isinstance(raw, dict) or not isinstance(raw.get("metadata"), dict):
        raise _not_kubernetes(cluster, path)
    return {**raw, "metadata": sound_metadata(raw["metadata"])}


def _unclear(cluster: Cluster, path: str) -> Unanswered:
    return Unanswered(
        f"{cluster.server} answers a write of {path} with something that is not its object",
        MAYBE_DONE_HINT,
    )


def _not_kubernetes(cluster: Cluster, path: str) -> Unreachable:
    return Unreachable(
        f"{cluster.server} answers {path} with something that is not a Kubernetes object",
        "is this address a Kubernetes API server?",
    )
