"""`curl` in an application's container: enough of it for one request through the pod's sidecar.

What it prints and how it ends is taken from curl 7.88 in a pod of a real mesh.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import aiohttp
from yarl import URL

from meshtui.lab.contract import Address

_SWITCHES = frozenset(
    {"-q", "-s", "--silent", "-S", "--show-error", "-g", "--globoff", "--path-as-is", "--http1.1"}
)
_VALUES = {
    "-o": "output", "--output": "output",
    "-D": "dump", "--dump-header": "dump",
    "-w": "write", "--write-out": "write",
    "-X": "method", "--request": "method",
    "-m": "timeout", "--max-time": "timeout",
    "--noproxy": "noproxy",
}  # fmt: skip
_NOT_CONNECTED, _TIMED_OUT, _EMPTY, _WRONG = 7, 28, 52, 2


class Curled(NamedTuple):
    """What it printed, and its exit code."""

    stdout: bytes = b""
    stderr: bytes = b""
    code: int = 0


@dataclass(slots=True)
class _Options:
    url: str = ""
    values: dict[str, str] = field(default_factory=dict)
    headers: list[tuple[str, str]] = field(default_factory=list)
    head: bool = False

    @property
    def method(self) -> str:
        return "HEAD" if self.head else self.values.get("method", "GET")

    @property
    def timeout_s(self) -> float:
        return float(self.values.get("timeout") or 60.0)


def port_of(words: Sequence[str]) -> int:
    """The port that the last word, the URL, names."""
    return URL(words[-1], encoded=True).port or 0 if words else 0


async def curl(words: Sequence[str], sidecar: Address | None) -> Curled:
    """`curl WORDS`; `sidecar` is where the sidecar takes what goes to the URL's port."""
    options, unknown = _parse(words)
    if unknown or not options.url:
        why = f"option {unknown}: is unknown" if unknown else "no URL specified!"
        return Curled(stderr=f"curl: {why}\n".encode(), code=_WRONG)
    url = URL(options.url, encoded=True)
    if sidecar is None:
        return _failed(options, _NOT_CONNECTED, f"Failed to connect to {url.host} port {url.port}")
    begun = time.monotonic()
    try:
        async with asyncio.timeout(options.timeout_s):
            return await _request(options, url, sidecar, begun)
    except TimeoutError:
        ms = options.timeout_s * 1000
        return _failed(options, _TIMED_OUT, f"Operation timed out after {ms:.0f} milliseconds")
    except aiohttp.ClientError:
        return _failed(options, _EMPTY, "Empty reply from server")


def _parse(words: Sequence[str]) -> tuple[_Options, str]:
    options, left = _Options(), list(words)
    while left:
        word = left.pop(0)
        if word in ("-I", "--head"):
            options.head = True
        elif word in ("-H", "--header") and left:
            name, _, value = left.pop(0).removesuffix(";").partition(":")
            options.headers.append((name, value.strip()))
        elif word in _VALUES and left:
            options.values[_VALUES[word]] = left.pop(0)
        elif word.startswith("-") and word not in _SWITCHES:
            return options, word
        elif not word.startswith("-"):
            options.url = word
    return options, ""


async def _request(options: _Options, url: URL, sidecar: Address, begun: float) -> Curled:
    given = {name.lower() for name, _ in options.headers}
    own = {"host": url.authority, "user-agent": "curl/7.88.1", "accept": "*/*"}
    headers = [*((n, v) for n, v in own.items() if n not in given), *options.headers]
    target = URL.build(scheme="http", host=sidecar.host, port=sidecar.port).join(
        URL(url.raw_path_qs, encoded=True)
    )
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.request(
            options.method,
            target,
            headers=headers,
            allow_redirects=False,
            skip_auto_headers=("accept-encoding", "content-type"),
        ) as response,
    ):
        local = _local(response)
        body = await response.read()
        raw = b"".join(name + b": " + value + b"\r\n" for name, value in response.raw_headers)
        status = f"HTTP/1.1 {response.status} {response.reason or ''}\r\n".encode()
        head = status + raw + b"\r\n" if options.values.get("dump") == "-" else b""
    hidden = options.head or options.values.get("output") == "/dev/null"
    trailer = _written(options, response.status, time.monotonic() - begun, len(body), local)
    return Curled(head + (b"" if hidden else body) + trailer)


def _local(response: aiohttp.ClientResponse) -> tuple[str, int]:
    """Curl's end of the connection, where that was not given back yet."""
    transport = response.connection.transport if response.connection is not None else None
    found = transport.get_extra_info("sockname") if transport is not None else None
    return (str(found[0]), int(found[1])) if found else ("", 0)


def _failed(options: _Options, code: int, why: str) -> Curled:
    return Curled(_written(options, 0, 0.0, 0), f"curl: ({code}) {why}\n".encode(), code)


def _written(
    options: _Options, status: int, seconds: float, size: int, local: tuple[str, int] = ("", 0)
) -> bytes:
    text = options.values.get("write", "").replace("\\n", "\n")
    for name, value in (
        ("http_code", f"{status:03}"),
        ("time_total", f"{seconds:.6f}"),
        ("size_download", str(size)),
        ("local_ip", local[0]),
        ("local_port", str(local[1])),
    ):
        text = text.replace(f"%{{{name}}}", value)
    return text.encode()
