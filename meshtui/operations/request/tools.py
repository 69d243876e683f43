"""What can send a request from within a container: curl, Python or wget. Pure.

Each takes the request as arguments, never through a shell, and its output is read as what it is:
text from somebody else's container.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Sequence

from meshtui.dataclass import dataclass
from meshtui.mesh.json_text import decode
from meshtui.mesh.request import SAFE_METHODS

MOST_HEADERS = 100
_MARK = "meshtui-sent"
_STATUS_LINE = re.compile(r"HTTP/\d(?:\.\d)? +(\d{3})(?: |$)", re.ASCII)
_WGET_STATUS = re.compile(r"server returned error: HTTP/\d\.\d (\d{3})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A plain HTTP request: `host` and `port` are connected to, `authority` is the Host header,
    `target` the path with its query.
    """

    method: str
    host: str
    port: int
    authority: str
    target: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    timeout_s: float = 10.0

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}{self.target}"

    @property
    def sent(self) -> tuple[tuple[str, str], ...]:
        """The headers that go out; a request without a body says so."""
        empty = () if self.method in SAFE_METHODS else (("content-length", "0"),)
        return ("host", self.authority), *self.headers, *empty


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: code 0 and `trouble` where nothing did. Seconds, and bytes of the body.

    `local` is the sender's end of the connection, `10.0.0.9:41002`, empty where it is not told.
    """

    code: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    seconds: float | None = None
    size: int | None = None
    trouble: str = ""
    notes: tuple[str, ...] = ()
    local: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that sends a request: its arguments, and what its output means."""

    name: str
    command: Callable[[Outgoing], tuple[str, ...]]
    read: Callable[[int, str, str], Answer]
    """From the exit code, stdout and stderr."""

    methods: tuple[str, ...] = ()
    """Those that it can send; empty for all."""

    def can(self, method: str) -> bool:
        return not self.methods or method in self.methods


_WRITTEN = "%{http_code} %{time_total} %{size_download} %{local_ip} %{local_port}"


def _curl(outgoing: Outgoing) -> tuple[str, ...]:
    head = ("--head",) if outgoing.method == "HEAD" else ("--request", outgoing.method)
    headers = (
        part
        for name, value in outgoing.sent
        for part in ("--header", f"{name}: {value}" if value else f"{name};")
    )
    return (
        *("curl", "-q", "--silent", "--show-error", "--globoff", "--path-as-is"),
        *("--noproxy", "*", "--http1.1", "--max-time", f"{outgoing.timeout_s:g}"),
        *("--output", "/dev/null", "--dump-header", "-"),
        *("--write-out", f"\\n{_MARK} {_WRITTEN}\\n"),
        *head,
        *headers,
        outgoing.url,
    )


def _read_curl(exit_code: int, stdout: str, stderr: str) -> Answer:
    before, _, after = stdout.rpartition(f"\n{_MARK} ")
    code, seconds, size, ip, port = [*after.split(), *[""] * 5][:5]
    found = Answer(
        _code(code),
        _last_block(before),
        _seconds(seconds),
        _size(size),
        notes=_unread(exit_code),
        local=local_end(ip, port),
    )
    if exit_code and not found.code:
        trouble = _words(stderr) or f"curl ends with {exit_code}"
        return Answer(trouble=trouble, local=found.local)
    return found if found.code else Answer(trouble="what curl prints cannot be read")


def _unread(exit_code: int) -> tuple[str, ...]:
    return (f"the answer broke off (curl ends with {exit_code})",) if exit_code else ()


_SCRIPT = """
import http.client, json, sys, time
a = json.loads(sys.argv[1])
t = time.time()
l = ["", ""]
try:
    c = http.client.HTTPConnection(a["host"], a["port"], timeout=a["timeout"])
    c.putrequest(a["method"], a["target"], skip_host=True, skip_accept_encoding=True)
    for n, v in a["headers"]:
        c.putheader(n, v.encode("utf-8"))
    c.endheaders()
    l = [str(p) for p in c.sock.getsockname()[:2]]
    r = c.getresponse()
    s, broken = 0, ""
    try:
        while True:
            b = r.read(65536)
            if not b:
                break
            s += len(b)
        if r.length:
            broken = "%d bytes are missing" % r.length
    except Exception as e:
        broken = repr(e)
    o = {"code": r.status, "headers": r.getheaders(), "size": s, "broken": broken}
except Exception as e:
    o = {"trouble": str(e) or repr(e)}
o["seconds"] = time.time() - t
o["local"] = l
print(json.dumps(o))
"""


