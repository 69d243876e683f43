"""Credential plugins: the program a kubeconfig names to get a token or a certificate.

Run here and not by the kubernetes client, which hands the plugin the terminal a screen is drawn
on, logs its failure instead of telling it, and cannot end it when it hangs. Protocol:
https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from typing import Any

from meshtui.errors import Usage
from meshtui.kube.failures import Unauthenticated
from meshtui.mesh import read
from meshtui.mesh.text import clean

_TRY_BY_HAND = "run `kubectl version` to see what the credential plugin wants"


async def plugin_credentials(spec: Mapping[str, Any]) -> dict[str, str]:
    """Run the plugin of a user's `exec` field; gives the user's fields it stands for.

    The plugin gets no terminal. It is killed where the caller's time is up. Raises
    Unauthenticated with the plugin's own words where it fails, and Usage where `spec` is not
    complete.
    """
    command, version = read.text(spec, "command"), read.text(spec, "apiVersion")
    if not command or not version:
        raise Usage("the kubeconfig's exec has no command or no apiVersion")
    output = await _output(spec, command, version)
    try:
        credential = json.loads(output)
    except (ValueError, RecursionError) as error:
        raise _failed(command, "it did not answer with JSON") from error
    if read.text(credential, "apiVersion") != version:
        raise _failed(command, f"it did not answer with an ExecCredential of {version}")
    return _fields(command, read.obj(credential, "status"))


async def _output(spec: Mapping[str, Any], command: str, version: str) -> bytes:
    args = [str(arg) for arg in read.items(spec, "args")]
    try:
        # A session of its own has no terminal to read a password from or to draw on.
        process = await asyncio.create_subprocess_exec(
            command,
            *args,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            env=_environment(spec, version),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = f"{error}. {read.text(spec, 'installHint')}".strip(". ")
        raise _failed(command, why) from error
    try:
        output, complaint = await process.communicate()
    finally:
        await _end(process)
    if process.returncode:
        words = complaint.decode("utf-8", "replace").strip()
        raise _failed(command, f"it ended with {process.returncode}. {words}".strip(". "))
    return output


async def _end(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _environment(spec: Mapping[str, Any], version: str) -> dict[str, str]:
    added = {read.text(v, "name"): read.text(v, "value") for v in read.objects(spec, "env")}
    info = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
    return {**os.environ, **added, "KUBERNETES_EXEC_INFO": json.dumps(info)}


def _fields(command: str, status: Mapping[str, Any]) -> dict[str, str]:
    token = read.text(status, "token")
    certificate = read.text(status, "clientCertificateData")
    key = read.text(status, "clientKeyData")
    fields = {"token": token} if token else {}
    if certificate and key:
        fields["client-certificate-data"] = base64.b64encode(certificate.encode()).decode()
        fields["client-key-data"] = base64.b64encode(key.encode()).decode()
    if not fields:
        raise _failed(command, "it gave neither a token nor a certificate")
    return fields


def _failed(command: str, why: str) -> Unauthenticated:
    return Unauthenticated(
        f"cannot log in: the credential plugin {clean(command, 80)} failed: {clean(why, 300)}",
        _TRY_BY_HAND,
    )
