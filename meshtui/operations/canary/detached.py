"""A canary in a process of its own, which goes on when the screen that started it is gone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from meshtui.dataclass import dataclass
from meshtui.errors import Exit, MeshtuiError, Refused
from meshtui.mesh.model import ServiceKey
from meshtui.mesh.text import clean
from meshtui.metrics.prometheus_access import Access, read_headers
from meshtui.operations.canary.lease import ServiceLease
from meshtui.operations.options import Options
from meshtui.operations.session import Session
from meshtui.paths import state_dir

PROGRAM = (sys.executable, "-m", "meshtui")
LOGS = 20
"""How many logs are kept."""

_LOOK_S, _LOOKS = 0.5, 120
_LAST = 4096
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
_running: set[subprocess.Popen[bytes]] = set()


@dataclass(frozen=True, slots=True)
class StartedRun:
    """The process that was started. `driver` is its name in the Lease, empty where it does not
    have it yet. `ended` is its last line where it is over already, as an abort soon is.
    """

    log: Path
    driver: str = ""
    ended: str = ""


async def start_run(session: Session, service: ServiceKey, words: Sequence[str]) -> StartedRun:
    """Starts `meshtui canary WORDS` for `service`, and waits until it drives or is over.

    Raises `Refused` where somebody drives it already, or with the last line of a process that
    ended in vain.
    """
    if session.options.read_only:
        raise Refused("read-only: nothing can be changed from here")
    lease = ServiceLease(session.cluster, service)
    await lease.refuse_driven()
    context = session.cluster.context
    process = await asyncio.to_thread(_started, session.options, context, service, words)
    ended = _reaped(process.popen)
    for _ in range(_LOOKS):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_S):
                await ended.wait()
            return _over(process, service)
        driver = await _driver(lease)
        if driver.endswith(f"/{process.popen.pid}"):
            return StartedRun(process.log, driver)
    return StartedRun(process.log)


async def _driver(lease: ServiceLease) -> str:
    """Who drives now; what cannot be read now may be the next time."""
    with contextlib.suppress(MeshtuiError):
        holder = await lease.holder()
        return clean(holder.who, 120) if holder is not None and holder.live else ""
    return ""


def _over(process: _Process, service: ServiceKey) -> StartedRun:
    last = last_line(process.log)
    if process.popen.returncode in (Exit.DONE, Exit.ROLLED_BACK):
        return StartedRun(process.log, ended=last)
    raise Refused(last or f"the canary of {service} ended at once ({process.popen.returncode})")


@dataclass(frozen=True, slots=True)
class _Process:
    popen: subprocess.Popen[bytes]
    log: Path


def _started(options: Options, context: str, service: ServiceKey, words: Sequence[str]) -> _Process:
    """A leader of a session of its own: what ends the terminal or the screen does not end it."""
    with _headers(options) as headers, _log_file() as (made, log):
        handed = (headers.fileno(),) if headers is not None else ()
        try:
            popen = subprocess.Popen(  # noqa: S603
                [*PROGRAM, "canary", *words, *arguments_of(options, context, *handed)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=handed,
            )
        except OSError as error:
            made.unlink(missing_ok=True)
            raise MeshtuiError(f"no process can be started ({error})") from error
    named = log_path(service, popen.pid)
    with contextlib.suppress(OSError):
        made = made.rename(named)
    return _Process(popen, made)


def _reaped(popen: subprocess.Popen[bytes]) -> asyncio.Event:
    """Set when the process is over. A thread waits for it, so that none is left as a zombie."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    _running.add(popen)

    def reap() -> None:
        popen.wait()
        _running.discard(popen)
        with contextlib.suppress(RuntimeError):  # the screen is gone already
            loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=reap, daemon=True).start()
    return ended


def end_started(within_s: float) -> None:
    """Ends what was started here, each on hold: where its cluster ends with us, as a demo's."""
    for popen in tuple(_running):
        popen.terminate()
    until = time.monotonic() + within_s
    while _running and time.monotonic() < until:
        time.sleep(0.05)


# How it is told the cluster


def arguments_of(options: Options, context: str, headers: int | None = None) -> list[str]:
    """`options` as the command line has them; no secret is among them, as anybody sees them.

    `headers` is an open file that holds them, one a line. What the config file says is read by the
    process itself. Raises `Refused` where a secret could be given in no other way.
    """
    access, config = options.access, options.config
    prometheus = options.prometheus if options.prometheus != (config.prometheus or "auto") else ""
    if re.search(r"://[^/?#]*@", prometheus):
        raise Refused(
            "a new process would show the password in the address of Prometheus",
            "give --prometheus-basic-file, or write the address in the config file",
        )
    given = {
        "kubeconfig": options.kubeconfig,
        "context": context,
        "namespace": options.namespace,
        "prometheus": prometheus,
        "prometheus-match": str(access.scope),
        "prometheus-token-file": access.token_file,
        "prometheus-basic-file": access.basic_file,
        "prometheus-header": f"@/dev/fd/{headers}" if headers is not None else "",
    }
    return [f"--{name}={value}" for name, value in given.items() if value]


@contextmanager
def _headers(options: Options) -> Iterator[BinaryIO | None]:
    """The headers that the config file does not have, in a file without a name."""
    access: Access = options.access
    texts = options.config.prometheus_headers
    if not access.headers or access.headers == tuple(h for t in texts for h in read_headers(t)):
        yield None
        return
    with _unnamed() as file:
        file.write("".join(f"{name}: {value}\n" for name, value in access.headers).encode())
        file.flush()
        yield file


def _unnamed() -> BinaryIO:
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("headers"), "w+b")
    return tempfile.TemporaryFile()


# What it prints


def log_path(service: ServiceKey, pid: int | str) -> Path:
    name = _UNFIT.sub("_", f"{service.namespace}.{service.name}")[:150]
    return state_dir() / "canaries" / f"{name}-{pid}.log"


def log_of(service: ServiceKey, driver: str) -> Path | None:
    """What the driver prints, where it was started from a screen on this machine."""
    place, _, pid = driver.rpartition("/")
    if place.rpartition("@")[2] != socket.gethostname() or not pid.isdigit():
        return None
    path = log_path(service, pid)
    return path if path.is_file() else None


@contextmanager
def _log_file() -> Iterator[tuple[Path, BinaryIO]]:
    """A new file for its owner's eyes only; of the others the newest are kept."""
    folder = state_dir() / "canaries"
    path = folder / f"starting-{secrets.token_hex(4)}.log"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _tidy(folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_APPEND
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        raise MeshtuiError(
            f"{folder} cannot be written ({error})", "set XDG_STATE_HOME to a place that can"
        ) from error
    with os.fdopen(descriptor, "wb") as file:
        yield path, file


def _tidy(folder: Path) -> None:
    with contextlib.suppress(OSError):
        files = sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime)
        for path in files[: 1 - LOGS]:
            path.unlink()


def last_line(path: Path) -> str:
    """The last that was printed, without the program's name."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST))
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return clean(lines[-1], 400).removeprefix("meshtui: ") if lines else ""
