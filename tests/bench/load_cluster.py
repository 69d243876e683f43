"""Fills the cluster in KUBECONFIG: `python -m tests.bench.load_cluster 1000 [--crds FILE]`.

For an API server that is there for this alone: nothing is ever taken away. The pods have no
kubelet, so nothing runs. A thousand services are 14,000 objects.
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from kubernetes import config
from kubernetes.client import Configuration

from tests.bench.synthetic import Created, objects

AT_ONCE = 48
THERE = 409
BUSY = frozenset({429, 500, 502, 503, 504})
"""An API server that is short of time answers so; what it did all the same is there the next time.
"""

TRIES, PAUSE_S = 8, 0.5


async def main(services: int, crds: Path | None) -> None:
    config.load_kube_config()
    login: Any = Configuration.get_default_copy()
    headers = {"Authorization": login.get_api_key_with_prefix("BearerToken", alias="authorization")}
    secure = ssl.create_default_context(cafile=login.ssl_ca_cert)
    began, made = time.monotonic(), 0
    async with aiohttp.ClientSession(
        login.host, headers=headers, connector=aiohttp.TCPConnector(ssl=secure, limit=AT_ONCE)
    ) as session:
        for body in _documents(crds):
            path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
            await _create(session, Created(path, body))
        if crds:
            await asyncio.sleep(3)
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(created: Created) -> None:
            async with gate:
                await _create(session, created)

        whole = list(objects(services))
        spaces = [one for one in whole if one.path == "/api/v1/namespaces"]
        await asyncio.gather(*map(one, spaces))
        await asyncio.gather(*(one(item) for item in whole if item not in spaces))
        made = len(whole)
    print(f"{made} objects in {time.monotonic() - began:.0f} s")


def _documents(crds: Path | None) -> list[Any]:
    found = yaml.safe_load_all(crds.read_text()) if crds else ()
    return [one for one in found if one and one.get("kind") == "CustomResourceDefinition"]


async def _create(session: aiohttp.ClientSession, created: Created) -> None:
    parts = created.path.split("/")
    version = parts[2] if parts[1] == "api" else "/".join(parts[2:4])
    body = {"apiVersion": version, **created.body}
    await _done(session, "POST", created.path, body, "application/json")
    if created.status is None:
        return
    path = f"{created.path}/{created.body['metadata']['name']}/status"
    await _done(session, "PATCH", path, {"status": created.status}, "application/merge-patch+json")


async def _done(
    session: aiohttp.ClientSession, method: str, path: str, body: Any, kind: str
) -> None:
    """Sent until it is answered for certain, more seldom each time."""
    words = ""
    for tried in range(TRIES):
        headers = {"Content-Type": kind}
        try:
            async with session.request(method, path, json=body, headers=headers) as answer:
                if answer.status in (200, 201, THERE):
                    return
                words = f"{answer.status} {(await answer.text())[:300]}"
                if answer.status not in BUSY:
                    break
        except (aiohttp.ClientError, TimeoutError) as error:
            words = str(error) or type(error).__name__
        await asyncio.sleep(PAUSE_S * 2**tried)
    sys.exit(f"{path}: {words}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("services", type=int)
    parser.add_argument("--crds", type=Path)
    given = parser.parse_args()
    asyncio.run(main(given.services, given.crds))
