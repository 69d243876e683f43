"""kubectl against the lab's API server, over TLS and with the kubeconfig the lab writes."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from lab_fixtures import ADMIN, VIEWER, FakeRuntime, eventually, pod, virtual_service

from meshtui.lab.api.server import ApiServer
from meshtui.lab.certs import self_signed
from meshtui.lab.contract import Address
from meshtui.lab.kubeconfig import write_kubeconfig
from meshtui.lab.logs import LogBuffer
from meshtui.lab.store import Store

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl here")

ISTIO = "networking.istio.io"
RULE = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  subsets: [{name: v1, labels: {version: v1}}]
"""
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: %d
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: "web:1"}]}
"""

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}], selector: {app: web}}
"""


@dataclass
class Kubectl:
    """A server, and kubectl set up for it."""

    store: Store
    runtime: FakeRuntime
    directory: Path

    async def start(self, *args: str, **env: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            "kubectl",
            *args,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.directory),
                "KUBECONFIG": str(self.directory / "kubeconfig"),
                **env,
            },
        )

    async def run(self, *args: str, stdin: str = "", code: int = 0, **env: str) -> str:
        process = await self.start(*args, **env)
        async with asyncio.timeout(60):
            output, _ = await process.communicate(stdin.encode())
        assert process.returncode == code, output.decode()
        return output.decode()

    async def json(self, *args: str) -> Any:
        return json.loads(await self.run(*args, "-o", "json"))


@pytest.fixture
async def kubectl(tmp_path: Path) -> AsyncIterator[Kubectl]:
    store, runtime = Store(), FakeRuntime()
    certificate = self_signed(tmp_path)
    server = ApiServer(store, runtime, (ADMIN, VIEWER), certificate)
    url = await server.start()
    write_kubeconfig(tmp_path, url, server.users, certificate.authority)
    store.put(ISTIO, "virtualservices", virtual_service())
    store.put("", "pods", pod("p1", containers=("app", "istio-proxy"), app="web"))
    yield Kubectl(store, runtime, tmp_path)
    await server.stop()


def weights(kubectl: Kubectl) -> list[int]:
    obj = kubectl.store.get(ISTIO, "virtualservices", "default", "reviews")
    assert obj is not None
    return [d["weight"] for d in obj["spec"]["http"][0]["route"]]


async def test_get(kubectl: Kubectl) -> None:
    table = await kubectl.run("get", "vs,pods", "-A")
    assert table.split("\n")[0].split() == ["NAMESPACE", "NAME", "GATEWAYS", "HOSTS", "AGE"]
    assert '["reviews"]' in table
    assert "pod/p1" in table
    assert "reviews" in await kubectl.run("get", "virtualservice", "reviews", "-o", "yaml")
    assert "lab" in await kubectl.run("get", "vs", "-o", "yaml", "--show-managed-fields")
    assert "istio-proxy" in await kubectl.run("get", "pod", "p1", "-o", "jsonpath={..name}")
    assert "NotFound" in await kubectl.run("get", "vs", "nosuch", code=1)
    assert "virtualservices" in await kubectl.run("api-resources", "--api-group", ISTIO)
    assert "p1" in await kubectl.run("get", "all")


async def test_get_watch(kubectl: Kubectl) -> None:
    process = await kubectl.start("get", "pods", "--watch", "--no-headers")
    assert process.stdout is not None
    assert (await eventually(process.stdout.readline())).split()[0] == b"p1"
    kubectl.store.put("", "pods", pod("p2"))
    assert (await eventually(process.stdout.readline())).split()[0] == b"p2"
    process.terminate()
    await process.communicate()


