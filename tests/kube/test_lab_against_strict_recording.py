"""What a real API server with istiod's webhook refuses or does otherwise than one expects."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from lab_fixtures import Answer, Lab, pod, running_lab
from test_lab_against_recording import normal

from meshtui.lab.contract import Address

Json = Any
RECORDING = json.loads((Path(__file__).parent / "data/exchanges-strict.json").read_text())
EXCHANGES = RECORDING["exchanges"]
RECORDED = {e["name"]: e for e in EXCHANGES}
PLACE = "/apis/networking.istio.io/v1/namespaces/ex/virtualservices"
ANNOTATIONS = RECORDED["patch-test-with-the-servers-spelling"]["response"]["body"]["metadata"][
    "annotations"
]
PRODUCTPAGE = "productpage-v1-0000000000-aaaaa"
TEST = {"op": "test", "path": "/kind", "value": "VirtualService"}
BODIES = {"patch-ten-thousand-and-one-operations": json.dumps([TEST] * 10_001)}
"""What the recording cuts short."""


class Replay:
    """Sends the recorded requests in their order, with what was done in between them."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.answers: dict[str, Answer] = {}

    async def run(self) -> dict[str, Answer]:
        self.furnish()
        await self.make()
        for exchange in EXCHANGES:
            await self.between(exchange["name"])
            self.answers[exchange["name"]] = await self.send(exchange)
        return self.answers

    def furnish(self) -> None:
        put, namespace = self.lab.store.put, {"metadata": {"name": "ex"}}
        put("", "namespaces", namespace)
        put("", "pods", pod(PRODUCTPAGE, ("productpage", "istio-proxy"), app="productpage"))
        ports = [{"name": "http", "port": 9080, "targetPort": 9080}]
        put("", "services", {"metadata": {"name": "productpage"}, "spec": {"ports": ports}})
        targets = [{"kind": "Pod", "name": PRODUCTPAGE}]
        addresses = [{"ip": "10.0.0.7", "targetRef": target} for target in targets]
        subsets = [{"addresses": addresses, "ports": [{"name": "http", "port": 9080}]}]
        put("", "endpoints", {"metadata": {"name": "productpage"}, "subsets": subsets})

    async def make(self) -> None:
        body = RECORDED["get-after-1"]["response"]["body"]
        new = {**body, "metadata": {"name": "a"}}
        assert (await self.call("POST", PLACE, json.dumps(new))).status == 201

    async def between(self, following: str) -> None:
        if following == "delete-dry-run-in-the-body":
            await self.make()
        if following == "patch-test-with-a-raw-ampersand":
            patch = json.dumps({"metadata": {"annotations": ANNOTATIONS}})
            media = "application/merge-patch+json"
            assert (await self.call("PATCH", f"{PLACE}/a", patch, media)).status == 200

    async def send(self, exchange: Json) -> Answer:
        request = exchange["request"]
        body = BODIES.get(exchange["name"], request.get("body"))
        text = body if isinstance(body, str | None) else json.dumps(body)
        return await self.call(
            request["method"],
            request["path"],
            text,
            request.get("content_type", ""),
            request.get("headers", {}),
        )

    async def call(
        self,
        method: str,
        path: str,
        body: str | None = None,
        media: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        client = self.lab.client
        sent = client.headers(headers)
        if body is not None:
            sent["Content-Type"] = media
        async with client.session.request(
            method,
            client.url + path,
            headers=sent,
            data=None if body is None else body.encode(),
            allow_redirects=False,
            skip_auto_headers=("User-Agent",),
        ) as response:
            return Answer(response.status, response.headers, await response.read())


async def stats(_: web.Request) -> web.Response:
    return web.Response(text="stats")


async def replay() -> dict[str, Answer]:
    app = web.Application()
    app.router.add_get("/{path:.*}", stats)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = Address(host="127.0.0.1", port=runner.addresses[0][1])
    try:
        async with running_lab() as lab:
            for port in (15000, 15020, 9080):
                lab.runtime.addresses[PRODUCTPAGE, port] = address
            return await Replay(lab).run()
    finally:
        await runner.cleanup()


@pytest.fixture(scope="module")
def answers() -> dict[str, Answer]:
    return asyncio.run(replay())


@pytest.mark.parametrize("name", RECORDED)
def test_answers_as_the_real_server_did(name: str, answers: dict[str, Answer]) -> None:
    recorded, ours = RECORDED[name]["response"], answers[name]
    assert ours.status == recorded["status"], ours.text
    media = ours.headers.get("Content-Type", "").partition(";")[0]
    assert media == recorded["content_type"]
    assert ours.headers.getall("Warning", []) == recorded.get("warnings", [])
    expected = recorded["body"]
    if isinstance(expected, str):
        assert ours.text == expected
    else:
        assert unversioned(ours.json) == unversioned(expected)


def unversioned(body: Json) -> Json:
    text = json.dumps(normal(body), sort_keys=True)
    return json.loads(re.sub(r"current: \d+", "current: <version>", text))


def test_all_of_the_recording_is_replayed(answers: dict[str, Answer]) -> None:
    assert len(answers) == len(EXCHANGES) == 35


async def test_a_watch_that_is_ahead_hears_nothing_until_the_store_has_come_so_far() -> None:
    async with running_lab() as lab:
        ahead = lab.store.revision + 3
        path = "/api/v1/namespaces"
        query = {"resourceVersion": str(ahead), "allowWatchBookmarks": "true"}
        async with lab.client.watch(path, timeoutSeconds="1", **query) as watch:
            for name in "abcde":
                lab.store.put("", "namespaces", {"metadata": {"name": name}})
            assert await watch.names(2) == [("ADDED", "d"), ("ADDED", "e")]
        query["resourceVersion"] = str(lab.store.revision + 3)
        async with lab.client.watch(path, timeoutSeconds="1", **query) as watch:
            assert await watch.next() is None


async def test_a_proxy_path_without_a_slash_leads_to_the_one_with_it() -> None:
    async with running_lab() as lab:
        path = "/api/v1/namespaces/default/pods/p:15020/proxy"
        answer = await Replay(lab).call("GET", f"{path}?a=b%20c")
        assert (answer.status, answer.headers["Location"]) == (301, f"{path}/?a=b%20c")


async def test_one_may_act_as_another_who_may_impersonate() -> None:
    async with running_lab() as lab:
        path = "/api/v1/namespaces/default/pods"
        replay = Replay(lab)
        seen = await replay.call("GET", path, headers={"Impersonate-User": "viewer"})
        body = json.dumps(pod("x"))
        made = await replay.call("POST", path, body, headers={"Impersonate-User": "viewer"})
        viewer = {"Authorization": "Bearer viewer-token", "Impersonate-User": "admin"}
        refused = await replay.call("GET", path, headers=viewer)
        assert (seen.status, made.status, refused.status) == (200, 403, 403)
        assert 'User "viewer" cannot create' in made.message
        assert 'User "viewer" cannot impersonate resource "users"' in refused.message


@pytest.mark.parametrize(
    ("value", "passes"),
    [
        ('"<a href=\\"x\\">&amp;</a>"', False),
        ('"\\u003ca href=\\"x\\"\\u003e\\u0026amp;\\u003c/a\\u003e"', True),
        ('"\\u003Ca href=\\"x\\"\\u003E\\u0026amp;\\u003C/a\\u003E"', False),
    ],
)
async def test_a_test_compares_the_spelling_of_html(value: str, passes: bool) -> None:
    async with running_lab() as lab:
        body = {"metadata": {"name": "c"}, "data": {"x": '<a href="x">&amp;</a>'}}
        lab.store.put("", "configmaps", body)
        patch = f'[{{"op": "test", "path": "/data/x", "value": {value}}}]'
        path = "/api/v1/namespaces/default/configmaps/c"
        answer = await Replay(lab).call("PATCH", path, patch, "application/json-patch+json")
        assert answer.status == (200 if passes else 422)


@pytest.mark.parametrize(
    ("operations", "status"),
    [
        ('[{"op":"test","path":"/data/missing","value":null}]', 200),
        ('[{"op":"test","path":"/data/missing"}]', 200),
        ('[{"op":"test","path":"/data/missing","value":""}]', 422),
        ('[{"op":"test","path":"/data","value":{"x":"1"}}]', 200),
        ('[{"op":"test","path":"/data","value":{"x":1}}]', 422),
        ('[{"op":"add","path":"/data/y","value":"a&b"},'
         '{"op":"test","path":"/data/y","value":"a&b"}]', 200),
        ('[{"op":"add","path":"/data/y","value":"a&b"},'
         '{"op":"test","path":"/data/y","value":"a\\u0026b"}]', 422),
    ],
)  # fmt: skip
async def test_a_test_of_what_is_not_there_or_was_just_put_in(operations: str, status: int) -> None:
    async with running_lab() as lab:
        lab.store.put("", "configmaps", {"metadata": {"name": "c"}, "data": {"x": "1"}})
        path = "/api/v1/namespaces/default/configmaps/c"
        media = "application/json-patch+json"
        answer = await Replay(lab).call("PATCH", path, operations, media)
        assert answer.status == status, answer.text
        stored = lab.store.get("", "configmaps", "default", "c")
        assert stored is not None
        assert all(type(value) is str for value in stored["data"].values())
