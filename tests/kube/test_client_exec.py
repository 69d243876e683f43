"""Commands in a pod: against the lab's API server, and against one that does anything."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hostile import (
    Hostile,
    Reply,
    hostile_cluster,
    raw,
    silence,
    status,
    websocket,
    write_kubeconfig,
)
from lab_fixtures import ADMIN, PODS, VIEWER, Client, Lab, pod, running_lab

from meshtui.envoy.admin import admin_get, transport_to
from meshtui.envoy.admin_transports import EXEC, PORT_FORWARD
from meshtui.errors import MeshtuiError, NotAllowed, NotFound, Refused, Unreachable
from meshtui.kube.cluster import Cluster
from meshtui.kube.exec import Ended, run_in_pod
from meshtui.lab.api.access import exec_only, no_proxies
from meshtui.lab.contract import Address

EXEC_ONLY, NO_PROXIES = exec_only("exec-token"), no_proxies("no-token")
PATH = "/api/v1/namespaces/shop/pods/p/exec"
SUCCESS = b'\x03{"metadata":{},"status":"Success"}'
LARGE = 5_000_000


async def envoy(request: web.Request) -> web.Response:
    """An admin interface with a few pages."""
    match request.path_qs:
        case "/stats?filter=a%20b%7C%24c":
            return web.Response(text="narrow\n")
        case "/large":
            return web.Response(body=b"x" * LARGE)
        case "/wrong":
            return web.Response(status=400, text="no such filter")
        case _:
            return web.Response(status=404, text="invalid path")


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", envoy)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "admin")).start()
    async with running_lab((ADMIN, VIEWER, EXEC_ONLY, NO_PROXIES)) as running:
        running.store.put("", "pods", pod("p1", ("app", "istio-proxy")))
        running.runtime.addresses["p1", 15000] = Address(path=str(tmp_path / "admin"))
        yield running
    await runner.cleanup()


@pytest.fixture
async def anyone(lab: Lab, tmp_path: Path) -> AsyncIterator[Any]:
    """Connects as whoever has a token."""
    made: list[Cluster] = []

    async def connect(token: str) -> Cluster:
        config = write_kubeconfig(tmp_path / token, lab.client.url, {"token": token})
        made.append(await Cluster.connect(kubeconfig=config))
        return made[-1]

    yield connect
    for cluster in made:
        await cluster.close()


async def run(cluster: Cluster, *command: str, container: str = "istio-proxy") -> Ended:
    return await run_in_pod(cluster, "default", "p1", container, command, limit=2 * LARGE)


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_page_of_the_admin_interface_is_printed(anyone: Any, slash: str) -> None:
    path = f"{slash}stats?filter=a%20b%7C%24c"
    ended = await run(await anyone("exec-token"), "pilot-agent", "request", "GET", path)
    assert ended == Ended(0, b"narrow\n\n", b"")


async def test_much_output_is_whole(anyone: Any) -> None:
    ended = await run(await anyone("exec-token"), "pilot-agent", "request", "GET", "large")
    assert ended.stdout == b"x" * LARGE + b"\n"


async def test_a_page_that_is_not_there_comes_as_if_it_were_an_answer(anyone: Any) -> None:
    ended = await run(await anyone("exec-token"), "pilot-agent", "request", "GET", "nowhere")
    assert ended == Ended(0, b"invalid path\n", b"")


async def test_an_exit_code_is_an_answer(anyone: Any) -> None:
    ended = await run(await anyone("exec-token"), "pilot-agent", "request", "GET", "wrong")
    assert (ended.code, ended.stdout) == (255, b"")
    assert ended.stderr == b"Error: received unsuccessful status code 400: no such filter\n"


async def test_a_binary_that_is_not_there_is_refused(anyone: Any) -> None:
    admin = await anyone("admin-token")
    for command, container in (("bash", "istio-proxy"), ("pilot-agent", "app")):
        with pytest.raises(Refused, match=f'exec: "{command}": executable file not'):
            await run(admin, command, container=container)


async def test_a_container_that_is_not_there_is_refused(anyone: Any) -> None:
    with pytest.raises(Refused, match=r"exec in default/p1.*400.*does its container nosuch run"):
        await run(await anyone("admin-token"), "pilot-agent", container="nosuch")


async def test_a_pod_that_is_gone_is_not_found(anyone: Any, lab: Lab) -> None:
    lab.store.remove("", "pods", "default", "p1")
    with pytest.raises(NotFound, match="exec in default/p1"):
        await run(await anyone("admin-token"), "pilot-agent", "request", "GET", "large")


@pytest.mark.parametrize("token", ["viewer-token", "no-token"])
async def test_who_may_not_is_told_so(anyone: Any, token: str) -> None:
    with pytest.raises(NotAllowed, match="exec in default/p1"):
        await run(await anyone(token), "pilot-agent", "request", "GET", "large")


async def test_a_websocket_needs_create_besides_get(lab: Lab) -> None:
    forbidden = await Client(lab.client.url, lab.client.session, "viewer-token").get(
        f"{PODS}/p1/exec", command="sh", stdout="true"
    )
    assert forbidden.status == 403
    assert 'User "viewer" cannot create resource "pods/exec"' in forbidden.message


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"stdout": "true", "container": "app"}, "at least 1 command"),
        ({"command": "sh", "container": "app"}, "at least 1 of stdin, stdout, stderr"),
        ({"command": "sh", "stdout": "true"}, "a container name must be specified for pod p1"),
        ({"command": "sh", "stdout": "true", "container": "x"}, "container x is not valid for pod"),
        ({"command": "sh", "stdout": "true", "container": "app"}, "unable to upgrade"),
    ],
)
async def test_what_the_api_server_checks_first(lab: Lab, query: Any, said: str) -> None:
    answer = await lab.client.get(f"{PODS}/p1/exec", **query)
    assert answer.status == 400
    assert said in answer.message


# Which way to the proxy.


async def page(cluster: Cluster) -> bytes:
    return await admin_get(cluster, "default", "p1", "/stats?filter=a%20b%7C%24c")


@pytest.mark.parametrize(
    ("token", "way"),
    [("admin-token", PORT_FORWARD), ("viewer-token", PORT_FORWARD), ("exec-token", EXEC)],
)
async def test_the_proxy_says_the_same_by_either_way(anyone: Any, token: str, way: str) -> None:
    cluster = await anyone(token)
    assert await page(cluster) == b"narrow\n"
    assert transport_to(cluster, "default") == way


async def test_where_neither_is_allowed_both_are_named(anyone: Any) -> None:
    with pytest.raises(NotAllowed) as caught:
        await page(await anyone("no-token"))
    assert "neither port-forward to nor exec in default/p1" in caught.value.what
    assert "pods/portforward, or on pods/exec" in caught.value.hint


async def test_what_the_proxy_does_not_answer_is_told_in_the_agents_words(anyone: Any) -> None:
    with pytest.raises(Refused, match=r"answer /wrong: Error: .*status code 400: no such filter"):
        await admin_get(await anyone("exec-token"), "default", "p1", "/wrong")


async def test_a_proxy_that_does_not_run_is_told_in_the_agents_words(anyone: Any, lab: Lab) -> None:
    del lab.runtime.addresses["p1", 15000]
    with pytest.raises(Refused, match="connection refused"):
        await page(await anyone("exec-token"))


async def test_a_body_over_the_limit_is_refused_by_either_way(anyone: Any) -> None:
    for token in ("admin-token", "exec-token"):
        cluster = await anyone(token)
        with pytest.raises(Refused, match="more than"):
            await admin_get(cluster, "default", "p1", "/large", limit=LARGE - 1)
        assert len(await admin_get(cluster, "default", "p1", "/large", limit=LARGE)) == LARGE


# A server that does anything.


async def against(
    tmp_path: Path, reply: Reply, *, limit: int = 1000, within_s: float = 5.0
) -> tuple[Ended, Hostile]:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        hostile.on(PATH, reply)
        command = ("pilot-agent", "request", "GET", "/a?b=c&d")
        ended = await run_in_pod(
            cluster, "shop", "p", "istio-proxy", command, limit=limit, timeout=within_s
        )
        return ended, hostile


async def error_of(tmp_path: Path, reply: Reply, **options: Any) -> MeshtuiError:
    with pytest.raises(MeshtuiError) as caught:
        await against(tmp_path, reply, **options)
    assert "shop/p" in str(caught.value)
    return caught.value


async def test_the_command_goes_as_words_and_with_the_persons_token(tmp_path: Path) -> None:
    ended, hostile = await against(tmp_path, websocket(b"\x01", b"\x01a", b"\x02b", SUCCESS))
    assert ended == Ended(0, b"a", b"b")
    (asked,) = hostile.asked(PATH)
    assert asked.headers["authorization"] == "Bearer secret"
    assert asked.headers["sec-websocket-protocol"] == "v5.channel.k8s.io,v4.channel.k8s.io"
    assert asked.values("command") == ["pilot-agent", "request", "GET", "/a?b=c&d"]
    assert {k: asked.params[k] for k in ("container", "stdout", "stderr")} == {
        "container": "istio-proxy",
        "stdout": "true",
        "stderr": "true",
    }


async def test_frames_that_mean_nothing_are_passed_over(tmp_path: Path) -> None:
    frames = (b"", b"\x01", b"\xff\x01", b"\x07noise", b"\x00stdin", b"\x01a", SUCCESS)
    assert (await against(tmp_path, websocket(*frames)))[0] == Ended(0, b"a", b"")


async def test_output_that_comes_after_the_status_counts(tmp_path: Path) -> None:
    ended, _ = await against(tmp_path, websocket(SUCCESS, b"\x01late"))
    assert ended.stdout == b"late"


async def test_a_server_that_forgets_to_close_is_not_waited_for(tmp_path: Path) -> None:
    began = time.monotonic()
    ended, _ = await against(tmp_path, websocket(b"\x01a", SUCCESS, then=silence), within_s=60)
    assert ended.stdout == b"a"
    assert time.monotonic() - began < 30


def failed(**fields: Any) -> Reply:
    return websocket(b"\x03" + json.dumps({"status": "Failure", **fields}).encode())


def exit_status(*causes: Any) -> Reply:
    return failed(reason="NonZeroExitCode", message="m", details={"causes": causes})


async def test_the_exit_code_is_the_status_causes(tmp_path: Path) -> None:
    reply = exit_status({"reason": "x"}, 3, {"reason": "ExitCode", "message": "126"})
    assert (await against(tmp_path, reply))[0].code == 126


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (status(403, "no"), NotAllowed, "exec in shop/p"),
        (status(404, "no"), NotFound, "exec in shop/p"),
        (status(400, "no"), Refused, "does its container istio-proxy run"),
        (status(500, "no"), Refused, "does its container istio-proxy run"),
        (status(503, "no"), Unreachable, "try again"),
        (raw(b"SSH-2.0\r\n\r\n"), Unreachable, "exec"),
        (raw(b"", reset=True), Unreachable, "exec"),
        (websocket(), Unreachable, "ended before the command did"),
        (websocket(b"\x01part"), Unreachable, "ended before the command did"),
        (websocket(b"\x01part", then=raw(b"", reset=True)), Unreachable, "ended before"),
        (websocket(b"\x01part", then=raw(b"\xff" * 40)), Unreachable, "failed"),
        (websocket(b"\x03\xff{"), Unreachable, "cannot be read"),
        (websocket(b"\x03[]"), Unreachable, "cannot be read"),
        (websocket(b"\x03" + b"[" * 50_000), Unreachable, "cannot be read"),
        (failed(), Refused, "exec in shop/p"),
        (failed(code=404, message="container not found"), NotFound, "container not found"),
        (failed(code="x", message="say \x1b[31m"), Refused, r"say ^[[31m"),
        (exit_status({"reason": "ExitCode", "message": "many"}), Refused, "m"),
        (exit_status({"reason": "ExitCode", "message": "0"}), Refused, "m"),
    ],
)
async def test_every_other_end_is_a_named_error(
    tmp_path: Path, reply: Reply, kind: type[MeshtuiError], said: str
) -> None:
    error = await error_of(tmp_path, reply)
    assert isinstance(error, kind)
    assert said in str(error)


@pytest.mark.parametrize(
    "reply", [silence, websocket(then=silence), websocket(b"\x01part", then=silence)]
)
async def test_silence_ends_with_the_time(tmp_path: Path, reply: Reply) -> None:
    assert isinstance(await error_of(tmp_path, reply, within_s=0.2), Unreachable)


async def test_too_much_output_is_cut_off(tmp_path: Path) -> None:
    frames = [b"\x01" + b"x" * 500] * 3
    error = await error_of(tmp_path, websocket(*frames, then=silence))
    assert isinstance(error, Refused)
    assert "prints more than" in str(error)


async def test_too_long_an_error_text_is_cut_short(tmp_path: Path) -> None:
    frames = [b"\x02" + b"e" * 50_000] * 3
    ended, _ = await against(tmp_path, websocket(*frames, SUCCESS))
    assert len(ended.stderr) == 64 * 1024
