"""The lab's istiod: what it says of each proxy's configuration, in the shape of a real one."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from meshtui.lab.control.debug import metrics, syncz
from meshtui.lab.control.discovery import CLUSTERS, ROUTES, Discovery, Key
from meshtui.lab.control.world import Proxy
from meshtui.lab.process import RunningLab
from meshtui.mesh.syncz import parse_syncz
from tests.lab.harness import Mesh, Obj, to, until
from tests.lab.operator import Operator

RECORDED = json.loads((Path(__file__).parents[1] / "unit" / "data" / "syncz.json").read_text())
"""What a real istiod answered."""

NODE = "web-1"
PROXY = Proxy("shop", NODE, "web", {"app": "web"}, *3 * ("127.0.0.1",))
NONCE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/\d+[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
BAD: Obj = {"redirect": {"uri": "/", "redirectCode": 305}}
"""A code that the webhook lets in and Envoy knows no redirect for."""


class Asking:
    """An Envoy, as far as it asks for its configuration."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    def ask(self, kind: str, version: str, name: str = "") -> asyncio.Task[Obj]:
        """What it is told as soon as there is news; `version` is the one that it has."""

        async def answer() -> Obj:
            node = {"metadata": {"NAME": NODE}}
            body = {"node": node, "version_info": version, "resource_names": [name]}
            url = f"http://istiod/v3/discovery:{kind}"
            async with self._session.post(url, json=body) as response:
                found: Obj = await response.json()
                return found

        return asyncio.create_task(answer())


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[tuple[Discovery, Asking]]:
    discovery = Discovery(tmp_path / "xds", clock=lambda: 1_795_000_000.25)
    await discovery.start()
    connector = aiohttp.UnixConnector(str(tmp_path / "xds"))
    async with aiohttp.ClientSession(connector=connector) as session:
        yield discovery, Asking(session)
    await discovery.stop()


async def taken(discovery: Discovery, kind: str, acked: int, refusals: int = 0) -> None:
    """Wait until the next question of the Envoy has said what it has."""
    async with asyncio.timeout(40):
        while True:
            found = discovery.sync(NODE, kind)
            if found and (found.acked, found.refusals) == (acked, refusals):
                return
            await asyncio.sleep(0)


async def test_what_was_sent_and_taken_is_known(asked: tuple[Discovery, Asking]) -> None:
    discovery, envoy = asked
    assert syncz(discovery, [PROXY]) == []
    discovery.publish({Key(NODE, CLUSTERS): [{"name": "a"}]}, 1)
    assert (await envoy.ask(CLUSTERS, ""))["version_info"] == "1"
    (entry,) = syncz(discovery, [PROXY])
    assert NONCE.fullmatch(entry["cluster_sent"]) and entry["cluster_acked"] == ""
    waiting = envoy.ask(CLUSTERS, "1")
    await taken(discovery, CLUSTERS, 1)
    (entry,) = syncz(discovery, [PROXY])
    assert entry["cluster_sent"] == entry["cluster_acked"]
    waiting.cancel()


async def test_a_refusal_is_told_until_something_is_taken(
    asked: tuple[Discovery, Asking],
) -> None:
    discovery, envoy = asked
    discovery.publish({Key(NODE, ROUTES, "90"): [{"name": "90"}]}, 1)
    await envoy.ask(ROUTES, "", "90")
    waiting = [envoy.ask(ROUTES, "1", "90"), envoy.ask(ROUTES, "", "80")]
    for version, has, state in ((1, 1, "SYNCED"), (2, 1, "ERROR"), (3, 3, "SYNCED")):
        discovery.publish({Key(NODE, ROUTES, "80"): [{"name": f"80, {version}"}]}, version)
        assert (await waiting.pop())["version_info"] == str(version)
        waiting.append(envoy.ask(ROUTES, str(has), "80"))
        await taken(discovery, ROUTES, has, refusals=version > 1)
        (client,) = parse_syncz(syncz(discovery, [PROXY]))
        (routes,) = client.types
        assert routes.state == state
        told = "refused routes 80 and goes on with version 1" in routes.error
        assert told is (state == "ERROR")
        refused = f'pilot_xds_rds_reject{{err="Internal",node="{NODE}.shop"}} 1'
        assert (refused in metrics(discovery, [PROXY])) is (version > 1)
    for question in waiting:
        question.cancel()


# On the lab


@pytest.fixture
def operator(lab: RunningLab, tmp_path: Path) -> Operator:
    return Operator(lab.kubeconfig, tmp_path)


def answer_of(mesh: Mesh) -> Any:
    space = "/api/v1/namespaces/istio-system/pods"
    (pod,) = mesh.api.call("GET", f"{space}?labelSelector=app%3Distiod")["items"]
    text = mesh.api.call("GET", f"{space}/{pod['metadata']['name']}:15014/proxy/debug/syncz")
    return json.loads(text)


def test_a_proxy_is_described_as_a_real_istiod_describes_it(mesh: Mesh) -> None:
    real = next(entry for entry in RECORDED if entry["proxy_type"] == "sidecar")
    found = answer_of(mesh)
    assert {entry["proxy_type"] for entry in found} == {"sidecar", "router"}
    for entry in found:
        assert entry.keys() <= real.keys()
        assert entry["resources"].keys() <= real["resources"].keys()
        for one in entry["resources"].values():
            assert one.keys() <= {"sent", "acked", "sentTime", "lastError"}
            assert NONCE.fullmatch(one["sent"])
    assert all(NONCE.fullmatch(real[f"{kind}_sent"]) for kind in ("cluster", "route"))


def test_status_says_that_all_is_in_sync_and_who_refuses(
    mesh: Mesh, operator: Operator, lab: RunningLab
) -> None:
    def states() -> dict[str, str]:
        found = operator.run("status", "-o", "json").json["proxies"]
        return {proxy["name"].split("-v")[0]: proxy["state"] for proxy in found}

    until(lambda: set(states().values()) == {"in_sync"}, 60, "every proxy in sync")
    assert len(states()) >= 5
    mesh.write_rules(BAD, {"route": [{"destination": {"host": "details"}}]}, service="details")
    until(lambda: states()["productpage"] == "refuses", 60, "a proxy that refuses")
    mesh.write_rules({"route": [{"destination": {"host": "details"}}]}, service="details")
    mesh.route({"route": [to("v1")]})
    until(lambda: set(states().values()) == {"in_sync"}, 60, "every proxy in sync again")
