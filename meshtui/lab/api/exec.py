"""Commands in a pod's containers over a WebSocket: Istio's agent, an application's curl, sh and
python3, a gateway's sh, and nothing else.

Each message's first byte is its channel: 1 stdout, 2 stderr, 3 the Status at the end.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from contextlib import ExitStack
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from yarl import URL

from meshtui.lab.api import podlog, status, writes
from meshtui.lab.api.call import Call
from meshtui.lab.api.curl import curl, port_of
from meshtui.lab.api.programs import OF_PROXY, PROGRAMS, path_of, run_program
from meshtui.lab.contract import Address, Obj

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
ADMIN = 15000

_AGENT = ("pilot-agent", "/usr/local/bin/pilot-agent")
_PROXY = "istio-proxy"
_STDOUT, _STDERR, _STATUS = 1, 2, 3
_CHUNK = 32 * 1024
_FAILED = 255
_TIMEOUT = aiohttp.ClientTimeout(total=60)


@dataclass(frozen=True, slots=True)
class _Ended:
    """A command that has run; what it printed, and its exit code."""

    stdout: bytes = b""
    stderr: bytes = b""
    code: int = 0

    @property
    def status(self) -> Obj:
        if not self.code:
            return {"metadata": {}, "status": "Success"}
        return {
            "metadata": {},
            "status": "Failure",
            "message": f"command terminated with non-zero exit code: exit status {self.code}",
            "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": str(self.code)}]},
        }


async def answer_exec(call: Call) -> web.StreamResponse:
    """Checked as the API server does, then run as the kubelet would."""
    target, request = call.target, call.request
    pod = writes.existing(call.store, target)
    container = podlog.container_of(pod, target.query.get("container", ""))
    command = request.query.getall("command", [])
    if not command:
        raise status.bad_request("you must specify at least 1 command for the container")
    if not any(target.flag(name) for name in ("stdin", "stdout", "stderr")):
        raise status.bad_request("you must specify at least 1 of stdin, stdout, stderr")
    socket = web.WebSocketResponse(protocols=PROTOCOLS, max_msg_size=0)
    offered = request.headers.get("Sec-WebSocket-Protocol", "")
    known = {p.strip() for p in offered.split(",")} & {*PROTOCOLS}
    if not socket.can_prepare(request) or not known:
        raise status.bad_request(
            f"unable to upgrade: only WebSocket with {' or '.join(PROTOCOLS)} is served"
        )
    await socket.prepare(request)
    if _runs_here(call, container, command[0]):
        await _program(call, socket, container, command)
        await socket.close()
        return socket
    running = asyncio.ensure_future(_answer(call, socket, container, command))
    listening = asyncio.ensure_future(_ignore(socket))
    try:
        await asyncio.wait((running, listening), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (running, listening):
            task.cancel()
        await asyncio.gather(running, listening, return_exceptions=True)
        await socket.close()
    return socket


def _runs_here(call: Call, container: str, name: str) -> bool:
    """Istio's image has a shell and no Python; a sidecar's is no place to send from."""
    if container != _PROXY:
        return name in PROGRAMS
    pod = (call.target.namespace, call.target.name)
    return name == "sh" and call.server.runtime.outbound(*pod, ADMIN) is None


async def _program(
    call: Call, socket: web.WebSocketResponse, container: str, command: list[str]
) -> None:
    pod, runtime = (call.target.namespace, call.target.name), call.server.runtime

    def place(port: int) -> Address | None:
        """A gateway listens on its ports itself."""
        return runtime.outbound(*pod, port) or runtime.address(*pod, port)

    for channel in (_STDOUT, _STDERR, _STATUS):
        await socket.send_bytes(bytes([channel]))
    with ExitStack() as opened:
        own = container == _PROXY
        path = opened.enter_context(path_of(OF_PROXY)) if own else os.environ["PATH"]
        code = await run_program(socket, command[0], command[1:], place, path)
    if not socket.closed:
        await _send(socket, _STATUS, json.dumps(_Ended(code=code).status).encode())


async def _ignore(socket: web.WebSocketResponse) -> None:
    """The agent reads no stdin; returns when the client has gone."""
    async for _ in socket:
        pass


async def _answer(
    call: Call, socket: web.WebSocketResponse, container: str, command: list[str]
) -> None:
    for channel in (_STDOUT, _STDERR, _STATUS):
        await socket.send_bytes(bytes([channel]))
    ended = await _run(call, container, command)
    if ended is None:
        await _send(socket, _STATUS, json.dumps(_cannot_start(command[0])).encode())
        return
    for channel, wanted, data in (
        (_STDOUT, "stdout", ended.stdout),
        (_STDERR, "stderr", ended.stderr),
    ):
        if call.target.flag(wanted):
            await _send(socket, channel, data)
    await _send(socket, _STATUS, json.dumps(ended.status).encode())


async def _run(call: Call, container: str, command: list[str]) -> _Ended | None:
    """None where the container has no such program."""
    name, words = command[0], command[1:]
    pod, runtime = (call.target.namespace, call.target.name), call.server.runtime
    if container == _PROXY and name in _AGENT:
        return await _agent(runtime.address(*pod, ADMIN), words)
    if container != _PROXY and name == "curl":
        return _Ended(*await curl(words, runtime.outbound(*pod, port_of(words))))
    return None


async def _send(socket: web.WebSocketResponse, channel: int, data: bytes) -> None:
    for start in range(0, len(data), _CHUNK):
        await socket.send_bytes(bytes([channel]) + data[start : start + _CHUNK])


def _cannot_start(binary: str) -> Obj:
    """What containerd says of a binary that the container does not have."""
    message = (
        "Internal error occurred: error executing command in container: failed to exec in "
        f'container: failed to start exec "{secrets.token_hex(32)}": OCI runtime exec failed: '
        "exec failed: unable to start container process: "
        f'exec: "{binary}": executable file not found in $PATH: unknown'
    )
    details = {"causes": [{"message": message.partition(": ")[2]}]}
    failed = status.ApiError(500, "InternalError", message, details)
    return failed.to_json()


async def _agent(address: Address | None, words: list[str]) -> _Ended:
    """`pilot-agent WORDS`, as Istio's does: the body on stdout, an error on stderr."""
    if words[:1] != ["request"]:
        return _wrong(f'unknown command "{" ".join(words[:1])}" for "pilot-agent"')
    method, path, body = [*words[1:4], "", "", ""][:3]
    if not path:
        return _wrong(f"requires at least 2 arg(s), only received {len(words) - 1}")
    url = f"http://localhost:{ADMIN}/{path.removeprefix('/')}"
    if address is None:
        return _wrong(f'{method} "{url}": dial tcp 127.0.0.1:{ADMIN}: connect: connection refused')
    try:
        code, answer = await _request(address, method, url, body)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return _wrong(f'{method} "{url}": {error}')
    if code > 399 and code != 404:
        return _wrong(
            f"received unsuccessful status code {code}: {answer.decode('utf-8', 'replace')}"
        )
    return _Ended(answer + b"\n")


async def _request(address: Address, method: str, url: str, body: str) -> tuple[int, bytes]:
    connector: aiohttp.BaseConnector = (
        aiohttp.UnixConnector(path=address.path) if address.path else aiohttp.TCPConnector()
    )
    if not address.path:
        url = url.replace(f"localhost:{ADMIN}", f"{address.host}:{address.port}", 1)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as session,
        session.request(method, URL(url, encoded=True), data=body or None) as response,
    ):
        return response.status, await response.read()


def _wrong(message: str) -> _Ended:
    return _Ended(stderr=f"Error: {message}\n".encode(), code=_FAILED)