def _python(outgoing: Outgoing) -> tuple[str, ...]:
    asked = {
        "host": outgoing.host.strip("[]"),
        "port": outgoing.port,
        "method": outgoing.method,
        "target": outgoing.target,
        "headers": outgoing.sent,
        "timeout": outgoing.timeout_s,
    }
    return ("python3", "-I", "-c", _SCRIPT, json.dumps(asked))


def _read_python(exit_code: int, stdout: str, stderr: str) -> Answer:
    try:
        found = decode(stdout.encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return Answer(trouble=_words(stderr) or f"what Python prints cannot be read ({exit_code})")
    code, ends = _code(str(found.get("code", ""))), found.get("local")
    local = local_end(*map(str, ends)) if isinstance(ends, list) and len(ends) == 2 else ""
    if not code:
        return Answer(trouble=str(found.get("trouble") or "no answer"), local=local)
    pairs = found.get("headers")
    headers = tuple(
        (str(pair[0]), str(pair[1]))
        for pair in (pairs if isinstance(pairs, list) else ())[:MOST_HEADERS]
        if isinstance(pair, list) and len(pair) == 2
    )
    broken = found.get("broken")
    notes = (f"the answer broke off ({broken})",) if broken else ()
    seconds = _seconds(str(found.get("seconds", "")))
    size = _size(str(found.get("size", "")))
    return Answer(code, headers, seconds, size, notes=notes, local=local)


def _wget(outgoing: Outgoing) -> tuple[str, ...]:
    """What GNU's and busybox's have in common: one try (busybox makes no other), no proxy, and no
    time limit of its own, which an old busybox does not survive."""
    headers = (part for name, value in outgoing.sent for part in ("--header", f"{name}: {value}"))
    return (
        *("wget", "-S", "-Y", "off", "-t", "1", "-O", "/dev/null"),
        *headers,
        outgoing.url,
    )


def _read_wget(exit_code: int, stdout: str, stderr: str) -> Answer:
    """It has no times and no size, and follows redirects: the first answer is the one asked for."""
    blocks = _blocks("\n".join(line for line in stderr.split("\n") if line.startswith("  ")))
    if blocks:
        lines = blocks[0]
        status = _STATUS_LINE.match(lines[0])
        moved = ("wget followed a redirect: it sent more than this request",)
        notes = moved if len(blocks) > 1 else ()
        return Answer(_code(status[1]) if status else 0, _headers(lines[1:]), notes=notes)
    refused = _WGET_STATUS.search(stderr)
    if refused:
        return Answer(_code(refused[1]))
    return Answer(trouble=_words(stderr) or f"wget ends with {exit_code}")


TOOLS: Sequence[Tool] = (
    Tool("curl", _curl, _read_curl),
    Tool("python3", _python, _read_python),
    Tool("wget", _wget, _read_wget, ("GET",)),
)
"""In the order in which they are tried."""


def _blocks(text: str) -> list[list[str]]:
    """The header blocks in what a tool prints: each begins with a status line."""
    blocks: list[list[str]] = []
    for line in map(str.strip, text.replace("\r", "").split("\n")):
        if _STATUS_LINE.match(line):
            blocks.append([line])
        elif blocks:
            blocks[-1].append(line)
    return blocks


def _last_block(text: str) -> tuple[tuple[str, str], ...]:
    """The headers of the last answer: informational ones (100, 103) stand before it."""
    blocks = _blocks(text)
    return _headers(blocks[-1][1:]) if blocks else ()


def _headers(lines: Sequence[str]) -> tuple[tuple[str, str], ...]:
    pairs = (line.partition(":") for line in lines[:MOST_HEADERS])
    return tuple((name.strip(), value.strip()) for name, colon, value in pairs if colon)


def local_end(ip: str, port: str) -> str:
    """As a proxy logs it; empty where it is none."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ""
    if not port.isascii() or not port.isdigit() or not 0 < int(port[:6]) < 65536:
        return ""
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def _code(text: str) -> int:
    return (
        int(text) if text.isascii() and text.isdigit() and len(text) == 3 and text[0] > "0" else 0
    )


def _seconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 1e6 else None


def _size(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _words(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
