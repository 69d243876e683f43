"""A lab API server for a test, and clients of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp

from meshtui.lab.api.access import User, admin, viewer
from meshtui.lab.api.server import ApiServer
from meshtui.lab.contract import Address, PodLog
from meshtui.lab.logs import LogBuffer
from meshtui.lab.store import Store

Json = Any
T = TypeVar("T")
GROUP = "networking.istio.io"
VS = "/apis/networking.istio.io/v1/namespaces/default/virtualservices"
DR = "/apis/networking.istio.io/v1/namespaces/default/destinationrules"
PODS = "/api/v1/namespaces/default/pods"
ADMIN = admin("admin-token")
VIEWER = viewer("viewer-token")


@dataclass
class FakeRuntime:
    """The pods' logs and addresses, as the test says."""

    logs: dict[tuple[str, str], LogBuffer] = field(default_factory=dict)
    previous: dict[tuple[str, str], LogBuffer] = field(default_factory=dict)
    addresses: dict[tuple[str, int], Address] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)

    def log(
        self, namespace: str, pod: str, container: str, previous: bool = False
    ) -> PodLog | None:
        return (self.previous if previous else self.logs).get((pod, container))

    def address(self, namespace: str, pod: str, port: int) -> Address | None:
        return self.addresses.get((pod, port))

    def outbound(self, namespace: str, pod: str, port: int) -> Address | None:
        return self.addresses.get((pod, -port))

    def delete_pod(self, namespace: str, pod: str) -> None:
        self.deleted.append(pod)


@dataclass
class Answer:
    """A response, read to its end."""

    status: int
    headers: Any
    data: bytes

    @property
    def json(self) -> Json:
        return json.loads(self.data)

    @property
    def text(self) -> str:
        return self.data.decode()

    @property
    def message(self) -> str:
        return str(self.json["message"])


class Client:
    """Requests to one server as one user."""

    def __init__(self, url: str, session: aiohttp.ClientSession, token: str = "admin-token"):
        self.url = url
        self.session = session
        self.token = token

    def as_user(self, token: str) -> Client:
        return Client(self.url, self.session, token)

    def headers(self, extra: dict[str, str] | None = None) -> dict[str, str]:
        auth = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return auth | (extra or {})

    async def call(
        self,
        method: str,
        path: str,
        body: Json = None,
        media: str = "application/json",
        accept: str = "application/json",
        **params: str,
    ) -> Answer:
        headers = self.headers({"Accept": accept})
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = media
        async with self.session.request(
            method, self.url + path, headers=headers, data=data, params=params or None
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def get(self, path: str, **params: str) -> Answer:
        return await self.call("GET", path, **params)

    async def post(self, path: str, body: Json, **params: str) -> Answer:
        return await self.call("POST", path, body, **params)

    async def json_patch(self, path: str, *operations: Json, **params: str) -> Answer:
        return await self.call(
            "PATCH", path, list(operations), "application/json-patch+json", **params
        )

    async def merge_patch(self, path: str, patch: Json, **params: str) -> Answer:
        return await self.call("PATCH", path, patch, "application/merge-patch+json", **params)

    @asynccontextmanager
    async def watch(self, path: str, **params: str) -> AsyncIterator[Watch]:
        query = {"watch": "1", **params}
        async with self.session.get(
            self.url + path, headers=self.headers(), params=query
        ) as response:
            assert response.status == 200, await response.text()
            yield Watch(response)


class Watch:
    """The events of a watch, one by one."""

    def __init__(self, response: aiohttp.ClientResponse):
        self.response = response

    async def next(self) -> Json:
        async with asyncio.timeout(30):
            line = await self.response.content.readline()
        return json.loads(line) if line else None

    async def names(self, count: int) -> list[tuple[str, str]]:
        events = [await self.next() for _ in range(count)]
        return [(e["type"], e["object"]["metadata"]["name"]) for e in events]


@dataclass
class Lab:
    """A running server with what stands behind it."""

    store: Store
    runtime: FakeRuntime
    server: ApiServer
    client: Client


@asynccontextmanager
async def running_lab(
    users: tuple[User, ...] = (ADMIN, VIEWER), history: int = 2000, **options: Any
) -> AsyncIterator[Lab]:
    store, runtime = Store(history=history), FakeRuntime()
    server = ApiServer(store, runtime, users, **options)
    url = await server.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Lab(store, runtime, server, Client(url, session))
    finally:
        await server.stop()


async def eventually(what: Awaitable[T]) -> T:
    """Wait for something another task brings about, but not for ever."""
    return await asyncio.wait_for(what, 30)


def virtual_service(name: str = "reviews", **weights: int) -> Json:
    destinations = [
        {"destination": {"host": name, "subset": subset}, "weight": weight}
        for subset, weight in (weights or {"v1": 90, "v2": 10}).items()
    ]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"hosts": [name], "http": [{"route": destinations}]},
    }


def pod(name: str = "p1", containers: tuple[str, ...] = ("app",), **labels: str) -> Json:
    return {
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": {"containers": [{"name": c} for c in containers], "nodeName": "node-1"},
        "status": {"phase": "Running", "podIP": "10.0.0.7"},
    }


def stored(lab: Lab, name: str = "reviews") -> Any:
    return lab.store.get(GROUP, "virtualservices", "default", name)


def weights(obj: Any) -> list[int]:
    return [d.get("weight") for d in obj["spec"]["http"][0]["route"]]


def weight(value: int, index: int = 0) -> dict[str, Any]:
    return {"op": "replace", "path": f"/spec/http/0/route/{index}/weight", "value": value}
