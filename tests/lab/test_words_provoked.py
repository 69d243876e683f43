"""Every response flag and every detail that is explained, made by a real Envoy: one process.

What no static Envoy on one machine makes is in `NOT_PROVOKED`, with the reason.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from meshtui.envoy.details import DETAILS, explain_details
from meshtui.lab.pods.envoy import envoy_path
from meshtui.mesh.flags import FLAGS, Flag
from tests.lab import ejecting

Obj = dict[str, Any]
TYPES = "type.googleapis.com/envoy.extensions.filters"
HTTP_TYPE = f"{TYPES}.http"

NOT_PROVOKED_DETAILS: Mapping[str, str] = {
    "route_configuration_not_found": "needs RDS that never answers",
    "overload": "needs an overload manager under pressure",
    "duration_timeout": "of a TCP connection",
    "request_rate_limited": "needs a rate limit service",
    "request_payload_exceeded_retry_buffer_limit": "needs a body beyond the buffer in a retry",
    "response_payload_too_large": "needs a filter that buffers answers",
    "missing_path_rejected": "older Envoys; now http2.violation.of.messaging.rule",
    "absolute_path_rejected": "older Envoys",
    "internal_redirect": "its own line has via_upstream",
    "max_duration_timeout": "older Envoys; now upstream_max_stream_duration_reached",
    "connection_failure": "older Envoys; now remote_connection_failure",
    "local_reset": "needs a filter that resets",
}
NOT_PROVOKED_FLAGS: Mapping[str, str] = {
    "LR": "needs a filter that resets",
}


KEYS = json.dumps({"keys": [{"kty": "oct", "alg": "HS256", "kid": "a", "k": "c2VjcmV0"}]})


class Line(NamedTuple):
    path: str
    code: int
    flags: tuple[str, ...]
    details: str


class Case(NamedTuple):
    """What a request to `path` must be logged as; `raw` is sent in its place."""

    path: str
    code: int
    flag: str
    detail: str
    raw: bytes = b""
    hang_up: bool = False
    chainless: bool = False
    """At the listener that has no filter chain for it."""

    stop: bool = False
    """The proxy is told to end while the request waits."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Of HTTP/2 (RFC 9113)."""
    size = len(payload).to_bytes(3, "big")
    return size + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def http2(**headers: str) -> bytes:
    """A request of its pseudo headers; each is written out (RFC 7541: the first byte is 0)."""
    pairs = [(f":{name}".encode(), text.encode()) for name, text in headers.items()]
    written = b"".join(
        b"\0" + bytes([len(name)]) + name + bytes([len(text)]) + text for name, text in pairs
    )
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0)
    return preface + frame(1, 5, 1, written)


CANCEL = frame(3, 0, 1, (8).to_bytes(4, "big"))
"""A caller's end of its request, as that of a gRPC caller whose deadline is over."""


def posted(path: str, body: str = "x") -> bytes:
    """A request whose body is never whole."""
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{body}".encode()