async def test_describe(kubectl: Kubectl) -> None:
    found = kubectl.store.get("", "pods", "default", "p1")
    assert found is not None
    about = {k: found["metadata"][k] for k in ("name", "namespace", "uid")}
    kubectl.store.put(
        "",
        "events",
        {
            "metadata": {"name": "e"},
            "involvedObject": {"kind": "Pod", **about},
            "type": "Normal",
            "reason": "Started",
            "message": "Started container app",
        },
    )
    await kubectl.run("apply", "-f", "-", stdin=DEPLOYMENT % 1)
    assert "Weight:    90" in await kubectl.run("describe", "vs", "reviews")
    described = await kubectl.run("describe", "pod", "p1")
    assert "Started container app" in described
    await kubectl.run("apply", "-f", "-", stdin=SERVICE)
    assert "80/TCP" in await kubectl.run("describe", "service", "web")
    assert "Replicas:" in await kubectl.run("describe", "deployment", "web")


async def test_apply_creates_then_changes(kubectl: Kubectl) -> None:
    assert "created" in await kubectl.run("apply", "-f", "-", stdin=RULE)
    changed = RULE.replace("v1}", "v2}")
    assert "configured" in await kubectl.run("apply", "-f", "-", stdin=changed)
    assert "unchanged" in await kubectl.run("apply", "-f", "-", stdin=changed)
    rule = kubectl.store.get(ISTIO, "destinationrules", "default", "reviews")
    assert rule is not None
    assert rule["spec"]["subsets"] == [{"name": "v1", "labels": {"version": "v2"}}]
    assert rule["metadata"]["managedFields"][0]["manager"] == "kubectl-client-side-apply"


async def test_apply_of_a_built_in_kind(kubectl: Kubectl) -> None:
    await kubectl.run("apply", "-f", "-", stdin=DEPLOYMENT % 1)
    said = await kubectl.run("apply", "-f", "-", stdin=DEPLOYMENT % 3)
    assert said == "deployment.apps/web configured\n"
    await kubectl.run("scale", "deployment", "web", "--replicas=4", code=1)
    await kubectl.run("set", "image", "deployment/web", "app=web:2")
    found = kubectl.store.get("apps", "deployments", "default", "web")
    assert found is not None
    assert found["spec"]["replicas"] == 3
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "web:2"


async def test_apply_refuses_what_the_schema_does_not_know(kubectl: Kubectl) -> None:
    wrong = RULE.replace("host: reviews", "host: reviews\n  colour: red")
    said = await kubectl.run("apply", "-f", "-", stdin=wrong, code=1)
    assert 'unknown field "spec.colour"' in said


async def test_server_side_apply_and_its_conflict(kubectl: Kubectl) -> None:
    await kubectl.run("apply", "--server-side", "-f", "-", stdin=RULE)
    other = RULE.replace("host: reviews", "host: ratings")
    args = ("apply", "--server-side", "--field-manager=other", "-f", "-")
    assert 'conflict with "kubectl"' in await kubectl.run(*args, stdin=other, code=1)
    assert "serverside-applied" in await kubectl.run(*args, "--force-conflicts", stdin=other)


async def test_diff(kubectl: Kubectl) -> None:
    await kubectl.run("apply", "-f", "-", stdin=RULE)
    said = await kubectl.run("diff", "-f", "-", stdin=RULE.replace("v1}", "v2}"), code=1)
    assert "+      version: v2" in said


@pytest.mark.parametrize("kind", ["json", "merge"])
async def test_patch(kubectl: Kubectl, kind: str) -> None:
    if kind == "json":
        patch: Any = [{"op": "replace", "path": "/spec/http/0/route/0/weight", "value": 50}]
    else:
        patch = {"spec": virtual_service(v1=50, v2=10)["spec"]}
    await kubectl.run("patch", "vs", "reviews", f"--type={kind}", "-p", json.dumps(patch))
    assert weights(kubectl) == [50, 10]


async def test_edit(kubectl: Kubectl) -> None:
    editor = "sed -i 's/weight: 90/weight: 70/'"
    said = await kubectl.run("edit", "vs", "reviews", KUBE_EDITOR=editor)
    assert "edited" in said
    assert weights(kubectl) == [70, 10]


