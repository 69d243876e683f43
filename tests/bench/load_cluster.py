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
    async with session.post(created.path, json=body) as answer:
        if answer.status not in (200, 201, THERE):
            sys.exit(f"{created.path}: {answer.status} {(await answer.text())[:300]}")
    if created.status is None:
        return
    name = created.body["metadata"]["name"]
    patch = {"status": created.status}
    kind = {"Content-Type": "application/merge-patch+json"}
    async with session.patch(f"{created.path}/{name}/status", json=patch, headers=kind) as answer:
        if answer.status != 200:
            sys.exit(f"{created.path}/{name}: {answer.status} {(await answer.text())[:300]}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("services", type=int)
    parser.add_argument("--crds", type=Path)
    given = parser.parse_args()
    asyncio.run(main(given.services, given.crds))
