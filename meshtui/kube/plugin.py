"""Credential plugins: the program a kubeconfig names to get a token or a certificate.

Run here and not by the kubernetes client, which hands the plugin the terminal a screen is drawn
on, logs its failure instead of telling it, and cannot end it when it hangs. As kubectl does it:
https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
https://github.com/kubernetes/client-go/blob/v0.36.3/plugin/pkg/client/auth/exec/exec.go
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.errors import Usage
from meshtui.kube.credential import FORBIDDEN_TEXT, VERSIONS, Credential, credential_of, failed
from meshtui.kube.plugin_policy import why_forbidden
from meshtui.kube.spawn import spawned
from meshtui.mesh import read
from meshtui.mesh.text import clean

NEVER, IF_AVAILABLE, ALWAYS = MODES = ("Never", "IfAvailable", "Always")
MOST_OUTPUT = 2**20
_GOODBYE_S = 1.0

_CLUSTER_FIELDS = {
    "tls-server-name": str,
    "insecure-skip-tls-verify": bool,
    "certificate-authority-data": str,
    "proxy-url": str,
    "disable-compression": bool,
}


@dataclass(frozen=True, slots=True)
class Plugin:
    """A user's `exec` field. `cluster` is told to the plugin where the field wants it."""

    command: str
    version: str
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    mode: str = IF_AVAILABLE
    hint: str = ""
    cluster: str = ""

    async def run(self, *, terminal: bool = False) -> Credential:
        """What the plugin answers; it is killed where the caller's time is up.

        `terminal`: it may speak with the person, where it wants to. Raises Unauthenticated in one
        line where it cannot be run, fails, or does not answer as it should.
        """
        interactive = self._interactive(terminal)
        return credential_of(self.command, self.version, await self._output(interactive))

    def _interactive(self, terminal: bool) -> bool:
        available = terminal and sys.stdin is not None and sys.stdin.isatty()
        if self.mode == ALWAYS and not available:
            raise failed(
                self.command,
                "it wants to ask you something (interactiveMode Always), and there is no terminal"
                " for it",
                "log in with kubectl first, or use a command of meshtui in a terminal",
            )
        return available and self.mode != NEVER

    async def _output(self, interactive: bool) -> bytes:
        program = shutil.which(self.command)
        if program is None:
            raise failed(self.command, "it was not found, or cannot be run", clean(self.hint, 300))
        forbidden = why_forbidden(self.command, program)
        if forbidden:
            raise failed(self.command, forbidden, "allow it there, or name a token in its place")
        # A session of its own has no terminal to read a password from or to draw on.
        starting = asyncio.create_subprocess_exec(
            program,
            *self.args,
            stdin=None if interactive else DEVNULL,
            stdout=PIPE,
            stderr=None if interactive else PIPE,
            env=self._environment(interactive),
            start_new_session=not interactive,
        )
        end = partial(_end, alone=not interactive)
        async with AsyncExitStack() as stack:
            try:
                process = await stack.enter_async_context(
                    spawned(starting, end, group=not interactive)
                )
            except (OSError, ValueError) as error:
                raise failed(self.command, str(error)) from error
            try:
                output, complaint = await _both(process)
                code = await process.wait()
            except _TooMuch:
                most = f"it printed more than {MOST_OUTPUT >> 20} MiB"
                raise failed(self.command, most) from None
        if code:
            words = complaint.decode("utf-8", "replace").strip()
            raise failed(self.command, f"it ended with {code}. {words}".strip(". "))
        return output

    def _environment(self, interactive: bool) -> dict[str, str]:
        spec: dict[str, Any] = {"interactive": interactive}
        if self.cluster:
            spec["cluster"] = json.loads(self.cluster)
        info = {"apiVersion": self.version, "kind": "ExecCredential", "spec": spec}
        return {**os.environ, **dict(self.env), "KUBERNETES_EXEC_INFO": json.dumps(info)}


def plugin_of(spec: Mapping[str, Any], cluster: Mapping[str, Any]) -> Plugin:
    """The plugin of an `exec` field. Raises Usage, naming what is wrong with the field.

    `cluster` is the kubeconfig's, with the data of its certificate authority.
    """
    command, version = read.text(spec, "command"), read.text(spec, "apiVersion")
    if not command or not version:
        raise Usage("the kubeconfig's exec has no command or no apiVersion")
    if version not in VERSIONS:
        raise Usage(
            f"the kubeconfig's exec is of apiVersion {clean(version, 80)}",
            f"there are: {', '.join(VERSIONS)}",
        )
    # Kubectl asks for it with apiVersion v1, and everybody else does not.
    mode = read.text(spec, "interactiveMode") or IF_AVAILABLE
    if mode not in MODES:
        raise Usage(
            f"the kubeconfig's exec has interactiveMode {clean(mode, 80)}",
            f"there are: {', '.join(MODES)}",
        )
    return Plugin(
        command,
        version,
        tuple(str(arg) for arg in read.items(spec, "args")),
        _variables(spec),
        mode,
        read.text(spec, "installHint"),
        _cluster_info(spec, cluster),
    )


def _variables(spec: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    found = tuple(
        (read.text(entry, "name"), str(entry.get("value", "")))
        for entry in read.objects(spec, "env")
    )
    if any(not name or "=" in name or FORBIDDEN_TEXT in name + value for name, value in found):
        raise Usage("the kubeconfig's exec has an env entry without a usable name")
    return found


def _cluster_info(spec: Mapping[str, Any], cluster: Mapping[str, Any]) -> str:
    """The JSON of the cluster as the plugin is told it; "" where it does not want to know."""
    if spec.get("provideClusterInfo") is not True:
        return ""
    cluster_info: dict[str, Any] = {"server": read.text(cluster, "server")}
    for name, kind in _CLUSTER_FIELDS.items():
        value = cluster.get(name)
        if isinstance(value, kind) and value:
            cluster_info[name] = value
    for entry in read.objects(cluster, "extensions"):
        if entry.get("name") == "client.authentication.k8s.io/exec":
            cluster_info["config"] = entry.get("extension")
    return json.dumps(cluster_info)


class _TooMuch(Exception):
    """More output than anything that makes sense."""


async def _both(process: Process) -> tuple[bytes, bytes]:
    """Standard output and error; nothing reads on where one of them is too much."""
    readers = [asyncio.create_task(_all(pipe)) for pipe in (process.stdout, process.stderr)]
    try:
        output, complaint = await asyncio.gather(*readers)
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.wait(readers)
    return output, complaint


async def _all(stream: asyncio.StreamReader | None) -> bytes:
    chunks, size = [], 0
    while stream is not None and (chunk := await stream.read(2**16)):
        chunks.append(chunk)
        size += len(chunk)
        if size > MOST_OUTPUT:
            raise _TooMuch
    return b"".join(chunks)


async def _end(process: Process, *, alone: bool) -> None:
    """With all that it started, where it has a session of its own."""
    if process.returncode is None:
        await _kill(process, alone=alone)
    # Pipes that somebody else holds open would be closed by the collector, after the loop.
    transport = getattr(process, "_transport", None)
    if transport is not None:
        transport.close()


async def _kill(process: Process, *, alone: bool) -> None:
    with contextlib.suppress(ProcessLookupError):
        if alone:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    # A pipe with unread output keeps asyncio from seeing the end: read what is left, while it
    # is not held open by one that escaped the killing.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GOODBYE_S):
            await process.communicate()