CASES = (
    Case("/ok", 200, "", "via_upstream"),
    Case("/direct", 200, "", "direct_response"),
    Case("/nowhere", 404, "NR", "route_not_found"),
    Case("/no-cluster", 503, "NC", "cluster_not_found"),
    Case("/no-backend", 500, "NC", "cluster_not_found"),
    Case("/no-endpoint", 503, "UH", "no_healthy_upstream"),
    Case("/maintained", 503, "UO", "maintenance_mode"),
    Case("/overflow", 503, "UO", "upstream_reset_before_response_started{overflow}"),
    Case("/slow/timeout", 504, "UT", "response_timeout"),
    Case("/slow/per-try", 504, "UT", "upstream_per_try_timeout"),
    Case(
        "/slow/deadline", 200, "UT", "response_timeout",  # of a gRPC caller, and of no rule
        b"POST /slow/deadline HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc\r\n"
        b"TE: trailers\r\ngrpc-timeout: 200m\r\nContent-Length: 0\r\n\r\n",
    ),
    Case("/half/timeout", 200, "UT", "response_timeout"),
    Case("/refused", 503, "UF", "upstream_reset_before_response_started{remote_connection_failure"),
    Case("/close", 503, "UC", "upstream_reset_before_response_started{connection_termination}"),
    Case("/cut", 200, "UPE", "upstream_reset_after_response_started{protocol_error}"),
    Case("/garbage", 502, "UPE", "upstream_reset_before_response_started{protocol_error}"),
    Case("/retried", 503, "URX", "via_upstream"),
    Case("/retry-refused", 503, "UO", "via_upstream"),
    Case("/abort", 503, "FI", "fault_filter_abort"),
    Case("/delay", 200, "DI", "via_upstream"),
    Case("/denied", 403, "", "rbac_access_denied_matched_policy"),
    Case("/limited", 429, "RL", "local_rate_limited"),
    Case("/token", 401, "", "jwt_authn_access_denied"),
    Case("/asked", 403, "UAEX", "ext_authz_denied"),
    Case("/unasked", 403, "UAEX", "ext_authz_error"),
    Case("/no-host", 400, "", "missing_host_header", b"GET /no-host HTTP/1.1\r\n\r\n"),
    Case(
        "/upgrade", 403, "", "upgrade_failed",
        b"GET /upgrade HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ),
    Case("/slow/idle", 504, "SI", "stream_idle_timeout"),
    Case("/late/idle", 408, "SI", "stream_idle_timeout", posted("/late/idle")),
    Case("/late", 408, "", "request_overall_timeout", posted("/late")),
    Case("/large", 413, "", "request_payload_too_large", posted("/large", "too much!")),
    Case("/slow/hang-up", 0, "DC", "downstream_remote_disconnect", hang_up=True),
    Case("/half/hang-up", 200, "DC", "downstream_remote_disconnect", hang_up=True),
    Case(
        "/slow/cancel", 0, "DR", "http2.remote_reset",
        http2(method="GET", scheme="http", authority="x", path="/slow/cancel"), hang_up=True,
    ),
    Case(
        "/half/cancel", 200, "DR", "http2.remote_reset",
        http2(method="GET", scheme="http", authority="x", path="/half/cancel"), hang_up=True,
    ),
    Case(
        "-", 0, "DPE", "http2.violation.of.messaging.rule",
        http2(method="GET", scheme="http", authority="x"),
    ),
    Case("/slow/short", 504, "UMSDR", "upstream_max_stream_duration_reached"),
    Case("/half/short", 200, "UMSDR", "upstream_max_stream_duration_reached"),
    Case("/unbound", 503, "UF", "upstream_reset_before_response_started{local_connection_failure"),
    Case("/full", 503, "UF", "upstream_reset_before_response_started{connection_timeout}"),
    Case("/a/b", 400, "", "path_normalization_failed", b"GET /a%2fb HTTP/1.1\r\nHost: x\r\n\r\n"),
    Case("/reset", 503, "UR", "upstream_reset_before_response_started{remote_reset}"),
    Case("-", 400, "DPE", "http1.codec_error", b"no HTTP at all\r\n\r\n"),
    Case("-", 0, "NR", "filter_chain_not_found", b"anything", chainless=True),
    Case("/slow/stop", 0, "DC", "downstream_local_disconnect", stop=True),
)  # fmt: skip


HELD: set[str] = set()
"""The paths whose requests wait for an answer, or for the end of one."""


async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An application that fails as its path says."""
    whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    failed = b"HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\n\r\n"
    half = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf"
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            path = head.split(b" ")[1].decode()
            if path == "/socket":
                await _web_socket(reader, writer)
                return
            if path.startswith(("/slow", "/half", "/late")):
                writer.write(half if path.startswith("/half") else b"")
                await writer.drain()
                HELD.add(path)
                await reader.read()
                return
            answers = {"/garbage": b"not HTTP\r\n\r\n", "/close": b"", "/cut": half}
            answers |= dict.fromkeys(("/retried", "/retry-refused"), failed)
            if path == "/authz/unasked":
                return
            if path == "/authz/asked":
                writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
            else:
                writer.write(answers.get(path, whole))
            await writer.drain()
            if path in ("/close", "/cut", "/garbage"):
                return
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


FRAMES: list[bytearray] = []
"""What each WebSocket has brought so far: a proxy whose caller hangs up may reset it."""


FAREWELL = b"farewell"
"""A WebSocket's server closes it on this frame."""


async def _web_socket(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    upgrade = b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    writer.write(upgrade)
    await writer.drain()
    FRAMES.append(received := bytearray())
    while (frame := await reader.read(1024)) and frame != FAREWELL:
        received += frame


async def resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An HTTP/2 server that resets each stream that is opened (RFC 9113: types 1, 3 and 4)."""
    settings = b"\x00\x00\x00\x04\x00" + bytes(4)
    try:
        await reader.readexactly(len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
        writer.write(settings)
        while head := await reader.readexactly(9):
            await reader.readexactly(int.from_bytes(head[:3], "big"))
            if head[3] == 1:
                writer.write(b"\x00\x00\x04\x03\x00" + head[5:] + b"\x00\x00\x00\x02")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


def cluster(name: str, port: int | None, **more: Any) -> Obj:
    place = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    endpoints = [{"endpoint": {"address": place}}] if port else []
    load = {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]}
    return {"name": name, "type": "STATIC", "load_assignment": load, **more}


def per_route(**filters: Obj) -> Obj:
    return {"typed_per_filter_config": filters}


def route(path: str, to: str = "app", **more: Any) -> Obj:
    own = more.pop("typed_per_filter_config", {})
    action = {"cluster": to, **more}
    found: Obj = {"match": {"path": path}, "route": action}
    return {**found, "typed_per_filter_config": own} if own else found


ANY = {"permissions": [{"any": True}], "principals": [{"any": True}]}
HUNDRED = {"numerator": 100}
BUFFER = f"{HTTP_TYPE}.buffer.v3.Buffer"
TINY = {"max_request_bytes": 4}
RETRY = {"retry_on": "5xx", "num_retries": 1}


def routes() -> list[Obj]:
    fault = f"{HTTP_TYPE}.fault.v3.HTTPFault"
    deny = {"rules": {"action": "DENY", "policies": {"all": ANY}}}
    bucket = {"max_tokens": 1, "tokens_per_fill": 1, "fill_interval": "3600s"}
    limit = {
        "@type": f"{HTTP_TYPE}.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "limited",
        "token_bucket": bucket,
        "filter_enabled": {"default_value": HUNDRED},
        "filter_enforced": {"default_value": HUNDRED},
    }
    return [
        {"match": {"path": "/direct"}, "direct_response": {"status": 200}},
        route("/no-cluster", "missing"),
        route("/no-backend", "missing", cluster_not_found_response_code="INTERNAL_SERVER_ERROR"),
        route("/no-endpoint", "empty"),
        route("/reset", "resetting"),
        route("/maintained", "maintained"),
        route("/overflow", "narrow"),
        route("/slow/timeout", timeout="0.1s"),
        # As istiod makes it of a rule without a timeout.
        route("/slow/deadline", timeout="0s", max_grpc_timeout="0s"),
        route("/half/timeout", timeout="0.1s"),
        route("/slow/per-try", retry_policy={"per_try_timeout": "0.1s", "num_retries": 0}),
        route("/slow/idle", idle_timeout="0.1s", timeout="0s"),
        route("/refused", "refused"),
        route("/unbound", "unbound"),
        route("/full", "full"),
        *(route(path, "short", timeout="0s") for path in ("/slow/short", "/half/short")),
        *(route(path, timeout="0s") for path in ("/slow/cancel", "/half/cancel", "/slow/stop")),
        route("/half/hang-up", timeout="0s"),
        route("/late/idle", idle_timeout="0.1s"),
        route("/large", **per_route(buffer={"@type": f"{BUFFER}PerRoute", "buffer": TINY})),
        route("/retried", retry_policy=RETRY),
        route("/retry-refused", "unretried", retry_policy=RETRY),
        route(
            "/abort",
            **per_route(
                fault={"@type": fault, "abort": {"http_status": 503, "percentage": HUNDRED}}
            ),
        ),
        route(
            "/delay",
            **per_route(
                fault={"@type": fault, "delay": {"fixed_delay": "0.01s", "percentage": HUNDRED}}
            ),
        ),
        route(
            "/denied",
            **per_route(rbac={"@type": f"{HTTP_TYPE}.rbac.v3.RBACPerRoute", "rbac": deny}),
        ),
        route("/limited", **per_route(limit=limit)),
        *(
            route(path)
            for path in ("/ok", "/close", "/cut", "/garbage", "/token", "/asked", "/unasked")
        ),
        route(
            "/socket",
            upgrade_configs=[{"upgrade_type": "websocket"}],
            request_mirror_policies=[{"cluster": "app"}],
        ),
        *(route(path) for path in ("/upgrade", "/late", "/slow/hang-up")),
    ]


def filters(port: int) -> list[Obj]:
    """Those that no route sets up act on a path of their own."""
    place = f"{HTTP_TYPE}"
    jwt = {
        "@type": f"{place}.jwt_authn.v3.JwtAuthentication",
        "providers": {"p": {"issuer": "i", "local_jwks": {"inline_string": KEYS}}},
        "rules": [{"match": {"path": "/token"}, "requires": {"provider_name": "p"}}],
    }
    authz = {
        "@type": f"{place}.ext_authz.v3.ExtAuthz",
        "http_service": {
            "server_uri": {"uri": f"127.0.0.1:{port}", "cluster": "app", "timeout": "5s"},
            "path_prefix": "/authz",
        },
    }
    return [
        {"name": "buffer", "disabled": True, "typed_config": {"@type": BUFFER, **TINY}},
        {"name": "fault", "typed_config": {"@type": f"{place}.fault.v3.HTTPFault"}},
        {"name": "rbac", "typed_config": {"@type": f"{place}.rbac.v3.RBAC"}},
        {"name": "jwt", "typed_config": jwt},
        {"name": "authz", "typed_config": authz},
        {
            "name": "limit",
            "typed_config": {
                "@type": f"{place}.local_ratelimit.v3.LocalRateLimit",
                "stat_prefix": "none",
            },
        },
        {"name": "router", "typed_config": {"@type": f"{place}.router.v3.Router"}},
    ]


class Ports(NamedTuple):
    """Where the Envoy listens, and where what stands behind it does; at `closed` nothing does, and
    `full` takes no connection."""

    listen: int
    chainless: int
    closed: int
    app: int
    resetting: int
    full: int


class Running(NamedTuple):
    ports: Ports
    log: Path
    envoy: asyncio.subprocess.Process


H2 = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


NOT_OURS = {"address": "192.0.2.1", "port_value": 0}
"""No address of any machine (RFC 5737)."""


def speaking(protocol: str, **common: str) -> Obj:
    options = {"@type": f"type.googleapis.com/{H2}", "explicit_http_config": {protocol: {}}}
    more = {"common_http_protocol_options": common} if common else {}
    return {"typed_extension_protocol_options": {H2: options | more}}


@contextmanager
def full_backlog() -> Iterator[int]:
    """The port of a listener that accepts nothing and has no room for another connection."""
    with socket.socket() as listener, ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def bootstrap(ports: Ports, directory: Path) -> Obj:
    listen, app, closed = ports.listen, ports.app, ports.closed
    form = "%REQ(:PATH)%\t%RESPONSE_CODE%\t%RESPONSE_FLAGS%\t%RESPONSE_CODE_DETAILS%\n"
    log = [
        {
            "name": "file",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3"
                ".FileAccessLog",
                "path": str(directory / "access.log"),
                "log_format": {"text_format_source": {"inline_string": form}},
            },
        }
    ]
    manager = {
        "@type": f"{TYPES}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "request_timeout": "1s",
        "normalize_path": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "access_log": log,
        "route_config": {
            "validate_clusters": False,
            "virtual_hosts": [
                {"name": "all", "domains": ["*"], "routes": [*routes(), *ejecting.routes()]}
            ],
        },
        "http_filters": filters(app),
    }
    narrow = {"thresholds": [{"max_requests": 0, "max_pending_requests": 0}]}
    unretried = {"thresholds": [{"max_retries": 0}]}
    return {
        "static_resources": {
            "listeners": [
                {
                    "name": "in",
                    "address": {"socket_address": {"address": "127.0.0.1", "port_value": listen}},
                    "filter_chains": [{"filters": [{"name": "hcm", "typed_config": manager}]}],
                },
                {
                    "name": "chainless",
                    "address": {
                        "socket_address": {"address": "127.0.0.1", "port_value": ports.chainless}
                    },
                    "access_log": log,
                    "filter_chains": [
                        {
                            "filter_chain_match": {"destination_port": 1},
                            "filters": [{"name": "hcm", "typed_config": manager}],
                        }
                    ],
                },
            ],
            "clusters": [
                cluster("app", app),
                cluster("empty", None),
                cluster("maintained", app),
                cluster("narrow", app, circuit_breakers=narrow),
                cluster("unretried", app, circuit_breakers=unretried),
                cluster("refused", closed),
                cluster("full", ports.full, connect_timeout="0.2s"),
                cluster("unbound", app, upstream_bind_config={"source_address": NOT_OURS}),
                cluster("resetting", ports.resetting, **speaking("http2_protocol_options")),
                cluster(
                    "short", app, **speaking("http_protocol_options", max_stream_duration="0.2s")
                ),
                *ejecting.clusters(closed),
            ],
        },
        "admin": {"address": {"pipe": {"path": str(directory / "admin"), "mode": 384}}},
        "layered_runtime": {
            "layers": [
                {
                    "name": "static",
                    "static_layer": {"upstream.maintenance_mode.maintained": 100},
                }
            ]
        },
    }


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@asynccontextmanager
async def running(directory: Path, full: int) -> AsyncIterator[Running]:
    """The Envoy, its ports and its access log."""
    HELD.clear()
    servers = [await asyncio.start_server(one, "127.0.0.1", 0) for one in (upstream, resetting)]
    behind = (server.sockets[0].getsockname()[1] for server in servers)
    ports = Ports(free_port(), free_port(), free_port(), *behind, full)
    log, config = directory / "access.log", directory / "envoy.json"
    config.write_text(json.dumps(bootstrap(ports, directory)))
    output = (directory / "output").open("wb")
    envoy = await asyncio.create_subprocess_exec(
        envoy_path(), "-c", str(config), "--concurrency", "1", "--disable-hot-restart",
        "-l", "warning", "--file-flush-interval-msec", "50", stdout=output, stderr=output,
    )  # fmt: skip
    try:
        await until(lambda: _listens(ports.listen) or envoy.returncode is not None, "Envoy")
        assert envoy.returncode is None, (directory / "output").read_text()
        yield Running(ports, log, envoy)
    finally:
        if envoy.returncode is None:
            envoy.kill()
        await envoy.wait()
        output.close()
        for server in servers:
            server.close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def until(condition: Callable[[], bool], what: str) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.05)
    assert condition(), what


async def request(run: Running, case: Case) -> None:
    ports = run.ports
    port = ports.chainless if case.chainless else ports.listen
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    usual = f"GET {case.path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    writer.write(case.raw or usual.encode())
    await writer.drain()
    if case.hang_up or case.stop:
        await until(lambda: case.path in HELD, case.path)
        if case.code:
            async with asyncio.timeout(30):
                await reader.readuntil(b"half")
        if case.stop:
            run.envoy.terminate()
            async with asyncio.timeout(60):
                await run.envoy.wait()
        elif case.raw:
            writer.write(CANCEL)
            await writer.drain()
    else:
        with suppress(ConnectionResetError):  # an end like any other
            async with asyncio.timeout(30):
                await reader.read(64 if case.raw else -1)
    writer.close()


async def copied_web_socket(port: int, log: Path) -> None:
    """A mirror gets the frames too, and the end of the stream is no failure: it is 101 with DC, or
    with UC where the server closes it.
    """
    reader, writer = await web_socket(port)
    for frame in (b"first", b"second"):
        writer.write(frame)
        await writer.drain()
    # Before the caller hangs up: a copy whose connection is not made yet would be dropped.
    await until(lambda: FRAMES == [b"firstsecond"] * 2, "both")
    writer.close()
    await until(lambda: len(sockets(log)) == 1, "its line")
    reader, writer = await web_socket(port)
    writer.write(FAREWELL)
    assert await reader.read() == b""
    writer.close()
    await until(lambda: len(sockets(log)) == 2, "the line of the other")
    ends = [(flag, str(line.code)) for line in sockets(log) for flag in line.flags]
    assert ends == list(SOCKETS)


async def web_socket(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET /socket HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    )
    async with asyncio.timeout(30):
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    return reader, writer


def sockets(log: Path) -> list[Line]:
    return [line for line in lines(log) if line.path == "/socket"]


def lines(log: Path) -> list[Line]:
    text = log.read_text() if log.exists() else ""
    found = [line.split("\t") for line in text.splitlines() if line.count("\t") == 3]
    return [
        Line(path, int(code), tuple(f for f in flags.split(",") if f != "-"), details)
        for path, code, flags, details in found
    ]


async def test_a_real_envoy_makes_every_flag_and_detail_that_is_explained(tmp_path: Path) -> None:
    last = [case for case in CASES if case.stop]
    others = [case for case in CASES if not case.stop]
    with full_backlog() as full:
        async with running(tmp_path, full) as run:
            for case in (*others, *(c for c in others if c.path == "/limited")):
                await request(run, case)
            with suppress(TimeoutError):
                await until(lambda: not missing(lines(run.log), others), "all lines")
            await copied_web_socket(run.ports.listen, run.log)
            await ejecting.counted_as_judged(run.ports.listen, tmp_path / "admin")
            for case in last:
                await request(run, case)
        seen = lines(run.log)
    assert not missing(seen, CASES), "\n".join(map(str, (*missing(seen, CASES), *seen)))
    assert all(explain_details(line.details, line.flags) for line in seen)


def missing(seen: Sequence[Line], wanted: Sequence[Case]) -> list[Case]:
    return [case for case in wanted if not any(fits(case, line) for line in seen)]


def fits(case: Case, line: Line) -> bool:
    flag = case.flag in line.flags if case.flag else True
    same = (line.path, line.code) == (case.path, case.code)
    return same and flag and line.details.startswith(case.detail)


def test_what_is_explained_is_provoked_or_marked_as_not_provoked() -> None:
    made = {case.detail.partition("{")[0] for case in CASES}
    made |= {case.detail.partition("{")[2].rstrip("}") for case in CASES if "{" in case.detail}
    assert made | NOT_PROVOKED_DETAILS.keys() == set(DETAILS)
    assert not made & NOT_PROVOKED_DETAILS.keys()
    flags = {case.flag for case in CASES} - {""}
    assert flags | NOT_PROVOKED_FLAGS.keys() == FLAGS.keys()
    assert not flags & NOT_PROVOKED_FLAGS.keys()


REQUESTS = tuple(case for case in CASES if not case.chainless)
"""Those that telemetry counts: a connection that no filter chain takes is none."""


SOCKETS = (("DC", "101"), ("UC", "101"))
"""What `copied_web_socket` holds."""

CODES = [(flag, code) for flag in FLAGS.values() for code in flag.codes]


@pytest.mark.parametrize(("flag", "code"), CODES, ids=str)
def test_a_code_that_a_flag_comes_with_is_made(flag: Flag, code: str) -> None:
    made = {(case.flag, str(case.code)) for case in CASES} | set(SOCKETS)
    given = any(name == flag.code and number.startswith(code) for name, number in made)
    assert given or flag.code in NOT_PROVOKED_FLAGS


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: case.path)
def test_a_flags_codes_are_those_that_were_seen(case: Case) -> None:
    codes = FLAGS[case.flag].codes if case.flag in FLAGS else ()
    assert not codes or str(case.code).startswith(codes)
