"""One command in a container of a pod, through the API server; never through a shell.

Protocol: `v4.channel.k8s.io` over WebSocket, or `v5`, which differs in what a client may send
only. Channel 1 is stdout, 2 stderr, 3 a `Status` that says how it ended. Who may: `channels.py`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import field
from typing import TYPE_CHECKING

from meshtui.dataclass import dataclass
from meshtui.errors import Refused, Unreachable
from meshtui.kube.channels import Channels, pod_ask
from meshtui.kube.failures import ServerFailed, failure
from meshtui.mesh import read

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")

_STDIN, _STDOUT, _STDERR, _STATUS = 0, 1, 2, 3
_FRAME = 32 * 1024
_MOST_WORDS = 64 * 1024
_AFTER_STATUS_S = 0.5


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has run: its exit code, all of its stdout, the beginning of its stderr."""

    code: int
    stdout: bytes
    stderr: bytes


@dataclass(slots=True)
class _Output:
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    status: bytearray = field(default_factory=bytearray)

    def feed(self, channel: int, data: bytes) -> None:
        if channel == _STDOUT:
            self.stdout += data
        elif channel in (_STDERR, _STATUS):
            words = self.stderr if channel == _STDERR else self.status
            words += data[: _MOST_WORDS - len(words)]


async def run_in_pod(
    cluster: Cluster,
    namespace: str,
    pod: str,
    container: str,
    command: Sequence[str],
    *,
    limit: int,
    timeout: float = 5.0,  # noqa: ASYNC109
) -> Ended:
    """Runs `command` to its end; `timeout` seconds are for all of it.

    An exit code that is not 0 is an answer. Raises NotAllowed, NotFound where the pod is gone,
    Refused where the container is not there, the command cannot be started or prints more than
    `limit` bytes, and Unreachable where it does not end in time or breaks off.
    """
    what = f"exec in {namespace}/{pod}"
    try:
        async with asyncio.timeout(timeout):
            channels = await _open(cluster, namespace, pod, container, command, timeout)
            try:
                output = await _collect(channels, what, limit)
            finally:
                await channels.close()
    except TimeoutError:
        raise Unreachable(f"{what} does not end within {timeout:g} s") from None
    code = _exit_code(output, channels, what, cluster.server)
    return Ended(code, bytes(output.stdout), bytes(output.stderr))


class Running:
    """A command that runs: its standard input and output. For one reader and one writer."""

    def __init__(self, channels: Channels, what: str, server: str) -> None:
        self._channels = channels
        self._what = what
        self._server = server
        self._output = _Output()

    async def write(self, data: bytes) -> None:
        """To its standard input. Raises Unreachable where the connection is gone."""
        for start in range(0, len(data), _FRAME):
            await self._channels.send(_STDIN, data[start : start + _FRAME])

    async def stdout(self) -> AsyncGenerator[bytes]:
        """What it prints, as it comes, to its end. Waits without limit."""
        while frame := await _next(self._channels, ended=bool(self._output.status)):
            self._output.feed(*frame)
            if self._output.stdout:
                yield bytes(self._output.stdout)
                self._output.stdout.clear()

    @property
    def ended(self) -> Ended:
        """How it ended, once its output has. Raises as `run_in_pod` does."""
        code = _exit_code(self._output, self._channels, self._what, self._server)
        return Ended(code, b"", bytes(self._output.stderr))


@asynccontextmanager
async def running_in_pod(
    cluster: Cluster,
    namespace: str,
    pod: str,
    container: str,
    command: Sequence[str],
    *,
    timeout: float = 5.0,  # noqa: ASYNC109
) -> AsyncIterator[Running]:
    """Starts `command` within `timeout` seconds. Its standard input ends with the block, or with
    the connection. Raises as `run_in_pod` does.
    """
    what = f"exec in {namespace}/{pod}"
    channels = await _open(cluster, namespace, pod, container, command, timeout, stdin=True)
    try:
        yield Running(channels, what, cluster.server)
    finally:
        await channels.close()


async def _open(
    cluster: Cluster,
    namespace: str,
    pod: str,
    container: str,
    command: Sequence[str],
    timeout_s: float,
    *,
    stdin: bool = False,
) -> Channels:
    params = {
        **({"stdin": "true"} if stdin else {}),
        "command": tuple(command),
        "container": container,
        "stdout": "true",
        "stderr": "true",
    }
    ask = pod_ask(namespace, pod, "exec", params)
    try:
        what = f"exec in {namespace}/{pod}"
        return await cluster.upgrade(ask, what, PROTOCOLS, timeout=timeout_s)
    except (Refused, ServerFailed) as error:
        # A kubelet without that container is a 500.
        raise Refused(error.what, f"does its container {container} run?") from error


async def _collect(channels: Channels, what: str, limit: int) -> _Output:
    """Everything up to the end of the connection, which comes soon after the status."""
    output = _Output()
    while frame := await _next(channels, ended=bool(output.status)):
        output.feed(*frame)
        if len(output.stdout) > limit:
            raise Refused(f"{what} prints more than {limit >> 20} MiB")
    return output


async def _next(channels: Channels, *, ended: bool) -> tuple[int, bytes] | None:
    if not ended:
        return await channels.receive()
    with suppress(TimeoutError):
        async with asyncio.timeout(_AFTER_STATUS_S):
            return await channels.receive()
    return None


def _exit_code(output: _Output, channels: Channels, what: str, server: str) -> int:
    """What the status says; without one the output may be cut off, and is not to be used."""
    if not output.status:
        raise channels.broken("the connection ended before the command did", "try again")
    try:
        status = json.loads(output.status)
    except (ValueError, RecursionError):
        status = None
    if not isinstance(status, dict):
        raise channels.broken("how the command ended cannot be read")
    if status.get("status") == "Success":
        return 0
    code = _exit_code_of(status)
    if code is not None:
        return code
    number = read.integer(status, "code")
    # That the command cannot be started is a 500 of the kubelet's, and no fault of the server.
    known = number if 400 <= number < 500 else 400
    raise failure(known, bytes(output.status), what, server)


def _exit_code_of(status: dict[str, object]) -> int | None:
    """The exit code of a command that ran and failed; None where the status is of something else.

    As in k8s.io/client-go/tools/remotecommand/v4.go.
    """
    if status.get("reason") != "NonZeroExitCode":
        return None
    for cause in read.objects(read.obj(status, "details"), "causes"):
        text = read.text(cause, "message")
        if cause.get("reason") == "ExitCode" and text.isascii() and text.isdigit():
            return int(text[:9]) or None
    return None