async def test_edit_of_a_built_in_kind(kubectl: Kubectl) -> None:
    editor = "sed -i 's/app: web/app: shop/'"
    assert "edited" in await kubectl.run("edit", "pod", "p1", KUBE_EDITOR=editor)
    found = kubectl.store.get("", "pods", "default", "p1")
    assert found is not None
    assert found["metadata"]["labels"] == {"app": "shop"}


async def test_create_label_annotate_and_delete(kubectl: Kubectl) -> None:
    await kubectl.run("create", "namespace", "shop")
    await kubectl.run("create", "-f", "-", "-n", "shop", stdin=RULE)
    await kubectl.run("label", "dr", "reviews", "-n", "shop", "a=b")
    await kubectl.run("annotate", "dr", "reviews", "-n", "shop", "c=d")
    assert (await kubectl.json("get", "dr", "-n", "shop", "-l", "a=b"))["items"]
    assert "deleted" in await kubectl.run("delete", "dr", "reviews", "-n", "shop")
    assert "deleted" in await kubectl.run("delete", "pod", "p1")
    assert kubectl.runtime.deleted == ["p1"]


async def test_logs(kubectl: Kubectl) -> None:
    buffer = kubectl.runtime.logs["p1", "istio-proxy"] = LogBuffer()
    buffer.append(b"first\nsecond\n")
    assert await kubectl.run("logs", "p1", "-c", "istio-proxy", "--tail=1") == "second\n"
    process = await kubectl.start("logs", "-f", "p1", "-c", "istio-proxy", "--tail=1")
    assert process.stdout is not None
    assert await eventually(process.stdout.readline()) == b"second\n"
    buffer.append(b"third\n")
    assert await eventually(process.stdout.readline()) == b"third\n"
    buffer.close()
    assert await eventually(process.wait()) == 0


async def test_get_raw_and_auth_can_i(kubectl: Kubectl) -> None:
    assert await kubectl.run("get", "--raw", "/readyz") == "ok"
    assert (await kubectl.run("auth", "can-i", "patch", "vs")).strip() == "yes"
    viewer = ("--context", "viewer")
    assert "no" in await kubectl.run("auth", "can-i", "patch", "vs", *viewer, code=1)
    assert "viewer" in await kubectl.run("auth", "whoami", *viewer)
    assert "get" in await kubectl.run("auth", "can-i", "--list", *viewer)
    assert "p1" in await kubectl.run("get", "pods", *viewer)
    forbidden = await kubectl.run("delete", "vs", "reviews", *viewer, code=1)
    assert 'User "viewer" cannot delete resource "virtualservices"' in forbidden


async def test_explain(kubectl: Kubectl) -> None:
    assert "fixedDelay" in await kubectl.run("explain", "vs.spec.http.fault.delay")


async def test_exec_of_the_agent(kubectl: Kubectl) -> None:
    async def admin(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.method} {request.path_qs}")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", admin)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(kubectl.directory / "admin")).start()
    kubectl.runtime.addresses["p1", 15000] = Address(path=str(kubectl.directory / "admin"))
    agent = ("exec", "p1", "-c", "istio-proxy", "--", "pilot-agent")
    said = await kubectl.run(*agent, "request", "GET", "stats?usedonly&filter=a%20b")
    assert said == "GET /stats?usedonly&filter=a%20b\n"
    assert "terminated with exit code 255" in await kubectl.run(*agent, "wait", code=255)
    shell = await kubectl.run("exec", "p1", "-c", "app", "--", "bash", "-c", "true", code=1)
    assert 'exec: "bash": executable file not found' in shell
    viewer = await kubectl.run("--context", "viewer", *agent, "request", "GET", "x", code=1)
    assert 'User "viewer" cannot create resource "pods/exec"' in viewer
    await runner.cleanup()
