"""Names of a cluster that were read lately, for the completion of words: what is there at once.

A file for each kubeconfig and context, in the folder for caches. Who reads it waits for nothing,
but a moment for the very first names: a process of its own reads the cluster anew, and leaves a
mark where it fails, so that a cluster that does not answer is not asked at each key.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from meshtui.cache_file import read_json, write_json
from meshtui.mesh import read
from meshtui.paths import cache_dir, kubeconfig_paths
from meshtui.verbs.completing import Known

if TYPE_CHECKING:
    from meshtui.mesh.model import Mesh

FRESH_S = 30.0
AGAIN_S = 20.0
"""How soon a cluster is read again after an attempt, whatever became of it."""

READING_S = 15.0
OLD_S = 7 * 86_400.0
_LARGEST = 16 * 1024 * 1024

FIRST_S = 1.5
"""How long the first Tab of a context waits for its names: nothing is known without them."""


class Reading(Protocol):
    """The process that reads the names."""

    def wait(self, timeout: float) -> object: ...


Start = Callable[[list[str]], Reading | None]


def names_file(kubeconfig: str | None, context: str | None) -> Path:
    """The file of a context; another one when a kubeconfig has changed, and with it perhaps the
    current context."""
    mark: list[object] = [context or ""]
    for path in kubeconfig_paths(kubeconfig):
        with contextlib.suppress(OSError):
            found = path.stat()
            mark += [str(path.absolute()), found.st_mtime_ns, found.st_size]
    name = hashlib.sha256(json.dumps(mark).encode()).hexdigest()[:32]
    return cache_dir() / "names" / f"{name}.json"


def known_names(path: Path) -> Known:
    """What was read last; nothing where nothing was, or where it cannot be read."""
    found = read_json(path, _LARGEST)
    return Known() if found is None else parse_known(found)


def parse_known(found: Any) -> Known:
    services = {
        (read.text(one, "namespace"), read.text(one, "name")): read.texts(one, "versions")
        for one in read.objects(found, "services")
    }
    pods = {
        (read.text(one, "namespace"), read.text(one, "name")): read.text(one, "workload")
        for one in read.objects(found, "pods")
    }
    return Known(read.text(found, "namespace"), services, pods)


def names_json(mesh: Mesh, namespace: str) -> dict[str, Any]:
    """Services with their versions, and the pods with a proxy."""
    from meshtui.mesh.view import service_views

    return {
        "namespace": namespace,
        "services": [
            {
                "namespace": view.key.namespace,
                "name": view.key.name,
                "versions": [version.label for version in view.versions],
            }
            for view in service_views(mesh, None)
        ],
        "pods": [
            {"namespace": pod.namespace, "name": pod.name, "workload": pod.workload}
            for pod in mesh.pods
            if pod.sidecar
        ],
    }


def is_due(path: Path, now: float) -> bool:
    """Whether the names are old, and nobody has tried to read them lately."""
    return _age(path, now) >= FRESH_S and _age(_mark(path), now) >= AGAIN_S


def _age(path: Path, now: float) -> float:
    try:
        return abs(now - path.stat().st_mtime)
    except OSError:
        return float("inf")


def _mark(path: Path) -> Path:
    return path.with_suffix(".tried")


def refresh(path: Path, words: list[str], start: Start | None = None) -> None:
    """Has the names read anew by a process of its own, unless that is not due.

    It is waited for where no name is known at all, for a moment, and once. Raises nothing:
    completion goes on with what is there.
    """
    now = time.time()
    if not is_due(path, now):
        return
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _mark(path).touch(mode=0o600)
        os.utime(_mark(path))
        reading = (start or _start)(words)
        if reading is not None and not path.exists():
            _wait_for(reading)


def _wait_for(reading: Reading) -> None:
    import subprocess

    with contextlib.suppress(subprocess.TimeoutExpired):
        reading.wait(FIRST_S)


def _start(words: list[str]) -> Reading:
    import subprocess

    null = subprocess.DEVNULL
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "meshtui", *words],
        stdin=null, stdout=null, stderr=null, start_new_session=True,
    )  # fmt: skip


async def read_names(kubeconfig: str | None, context: str | None) -> None:
    """Reads the cluster and writes its names. Errors of the cluster, and OSError."""
    import asyncio

    from meshtui.operations.options import Options
    from meshtui.operations.session import Session

    path = names_file(kubeconfig, context)
    async with asyncio.timeout(READING_S):
        session = await Session.open(Options(kubeconfig=kubeconfig, context=context))
        try:
            found = names_json(await session.read_mesh(), session.cluster.namespace)
        finally:
            await session.close()
    await asyncio.to_thread(write_names, path, found)


def write_names(path: Path, found: dict[str, Any]) -> None:
    """The whole file or none of it; for nobody else to read. Old files of others go."""
    write_json(path, found)
    now = time.time()
    for other in path.parent.iterdir():
        if _age(other, now) > OLD_S:
            with contextlib.suppress(OSError):
                other.unlink()
